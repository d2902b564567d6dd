"""The cells of a study in blocks of entries that fit into memory."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lakebt.backtest.levels import Level
from lakebt.study.block import Block
from lakebt.study.chunks import Chunks, is_chunked
from lakebt.study.engines import ENGINES
from lakebt.study.joint_block import JointBlock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from lakebt.events.schedule import Schedule
    from lakebt.prices.actions import ActionHistory
    from lakebt.prices.history import PriceHistory
    from lakebt.study.scope import Scope

    Progress = Callable[[int, int], None]


class Blocks:
    """The cells of a study in blocks of entries, by the order of the entries.

    Cells that all fit into memory at once are one block, and are kept. Else each block
    is traded when it is asked for, and forgotten: to decide and trade it again takes
    less than to write it down and read it. Figures of a cell are the same to the bit in
    any block. Events that are many are traded in chunks, each with its own prices.

    Parameters
    ----------
    scope
        Of all entries.
    engine
    progress
        Told of the events that are done, the first time.

    Raises
    ------
    InvalidArgumentError
        If the hedge has no prices, where events are many.
    """

    def __init__(
        self, scope: Scope, *, engine: str, progress: Progress | None = None
    ) -> None:
        self._scope, self._engine, self._progress = scope, engine, progress
        self.chunks = Chunks(scope) if is_chunked(scope) else None
        self._widths = (
            scope.widths
            if self.chunks is None
            else scope.widths_of(self.chunks.n_events)
        )
        self._last: tuple[int, Block | JointBlock] | None = None

    @property
    def is_one(self) -> bool:
        """Whether all cells are in memory at once, with their prices."""
        return self.chunks is None and len(self._widths) == 1

    def __iter__(self) -> Iterator[Block | JointBlock]:
        if len(self._widths) == 1:
            yield self.of(0)
            return
        self._last = None  # before others are made
        progress, self._progress = self._progress, None
        count, first = len(self._widths), 0
        for number, width in enumerate(self._widths):
            yield self._block(first, first + width, _within(progress, number, count))
            first += width

    def pieces(self) -> Iterator[Block]:
        """Yield all cells with their prices, of some entries and events at a time."""
        for block in self:
            yield from block.pieces()
            del block  # before the next is made

    def of(self, number: int) -> Block | JointBlock:
        """Return a block that has an entry, by its number; the last one is kept."""
        if self.is_one:
            return self.whole
        n_entries = len(self._scope.arguments.entries)
        first, end = number, number + 1
        if len(self._widths) == 1:
            first, end = 0, n_entries
        if self._last is None or self._last[0] != first:
            self._last = None  # before the next is made
            progress = self._progress if end - first == n_entries else None
            self._last = first, self._block(first, end, progress)
        return self._last[1]

    def around(self, event_id: str) -> Block:
        """Return one event under all entries, and those whose changes it shares."""
        if self.is_one:
            return self.whole
        if self.chunks is None:
            return self._traded(self._scope.around(event_id), self.history)
        return self._traded(*self.chunks.around(event_id))

    @cached_property
    def whole(self) -> Block:
        """All cells and prices at once, whatever memory they take; cached."""
        return self._traded(self._scope, self.history, progress=self._progress)

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
        """The prices of every leg, of the hedge, and the market, all at once."""
        first = self._scope if self.is_one else self._scope.under(0, 1)
        return self._scope.history(first.schedule)

    @property
    def actions(self) -> ActionHistory:
        """Corporate actions of every leg, of the hedge, and of the market."""
        return self.history.actions if self.chunks is None else self.chunks.actions

    def has_bars(self, symbol: str) -> bool:
        """Whether a leg, the hedge or the market has a bar in any session."""
        if self.chunks is None:
            return symbol in self.history
        return symbol in self.chunks.with_bars

    def _block(
        self, first: int, end: int, progress: Progress | None
    ) -> Block | JointBlock:
        """Trade the cells of some entries, given by their numbers."""
        if self.chunks is None:
            scope = self._scope.under(first, end)
            return self._traded(scope, self.history, progress=progress)
        arguments = self._scope.arguments
        entries, exits = arguments.entries[first:end], arguments.exits
        plan = self.chunks.plan(entries, exits)
        level = Level.of(arguments.costs, arguments.sizing)
        (joining,) = self.chunks.together(
            plan, (level,), engine=self._engine, progress=progress
        )
        scope = self._scope.with_grid(entries, exits)
        return JointBlock(scope, self.chunks, plan, joining)

    def _traded(
        self, scope: Scope, history: PriceHistory, progress: Progress | None = None
    ) -> Block:
        """Fill in every cell, even if none can be traded."""
        schedule = scope.schedule
        level = Level.of(scope.arguments.costs, scope.arguments.sizing)
        trade = ENGINES[self._engine]
        (cells,) = trade(schedule, history, scope.arguments, (level,), progress)
        return Block(scope=scope, schedule=schedule, cells=cells, history=history)


def _within(progress: Progress | None, number: int, count: int) -> Progress | None:
    """Return a progress function that maps a block's progress to that of all events."""
    if progress is None:
        return None
    return lambda done, total: progress((number * total + done) // count, total)
