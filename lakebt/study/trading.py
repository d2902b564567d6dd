"""`TradedStudy`: a study with every cell traded, for tables, report and trials."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from lakebt.errors import UnknownNameError
from lakebt.lake.reading.instrument_view import price_history
from lakebt.lake.trials.origin import Origin
from lakebt.study.arguments import one_writing
from lakebt.study.by_event import ByEvent
from lakebt.study.causes import Causes
from lakebt.study.entry_blocks import Blocks
from lakebt.study.lookup import rule_number
from lakebt.study.rule_figures import Rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import numpy.typing as npt
    import pandas as pd

    from lakebt.analysis.traded_events import Traded
    from lakebt.events.clock import Clock
    from lakebt.events.schedule import Schedule
    from lakebt.lake.reading.view import View
    from lakebt.prices.actions import ActionHistory
    from lakebt.prices.history import PriceHistory
    from lakebt.study.arguments import Arguments
    from lakebt.study.block import Block
    from lakebt.study.cells import Cells
    from lakebt.study.joint_block import JointBlock
    from lakebt.study.lookup import Lookup
    from lakebt.study.scope import Scope
    from lakebt.study.single import CellResult


@dataclass(frozen=True, kw_only=True, eq=False)
class TradedStudy:
    """A study with every cell traded.

    Where they are more than `lakebt.study.scope.MOST_CELLS`, cells are traded again,
    some entries at a time, whenever something is asked that needs them.

    Attributes
    ----------
    scope
        The view, the arguments, and the changes they are about.
    engine
        What turned orders into equity.
    blocks
        Its cells, some entries at a time.
    summary
        What each rule came to.
    by_event
        What came of each event, under all rules together.
    seconds
        How long it took.
    """

    scope: Scope
    engine: str
    blocks: Blocks
    summary: Rules
    by_event: ByEvent
    seconds: float

    @property
    def view(self) -> View:
        """The view."""
        return self.scope.view

    @property
    def arguments(self) -> Arguments:
        """The arguments."""
        return self.scope.arguments

    @property
    def clock(self) -> Clock:
        """Sessions, and the lead an order needs."""
        return self.scope.clock

    @property
    def entries(self) -> tuple[str, ...]:
        """The entry rules, as written."""
        return tuple(map(str, self.arguments.entries))

    @property
    def exits(self) -> tuple[str, ...]:
        """The exit rules, as written."""
        return tuple(map(str, self.arguments.exits))

    @property
    def schedule(self) -> Schedule:
        """Every event under every entry and exit, as the guard decided it.

        Of all entries at once, as `cells` and `lookup` are, however many cells there
        are: `blocks` has some at a time, and `each` yields cells in full.
        """
        return self.blocks.whole.schedule

    @property
    def cells(self) -> Cells:
        """The figures of each cell, or why it is empty."""
        return self.blocks.whole.cells

    @property
    def lookup(self) -> Lookup:
        """Its cells in full, by the names of their event, entry and exit."""
        return self.blocks.whole.lookup

    @property
    def history(self) -> PriceHistory:
        """The prices of all its symbols, all at once: of many events, gigabytes."""
        return self.blocks.history

    @property
    def actions(self) -> ActionHistory:
        """The corporate actions of its symbols."""
        return self.blocks.actions

    def prices_of(self, symbol: str) -> PriceHistory:
        """Return prices that have those of a symbol, if it has any."""
        chunks = self.blocks.chunks
        if chunks is None and symbol in self.history:
            return self.history
        if chunks is not None and symbol in chunks.with_bars:
            return chunks.chunks[0].in_full([symbol])
        return price_history(self.view, [symbol])

    @property
    def is_point_in_time(self) -> bool:
        """False if a fact from after a deadline was used."""
        return not self.by_event.n_late

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row per entry and exit; see `lakebt.Result.table`. Not to be changed."""
        return self.summary.table()

    @cached_property
    def best(self) -> tuple[str, str] | None:
        """The entry and exit of the highest Sharpe ratio; None if all are empty."""
        ratios = self.table["sharpe"]
        if ratios.isna().all():
            return None
        row = int(np.nanargmax(ratios.to_numpy()))
        return str(self.table["entry"].iloc[row]), str(self.table["exit"].iloc[row])

    def block(self, entry: str) -> Block | JointBlock:
        """Return the cells of an entry rule, and maybe of others.

        Raises
        ------
        UnknownNameError
            If there is no such entry.
        """
        return self.blocks.of(rule_number("entry", entry, self.entries))

    def traded(self, entry: str, exit_: str) -> Traded:
        """Return the traded events of one rule, by event.

        Raises
        ------
        UnknownNameError
            If the study has no such entry or exit.
        """
        block = self.block(entry)
        where = np.zeros(block.cells.reason.shape, dtype=bool)
        where[block.slots(entry), block.column(exit_)] = True
        return block.summary_on(self.by_event.days).traded(where)

    def each(
        self,
        *,
        event: str | None = None,
        entry: str | None = None,
        exit_: str | None = None,
        only: Callable[[Cells], npt.NDArray[np.bool_]] | None = None,
    ) -> Iterator[CellResult]:
        """Yield cells in full, by event, entry and exit within each block.

        Parameters
        ----------
        event, entry, exit_
            Only these; all by default.
        only
            Says of the cells of a block which are asked for.

        Raises
        ------
        UnknownNameError
            If the study has no such event, entry or exit.
        """
        for block in self._pieces_of(event, entry, exit_):
            wanted = None if only is None else only(block.cells)
            yield from block.lookup.each(
                event=event, entry=entry, exit_=exit_, only=wanted
            )
            del block  # before the next is made

    def _pieces_of(
        self, event: str | None, entry: str | None, exit_: str | None
    ) -> Iterable[Block]:
        """Return all cells that are asked for, with their prices."""
        if event is not None:
            return [self.with_event(event, entry, exit_)]
        if entry is not None:
            return self.pieces(entry)
        return self.blocks.pieces()

    def pieces(self, entry: str) -> Iterator[Block]:
        """Return the cells of an entry rule with prices, some events at a time.

        Raises
        ------
        UnknownNameError
            If there is no such entry.
        """
        return self.block(entry).pieces()

    def with_event(self, event: str, entry: str | None, exit_: str | None) -> Block:
        """Return cells that have those of an event, under one entry or all.

        Raises
        ------
        UnknownNameError
            If the study has no such event, entry or exit.
        """
        if self.blocks.is_one:
            return self.blocks.whole
        if entry is not None:
            rule_number("entry", entry, self.entries)
        if exit_ is not None:
            rule_number("exit", exit_, self.exits)
        names: Sequence[str] = tuple(self.by_event.rank)
        if event in names:
            around = self.blocks.around(event)
            if entry is None or around.schedule.slot(event, entry) is not None:
                return around
        if entry is not None:
            block = self.block(entry)
            numbers = block.plan.event[block.slots(entry)].tolist()
            names = [block.plan.events[number].event_id for number in numbers]
        raise UnknownNameError("event", event, tuple(dict.fromkeys(names)))

    def in_order(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return rows of what `each` yields by event, entry and exit of all blocks."""
        if self.blocks.is_one:
            return rows
        rank = self.by_event.rank
        return sorted(rows, key=lambda row: rank[row["event_id"]])

    @cached_property
    def causes(self) -> Causes:
        """Why each change came about."""
        return Causes(self.actions, self.clock.sessions)

    @cached_property
    def origin(self) -> Origin:
        """The release, code and engine that it was run with."""
        return Origin.of(self.view, engine=self.engine)

    def __repr__(self) -> str:
        return f"TradedStudy({self.scope.title})"

    @cached_property
    def result_id(self) -> str:
        """Its id among the lake's trials: a digest of all that decides its numbers."""
        return self.origin.result_id(one_writing(self.arguments.plain()))


def trade(
    scope: Scope,
    *,
    engine: str,
    progress: Callable[[int, int], None] | None = None,
) -> TradedStudy:
    """Fill in every cell of a study, even if none can be traded.

    Raises
    ------
    InvalidArgumentError
        If the hedge has no prices.
    LookAheadError
        Under ``on_look_ahead="raise"``.
    """
    started = time.perf_counter()
    blocks = Blocks(scope, engine=engine, progress=progress)
    summary, by_event = Rules(blocks, scope.arguments.pooling), ByEvent()
    for block in blocks:
        for piece in block.pieces():
            by_event.add(piece)
            del piece
        if not blocks.is_one:
            summary.add(block)
        del block  # before the next is made
    return TradedStudy(
        scope=scope,
        engine=engine,
        blocks=blocks,
        summary=summary,
        by_event=by_event,
        seconds=time.perf_counter() - started,
    )
