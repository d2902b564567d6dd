"""Which instrument a symbol, or another identifier, stands for on a day.

A ticker may pass from one company to another, and a company from one ticker to another.
An identifier that no row is about is an instrument of its own.
"""

from __future__ import annotations

import bisect
import datetime as dt
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SYMBOL, PRICES, ISIN = "symbol", "prices", "isin"
"""Kinds of identifiers: a ticker, what the price table calls it, and its ISIN."""

UNTOLD = "?"
"""What a symbol that rows are about is marked with on days that none covers."""

_LONG_AGO = -(2**63)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """What an instrument was called over some days, both ends included.

    Attributes
    ----------
    instrument_id, kind, identifier
    first, last : date
        `last` is the last day of all where it is called so still.
    known_at : int
        Microseconds since 1970 UTC.
    """

    instrument_id: str
    kind: str
    identifier: str
    first: dt.date
    last: dt.date = dt.date.max
    known_at: int = _LONG_AGO


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some days of the bars of an instrument, under one name in the price table."""

    symbol: str
    first: dt.date
    last: dt.date
    known_at: int = _LONG_AGO


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """Some days of one name of the price table, and whose its bars are.

    Attributes
    ----------
    name
        What its instrument is called in results: marked with `UNTOLD` where no row says
        whose they are, and empty where the rows say that its bars are called otherwise.
    first, last, known_at
    """

    name: str
    first: dt.date
    last: dt.date
    known_at: int = _LONG_AGO


@dataclass(frozen=True, eq=False)
class Instruments:
    """Identifiers as they are known at an instant.

    Attributes
    ----------
    identifiers : tuple of Identifier
        No two of one kind and text valid on one day, and no two tickers, or names in
        the price table, of one instrument: audits hold that.
    version : int
        Of how many rows it was made.
    """

    identifiers: tuple[Identifier, ...] = ()
    version: int = 0

    @cached_property
    def _by_name(self) -> dict[tuple[str, str], list[Identifier]]:
        return _grouped(self.identifiers, lambda each: (each.kind, each.identifier))

    @cached_property
    def _by_instrument(self) -> dict[tuple[str, str], list[Identifier]]:
        return _grouped(self.identifiers, lambda each: (each.instrument_id, each.kind))

    def __bool__(self) -> bool:
        return bool(self.identifiers)

    def of(self, name: str, day: dt.date, *, kind: str = SYMBOL) -> str | None:
        """Return the instrument that a name stands for on a day.

        Returns
        -------
        str or None
            None where no row says it: of a symbol without any row, or on a day on which
            none is valid.
        """
        identifier = _on(self._by_name.get((kind, name), []), day)
        return None if identifier is None else identifier.instrument_id

    def claims(self, name: str, day: dt.date, *, kind: str = SYMBOL) -> frozenset[str]:
        """Return every instrument that a row gives a name on a day.

        More than one only of rows that no audit has seen.
        """
        rows = self._by_name.get((kind, name), [])
        return frozenset(r.instrument_id for r in rows if r.first <= day <= r.last)

    def is_told(self, name: str, *, kind: str = SYMBOL) -> bool:
        """Whether some row is about a name, whenever."""
        return (kind, name) in self._by_name

    def is_name(self, text: str) -> bool:
        """Whether it is a symbol or an `instrument_id` that some row has."""
        return text in self.names or self.is_symbol(text.removesuffix(UNTOLD))

    def last_ticker(
        self, day: dt.date, *, of: str | None = None, symbol: str | None = None
    ) -> Identifier | None:
        """Return the last ticker that ended before a day: of an instrument, or such.

        Parameters
        ----------
        day
        of, symbol
            An `instrument_id`, or the ticker itself.
        """
        rows = (
            self._by_name.get((SYMBOL, symbol or ""), [])
            if of is None
            else self._by_instrument.get((of, SYMBOL), [])
        )
        ended = [row for row in rows if row.last < day]
        return max(ended, key=lambda row: row.last) if ended else None

    def name_of(
        self, instrument_id: str, day: dt.date, *, kind: str = SYMBOL
    ) -> str | None:
        """Return what an instrument is called on a day; None if no row says it."""
        identifier = _on(self._by_instrument.get((instrument_id, kind), []), day)
        return None if identifier is None else identifier.identifier

    @cached_property
    def symbols(self) -> frozenset[str]:
        """Every ticker, and every name in the price table."""
        kinds = {SYMBOL, PRICES}
        return frozenset(i.identifier for i in self.identifiers if i.kind in kinds)

    def at(self, symbol: str, day: dt.date) -> str | None:
        """Return the instrument that facts of a day are about, by their symbol.

        It is the holder of the ticker that day, or else of the name in the price table.
        """
        own = self.of(symbol, day)
        return own if own is not None else self.of(symbol, day, kind=PRICES)

    def day_before(self, symbol: str, day: dt.date) -> dt.date:
        """Return the last day before one on which a ticker was somebody's, in a week.

        Rows may end on a Friday where the next begin on a Monday; the day before if
        there is none.
        """
        days = [day - number * _DAY for number in range(1, 8)]
        return next((each for each in days if self.of(symbol, each)), days[0])

    def held(self, isin: str, symbol: str | None, day: dt.date) -> str | None:
        """Return the instrument that a report of a day lists, by its ISIN or symbol.

        Returns
        -------
        str or None
            None if no row is of either that day; of a Saturday or a Sunday, nor on the
            Friday before.
        """
        friday = day - max(day.weekday() - 4, 0) * _DAY
        for each in dict.fromkeys((day, friday)):
            own = self.of(isin, each, kind=ISIN)
            if own is None and symbol is not None:
                own = self.of(symbol, each)
            if own is not None:
                return own
        return None

    def name(self, symbol: str, day: dt.date) -> str:
        """Return what the instrument of a symbol and day is called in results.

        Returns
        -------
        str
            The symbol itself where no row is about it, and where the instrument has had
            no other ticker and no other instrument this one; else the `instrument_id`.
            On a day that none of a symbol's rows covers, the symbol and a question
            mark: nothing says whose it was.
        """
        instrument = self.at(symbol, day)
        return self.unowned(symbol) if instrument is None else self.names[instrument]

    def unowned(self, symbol: str) -> str:
        """Return what a symbol is called in results where no row says whose it is.

        Also one that no row is about is marked if an instrument has its text as its id.
        """
        is_other = self.is_symbol(symbol) or symbol in self.names
        return f"{symbol}{UNTOLD}" if is_other else symbol

    @cached_property
    def names(self) -> dict[str, str]:
        """What each instrument is called in results, by its id."""
        ids = {each.instrument_id for each in self.identifiers}
        tickers: dict[str, set[str]] = {}
        owners: dict[str, set[str]] = {}
        for each in self.identifiers:
            if each.kind == SYMBOL:
                tickers.setdefault(each.instrument_id, set()).add(each.identifier)
            if each.kind in {SYMBOL, PRICES}:
                owners.setdefault(each.identifier, set()).add(each.instrument_id)
        names = {}
        for own in ids:
            called = tickers.get(own, set())
            alone = min(called) if len(called) == 1 else own
            is_own = owners.get(alone) == {own} and (alone == own or alone not in ids)
            names[own] = alone if is_own else own
        return names

    @cached_property
    def ids(self) -> dict[str, str]:
        """The id of each instrument, by what it is called in results."""
        return {name: own for own, name in self.names.items()}

    def bars_of(self, name: str) -> tuple[Piece, ...]:
        """Return where the bars lie of what `name` gave."""
        if name in self.ids:
            return self.pieces(self.ids[name])
        symbol = name.removesuffix(UNTOLD)
        return _pieces(symbol, self.owners(symbol), name=self.unowned(symbol))

    def owners(self, symbol: str) -> tuple[Owned, ...]:
        """Return the instruments of the bars under a name of the price table, by day.

        A row of kind `prices` names the instrument; else it is the holder of the ticker
        that day, unless that has another name in the price table.

        Returns
        -------
        tuple of Owned
            Without a gap, from the first day of all to the last.
        """
        named = self._by_name.get((PRICES, symbol), [])
        called = self._by_name.get((SYMBOL, symbol), [])
        besides = [
            row
            for each in called
            for row in self._by_instrument.get((each.instrument_id, PRICES), [])
        ]
        days = {dt.date.min}
        for row in (*named, *called, *besides):
            days.add(row.first)
            if row.last < dt.date.max:
                days.add(row.last + _DAY)
        owned: list[Owned] = []
        firsts = sorted(days)
        lasts = [*(day - _DAY for day in firsts[1:]), dt.date.max]
        for first, last in zip(firsts, lasts, strict=True):
            name, known_at = self.unowned(symbol), _LONG_AGO
            own = _on(named, first)
            if own is None and (own := _on(called, first)) is not None:
                others = self._by_instrument.get((own.instrument_id, PRICES), [])
                name = "" if _on(others, first) else name
            if own is not None:
                name, known_at = name and self.names[own.instrument_id], own.known_at
            since = first
            if owned and (owned[-1].name, owned[-1].known_at) == (name, known_at):
                since = owned.pop().first
            owned.append(Owned(name=name, first=since, last=last, known_at=known_at))
        return tuple(owned)

    def owner(self, symbol: str, day: dt.date) -> str:
        """Return whose a bar of a day is, as `owners` tells it."""
        return next(each.name for each in self.owners(symbol) if day <= each.last)

    def about(self, name: str) -> str:
        """Say where the bars of an instrument would lie; empty if no row is of it."""
        symbol = name.removesuffix(UNTOLD)
        if name not in self.ids and not self.is_symbol(symbol):
            return ""
        parts: list[Piece] = []
        for piece in self.bars_of(name):
            goes_on = parts and (parts[-1].symbol, parts[-1].last + _DAY) == (
                piece.symbol,
                piece.first,
            )
            first = parts.pop().first if goes_on else piece.first
            parts.append(replace(piece, first=first))
        names = [f"{part.symbol}{_days(part)}" for part in parts] or ["nothing"]
        return (
            f"by instruments its bars are those of {', '.join(names)}: what else is "
            f"called so is another share"
        )

    def is_symbol(self, symbol: str) -> bool:
        """Whether some row is about a ticker, or a name in the price table."""
        return self.is_told(symbol) or self.is_told(symbol, kind=PRICES)

    def pieces(self, instrument_id: str) -> tuple[Piece, ...]:
        """Return where the bars of an instrument lie in the price table, by day.

        Its rows of kind `prices` say it. On days that none of them covers its bars are
        under the ticker of the day.

        Examples
        --------
        A vendor that labels all history with the ticker of today:

        >>> import datetime as dt
        >>> renamed = dt.date(2022, 6, 9)
        >>> meta = Instruments(
        ...     (
        ...         Identifier(
        ...             instrument_id="META",
        ...             kind="symbol",
        ...             identifier="FB",
        ...             first=dt.date(2012, 5, 18),
        ...             last=renamed - dt.timedelta(days=1),
        ...         ),
        ...         Identifier(
        ...             instrument_id="META",
        ...             kind="prices",
        ...             identifier="META",
        ...             first=dt.date(2012, 5, 18),
        ...         ),
        ...     )
        ... )
        >>> [piece.symbol for piece in meta.pieces("META")]
        ['META']
        """
        texts = {
            row.identifier
            for kind in (SYMBOL, PRICES)
            for row in self._by_instrument.get((instrument_id, kind), [])
        }
        name = self.names.get(instrument_id, "")
        pieces = [
            piece
            for text in texts
            for piece in _pieces(text, self.owners(text), name=name)
        ]
        return tuple(sorted(pieces, key=lambda piece: (piece.first, piece.symbol)))


_DAY = dt.timedelta(days=1)


def _pieces(symbol: str, owned: Iterable[Owned], *, name: str) -> tuple[Piece, ...]:
    """Return the days on which a name of the price table is somebody's."""
    return tuple(
        Piece(symbol=symbol, first=each.first, last=each.last, known_at=each.known_at)
        for each in owned
        if each.name == name
    )


def _days(piece: Piece) -> str:
    """Say on which days a piece lies."""
    since = "" if piece.first == dt.date.min else f" from {piece.first}"
    return since + ("" if piece.last == dt.date.max else f" until {piece.last}")


def _grouped(
    identifiers: Iterable[Identifier], key: Callable[[Identifier], tuple[str, str]]
) -> dict[tuple[str, str], list[Identifier]]:
    """Return identifiers by a key, each in the order of their first days."""
    grouped: dict[tuple[str, str], list[Identifier]] = {}
    for each in sorted(identifiers, key=lambda i: (i.first, i.last, i.instrument_id)):
        grouped.setdefault(key(each), []).append(each)
    return grouped


def _on(ordered: list[Identifier], day: dt.date) -> Identifier | None:
    """Return the one that is valid on a day; of those that overlap, the newest."""
    place = bisect.bisect_right(ordered, day, key=lambda each: each.first)
    for each in reversed(ordered[:place]):
        if day <= each.last:
            return each
    return None
