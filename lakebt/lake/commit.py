"""The strict commit: every table, every tag and the ledger, or nothing.

pyiceberg 0.12 moves an existing tag in silence, and loses a tag that is set in the same
transaction as an append when that append has to be retried. So a release is not made
with its `append` and `create_tag`: the updates are built here, staged against the very
metadata they were checked on, and all pointers are swapped in one SQL transaction. The
private names this needs are the reason for the pin ``pyiceberg>=0.12,<0.13``, and
``tests/lake/test_upstream.py`` holds what they must keep doing.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa
from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.io.pyarrow import _dataframe_to_data_files
from pyiceberg.table import Transaction
from pyiceberg.table.refs import MAIN_BRANCH, SnapshotRefType
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.update import (
    AssertRefSnapshotId,
    AssertTableUUID,
    SetSnapshotRefUpdate,
)
from pyiceberg.table.update.snapshot import UpdateSnapshot, _OverwriteFiles
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from lakebt.lake.catalog import LostRaceError
from lakebt.lake.schemas import LEDGER, NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa
    from pyiceberg.io import FileIO
    from pyiceberg.manifest import DataFile, ManifestFile
    from pyiceberg.table import StagedTable, Table
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.update import TableRequirement, TableUpdate


class BusyError(LostRaceError):
    """Others held the catalog for as long as a publisher waits for his turn."""


class _Unchanging(Transaction):
    """A transaction to which nothing is added, only asked what it would add.

    pyiceberg's own applies its updates to a deep copy whenever its metadata is looked
    at, some twenty times per append.
    """

    @property
    def table_metadata(self) -> TableMetadata:
        return self._table.metadata


class _Rewrite(_OverwriteFiles):
    """An overwrite that carries nothing along.

    pyiceberg's own keeps the manifest of what each earlier overwrite deleted, for ever.
    """

    def _existing_manifests(self) -> list[ManifestFile]:
        return []


@dataclass(frozen=True, kw_only=True)
class Staged:
    """A change to one table that nobody can see yet.

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
    """

    base: Table
    requirements: tuple[TableRequirement, ...]
    updates: tuple[TableUpdate, ...]
    snapshot_id: int
    written: tuple[str, ...] = ()


def write_files(table: Table, rows: pa.Table) -> list[DataFile]:
    """Write `rows` as data files that belong to no snapshot yet."""
    return list(
        _dataframe_to_data_files(table_metadata=table.metadata, df=rows, io=table.io)
    )


def stage_append(
    table: Table, files: Iterable[DataFile], *, tag: str, summary: Mapping[str, str]
) -> Staged:
    """Stage one snapshot that adds `files`, and its tag, as one metadata commit."""
    producer = UpdateSnapshot(
        _Unchanging(table), io=table.io, snapshot_properties=dict(summary)
    ).fast_append()
    for file in files:
        producer.append_data_file(file)
    updates, requirements = producer._commit()  # noqa: SLF001
    staged = Staged(
        base=table,
        requirements=requirements,
        updates=updates,
        snapshot_id=producer.snapshot_id,
        written=(*producer._written_manifests, *producer._written_manifest_lists),  # noqa: SLF001
    )
    return _tagged(staged, tag)


def stage_tag(table: Table, *, tag: str) -> Staged:
    """Stage a tag on the table's head."""
    head = head_of(table)
    assert head is not None  # noqa: S101 - the caller tags only tables that have rows
    staged = Staged(
        base=table,
        requirements=(_at(MAIN_BRANCH, head),),
        updates=(),
        snapshot_id=head,
    )
    return _tagged(staged, tag)


def stage_rewrite(
    table: Table, rows: pa.Table, *, summary: Mapping[str, str]
) -> Staged:
    """Stage one snapshot in which `rows` replace all there were."""
    files = write_files(table, rows)
    is_first = head_of(table) is None
    producer = _Rewrite(
        operation=Operation.APPEND if is_first else Operation.OVERWRITE,
        transaction=_Unchanging(table),
        io=table.io,
        snapshot_properties=dict(summary),
    )
    if not is_first:
        for task in table.scan().plan_files():
            producer.delete_data_file(task.file)
    for file in files:
        producer.append_data_file(file)
    updates, requirements = producer._commit()  # noqa: SLF001
    return Staged(
        base=table,
        requirements=(*requirements, AssertTableUUID(uuid=table.metadata.table_uuid)),
        updates=updates,
        snapshot_id=producer.snapshot_id,
        written=(
            *producer._written_manifests,  # noqa: SLF001
            *producer._written_manifest_lists,  # noqa: SLF001
            *(file.file_path for file in files),
        ),
    )


