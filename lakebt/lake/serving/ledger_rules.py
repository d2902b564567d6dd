"""Rules for the ledger and the trials, which only lakebt writes.

Its snapshots say that lakebt wrote them, but a client could claim that. So the page
that a commit would make the head is read before, and compared with the current page.
Releases are added at the end, one at a time, and end by a tombstone.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from pyiceberg.table.refs import MAIN_BRANCH, SnapshotRefType

from lakebt.errors import InvalidArgumentError
from lakebt.lake.committing.foreign import is_ours
from lakebt.lake.committing.ledger import page_of
from lakebt.lake.committing.release_names import branch_in, check_name
from lakebt.lake.committing.stage import expiring
from lakebt.lake.serving.branch_rules import INSTEAD
from lakebt.lake.serving.errors import ForbiddenError
from lakebt.lake.serving.gate import check_scope
from lakebt.lake.serving.snapshot_rules import added
from lakebt.lake.serving.updates import guarded
from lakebt.lake.storage.snapshots import line

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from pyiceberg.table import Table
    from pyiceberg.table.metadata import TableMetadata

    from lakebt.lake.committing.ledger import Ledger, Release


_INSTEAD = "Publish, retain and record with lakebt, which may use this server"


def check_written_by_lakebt(
    name: str, before: TableMetadata, after: TableMetadata
) -> bool:
    """Check that a table stays, or that lakebt builds one snapshot upon its head.

    Returns
    -------
    bool
        Whether the head moves.

    Raises
    ------
    ForbiddenError
        If anything is done that lakebt does not do.
    """
    branches = {
        ref
        for ref, to in before.refs.items()
        if to.snapshot_ref_type is SnapshotRefType.BRANCH
    }
    strange = [
        ref
        for ref in sorted(before.refs.keys() | after.refs.keys())
        if ref != MAIN_BRANCH
        and after.refs.get(ref) != before.refs.get(ref)
        and (ref in after.refs or ref in branches)
    ]
    if strange:
        msg = (
            f"table {name} is written by lakebt only, and has no branch or tag "
            f"{strange[0]!r} that is made, moved or removed here. {INSTEAD}"
        )
        raise ForbiddenError(msg)
    was, would = before.current_snapshot(), after.current_snapshot()
    head = None if was is None else was.snapshot_id
    new = added(before, after)
    there = {snapshot.snapshot_id for snapshot in after.snapshots}
    gone = {old.snapshot_id for old in before.snapshots} - there
    if would is not None and would.snapshot_id == head:
        is_right = not new and not gone
    else:
        is_right = (
            would is not None
            and new == [would]
            and would.parent_snapshot_id == head
            and gone <= set(expiring(before))
            and is_ours(would)
        ) or (would is None and head is None and not new)
    statistics = (before.statistics, before.partition_statistics)
    if not is_right or statistics != (after.statistics, after.partition_statistics):
        msg = f"table {name} is written by lakebt only. {_INSTEAD}"
        raise ForbiddenError(msg)
    return bool(new)


def check_page(after: Table, ledger: Ledger, *, tables: Mapping[str, Table]) -> Ledger:
    """Return the ledger's next page after checking it.

    Parameters
    ----------
    after
        The ledger's table as it would be.
    ledger
        As it is.
    tables
        The others, as they would be.

    Raises
    ------
    ForbiddenError
        If a release would be changed or lost, or a wrong one added.
    """
    page: Ledger = guarded(lambda: page_of(after))
    releases, next_releases = ledger.releases, page.releases
    unchanged = len(releases) if _begins_alike(releases.rows, next_releases.rows) else 0
    for number in range(unchanged, len(releases)):
        release = releases[number]
        next_release = (
            guarded(partial(next_releases.__getitem__, number))
            if number < len(next_releases)
            else None
        )
        if next_release is not None and _is_told(release, next_release):
            msg = (
                "digests of files that were there before are given where the lake "
                "lies: lakebt doctor --restore"
            )
            raise ForbiddenError(msg)
        if next_release != release and not _is_ended(release, next_release):
            verb = "taken out of the ledger" if next_release is None else "changed"
            msg = (
                f"release {release.name!r} cannot be {verb}: it is there for ever. To "
                f"end it: lakebt retain --drop {release.name} --because TEXT"
            )
            raise ForbiddenError(msg)
        if next_release != release:
            check_scope("admin", what="to end a release")
    added = guarded(lambda: next_releases[len(releases) :])
    if len(added) > 1:
        msg = f"{len(added)} releases at once: each is published by itself"
        raise ForbiddenError(msg)
    for release in added:
        _check_added(release, ledger, tables)
    return page


def _begins_alike(rows: pa.Table, next_rows: pa.Table) -> bool:
    """Whether all rows stay as they are. Mostly they do, and none is parsed."""
    is_same = next_rows.schema.equals(rows.schema)
    return is_same and bool(next_rows.slice(0, len(rows)).equals(rows))


def _is_told(was: Release, would: Release) -> bool:
    """Whether a release is what it was, but with the digests of its files."""
    if would == was or len(would.tables) != len(was.tables):
        return False
    pins = [
        replace(pin, files=None) if old.files is None else pin
        for old, pin in zip(was.tables, would.tables, strict=True)
    ]
    return replace(would, tables=tuple(pins)) == was


def _is_ended(was: Release, would: Release | None) -> bool:
    """Whether a release is what it was, but ended."""
    if would is None or was.is_ended or not would.is_ended:
        return False
    alive = replace(would, ended_at=None, ended_because=was.ended_because)
    return alive == was


def _check_added(release: Release, ledger: Ledger, tables: Mapping[str, Table]) -> None:
    """Check that a release is the next one, and that what it pins is there.

    Raises
    ------
    ForbiddenError
        If it is not.
    """
    try:
        check_name(release.name)
    except InvalidArgumentError as error:
        raise ForbiddenError(str(error)) from None
    last = ledger.last
    sequence = 1 if last is None else last.sequence + 1
    problem = None
    if ledger.clash(release.name) is not None:
        problem = "a release of that name exists already"
    elif release.sequence != sequence:
        problem = f"its sequence is {release.sequence}, and the next is {sequence}"
    elif release.is_ended:
        problem = "it ended before it began"
    elif release.is_redacted:
        problem = "nothing was erased from it yet"
    elif branch_in(release.name) is not None:
        problem = "its name is one of a branch"
    problem = problem or _problem_of_pins(release, last, tables)
    if problem is not None:
        msg = f"release {release.name!r} cannot be added: {problem}. {_INSTEAD}"
        raise ForbiddenError(msg)


def _problem_of_pins(
    release: Release, last: Release | None, tables: Mapping[str, Table]
) -> str | None:
    """Say which pin is not there, or not built upon that of the release before."""
    names = [pin.table for pin in release.tables]
    before = {} if last is None else {pin.table: pin for pin in last.tables}
    if twice := next((name for name in names if names.count(name) > 1), None):
        return f"it pins table {twice} twice"
    if lost := sorted(before.keys() - set(names)):
        return f"it lacks table {lost[0]}, which the release before it has"
    for pin in release.tables:
        table = tables.get(pin.table)
        if (
            table is None
            or str(table.metadata.table_uuid) != pin.uuid
            or table.metadata.snapshot_by_id(pin.snapshot_id) is None
        ):
            return f"table {pin.table} has no snapshot {pin.snapshot_id}"
        if pin.schema_id not in table.schemas():
            return f"table {pin.table} has no schema {pin.schema_id}"
        built_on = line(table.metadata, [pin.snapshot_id])
        if pin.table in before and before[pin.table].snapshot_id not in built_on:
            return (
                f"snapshot {pin.snapshot_id} of table {pin.table} is not built on that "
                f"of the release before"
            )
    return None
