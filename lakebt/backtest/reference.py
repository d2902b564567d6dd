"""The reference engine: the same orders through ``vectorbt.Portfolio.from_orders``.

Each session is two rows, its open and its close, so that an order at either is filled
at the named price and the close marks it; the daily values are those of the close rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lakebt.backtest.costs import BPS
from lakebt.backtest.outcome import Outcome, borrow_charges, exposure, marks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt._typing import FloatPanel
    from lakebt.backtest.costs import CostModel
    from lakebt.backtest.rebalancing import Order
    from lakebt.backtest.trades import Trade
    from lakebt.sessions import Sessions

FINANCING = "financing"
"""The column that lends what levered longs need; its price is 1 throughout."""


def run_vectorbt(
    trades: Sequence[Trade],
    *,
    symbols: Sequence[str],
    prices: FloatPanel,
    first_session: int,
    sessions: Sessions,
    costs: CostModel,
    capital_usd: float,
) -> list[Outcome]:
    """Run all `trades` in one call; see `lakebt.backtest.outcome.Engine`."""
    portfolio = _from_trades(
        trades,
        symbols=symbols,
        prices=prices,
        first_session=first_session,
        index=pd.RangeIndex(len(prices)),
        costs=costs,
        capital_usd=capital_usd,
    )
    value = portfolio.value().to_numpy().reshape(len(prices), len(trades))
    width = len(symbols) + 1
    orders = portfolio.orders.records_arr
    fees = np.zeros((len(prices), len(trades)))
    np.add.at(fees, (orders["idx"], orders["col"] // width), orders["fees"])
    paid = np.cumsum(fees, axis=0)
    closes = marks(prices)[1::2]
    column_of = {symbol: number for number, symbol in enumerate(symbols)}
    outcomes = []
    for number, trade in enumerate(trades):
        first, last = exposure(trade)
        rows = 2 * (np.arange(first, last + 1) - first_session) + 1
        borrow = borrow_charges(
            trade,
            columns=[column_of[position.symbol] for position in trade.positions],
            closes=closes,
            first_session=first_session,
            sessions=sessions,
            costs=costs,
        )
        net = value[rows, number] - np.cumsum(borrow)
        total = float(paid[rows[-1], number])
        split = costs.commission_bps * BPS / (costs.proportional or 1.0)
        outcomes.append(
            Outcome(
                first=first,
                equity=net,
                gross_equity=value[rows, number] + paid[rows, number],
                capital_usd=capital_usd,
                commission_usd=total * split,
                spread_usd=total * (1.0 - split),
                borrow_usd=float(borrow.sum()),
            )
        )
    return outcomes


def to_vectorbt(
    trade: Trade,
    *,
    symbols: Sequence[str],
    prices: FloatPanel,
    first_session: int,
    sessions: Sessions,
    costs: CostModel,
    capital_usd: float,
) -> Any:
    """Return one trade as a ``vectorbt.Portfolio``, indexed by opens and closes."""
    return _from_trades(
        [trade],
        symbols=symbols,
        prices=prices,
        first_session=first_session,
        index=_instants(sessions, first_session, len(prices) // 2),
        costs=costs,
        capital_usd=capital_usd,
    )


def order_book(
    orders: Sequence[Order],
    *,
    symbols: Sequence[str],
    prices: FloatPanel,
    first_session: int,
    sessions: Sessions,
    costs: CostModel,
    capital_usd: float,
) -> Any:
    """Return the orders of a strategy as one ``vectorbt.Portfolio``.

    Parameters
    ----------
    orders
        At least one.
    symbols, prices, first_session, sessions, costs, capital_usd
        As for an engine.

    Returns
    -------
    vectorbt.Portfolio
        Two rows a session, indexed by the UTC instants of its open and close.
    """
    sizes = np.full((len(prices), len(symbols) + 1), np.nan)
    column_of = {symbol: number for number, symbol in enumerate(symbols)}
    base = 2 * first_session
    for order in orders:
        _add(sizes, order.row - base, column_of[order.symbol], order.size)
    lent = 2.0 * sum(abs(order.size) * order.price for order in orders)
    _add(sizes, orders[0].row - base, len(symbols), -lent)
    _add(sizes, len(prices) - 1, len(symbols), lent)
    return _portfolio(
        sizes,
        count=1,
        symbols=symbols,
        prices=prices,
        index=_instants(sessions, first_session, len(prices) // 2),
        costs=costs,
        capital_usd=capital_usd,
    )


def _instants(sessions: Sessions, first: int, count: int) -> pd.DatetimeIndex:
    both = np.empty(2 * count, dtype=np.int64)
    window = slice(first, first + count)
    both[0::2] = sessions.instants("open")[window]
    both[1::2] = sessions.instants("close")[window]
    return pd.DatetimeIndex(both.astype("datetime64[us]"), tz="UTC")


def _from_trades(
    trades: Sequence[Trade],
    *,
    symbols: Sequence[str],
    prices: FloatPanel,
    first_session: int,
    index: pd.Index[Any],
    costs: CostModel,
    capital_usd: float,
) -> Any:
    width = len(symbols) + 1
    sizes = np.full((len(prices), width * len(trades)), np.nan)
    column_of = {symbol: number for number, symbol in enumerate(symbols)}
    base = 2 * first_session
    for number, trade in enumerate(trades):
        for position in trade.positions:
            column = number * width + column_of[position.symbol]
            _add(sizes, trade.entry_row - base, column, position.size)
            _add(sizes, position.exit_row - base, column, -position.size)
        # vectorbt clips longs that cash cannot pay for; so much is lent meanwhile.
        lent = 2.0 * sum(
            abs(position.size) * position.entry_price for position in trade.positions
        )
        column = number * width + len(symbols)
        _add(sizes, trade.entry_row - base, column, -lent)
        _add(sizes, trade.exit_row - base, column, lent)
    return _portfolio(
        sizes,
        count=len(trades),
        symbols=symbols,
        prices=prices,
        index=index,
        costs=costs,
        capital_usd=capital_usd,
    )


def _portfolio(
    sizes: FloatPanel,
    *,
    count: int,
    symbols: Sequence[str],
    prices: FloatPanel,
    index: pd.Index[Any],
    costs: CostModel,
    capital_usd: float,
) -> Any:
    """Return `count` cells side by side, each its symbols and a financing column."""
    import vectorbt  # noqa: PLC0415 - 3 s and 300 MB

    priced = np.hstack([marks(prices), np.ones((len(prices), 1))])
    fees = np.tile(np.append(np.full(len(symbols), costs.proportional), 0.0), count)
    tiled = np.tile(priced, (1, count))
    columns = pd.MultiIndex.from_product(
        [range(count), [*symbols, FINANCING]], names=["cell", "symbol"]
    )
    return vectorbt.Portfolio.from_orders(
        pd.DataFrame(tiled, index=index, columns=columns),
        size=sizes,
        size_type="amount",
        price=tiled,
        fees=fees[None, :],
        direction="both",
        init_cash=capital_usd,
        group_by=np.repeat(np.arange(count), len(symbols) + 1),
        cash_sharing=True,
        call_seq="auto",  # sells first: without it, high gross loses orders
        freq="12h",
    )


def _add(sizes: FloatPanel, row: int, column: int, size: float) -> None:
    held = sizes[row, column]
    sizes[row, column] = size if np.isnan(held) else held + size
