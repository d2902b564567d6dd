"""A branch on which another engine writes rows that no release has yet."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table.refs import SnapshotRefType
from pyiceberg.table.update import (
    AssertTableUUID,
    RemoveSnapshotRefUpdate,
    RemoveSnapshotsUpdate,
)

from lakebt.errors import LakeError
from lakebt.instants import EPOCH
from lakebt.lake.committing.ledger import read_ledger
from lakebt.lake.committing.retry import again
from lakebt.lake.storage.branch_refs import commit_table
from lakebt.lake.storage.failures import LostRaceError
from lakebt.lake.storage.manifests import Append
from lakebt.lake.storage.reach import delete_expired
from lakebt.lake.storage.scan_plan import manifests_in
from lakebt.lake.storage.snapshots import delete_quietly, line
from lakebt.lake.tables.schemas import LEDGER, OURS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa
    from pyiceberg.io import FileIO
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.snapshots import Snapshot
    from pyiceberg.table.update import TableUpdate

    from lakebt.lake.storage.catalog import Storage
    from lakebt.lake.tables.arrow import Array


PREFIX = "lakebt-staging-"
"""Prefix of the name of such a branch."""

STAGING = f"{OURS}staging"
"""In a snapshot's summary: the branch that it begins."""

_BATCH_ROWS = 262_144
"""Rows of a file that are read at a time."""


@dataclass(kw_only=True, eq=False)
class StagingBranch:
    """Rows on a branch of their own, which began with nothing, or with some files.

    Attributes
    ----------
    storage, name
        The lake, and what the branch is called.
    table : pyiceberg.table.Table
        As it was when the branch was read last.
    snapshot_id : int
        Its head.
    is_empty : bool
        Whether it began with nothing.
    files : list of pyiceberg.manifest.DataFile
        What was written onto it, in the order of its rows.
    """

    storage: Storage
    name: str
    table: Table
    snapshot_id: int
    is_empty: bool = True
    files: list[DataFile] = field(default_factory=list)

    @classmethod
    def make(
        cls, storage: Storage, table: str, name: str, files: Sequence[DataFile] = ()
    ) -> StagingBranch:
        """Make a branch of a table, of `files` that the table has already."""
        branches: list[int] = []
        written: list[str] = []

        def begin(now: Table) -> tuple[TableUpdate, ...]:
            delete_quietly(now.io, written)  # of an attempt that lost
            producer = Append(now, {STAGING: name}, name)
            for file in files:
                producer.append_data_file(file)
            updates, _ = producer._commit()  # noqa: SLF001
            branches[:] = [producer.snapshot_id]
            written[:] = producer.written
            return updates

        after = _change(storage, table, begin)
        return cls(
            storage=storage,
            name=name,
            table=after,
            snapshot_id=branches[0],
            is_empty=not files,
        )

    @property
    def count(self) -> int:
        """How many rows it has."""
        return sum(file.record_count for file in self.files)

    def chunks(self, wanted: pa.Field[Any]) -> Iterator[Array]:
        """Give one column of its rows, in their order, in parts that fit into memory.

        They are read as they are asked for.
        """
        for file in self.files:
            with self.table.io.new_input(file.file_path).open() as stream:
                source: Any = stream
                parts = pq.ParquetFile(source).iter_batches(
                    batch_size=_BATCH_ROWS, columns=[wanted.name]
                )
                for part in parts:
                    yield part.column(0).cast(wanted.type)

    def read(self, order: Sequence[str]) -> None:
        """Look at what was written.

        Parameters
        ----------
        order
            The columns that the rows of each file are sorted by, and the files by.

        Raises
        ------
        LakeError
            If the branch is gone.
        """
        self.table = self.storage.table(self.table.name()[-1])
        ref = self.table.metadata.refs.get(self.name)
        head = None if ref is None else _snapshot(self.table, ref.snapshot_id)
        if head is None:
            msg = f"{self.storage.where} has lost the branch {self.name}. Publish again"
            raise LakeError(msg)
        self.snapshot_id = head.snapshot_id
        files = [
            entry.data_file
            for manifest in manifests_in(self.table.io, head.manifest_list)
            for entry in manifest.fetch_manifest_entry(self.table.io)
            if entry.data_file.record_count
        ]
        self.files = sorted(files, key=lambda file: _first(file, self.table.io, order))

    def remove(self) -> None:
        """Remove the branch, its snapshots, and their manifests. No data file goes."""
        remove(self.storage, self.table.name()[-1], self.name)


