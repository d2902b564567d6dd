"""Prices with all their vintages, for the symbols of a study."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lakebt.instants import EPOCH, TICK
from lakebt.prices.actions import ActionHistory
from lakebt.prices.borrow import BorrowHistory
from lakebt.prices.cut_off import check_uncut
from lakebt.prices.endings import ended
from lakebt.prices.windows import PriceWindows
from lakebt.sessions import half_session
from lakebt.values.arrays import least_so_far, places, spans

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from lakebt._typing import FloatPanel, FloatVector, IntVector
    from lakebt.prices.share_units import Units
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
        Whether the vintage withdraws the bar, or has no trade.
    untraded : ndarray of shape (n_rows,)
        Whether it has no trade: its volume is zero. Empty if all have. Such a bar fills
        nothing and marks nothing, as one that is missing.
    volume : ndarray of shape (n_rows,)
        Number of shares, NaN where none is told; empty if it was not read.
    basis : tuple of str
        The bases that occur, sorted.
    row_basis : ndarray of shape (n_rows,)
        Position in `basis` of each row; empty if there is but one.
    actions, borrow : ActionHistory, BorrowHistory
        Of the symbols, and of the shares that come of them.
    about : mapping of str to str
        Where the bars of a symbol are that `instruments` has rows of, in words.
    cut : ndarray of shape (n_symbols,)
        Whether earlier bars of a symbol may be left out; empty if all are there.
    units : Units or None
        In which shares bars are, where those left out tell it; by default these do.
    """

    symbols: tuple[str, ...]
    sessions: Sessions
    symbol: IntVector
    session: IntVector
    known_at: IntVector
    open: FloatVector
    close: FloatVector
    retracted: npt.NDArray[np.bool_]
    untraded: npt.NDArray[np.bool_] = field(
        default_factory=lambda: np.zeros(0, dtype=bool)
    )
    volume: FloatVector = field(default_factory=lambda: np.zeros(0))
    basis: tuple[str, ...] = ()
    row_basis: npt.NDArray[np.int8] = field(
        default_factory=lambda: np.zeros(0, dtype=np.int8)
    )
    actions: ActionHistory = field(default_factory=ActionHistory.none)
    borrow: BorrowHistory = field(default_factory=BorrowHistory.none)
    about: Mapping[str, str] = field(default_factory=dict)
    cut: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    units: Units | None = None

    @cached_property
    def _codes(self) -> dict[str, int]:
        return {symbol: code for code, symbol in enumerate(self.symbols)}

    @cached_property
    def starts(self) -> IntVector:
        """Where each symbol's rows begin, and where the last one's end."""
        return np.searchsorted(self.symbol, np.arange(len(self.symbols) + 1))

    @cached_property
    def newest(self) -> IntVector:
        """Return the rows in force now: the last of each bar, retractions dropped."""
        if len(self.symbol) == 0:
            return np.zeros(0, dtype=np.int64)
        last = np.ones(len(self.symbol), dtype=bool)
        last[:-1] = (self.symbol[1:] != self.symbol[:-1]) | (
            self.session[1:] != self.session[:-1]
        )
        in_force = last & ~self.retracted
        ends = ended(self.actions, self._codes, span=len(self.sessions))
        for first, after in np.searchsorted(self._keys, ends).tolist():
            in_force[first:after] = False
        return np.flatnonzero(in_force)

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
            The open and the close of each session in turn. NaN
            where there is no bar.
        """
        prices = np.full((2 * (last - first + 1), len(symbols)), np.nan)
        counts, taken = self._bars_between(
            self.codes(symbols), max(first, 0), min(last, len(self.sessions) - 1)
        )
        column = np.repeat(np.arange(len(symbols)), counts)
        since = self.session[taken] - first
        prices[half_session(since, "open"), column] = self.open[taken]
        prices[half_session(since, "close"), column] = self.close[taken]
        return prices

    def codes(self, symbols: Sequence[str]) -> IntVector:
        """Return the position of each of `symbols` in the history's, -1 for none."""
        return np.array([self._codes.get(s, -1) for s in symbols], dtype=np.int64)

    def windows(
        self, codes: IntVector, *, first: IntVector, last: IntVector
    ) -> PriceWindows:
        """Return the bars in force now of many symbols, each over its own sessions.

        Parameters
        ----------
        codes : ndarray of shape (n_windows,)
            As `codes` gives them; -1 has no bars.
        first, last : ndarray of shape (n_windows,)
            Numbers of the first and the last session, inclusive.
        """
        n_bars, taken = self._bars_between(codes, first, last)
        lengths = last - first + 1
        starts = np.cumsum(lengths) - lengths
        base = starts - first
        bars = np.repeat(base, n_bars) + self.session[taken]
        opens = np.full(int(lengths.sum()), np.nan)
        closes = opens.copy()
        opens[bars], closes[bars] = self.open[taken], self.close[taken]
        return PriceWindows(opens=opens, closes=closes, base=base, starts=starts)

    def _bars_between(
        self, codes: IntVector, first: IntVector | int, last: IntVector | int
    ) -> tuple[IntVector, IntVector]:
        """Return how many bars in force each symbol has in sessions, and their rows."""
        rows, span = self.newest, len(self.sessions)
        lo, hi = (
            places(self._keys, codes * span + session) for session in (first, last + 1)
        )
        if len(rows) < len(self._keys):  # of all rows; now of those in force
            lo, hi = places(rows, lo), places(rows, hi)
        counts = np.where(codes >= 0, np.maximum(hi - lo, 0), 0)
        return counts, rows[spans(lo, counts)]

    @cached_property
    def _bars(self) -> list[tuple[IntVector, FloatVector, FloatVector]]:
        """Return each symbol's bars in force now: sessions, opens, closes."""
        rows = self.newest
        cuts = np.searchsorted(self.symbol[rows], np.arange(len(self.symbols) + 1))
        return [
            (self.session[part], self.open[part], self.close[part])
            for part in (
                rows[cuts[code] : cuts[code + 1]] for code in range(len(self.symbols))
            )
        ]

    def known_closes(
        self, symbol: str, first: int, last: int, *, before: dt.datetime
    ) -> FloatVector:
        """Return the closes of some sessions as they were known before an instant.

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
            NaN where no bar was known, or the vintage in force was retracted or had no
            trade.
        """
        closes = np.full(last - first + 1, np.nan)
        if symbol not in self._codes:
            return closes
        key = self._codes[symbol] * len(self.sessions)
        lo, hi = np.searchsorted(self._keys, [key + first, key + last + 1])
        rows = np.arange(lo, hi)
        rows = rows[self.known_at[rows] < (before - EPOCH) // TICK]
        # Of each session the last vintage counts: the rows are sorted by `known_at`.
        of_session = np.append(np.diff(self.session[rows]) != 0, True)[: len(rows)]
        rows = rows[of_session]
        rows = rows[~self.retracted[rows]]
        closes[self.session[rows] - first] = self.close[rows]
        return closes

    def neighbours(self, symbol: str, session: int) -> tuple[int | None, int | None]:
        """Return the sessions of the bars in force before and after a session.

        Parameters
        ----------
        symbol, session
            One without prices has no bars. A bar of the session itself is neither.

        Returns
        -------
        before, after : int or None
            None where there is no such bar.
        """
        if symbol not in self._codes:
            return None, None
        sessions, _, _ = self._bars[self._codes[symbol]]
        lo, hi = np.searchsorted(sessions, [session, session + 1])
        before = int(sessions[lo - 1]) if lo else None
        return before, int(sessions[hi]) if hi < len(sessions) else None

    def has_bar(self, symbol: str, session: int) -> bool:
        """Whether a symbol has a bar in force of a session."""
        if symbol not in self._codes:
            return False
        sessions, _, _ = self._bars[self._codes[symbol]]
        place = int(np.searchsorted(sessions, session))
        return place < len(sessions) and bool(sessions[place] == session)

    def basis_of(self, symbol: str, session: int) -> str:
        """Return the basis of the last bar at or before a session.

        Returns
        -------
        str
            Of the first bar if there is none before; "raw" if nothing says.
        """
        if not self.basis or symbol not in self._codes:
            return "raw"
        if not len(self.row_basis):
            return self.basis[0]
        code = self._codes[symbol]
        key = code * len(self.sessions) + session
        row = int(np.searchsorted(self._keys, key, side="right")) - 1
        return self.basis[int(self.row_basis[max(row, int(self.starts[code]))])]

    def is_untraded(self, symbol: str, session: int) -> bool:
        """Whether the vintage in force of a bar says that nothing was traded."""
        if not len(self.untraded) or symbol not in self._codes:
            return False
        key = self._codes[symbol] * len(self.sessions) + session
        last = int(np.searchsorted(self._keys, key, side="right")) - 1
        return last >= 0 and bool(self._keys[last] == key and self.untraded[last])

    def last_close(self, symbol: str, *, before: dt.datetime) -> float:
        """Return the newest close of `symbol` that was known before an instant.

        It is the close of the newest session whose bar, in the vintage in force before
        the instant, is not retracted and had a trade. A session that had not closed by
        then has no close, whatever the `known_at` of its bar.

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
        micros = np.array([(before - EPOCH) // TICK], dtype=np.int64)
        return float(self.closes_known(self.codes([symbol]), before=micros)[0])

    def closes_known(self, codes: IntVector, *, before: IntVector) -> FloatVector:
        """Return the newest close known before an instant, for many pairs of both.

        Parameters
        ----------
        codes : ndarray of shape (n,)
            Symbols, as `codes` gives them; of -1 the close is NaN.
        before : ndarray of shape (n,)
            Microseconds since 1970 UTC, exclusive.

        Returns
        -------
        ndarray of shape (n,)
            See `last_close`.
        """
        rows = self.rows_known(codes, before=before)
        closes = np.full(len(codes), np.nan)
        closes[rows >= 0] = self.close[rows[rows >= 0]]
        return closes

    def rows_known(self, codes: IntVector, *, before: IntVector) -> IntVector:
        """Return the rows of the closes that `closes_known` gives; -1 for none."""
        rows = np.full(len(codes), -1, dtype=np.int64)
        if not len(self.symbol):
            return rows
        pending = np.flatnonzero(codes >= 0)
        start = self.starts[codes[pending]]
        row = self.closed_by(codes[pending], before[pending]) - 1
        while len(pending):
            inside = (row >= start) & (self._least_known[row] < before[pending])
            pending, row, start = pending[inside], row[inside], start[inside]
            unknown = self.known_at[row] >= before[pending]
            withdrawn = ~unknown & self.retracted[row]
            done = ~unknown & ~withdrawn
            rows[pending[done]] = row[done]
            # A retraction takes the vintages before it along.
            row[withdrawn] = np.searchsorted(self._keys, self._keys[row[withdrawn]])
            row -= 1
            pending, row, start = pending[~done], row[~done], start[~done]
        check_uncut(self, codes[rows < 0])
        return rows

    def closed_by(self, codes: IntVector, before: IntVector) -> IntVector:
        """Return where the rows of sessions that had closed before an instant end.

        Parameters
        ----------
        codes, before : ndarray of shape (n,)
            As `closes_known` takes them, none of the codes -1.
        """
        closed = np.searchsorted(self.sessions.instants("close"), before)
        return places(self._keys, codes * len(self.sessions) + closed)

    def last_closes(
        self, symbols: Sequence[str], *, before: Sequence[dt.datetime]
    ) -> FloatPanel:
        """Return what `last_close` gives for every symbol and instant.

        Parameters
        ----------
        symbols
            The columns. One without prices is all NaN.
        before
            UTC, in any order. Each is exclusive.

        Returns
        -------
        ndarray of shape (n_instants, n_symbols)
            NaN where no close was known.
        """
        micros = np.array([(at - EPOCH) // TICK for at in before], dtype=np.int64)
        codes = self.codes(symbols)
        closes = self.closes_known(
            np.tile(codes, len(micros)), before=np.repeat(micros, len(codes))
        )
        return closes.reshape(len(micros), len(codes))

    @cached_property
    def _keys(self) -> IntVector:
        """Symbol and session of each row in one number, ascending."""
        keys: IntVector = self.symbol * len(self.sessions) + self.session
        return keys

    @cached_property
    def _least_known(self) -> IntVector:
        """When the first of each symbol's rows, up to each one, was known.

        With it, a search stops early where no earlier row was known in time.
        """
        return least_so_far(self.known_at, self.starts)
