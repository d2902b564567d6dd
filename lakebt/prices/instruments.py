"""Which instrument a symbol, or another identifier, stands for on a day.

A ticker may pass from one company to another, and a company from one ticker to another.
An identifier that no row is about is an instrument of its own.
"""

from __future__ import annotations

import bisect
import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SYMBOL, PRICES, ISIN = "symbol", "prices", "isin"
"""Kinds of identifiers: a ticker, what the price table calls it, and its ISIN."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """What an instrument was called over some days, both ends included.

    Attributes
    ----------
    instrument_id, kind, identifier
    first, last : date
        `last` is the last day of all where it is called so still.
    """

    instrument_id: str
    kind: str
    identifier: str
    first: dt.date
    last: dt.date = dt.date.max


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some days of the bars of an instrument, under one name in the price table."""

    symbol: str
    first: dt.date
    last: dt.date


@dataclass(frozen=True, eq=False)
class Instruments:
    """Identifiers as they are known at an instant.

    Attributes
    ----------
    identifiers : tuple of Identifier
        No two of one kind and text valid on one day: an audit holds that.
    """

    identifiers: tuple[Identifier, ...] = ()

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
        found = _on(self._by_name.get((kind, name), []), day)
        return None if found is None else found.instrument_id

    def is_told(self, name: str, *, kind: str = SYMBOL) -> bool:
        """Whether some row is about a name, whenever."""
        return (kind, name) in self._by_name

    def name_of(
        self, instrument_id: str, day: dt.date, *, kind: str = SYMBOL
    ) -> str | None:
        """Return what an instrument is called on a day; None if no row says it."""
        found = _on(self._by_instrument.get((instrument_id, kind), []), day)
        return None if found is None else found.identifier

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
        named = self._by_instrument.get((instrument_id, PRICES), [])
        pieces = [_piece(own, own.first, own.last) for own in named]
        for own in self._by_instrument.get((instrument_id, SYMBOL), []):
            begin: dt.date | None = own.first
            for other in named:
                if begin is None or other.first > own.last:
                    break
                if other.last < begin:
                    continue
                if other.first > begin:
                    pieces.append(_piece(own, begin, other.first - _DAY))
                begin = None if other.last >= own.last else other.last + _DAY
            if begin is not None:
                pieces.append(_piece(own, begin, own.last))
        return tuple(sorted(pieces, key=lambda piece: (piece.first, piece.symbol)))


_DAY = dt.timedelta(days=1)


def _piece(own: Identifier, first: dt.date, last: dt.date) -> Piece:
    return Piece(symbol=own.identifier, first=first, last=last)


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
