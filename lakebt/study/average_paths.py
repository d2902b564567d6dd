"""The average path of a study's changes: of all, by group, and at other dates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from lakebt.analysis.path import PathLeg, check_sides, event_path, median_lead
from lakebt.analysis.placebo import placebo_path
from lakebt.errors import InvalidArgumentError
from lakebt.events.clock import OUTSIDE, anchor_session
from lakebt.events.plan import Events
from lakebt.events.rules import Anchor
from lakebt.inputs.checks import one_of
from lakebt.prices.benchmark import MARKET
from lakebt.study.chunked_paths import ChunkedPrices

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakebt.analysis.path import LegPrices
    from lakebt.facts import IndexChange
    from lakebt.prices.history import PriceHistory
    from lakebt.study.trading import TradedStudy

GROUPS = ("year", "cause", "announced_quality", "source", "index", "symbol", "isin")
"""What changes can be told apart by; a year is that of the announcement."""

UNTOLD = "not told"

_MOST_DRAWS = 100_000


def market(study: TradedStudy) -> str | None:
    """Return the symbol that paths are measured against; None if none has prices."""
    symbol = study.arguments.sizing.hedge or MARKET
    return symbol if study.blocks.has_bars(symbol) else None


def paths(
    study: TradedStudy, *, by: str | None = None, before: int = 10, after: int = 20
) -> pd.DataFrame:
    """Return the average path of the study's changes; see `lakebt.Result.paths`.

    Raises
    ------
    InvalidArgumentError
        If `before` or `after` is no number of sessions.
    UnknownNameError
        If changes cannot be told apart by that.
    """
    legs, prices = list(_legs(study)), _prices(study)
    if by is None:
        return event_path(
            [leg for leg, _ in legs],
            prices,
            market=market(study),
            before=before,
            after=after,
        )
    name = one_of(by, GROUPS, what="group")
    check_sides(before=before, after=after)
    groups: dict[str, list[PathLeg]] = {}
    for leg, change in legs:
        groups.setdefault(_group(name, leg, change, study), []).append(leg)
    lead = median_lead([leg for leg, _ in legs]) if legs else None
    frames = []
    for group in sorted(groups):
        path = event_path(
            groups[group],
            prices,
            market=market(study),
            before=before,
            after=after,
            lead=lead,
        )
        path.insert(0, "group", group)
        frames.append(path)
    empty = event_path([], prices, market=None)
    empty.insert(0, "group", pd.Series(dtype=object))
    return pd.concat(frames, ignore_index=True) if frames else empty


def _prices(study: TradedStudy) -> PriceHistory | LegPrices:
    """Return the prices of a study's changes, and of its market."""
    if study.blocks.chunks is None:
        return study.history
    return ChunkedPrices(study.blocks.chunks)


def placebo(
    study: TradedStudy, *, draws: int, seed: int, before: int, after: int
) -> pd.DataFrame:
    """Return the path at random other dates; see `lakebt.Result.placebo`.

    Raises
    ------
    InvalidArgumentError
        If an argument cannot be used.
    """
    check_sides(before=before, after=after)
    for name, value, least in (("draws", draws, 1), ("seed", seed, 0)):
        given: object = value
        if not isinstance(given, int) or isinstance(given, bool) or given < least:
            msg = f"{name} must be a whole number of at least {least}, was {given!r}"
            raise InvalidArgumentError(msg)
    if draws > _MOST_DRAWS:
        msg = f"draws must be at most {_MOST_DRAWS:,}, was {draws}"
        raise InvalidArgumentError(msg)
    return placebo_path(
        [leg for leg, _ in _legs(study)],
        study.history,
        market=market(study),
        draws=draws,
        seed=seed,
        before=before,
        after=after,
    )


def _group(name: str, leg: PathLeg, change: IndexChange, study: TradedStudy) -> str:
    if name == "year":
        return str(leg.date.year)
    if name == "cause":
        return study.causes.of(change)
    value = getattr(change, name)
    return UNTOLD if value is None else str(value)


def _legs(study: TradedStudy) -> Iterator[tuple[PathLeg, IndexChange]]:
    """Yield the changes that have prices, placed on the calendar."""
    sessions, has_bars = study.clock.sessions, study.blocks.has_bars
    events = Events(sessions)
    for change in study.scope.changes():
        announced = anchor_session(Anchor.AD, change, sessions)
        effective = anchor_session(Anchor.ED, change, sessions)
        recorded = anchor_session(Anchor.MD, change, sessions)
        if announced is None or effective is None or not has_bars(change.symbol):
            continue
        if OUTSIDE in {announced, effective}:
            continue
        event = events.of(change)
        leg = PathLeg(
            event_id=event.event_id,
            symbol=change.symbol,
            side=change.side.value,
            announced=announced,
            effective=effective,
            recorded=None if recorded == OUTSIDE else recorded,
            date=event.date,
        )
        yield leg, change
