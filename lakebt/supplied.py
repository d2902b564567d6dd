"""What a study is handed: changes of the caller's own, and how events are joined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.analysis.surface import Aggregate, Pooling, Weighting
from lakebt.backtest.weights import check_positive
from lakebt.choices import one_of
from lakebt.errors import InvalidArgumentError
from lakebt.facts import IndexChange, Vintage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lakebt.lake.reading.view import View


def parse_pooling(aggregate: str, weighting: str, max_weight: float) -> Pooling:
    """Return how the events of a study become one series.

    Raises
    ------
    InvalidArgumentError
        If the limit is not above 0 and at most 1, or something is asked of a calendar
        portfolio where there is none.
    UnknownNameError
        If a word is unknown.
    """
    how = Aggregate(one_of(aggregate, Aggregate, what="aggregate"))
    weigh = Weighting(one_of(weighting, Weighting, what="weighting"))
    check_positive("max_weight", max_weight)
    if max_weight > 1.0:
        msg = f"max_weight must be at most 1, all of the capital, was {max_weight:g}"
        raise InvalidArgumentError(msg)
    if how is Aggregate.POOLED and (weigh is not Weighting.EVENT or max_weight < 1.0):
        asked = f"weighting={weighting!r}, max_weight={max_weight:g}"
        msg = f'{asked} are of a calendar portfolio: pass aggregate="calendar" too'
        raise InvalidArgumentError(msg)
    return Pooling(how=how, weighting=weigh, max_weight=float(max_weight))


def supplied(changes: Iterable[IndexChange], view: View) -> tuple[Vintage, ...]:
    """Return vintages like those of the lake, with what its holdings showed of each.

    Raises
    ------
    InvalidArgumentError
        If one is no `IndexChange`.
    """
    vintages = []
    for change in changes:
        if not isinstance(change, IndexChange):
            msg = f"changes must be IndexChange values, one was {change!r}"
            raise InvalidArgumentError(msg)
        if change.recorded is None:
            shown = view.first_shown(
                index=change.index,
                symbol=change.symbol,
                side=change.side,
                after=change.announced or change.known_at,
            )
            known = {name: getattr(change, name) for name in IndexChange.__slots__}
            change = IndexChange(**{**known, "recorded": shown})  # noqa: PLW2901 - a copy
        vintages.append(Vintage(change_id=change.change_id, change=change))
    return tuple(vintages)
