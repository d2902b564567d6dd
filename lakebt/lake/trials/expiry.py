"""Deleting what only expired snapshots of the trials needed.

Each commit expires the oldest snapshot, and with it goes its manifest list; when the
one after it was a fold, the small files go as well. It is done after the commit, and a
file that stays, because somebody was killed, is an orphan that `lakebt doctor` finds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.lake.storage.reach import place, unneeded
from lakebt.lake.storage.snapshots import delete_quietly

if TYPE_CHECKING:
    from pyiceberg.io import FileIO
    from pyiceberg.table.metadata import TableMetadata

    from lakebt.lake.trials.index import Index


def sweep(
    before: TableMetadata, after: TableMetadata, *, io: FileIO, index: Index
) -> None:
    """Delete the files that the snapshots reached which a commit expired."""
    stays = {snapshot.snapshot_id for snapshot in after.snapshots}
    gone = [old for old in before.snapshots if old.snapshot_id not in stays]
    if not gone:
        return
    try:
        doomed = _doomed(before, after, io=io, index=index)
    except Exception:  # noqa: BLE001 - what cannot be read is not deleted
        return
    lists = unneeded(
        [snapshot.manifest_list for snapshot in gone],
        [snapshot.manifest_list for snapshot in after.snapshots],
        folder=after.location,
    )
    delete_quietly(io, [*doomed, *lists])


def _doomed(
    before: TableMetadata, after: TableMetadata, *, io: FileIO, index: Index
) -> list[str]:
    """Return the manifests and data files that no snapshot has any more."""
    stays = {snapshot.snapshot_id for snapshot in after.snapshots}
    going = {
        place(manifest.manifest_path): manifest
        for snapshot in before.snapshots
        if snapshot.snapshot_id not in stays
        for manifest in index.manifests(snapshot, io)
    }
    kept = {}
    for snapshot in after.snapshots:  # the oldest first: it mostly has all of them
        for manifest in index.manifests(snapshot, io):
            kept[place(manifest.manifest_path)] = manifest
            going.pop(place(manifest.manifest_path), None)
        if not going:
            return []
    live = {e.data_file.file_path for e in index.entries(kept.values(), io)}
    files = {e.data_file.file_path for e in index.entries(going.values(), io)}
    own = [manifest.manifest_path for manifest in going.values()]
    return unneeded([*own, *files], live, folder=after.location)
