"""The files that go with snapshots: those that no snapshot that stays can reach."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from lakebt.errors import LakeError
from lakebt.lake.storage.reach import Walk, unneeded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot

    from lakebt.lake.storage.catalog import Storage
    from lakebt.lake.storage.reach import File, Step


def doomed_files(
    doomed_snapshots: Mapping[str, Sequence[Snapshot]],
    tables: Mapping[str, Table],
    walks: dict[str, Walk],
    storage: Storage,
    step: Step | None,
) -> dict[str, File]:
    """Return the files that only the snapshots which go can reach, by path.

    Files of one table that another one reaches stay, too, the trials among them.

    Raises
    ------
    LakeError
        If what a snapshot that stays needs cannot be read.
    """
    going = {
        name: {snapshot.snapshot_id for snapshot in snapshots}
        for name, snapshots in doomed_snapshots.items()
        if snapshots
    }
    if not going:
        return {}
    needed: dict[str, File] = {}
    for number, (name, table) in enumerate(tables.items()):
        staying = [
            snapshot
            for snapshot in table.metadata.snapshots
            if snapshot.snapshot_id not in going.get(name, ())
        ]
        walk = walks.setdefault(name, Walk(table.io))
        reached = walk.reach(staying, _part(step, number, len(tables)))
        lost = next((path for path in reached if path in walk.unreadable), None)
        if lost is not None and name in going:
            msg = (
                f"{storage.where}: the {reached[lost].kind} {reached[lost].name} of "
                f"table {name} {walk.unreadable[lost]}, so it is not known which files "
                f"it needs. Nothing was changed; `lake.doctor()` says what to do"
            )
            raise LakeError(msg)
        needed |= reached
    doomed: dict[str, File] = {}
    for name in going:
        reached = walks[name].reach(doomed_snapshots[name])
        folder = tables[name].location()
        doomed |= {
            path: reached[path] for path in unneeded(reached, needed, folder=folder)
        }
    return doomed


def _part(step: Step | None, number: int, of: int) -> Step | None:
    if step is None:
        return None
    return lambda done, total: step(number * total + done, of * total)


def size(path: str, file: File, io: Any) -> int:
    """Return how many bytes a file has; 0 of one that is gone."""
    if file.n_bytes is not None:
        return file.n_bytes
    with contextlib.suppress(OSError):
        return len(io.new_input(path))
    return 0


def delete_all(paths: Iterable[str], io: Any) -> list[str]:
    """Delete files, and return those that are gone by it. What stays is an orphan."""
    gone = []
    for path in paths:
        with contextlib.suppress(OSError):
            io.delete(path)
            gone.append(path)
    return gone
