"""Snapshots of a table: its head, what a tag points at, and deleting files quietly."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pyiceberg.table import Table
from pyiceberg.table.update import AssertRefSnapshotId

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyiceberg.io import FileIO
    from pyiceberg.table.metadata import TableMetadata


def head_of(table: Table) -> int | None:
    """Return the snapshot id at the head of the table, None if it has no rows."""
    snapshot = table.metadata.current_snapshot()
    return None if snapshot is None else snapshot.snapshot_id


def manifest_list_of(table: Table) -> str | None:
    """Return what the head of the table names, None if it has no rows.

    It changes with the head, and where an erasure leaves the head what it was.
    """
    snapshot = table.metadata.current_snapshot()
    return None if snapshot is None else snapshot.manifest_list


def only(table: Table, snapshot_id: int) -> Table:
    """Return a table that knows of one snapshot, to be kept: a history is long."""
    snapshot = table.metadata.snapshot_by_id(snapshot_id)
    updates = {
        "snapshots": [] if snapshot is None else [snapshot],
        "current_snapshot_id": snapshot_id,
        "snapshot_log": [],
        "metadata_log": [],
        "refs": {},
    }
    metadata = table.metadata.model_copy(update=updates)
    place = table.metadata_location
    return Table(table.name(), metadata, place, table.io, table.catalog)


def line(metadata: TableMetadata, heads: Iterable[int]) -> set[int]:
    """Return the snapshots that are heads, or before one."""
    parents = {s.snapshot_id: s.parent_snapshot_id for s in metadata.snapshots}
    ids: set[int] = set()
    for head in heads:
        at: int | None = head
        while at in parents and at not in ids:
            ids.add(at)
            at = parents[at]
    return ids


def delete_quietly(io: FileIO, paths: Iterable[str]) -> bool:
    """Delete files that nothing refers to. A file that stays is litter, not an error.

    Returns
    -------
    bool
        Whether they are gone. After one failure the rest is not tried, because each
        request to a store that does not answer waits for its timeout.
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
