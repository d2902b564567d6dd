"""The slow engine for single trades, whose positions exit at different times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lakebt.backtest.costs import BPS
from lakebt.backtest.outcome import Outcome, borrow_charges, exposure, gross_worth
from lakebt.sessions import session_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt.backtest.costs import CostModel
    from lakebt.backtest.trades import Trade
    from lakebt.backtest.window import PriceWindow


def walk_trades(
    trades: Sequence[Trade],
    *,
    window: PriceWindow,
    costs: CostModel,
    capital_usd: float,
) -> list[Outcome]:
    """Run trades one after the other; see `lakebt.backtest.outcome.Engine`."""
    return [
        _walk(trade, window=window, costs=costs, capital_usd=capital_usd)
        for trade in trades
    ]


def _walk(
    trade: Trade, *, window: PriceWindow, costs: CostModel, capital_usd: float
) -> Outcome:
    first, last = exposure(trade)
    gross = np.full(last - first + 1, capital_usd)
    traded, held_usd = np.zeros(last - first + 1), np.zeros(last - first)
    impact = np.zeros(last - first + 1)
    for position in trade.positions:
        # From its exit on it is worth what it got.
        left = session_of(position.exit_row) - first
        marks = window.closes[first - window.first :, window.columns[position.symbol]]
        worth = np.append(marks[:left], np.full(len(gross) - left, position.exit_price))
        cash = window.cash(position.symbol)
        if cash is not None:
            beside = cash[first - window.entered :][:left]
            worth[: len(beside)] += beside
            worth[left:] += position.exit_cash
        gross += position.size * (worth - position.entry_price)
        held_usd[:left] += abs(position.size) * marks[:left]
    for order in trade.orders():
        # An entry at the close is paid in the first session with exposure.
        filled = max(session_of(order.row) - first, 0)
        traded[filled:] += abs(order.size) * order.price
        impact[filled:] += order.impact_usd(costs)
    borrow = borrow_charges(trade, window=window, costs=costs)
    return Outcome(
        first=first,
        equity=gross - traded * costs.proportional - impact - np.cumsum(borrow),
        gross_equity=gross,
        worth=gross_worth(trade, window=window) if trade.opposed else held_usd,
        capital_usd=capital_usd,
        commission_usd=float(traded[-1]) * costs.commission_bps * BPS,
        spread_usd=float(traded[-1]) * costs.half_spread_bps * BPS,
        borrow_usd=float(borrow.sum()),
        impact_usd=float(impact[-1]),
    )
