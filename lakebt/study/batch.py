"""Where a schedule meets prices: positions, sizes, and what cannot be filled.

The same rules as `lakebt.backtest.trades.build_trade`, for all cells at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakebt.backtest.engine import Book, run_book
from lakebt.backtest.levels import BASIS_USD
from lakebt.backtest.netting import net_sizes
from lakebt.backtest.weights import TradedSide
from lakebt.facts import Side
from lakebt.sessions import is_close, session_of
from lakebt.study.cells import Filling
from lakebt.values.arrays import offsets, spans
from lakebt.values.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt._typing import BoolVector, FloatVector, IntVector
    from lakebt.backtest.levels import Level
    from lakebt.backtest.trades import Missing
    from lakebt.backtest.weights import Sizing
    from lakebt.events.schedule import Schedule
    from lakebt.prices.history import PriceHistory
    from lakebt.prices.windows import PriceWindows


_NO_PRICE = Reason.NO_PRICE.code
_ONE_SIDED = Reason.ONE_SIDED.code


def trade_together(
    schedule: Schedule,
    history: PriceHistory,
    *,
    sizing: Sizing,
    missing: Missing,
    levels: Sequence[Level],
) -> list[Filling]:
    """Trade every cell whose legs leave together, at each level.

    Parameters
    ----------
    schedule
        What the guard decided.
    history
        Prices of every symbol in it, and of the hedge.
    sizing, missing
        The study's, whose gross and capital are the levels'. "raise" is treated as
        "exclude" here; the caller stops on it.
    levels
        At least one.

    Returns
    -------
    list of Filling
        One for each level. Cells whose legs leave apart are still open.
    """
    filled = Filling.each(schedule, levels)
    desk = _Desk(schedule, history, sizing)
    planned = (schedule.reason == 0) & ~schedule.apart
    slots = np.flatnonzero(planned.any(axis=1))
    legs, starts = desk.legs_of(slots)
    priced = np.isfinite(desk.entry_price[legs])
    if missing == "drop_leg":
        legs, starts = _only(legs, starts, priced)
        tradeable = np.diff(starts) > 0
    elif len(slots):
        tradeable = np.logical_and.reduceat(priced, starts[:-1])
    else:
        tradeable = np.zeros(0, dtype=bool)
    legs, starts = _slots_only(legs, starts, tradeable)
    slots, unpriced = slots[tradeable], slots[~tradeable]
    for filling in filled:
        reason = filling.reason
        reason[unpriced] = np.where(planned[unpriced], _NO_PRICE, reason[unpriced])
    planned[unpriced] = False
    cells = np.flatnonzero(planned)
    run = _Run(
        desk=desk,
        slots=slots,
        legs=legs,
        starts=starts,
        cells=cells,
        counts=planned[slots].sum(axis=1),
    )
    run.trade(filled, levels)
    if missing == "drop_leg":
        _without_dropped(desk, run, filled, levels)
    return filled


def _without_dropped(
    desk: _Desk, run: _Run, filled: Sequence[Filling], levels: Sequence[Level]
) -> None:
    """Trade again what lacked the exit price of some leg, each cell without it."""
    reason = filled[0].reason.reshape(-1)
    cells = run.cells[reason[run.cells] == _NO_PRICE]
    if not len(cells):
        return
    n_exits = desk.schedule.reason.shape[1]
    place = np.searchsorted(run.slots, cells // n_exits)
    sizes = np.diff(run.starts)[place]
    legs = run.legs[spans(run.starts[place], sizes)]
    rows = np.repeat(desk.schedule.exit_row.reshape(-1)[cells], sizes)
    left = np.isfinite(desk.price_at(desk.base[legs], rows))
    legs, starts = _only(legs, offsets(sizes), left)
    some = np.diff(starts) > 0
    legs, starts = _slots_only(legs, starts, some)
    again = _Run(
        desk=desk,
        slots=cells[some] // n_exits,
        legs=legs,
        starts=starts,
        cells=cells[some],
        counts=np.ones(int(some.sum()), dtype=np.int64),
    )
    again.trade(filled, levels)


def _only(
    legs: IntVector, starts: IntVector, keep: BoolVector
) -> tuple[IntVector, IntVector]:
    """Return the legs that are kept, and where each slot's begin then."""
    before = np.concatenate([[0], np.cumsum(keep)])
    return legs[keep], before[starts].astype(np.int64)


def _slots_only(
    legs: IntVector, starts: IntVector, keep: BoolVector
) -> tuple[IntVector, IntVector]:
    """Return the legs of the slots that are kept, and where each one's begin."""
    sizes = np.diff(starts)[keep]
    return legs[spans(starts[:-1][keep], sizes)], offsets(sizes)


