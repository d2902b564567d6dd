"""The equity of a trade, session by session, as every engine returns it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from lakebt.backtest.costs import RATE_PER_DAY
from lakebt.sessions import exposed_from, session_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lakebt._typing import FloatVector, IntVector
    from lakebt.backtest.costs import CostModel
    from lakebt.backtest.trades import Trade
    from lakebt.backtest.window import PriceWindow


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
    worth : ndarray of shape (n_sessions - 1,)
        What is held at every close but the last, longs and shorts added up, in USD.
    capital_usd : float
        Before the entry.
    commission_usd, spread_usd, borrow_usd, impact_usd : float
        Paid over the whole trade.
    """

    first: int
    equity: FloatVector
    gross_equity: FloatVector
    worth: FloatVector
    capital_usd: float
    commission_usd: float
    spread_usd: float
    borrow_usd: float
    impact_usd: float = 0.0

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
        window: PriceWindow,
        costs: CostModel,
        capital_usd: float,
    ) -> list[Outcome]:
        """Run all `trades`.

        Parameters
        ----------
        trades
            Cells of one event.
        window
            The prices of every symbol they hold, from entry to exit.
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
    return exposed_from(trade.entry_row), session_of(trade.exit_row)


def borrow_charges(
    trade: Trade, *, window: PriceWindow, costs: CostModel
) -> FloatVector:
    """Return the borrow paid in each session with exposure, in USD.

    Each session bears the value at the close before of what was short then, times the
    calendar days since that close, over 360: at the rate told of that close's session,
    else at that of the costs. A symbol held on both sides is short by their sum.

    Returns
    -------
    ndarray of shape (n_exposed_sessions,)
    """
    first, last = exposure(trade)
    charges = np.zeros(last - first + 1)
    if _is_free(window, costs):
        return charges
    # Session 1 + i is charged on the close of session i, if the short was on by then.
    entered = session_of(trade.entry_row)
    for symbol, size, left in _holdings(trade):
        # Held at the close of every session from the entry's to the one before the
        # exit's; an exit at the close ends before that close's charge.
        if not (size < 0.0).any():
            continue
        held = np.arange(entered, left)
        for charge in _nights(symbol, np.maximum(-size, 0.0), held, window, costs):
            charges[held + 1 - first] += charge
    return charges


def _is_free(window: PriceWindow, costs: CostModel) -> bool:
    """Whether shorts pay no borrow."""
    return costs.borrow_per_day == 0.0 and window.rates is None and not window.worths


def _nights(
    symbol: str,
    short: FloatVector,
    held: IntVector,
    window: PriceWindow,
    costs: CostModel,
) -> Iterator[FloatVector]:
    """Yield the borrow of shares from each session's close to the next, in USD.

    By the rate of the costs, and by those that are told, if there are any.
    """
    days = window.sessions.days_since[held[0] + 1 : held[-1] + 2]
    unlent, lent = window.lending(symbol, held)
    yield costs.borrow_per_day * (short * unlent) * days
    if lent is not None:
        yield RATE_PER_DAY * (short * lent) * days


def borrow_by_position(
    trade: Trade, *, window: PriceWindow, costs: CostModel
) -> FloatVector:
    """Return the borrow that each position of a trade paid, in USD.

    Of a symbol held on both sides, its shorts pay for what is short in all, each by its
    part of them.

    Returns
    -------
    ndarray of shape (n_positions,)
        Together what `borrow_charges` gives in all; 0 for what is long.
    """
    paid = np.zeros(len(trade.positions))
    if _is_free(window, costs):
        return paid
    entered, opposed = session_of(trade.entry_row), trade.opposed
    length = session_of(trade.exit_row) - entered
    sums = {symbol: np.zeros((2, length)) for symbol in opposed}
    for position in trade.positions:
        if position.symbol in opposed:
            nights = session_of(position.exit_row) - entered
            total = sums[position.symbol]
            total[0, :nights] += position.size
            total[1, :nights] += max(-position.size, 0.0)
    for number, position in enumerate(trade.positions):
        held = np.arange(entered, session_of(position.exit_row))
        if position.size >= 0.0 or not len(held):
            continue
        short = np.full(len(held), -position.size)
        if position.symbol in opposed:
            net, shorts = sums[position.symbol][:, : len(held)]
            short *= np.maximum(-net, 0.0) / shorts
        each = _nights(position.symbol, short, held, window, costs)
        paid[number] = sum(float(night.sum()) for night in each)
    return paid


def gross_worth(trade: Trade, *, window: PriceWindow) -> FloatVector:
    """Return the gross value at each close with exposure except the last, in USD.

    Returns
    -------
    ndarray of shape (n_exposed_sessions - 1,)
        Longs and shorts added up; of a symbol held on both sides their difference.
    """
    first, last = exposure(trade)
    worth = np.zeros(last - first)
    skipped = first - session_of(trade.entry_row)
    for symbol, size, left in _holdings(trade):
        held = np.arange(first, left)
        closes = window.closes[held - window.first, window.columns[symbol]]
        worth[held - first] += np.abs(size[skipped : skipped + len(held)]) * closes
    return worth


def _holdings(trade: Trade) -> Iterator[tuple[str, FloatVector, int]]:
    """Yield positions: symbol, shares by session, and the session they end by."""
    opposed, entered = trade.opposed, session_of(trade.entry_row)
    length = session_of(trade.exit_row) - entered
    sums: dict[str, FloatVector] = {}
    for position in trade.positions:
        left = session_of(position.exit_row)
        if position.symbol in opposed:
            held = sums.setdefault(position.symbol, np.zeros(length))
            held[: left - entered] += position.size
        else:
            yield position.symbol, np.full(left - entered, position.size), left
    for symbol, held in sums.items():
        yield symbol, held, entered + length
