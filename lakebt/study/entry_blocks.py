"""The cells of a study, some entries at a time: as many as fit into memory at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lakebt.backtest.levels import Level
from lakebt.study.engines import ENGINES
from lakebt.study.lookup import Lookup
from lakebt.study.summary import Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from lakebt.events.schedule import Schedule
    from lakebt.prices.history import PriceHistory
    from lakebt.study.cells import Cells
    from lakebt.study.scope import Scope

    Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """A study under some of its entries, with every cell traded.

    Attributes
    ----------
    scope
        Under these entries.
    schedule
        Every event under each of them and every exit, as the guard decided it.
    cells
        What each of those earned, or why it is empty.
    history
        The prices it was computed from.
    """

    scope: Scope
    schedule: Schedule
    cells: Cells
    history: PriceHistory

    @property
    def entries(self) -> tuple[str, ...]:
        """The entry rules, as written."""
        return tuple(map(str, self.schedule.entries))

    @cached_property
    def summary(self) -> Summary:
        """What each rule came to."""
        return self.summary_on(None)

    def summary_on(self, days: npt.NDArray[np.datetime64] | None) -> Summary:
        """Return what each rule came to, where dates count in those of all entries."""
        arguments = self.scope.arguments
        return Summary(
            self.schedule,
            self.cells,
            costs=arguments.costs,
            capital_usd=arguments.capital_usd,
            pooling=arguments.pooling,
            days=days,
        )

    @cached_property
    def lookup(self) -> Lookup:
        """Its cells in full, by the names of their event, entry and exit."""
        return Lookup(self.scope.arguments, self.schedule, self.cells, self.history)


class Blocks:
    """The cells of a study in blocks of entries, by the order of the entries.

    Cells that all fit into memory at once are one block, and are kept. Else each block
    is traded when it is asked for, and forgotten: to decide and trade it again takes
    less than to write it down and read it. Figures of a cell are the same to the bit in
    any block.

    Parameters
    ----------
    scope
        Of all entries.
    engine
    progress
        Told of the events that are done, the first time.
    """

    def __init__(
        self, scope: Scope, *, engine: str, progress: Progress | None = None
    ) -> None:
        self._scope, self._engine, self._progress = scope, engine, progress
        self._widths = scope.widths
        self._last: tuple[int, Block] | None = None

    @property
    def is_one(self) -> bool:
        """Whether all cells are in memory at once."""
        return len(self._widths) == 1

    def __iter__(self) -> Iterator[Block]:
        if self.is_one:
            yield self.whole
            return
        told, self._progress = self._progress, None
        count = len(self._widths)
        for number, part in enumerate(self._scope.by_entries()):
            yield self._traded(part, progress=_within(told, number, count))

    def of(self, number: int) -> Block:
        """Return a block that has an entry, by its number; the last one is kept."""
        if self.is_one:
            return self.whole
        if self._last is None or self._last[0] != number:
            self._last = None  # before the next is made
            self._last = number, self._traded(self._scope.under(number, number + 1))
        return self._last[1]

    def around(self, event_id: str) -> Block:
        """Return one event under all entries, and those whose changes it shares."""
        return self.whole if self.is_one else self._traded(self._scope.around(event_id))

    @cached_property
    def whole(self) -> Block:
        """All cells at once, however much memory they take; kept from then on."""
        return self._traded(self._scope, progress=self._progress)

    def decided(self) -> tuple[Schedule, npt.NDArray[np.bool_]]:
        """Return every order under all entries, and which cells were traded."""
        if self.is_one:
            return self.whole.schedule, self.whole.cells.traded
        n_entries = len(self._scope.arguments.entries)
        plan = self._scope.under(0, n_entries).schedule
        traded = np.zeros(plan.reason.shape, dtype=bool)
        first = 0
        for block, width in zip(self, self._widths, strict=True):
            # The slots of a block are by event and entry, as those of all are.
            is_own = (first <= plan.entry) & (plan.entry < first + width)
            traded[is_own] = block.cells.traded
            first += width
        return plan, traded

    @cached_property
    def history(self) -> PriceHistory:
        """The prices of every leg, of the hedge, and the market."""
        first = self._scope if self.is_one else self._scope.under(0, 1)
        return self._scope.history(first.schedule)

    def _traded(self, scope: Scope, progress: Progress | None = None) -> Block:
        """Fill in every cell, even if none can be traded."""
        schedule, history = scope.schedule, self.history
        level = Level.of(scope.arguments.costs, scope.arguments.sizing)
        trade = ENGINES[self._engine]
        (cells,) = trade(schedule, history, scope.arguments, (level,), progress)
        return Block(scope=scope, schedule=schedule, cells=cells, history=history)


def _within(progress: Progress | None, number: int, count: int) -> Progress | None:
    """Return what tells of one of several blocks as of a part of all events."""
    if progress is None:
        return None
    return lambda done, total: progress((number * total + done) // count, total)