def remove(storage: Storage, table: str, branch: str) -> None:
    """Remove a branch, the snapshots that nothing else needs, and their manifests.

    No data file goes.
    """
    before: list[TableMetadata] = []

    def without(now: Table) -> tuple[TableUpdate, ...]:
        ref = now.metadata.refs.get(branch)
        if ref is None:
            return ()
        before[:] = [now.metadata]
        removed = RemoveSnapshotRefUpdate.model_validate({"ref-name": branch})
        needed = line(now.metadata, _heads(storage, now, but=branch))
        if not (gone := sorted(line(now.metadata, {ref.snapshot_id}) - needed)):
            return (removed,)
        numbers = {"snapshot-ids": gone}
        return (removed, RemoveSnapshotsUpdate.model_validate(numbers))

    after = _change(storage, table, without)
    for metadata in before:
        delete_expired(after.io, metadata, after.metadata, data=False)


def _heads(storage: Storage, table: Table, *, but: str) -> set[int]:
    """Return the snapshots that a release, or any other branch or tag, names."""
    ledger = read_ledger(storage, storage.tables()[LEDGER])
    pins = [release.pin(table.name()[-1]) for release in ledger.releases]
    heads = {pin.snapshot_id for pin in pins if pin is not None}
    return heads | {
        to.snapshot_id for ref, to in table.metadata.refs.items() if ref != but
    }


def left_behind(table: Table, *, before: dt.datetime) -> list[str]:
    """Return the branches of a table that rows were brought by, if old enough.

    Parameters
    ----------
    table
    before
        A publisher may still be committing a younger branch.
    """
    names = []
    for name, ref in table.metadata.refs.items():
        is_branch = ref.snapshot_ref_type is SnapshotRefType.BRANCH
        head = _snapshot(table, ref.snapshot_id)
        if not (name.startswith(PREFIX) and is_branch and head is not None):
            continue
        # Milliseconds are compared: others may have written any number of them.
        if head.timestamp_ms < (before - EPOCH) // dt.timedelta(milliseconds=1):
            names.append(name)
    return names


def _snapshot(table: Table, snapshot_id: int) -> Snapshot | None:
    return table.metadata.snapshot_by_id(snapshot_id)


def _change(
    storage: Storage, table: str, updates: Callable[[Table], tuple[TableUpdate, ...]]
) -> Table:
    """Change one table, again as long as others come first.

    Raises
    ------
    LakeError
        If they keep coming first.
    """

    def attempt() -> Table:
        now = storage.table(table)
        wanted = updates(now)
        if not wanted:
            return now
        uuid = AssertTableUUID(uuid=now.metadata.table_uuid)
        try:
            commit_table(now, (uuid,), wanted)
        except CommitFailedException as error:
            raise LostRaceError(str(error)) from None
        return storage.table(table)

    def exhausted(attempts: int) -> LakeError:
        return LakeError(
            f"{storage.where}: somebody else wrote {table} first {attempts} times"
        )

    return again(attempt, where=storage.where, exhausted=exhausted)


def _first(file: DataFile, io: FileIO, order: Sequence[str]) -> tuple[Any, ...]:
    """Return what a file's first row is sorted by."""
    with io.new_input(file.file_path).open() as stream:
        source: Any = stream
        whole = pq.ParquetFile(source)
        batches = whole.iter_batches(batch_size=1, columns=list(order))
        row = next(iter(batches)).slice(0, 1).to_pylist()[0]
    return tuple(row[name] for name in order)
