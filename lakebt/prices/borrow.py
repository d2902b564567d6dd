"""What borrowing shares costs and whether they can be had, with all vintages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lakebt.values.arrays import spans

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lakebt._typing import BoolVector, FloatPanel, FloatVector, IntVector


REFUSED, AVAILABLE, UNTOLD = 0, 1, -1
"""Whether shares could be borrowed, as a row tells it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class BorrowHistory:
    """Every vintage of the borrow rates of some symbols that a view could see.

    Rows are sorted by symbol, session, known_at.

    Attributes
    ----------
    symbols : tuple of str
        Sorted.
    span
        Number of sessions of the calendar.
    symbol, session : ndarray of shape (n_rows,)
        Position in `symbols`, and number of the session.
    known_at : ndarray of shape (n_rows,)
        Microseconds since 1970 UTC.
    rate : ndarray of shape (n_rows,)
        Basis points per year, of what is short at the close of the session.
    available : ndarray of shape (n_rows,)
        `REFUSED`, `AVAILABLE` or `UNTOLD`.
    retracted : ndarray of shape (n_rows,)
    """

    symbols: tuple[str, ...]
    span: int
    symbol: IntVector
    session: IntVector
    known_at: IntVector
    rate: FloatVector
    available: npt.NDArray[np.int8]
    retracted: npt.NDArray[np.bool_]

    @classmethod
    def none(cls) -> BorrowHistory:
        """Return a history without rows."""
        whole = np.zeros(0, dtype=np.int64)
        return cls(
            symbols=(),
            span=1,
            symbol=whole,
            session=whole,
            known_at=whole,
            rate=np.zeros(0),
            available=np.zeros(0, dtype=np.int8),
            retracted=np.zeros(0, dtype=bool),
        )

    def __len__(self) -> int:
        return len(self.symbol)

    def of(
        self, symbols: Iterable[str], *, known_by: int | None = None
    ) -> BorrowHistory:
        """Return the rows of some symbols.

        Parameters
        ----------
        symbols
        known_by
            Microseconds since 1970 UTC, inclusive; all vintages by default.
        """
        wanted = set(symbols)
        kept = np.array([name in wanted for name in self.symbols], dtype=bool)
        taken = kept[self.symbol] if len(self) else np.zeros(0, dtype=bool)
        if known_by is not None:
            taken &= self.known_at <= known_by
        rows = np.flatnonzero(taken)
        used, symbol = np.unique(self.symbol[rows], return_inverse=True)
        return BorrowHistory(
            symbols=tuple(self.symbols[code] for code in used.tolist()),
            span=self.span,
            symbol=symbol.astype(np.int64),
            session=self.session[rows],
            known_at=self.known_at[rows],
            rate=self.rate[rows],
            available=self.available[rows],
            retracted=self.retracted[rows],
        )

    @property
    def _keys(self) -> IntVector:
        keys: IntVector = self.symbol * self.span + self.session
        return keys

    def codes(self, symbols: Sequence[str]) -> IntVector:
        """Return the position of each of `symbols` in the history's, -1 for none."""
        places = {symbol: code for code, symbol in enumerate(self.symbols)}
        return np.array([places.get(s, -1) for s in symbols], dtype=np.int64)

    def rates(self, symbols: Sequence[str], *, before: int | None = None) -> Rates:
        """Return the rates in force, by the places of `symbols`.

        Parameters
        ----------
        symbols
        before
            Microseconds since 1970 UTC, exclusive; by default all that the view could
            see.
        """
        if not len(self):  # as in most lakes: no symbol is looked for
            nothing = np.zeros(0, dtype=np.int64)
            return Rates(key=nothing, rate=np.zeros(0), span=self.span)
        own = self.of(symbols)
        keys = own._keys  # noqa: SLF001 - one of these
        rows = np.arange(len(own))
        if before is not None:
            rows = rows[own.known_at < before]
        is_last = np.append(np.diff(keys[rows]) != 0, True)[: len(rows)]
        rows = rows[is_last]
        rows = rows[~own.retracted[rows]]
        places = {symbol: place for place, symbol in enumerate(symbols)}
        place = np.array([places[s] for s in own.symbols], dtype=np.int64)
        key = place[own.symbol[rows]] * self.span + own.session[rows]
        order = np.argsort(key)
        return Rates(key=key[order], rate=own.rate[rows][order], span=self.span)

    def refused(
        self, codes: IntVector, *, before: IntVector, fills: IntVector
    ) -> IntVector:
        """Return the rows by which shares could not be borrowed; -1 where none says so.

        The newest session told, up to the fill's, decides; of it the vintage in force.

        Parameters
        ----------
        codes : ndarray of shape (n,)
            Symbols, as `codes` gives them; of -1 nothing is told.
        before, fills : ndarray of shape (n,)
            Deadlines, in microseconds since 1970 UTC, exclusive, and numbers of the
            sessions of the fills.
        """
        rows = np.full(len(codes), -1, dtype=np.int64)
        if not (self.available == REFUSED).any():
            return rows
        keys = self._keys
        pending = np.flatnonzero(codes >= 0)
        start = np.searchsorted(keys, codes[pending] * self.span)
        row = np.searchsorted(keys, codes[pending] * self.span + fills[pending] + 1) - 1
        while len(pending):
            inside = row >= start
            pending, row, start = pending[inside], row[inside], start[inside]
            known = self.known_at[row] < before[pending]
            withdrawn = known & self.retracted[row]
            done = known & ~withdrawn
            says = done & (self.available[row] == REFUSED)
            rows[pending[says]] = row[says]
            # A retraction takes the vintages before it along.
            row = np.where(withdrawn, np.searchsorted(keys, keys[row]), row) - 1
            pending, row, start = pending[~done], row[~done], start[~done]
        return rows


