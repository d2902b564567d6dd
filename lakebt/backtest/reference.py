"""The reference engine: the same orders through ``vectorbt.Portfolio.from_orders``.

Each session is two rows, its open and its close, so that an order at either is filled
at the named price and the close marks it; the daily values are those of the close rows.

vectorbt knows no cash but that of orders. Two columns beside those of the symbols stand
for what it lacks: `FINANCING`, and `ACTIONS` where corporate actions paid or took cash.
"""

from __future__ import annotations

import functools
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lakebt.backtest.costs import BPS
from lakebt.backtest.outcome import Outcome, borrow_charges, exposure, gross_worth
from lakebt.backtest.window import fill_gaps
from lakebt.errors import InvalidArgumentError
from lakebt.sessions import half_session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt._typing import FloatPanel, FloatVector
    from lakebt.backtest.costs import CostModel
    from lakebt.backtest.trades import Trade
    from lakebt.backtest.window import PriceWindow


FINANCING = "financing"
"""The column that lends what levered longs need; its price is 1 throughout."""

ACTIONS = "actions"
"""The column whose one share is worth what actions brought beside the shares."""


def installed() -> Any:
    """Return vectorbt itself.

    Raises
    ------
    InvalidArgumentError
        If it cannot be had. Nothing but this engine needs it.
    """
    try:
        # Deprecations inside vectorbt are hidden: users of lakebt cannot fix them.
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


def wrapped_once() -> Any:
    """Return vectorbt's portfolio class with its wrapper made only once.

    vectorbt's own copies it and all settings 35 times on the way to a value, which is
    half of the engine's time. `to_vectorbt` still returns vectorbt's own portfolio.

    Raises
    ------
    InvalidArgumentError
        As `installed`.
    """
    return _with_kept_wrapper(installed().Portfolio)


