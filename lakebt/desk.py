"""Where cells meet prices: the quotes one event trades at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lakebt.backtest.trades import LegQuote
from lakebt.backtest.window import PriceWindow

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from lakebt.backtest.trades import Trade
    from lakebt.backtest.weights import Sizing
    from lakebt.events.fills import Fill
    from lakebt.events.plan import Cell
    from lakebt.facts import Side
    from lakebt.history import PriceHistory


class Desk:
    """The prices one event trades at: a window of sessions for its symbols."""

    def __init__(
        self, history: PriceHistory, sizing: Sizing, window: PriceWindow
    ) -> None:
        self.history, self.sizing, self.window = history, sizing, window
        self._sized: dict[tuple[str, dt.datetime], float] = {}

    @classmethod
    def of(
        cls, cells: Sequence[Cell], history: PriceHistory, sizing: Sizing
    ) -> Desk | None:
        """Return the desk of the cells that have legs; None if none has."""
        planned = [cell for cell in cells if cell.legs]
        if not planned:
            return None
        symbols = {leg.change.symbol for cell in planned for leg in cell.legs}
        if sizing.hedge is not None:
            symbols.add(sizing.hedge)
        first = min(cell.fill.session for cell in planned if cell.fill is not None)
        last = max(leg.exit.session for cell in planned for leg in cell.legs)
        window = PriceWindow.of(history, sorted(symbols), first=first, last=last)
        return cls(history, sizing, window)

    @staticmethod
    def entry(cell: Cell) -> Fill:
        """Return the entry of a cell that has legs."""
        assert cell.fill is not None  # noqa: S101 - legs have entered
        return cell.fill

    def quotes(self, cell: Cell) -> tuple[tuple[LegQuote, ...], dict[int, LegQuote]]:
        """Return the quote of each leg, and the hedge's for each exit."""
        entry = self.entry(cell)
        legs = tuple(
            self._quote(leg.change.symbol, leg.change.side, entry, leg.exit.row)
            for leg in cell.legs
        )
        return legs, self.hedges(cell)

    def hedges(self, cell: Cell) -> dict[int, LegQuote]:
        """Return the hedge's quote for each half session in which a leg leaves."""
        if self.sizing.hedge is None:
            return {}
        side = cell.legs[0].change.side  # of no meaning for the hedge
        return {
            leg.exit.row: self._quote(
                self.sizing.hedge, side, self.entry(cell), leg.exit.row
            )
            for leg in cell.legs
        }

    def gaps(self, trade: Trade) -> int:
        """Return how many closes are missing while positions are held.

        Each is marked at the last price before it.
        """
        window = self.window
        missing = 0
        for position in trade.positions:
            held = window.prices[
                window.row(trade.entry_row) : window.row(position.exit_row),
                window.columns[position.symbol],
            ]
            closes = held[(trade.entry_row + 1) % 2 :: 2]  # odd rows are closes
            missing += int(np.isnan(closes).sum())
        return missing

    def _quote(self, symbol: str, side: Side, entry: Fill, exit_row: int) -> LegQuote:
        key = (symbol, entry.deadline)
        if key not in self._sized:
            self._sized[key] = self.history.last_close(symbol, before=entry.deadline)
        return LegQuote(
            symbol=symbol,
            side=side,
            exit_row=exit_row,
            sizing_price=self._sized[key],
            entry_price=self.window.price(symbol, entry.row),
            exit_price=self.window.price(symbol, exit_row),
        )
