"""Prices whose changes are returns: of one share, and all that it brought."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lakebt.instants import EPOCH, TICK
from lakebt.prices.holding import Holdings
from lakebt.sessions import half_session

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from lakebt._typing import FloatPanel, FloatVector
    from lakebt.prices.history import PriceHistory
    from lakebt.prices.holding import Worth


class ReturnPrices:
    """Prices whose changes are returns, of the shares of a history.

    A split, a spin-off or a conversion changes what is held; dividends are put into the
    share again at the close before. Where nothing happened they are the bars.

    Parameters
    ----------
    history
    """

    def __init__(self, history: PriceHistory) -> None:
        self._history, self._holdings = history, Holdings(history)

    def window(self, symbols: Sequence[str], first: int, last: int) -> FloatPanel:
        """Return prices of shares held since a session, by the actions in force now.

        Parameters
        ----------
        symbols
            The columns. One without prices is all NaN.
        first, last
            Numbers of the first and the last session, inclusive.

        Returns
        -------
        ndarray of shape (2 * n_sessions, n_symbols)
            As `PriceHistory.window` gives them where nothing happened.
        """
        history, holdings = self._history, self._holdings
        prices = history.window(symbols, first, last)
        acted = holdings.acted(
            history.codes(symbols),
            entered=np.full(len(symbols), first),
            last=np.full(len(symbols), last),
        )
        at = np.arange(last - first + 1)
        for column in np.flatnonzero(acted).tolist():
            holding = holdings.follow(symbols[column], entered=first, last=last)
            opens, closes = _with_dividends(holding.worth(history))
            prices[half_session(at, "open"), column] = opens
            prices[half_session(at, "close"), column] = closes
        return prices

    def known_closes(
        self, symbol: str, first: int, last: int, *, before: dt.datetime
    ) -> FloatVector:
        """Return closes as bars and actions were known before an instant.

        Parameters
        ----------
        symbol
            One without prices has none.
        first, last
            Numbers of the first and the last session, inclusive.
        before
            UTC, exclusive.

        Returns
        -------
        ndarray of shape (n_sessions,)
            As `PriceHistory.known_closes` gives them where nothing had happened.
        """
        history, actions = self._history, self._history.actions
        micros = (before - EPOCH) // TICK
        if len(actions) and symbol in actions.symbols:
            rows = actions.in_force(before=micros)
            is_own = actions.symbol[rows] == actions.symbols.index(symbol)
            is_own &= (actions.session[rows] > first) & (actions.session[rows] <= last)
            if is_own.any():
                known = ReturnPrices(_known(history, before=micros))
                prices = known.window([symbol], first, last)[:, 0]
                return prices[half_session(0, "close") :: 2]
        return history.known_closes(symbol, first, last, before=before)


def _with_dividends(worth: Worth) -> tuple[FloatVector, FloatVector]:
    """Return opens and closes with each dividend in the price from its day on."""
    paid = np.diff(worth.dividends, prepend=0.0)
    before = np.concatenate([[np.nan], worth.marks[:-1]])
    with np.errstate(invalid="ignore", divide="ignore"):
        grown = np.where(paid != 0.0, 1.0 / (1.0 - paid / before), 1.0)
    factor = np.cumprod(grown)
    beside = worth.cash - worth.dividends  # of endings: it lies there
    return factor * (worth.opens + beside), factor * (worth.closes + beside)


def _known(history: PriceHistory, *, before: int) -> PriceHistory:
    """Return a history of what was known before an instant, in microseconds."""
    bars, actions = history.known_at < before, history.actions
    return replace(
        history,
        **{
            name: values[bars]
            for name in _OF_BARS
            if len(values := getattr(history, name)) == len(bars)
        },
        actions=actions.taken(np.flatnonzero(actions.known_at < before)),
    )


_OF_BARS = (
    *("symbol", "session", "known_at", "open", "close"),
    *("retracted", "untraded", "volume", "row_basis"),
)
