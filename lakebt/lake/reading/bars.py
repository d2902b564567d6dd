"""Bars as panels: sessions down, symbols across."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lakebt.errors import InvalidArgumentError
from lakebt.lake.tables.arrow import column
from lakebt.lake.tables.rows import flags, integers
from lakebt.lake.tables.schemas import BASES
from lakebt.prices.history import PriceHistory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lakebt._typing import FloatPanel, FloatVector, IntVector
    from lakebt.lake.tables.arrow import Array, BoolVector
    from lakebt.prices.actions import ActionHistory
    from lakebt.sessions import Sessions


PANEL_COLUMNS = ("open", "high", "low", "close", "volume")

_LONG_AGO = -(2**63)

_ONE_BASIS = np.zeros(0, dtype=np.int8)

_BASE = ("symbol", "session", "known_at", "retracted")


class Bars:
    """Every vintage of every bar that was read from one snapshot.

    Rows are in such an order that of two vintages of a bar the later known comes later.

    Parameters
    ----------
    read
        Reads the named columns of the snapshot, always the same rows in the same order.
    first
        The column to read together with what identifies a bar.
    sessions
        The calendar.
    """

    def __init__(
        self,
        read: Callable[[tuple[str, ...]], pa.Table],
        first: tuple[str, ...],
        sessions: Sessions,
    ) -> None:
        rows = read((*_BASE, *first))
        coded = column(rows, "symbol")
        self.sessions = sessions
        self._read = read
        code = coded.indices.to_numpy(zero_copy_only=False)
        session = _numbers(column(rows, "session"), sessions)
        names = coded.dictionary.to_pylist()
        is_used = np.zeros(len(names), dtype=bool)
        is_used[code] = True
        self.symbols: dict[str, int] = {
            names[i]: int(i) for i in np.flatnonzero(is_used)
        }
        self._width = len(names)
        known_at, retracted = integers(rows, "known_at"), flags(rows, "retracted")
        self._order = _last_known_last(session, code, known_at, self._width)
        self.code, self.session = self._sorted(code), self._sorted(session)
        self.known_at, self.retracted = self._sorted(known_at), self._sorted(retracted)
        self.any_retracted = bool(retracted.any())
        self.last_known = int(known_at.max(initial=_LONG_AGO))
        self._sessions = int(session.min(initial=0)), int(session.max(initial=0))
        self._columns = {name: self._number(rows, name) for name in first}
        self._asked: set[str] = set()

    @property
    def nbytes(self) -> int:
        """The largest size it may grow to, in bytes."""
        return len(self.code) * (4 + 4 + 8 + 1 + 8 * len(PANEL_COLUMNS))

    def _sorted(self, values: npt.NDArray[np.generic]) -> npt.NDArray:  # type: ignore[type-arg]
        return values if self._order is None else values[self._order]

    def _number(self, rows: pa.Table, name: str) -> FloatVector:
        return self._sorted(column(rows, name).to_numpy(zero_copy_only=False))

    def column(self, name: str) -> FloatVector:
        """Return the values of a column, NaN where there is none.

        Those of `basis` are positions in `BASES`.
        """
        if name not in self._columns:
            rows = self._read((name,))
            number = self._basis_codes if name == "basis" else self._number
            self._columns[name] = number(rows, name)
        return self._columns[name]

    def _basis_codes(self, rows: pa.Table, name: str) -> FloatVector:
        """Return the position of each row's basis in `BASES`."""
        bases = column(rows, name).dictionary_encode()
        place = [float(BASES.index(basis)) for basis in bases.dictionary.to_pylist()]
        codes = bases.indices.to_numpy(zero_copy_only=False)
        return self._sorted(np.array([*place, np.nan])[codes])

    @functools.cached_property
    def one_basis(self) -> str:
        """The basis of every bar; empty if there are several, or no bar."""
        basis = column(self._read(("basis",)), "basis").dictionary_encode()
        codes = basis.indices.to_numpy(zero_copy_only=False)
        # Nearly always one: to look for distinct codes takes ten times as long.
        is_one = len(codes) > 0 and bool((codes == codes[0]).all())
        return str(basis.dictionary[int(codes[0])]) if is_one else ""

    def last_sessions(self, symbols: Sequence[str]) -> IntVector:
        """Return the session of the last bar of each symbol, -1 if it has none."""
        codes = [self.symbols.get(symbol, -1) for symbol in symbols]
        return self._last_session[codes]

    @functools.cached_property
    def _last_session(self) -> IntVector:
        """The session of the last bar of each symbol, by its code; then -1."""
        last = np.full(self._width + 1, -1, dtype=self.session.dtype)
        np.maximum.at(last, self.code, self.session)
        return last.astype(np.int64)

    def is_first(self, name: str) -> bool:
        """Return whether a column is read for the first time."""
        is_new = name not in self._asked
        self._asked.add(name)
        return is_new

    def places(self, symbols: Sequence[str]) -> IntVector:
        """Return each row's column in a panel of `symbols`, -1 if it is in none."""
        lookup = np.full(max(self._width, 1), -1, dtype=np.int64)
        for place, symbol in enumerate(symbols):
            if symbol in self.symbols:
                lookup[self.symbols[symbol]] = place
        return np.asarray(lookup[self.code])

    def is_known(self, symbol: str, *, as_of: int) -> bool:
        """Whether a bar of a symbol was known by then."""
        code = self.symbols.get(symbol, -1)
        if code < 0 or self.last_known <= as_of:
            return code >= 0
        return bool(self._first_known[code] <= as_of)

    @functools.cached_property
    def _first_known(self) -> IntVector:
        """When the first bar of each symbol was known, by its code."""
        first = np.full(self._width, 2**63 - 1)
        np.minimum.at(first, self.code, self.known_at)
        return first

    def _span(self, symbol: str, as_of: int) -> str:
        """Say from when to when there are bars of a symbol, as known then."""
        if not self.is_known(symbol, as_of=as_of):
            return "none of it is known"
        is_own = (self.code == self.symbols[symbol]) & (self.known_at <= as_of)
        own = self.session[is_own]
        first, last = self.sessions.date(own.min()), self.sessions.date(own.max())
        return f"its prices run from {first} to {last}"

    def known_symbols(self, as_of: int, first: int, last: int) -> tuple[str, ...]:
        """Return the symbols with a bar known by then in some sessions, sorted."""
        code = self.code
        if (here := self._here(as_of, first, last)) is not None:
            code = code[here]
        has = np.zeros(self._width, dtype=bool)
        has[code] = True
        return tuple(sorted(s for s, code in self.symbols.items() if has[code]))

    def _here(self, as_of: int, first: int, last: int) -> BoolVector | None:
        """Return which bars in some sessions were known by then; None if all were."""
        tests = [] if self.last_known <= as_of else [self.known_at <= as_of]
        if first > self._sessions[0]:
            tests.append(self.session >= first)
        if last < self._sessions[1]:
            tests.append(self.session <= last)
        return functools.reduce(np.logical_and, tests) if tests else None

    def check_window(
        self,
        symbols: Sequence[str],
        first: int,
        last: int,
        *,
        as_of: int,
        asked: str,
        called: Sequence[str],
    ) -> None:
        """Check that each symbol has a bar in some sessions, known by then.

        Raises
        ------
        InvalidArgumentError
            If one has none.
        """
        place = self.places(symbols)
        here = self._here(as_of, first, last)
        inside = (place >= 0) if here is None else here & (place >= 0)
        counts = np.bincount(place[inside], minlength=len(symbols))
        for symbol, count, name in zip(symbols, counts, called, strict=True):
            if count == 0:
                msg = (
                    f"{name} has no prices {asked}: {self._span(symbol, as_of)}. "
                    f"Leave it out, or ask for other dates"
                )
                raise InvalidArgumentError(msg)

    def panel(
        self, name: str, symbols: Sequence[str], *, as_of: int, first: int, last: int
    ) -> tuple[int, FloatPanel]:
        """Scatter a column.

        Parameters
        ----------
        name
            One of `PANEL_COLUMNS`.
        symbols
            The columns, in this order. One without bars is all NaN.
        as_of
            Microseconds since 1970, inclusive.
        first, last
            Numbers of sessions, inclusive.

        Returns
        -------
        first : int
            The number of the first session that has a bar known.
        panel : ndarray of shape (n_sessions, n_symbols)
            From there to the last session that has one. NaN where there is none.
        """
        place = self.places(symbols)
        use = self._here(as_of, first, last)
        if place.min(initial=0) < 0:
            use = (place >= 0) if use is None else use & (place >= 0)
        values = self.column(name)
        session, retracted = self.session, self.retracted
        if use is not None:
            rows = np.flatnonzero(use)
            place, values, session = place[rows], values[rows], session[rows]
            retracted = retracted[rows]
        if len(place) == 0:
            return first, np.empty((0, len(symbols)))
        start, stop = int(session.min()), int(session.max()) + 1
        flat = _cells(session - start, len(symbols))
        flat += place
        panel = np.full((stop - start) * len(symbols), np.nan)
        # Of assignments to one cell the last one stands: the vintage known last.
        if not self.any_retracted:
            panel[flat] = values
            return start, panel.reshape(-1, len(symbols))
        panel[flat] = np.where(retracted, np.nan, values)
        is_bar = np.zeros(len(panel), dtype=bool)
        is_bar[flat] = ~retracted
        filled = np.flatnonzero(is_bar.reshape(-1, len(symbols)).any(axis=1))
        if len(filled) == 0:
            return first, np.empty((0, len(symbols)))
        kept = slice(int(filled[0]), int(filled[-1]) + 1)
        return start + kept.start, panel.reshape(-1, len(symbols))[kept]

    def history(
        self,
        symbols: Sequence[str],
        *,
        as_of: int,
        basis: tuple[str, ...],
        actions: ActionHistory,
    ) -> PriceHistory:
        """Return every vintage of some symbols known by an instant.

        A bar with a volume of zero counts as withdrawn, because no trade was possible.
        An empty volume has no meaning.
        """
        place = self.places(symbols)
        rows = np.flatnonzero((place >= 0) & (self.known_at <= as_of))
        present = np.unique(place[rows])
        code = np.searchsorted(present, place[rows])
        by_bar = np.lexsort((self.known_at[rows], self.session[rows], code))
        rows = rows[by_bar]
        # A bar without a trade is no price: it is withdrawn, and remembered as such.
        withdrawn = self.retracted[rows]
        volume = self.column("volume")[rows]
        untraded = ~withdrawn & (volume == 0.0)
        return PriceHistory(
            symbols=tuple(symbols[i] for i in present),
            sessions=self.sessions,
            symbol=code[by_bar].astype(np.int64),
            session=self.session[rows].astype(np.int64),
            known_at=self.known_at[rows],
            open=self.column("open")[rows],
            close=self.column("close")[rows],
            retracted=withdrawn | untraded,
            untraded=untraded,
            volume=volume,
            basis=basis,
            row_basis=self._bases(basis)[rows] if len(basis) > 1 else _ONE_BASIS,
            actions=actions,
        )

    def _bases(self, basis: tuple[str, ...]) -> npt.NDArray[np.int8]:
        """Return the position of each row's basis among some, sorted."""
        coded = column(self._read(("basis",)), "basis").dictionary_encode()
        # One that is not known yet is of no row that is.
        place = [
            basis.index(name) if name in basis else -1
            for name in coded.dictionary.to_pylist()
        ]
        codes = coded.indices.to_numpy(zero_copy_only=False)
        return self._sorted(np.array(place, dtype=np.int8)[codes])


