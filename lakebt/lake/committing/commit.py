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
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import sqlalchemy as sa
from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table.refs import MAIN_BRANCH, SnapshotRefType
from pyiceberg.table.update import (
    AssertRefSnapshotId,
    AssertTableUUID,
    RemoveSnapshotsUpdate,
    SetSnapshotRefUpdate,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from lakebt.lake.committing.waiting import LOCK_NOT_AVAILABLE, LOST_RACES, wait
from lakebt.lake.storage.catalog import LostRaceError
from lakebt.lake.storage.datafiles import write_files
from lakebt.lake.storage.durable import sync
from lakebt.lake.storage.manifests import Append, Replace
from lakebt.lake.storage.metadata import next_version, write
from lakebt.lake.storage.planning import manifests_in
from lakebt.lake.tables.schemas import LEDGER, NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa
    from pyiceberg.io import FileIO
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import StagedTable, Table
    from pyiceberg.table.snapshots import Snapshot
    from pyiceberg.table.update import TableRequirement, TableUpdate

    from lakebt.lake.committing.fold import Fold


FOLDED = "lakebt.folded"
"""In a snapshot's summary: how many files were replaced by a fold of them."""

KEPT = 10
"""How many snapshots of the ledger, and of the trials, are kept for readers of them."""


class BusyError(LostRaceError):
    """Others held the catalog for as long as a publisher waits for his turn."""


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
        producer = Append(table, summary)
    else:
        told = {**summary, FOLDED: str(len(fold.replaced))}
        producer = Replace(table, told, entries=fold.entries, replaced=fold.replaced)
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
            for manifest in manifests_in(table.io, head.manifest_list)
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
    old = [snapshot.snapshot_id for snapshot in table.metadata.snapshots]
    named = {ref.snapshot_id for ref in table.metadata.refs.values()}
    expired = [number for number in old[: 1 - KEPT] if number not in named]
    updates = staged.updates
    if expired:
        gone_ids = {"snapshot-ids": expired}
        updates = (*updates, RemoveSnapshotsUpdate.model_validate(gone_ids))
    requirements = (*staged.requirements, uuid)
    return replace(staged, requirements=requirements, updates=updates)


def _staged(table: Table, producer: Append | Replace) -> Staged:
    updates, requirements = producer._commit()  # noqa: SLF001
    sync(table.io, *producer.written)
    return Staged(
        base=table,
        requirements=requirements,
        updates=updates,
        snapshot_id=producer.snapshot_id,
        written=producer.written,
    )


@contextlib.contextmanager
def turn(catalog: SqlCatalog, *, table: str = LEDGER) -> Iterator[Session]:
    """Give the one SQL transaction in which a publisher may look and commit.

    Its first statement takes the catalog's write lock (SQLite), or that of the row of
    `table`, so that publishers wait for each other instead of repeating each other's
    work. Readers are not held up. What is in it becomes visible when it is left.

    Raises
    ------
    BusyError
        If the lock could not be had in time.
    DBAPIError
        If the catalog cannot be written for another reason.
    LostRaceError
        If the database sacrificed the transaction to another; nothing has changed.
    """
    lock = (
        sa.update(IcebergTables)
        .where(
            IcebergTables.catalog_name == catalog.name,
            IcebergTables.table_namespace == NAMESPACE,
            IcebergTables.table_name == table,
        )
        .values(metadata_location=IcebergTables.metadata_location)
    )
    try:
        with Session(catalog.engine) as session:
            wait(session, catalog.engine.dialect.name, lock)
            yield session
            session.commit()
    except DBAPIError as error:
        # psycopg's name for it, then psycopg2's; SQLite has none
        code = getattr(error.orig, "sqlstate", None) or getattr(
            error.orig, "pgcode", None
        )
        if code in LOST_RACES:
            raise LostRaceError(code) from None
        if code == LOCK_NOT_AVAILABLE or "database is locked" in str(error.orig):
            raise BusyError from None
        raise


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
            new = next_version(
                catalog, change.base, change.requirements, change.updates
            )
            applied.append((change.base, new))
            write(new.metadata, new.io, new.metadata_location)
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
    """Delete what nobody can need any more once a commit is made.

    That is the metadata files that have fallen out of the tables' logs, and the files
    of the ledger's expired snapshots. A crash before it leaves orphans, no more.
    """
    for old, new in applied:
        with contextlib.suppress(OSError):
            catalog._delete_old_metadata(old.io, old.metadata, new.metadata)  # noqa: SLF001
        if old.name() == (NAMESPACE, LEDGER):
            left = {snapshot.snapshot_id for snapshot in new.metadata.snapshots}
            for snapshot in old.metadata.snapshots:
                if snapshot.snapshot_id not in left:
                    _forget(snapshot, old.io)


def _forget(snapshot: Snapshot, io: FileIO) -> None:
    """Delete the files of a snapshot of the ledger, none of which another one has."""
    with contextlib.suppress(OSError):
        for manifest in manifests_in(io, snapshot.manifest_list):
            for entry in manifest.fetch_manifest_entry(io):
                delete_quietly(io, [entry.data_file.file_path])
            delete_quietly(io, [manifest.manifest_path])
    delete_quietly(io, [snapshot.manifest_list])


def head_of(table: Table) -> int | None:
    """Return the snapshot id at the head of the table, None if it has no rows."""
    snapshot = table.metadata.current_snapshot()
    return None if snapshot is None else snapshot.snapshot_id


def discard(changes: Iterable[Staged]) -> None:
    """Delete what lost changes wrote, except the data files that are used again."""
    for change in changes:
        delete_quietly(change.base.io, change.written)


def delete_quietly(io: FileIO, paths: Iterable[str]) -> bool:
    """Delete files nobody refers to. One that stays is litter, not an error.

    Returns
    -------
    bool
        Whether they are gone. Who could not delete one is not asked for the rest: a
        store that does not answer is waited for each time.
    """
    try:
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                io.delete(path)
    except OSError:
        return False
    return True


def at_ref(ref: str, snapshot_id: int | None) -> AssertRefSnapshotId:
    """Require that a branch or tag names a snapshot, or, for None, does not exist."""
    return AssertRefSnapshotId.model_validate({"ref": ref, "snapshot-id": snapshot_id})


def _tagged(staged: Staged, tag: str) -> Staged:
    metadata = staged.base.metadata
    required: list[TableRequirement] = [AssertTableUUID(uuid=metadata.table_uuid)]
    # On a table without snapshots the requirement cannot even be stated, and is true.
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
    )
