"""The borrow of a strategy's shorts before a decision, at the rates known then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lakebt.backtest.costs import RATE_PER_DAY

if TYPE_CHECKING:
    from lakebt._typing import FloatPanel, FloatVector, IntVector
    from lakebt.backtest.costs import CostModel
    from lakebt.backtest.window import PriceWindow
    from lakebt.prices.history import PriceHistory


def session_charges(
    short: FloatPanel, closes: FloatPanel, rates: FloatPanel | None, costs: CostModel
) -> FloatVector:
    """Return the borrow of shorts per calendar day after each close, in USD.

    Parameters
    ----------
    short, closes : ndarray of shape (n_sessions, n_symbols)
        Shares that are short at the close, and its price.
    rates : ndarray of shape (n_sessions, n_symbols) or None
        In basis points per year; where it is NaN the rate of the costs is paid.
    costs
    """
    if rates is None:
        plain = np.einsum("ij,ij->i", short, closes)
        charges: FloatVector = costs.borrow_per_day * plain
        return charges
    is_told = np.isfinite(rates)
    value = short * closes
    unlent = np.where(is_told, 0.0, value).sum(axis=1)
    lent = np.where(is_told, value * np.nan_to_num(rates), 0.0).sum(axis=1)
    unlent = costs.borrow_per_day * unlent
    each: FloatVector = unlent + RATE_PER_DAY * lent
    return each


class Shorts:
    """The borrow of an account's short shares.

    A rate that is known at or after a deadline is not there for its decision; the next
    one that knows it takes what was paid for the sessions before to be otherwise.

    Parameters
    ----------
    history
        Its borrow rates, all vintages.
    window
        Its symbols are the columns.
    costs
    before : ndarray of shape (n_decisions,)
        Deadlines, microseconds since 1970 UTC.
    """

    def __init__(
        self,
        history: PriceHistory,
        *,
        window: PriceWindow,
        costs: CostModel,
        before: IntVector,
    ) -> None:
        self._window, self._costs, self._before = window, costs, before.tolist()
        rates = history.borrow.of(window.symbols)
        shape = window.n_sessions, len(window.symbols)
        session = rates.session - window.first
        rows = np.flatnonzero((session >= 0) & (session < shape[0]))
        rows = rows[np.argsort(rates.known_at[rows], kind="stable")]
        columns = np.array([window.columns[s] for s in rates.symbols], dtype=np.int64)
        self._known_at = rates.known_at[rows]
        self._at = session[rows], columns[rates.symbol[rows]]
        self._rate = np.where(rates.retracted[rows], np.nan, rates.rate[rows])
        self._next = 0
        self._rates = np.full(shape, np.nan) if len(rows) else None
        self._held = np.zeros(shape) if len(rows) else None
        self._days = window.sessions.days_since[window.first :][1 : shape[0]]

    def learn(self, number: int) -> float:
        """Advance to a decision's deadline; return the additional borrow owed."""
        if self._rates is None or self._held is None:
            return 0.0
        end = int(np.searchsorted(self._known_at, self._before[number]))
        new = slice(self._next, end)
        self._next = end
        session, column = (each[new] for each in self._at)
        if not len(session):
            return 0.0
        own = np.unique(session[self._held[session].any(axis=1)])
        own = own[own < len(self._days)]
        paid = self._paid(self._rates, self._held[own], own)
        self._rates[session, column] = self._rate[new]  # of two the later one counts
        return self._paid(self._rates, self._held[own], own) - paid

    def _paid(self, rates: FloatPanel, held: FloatPanel, own: IntVector) -> float:
        """Return the borrow of some sessions' shares until the next session, in USD."""
        short, closes = np.clip(-held, 0.0, None), self._window.closes[own]
        charges = session_charges(short, closes, rates[own], self._costs)
        return float((charges * self._days[own]).sum())

    def paid(self, shares: FloatVector, start: int, end: int) -> float:
        """Return the borrow of shares from one session to another, in USD.

        Parameters
        ----------
        shares : ndarray of shape (n_symbols,)
            Held at the closes from `start` to the one before `end`.
        start, end
            Counted from the window's first.
        """
        own = np.arange(start, end)
        if self._rates is not None and self._held is not None:
            self._held[own] = shares
            return self._paid(self._rates, self._held[own], own)
        if not self._costs.borrow_per_day > 0.0:
            return 0.0
        closes = self._window.closes[start:end]
        value = np.einsum("ij,j->i", closes, np.clip(-shares, 0.0, None))
        return float((self._costs.borrow_per_day * value * self._days[own]).sum())
