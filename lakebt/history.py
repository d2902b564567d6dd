"""Prices with all their vintages, for the few symbols a study touches."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lakebt.instants import EPOCH, TICK

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from lakebt._typing import FloatPanel, FloatVector, IntVector
    from lakebt.sessions import Sessions


@dataclass(frozen=True, kw_only=True, eq=False)
class PriceHistory:
    """Every vintage of every bar of some symbols that a view could see.

    Rows are sorted by symbol, session, known_at.

    Attributes
    ----------
    symbols : tuple of str
        Those that have at least one row.
    sessions
        The calendar that `session` counts in.
    symbol : ndarray of shape (n_rows,)
        Position in `symbols`.
    session : ndarray of shape (n_rows,)
        Number of the session.
    known_at : ndarray of shape (n_rows,)
        Microseconds since 1970 UTC.
    open, close : ndarray of shape (n_rows,)
    retracted : ndarray of shape (n_rows,)
        Whether the vintage withdraws the bar.
    basis : tuple of str
        The bases that occur, sorted.
    """

    symbols: tuple[str, ...]
    sessions: Sessions
    symbol: IntVector
    session: IntVector
    known_at: IntVector
    open: FloatVector
    close: FloatVector
    retracted: npt.NDArray[np.bool_]
    basis: tuple[str, ...] = ()

    @cached_property
    def _codes(self) -> dict[str, int]:
        return {symbol: code for code, symbol in enumerate(self.symbols)}

    @cached_property
    def _starts(self) -> IntVector:
        """Where each symbol's rows begin, and where the last one's end."""
        return np.searchsorted(self.symbol, np.arange(len(self.symbols) + 1))

    @cached_property
    def _newest(self) -> IntVector:
        """Return the rows in force now: the last of each bar, retractions dropped."""
        if len(self.symbol) == 0:
            return np.zeros(0, dtype=np.int64)
        last = np.ones(len(self.symbol), dtype=bool)
        last[:-1] = (self.symbol[1:] != self.symbol[:-1]) | (
            self.session[1:] != self.session[:-1]
        )
        return np.flatnonzero(last & ~self.retracted)

    def __contains__(self, symbol: str) -> bool:
        return symbol in self._codes

    def window(self, symbols: Sequence[str], first: int, last: int) -> FloatPanel:
        """Return the bars in force now.

        Parameters
        ----------
        symbols
            The columns. One without prices is all NaN.
        first, last
            Numbers of the first and the last session, inclusive.

        Returns
        -------
        ndarray of shape (2 * n_sessions, n_symbols)
            Row 2 i is the open of session ``first + i``, row 2 i + 1 its close. NaN
            where there is no bar.
        """
        prices = np.full((2 * (last - first + 1), len(symbols)), np.nan)
        for column, symbol in enumerate(symbols):
            if symbol not in self._codes:
                continue
            sessions, opens, closes = self._bars[self._codes[symbol]]
            lo, hi = np.searchsorted(sessions, [first, last + 1])
            rows = 2 * (sessions[lo:hi] - first)
            prices[rows, column] = opens[lo:hi]
            prices[rows + 1, column] = closes[lo:hi]
        return prices

    @cached_property
    def _bars(self) -> list[tuple[IntVector, FloatVector, FloatVector]]:
        """Return each symbol's bars in force now: sessions, opens, closes."""
        rows = self._newest
        cuts = np.searchsorted(self.symbol[rows], np.arange(len(self.symbols) + 1))
        return [
            (self.session[part], self.open[part], self.close[part])
            for part in (
                rows[cuts[code] : cuts[code + 1]] for code in range(len(self.symbols))
            )
        ]

    def last_close(self, symbol: str, *, before: dt.datetime) -> float:
        """Return the newest close of `symbol` that was known before an instant.

        It is the close of the newest session whose bar, in the vintage in force before
        the instant, is not retracted. A session that had not closed by then has no
        close, whatever the `known_at` of its bar.

        Parameters
        ----------
        symbol
            NaN is returned for one without prices.
        before
            UTC. Exclusive: what became known at this instant came too late.

        Returns
        -------
        float
            NaN if no close was known.
        """
        code = self._codes.get(symbol)
        if code is None:
            return float("nan")
        micros = (before - EPOCH) // TICK
        start, end = int(self._starts[code]), int(self._starts[code + 1])
        closed = int(np.searchsorted(self.sessions.instants("close"), micros))
        row = start + int(np.searchsorted(self.session[start:end], closed)) - 1
        while row >= start:
            if self.known_at[row] >= micros:
                row -= 1
            elif self.retracted[row]:  # and with it the vintages before it
                session = self.session[row]
                row = start + int(np.searchsorted(self.session[start:end], session)) - 1
            else:
                return float(self.close[row])
        return float("nan")
