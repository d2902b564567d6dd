"""Many events, some at a time: their prices are read when they are needed.

All of them at once would be prices of gigabytes. What is decided on some events does
not depend on others, so that each has the figures that it has among all, to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from lakebt.events.first_refusal import first_refused, look_ahead_of
from lakebt.lake.reading.instrument_view import (
    has_bars_apart,
    price_history,
    prices_apart,
)
from lakebt.prices.benchmark import MARKET
from lakebt.study.chunk import Chunk
from lakebt.study.joint_cells import Joining, Slots
from lakebt.values.reasons import Reason

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator, Sequence

    from lakebt.backtest.levels import Level
    from lakebt.errors import LookAheadError, UntradeableError
    from lakebt.events.rules import Entry, Exit
    from lakebt.events.schedule import Schedule
    from lakebt.prices.actions import ActionHistory
    from lakebt.prices.history import PriceHistory
    from lakebt.study.cells import Cells
    from lakebt.study.scope import Scope


MANY = 20_000
"""Changes up to which all prices are in memory at once."""

CHANGES = 10_000
"""Changes of a chunk of more."""


def is_chunked(scope: Scope) -> bool:
    """Whether a study has so many events that they are traded in chunks.

    Not where the prices of some sessions may not be read alone; see `has_bars_apart`.
    """
    if scope.n_changes <= MANY or scope.alters_prices:
        return False
    return has_bars_apart(scope.view)


def some_at_a_time(scope: Scope, *, as_all: bool) -> Iterator[Scope]:
    """Yield scopes with all events and entries of one, none of which is kept.

    Parameters
    ----------
    scope
    as_all
        Whether each has all events: what is told of a rule, and the first order that
        looks ahead, is of all.
    """
    if not is_chunked(scope):
        yield from scope.by_entries()
    elif as_all:
        yield from scope.anew().by_entries()
    else:
        for part in scope.parts(_count(scope)):
            yield from part.by_entries()


def _count(scope: Scope) -> int:
    """Return how many chunks the events of a study are."""
    return -(-scope.n_changes // CHANGES)


@dataclass(frozen=True, kw_only=True, eq=False)
class ChunkedPlan:
    """The guard's decisions, chunk by chunk.

    Attributes
    ----------
    schedules : tuple of Schedule
    """

    schedules: tuple[Schedule, ...]

    @property
    def size(self) -> int:
        """The number of cells."""
        return sum(plan.size for plan in self.schedules)

    @property
    def n_planned(self) -> int:
        """The number of cells that are not empty."""
        return sum(plan.n_planned for plan in self.schedules)

    @property
    def n_apart(self) -> int:
        """The number of planned cells whose legs exit in different sessions."""
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
        parts = scope.parts(_count(scope))
        prices = prices_apart(
            scope.view,
            sorted({MARKET, *(symbol for part in parts for symbol in part.symbols())}),
            asks_last_close=arguments.delisting_return is not None,
        )
        self._raises = arguments.on_look_ahead == "raise"
        if self._raises:  # of all chunks it is the first order that stops
            for part in parts:
                part.arguments = arguments.replaced(on_look_ahead="mask")
        self._prices = prices
        self._place = {str(rule): n for n, rule in enumerate(arguments.entries)}
        self._unpriced: tuple[_Place, UntradeableError] | None = None
        self.chunks = tuple(Chunk(part, prices) for part in parts)

    @property
    def n_events(self) -> int:
        """The number of events of all chunks."""
        return sum(len(chunk.scope.decided_on.events) for chunk in self.chunks)

    @cached_property
    def actions(self) -> ActionHistory:
        """Of the symbols of all events, of the hedge, and the market."""
        last = len(self.chunks[0].scope.clock.sessions) - 1
        symbols = {name for chunk in self.chunks for name in chunk.symbols}
        return self._prices.actions(sorted({*symbols, MARKET}), 0, last, and_of=())

    @cached_property
    def with_bars(self) -> frozenset[str]:
        """The symbols of all events, of the hedge, and the market that have a bar."""
        there: set[str] = set()
        for chunk in self.chunks:
            there |= chunk.with_bars()
        symbols = {name for chunk in self.chunks for name in chunk.symbols}
        if others := sorted(symbols - there):
            there |= set(price_history(self.chunks[0].scope.view, others).symbols)
        return frozenset(there & symbols)

    def around(self, event_id: str) -> tuple[Scope, PriceHistory]:
        """Return one of their events as `Scope.around` does, with all its prices."""
        parts = ((chunk, chunk.scope.around(event_id)) for chunk in self.chunks)
        chunk, scope = next(part for part in parts if part[1].n_changes)
        return scope, chunk.in_full(chunk.symbols_of(scope))

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
        """Raise an error for the first traded cell that lacks a price.

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
        """Return the figures of each cell at each level, for all events together.

        Raises
        ------
        LakebtError
            If prices could not be written to a temporary file.
        """
        results = [
            joining.done() for joining in self.together(plan, levels, engine=engine)
        ]
        return results[0][0], [cells for _, cells in results]

    def together(
        self,
        plan: ChunkedPlan,
        levels: Sequence[Level],
        *,
        engine: str,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Joining]:
        """Return the figures of each cell at each level, chunk by chunk, for joining.

        Parameters
        ----------
        plan, levels, engine
        progress
            Told of the events that are done, after each chunk.

        Raises
        ------
        LakebtError
            As `trade` does.
        """
        n_slots = sum(map(len, plan.schedules))
        n_events, done = sum(len(own.events) for own in plan.schedules), 0
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
            done += len(own.events)
            if progress is not None:
                progress(done, n_events)
        return together

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
    errors = []
    for number, plan in enumerate(schedules):
        if (first := first_refused(plan.reason, plan.entry)) is not None:
            slot, column = first
            event = plan.events[plan.event[slot]]
            place = int(plan.entry[slot]), event.date, event.event_id, column
            errors.append((place, number, slot))
    if not errors:
        return None
    (*_, column), number, slot = min(errors)
    return look_ahead_of(schedules[number].cell(slot, column))
