"""Folding: many small files at the head of a table become one, with the same rows.

Every daily release adds a file. The commit that would leave more than `LIMIT` of them
at the head replaces the smallest by one file, sorted as the table is. What earlier
releases pin is not touched: they keep their small files, and a fold is one more copy of
its rows. Which files are taken decides how many copies there are:

- All the small ones, as long as they are more than a few. 64 days become one file, then
  the next 63, then 62: for the first 2,000 days every row is copied once.
- When that leaves only a few places, the smallest files, folds among them, until there
  are 24 places again. A row has been copied 1.2 times after 2,520 days and 1.9 times
  after 10,000, and no release of the first ten years copies more than 300 days. Of
  prices that are partitioned by year, as those of older lakes are, a file holds one
  year, and it is 1.4 and 2.6 times.

What rewrites them says how large files may be for it: in memory one to five million
rows, more with Spark (`lakebt.lake.spark.fold`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Protocol

from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.manifest import FileFormat, ManifestContent
from pyiceberg.table import FileScanTask

from lakebt.errors import LakeError
from lakebt.lake.storage.datafiles import FILE_ROWS, write_files
from lakebt.lake.storage.fingerprint import NOTHING, is_local, verify
from lakebt.lake.storage.scan_plan import manifests_in
from lakebt.lake.storage.snapshots import (
    delete_quietly,
    head_of,
    manifest_list_of,
)
from lakebt.lake.tables.arrow import take
from lakebt.lake.tables.rows import order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyiceberg.manifest import DataFile, ManifestEntry
    from pyiceberg.table import Table

    from lakebt.lake.tables.schemas import TableSpec


LIMIT = 64
"""How many data files may lie at the head of a table."""

LIMIT_IN_STORE = 24
"""The limit in an object store, where each file costs a reader two requests."""

_LEAP = 4.0
"""A file with this many times the rows of those before it is not a small one."""


@dataclass(frozen=True, kw_only=True)
class Fold:
    """Files at the head of a table, and what replaces them.

    Attributes
    ----------
    head : int
        The snapshot it was made for, and the only one it may follow.
    entries : tuple of pyiceberg.manifest.ManifestEntry
        Every live file of that snapshot.
    replaced : frozenset of str
        Paths of the files that go.
    files : tuple of pyiceberg.manifest.DataFile
        The files that come instead.
    """

    head: int
    entries: tuple[ManifestEntry, ...]
    replaced: frozenset[str]
    files: tuple[DataFile, ...]


class Folds:
    """The folds of one publication, each written once for the same files.

    Parameters
    ----------
    rewriter
        Writes them.
    """

    def __init__(self, rewriter: Rewriter | None = None) -> None:
        self._rewriter = rewriter or InMemory()
        self._made: dict[str, tuple[Table, Fold | None]] = {}

    def prepare(
        self,
        table: Table,
        spec: TableSpec,
        *,
        adding: int,
        told: Mapping[str, str] = NOTHING,
    ) -> None:
        """Write the fold a table needs, unless one that was written still fits."""
        if spec.name in self._made:
            before, folded = self._made[spec.name]
            if manifest_list_of(before) == manifest_list_of(table):
                return
            moved = None if folded is None else followed(folded, table)
            if moved is not None:
                self._made[spec.name] = (table, moved)
                return
            self._delete(spec.name)
        folded = fold(table, spec, adding=adding, rewriter=self._rewriter, told=told)
        self._made[spec.name] = (table, folded)

    def of(self, name: str) -> Fold | None:
        """Return the fold of a table, None if it needs none."""
        return self._made[name][1] if name in self._made else None

    def withdraw(self) -> None:
        """Delete what was written. No snapshot may refer to it."""
        for name in list(self._made):
            self._delete(name)

    def _delete(self, name: str) -> None:
        table, folded = self._made.pop(name)
        if folded is not None:
            delete_quietly(table.io, [file.file_path for file in folded.files])


def fold(
    table: Table,
    spec: TableSpec,
    *,
    adding: int,
    rewriter: Rewriter | None = None,
    told: Mapping[str, str] = NOTHING,
) -> Fold | None:
    """Write what has to be folded before more files come to the head of a table.

    Parameters
    ----------
    table
        As the fold is to find it.
    spec
        What it holds, and how its rows are sorted.
    adding
        How many files the commit adds.
    rewriter
        Writes it; this process, if None.
    told
        The digests of files whose names do not tell them.

    Returns
    -------
    Fold or None
        None if there are few enough already, or if they are not ours to fold:
        another engine deleted rows of them by position, or added a column.

    Raises
    ------
    ChangedFileError
        If a file is not what was written.
    FileNotFoundError
        If a file is gone.
    LakeError
        If a file does not hold the rows its manifest says.
    """
    writes = rewriter or InMemory()
    head = table.metadata.current_snapshot()
    if head is None or len(spec.names) != len(table.schema().fields):
        return None
    manifests = manifests_in(table.io, head.manifest_list)
    count = sum(
        (manifest.added_files_count or 0) + (manifest.existing_files_count or 0)
        for manifest in manifests
    )
    most = limit_of(table)
    if count + adding <= most:
        return None
    entries = _live(table)
    if entries is None:
        return None
    # Large files are left alone: copying one costs more than a file less saves.
    files = [e.data_file for e in entries if _may_fold(e.data_file, table)]
    files = [file for file in files if file.record_count < writes.large_rows]
    files.sort(key=lambda file: (file.record_count, file.file_path))
    places = [repr(file.partition) for file in files]
    n_large = len(entries) - len(files)
    limit = max(most - n_large, 2 * len(set(places)), most // 4)
    sizes = [file.record_count for file in files]
    chosen = choose(sizes, places, adding=adding, limit=limit, most=writes.most_rows)
    if not chosen:
        return None
    gone = [files[number] for number in chosen]
    # A damaged file would be copied into one whose new digest calls it sound.
    verify(table.io, [file.file_path for file in gone], told)
    return Fold(
        head=head.snapshot_id,
        entries=entries,
        replaced=frozenset(file.file_path for file in gone),
        files=tuple(writes.rewrite(table, gone, spec)),
    )


def limit_of(table: Table) -> int:
    """Return how many data files the head of a table may have."""
    is_near = is_local(table.io, table.location())
    return LIMIT if is_near else min(LIMIT, LIMIT_IN_STORE)


def followed(made: Fold, table: Table) -> Fold | None:
    """Return a fold as it follows another head, None if that lacks what it replaces."""
    entries = _live(table)
    head = head_of(table)
    if entries is None or head is None:
        return None
    if not made.replaced <= {entry.data_file.file_path for entry in entries}:
        return None
    return replace(made, head=head, entries=entries)


def choose(
    sizes: Sequence[int],
    places: Sequence[str],
    *,
    adding: int,
    limit: int = LIMIT,
    most: int = FILE_ROWS,
) -> list[int]:
    """Return which files to fold.

    Parameters
    ----------
    sizes
        Rows of each file, ascending.
    places
        The partition of each. Those of one partition become one file.
    adding
        How many files are about to join them.
    limit
        How many there may be then.
    most
        How many rows they may have together.

    Returns
    -------
    list of int
        Positions in `sizes`.

    Examples
    --------
    Of three days and a year, three days are folded:

    >>> choose([500, 500, 500, 126_000], [""] * 4, adding=1, limit=4)
    [0, 1, 2]
    """
    excess = len(sizes) + adding - limit
    if excess <= 0:
        return []
    freed, seen = [], set[str]()
    for count, place in enumerate(places, 1):
        seen.add(place)
        freed.append(count - len(seen))
    n_small = _small(sizes)
    if n_small and freed[n_small - 1] >= max(excess, limit // 8):
        taken = n_small
    else:
        wanted = max(excess, 3 * limit // 8)
        taken = next((n for n, f in enumerate(freed, 1) if f >= wanted), len(sizes))
    total = list(accumulate(sizes))
    while taken and total[taken - 1] > most:
        taken -= 1
    several = {place for place, n in Counter(places[:taken]).items() if n > 1}
    return [number for number in range(taken) if places[number] in several]


def _small(sizes: Sequence[int]) -> int:
    """Return how many of the ascending `sizes` come before the first leap."""
    for number, total in enumerate(accumulate(sizes[:-1]), 1):
        if sizes[number] > _LEAP * total / number:
            return number
    return len(sizes)


def _may_fold(file: DataFile, table: Table) -> bool:
    return (
        file.spec_id == table.spec().spec_id and file.file_format is FileFormat.PARQUET
    )


def _live(table: Table) -> tuple[ManifestEntry, ...] | None:
    """Return every live file at the head, None if rows were deleted by position."""
    head = table.metadata.current_snapshot()
    if head is None:
        return None
    manifests = manifests_in(table.io, head.manifest_list)
    if any(manifest.content is not ManifestContent.DATA for manifest in manifests):
        return None
    return tuple(
        entry
        for manifest in manifests
        for entry in manifest.fetch_manifest_entry(table.io)
    )


class Rewriter(Protocol):
    """Writes the rows of several files into fewer ones.

    Attributes
    ----------
    large_rows
        A file of this many rows is not small, and stays as it is.
    most_rows
        Most rows that are folded at once.
    """

    @property
    def large_rows(self) -> int: ...  # noqa: D102 - told above
    @property
    def most_rows(self) -> int: ...  # noqa: D102

    def rewrite(
        self, table: Table, files: Sequence[DataFile], spec: TableSpec
    ) -> list[DataFile]:
        """Write all rows of `files`, sorted; the new files belong to no snapshot yet.

        Raises
        ------
        FileNotFoundError
            If a file is gone.
        LakeError
            If a file does not hold the rows its manifest says.
        """
        ...


class InMemory:
    """Rewrites files in this process."""

    large_rows = 1_000_000
    most_rows = FILE_ROWS

    def rewrite(
        self, table: Table, files: Sequence[DataFile], spec: TableSpec
    ) -> list[DataFile]:
        """Write all rows of `files`, sorted: see `Rewriter`."""
        scan = ArrowScan(table.metadata, table.io, table.schema(), AlwaysTrue())
        rows = scan.to_table([FileScanTask(file) for file in files])
        check_count(len(rows), files, spec)
        rows = rows.select(spec.names).cast(spec.arrow)
        return write_files(table, take(rows, order(rows, spec.order)), spec)


def check_count(count: int, files: Sequence[DataFile], spec: TableSpec) -> None:
    """Check that files have as many rows as their manifests say.

    Raises
    ------
    LakeError
        If they do not.
    """
    expected = sum(file.record_count for file in files)
    if count != expected:
        msg = (
            f"table {spec.name} has a damaged file: {len(files)} files hold "
            f"{count} rows instead of {expected}. Restore it from a backup"
        )
        raise LakeError(msg)
