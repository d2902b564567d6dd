"""Known borrow rates and availability of some symbols."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lakebt.lake.reading.release_tables import WHOLE_ROWS
from lakebt.lake.storage.predicates import Among
from lakebt.lake.tables.arrow import column
from lakebt.lake.tables.rows import flags, integers
from lakebt.lake.tables.schemas import BORROW
from lakebt.prices.borrow import UNTOLD, BorrowHistory

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from lakebt.lake.reading.release_tables import Pinned
    from lakebt.sessions import Sessions


_ROW_BYTES = 34
_READ = ("symbol", "session", "rate_bps_per_year", "available", "known_at", "retracted")


def borrow_of(
    pinned: Pinned, symbols: Sequence[str], *, known_by: int
) -> BorrowHistory:
    """Return the borrow rates known of some symbols.

    There are none where a user declared a table of that name.

    Parameters
    ----------
    pinned
        The release.
    symbols
    known_by
        Microseconds since 1970, inclusive.
    """
    name = BORROW.name
    pin = pinned.release.pin(name)
    if pinned.specs.get(name) is not BORROW or pin is None or not symbols:
        return BorrowHistory.none()
    among, what = None, "rates"
    if pin.rows > WHOLE_ROWS:
        wanted = tuple(sorted(set(symbols)))
        among, what = Among("symbol", wanted), f"rates of {wanted}"
    read = pinned.kept(
        name,
        what,
        lambda: _history(
            pinned.scan(name, _READ, coded=("symbol",), among=among), pinned.sessions
        ),
        size=lambda rates: _ROW_BYTES * len(rates),
    )
    return read.of(symbols, known_by=known_by)


def _history(rows: pa.Table, sessions: Sessions) -> BorrowHistory:
    """Return every vintage; one of a day without a session was of another calendar."""
    coded = column(rows, "symbol")
    names = coded.dictionary.to_pylist()
    order = sorted(range(len(names)), key=lambda place: str(names[place]))
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    symbol = rank[coded.indices.to_numpy(zero_copy_only=False)]
    days = integers(rows, "session").astype("datetime64[D]")
    session = sessions.numbers(days).astype(np.int64)
    known_at = integers(rows, "known_at")
    availability = column(rows, "available")
    available = np.where(
        availability.is_valid().to_numpy(zero_copy_only=False),
        flags(rows, "available").astype(np.int8),
        np.int8(UNTOLD),
    )
    by = np.lexsort((known_at, session, symbol))
    by = by[session[by] >= 0]
    rate = column(rows, "rate_bps_per_year").to_numpy(zero_copy_only=False)
    return BorrowHistory(
        symbols=tuple(names[place] for place in order),
        span=len(sessions),
        symbol=symbol[by],
        session=session[by],
        known_at=known_at[by],
        rate=rate[by],
        available=available[by].astype(np.int8),
        retracted=flags(rows, "retracted")[by],
    )
