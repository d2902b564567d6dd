"""Reading snapshots. A snapshot never changes, so what was read is kept."""

from __future__ import annotations

import functools
import os
import threading
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import pyarrow as pa
from pyiceberg.expressions import AlwaysTrue, And, BooleanExpression
from pyiceberg.io.pyarrow import ArrowScan

from lakebt.errors import BrokenReleaseError
from lakebt.lake.storage.arrow_reads import (
    arrow_type,
    compared,
    read_directly,
    validate,
)
from lakebt.lake.storage.failures import (
    ChangedFileError,
    DamagedFileError,
    first_line,
    lost,
    parsing,
    translated,
)
from lakebt.lake.storage.fingerprint import NOTHING
from lakebt.lake.storage.panel_cache import DiskCache
from lakebt.lake.storage.scan_plan import plan
from lakebt.lake.tables.arrow import encoded

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from pyiceberg.table import DataScan, FileScanTask, Table

    from lakebt.lake.storage.catalog import Storage
    from lakebt.lake.storage.predicates import Among


T = TypeVar("T")
Key: TypeAlias = "tuple[str, Hashable, str]"


CACHE_BYTES = 512 * 2**20
OLD_BYTES = 64 * 2**20
FEW = 8
"""So many snapshots of a table may fill the cache; of more, the old size is kept."""

_ENTRY_BYTES = 1024
"""What an entry takes beside its value."""


class Cache:
    """The most recently used things read from snapshots, up to a size in bytes.

    A process that publishes has a new snapshot each time, and rarely comes back to an
    old one: without a bound of its own what it read of them would fill the cache.
    """

    def __init__(self, limit: int = CACHE_BYTES, old: int = OLD_BYTES) -> None:
        self._limit, self._old, self._used = limit, old, 0
        self._held: OrderedDict[Key, tuple[Any, int]] = OrderedDict()
        self._entries: dict[str, Counter[Hashable]] = {}
        self._lock = threading.Lock()

    @classmethod
    def in_memory(cls) -> Cache:
        """Return one that keeps nothing on the disk."""
        cache = cls()
        cache.disk = DiskCache(None)
        return cache

    def __reduce__(self) -> tuple[object, tuple[int, int]]:
        """Travel to another process empty."""
        return Cache, (self._limit, self._old)

    def __len__(self) -> int:
        return len(self._held)

    @functools.cached_property
    def disk(self) -> DiskCache:
        """What outlives the process."""
        return DiskCache.of(os.environ)

    def get(self, key: Key, make: Callable[[], T], *, size: Callable[[T], int]) -> T:
        """Return what is kept under `key`, made now if it is not.

        Parameters
        ----------
        key
            A table, a snapshot of it, and what of it.
        make, size
            Make it, and tell how many bytes it takes at most.
        """
        with self._lock:
            if (there := self._held.get(key)) is not None:
                self._held.move_to_end(key)
                kept: T = there[0]
                return kept
        value = make()
        with self._lock:
            self._keep(key, value, size(value) + len(key[2]) + _ENTRY_BYTES)
        return value

    def _keep(self, key: Key, value: object, used: int) -> None:
        if key in self._held:  # another thread was first
            return
        table, snapshot, _ = key
        self._held[key] = (value, used)
        self._used += used
        snapshots = self._entries.setdefault(table, Counter())
        snapshots[snapshot] += 1
        while len(self._held) > 1 and (
            self._used > self._limit
            or (self._used > self._old and len(snapshots) > FEW)
        ):
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        (table, snapshot, _), (_, freed) = self._held.popitem(last=False)
        self._used -= freed
        snapshots = self._entries[table]
        snapshots[snapshot] -= 1
        if not snapshots[snapshot]:
            del snapshots[snapshot]


