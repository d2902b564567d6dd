"""Staged snapshots: files and metadata written, not yet committed.

pyiceberg 0.12 moves an existing tag in silence, and loses a tag that is set in the same
transaction as an append when that append has to be retried. So a release is not made
with its `append` and `create_tag`: the updates are built here, staged against the very
metadata they were checked on, and all pointers are swapped in one commit. The private
names this needs are the reason for the pin ``pyiceberg>=0.12,<0.13``, and
``tests/lake/committing/test_upstream.py`` holds what they must keep doing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pyiceberg.schema import Schema
from pyiceberg.table.refs import MAIN_BRANCH, SnapshotRefType
from pyiceberg.table.update import (
    AddSchemaUpdate,
    AddSnapshotUpdate,
    AssertCurrentSchemaId,
    AssertLastAssignedFieldId,
    AssertTableUUID,
    RemoveSnapshotsUpdate,
    SetCurrentSchemaUpdate,
    SetSnapshotRefUpdate,
)
from pyiceberg.types import NestedField
from pyiceberg.utils.concurrent import ExecutorFactory

from lakebt.errors import LakeError
from lakebt.lake.storage.branch_refs import OnBranch
from lakebt.lake.storage.datafiles import write_files
from lakebt.lake.storage.durability import sync
from lakebt.lake.storage.fingerprint import is_local
from lakebt.lake.storage.kept_files import is_trusted
from lakebt.lake.storage.manifests import Append, Replace
from lakebt.lake.storage.scan_plan import manifests_in
from lakebt.lake.storage.snapshots import at_ref, delete_quietly, head_of
from lakebt.lake.tables.schemas import OURS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pyarrow as pa
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.update import TableRequirement, TableUpdate
    from pyiceberg.types import IcebergType

    from lakebt.lake.committing.fold import Fold


FOLDED = f"{OURS}folded"
"""In a snapshot's summary: how many files were replaced by a fold of them."""

NO_SNAPSHOT = -1
"""How Iceberg's metadata says that a table has no head."""

_THE_LAST_ADDED = -1
"""How an update says which columns are a table's from now on."""

KEPT = 10
"""How many snapshots of the ledger, and of the trials, are kept for readers of them."""


@dataclass(frozen=True, kw_only=True)
class Staged:
    """A change to one table that readers cannot see yet.

    Attributes
    ----------
    base : pyiceberg.table.Table
        The state it was checked on, and the only one it may be applied to.
    requirements, updates
        As the Iceberg specification has them.
    snapshot_id : int
        The snapshot the table's head, and the release's tag, will name.
    written : tuple of str
        Files that are of no use if the commit is lost.
    data_files : tuple of str
        Those that it adds, which may be used again.
    """

    base: Table
    requirements: tuple[TableRequirement, ...]
    updates: tuple[TableUpdate, ...]
    snapshot_id: int
    written: tuple[str, ...] = ()
    data_files: tuple[str, ...] = ()

    @property
    def manifest_list(self) -> str:
        """That of the snapshot."""
        for update in self.updates:
            if isinstance(update, AddSnapshotUpdate):
                return update.snapshot.manifest_list
        there = self.base.metadata.snapshot_by_id(self.snapshot_id)
        assert there is not None  # noqa: S101 - it is tagged
        return there.manifest_list


def stage_append(
    table: Table,
    files: Iterable[DataFile],
    *,
    tag: str,
    summary: Mapping[str, str],
    fold: Fold | None = None,
) -> Staged:
    """Stage one snapshot that adds `files`, and its tag, as one metadata commit.

    Parameters
    ----------
    table, files, tag, summary
    fold
        What is to be replaced at the same time, made for the head as it is.
    """
    producer: Append | Replace
    if fold is None:
        producer = Append(table, summary, joins=True)
    else:
        summary = {**summary, FOLDED: str(len(fold.replaced))}
        producer = Replace(table, summary, entries=fold.entries, replaced=fold.replaced)
        files = (*fold.files, *files)
    for file in files:
        producer.append_data_file(file)
    return _tagged(_staged(table, producer), tag)


def stage_tag(table: Table, *, tag: str) -> Staged:
    """Stage a tag on the table's head."""
    head = head_of(table)
    assert head is not None  # noqa: S101 - the caller tags only tables that have rows
    staged = Staged(
        base=table,
        requirements=(at_ref(MAIN_BRANCH, head),),
        updates=(),
        snapshot_id=head,
    )
    return _tagged(staged, tag)


def stage_columns(table: Table, columns: Mapping[str, IcebergType]) -> Staged:
    """Stage optional columns at the end of a table, whose head and rows stay.

    Parameters
    ----------
    table
    columns
        The type of each, by its name.
    """
    metadata, schema = table.metadata, table.schema()
    number, head = metadata.last_column_id, head_of(table)
    added = [
        NestedField(field_id=number + place, name=name, field_type=kind, required=False)
        for place, (name, kind) in enumerate(columns.items(), start=1)
    ]
    wider = Schema(
        *schema.fields,
        *added,
        schema_id=1 + max(each.schema_id for each in metadata.schemas),
        identifier_field_ids=schema.identifier_field_ids,
    )
    required: list[TableRequirement] = [
        AssertTableUUID(uuid=metadata.table_uuid),
        AssertCurrentSchemaId.model_validate(
            {"current-schema-id": metadata.current_schema_id}
        ),
        AssertLastAssignedFieldId.model_validate({"last-assigned-field-id": number}),
    ]
    if head is not None:
        required.append(at_ref(MAIN_BRANCH, head))
    return Staged(
        base=table,
        requirements=tuple(required),
        updates=(
            AddSchemaUpdate.model_validate({"schema": wider}),
            SetCurrentSchemaUpdate.model_validate({"schema-id": _THE_LAST_ADDED}),
        ),
        snapshot_id=NO_SNAPSHOT if head is None else head,
    )


