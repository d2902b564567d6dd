"""Trading a schedule at prices: positions, sizes, and cells that cannot be filled.

The same rules as `lakebt.backtest.trades.build_trade`, for all cells at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lakebt.backtest.costs import RATE_PER_DAY
from lakebt.backtest.engine import Book, run_book
from lakebt.backtest.levels import BASIS_USD
from lakebt.backtest.netting import net_sizes
from lakebt.backtest.weights import TradedSide
from lakebt.study.cells import Filling
from lakebt.study.event_prices import EventPrices
from lakebt.study.market import Market, Positions
from lakebt.values.arrays import offsets, spans
from lakebt.values.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt._typing import BoolVector, IntVector
    from lakebt.backtest.levels import Level
    from lakebt.backtest.trades import Missing
    from lakebt.backtest.weights import Sizing
    from lakebt.events.schedule import Schedule
    from lakebt.prices.holding import Holdings


_NO_PRICE = Reason.NO_PRICE.code
_ONE_SIDED = Reason.ONE_SIDED.code


def trade_together(
    schedule: Schedule,
    holdings: Holdings,
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
    holdings
        Prices of every symbol in it, and of the hedge, and what became of shares.
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
    desk = EventPrices(schedule, holdings, sizing)
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
    desk: EventPrices, run: _Run, filled: Sequence[Filling], levels: Sequence[Level]
) -> None:
    """Trade cells again that lacked a leg's exit price, without that leg."""
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
    """Return the kept legs, and the first one of each slot."""
    before = np.concatenate([[0], np.cumsum(keep)])
    return legs[keep], before[starts].astype(np.int64)


def _slots_only(
    legs: IntVector, starts: IntVector, keep: BoolVector
) -> tuple[IntVector, IntVector]:
    """Return the legs of the kept slots, and the first one of each slot."""
    sizes = np.diff(starts)[keep]
    return legs[spans(starts[:-1][keep], sizes)], offsets(sizes)


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

    desk: EventPrices
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
        book, market, one_sided, unpriced = self._book(levels)
        earned = run_book(
            book,
            levels=levels,
            sessions=desk.schedule.clock.sessions,
            into=filled[0].earned,
        )
        n_legs = np.repeat(np.diff(self.starts), self.counts)
        without = self.cells[np.repeat(unpriced, self.counts)]
        alone = self.cells[np.repeat(one_sided, self.counts)]
        for number, filling in enumerate(filled):
            filling.book(self.cells, earned, n_legs=n_legs)
            reason = filling.reason.reshape(-1)
            unfit = np.repeat(market.reason[number], self.counts)
            is_unfit = (unfit > 0) & (reason[self.cells] != _NO_PRICE)
            reason[self.cells[is_unfit]] = unfit[is_unfit]
            reason[without] = _NO_PRICE
            reason[alone] = np.where(
                reason[alone] == _NO_PRICE, reason[alone], _ONE_SIDED
            )

    def _book(
        self, levels: Sequence[Level]
    ) -> tuple[Book, Market, BoolVector, BoolVector]:
        """Return book, market, slots without a side, and slots with no hedge price."""
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
        base, code = desk.base[self.legs], desk.code[self.legs]
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
            code = np.append(code, np.full(len(hedged), desk.hedge_code))[order]
            own = desk.hedge_code if (symbol == desk.hedge_code).any() else -1
            symbol = np.concatenate([symbol, np.full(len(hedged), own)])[order]
        size = weight * BASIS_USD / np.where(np.isfinite(sized), sized, price)
        if (symbol >= 0).any():
            keep, size = net_sizes(slot, symbol, size)
            slot, base, size, price = slot[keep], base[keep], size[keep], price[keep]
            code = code[keep]
        rows = desk.schedule.row[self.slots]
        market = Market.of(
            Positions(slot=slot, code=code, size=size, row=rows),
            levels,
            history=desk.history,
            clock=desk.schedule.clock,
        )
        book = Book(
            opens=desk.windows.opens,
            marks=desk.windows.marks,
            missing=desk.gaps,
            cash=desk.windows.cash,
            unlent=desk.windows.unlent,
            lent=desk.windows.lent * RATE_PER_DAY,
            base=base,
            size=size,
            price=price,
            toll=market.toll,
            toll_sessions=market.sessions,
            start=np.searchsorted(slot, np.arange(len(self.slots) + 1)),
            entry_row=rows,
            exits=offsets(self.counts),
            exit_row=desk.schedule.exit_row.reshape(-1)[self.cells],
            place=self.cells,
        )
        unpriced = np.zeros(len(self.slots), dtype=bool)
        unpriced[slot[np.isnan(price)]] = True
        return book, market, one_sided, unpriced
