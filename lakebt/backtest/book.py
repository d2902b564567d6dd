"""The book of a strategy: shares, cash and value at every close."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from lakebt.backtest.settlement import settle
from lakebt.backtest.shorts import session_charges
from lakebt.sessions import session_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt._typing import FloatPanel, FloatVector
    from lakebt.backtest.costs import CostModel
    from lakebt.backtest.rebalancing import Orders
    from lakebt.backtest.settlement import Flows
    from lakebt.backtest.window import PriceWindow
    from lakebt.prices.effects import Effect


@dataclass(frozen=True, kw_only=True, eq=False)
class Book:
    """A portfolio at the close of every session, before borrow.

    Attributes
    ----------
    positions : ndarray of shape (n_sessions, n_symbols)
        Signed numbers of shares, of the day.
    cash : ndarray of shape (n_sessions,)
        In USD, after commission and spread.
    value : ndarray of shape (n_sessions,)
        Cash and positions at the last known closes, in USD.
    flows : Flows
        What corporate actions brought and took.
    """

    positions: FloatPanel
    cash: FloatVector
    value: FloatVector
    flows: Flows


class Bookkeeper(Protocol):
    """Turns orders into a book; every engine gives the same."""

    def __call__(
        self,
        orders: Orders,
        *,
        window: PriceWindow,
        costs: CostModel,
        capital_usd: float,
        effects: Sequence[Effect] = (),
    ) -> Book:
        """Return the book of `orders`.

        Parameters
        ----------
        orders
            At least one.
        window
            The prices of every symbol they trade.
        costs, capital_usd
            The run's.
        effects
            What corporate actions do, by session.

        Raises
        ------
        UntradeableError
            If what is held ends in what has no price: see `settle`.
        """
        ...


def keep_book(
    orders: Orders,
    *,
    window: PriceWindow,
    costs: CostModel,
    capital_usd: float,
    effects: Sequence[Effect] = (),
) -> Book:
    """Return the book of `orders`, as running sums; see `Bookkeeper`."""
    sessions = window.n_sessions
    session = session_of(orders.row) - window.first
    positions = np.zeros((sessions, len(window.symbols)))
    np.add.at(positions, (session, orders.column), orders.size)
    flows = settle(positions, effects, window=window)
    paid = orders.size * orders.price + orders.traded * costs.proportional
    paid += orders.impact
    spent = np.bincount(session, weights=paid, minlength=sessions)
    cash = np.asarray(capital_usd - np.cumsum(spent), dtype=np.float64)
    if len(flows):
        cash += np.cumsum(flows.cash_by_session(sessions))
    value: FloatVector = cash + np.einsum("ij,ij->i", positions, window.closes)
    return Book(positions=positions, cash=cash, value=value, flows=flows)


def borrow_by_session(
    book: Book, *, window: PriceWindow, costs: CostModel
) -> FloatVector:
    """Return the borrow of each session on the shorts of the close before, in USD.

    Returns
    -------
    ndarray of shape (n_sessions,)
        The value of the shorts at the close before, times the calendar days since it,
        over 360, at the rate told of that close's session, else at that of the costs;
        nothing in the first session.
    """
    sessions = len(book.positions)
    charges = np.zeros(sessions)
    if costs.borrow_per_day > 0.0 or window.rates is not None:
        short = np.clip(-book.positions[:-1], 0.0, None)
        rates = None if window.rates is None else window.rates[:-1]
        days = window.sessions.days_since[window.first :][1:sessions]
        owed = session_charges(short, window.closes[:-1], rates, costs)
        charges[1:] = owed * days
    return charges
