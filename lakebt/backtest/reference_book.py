"""The reference engine's book: the orders of a strategy as one vectorbt portfolio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lakebt.backtest.book import Book
from lakebt.backtest.reference import (
    columns_of,
    hold_beside,
    lend,
    portfolio_of,
    wrapped_once,
)
from lakebt.backtest.settlement import settle
from lakebt.sessions import session_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt._typing import FloatPanel, FloatVector, IntVector
    from lakebt.backtest.costs import CostModel
    from lakebt.backtest.rebalancing import Orders
    from lakebt.backtest.settlement import Flows
    from lakebt.backtest.window import PriceWindow
    from lakebt.prices.effects import Effect


def order_book(
    orders: Orders,
    *,
    window: PriceWindow,
    costs: CostModel,
    capital_usd: float,
    flows: Flows | None = None,
    kind: Any = None,
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
    kind
        As `portfolio_of` takes it.

    Returns
    -------
    vectorbt.Portfolio
        Two rows a session, indexed by the UTC instants of its open and close; before an
        open with flows of shares a third one, a microsecond earlier. The column
        `ACTIONS` has their cash.
    """
    acted = flows is not None and len(flows) > 0
    financing = len(window.symbols)
    sizes = np.full(
        (len(window.prices), len(columns_of(window.symbols, acted=acted))), np.nan
    )
    sizes[window.row(orders.row), orders.column] = orders.size
    marks, index = window.marks, window.instants
    fees = np.zeros((1, sizes.shape[1]))
    fees[:, :financing] = costs.proportional
    impact = np.zeros(sizes.shape)
    impact[window.row(orders.row), orders.column] = orders.impact
    lent = float(orders.traded.sum())
    first, beside = int(window.row(orders.row).min()), None
    if flows is not None and acted:
        moves = Moves.of(flows, window)
        beside = np.repeat(moves.cash_beside(flows, window.n_sessions), 2)
        lent += float(np.abs(moves.worth).sum() + np.abs(flows.cash).sum())
        opens = 2 * moves.sessions
        sizes = np.insert(sizes, opens, np.nan, axis=0)
        moves.add_to(sizes)
        marks, beside = (
            np.insert(each, opens, each[opens - 1], axis=0) for each in (marks, beside)
        )
        every = np.broadcast_to(fees, (len(index), sizes.shape[1]))
        fees = np.insert(every, opens, 0.0, axis=0)
        impact = np.insert(impact, opens, 0.0, axis=0)
        first += int(np.searchsorted(opens, first, side="right"))
        lent += hold_beside(sizes, beside, first=first, last=len(sizes) - 1)
        index = index.union(index[opens] - pd.Timedelta("1us"))
    lend(sizes, 2.0 * lent, financing, first=first, last=len(sizes) - 1)
    return portfolio_of(
        sizes,
        symbols=window.symbols,
        marks=marks,
        index=index,
        fees=fees,
        capital_usd=capital_usd,
        impact=impact if costs.has_impact else None,
        beside=None if beside is None else beside[:, None],
        kind=kind,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Moves:
    """Share changes by corporate actions, as trades at the marks of the close before.

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

    def add_to(self, sizes: FloatPanel) -> None:
        """Add the trades to panels with a row before the open of each session."""
        rows = 2 * self.session + np.searchsorted(self.sessions, self.session)
        for row, column, size in zip(rows, self.column, self.size, strict=True):
            before = sizes[row, column]
            sizes[row, column] = size if np.isnan(before) else before + size

    def cash_beside(self, flows: Flows, sessions: int) -> FloatVector:
        """Return the cash of actions instead of what their shares were traded for.

        Returns
        -------
        ndarray of shape (n_sessions,)
            In USD, from the first session on.
        """
        traded_for = np.bincount(self.session, weights=self.worth, minlength=sessions)
        beside: FloatVector = np.cumsum(flows.cash_by_session(sessions) + traded_for)
        return beside


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
        orders,
        window=window,
        costs=costs,
        capital_usd=capital_usd,
        flows=flows,
        kind=wrapped_once(),
    )
    moved = np.unique(Moves.of(flows, window).session)
    is_close = np.arange(1, 2 * sessions, 2)
    is_close += np.searchsorted(moved, np.arange(sessions), side="right")
    assets = portfolio.assets().to_numpy()[is_close]
    # What is lent, and what actions brought, is cash.
    beside = assets * portfolio.close.to_numpy()[is_close]
    beside = beside[:, len(window.symbols) :].sum(axis=1)
    return Book(
        positions=assets[:, : len(window.symbols)],
        cash=portfolio.cash().to_numpy().reshape(-1)[is_close] + beside,
        value=portfolio.value().to_numpy().reshape(-1)[is_close],
        flows=flows,
    )
