"""Which rows of a publication the lake lacks, and which contradict it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa

from lakebt.errors import listed
from lakebt.lake.publishing.audits.finding import Finding, Handed
from lakebt.lake.storage.datafiles import write_files
from lakebt.lake.storage.failures import translated
from lakebt.lake.storage.predicates import overlap
from lakebt.lake.storage.scan import read_rows
from lakebt.lake.storage.snapshots import delete_quietly, head_of
from lakebt.lake.tables.arrow import column, keep, same, take
from lakebt.lake.tables.rows import codes

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from lakebt.lake.storage.catalog import Storage


class Lacks(Protocol):
    """What one table of the lake has not got yet, wherever the rows are.

    Attributes
    ----------
    handed
        The rows themselves, to be compared further; None if that was done.
    found
        What the comparison has against them.
    count
        Number of rows.
    """

    @property
    def handed(self) -> Handed | None: ...  # noqa: D102 - told above
    @property
    def found(self) -> tuple[Finding, ...]: ...  # noqa: D102
    @property
    def count(self) -> int: ...  # noqa: D102

    def same_as(self, other: Any) -> bool:
        """Whether the other, of an earlier comparison, has just these rows."""
        ...

    def write(self, table: Table) -> list[DataFile]:
        """Return data files of the rows that belong to no snapshot yet."""
        ...

    def forget(self, table: Table, files: list[DataFile]) -> bool:
        """Take back what `write` gave and no snapshot has; False if it stays."""
        ...


@dataclass(frozen=True, kw_only=True)
class Lacking:
    """What one table of the lake has not got yet.

    Attributes
    ----------
    handed
        Rows of a key and `known_at` that the lake does not hold.
    found
        A finding if it holds others with another content.
    """

    handed: Handed
    found: tuple[Finding, ...] = ()

    @property
    def count(self) -> int:
        """How many rows they are."""
        return len(self.handed.rows)

    def same_as(self, other: Any) -> bool:
        """Whether the other, of an earlier comparison, has just these rows."""
        own_rows, other_rows = self.handed.rows, other.handed.rows
        return own_rows is other_rows or bool(own_rows.equals(other_rows))

    def write(self, table: Table) -> list[DataFile]:
        """Return data files of the rows that belong to no snapshot yet."""
        return write_files(table, self.handed.rows, self.handed.spec)

    def forget(self, table: Table, files: list[DataFile]) -> bool:
        """Delete what `write` gave, which no snapshot refers to; False if it stays."""
        return delete_quietly(table.io, [file.file_path for file in files])


def lacking_in(handed: Handed, *, table: Table | None, storage: Storage) -> Lacking:
    """Compare rows with the head of their table, which may have yet to be made."""
    rows, spec = handed.rows, handed.spec
    if table is None or head_of(table) is None:
        return Lacking(handed=handed)
    with translated(storage.where):
        near = overlap(rows, ("known_at", *spec.key))
        there = read_rows(table.scan(row_filter=near))
    return compare(handed, there.select(spec.names).cast(spec.arrow))


def compare(handed: Handed, there: pa.Table) -> Lacking:
    """Compare rows with those that are there already.

    One that is there, word for word, is lacking no more.
    """
    rows, spec = handed.rows, handed.spec
    if len(there) == 0:
        return Lacking(handed=handed)
    code = codes(pa.concat_tables([there, rows]), (*spec.key, "known_at"))
    old, new = code[: len(there)], code[len(there) :]
    by_code = np.argsort(old, kind="stable")
    place = np.minimum(np.searchsorted(old[by_code], new), len(old) - 1)
    is_same = old[by_code][place] == new
    new_rows, lake_rows = keep(rows, is_same), take(there, by_code[place[is_same]])
    differing = {
        name: ~same(column(new_rows, name), column(lake_rows, name))
        for name in spec.names
    }
    disagree = np.flatnonzero(np.logical_or.reduce(list(differing.values())))
    fresh = Handed(spec=spec, rows=keep(rows, ~is_same), places=handed.places[~is_same])
    if len(disagree) == 0:
        return Lacking(handed=fresh)
    which = np.flatnonzero(is_same)[disagree]
    names = [
        listed(name for name, differs in differing.items() if differs[row])
        for row in disagree
    ]
    first = take(new_rows, disagree[:1]).select([*spec.key, "known_at"]).to_pylist()[0]
    row = listed(f"{name} {value}" for name, value in first.items())
    count = len(disagree)
    finding = Finding(
        table=spec.name,
        audit="contradiction",
        severity="fail",
        message=(
            f"{count} {'row is' if count == 1 else 'rows are'} in the lake already "
            f"with other content (the first: {row}). A correction needs a later "
            f"known_at."
        ),
        rows=handed.at(which).frame({"differs": names}),
    )
    return Lacking(handed=fresh, found=(finding,))