@dataclass(frozen=True, kw_only=True, eq=False)
class Rates:
    """The borrow rates in force, by symbol and session.

    Attributes
    ----------
    key : ndarray of shape (n_rates,)
        ``symbol * span + session``, ascending.
    rate : ndarray of shape (n_rates,)
        Basis points per year.
    span
    """

    key: IntVector
    rate: FloatVector
    span: int

    def __len__(self) -> int:
        return len(self.key)

    def over(
        self, codes: IntVector, *, first: IntVector, last: IntVector
    ) -> FloatVector:
        """Return the rates of many symbols, each over its own sessions, end to end.

        Parameters
        ----------
        codes : ndarray of shape (n_windows,)
            -1 has no rates.
        first, last : ndarray of shape (n_windows,)
            Numbers of the first and the last session, inclusive.

        Returns
        -------
        ndarray of shape (n_bars,)
            NaN where none is told.
        """
        lengths = last - first + 1
        rates = np.full(int(lengths.sum()), np.nan)
        lo = np.searchsorted(self.key, codes * self.span + first)
        hi = np.searchsorted(self.key, codes * self.span + last + 1)
        counts = np.where(codes >= 0, hi - lo, 0)
        rows = spans(lo, counts)
        base = np.cumsum(lengths) - lengths - first
        rates[np.repeat(base, counts) + self.key[rows] % self.span] = self.rate[rows]
        return rates

    def panel(self, n_symbols: int, *, first: int, last: int) -> FloatPanel:
        """Return them as an array, sessions down: shape (n_sessions, n_symbols)."""
        each = np.arange(n_symbols)
        flat = self.over(
            each, first=np.full(n_symbols, first), last=np.full(n_symbols, last)
        )
        return flat.reshape(n_symbols, last - first + 1).T


def is_refused(
    history: BorrowHistory,
    symbols: Sequence[str],
    *,
    before: IntVector,
    fills: IntVector,
) -> BoolVector:
    """Return where shares could not be borrowed, shape (n_decisions, n_symbols)."""
    codes = history.codes(symbols)
    shape = len(before), len(codes)
    rows = history.refused(
        np.tile(codes, shape[0]),
        before=np.repeat(before, shape[1]),
        fills=np.repeat(fills, shape[1]),
    )
    refused: BoolVector = (rows >= 0).reshape(shape)
    return refused