class _Desk:
    """The prices of a schedule's legs: a window for each event's symbols."""

    def __init__(
        self, schedule: Schedule, history: PriceHistory, sizing: Sizing
    ) -> None:
        self.schedule, self.history, self.sizing = schedule, history, sizing
        self._pair, known = schedule.vintages_of(np.arange(len(schedule.leg)))
        self._code = history.codes([change.symbol for change in known])[self._pair]
        is_addition = np.array([c.side is Side.ADDITION for c in known], dtype=bool)
        self.is_addition: BoolVector = is_addition[self._pair]
        added, deleted = (
            {c.symbol for c in known if (c.side is Side.ADDITION) is is_added}
            for is_added in (True, False)
        )
        hedge = {sizing.hedge} & (added | deleted)
        opposed = sorted(symbol for symbol in (added & deleted) | hedge if symbol)
        self._opposed: IntVector = history.codes(opposed)

    def legs_of(self, slots: IntVector) -> tuple[IntVector, IntVector]:
        """Return the legs of some slots, and where each slot's begin."""
        sizes = np.diff(self.schedule.start)[slots]
        return spans(self.schedule.start[slots], sizes), offsets(sizes)

    def opposed(self, legs: IntVector) -> IntVector:
        """Return the code of each leg's symbol where others may oppose it, else -1."""
        if not len(self._opposed):
            return np.full(len(legs), -1)
        code = self._code[legs]
        return np.where(np.isin(code, self._opposed), code, -1)

    @cached_property
    def _spans(self) -> tuple[IntVector, IntVector]:
        """The first and the last session of each event."""
        schedule = self.schedule
        n_events, far = len(schedule.events), len(schedule.clock.sessions)
        first = np.full(n_events, far, dtype=np.int64)
        last = np.full(n_events, -1, dtype=np.int64)
        entered = schedule.row >= 0
        event = schedule.event[entered]
        np.minimum.at(first, event, session_of(schedule.row[entered]))
        np.maximum.at(last, event, session_of(schedule.exit_row[entered].max(axis=1)))
        return first, np.maximum(last, first)

    @cached_property
    def _windows(self) -> tuple[PriceWindows, IntVector, IntVector]:
        """All bars, and the base of each leg's and of each event's hedge's."""
        schedule, hedge = self.schedule, self.sizing.hedge
        first, last = self._spans
        n_codes = len(self.history.symbols) + 1
        event = schedule.event[schedule.slot_of_leg]
        entered = schedule.row[schedule.slot_of_leg] >= 0
        keys = event * n_codes + self._code + 1
        place, wanted = pd.factorize(keys[entered])  # np.unique takes ten times as long
        hedged = (
            np.unique(schedule.event[schedule.row >= 0])
            if hedge is not None
            else np.zeros(0, dtype=np.int64)
        )
        code = self.history.codes([hedge])[0] if hedge is not None else -1
        events = np.concatenate([wanted // n_codes, hedged])
        windows = self.history.windows(
            np.concatenate([wanted % n_codes - 1, np.full(len(hedged), code)]),
            first=first[events],
            last=last[events],
        )
        base = np.zeros(len(event), dtype=np.int64)
        base[entered] = windows.base[place]
        of_hedge = np.zeros(len(schedule.events), dtype=np.int64)
        of_hedge[hedged] = windows.base[len(wanted) :]
        return windows, base, of_hedge

    @property
    def windows(self) -> PriceWindows:
        """The bars of every event."""
        return self._windows[0]

    @cached_property
    def gaps(self) -> BoolVector:
        """Whether each close is missing."""
        return np.isnan(self.windows.closes)

    @property
    def base(self) -> IntVector:
        """Where each leg's session 0 would lie, shape (n_legs,)."""
        return self._windows[1]

    @property
    def hedge_base(self) -> IntVector:
        """Where the hedge's session 0 would lie for each event, shape (n_events,)."""
        return self._windows[2]

    def price_at(self, base: IntVector, row: IntVector) -> FloatVector:
        """Return the price of each position in a half session; NaN without a bar."""
        bar = base + session_of(row)
        opens, closes = self.windows.opens[bar], self.windows.closes[bar]
        price: FloatVector = np.where(is_close(row), closes, opens)
        return price

    @cached_property
    def entry_price(self) -> FloatVector:
        """The price of each leg at its slot's entry, shape (n_legs,)."""
        rows = self.schedule.row[self.schedule.slot_of_leg]
        price = np.full(len(rows), np.nan)
        entered = rows >= 0
        price[entered] = self.price_at(self.base[entered], rows[entered])
        return price

    @cached_property
    def sizing_price(self) -> FloatVector:
        """The last close of each leg known before its entry, shape (n_legs,)."""
        rows = self.schedule.row[self.schedule.slot_of_leg]
        deadlines = self.schedule.clock.deadlines(rows)
        return self.history.closes_known(self._code, before=deadlines)

    @property
    def hedge_code(self) -> int:
        """The hedge's number among the symbols with prices."""
        assert self.sizing.hedge is not None  # noqa: S101 - asked of hedged slots
        return int(self.history.codes([self.sizing.hedge])[0])

    def hedge_quotes(
        self, slots: IntVector
    ) -> tuple[IntVector, FloatVector, FloatVector]:
        """Return the hedge's base, sizing price and entry price in some slots."""
        assert self.sizing.hedge is not None  # noqa: S101 - asked of hedged slots
        rows = self.schedule.row[slots]
        base = self.hedge_base[self.schedule.event[slots]]
        codes = np.repeat(self.history.codes([self.sizing.hedge]), len(slots))
        sized = self.history.closes_known(
            codes, before=self.schedule.clock.deadlines(rows)
        )
        return base, sized, self.price_at(base, rows)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Run:
    """Slots with the legs that are traded in them, and their cells.

    Attributes
    ----------
    slots, legs, starts
        Slots of the schedule, their legs, and where each slot's begin.
    cells, counts
        Their cells, counted through the schedule's rows and columns, and how many each
        slot has.
    """

    desk: _Desk
    slots: IntVector
    legs: IntVector
    starts: IntVector
    cells: IntVector
    counts: IntVector

    def trade(self, filled: Sequence[Filling], levels: Sequence[Level]) -> None:
        """Run the book of these slots, and fill in what each cell earned."""
        desk = self.desk
        if not len(self.slots):
            return
        book, one_sided, unpriced = self._book()
        earned = run_book(
            book,
            levels=levels,
            sessions=desk.schedule.clock.sessions,
            into=filled[0].earned,
        )
        n_legs = np.repeat(np.diff(self.starts), self.counts)
        without = self.cells[np.repeat(unpriced, self.counts)]
        alone = self.cells[np.repeat(one_sided, self.counts)]
        for filling in filled:
            filling.book(self.cells, earned, n_legs=n_legs)
            reason = filling.reason.reshape(-1)
            reason[without] = _NO_PRICE
            reason[alone] = np.where(
                reason[alone] == _NO_PRICE, reason[alone], _ONE_SIDED
            )

    def _book(self) -> tuple[Book, BoolVector, BoolVector]:
        """Return the book, which slots lack a side, and whose hedge has no price."""
        desk, sizing = self.desk, self.desk.sizing
        starts = self.starts[:-1]
        is_addition = desk.is_addition[self.legs]
        additions = np.add.reduceat(is_addition.astype(np.int64), starts)
        deletions = np.diff(self.starts) - additions
        paired = (additions > 0) & (deletions > 0)
        is_hedged = ~paired & (sizing.hedge is not None)
        one_sided = ~paired & ~is_hedged & (sizing.side is TradedSide.BOTH)
        # Each side's weights sum to half; one alone takes the whole. The gross, and the
        # capital, are of a level.
        alone = ~paired & ~is_hedged & ~one_sided
        share = np.where(alone, 1.0, 0.5)
        slot = np.repeat(np.arange(len(self.slots)), np.diff(self.starts))
        weight = np.where(
            is_addition, share[slot] / additions[slot].clip(1), 0.0
        ) - np.where(is_addition, 0.0, share[slot] / deletions[slot].clip(1))
        sized, price = desk.sizing_price[self.legs], desk.entry_price[self.legs]
        base = desk.base[self.legs]
        symbol = desk.opposed(self.legs)
        hedged = np.flatnonzero(is_hedged)
        if len(hedged):
            at, close, paid = desk.hedge_quotes(self.slots[hedged])
            slot = np.concatenate([slot, hedged])
            other = -np.add.reduceat(weight, starts)[hedged]
            order = np.argsort(slot, kind="stable")
            slot = slot[order]
            weight = np.concatenate([weight, other])[order]
            sized = np.concatenate([sized, close])[order]
            price = np.concatenate([price, paid])[order]
            base = np.concatenate([base, at])[order]
            own = desk.hedge_code if (symbol == desk.hedge_code).any() else -1
            symbol = np.concatenate([symbol, np.full(len(hedged), own)])[order]
        size = weight * BASIS_USD / np.where(np.isfinite(sized), sized, price)
        if (symbol >= 0).any():
            keep, size = net_sizes(slot, symbol, size)
            slot, base, size, price = slot[keep], base[keep], size[keep], price[keep]
        book = Book(
            opens=desk.windows.opens,
            marks=desk.windows.marks,
            missing=desk.gaps,
            base=base,
            size=size,
            price=price,
            start=np.searchsorted(slot, np.arange(len(self.slots) + 1)),
            entry_row=desk.schedule.row[self.slots],
            exits=offsets(self.counts),
            exit_row=desk.schedule.exit_row.reshape(-1)[self.cells],
            place=self.cells,
        )
        unpriced = np.zeros(len(self.slots), dtype=bool)
        unpriced[slot[np.isnan(price)]] = True
        return book, one_sided, unpriced
