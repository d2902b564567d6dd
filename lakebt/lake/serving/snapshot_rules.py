"""Rules for the snapshots that a client adds to tables of the lake: what they reach.

A client says what a snapshot holds, and may say anything. So what it names is read: a
manifest list of its own, that is there, and files in the folder of the table. lakebt
deletes what only ended releases reach; no client decides what that is.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pyiceberg.table.refs import SnapshotRefType

from lakebt.lake.committing.recovery import STAGED
from lakebt.lake.committing.staging_branch import PREFIX
from lakebt.lake.serving.errors import ForbiddenError
from lakebt.lake.serving.updates import guarded
from lakebt.lake.storage.reach import MANIFEST, Walk, place
from lakebt.lake.storage.snapshots import line
from lakebt.lake.tables.schemas import OURS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyiceberg.io import FileIO
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.refs import SnapshotRef
    from pyiceberg.table.snapshots import Snapshot

    from lakebt.lake.committing.ledger import Ledger
    from lakebt.lake.serving.names import Warehouse
    from lakebt.lake.storage.reach import File


def added(before: TableMetadata, after: TableMetadata) -> list[Snapshot]:
    """Return the snapshots that a commit adds, or puts other files behind."""
    known = {old.snapshot_id: old.manifest_list for old in before.snapshots}
    return [
        each
        for each in after.snapshots
        if known.get(each.snapshot_id) != each.manifest_list
    ]


def check_added(
    name: str,
    before: TableMetadata,
    after: TableMetadata,
    *,
    io: FileIO,
    warehouse: Warehouse,
) -> None:
    """Check what the snapshots reach that a commit adds to a table of the lake.

    Raises
    ------
    ForbiddenError
        If one has the manifest list of another, or a file that is not the table's own.
    BadRequestError
        If what it names cannot be read.
    """
    new = added(before, after)
    if not new:
        return
    lists = {place(old.manifest_list): old.snapshot_id for old in before.snapshots}
    for snapshot in new:
        where = place(snapshot.manifest_list)
        if where in lists:
            msg = (
                f"snapshot {snapshot.snapshot_id} of table {name} has the manifest "
                f"list of snapshot {lists[where]}: each snapshot writes its own"
            )
            raise ForbiddenError(msg)
        lists[where] = snapshot.snapshot_id
    walk = Walk(io)
    parents = {snapshot.parent_snapshot_id for snapshot in new}
    known = set(
        map(place, walk.named(s for s in before.snapshots if s.snapshot_id in parents))
    )
    for snapshot in new:
        _check_files(name, snapshot, after, walk=walk, known=known, warehouse=warehouse)


def _check_files(
    name: str,
    snapshot: Snapshot,
    after: TableMetadata,
    *,
    walk: Walk,
    known: set[str],
    warehouse: Warehouse,
) -> None:
    """Check each file that a snapshot reaches by a manifest which its parent lacks."""
    home = after.location

    def check(files: Iterable[File]) -> None:
        for file in files:
            what = f"the {file.kind} of table {name}"
            warehouse.check_in_table(file.path, home, what=what)
            if walk.unreadable.get(file.path):
                why = walk.unreadable[file.path]
                msg = (
                    f"the {file.kind} {file.name} of snapshot {snapshot.snapshot_id} "
                    f"of table {name} {why}: write it before the commit"
                )
                raise ForbiddenError(msg)

    named = guarded(partial(walk.named, [snapshot]))
    new = [file for path, file in named.items() if place(path) not in known]
    check(new)
    for file in new:
        if file.kind == MANIFEST:
            below = guarded(partial(walk.below, file))
            check((file, *below))


def check_staging(
    name: str, before: TableMetadata, after: TableMetadata, ledger: Ledger
) -> None:
    """Check the branches and tags that are called as lakebt calls what it stages.

    Their snapshots are removed with them, so they must not belong to others.

    Raises
    ------
    ForbiddenError
        If one is not what lakebt makes.
    """
    marks = {
        ref: to
        for ref, to in after.refs.items()
        if ref.lower().startswith(_OURS) and before.refs.get(ref) != to
    }
    if not marks:
        return
    new = {snapshot.snapshot_id for snapshot in added(before, after)}
    pins = {
        pin.snapshot_id for r in ledger.releases if (pin := r.pin(name)) is not None
    }
    others = {to.snapshot_id for ref, to in after.refs.items() if ref not in marks}
    for ref, to in marks.items():
        if not (
            _is_staged(ref, to, new)
            or _is_staging(ref, to, after, needed=pins | others)
        ):
            msg = (
                f"table {name} cannot have {ref!r} on snapshot {to.snapshot_id}: names "
                f"that begin with {_OURS} are lakebt's, for what no release has yet. "
                f"Choose another"
            )
            raise ForbiddenError(msg)


_OURS = OURS.replace(".", "-")


def _is_staged(ref: str, to: SnapshotRef, new: set[int]) -> bool:
    """Whether a tag holds what its publisher adds now."""
    sequence, _, number = ref.removeprefix(STAGED).partition("-")
    return (
        ref.startswith(STAGED)
        and to.snapshot_ref_type is SnapshotRefType.TAG
        and sequence.isdecimal()
        and number == str(to.snapshot_id)
        and to.snapshot_id in new
    )


def _is_staging(
    ref: str, to: SnapshotRef, after: TableMetadata, *, needed: set[int]
) -> bool:
    """Whether a branch began with nothing, and has nothing that others need."""
    return (
        ref.startswith(PREFIX)
        and to.snapshot_ref_type is SnapshotRefType.BRANCH
        and not line(after, [to.snapshot_id]) & needed
    )
