"""The reference engine: the same orders through ``vectorbt.Portfolio.from_orders``.

Each session is two rows, its open and its close, so that an order at either is filled
at the named price and the close marks it; the daily values are those of the close rows.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lakebt.backtest.book import Book
from lakebt.backtest.costs import BPS
from lakebt.backtest.outcome import Outcome, borrow_charges, exposure, gross_worth
from lakebt.backtest.settlement import settle
from lakebt.backtest.window import fill_gaps
from lakebt.errors import InvalidArgumentError
from lakebt.sessions import half_session, session_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt._typing import FloatPanel, FloatVector, IntVector
    from lakebt.backtest.costs import CostModel
    from lakebt.backtest.rebalancing import Orders
    from lakebt.backtest.settlement import Flows
    from lakebt.backtest.trades import Trade
    from lakebt.backtest.window import PriceWindow
    from lakebt.prices.effects import Effect


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
        own = value[:, number]
        if window.worths:
            own = own + _beside(trade, window)
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


def _beside(trade: Trade, window: PriceWindow) -> FloatVector:
    """Return the cash that a trade's shares brought by each row, in USD.

    vectorbt has no price of 0: a share that has ended stays at its last price there,
    and that is taken off again.
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
    """Return marks, those that are 0 at the last one that was not."""
    if not (marks == 0.0).any():
        return marks
    return fill_gaps(np.where(marks == 0.0, np.nan, marks))


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
    orders: Orders,
    *,
    window: PriceWindow,
    costs: CostModel,
    capital_usd: float,
    flows: Flows | None = None,
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
    flows
        What corporate actions did to it. Shares that they bring or take are traded at
        the marks of the close before, without fees, in a row of their own.

    Returns
    -------
    vectorbt.Portfolio
        Two rows a session, indexed by the UTC instants of its open and close; before an
        open with flows a third one, a microsecond earlier. It lacks their cash.
    """
    financing = len(window.symbols)
    sizes = np.full((len(window.prices), financing + 1), np.nan)
    sizes[window.row(orders.row), orders.column] = orders.size
    marks, index = window.marks, window.instants
    fees = np.append(np.full(financing, costs.proportional), 0.0)[None, :]
    impact = np.zeros(sizes.shape)
    impact[window.row(orders.row), orders.column] = orders.impact
    moves = None if flows is None else Moves.of(flows, window)
    # Cash of actions is not here, and may pay for what is bought.
    lent = float(orders.traded.sum())
    if flows is not None and moves is not None:
        lent += float(np.abs(moves.worth).sum() + np.abs(flows.cash).sum())
    _add(sizes, int(window.row(orders.row).min()), financing, -2.0 * lent)
    _add(sizes, len(sizes) - 1, financing, 2.0 * lent)
    if moves is not None and len(moves.size):
        opens = 2 * moves.sessions
        sizes = np.insert(sizes, opens, np.nan, axis=0)
        for place in range(len(moves.size)):
            row, column = int(moves.rows[place]), int(moves.column[place])
            _add(sizes, row, column, float(moves.size[place]))
        marks = np.insert(marks, opens, marks[opens - 1], axis=0)
        every = np.broadcast_to(fees, (len(index), financing + 1))
        fees = np.insert(every, opens, 0.0, axis=0)
        impact = np.insert(impact, opens, 0.0, axis=0)
        index = index.union(index[opens] - pd.Timedelta("1us"))
    return _portfolio(
        sizes,
        symbols=window.symbols,
        marks=marks,
        index=index,
        fees=fees,
        capital_usd=capital_usd,
        impact=impact if costs.has_impact else None,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Moves:
    """Shares that actions bring and take, as trades at the marks of the close before.

    Attributes
    ----------
    sessions : ndarray
        Those with any, rising, counted from the window's first.
    session, column, size, worth : ndarray of shape (n_moves,)
        Of each trade; `worth` is its size at the mark, in USD.
    """

    sessions: IntVector
    session: IntVector
    column: IntVector
    size: FloatVector
    worth: FloatVector

    @classmethod
    def of(cls, flows: Flows, window: PriceWindow) -> Moves:
        """Return the trades that stand for `flows`."""
        given = flows.other >= 0
        kept = np.flatnonzero(flows.after != flows.before)
        # Two splits of a day are one change.
        pairs = np.stack([flows.session[kept], flows.column[kept]])
        kept = kept[np.unique(pairs, axis=1, return_index=True)[1]]
        session = np.concatenate([flows.session[kept], flows.session[given]])
        column = np.concatenate([flows.column[kept], flows.other[given]])
        change = flows.after[kept] - flows.before[kept]
        size = np.concatenate([change, flows.received[given]])
        return cls(
            sessions=np.unique(session),
            session=session,
            column=column,
            size=size,
            worth=size * window.marks[2 * session - 1, column],
        )

    @property
    def rows(self) -> IntVector:
        """The row of each, with one more before the open of every session with any."""
        return 2 * self.session + np.searchsorted(self.sessions, self.session)


def keep_vectorbt(
    orders: Orders,
    *,
    window: PriceWindow,
    costs: CostModel,
    capital_usd: float,
    effects: Sequence[Effect] = (),
) -> Book:
    """Return the book of `orders`, as vectorbt keeps it; see `Bookkeeper`."""
    sessions = window.n_sessions
    changes = np.zeros((sessions, len(window.symbols)))
    traded = session_of(orders.row) - window.first
    np.add.at(changes, (traded, orders.column), orders.size)
    flows = settle(changes, effects, window=window)
    portfolio = order_book(
        orders, window=window, costs=costs, capital_usd=capital_usd, flows=flows
    )
    moves = Moves.of(flows, window)
    is_close = np.arange(1, 2 * sessions, 2)
    is_close += np.searchsorted(moves.sessions, np.arange(sessions), side="right")
    assets = portfolio.assets().to_numpy()[is_close]
    lent = assets[:, -1]  # at the constant price 1
    cash = portfolio.cash().to_numpy().reshape(-1)[is_close] + lent
    value = portfolio.value().to_numpy().reshape(-1)[is_close]
    if len(flows):
        # The cash of the actions, instead of what their shares were traded for.
        traded_for = np.bincount(moves.session, weights=moves.worth, minlength=sessions)
        beside = np.cumsum(flows.cash_by_session(sessions) + traded_for)
        cash, value = cash + beside, value + beside
    return Book(positions=assets[:, :-1], cash=cash, value=value, flows=flows)


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
    impact = np.zeros(sizes.shape) if costs.has_impact else None
    for number, trade in enumerate(trades):
        if impact is not None:
            for order in trade.orders():
                column = number * width + window.columns[order.symbol]
                impact[window.row(order.row), column] += order.impact_usd(costs)
        enter = window.row(trade.entry_row)
        for position in trade.positions:
            column = number * width + window.columns[position.symbol]
            _add(sizes, enter, column, position.size)
            if position.exit_price != 0.0:  # else it has ended: nothing is sold
                _add(sizes, window.row(position.exit_row), column, -position.size)
        # vectorbt clips longs that cash cannot pay for; that amount is lent meanwhile.
        lent = 2.0 * sum(
            abs(position.size) * position.entry_price for position in trade.positions
        )
        financing = (number + 1) * width - 1
        _add(sizes, enter, financing, -lent)
        _add(sizes, window.row(trade.exit_row), financing, lent)
    fees = np.append(np.full(len(window.symbols), costs.proportional), 0.0)
    return _portfolio(
        sizes,
        symbols=window.symbols,
        marks=_without_zeros(window.marks),
        index=index,
        fees=fees[None, :],
        capital_usd=capital_usd,
        impact=impact,
    )


def _portfolio(
    sizes: FloatPanel,
    *,
    symbols: Sequence[str],
    marks: FloatPanel,
    impact: FloatPanel | None = None,
    index: pd.Index[Any],
    fees: FloatPanel,
    capital_usd: float,
) -> Any:
    """Return cells side by side, each its symbols and a financing column."""
    vectorbt = installed()
    width = len(symbols) + 1
    count = sizes.shape[1] // width
    priced = np.tile(np.hstack([marks, np.ones((len(sizes), 1))]), (1, count))
    columns = pd.MultiIndex.from_product(
        [range(count), [*symbols, FINANCING]], names=["cell", "symbol"]
    )
    return vectorbt.Portfolio.from_orders(
        pd.DataFrame(priced, index=index, columns=columns),
        size=sizes,
        size_type="amount",
        price=priced,
        fees=np.tile(fees, (1, count)),
        fixed_fees=0.0 if impact is None else impact,
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