@functools.cache
def _with_kept_wrapper(portfolio: Any) -> Any:
    wrapper = functools.cached_property(portfolio.wrapper.fget)
    return type(portfolio.__name__, (portfolio,), {"wrapper": wrapper})


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
        kind=wrapped_once(),
    )
    value = portfolio.value().to_numpy().reshape(shape)
    orders = portfolio.order_records
    fees = np.zeros(shape)
    cell = orders["col"] // len(columns_of(window.symbols, acted=bool(window.worths)))
    np.add.at(fees, (orders["idx"], cell), orders["fees"])
    paid = np.cumsum(fees, axis=0)
    share = costs.commission_bps * BPS / (costs.proportional or 1.0)
    outcomes = []
    for number, trade in enumerate(trades):
        own = value[:, number]
        first, last = exposure(trade)
        rows = window.row(half_session(np.arange(first, last + 1), "close"))
        borrow = borrow_charges(trade, window=window, costs=costs)
        impact = sum(order.impact_usd(costs) for order in trade.orders())
        total = float(paid[rows[-1], number]) - impact
        outcomes.append(
            Outcome(
                first=first,
                equity=own[rows] - np.cumsum(borrow),
                gross_equity=own[rows] + paid[rows, number],
                worth=gross_worth(trade, window=window),
                capital_usd=capital_usd,
                commission_usd=total * share,
                spread_usd=total * (1.0 - share),
                borrow_usd=float(borrow.sum()),
                impact_usd=impact,
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


def _from_trades(
    trades: Sequence[Trade],
    *,
    window: PriceWindow,
    index: pd.Index[Any],
    costs: CostModel,
    capital_usd: float,
    kind: Any = None,
) -> Any:
    acted = bool(window.worths)
    width = len(columns_of(window.symbols, acted=acted))
    sizes = np.full((len(window.prices), width * len(trades)), np.nan)
    impact = np.zeros(sizes.shape) if costs.has_impact else None
    free = np.zeros(width)
    free[: len(window.symbols)] = costs.proportional
    fees = np.tile(free, (1, len(trades)))
    if acted:
        fees = np.tile(fees, (len(sizes), 1))
    beside = np.zeros((len(sizes), len(trades))) if acted else None
    for number, trade in enumerate(trades):
        own = slice(number * width, (number + 1) * width)
        if impact is not None:
            for order in trade.orders():
                row, column = window.row(order.row), window.columns[order.symbol]
                impact[row, own][column] += order.impact_usd(costs)
        enter, leave = window.row(trade.entry_row), window.row(trade.exit_row)
        for position in trade.positions:
            column = window.columns[position.symbol]
            left = window.row(position.exit_row)
            _add(sizes[enter, own], column, position.size)
            _add(sizes[left, own], column, -position.size)
            if position.exit_price == 0.0:  # it has ended: nothing is paid for
                fees[left, own][column] = 0.0
        # vectorbt clips longs that cash cannot pay for; that amount is lent meanwhile.
        lent = 2.0 * sum(
            abs(position.size) * position.entry_price for position in trade.positions
        )
        if beside is not None:
            beside[:, number] = _beside(trade, window)
            lent += 2.0 * hold_beside(
                sizes[:, own], beside[:, number], first=enter, last=leave
            )
        lend(sizes[:, own], lent, len(window.symbols), first=enter, last=leave)
    return portfolio_of(
        sizes,
        symbols=window.symbols,
        marks=_without_zeros(window.marks),
        index=index,
        fees=fees,
        capital_usd=capital_usd,
        impact=impact,
        beside=beside,
        kind=kind,
    )


def _beside(trade: Trade, window: PriceWindow) -> FloatVector:
    """Return the cash that a trade's shares have paid by each row, in USD.

    vectorbt has no price of 0: a share that has ended stays at its last price there,
    and is sold at it; that is taken off again.
    """
    beside = np.zeros(len(window.prices))
    for position in trade.positions:
        cash = window.cash(position.symbol)
        if cash is None:
            continue
        start = int(window.row(half_session(window.entered, "open")))
        until = int(window.row(position.exit_row))
        column = window.columns[position.symbol]
        got = np.zeros(len(beside))
        rows = slice(start, start + 2 * len(cash))
        got[rows] = np.repeat(cash, 2)
        got[until:] = position.exit_cash
        gone = window.marks[:, column] == 0.0
        gone[until:] = position.exit_price == 0.0
        got -= np.where(gone, _without_zeros(window.marks)[:, column], 0.0)
        beside += position.size * got
    return beside


def _without_zeros(marks: FloatPanel) -> FloatPanel:
    """Return marks with zeros replaced by the last mark above 0."""
    if not (marks == 0.0).any():
        return marks
    return fill_gaps(np.where(marks == 0.0, np.nan, marks))


def columns_of(symbols: Sequence[str], *, acted: bool) -> list[str]:
    """Return the columns of a cell."""
    return [*symbols, FINANCING, *([ACTIONS] if acted else [])]


def hold_beside(
    sizes: FloatPanel, beside: FloatVector, *, first: int, last: int
) -> float:
    """Add one share of `ACTIONS`, the last column; return its largest price."""
    _add(sizes[first], -1, 1.0)
    _add(sizes[last], -1, -1.0)
    return float(_worth_of(beside[:, None]).max())


def lend(sizes: FloatPanel, usd: float, column: int, *, first: int, last: int) -> None:
    """Lend an amount in one row, to be paid back in another."""
    _add(sizes[first], column, -usd)
    _add(sizes[last], column, usd)


def _worth_of(beside: FloatPanel) -> FloatPanel:
    """Return prices of `ACTIONS`, which have to be above 0, shape (n_rows, n_cells)."""
    worth: FloatPanel = beside + (1.0 - np.minimum(beside.min(axis=0), 0.0))
    return worth


def portfolio_of(
    sizes: FloatPanel,
    *,
    symbols: Sequence[str],
    marks: FloatPanel,
    impact: FloatPanel | None = None,
    index: pd.Index[Any],
    fees: FloatPanel,
    capital_usd: float,
    beside: FloatPanel | None = None,
    kind: Any = None,
) -> Any:
    """Return cells side by side, each with the columns of `columns_of`.

    Parameters
    ----------
    sizes : ndarray of shape (n_rows, n_columns)
        Of the orders; NaN for none.
    symbols
    marks : ndarray of shape (n_rows, n_symbols)
        At which everything is traded.
    impact : ndarray of shape (n_rows, n_columns), optional
        Of each order, in USD.
    index
    fees : ndarray of shape (1 or n_rows, n_columns)
    capital_usd
    beside : ndarray of shape (n_rows, n_cells), optional
        What actions brought by each row, in USD.
    kind
        The class of the portfolio; vectorbt's own unless given.
    """
    kind = kind or installed().Portfolio
    names = columns_of(symbols, acted=beside is not None)
    count = sizes.shape[1] // len(names)
    priced = np.tile(np.hstack([marks, np.ones((len(sizes), 1))]), (1, count))
    if beside is not None:
        each = np.ones((len(sizes), count, len(names)))
        each[:, :, : len(symbols)] = marks[:, None, :]
        each[:, :, -1] = _worth_of(beside)
        priced = each.reshape(sizes.shape)
    columns = pd.MultiIndex.from_product(
        [range(count), names], names=["cell", "symbol"]
    )
    return kind.from_orders(
        pd.DataFrame(priced, index=index, columns=columns),
        size=sizes,
        size_type="amount",
        price=priced,
        fees=fees,
        fixed_fees=0.0 if impact is None else impact,
        direction="both",
        init_cash=capital_usd,
        group_by=pd.Index(np.repeat(np.arange(count), len(names))),
        cash_sharing=True,
        call_seq="auto",  # sells first: without it, high gross loses orders
        freq="12h",
    )


def _add(sizes: FloatVector, column: int, size: float) -> None:
    size_before = sizes[column]
    sizes[column] = size if np.isnan(size_before) else size_before + size