def with_head(staged: Staged) -> Staged:
    """Return a change that moves the head to its snapshot, too."""
    kind = SnapshotRefType.BRANCH
    reference = {
        "ref-name": MAIN_BRANCH,
        "snapshot-id": staged.snapshot_id,
        "type": kind,
    }
    update = SetSnapshotRefUpdate.model_validate(reference)
    return replace(staged, updates=(*staged.updates, update))


def stage_rewrite(
    table: Table, rows: pa.Table, *, summary: Mapping[str, str]
) -> Staged:
    """Stage one snapshot in which `rows` replace all there were.

    Snapshots beyond the newest `KEPT` are expired with it; `tidy` deletes their files.
    """
    files = write_files(table, rows)
    head = table.metadata.current_snapshot()
    producer: Append | Replace
    if head is None:
        producer = Append(table, summary)
    else:
        entries = tuple(
            entry
            for manifest in manifests_in(
                table.io, head.manifest_list, are_kept=is_trusted()
            )
            for entry in manifest.fetch_manifest_entry(table.io)
        )
        gone = frozenset(entry.data_file.file_path for entry in entries)
        producer = Replace(table, summary, entries=entries, replaced=gone)
    staged = stage_expiring(table, producer, files)
    paths = (file.file_path for file in files)
    return replace(staged, written=(*staged.written, *paths))


def stage_expiring(
    table: Table, producer: Append | Replace, files: Sequence[DataFile]
) -> Staged:
    """Stage one snapshot with `files`, and expire those beyond the newest `KEPT`.

    Snapshots that another branch or a tag names stay.
    """
    for file in files:
        producer.append_data_file(file)
    staged = _staged(table, producer)
    uuid = AssertTableUUID(uuid=table.metadata.table_uuid)
    updates = staged.updates
    if expired := expiring(table.metadata):
        gone_ids = {"snapshot-ids": expired}
        updates = (*updates, RemoveSnapshotsUpdate.model_validate(gone_ids))
    requirements = (*staged.requirements, uuid)
    return replace(staged, requirements=requirements, updates=updates)


def expiring(metadata: TableMetadata) -> list[int]:
    """Return the snapshots that the next commit expires of a table written anew."""
    # Readers that opened the table a few commits ago must still find its files.
    old = [snapshot.snapshot_id for snapshot in metadata.snapshots]
    named = {ref.snapshot_id for ref in metadata.refs.values()}
    return [number for number in old[: 1 - KEPT] if number not in named]


def _staged(table: Table, producer: Append | Replace) -> Staged:
    updates, requirements = producer._commit()  # noqa: SLF001
    # A commit must survive a power cut with the manifests that it refers to.
    sync(table.io, *producer.written)
    return Staged(
        base=table,
        requirements=requirements,
        updates=updates,
        snapshot_id=producer.snapshot_id,
        written=producer.written,
        data_files=producer.data_files,
    )


def outside(change: Staged) -> Staged:
    """Return a change of a branch as the catalog has it."""
    if not isinstance(change.base, OnBranch):
        return change
    required, updates = change.base.outside(change.requirements, change.updates)
    whole = change.base.whole
    return replace(change, base=whole, requirements=required, updates=updates)


def check_there(change: Staged) -> None:
    """Check that the files of a change are there, however long ago they were written.

    A publisher that slept for a day may have lost them: `lakebt doctor` removes files
    that nothing refers to.

    Raises
    ------
    LakeError
        If one is gone.
    """
    io = change.base.io

    def is_there(path: str) -> bool:
        return io.new_input(path).exists()

    paths = (*change.written, *change.data_files)
    is_near = all(is_local(io, path) for path in paths)
    looked = map(is_there, paths) if is_near else _map(is_there, paths)
    for path, there in zip(paths, looked, strict=True):
        if not there:
            name = path.rsplit("/", maxsplit=1)[-1]
            msg = (
                f"the file {name} was removed before it could be committed. Nothing "
                f"was changed; do it again"
            )
            raise LakeError(msg)


def _map(function: Callable[[str], bool], paths: Sequence[str]) -> Iterable[bool]:
    return ExecutorFactory.get_or_create().map(function, paths)


def discard(changes: Iterable[Staged]) -> None:
    """Delete what lost changes wrote, except the data files that are used again."""
    for change in changes:
        delete_quietly(change.base.io, change.written)


def _tagged(staged: Staged, tag: str) -> Staged:
    metadata = staged.base.metadata
    required: list[TableRequirement] = [AssertTableUUID(uuid=metadata.table_uuid)]
    # A table without snapshots has no refs, and cannot require that one is missing.
    if metadata.snapshots:
        required.append(at_ref(tag, None))
    return Staged(
        base=staged.base,
        requirements=(*staged.requirements, *required),
        updates=(
            *staged.updates,
            SetSnapshotRefUpdate.model_validate(
                {
                    "ref-name": tag,
                    "snapshot-id": staged.snapshot_id,
                    "type": SnapshotRefType.TAG,
                }
            ),
        ),
        snapshot_id=staged.snapshot_id,
        written=staged.written,
        data_files=staged.data_files,
    )
