"""Some events of a study, with prices of their own."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lakebt.errors import UntradeableError
from lakebt.prices.benchmark import MARKET
from lakebt.prices.cut_off import CutOffError
from lakebt.prices.spill import Spill, with_whole
from lakebt.study.engines import ENGINES
from lakebt.study.lookup import Lookup
from lakebt.study.order_reach import reach, reached

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lakebt.backtest.levels import Level
    from lakebt.events.rules import Entry, Exit
    from lakebt.events.schedule import Schedule
    from lakebt.lake.reading.session_prices import SessionPrices
    from lakebt.prices.history import PriceHistory
    from lakebt.study.cells import Cells
    from lakebt.study.scope import Scope


BEFORE = 21
"""Sessions before the first order in which the last close is looked for at first."""


class Chunk:
    """Some events of a study, and a temporary file with their prices.

    Parameters
    ----------
    scope
        Of these events, under all rules that will be asked for.
    prices
        Of all events.
    """

    def __init__(self, scope: Scope, prices: SessionPrices) -> None:
        self.scope, self._source = scope, prices
        self._spill: Spill | None = None
        self._read = self._between = 0, -1
        self._whole: frozenset[str] = frozenset()

    @cached_property
    def symbols(self) -> list[str]:
        """Those of its legs, of the hedge, and the market, sorted."""
        return self.symbols_of(self.scope)

    @staticmethod
    def symbols_of(scope: Scope) -> list[str]:
        """Return the symbols of legs, of the hedge, and the market, sorted."""
        return sorted({*scope.symbols(), MARKET})

    def schedule(self, entries: Sequence[Entry], exits: Sequence[Exit]) -> Schedule:
        """Return the guard's decisions on its events under some rules."""
        _ = self.scope.decided_on  # once for all rules
        return self.scope.with_grid(entries, exits).schedule

    def trade(
        self, plan: Schedule, levels: Sequence[Level], *, engine: str
    ) -> list[Cells]:
        """Return the figures of each cell at each level."""
        spill = self._prices(plan, levels)
        while True:
            try:
                with spill.opened() as history:
                    return ENGINES[engine](
                        plan, history, self.scope.arguments, levels, None
                    )
            except CutOffError as error:
                spill = self._completed(spill, error.symbols)

    def _prices(self, plan: Schedule, levels: Sequence[Level]) -> Spill:
        """Return the prices, read if they are not there or end too early."""
        first, last = reached(plan)
        if self._spill is not None and self._read[0] <= first <= last <= self._read[1]:
            return self._spill
        if self._spill is not None and last < first:
            return self._spill
        sessions = [
            2 * level.costs.impact_sessions
            for level in levels
            if level.costs.asks_volume
        ]
        least, most = reach(self.scope)
        if last >= first:
            least, most = min(least, first), max(most, last)
        self._read = max(least - max(sessions, default=0), 0), most
        from_, to = max(self._read[0] - BEFORE, 0), most
        self._between, self._whole = (from_, to), frozenset()
        self._spill = Spill(self._source.between(self.symbols, from_, to))
        return self._spill

    @contextlib.contextmanager
    def opened(
        self, plan: Schedule, levels: Sequence[Level] = ()
    ) -> Iterator[PriceHistory]:
        """Yield the prices at which a schedule was traded."""
        with self._prices(plan, levels).opened() as history:
            yield history

    @contextlib.contextmanager
    def between(self, first: int, last: int) -> Iterator[PriceHistory]:
        """Yield the prices of at least some sessions, inclusive."""
        spill, (from_, to) = self._spill, self._between
        first = max(first, 0)
        last = min(last, len(self.scope.clock.sessions) - 1)
        if spill is not None and from_ <= first and last <= to:
            with spill.opened() as history:
                yield history
        else:
            yield self._source.between(self.symbols, first, last)

    def with_bars(self) -> set[str]:
        """Return symbols that have a bar in the sessions that were read."""
        if self._spill is None:
            return set()
        with self._spill.opened() as history:
            return {history.symbols[code] for code in np.unique(history.symbol)}

    def in_full(self, symbols: Sequence[str]) -> PriceHistory:
        """Return the prices of some symbols in all sessions."""
        last = len(self.scope.clock.sessions) - 1
        return self._source.between(symbols, 0, last)

    def every_bar(self) -> PriceHistory:
        """Return the prices of all its symbols in all sessions, which may be many.

        Those of shares that became one of them are there, too: so it is told what bars
        are in without others, also of what was known earlier.
        """
        last = len(self.scope.clock.sessions) - 1
        about = self._source.actions(self.symbols, 0, last, and_of=())
        names = sorted({*self.symbols, *about.symbols})
        return replace(self.in_full(names), units=None)

    def unpriced(
        self, plan: Schedule, cells: Cells, slot: int, column: int
    ) -> UntradeableError:
        """Return the error for the first cell that lacks a price."""
        hedge = self.scope.arguments.hedge
        symbols = {change.symbol for change in plan.vintages(slot)}
        symbols |= {hedge} if hedge is not None else set()
        # It says when prices end and begin, so it looks at all of them.
        history = self.in_full(sorted(symbols))
        only = np.zeros_like(cells.reason)
        only[slot, column] = cells.reason[slot, column]
        lookup = Lookup(
            self.scope.arguments, plan, replace(cells, reason=only), history
        )
        first_error: UntradeableError | None = None
        try:
            lookup.raise_unpriced()
        except UntradeableError as error:
            first_error = error
        assert first_error is not None  # noqa: S101 - the cell lacks one
        return first_error

    def _completed(self, spill: Spill, symbols: Sequence[str]) -> Spill:
        """Return prices to which all bars of some symbols were added."""
        begun = self._source.begin_before(symbols, self._between[0])
        whole = (
            self._source.between(begun, 0, len(self.scope.clock.sessions) - 1)
            if begun  # else there is no need to read through the table
            else None
        )
        self._whole = self._whole.union(symbols)
        actions = self._source.actions(self.symbols, *self._between, and_of=self._whole)
        with spill.opened() as history:
            joined = with_whole(history, whole, symbols)
            self._spill = Spill(replace(joined, actions=actions))
        return self._spill