@contextlib.contextmanager
def turn(catalog: SqlCatalog) -> Iterator[Session]:
    """Give the one SQL transaction in which a publisher may look and commit.

    Its first statement takes the catalog's write lock (SQLite), or that of the ledger's
    row, so that publishers wait for each other instead of repeating each other's work.
    Readers are not held up. What is in it becomes visible when it is left.

    Raises
    ------
    BusyError
        If the lock could not be had in time.
    OperationalError
        If the catalog cannot be written for another reason.
    """
    lock = (
        sa.update(IcebergTables)
        .where(
            IcebergTables.catalog_name == catalog.name,
            IcebergTables.table_namespace == NAMESPACE,
            IcebergTables.table_name == LEDGER,
        )
        .values(metadata_location=IcebergTables.metadata_location)
    )
    with Session(catalog.engine) as session, session.begin():
        try:
            session.execute(lock)
        except OperationalError as error:
            if "locked" in str(error):
                raise BusyError from None
            raise
        yield session


def commit(
    session: Session, catalog: SqlCatalog, changes: Sequence[Staged]
) -> list[tuple[Table, StagedTable]]:
    """Apply all `changes` in a SQL transaction, or none.

    Returns
    -------
    list of (before, after)
        For `tidy`, once the transaction is committed.

    Raises
    ------
    LostRaceError
        If any table is no longer what its change was staged on.
    """
    applied = []
    try:
        for change in changes:
            new = catalog._update_and_stage_table(  # noqa: SLF001
                change.base, change.base.name(), change.requirements, change.updates
            )
            applied.append((change.base, new))
            catalog._write_metadata(  # noqa: SLF001
                metadata=new.metadata, io=new.io, metadata_path=new.metadata_location
            )
        for old, new in applied:
            swap(session, catalog, old, new.metadata_location)
    except (CommitFailedException, LostRaceError) as error:
        for old, new in applied:
            delete_quietly(old.io, [new.metadata_location])
        raise LostRaceError(str(error)) from None
    return applied


def swap(session: Session, catalog: SqlCatalog, table: Table, location: str) -> None:
    """Point a table at its new metadata.

    Raises
    ------
    LostRaceError
        If its pointer is no longer what it was.
    """
    *namespace, name = table.name()
    found = session.execute(
        sa.update(IcebergTables)
        .where(
            IcebergTables.catalog_name == catalog.name,
            IcebergTables.table_namespace == ".".join(namespace),
            IcebergTables.table_name == name,
            IcebergTables.metadata_location == table.metadata_location,
        )
        .values(
            metadata_location=location,
            previous_metadata_location=table.metadata_location,
        )
    )
    if found.rowcount != 1:  # type: ignore[attr-defined]
        msg = f"{name} has moved on"
        raise LostRaceError(msg)


def tidy(catalog: SqlCatalog, applied: Iterable[tuple[Table, StagedTable]]) -> None:
    """Delete the metadata files that have fallen out of the tables' logs."""
    for old, new in applied:
        with contextlib.suppress(OSError):
            catalog._delete_old_metadata(old.io, old.metadata, new.metadata)  # noqa: SLF001


def head_of(table: Table) -> int | None:
    """Return the snapshot id at the head of the table, None if it has no rows."""
    snapshot = table.metadata.current_snapshot()
    return None if snapshot is None else snapshot.snapshot_id


def discard(changes: Iterable[Staged]) -> None:
    """Delete what lost changes wrote, except the data files that are used again."""
    for change in changes:
        delete_quietly(change.base.io, change.written)


def delete_quietly(io: FileIO, paths: Iterable[str]) -> None:
    """Delete files nobody refers to. One that stays is litter, not an error."""
    for path in paths:
        with contextlib.suppress(OSError):
            io.delete(path)


def _at(ref: str, snapshot_id: int | None) -> AssertRefSnapshotId:
    """Require that a branch or tag names a snapshot, or, for None, does not exist."""
    return AssertRefSnapshotId.model_validate({"ref": ref, "snapshot-id": snapshot_id})


def _tagged(staged: Staged, tag: str) -> Staged:
    metadata = staged.base.metadata
    required: list[TableRequirement] = [AssertTableUUID(uuid=metadata.table_uuid)]
    # On a table without snapshots the requirement cannot even be stated, and is true.
    if metadata.snapshots:
        required.append(_at(tag, None))
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
    )
