"""Bars of some sessions only, read without caching."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from lakebt.lake.reading.bars import Bars
from lakebt.lake.storage.predicates import Among, between
from lakebt.lake.tables.schemas import PRICES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lakebt.lake.reading.release_tables import Pinned


AT_ONCE = 1_000_000
"""Bars that are looked through at once, about."""

_BASIS = ("basis",)

_NOBODY = ""
"""A symbol that no bar has."""


def bars_between(
    pinned: Pinned,
    symbols: Sequence[str],
    columns: tuple[str, ...],
    *,
    sessions: tuple[int, int],
    with_basis: bool = False,
) -> Bars:
    """Return the bars of some symbols in some sessions.

    Files are sorted by session, so that what lies before and after is hardly read.

    Parameters
    ----------
    pinned
    symbols
    columns
        All that will be asked for, but for the basis.
    sessions
        Numbers of the first and the last, inclusive.
    with_basis
        Whether that of each bar will be asked for, too: it is read at once then.
    """
    bases: list[pa.Table] = []

    def read(columns: tuple[str, ...]) -> pa.Table:
        if bases and columns == _BASIS:
            return bases[0]
        if is_first := with_basis and not bases:
            columns += _BASIS
        spans = parts(pinned) if _are_all(pinned, sessions) else (sessions,)
        rows = pa.concat_tables(
            rows_between(pinned, symbols, columns, sessions=span) for span in spans
        )
        if is_first:
            bases.append(rows.select(_BASIS))
        return rows

    return Bars(read, columns, pinned.sessions)


def _are_all(pinned: Pinned, sessions: tuple[int, int]) -> bool:
    """Whether some sessions are all there are: of a large table some are read then."""
    return sessions == (0, len(pinned.sessions) - 1)


def rows_between(
    pinned: Pinned,
    symbols: Sequence[str] | None,
    columns: tuple[str, ...],
    *,
    sessions: tuple[int, int],
) -> pa.Table:
    """Return some columns of the bars of some symbols, or of all, in some sessions."""
    first, last = (str(pinned.sessions.date(number)) for number in sessions)
    where = between("session", first, last)
    among = None
    if symbols is not None:
        among = Among("symbol", tuple(sorted(set(symbols))) or (_NOBODY,))
    coded = tuple(name for name in ("symbol", "basis") if name in columns)
    return pinned.scan(PRICES.name, columns, coded=coded, where=where, among=among)


def parts(pinned: Pinned, *, most: int | None = None) -> Iterator[tuple[int, int]]:
    """Yield first and last sessions of which the bars are looked through at once.

    Parameters
    ----------
    pinned
    most
        Bars that there can be of what is asked for, if that is known.
    """
    pin, n_sessions = pinned.release.pin(PRICES.name), len(pinned.sessions)
    n_rows = 0 if pin is None else pin.rows
    count = max(-(-(n_rows if most is None else min(n_rows, most)) // AT_ONCE), 1)
    width = -(-n_sessions // count)
    for first in range(0, n_sessions, width):
        yield first, min(first + width, n_sessions) - 1
