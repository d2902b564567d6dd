"""What an engine returns: the equity of a trade, session by session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt._typing import FloatPanel, FloatVector, IntVector
    from lakebt.backtest.costs import CostModel
    from lakebt.backtest.trades import Trade
    from lakebt.sessions import Sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The equity of one trade at the close of each session with exposure.

    Attributes
    ----------
    first : int
        Number of the first session with market exposure: the entry's, or the next one
        after an entry at the close.
    equity : ndarray of shape (n_sessions,)
        After costs, in USD.
    gross_equity : ndarray of shape (n_sessions,)
        Before costs, in USD.
    capital_usd : float
        Before the entry.
    commission_usd, spread_usd, borrow_usd : float
        Paid over the whole trade.
    """

    first: int
    equity: FloatVector
    gross_equity: FloatVector
    capital_usd: float
    commission_usd: float
    spread_usd: float
    borrow_usd: float

    @property
    def is_ruined(self) -> bool:
        """Whether equity reached zero."""
        return bool(min(self.equity.min(), self.gross_equity.min()) <= 0.0)

    @property
    def sessions(self) -> IntVector:
        """Numbers of the sessions with market exposure."""
        return np.arange(self.first, self.first + len(self.equity))

    @property
    def net_returns(self) -> FloatVector:
        """Equity over the equity of the session before, less 1; shape (n_sessions,)."""
        before = np.concatenate([[self.capital_usd], self.equity[:-1]])
        returns: FloatVector = self.equity / before - 1.0
        return returns

    @property
    def net_return(self) -> float:
        """Over the whole trade, as a fraction of capital."""
        return float(self.equity[-1] / self.capital_usd - 1.0)

    @property
    def gross_return(self) -> float:
        """Over the whole trade before costs, as a fraction of capital."""
        return float(self.gross_equity[-1] / self.capital_usd - 1.0)


class Engine(Protocol):
    """Turns the trades of one event into outcomes; every engine gives the same."""

    def __call__(
        self,
        trades: Sequence[Trade],
        *,
        symbols: Sequence[str],
        prices: FloatPanel,
        first_session: int,
        sessions: Sessions,
        costs: CostModel,
        capital_usd: float,
    ) -> list[Outcome]:
        """Run all `trades`.

        Parameters
        ----------
        trades
            Cells of one event.
        symbols
            The columns of `prices`; every position's is among them.
        prices : ndarray of shape (2 * n_sessions, n_symbols)
            Opens in even rows and closes in odd ones, NaN where there is no bar; covers
            every trade from entry to exit.
        first_session
            Number of the session of the first two rows.
        sessions
            The exchange calendar, for the days between closes.
        costs, capital_usd
            The study's.

        Returns
        -------
        list of Outcome
            One per trade, in their order.
        """
        ...


def exposure(trade: Trade) -> tuple[int, int]:
    """Return the first and the last session with market exposure.

    An entry at the close begins with the next session.
    """
    return (trade.entry_row + 1) // 2, trade.exit_row // 2


def marks(prices: FloatPanel) -> FloatPanel:
    """Return `prices` with each gap filled by the last price before it.

    Leading gaps take the first price; they are never held. A column without any price
    is 1 throughout.
    """
    filled = prices.copy()
    rows = np.arange(len(prices))[:, None]
    last = np.maximum.accumulate(np.where(np.isnan(prices), -1, rows), axis=0)
    taken = np.take_along_axis(filled, np.maximum(last, 0), axis=0)
    first = np.argmax(~np.isnan(prices), axis=0)
    head = filled[first, np.arange(prices.shape[1])]
    result: FloatPanel = np.where(last >= 0, taken, np.where(np.isnan(head), 1.0, head))
    return result


def borrow_charges(
    trade: Trade,
    *,
    columns: Sequence[int],
    closes: FloatPanel,
    first_session: int,
    sessions: Sessions,
    costs: CostModel,
) -> FloatVector:
    """Return the borrow paid in each session with exposure, in USD.

    Each session bears the value at the close before of what was short then, times the
    calendar days since that close, over 360.

    Parameters
    ----------
    trade
        The positions.
    columns
        Of each position in `closes`.
    closes : ndarray of shape (n_sessions, n_symbols)
        Without gaps.
    first_session
        Number of the session of the first row.
    sessions
        The exchange calendar.
    costs
        The rates.

    Returns
    -------
    ndarray of shape (n_exposed_sessions,)
    """
    first, last = exposure(trade)
    charges = np.zeros(last - first + 1)
    if costs.borrow_per_day == 0.0:
        return charges
    # Session 1 + i is charged on the close of session i, if the short was on by then.
    entered = trade.entry_row // 2
    days = np.diff(sessions.days[entered : last + 1]).astype(np.int64)
    for position, column in zip(trade.positions, columns, strict=True):
        if position.size >= 0.0:
            continue
        # Held at the close of every session from the entry's to the one before the
        # exit's; an exit at the close ends before that close's charge.
        held = range(entered, position.exit_row // 2)
        rows = np.arange(held.start, held.stop) - first_session
        value = -position.size * closes[rows, column]
        charged = np.arange(held.start, held.stop) + 1 - first
        charges[charged] += costs.borrow_per_day * value * days[: len(rows)]
    return charges
