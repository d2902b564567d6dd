"""On which basis all prices of a release are, where they are on one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.errors import BrokenReleaseError, LakeError
from lakebt.lake.storage.scan import count_files, scan
from lakebt.lake.tables.arrow import column
from lakebt.lake.tables.rows import micros
from lakebt.lake.tables.schemas import PRICES

if TYPE_CHECKING:
    from lakebt.lake.committing.ledger import TablePin
    from lakebt.lake.reading.release_tables import Pinned


AT_ONCE = 20_000_000
"""Rows up to which all files are read at once; of more, one after the other."""


def one_basis(pinned: Pinned, *, known_by: int) -> str | None:
    """Return the one basis that a release's prices are on, all of them known.

    It is read without asking when each was known: nearly always it is one text for all
    of them, which files hold in some bytes.

    Parameters
    ----------
    pinned
    known_by
        Microseconds since 1970, inclusive.

    Returns
    -------
    str or None
        None where there are several, or none, or rows that may not be known yet, or an
        audit alters what is read, or something cannot be read.
    """
    pin = pinned.release.pin(PRICES.name)
    if (
        pin is None
        or known_by < micros(pinned.release.as_of)
        or pinned.whole is not pinned
    ):
        return None
    told = pinned.kept(
        PRICES.name,
        "bases of all",
        lambda: _bases(pinned, pin),
        size=lambda found: 100 * len(found),
    )
    return told[0] if len(told) == 1 else None


def _bases(pinned: Pinned, pin: TablePin) -> tuple[str, ...]:
    """Return the bases that occur, of several the first ones; none if it cannot."""
    table = pinned.tables[PRICES.name]
    told = pinned.storage.told(table, pin.files)
    parts: list[int | None] = [None]
    found: set[str] = set()
    try:
        if pin.rows > AT_ONCE:
            parts = list(range(count_files(table, pin.snapshot_id, told=told)))
        for part in parts:
            rows = scan(
                table,
                pin.snapshot_id,
                columns=("basis",),
                coded=("basis",),
                storage=pinned.storage,
                release=pinned.release.name,
                told=lambda: told,
                only=part,
            )
            found |= set(column(rows, "basis").unique().to_pylist()) - {None}
            if len(found) > 1:
                break
    except (BrokenReleaseError, LakeError):  # who reads all of it says so
        return ()
    return tuple(sorted(found))
