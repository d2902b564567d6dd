"""Bars of some sessions alone, read once and not kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.lake.reading.bars import Bars
from lakebt.lake.storage.predicates import Among, between
from lakebt.lake.tables.schemas import PRICES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from lakebt.lake.reading.release_tables import Pinned


_NOBODY = ""
"""A symbol that no bar has."""


def bars_between(
    pinned: Pinned,
    symbols: Sequence[str],
    columns: tuple[str, ...],
    *,
    sessions: tuple[int, int],
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
    """
    first, last = (str(pinned.sessions.date(number)) for number in sessions)
    where = between("session", first, last)
    among = Among("symbol", tuple(sorted(set(symbols))) or (_NOBODY,))

    def read(columns: tuple[str, ...]) -> pa.Table:
        coded = tuple(name for name in ("symbol", "basis") if name in columns)
        return pinned.scan(PRICES.name, columns, coded=coded, where=where, among=among)

    return Bars(read, columns, pinned.sessions)
