"""Many events, some at a time: their prices come from the release as they are needed.

All of them at once would be prices of gigabytes. What is decided on some events does
not depend on others, so that each has the figures that it has among all, to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from lakebt.errors import UntradeableError
from lakebt.events.first_refusal import first_refused, look_ahead_of
from lakebt.lake.reading.instrument_view import has_bars_apart, prices_apart
from lakebt.prices.benchmark import MARKET
from lakebt.prices.cut_off import CutOffError
from lakebt.prices.spill import Spill, with_whole
from lakebt.study.engines import ENGINES
from lakebt.study.joint_cells import Joining, Slots
from lakebt.study.lookup import Lookup
from lakebt.study.order_reach import reach, reached
from lakebt.values.reasons import Reason

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from lakebt.backtest.levels import Level
    from lakebt.errors import LookAheadError
    from lakebt.events.rules import Entry, Exit
    from lakebt.events.schedule import Schedule
    from lakebt.lake.reading.session_prices import SessionPrices
    from lakebt.study.cells import Cells
    from lakebt.study.scope import Scope


MANY = 20_000
"""Changes up to which all prices are in memory at once."""

CHANGES = 10_000
"""Changes of a chunk of more."""

BEFORE = 21
"""Sessions before the first order in which the last close is looked for at first."""


def is_chunked(scope: Scope) -> bool:
    """Whether the events of a study are taken in chunks: they are many.

    Not where the prices of some sessions may not be read alone; see `has_bars_apart`.
    """
    return scope.n_changes > MANY and has_bars_apart(scope.view)


@dataclass(frozen=True, kw_only=True, eq=False)
class ChunkedPlan:
    """What the guard decided, of one chunk after the other.

    Attributes
    ----------
    schedules : tuple of Schedule
    """

    schedules: tuple[Schedule, ...]

    @property
    def size(self) -> int:
        """How many cells that are."""
        return sum(plan.size for plan in self.schedules)

    @property
    def n_planned(self) -> int:
        """How many of them are not empty."""
        return sum(plan.n_planned for plan in self.schedules)

    @property
    def n_apart(self) -> int:
        """How many of those have legs that leave apart."""
        return sum(plan.n_apart for plan in self.schedules)


class Chunks:
    """The events of a study in chunks by date.

    Parameters
    ----------
    scope
        Under all rules that will be asked for; others are answered, and may read prices
        again.
    """

    def __init__(self, scope: Scope) -> None:
        scope.check_hedge()
        arguments = scope.arguments
        count = -(-scope.n_changes // CHANGES)
        parts = scope.parts(count)
        prices = prices_apart(
            scope.view,
            sorted({MARKET, *(symbol for part in parts for symbol in part.symbols())}),
            asks_last_close=arguments.delisting_return is not None,
        )
        self._raises = arguments.on_look_ahead == "raise"
        if self._raises:  # of all chunks it is the first order that stops
            for part in parts:
                part.arguments = arguments.replaced(on_look_ahead="mask")
        self._place = {str(rule): n for n, rule in enumerate(arguments.entries)}
        self._unpriced: tuple[_Place, UntradeableError] | None = None
        self.chunks = tuple(Chunk(part, prices) for part in parts)

    def plan(self, entries: Sequence[Entry], exits: Sequence[Exit]) -> ChunkedPlan:
        """Return every order under some rules.

        Raises
        ------
        LookAheadError
            Under ``on_look_ahead="raise"``, as one schedule of all events does.
        """
        schedules = tuple(each.schedule(entries, exits) for each in self.chunks)
        if self._raises and (error := _first_error(schedules)) is not None:
            raise error
        return ChunkedPlan(schedules=schedules)

    def raise_unpriced(self) -> None:
        """Stop on a cell that lacks a price, of all that were traded.

        Raises
        ------
        UntradeableError
            Under ``missing="raise"``, for the first by event, entry and exit.
        """
        if self._unpriced is not None:
            raise self._unpriced[1]

    def trade(
        self, plan: ChunkedPlan, levels: Sequence[Level], *, engine: str
    ) -> tuple[Slots, list[Cells]]:
        """Return what each cell comes to at each level, of all events together.

        Raises
        ------
        LakebtError
            If prices could not be written to a temporary file.
        """
        n_slots = sum(map(len, plan.schedules))
        together = [Joining(n_slots) for _ in levels]
        for chunk, own in zip(self.chunks, plan.schedules, strict=True):
            slots = Slots(
                entries=own.entries,
                exits=own.exits,
                events=own.events,
                event=own.event,
                entry=own.entry,
            )
            traded = chunk.trade(own, levels, engine=engine)
            self._look_at(chunk, own, traded[0])
            for joining, cells in zip(together, traded, strict=True):
                joining.add(slots, cells)
            del traded, cells  # before the next chunk is traded
        found = [joining.done() for joining in together]
        return found[0][0], [cells for _, cells in found]

    def _look_at(self, chunk: Chunk, plan: Schedule, cells: Cells) -> None:
        """Remember the first cell that lacks a price, where that stops the study."""
        if chunk.scope.arguments.missing != "raise":
            return
        unpriced = np.argwhere(cells.reason == Reason.NO_PRICE.code)
        if not len(unpriced):
            return
        slot, column = unpriced[0].tolist()
        event = plan.events[plan.event[slot]]
        entry = str(plan.entries[plan.entry[slot]])
        number = self._place.get(entry, len(self._place))
        place = event.date, event.event_id, number, column
        if self._unpriced is None or place < self._unpriced[0]:
            self._unpriced = place, chunk.unpriced(plan, cells, slot, column)


_Place: TypeAlias = "tuple[dt.date, str, int, int]"
"""Date and name of an event, number of an entry rule and of an exit rule."""


def _first_error(schedules: Sequence[Schedule]) -> LookAheadError | None:
    """Return the error of the first order that needs a later fact, of all chunks."""
    found = []
    for number, plan in enumerate(schedules):
        if (first := first_refused(plan.reason, plan.entry)) is not None:
            slot, column = first
            event = plan.events[plan.event[slot]]
            place = int(plan.entry[slot]), event.date, event.event_id, column
            found.append((place, number, slot))
    if not found:
        return None
    (*_, column), number, slot = min(found)
    return look_ahead_of(schedules[number].cell(slot, column))


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

    def schedule(self, entries: Sequence[Entry], exits: Sequence[Exit]) -> Schedule:
        """Return what the guard decides of its events under some rules."""
        _ = self.scope.decided_on  # once for all rules
        return self.scope.with_grid(entries, exits).schedule

    def trade(
        self, plan: Schedule, levels: Sequence[Level], *, engine: str
    ) -> list[Cells]:
        """Return what each cell comes to, at each level."""
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
        self._spill = Spill(self._source.between(self.scope.symbols(), from_, to))
        return self._spill

    def unpriced(
        self, plan: Schedule, cells: Cells, slot: int, column: int
    ) -> UntradeableError:
        """Return the error that a cell which lacks a price stops the study with."""
        hedge, every = self.scope.arguments.hedge, len(plan.clock.sessions) - 1
        symbols = {change.symbol for change in plan.vintages(slot)}
        symbols |= {hedge} if hedge is not None else set()
        # It says when prices end and begin, so it looks at all of them.
        history = self._source.between(sorted(symbols), 0, every)
        only = np.zeros_like(cells.reason)
        only[slot, column] = cells.reason[slot, column]
        lookup = Lookup(
            self.scope.arguments, plan, replace(cells, reason=only), history
        )
        found: UntradeableError | None = None
        try:
            lookup.raise_unpriced()
        except UntradeableError as error:
            found = error
        assert found is not None  # noqa: S101 - the cell lacks one
        return found

    def _completed(self, spill: Spill, symbols: Sequence[str]) -> Spill:
        """Return prices with all bars of some symbols, which have none but these."""
        begun = self._source.begin_before(symbols, self._between[0])
        whole = (
            self._source.between(begun, 0, len(self.scope.clock.sessions) - 1)
            if begun  # a table is not read through for nobody
            else None
        )
        self._whole = self._whole.union(symbols)
        actions = self._source.actions(
            self.scope.symbols(), *self._between, and_of=self._whole
        )
        with spill.opened() as history:
            joined = with_whole(history, whole, symbols)
            self._spill = Spill(replace(joined, actions=actions))
        return self._spill