def _numbers(days: Array, sessions: Sessions) -> npt.NDArray[np.int32]:
    """Return the number of the session on each of many days, few of them different."""
    day = np.asarray(days.cast(pa.int32()).to_numpy(zero_copy_only=False), np.int32)
    if len(day) == 0:
        return day
    least = int(day.min())
    each = np.arange(least, int(day.max()) + 1).astype("datetime64[D]")
    number = sessions.numbers(each).astype(np.int32)
    return np.asarray(number[day - np.int32(least)])


def _cells(row: npt.NDArray[np.int32], width: int) -> IntVector:
    """Return where the rows of a table of `width` columns begin, in a new array.

    Memory that is touched for the first time costs more than what is done with it.
    """
    return np.multiply(row, width, dtype=np.int64)


def _last_known_last(
    session: npt.NDArray[np.int32],
    code: npt.NDArray[np.int32],
    known_at: IntVector,
    width: int,
) -> IntVector | None:
    """Return the order by `known_at`, None if no bar has two vintages."""
    if len(session) == 0:
        return None
    start = int(session.min())
    cells = _cells(session - start, width)
    cells += code
    size = (int(session.max()) - start + 1) * width
    if size <= 4 * len(cells) + 1_000_000:
        seen = np.zeros(size, dtype=bool)
        seen[cells] = True
        repeats = int(np.count_nonzero(seen)) < len(cells)
    else:
        cells.sort()  # np.unique hashes, which takes a hundred times as long
        repeats = bool((cells[1:] == cells[:-1]).any())
    return np.argsort(known_at, kind="stable") if repeats else None