def scan(
    table: Table,
    snapshot_id: int,
    *,
    columns: tuple[str, ...],
    coded: tuple[str, ...] = (),
    where: BooleanExpression | None = None,
    among: Among | None = None,
    storage: Storage,
    release: str,
    told: Callable[[], Mapping[str, str]] = lambda: NOTHING,
    only: int | None = None,
) -> pa.Table:
    """Read rows of one snapshot.

    Parameters
    ----------
    table, snapshot_id
        What to read. Never the head of a branch.
    columns
        In the order wanted. One that the table was given after the snapshot is null.
    coded
        Text columns to return as dictionaries.
    where
        Pushed down to files and row groups.
    among
        The values that a column of text may have, however many.
    storage, release
        For errors.
    told
        Gives the digests of files whose names do not tell them.
    only
        Of the files that may hold what is asked for, the one to read; all if None.

    Returns
    -------
    pyarrow.Table
        Of one snapshot always the same rows in the same order, whatever the columns.

    Raises
    ------
    BrokenReleaseError
        If a file of the snapshot is gone, or not what was written.
    """
    name = table.name()[-1]
    with translated(storage.where):
        chosen = _chosen(table, snapshot_id, where, among)
        there = [field.name for field in chosen.projection().fields]
        present = tuple(name for name in columns if name in there)
        chosen = chosen.update(selected_fields=present or (there[0],))
        try:
            kept = tuple(name for name in coded if name in present)
            rows = read_rows(chosen, kept, among, told=told(), only=only)
        except FileNotFoundError as error:
            problem = f"{lost(error)} is gone"
            raise BrokenReleaseError(release, name, problem) from None
        except ChangedFileError as error:
            raise BrokenReleaseError(release, name, str(error)) from None
        except (pa.ArrowInvalid, DamagedFileError) as error:
            problem = f"a file of it is damaged: {first_line(error)}"
            raise BrokenReleaseError(release, name, problem[:-1]) from None
        for added in columns:
            if added not in there:
                kind: Any = arrow_type(table.schema().find_field(added))
                rows = rows.append_column(added, pa.nulls(len(rows), kind))
    rows = rows.select(columns)
    plain = [n for n in coded if not pa.types.is_dictionary(rows.schema.field(n).type)]
    return encoded(rows, tuple(plain)).unify_dictionaries()


def count_files(
    table: Table,
    snapshot_id: int,
    *,
    where: BooleanExpression | None = None,
    among: Among | None = None,
    told: Mapping[str, str] = NOTHING,
) -> int:
    """Return how many files of a snapshot may hold what is asked for; see `scan`."""
    return len(plan(_chosen(table, snapshot_id, where, among), told))


def _chosen(
    table: Table,
    snapshot_id: int,
    where: BooleanExpression | None,
    among: Among | None,
) -> DataScan:
    return table.scan(
        snapshot_id=snapshot_id,
        row_filter=And(
            AlwaysTrue() if where is None else where,
            AlwaysTrue() if among is None else among.within,
        ),
    )


def read_rows(
    chosen: DataScan,
    coded: tuple[str, ...] = (),
    among: Among | None = None,
    *,
    told: Mapping[str, str] = NOTHING,
    only: int | None = None,
) -> pa.Table:
    """Read what a scan selects, in the types that lakebt writes.

    Raises
    ------
    ChangedFileError
        If a file is not what was written.
    FileNotFoundError
        If one is gone.
    """
    tasks, is_known = compared(chosen, told, only)
    rows = read_directly(chosen, coded, among, tasks)
    if rows is None:
        rows = _read_by_pyiceberg(chosen, among, tasks)
    if not is_known:
        validate(rows)
    return rows


def _read_by_pyiceberg(
    chosen: DataScan, among: Among | None, tasks: list[FileScanTask]
) -> pa.Table:
    # Without `dictionary_columns`: pyiceberg 0.12 cannot join one that is there in some
    # files, and missing in older ones.
    names = list(chosen.projection().column_names)
    if among is not None:
        more = (*dict.fromkeys([*names, among.column]),)
        chosen = chosen.update(selected_fields=more)
    reader = ArrowScan(
        chosen.table_metadata, chosen.io, chosen.projection(), chosen.row_filter
    )
    with parsing():
        rows = reader.to_table(tasks)
    if among is not None:
        rows = rows.filter(among.condition).select(names)
    for place, name in enumerate(rows.schema.names):
        kind: Any = arrow_type(chosen.projection().find_field(name))
        rows = rows.set_column(place, name, rows.column(place).cast(kind))
    return rows
