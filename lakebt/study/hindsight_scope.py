"""A study whose facts are known at other times, for hindsight."""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
from typing import TYPE_CHECKING

import numpy as np

from lakebt.events.clock import OUTSIDE, anchor_session
from lakebt.events.rules import Anchor
from lakebt.facts import Vintage
from lakebt.lake.reading.instrument_view import panel_of
from lakebt.prices.actions import KINDS
from lakebt.study.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lakebt.events.schedule import Schedule
    from lakebt.facts import IndexChange
    from lakebt.prices.actions import ActionHistory
    from lakebt.prices.history import PriceHistory
    from lakebt.sessions import Sessions

AS_KNOWN = "as_known"
NEWEST = "newest"
EFFECTIVE = "effective_dates"
KNOWLEDGE = (AS_KNOWN, NEWEST, EFFECTIVE)
"""What is known of the changes: each vintage when it was; the newest of each from the
start; the newest without its announcement, at the open of its effective date."""

FROM_THE_START = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
"""When the newest vintage is taken to be known: before calendars begin."""


class HindsightScope(Scope):
    """The scope of a study with facts known at other times.

    Parameters
    ----------
    scope
        As it was known.
    knowledge
        One of `KNOWLEDGE`.
    retro_adjusted
        Whether prices are as they are adjusted today, dividends included.
    """

    def __init__(self, scope: Scope, *, knowledge: str, retro_adjusted: bool) -> None:
        masked = dataclasses.replace(scope.arguments, on_look_ahead="mask")
        super().__init__(scope.view, masked)
        self._retro_adjusted = retro_adjusted
        if knowledge != AS_KNOWN:
            of_one = _newest if knowledge == NEWEST else _effective
            sessions = scope.view.sessions
            changes = (of_one(vintage, sessions) for vintage in last(self._vintages))
            self._vintages = tuple(
                vintage for vintage in changes if vintage is not None
            )

    @property
    def vintages(self) -> tuple[Vintage, ...]:
        """Every vintage of every change, with its changed `known_at`."""
        return tuple(self._vintages)

    def keeps(self, vintage: Vintage) -> bool:
        """Whether the study keeps a change."""
        return self._keeps(vintage)

    def kept(self) -> tuple[Vintage, ...]:
        """Return the vintages of the changes that the study keeps."""
        return tuple(vintage for vintage in self._vintages if self._keeps(vintage))

    @property
    def alters_prices(self) -> bool:
        """Whether its prices differ from those of the view."""
        return self._retro_adjusted

    def history(self, orders: Schedule) -> PriceHistory:
        """Return the prices of every leg, of the hedge, and the market."""
        history = super().history(orders)
        return self._adjusted(history) if self._retro_adjusted else history

    def _adjusted(self, history: PriceHistory) -> PriceHistory:
        """Return prices with every split and dividend known in the end in them."""
        whole = _beyond(history)
        symbols = [s for code, s in enumerate(history.symbols) if code not in whole]
        factor = np.ones(len(history.symbol))
        if symbols:
            plain = panel_of(self.view, "close", symbols)
            level = panel_of(self.view, "close", symbols, adjusted="total_return")
            ratio = (level / plain).to_numpy()
            begin = self.view.sessions.on_or_after(plain.index[0].date())
            column = np.full(len(history.symbols), -1)
            column[history.codes(symbols)] = np.arange(len(symbols))
            row = history.session - begin
            inside = (column[history.symbol] >= 0) & (row >= 0) & (row < len(ratio))
            factor[inside] = ratio[row[inside], column[history.symbol[inside]]]
            factor[np.isnan(factor)] = 1.0
        keys = zip(history.symbol.tolist(), history.session.tolist(), strict=True)
        of_day = {
            (history.symbols[code], day): value
            for (code, day), value in zip(keys, factor.tolist(), strict=True)
        }
        return dataclasses.replace(
            history,
            open=history.open * factor,
            close=history.close * factor,
            basis=("total_return",),
            row_basis=history.row_basis[:0],
            actions=_endings(history.actions, of_day),
        )


def _beyond(history: PriceHistory) -> set[int]:
    """Return the codes of symbols that have bars with their dividends in them."""
    if "total_return" not in history.basis:
        return set()
    if not len(history.row_basis):
        return set(range(len(history.symbols)))
    there = history.row_basis == history.basis.index("total_return")
    return set(np.unique(history.symbol[there]).tolist())


def _endings(
    actions: ActionHistory, factors: dict[tuple[str, int], float]
) -> ActionHistory:
    """Return the endings of symbols, in other shares at their adjusted prices."""
    is_ending = [KINDS[kind].is_ending for kind in actions.kind.tolist()]
    rows = np.flatnonzero(np.array(is_ending, dtype=bool))
    endings = actions.taken(rows)
    others = [endings.symbols[c] if c >= 0 else "" for c in endings.other.tolist()]
    days = endings.session.tolist()
    of_other = [factors.get((o, day), 1.0) for o, day in zip(others, days, strict=True)]
    counted = endings.ratio / np.array(of_other, dtype=np.float64)
    return dataclasses.replace(endings, ratio=counted)


def last(vintages: Iterable[Vintage]) -> tuple[Vintage, ...]:
    """Return the newest vintage of each change, without those that were withdrawn."""
    newest = {
        vintage.change_id: vintage
        for vintage in sorted(vintages, key=lambda v: v.change.known_at)
    }
    return tuple(vintage for vintage in newest.values() if not vintage.retracted)


def _newest(vintage: Vintage, _: Sessions) -> Vintage:
    return _known(vintage, FROM_THE_START)


def _effective(vintage: Vintage, sessions: Sessions) -> Vintage | None:
    """Return a change without its announcement; None if it has no effective date."""
    session = anchor_session(Anchor.ED, vintage.change, sessions)
    if session is None or session == OUTSIDE:
        return None
    opens = sessions.instant(session, "open")
    return _known(vintage, opens, announced=None, recorded=None)


def _known(vintage: Vintage, known_at: dt.datetime, **others: None) -> Vintage:
    change: IndexChange = copy.copy(vintage.change)
    for name, value in (("known_at", known_at), *others.items()):
        object.__setattr__(change, name, value)
    return Vintage(
        change_id=vintage.change_id, change=change, published=vintage.published
    )
