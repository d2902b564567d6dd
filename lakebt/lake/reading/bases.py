"""The bases of a release's prices: raw, split-adjusted or total return."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.errors import BrokenReleaseError, LakeError
from lakebt.lake.storage.scan import count_files, scan
from lakebt.lake.tables.arrow import column

if TYPE_CHECKING:
    from pyiceberg.table import Table

    from lakebt.lake.committing.ledger import TablePin
    from lakebt.lake.storage.catalog import Storage


AT_ONCE = 20_000_000
"""Rows up to which all files are read at once; of more, one after the other."""


def bases_of(
    table: Table, pin: TablePin, *, storage: Storage, release: str
) -> tuple[str, ...]:
    """Return the bases that a release's prices are on, whenever they were known.

    Nearly always it is one text for all of them, which files hold in some bytes.

    Parameters
    ----------
    table, pin, storage, release
        As `lakebt.lake.storage.scan.scan` takes them.

    Returns
    -------
    tuple of str
        Of several the first ones; none if something cannot be read.
    """
    digests = storage.told(table, pin.files)
    parts: list[int | None] = [None]
    bases: set[str] = set()
    try:
        if pin.rows > AT_ONCE:
            parts = list(range(count_files(table, pin.snapshot_id, told=digests)))
        for part in parts:
            rows = scan(
                table,
                pin.snapshot_id,
                columns=("basis",),
                coded=("basis",),
                storage=storage,
                release=release,
                told=lambda: digests,
                only=part,
            )
            bases |= set(column(rows, "basis").unique().to_pylist()) - {None}
            if len(bases) > 1:
                break
    except (BrokenReleaseError, LakeError):  # the full read raises it
        return ()
    return tuple(sorted(bases))
