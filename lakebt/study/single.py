"""One event's cells in full: quotes, sizes, fills, and why one is empty."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from lakebt.backtest.outcome import borrow_by_position
from lakebt.backtest.trades import LegQuote, Trade, Unfilled, build_trade
from lakebt.backtest.window import PriceWindow
from lakebt.events.plan import Empty
from lakebt.instants import EPOCH, TICK
from lakebt.prices.sizing import sizing_closes
from lakebt.sessions import is_close, session_of
from lakebt.values.reasons import Reason

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from lakebt.backtest.costs import CostModel
    from lakebt.backtest.trades import Missing
    from lakebt.backtest.weights import Sizing
    from lakebt.events.clock import Fill
    from lakebt.events.plan import Cell
    from lakebt.facts import Side
    from lakebt.prices.holding import Holding, Holdings, Worth

    Which = tuple[str, Side | None, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """One event under one entry and exit, ready to trade or empty.

    Attributes
    ----------
    cell
        As the guard planned it.
    quotes
        One for each planned leg.
    hedge
        The hedge's quote for each half session in which a leg leaves.
    trade
        None where the cell is empty.
    empty
        Why it is.
    desk
        Where it was priced; None where it has no legs.
    """

    cell: Cell
    quotes: tuple[LegQuote, ...] = ()
    hedge: Mapping[int, LegQuote] = field(default_factory=dict)
    trade: Trade | None = None
    empty: Empty | None = None
    desk: Desk | None = None

    def borrow_costs(self, costs: CostModel) -> dict[Which, float]:
        """Return the borrow costs of each position, as a fraction of its entry price.

        By symbol, side (None for the hedge) and half session of the exit.
        """
        if self.trade is None or self.desk is None:
            return {}
        paid = borrow_by_position(
            self.trade, window=self.desk.window_of(self.trade), costs=costs
        ).tolist()
        return {
            (p.symbol, p.side, p.exit_row): usd / (abs(p.size) * p.entry_price)
            for p, usd in zip(self.trade.positions, paid, strict=True)
        }


def deal(
    cells: Sequence[Cell],
    holdings: Holdings,
    *,
    sizing: Sizing,
    missing: Missing,
    costs: CostModel,
) -> tuple[list[CellResult], Desk | None]:
    """Price and size some cells of one event, or say why they cannot be traded.

    Parameters
    ----------
    cells
        As the guard planned them.
    holdings
        Prices of every symbol in them, and of the hedge, and what became of shares.
    sizing, missing, costs
        The study's.

    Returns
    -------
    list of CellResult
        One for each of `cells`.
    Desk or None
        Where they were priced; None if none has legs.
    """
    desk = Desk.of(cells, holdings, sizing, costs)
    if desk is not None:
        desk.look_up([cell for cell in cells if cell.empty is None])
    return [
        CellResult(cell=cell, empty=cell.empty)
        if desk is None or cell.empty is not None
        else desk.deal(cell, missing)
        for cell in cells
    ], desk


class Desk:
    """The prices one event trades at: a window of sessions for its symbols."""

    def __init__(
        self,
        holdings: Holdings,
        sizing: Sizing,
        window: PriceWindow,
        costs: CostModel,
    ) -> None:
        self.holdings, self.sizing, self.window = holdings, sizing, window
        self.costs = costs
        self.history = holdings.history
        self._sized: dict[tuple[str, dt.datetime], float] = {}
        self._liquid: dict[tuple[str, dt.datetime], tuple[float, float]] = {}
        self._held: dict[tuple[str, int], tuple[Holding, Worth] | None] = {}
        self._since: dict[tuple[int, frozenset[str]], PriceWindow] = {}

    @classmethod
    def of(
        cls,
        cells: Sequence[Cell],
        holdings: Holdings,
        sizing: Sizing,
        costs: CostModel,
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
        window = PriceWindow.of(
            holdings.history, sorted(symbols), first=first, last=last
        )
        return cls(holdings, sizing, window, costs)

    def window_of(self, trade: Trade) -> PriceWindow:
        """Return the prices of a trade's shares, and of those they become.

        Trades with the same one are run together.
        """
        entered = session_of(trade.entry_row)
        worths = {
            position.symbol: holding[1]
            for position in trade.positions
            if (holding := self._holding(position.symbol, entered)) is not None
        }
        if not worths:
            return self.window
        key = entered, frozenset(worths)
        if key not in self._since:
            self._since[key] = self.window.since(entered, worths)
        return self._since[key]

    def _holding(self, symbol: str, entered: int) -> tuple[Holding, Worth] | None:
        """Return the corporate actions of a share until the last session, or None."""
        key = symbol, entered
        if key not in self._held:
            last = self.window.first + self.window.n_sessions - 1
            holding = self.holdings.follow(symbol, entered=entered, last=last)
            self._held[key] = (
                None if holding.is_plain else (holding, holding.worth(self.history))
            )
        return self._held[key]

    @staticmethod
    def entry(cell: Cell) -> Fill:
        """Return the entry of a cell that has legs."""
        assert cell.fill is not None  # noqa: S101 - legs have entered
        return cell.fill

    def look_up(self, cells: Sequence[Cell]) -> None:
        """Look up what was known before the entries of some cells, of all at once."""
        entered: dict[tuple[str, dt.datetime], int] = {}
        for cell in cells:
            entry = self.entry(cell)
            symbols = [leg.change.symbol for leg in cell.legs]
            if self.sizing.hedge is not None:
                symbols.append(self.sizing.hedge)
            entered |= {(symbol, entry.deadline): entry.session for symbol in symbols}
        if not entered:
            return
        orders = {
            "before": np.array([(at - EPOCH) // TICK for _, at in entered]),
            "fills": np.array([*entered.values()]),
        }
        codes = self.history.codes([symbol for symbol, _ in entered])
        closes = sizing_closes(self.history, codes, **orders).tolist()
        self._sized = dict(zip(entered, closes, strict=True))
        if not self.costs.asks_volume:
            return
        from lakebt.prices.liquidity import Liquidity  # noqa: PLC0415 - numba

        known = Liquidity.known(
            self.history, codes, **orders, sessions=self.costs.impact_sessions
        )
        market = zip(known.sigma.tolist(), known.volume.tolist(), strict=True)
        self._liquid = dict(zip(entered, market, strict=True))

    def deal(self, cell: Cell, missing: Missing) -> CellResult:
        """Price and size one cell that has legs, and was looked up."""
        quotes, hedge = self.quotes(cell)
        trade = build_trade(
            quotes,
            entry_row=self.entry(cell).row,
            hedge=hedge,
            sizing=self.sizing,
            missing=missing,
            costs=self.costs,
        )
        if isinstance(trade, Unfilled):
            empty = Empty(reason=Reason(trade.reason), fact=trade.fact)
            return CellResult(cell=cell, quotes=quotes, hedge=hedge, empty=empty)
        return CellResult(cell=cell, quotes=quotes, hedge=hedge, trade=trade, desk=self)

    def quotes(self, cell: Cell) -> tuple[tuple[LegQuote, ...], dict[int, LegQuote]]:
        """Return the quote of each leg, and the hedge's for each exit."""
        entry = self.entry(cell)
        legs = tuple(
            self._quote(leg.change.symbol, leg.change.side, entry, leg.exit)
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
                self.sizing.hedge, side, self.entry(cell), leg.exit
            )
            for leg in cell.legs
        }

    def gaps(self, trade: Trade) -> int:
        """Return how many closes are missing while positions are held.

        Each is marked at the last price before it.
        """
        window, opposed = self.window_of(trade), trade.opposed
        until: dict[object, tuple[str, int]] = {}
        for number, position in enumerate(trade.positions):
            # A symbol that is held on both sides is held once, until it is gone.
            key = position.symbol if position.symbol in opposed else number
            _, row = until.get(key, ("", position.exit_row))
            until[key] = position.symbol, max(row, position.exit_row)
        missing = 0
        for symbol, row in until.values():
            held = window.prices[
                window.row(trade.entry_row) : window.row(row), window.columns[symbol]
            ]
            closes = held[0 if is_close(trade.entry_row) else 1 :: 2]
            missing += int(np.isnan(closes).sum())
        return missing

    def _quote(self, symbol: str, side: Side, entry: Fill, leaves: Fill) -> LegQuote:
        exit_row = leaves.row
        known = (symbol, entry.deadline)
        sigma, volume = self._liquid.get(known, (math.nan, math.nan))
        prices = {row: self.window.price(symbol, row) for row in (entry.row, exit_row)}
        cash, holding = 0.0, None
        own_holding = self._holding(symbol, entry.session)
        left = session_of(exit_row)
        if own_holding is not None and own_holding[0].flows[0].session <= left:
            holding, worth = own_holding
            at = left - entry.session
            price = worth.closes if is_close(exit_row) else worth.opens
            prices[exit_row], cash = float(price[at]), float(worth.cash[at])
        lacking = [session_of(row) for row, price in prices.items() if np.isnan(price)]
        return LegQuote(
            symbol=symbol,
            side=side,
            exit_row=exit_row,
            sizing_price=self._sized[known],
            entry_price=prices[entry.row],
            exit_price=prices[exit_row],
            exit_cash=cash,
            holding=holding,
            sigma=sigma,
            volume=volume,
            lacks=self._lacks(symbol, lacking[0], holding) if lacking else "",
            no_borrow=self._no_borrow(symbol, entry),
            no_borrow_later=self._no_borrow(symbol, leaves),
        )

    def _no_borrow(self, symbol: str, fill: Fill) -> str:
        """Return why a share could not be borrowed, as known before an order."""
        borrow = self.history.borrow
        if not len(borrow):
            return ""
        (row,) = borrow.refused(
            borrow.codes([symbol]),
            before=np.array([(fill.deadline - EPOCH) // TICK]),
            fills=np.array([fill.session]),
        ).tolist()
        if row < 0:
            return ""
        day = self.window.sessions.date(int(borrow.session[row]))
        return f"no shares of {symbol} to borrow, as told of {day}"

    def _lacks(self, symbol: str, session: int, holding: Holding | None) -> str:
        """Return what is known of a bar that is not there, in words."""
        if holding is None or session < holding.flows[0].session:
            return self._lacks_bar(symbol, session)
        date = self.window.sessions.date
        flows = [flow for flow in holding.flows if flow.session <= session]
        unknown = next((flow for flow in flows if np.isnan(flow.cash)), None)
        if unknown is not None:
            return (
                f"{unknown.action.symbol} on {date(unknown.session)}: its delisting "
                f"tells no cash; pass delisting_return="
            )
        shares = holding.at(session).shares
        without = [s for s in shares if not self.history.has_bar(s, session)]
        came = {flow.action.other: flow for flow in flows if flow.action.other}
        lacking = without[0]
        problem = self._lacks_bar(lacking, session)
        if lacking not in came:
            return problem
        flow = came[lacking]
        return (
            f"{problem} ({flow.action.symbol} became it by a "
            f"{flow.action.kind.replace('_', '-')} on {date(flow.session)})"
        )

    def _lacks_bar(self, symbol: str, session: int) -> str:
        """Return what is known of a bar that is not there, in words."""
        date = self.window.sessions.date
        if self.history.is_untraded(symbol, session):
            return f"{symbol} on {date(session)}: no trade that session"
        before, after = self.history.neighbours(symbol, session)
        about = self.history.about.get(symbol, "")
        if before is None and after is None:
            return f"{symbol}: the view has none" + (f" ({about})" if about else "")
        if after is None and before is not None:
            why = f"its prices end on {date(before)}"
        elif before is None and after is not None:
            why = f"its prices begin on {date(after)}"
        else:
            why = "the bar is missing"
        problem = f"{symbol} on {date(session)}: {why}"
        return f"{problem} ({about})" if about else problem
