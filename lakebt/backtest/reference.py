"""The reference engine: the same orders through ``vectorbt.Portfolio.from_orders``.

Each session is two rows, its open and its close, so that an order at either is filled
at the named price and the close marks it; the daily values are those of the close rows.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lakebt.backtest.book import Book
from lakebt.backtest.costs import BPS
from lakebt.backtest.outcome import Outcome, borrow_charges, exposure, gross_worth
from lakebt.errors import InvalidArgumentError
from lakebt.sessions import half_session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt._typing import FloatPanel
    from lakebt.backtest.costs import CostModel
    from lakebt.backtest.rebalancing import Orders
    from lakebt.backtest.trades import Trade
    from lakebt.backtest.window import PriceWindow


FINANCING = "financing"
"""The column that lends what levered longs need; its price is 1 throughout."""


def installed() -> Any:
    """Return vectorbt itself.

    Raises
    ------
    InvalidArgumentError
        If it cannot be had. Nothing but this engine needs it.
    """
    try:
        # What it deprecates is no warning for who uses lakebt: they cannot mend it.
        with warnings.catch_warnings(action="ignore"):
            import vectorbt  # noqa: PLC0415 - 3 s and 300 MB
    except ImportError as error:
        msg = (
            f"engine='vectorbt' and to_vectorbt need vectorbt, which is not installed "
            f"({error.name or error}): pip install 'vectorbt[rust]', or use "
            f"engine='event'"
        )
        raise InvalidArgumentError(msg) from None
    return vectorbt


def run_vectorbt(
    trades: Sequence[Trade],
    *,
    window: PriceWindow,
    costs: CostModel,
    capital_usd: float,
) -> list[Outcome]:
    """Run all `trades` in one call; see `lakebt.backtest.outcome.Engine`."""
    shape = (len(window.prices), len(trades))
    portfolio = _from_trades(
        trades,
        window=window,
        index=pd.RangeIndex(shape[0]),
        costs=costs,
        capital_usd=capital_usd,
    )
    value = portfolio.value().to_numpy().reshape(shape)
    orders = portfolio.orders.records_arr
    fees = np.zeros(shape)
    cell = orders["col"] // (len(window.symbols) + 1)
    np.add.at(fees, (orders["idx"], cell), orders["fees"])
    paid = np.cumsum(fees, axis=0)
    share = costs.commission_bps * BPS / (costs.proportional or 1.0)
    outcomes = []
    for number, trade in enumerate(trades):
        first, last = exposure(trade)
        rows = window.row(half_session(np.arange(first, last + 1), "close"))
        borrow = borrow_charges(trade, window=window, costs=costs)
        total = float(paid[rows[-1], number])
        outcomes.append(
            Outcome(
                first=first,
                equity=value[rows, number] - np.cumsum(borrow),
                gross_equity=value[rows, number] + paid[rows, number],
                worth=gross_worth(trade, window=window),
                capital_usd=capital_usd,
                commission_usd=total * share,
                spread_usd=total * (1.0 - share),
                borrow_usd=float(borrow.sum()),
            )
        )
    return outcomes


def to_vectorbt(
    trade: Trade, *, window: PriceWindow, costs: CostModel, capital_usd: float
) -> Any:
    """Return one trade as a ``vectorbt.Portfolio``, indexed by opens and closes."""
    return _from_trades(
        [trade],
        window=window,
        index=window.instants,
        costs=costs,
        capital_usd=capital_usd,
    )


def order_book(
    orders: Orders, *, window: PriceWindow, costs: CostModel, capital_usd: float
) -> Any:
    """Return the orders of a strategy as one ``vectorbt.Portfolio``.

    Parameters
    ----------
    orders
        At least one.
    window
        The prices of every symbol they trade.
    costs, capital_usd
        The run's.

    Returns
    -------
    vectorbt.Portfolio
        Two rows a session, indexed by the UTC instants of its open and close.
    """
    financing = len(window.symbols)
    sizes = np.full((len(window.prices), financing + 1), np.nan)
    sizes[window.row(orders.row), orders.column] = orders.size
    lent = 2.0 * float(orders.traded.sum())
    _add(sizes, int(window.row(orders.row).min()), financing, -lent)
    _add(sizes, len(sizes) - 1, financing, lent)
    return _portfolio(
        sizes,
        window=window,
        index=window.instants,
        costs=costs,
        capital_usd=capital_usd,
    )


def keep_vectorbt(
    orders: Orders, *, window: PriceWindow, costs: CostModel, capital_usd: float
) -> Book:
    """Return the book of `orders`, as vectorbt keeps it; see `Bookkeeper`."""
    portfolio = order_book(orders, window=window, costs=costs, capital_usd=capital_usd)
    assets = portfolio.assets().to_numpy()[1::2]
    lent = assets[:, -1]  # at the constant price 1
    return Book(
        positions=assets[:, :-1],
        cash=portfolio.cash().to_numpy().reshape(-1)[1::2] + lent,
        value=portfolio.value().to_numpy().reshape(-1)[1::2],
    )


def _from_trades(
    trades: Sequence[Trade],
    *,
    window: PriceWindow,
    index: pd.Index[Any],
    costs: CostModel,
    capital_usd: float,
) -> Any:
    width = len(window.symbols) + 1
    sizes = np.full((len(window.prices), width * len(trades)), np.nan)
    for number, trade in enumerate(trades):
        enter = window.row(trade.entry_row)
        for position in trade.positions:
            column = number * width + window.columns[position.symbol]
            _add(sizes, enter, column, position.size)
            _add(sizes, window.row(position.exit_row), column, -position.size)
        # vectorbt clips longs that cash cannot pay for; that amount is lent meanwhile.
        lent = 2.0 * sum(
            abs(position.size) * position.entry_price for position in trade.positions
        )
        financing = (number + 1) * width - 1
        _add(sizes, enter, financing, -lent)
        _add(sizes, window.row(trade.exit_row), financing, lent)
    return _portfolio(
        sizes, window=window, index=index, costs=costs, capital_usd=capital_usd
    )


def _portfolio(
    sizes: FloatPanel,
    *,
    window: PriceWindow,
    index: pd.Index[Any],
    costs: CostModel,
    capital_usd: float,
) -> Any:
    """Return cells side by side, each its symbols and a financing column."""
    vectorbt = installed()
    width = len(window.symbols) + 1
    count = sizes.shape[1] // width
    priced = np.tile(np.hstack([window.marks, np.ones((len(sizes), 1))]), (1, count))
    fees = np.append(np.full(width - 1, costs.proportional), 0.0)
    columns = pd.MultiIndex.from_product(
        [range(count), [*window.symbols, FINANCING]], names=["cell", "symbol"]
    )
    return vectorbt.Portfolio.from_orders(
        pd.DataFrame(priced, index=index, columns=columns),
        size=sizes,
        size_type="amount",
        price=priced,
        fees=np.tile(fees, count)[None, :],
        direction="both",
        init_cash=capital_usd,
        group_by=np.repeat(np.arange(count), width),
        cash_sharing=True,
        call_seq="auto",  # sells first: without it, high gross loses orders
        freq="12h",
    )


def _add(sizes: FloatPanel, row: int, column: int, size: float) -> None:
    size_before = sizes[row, column]
    sizes[row, column] = size if np.isnan(size_before) else size_before + size
