"""Rules for the ledger and the trials, which only lakebt writes.

Its snapshots say that lakebt wrote them, but a client could claim that. So the page
that a commit would make the head is read before, and compared with the current page.
Releases are added at the end, one at a time, and end by a tombstone.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from pyiceberg.table.refs import MAIN_BRANCH

from lakebt.errors import InvalidArgumentError
from lakebt.lake.committing.foreign import is_ours
from lakebt.lake.committing.ledger import check_name, page_of
from lakebt.lake.committing.recovery import UNFINISHED
from lakebt.lake.serving.errors import ForbiddenError
from lakebt.lake.serving.updates import guarded
from lakebt.lake.storage.scan_plan import manifests_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from pyiceberg.table import Table
    from pyiceberg.table.metadata import TableMetadata

    from lakebt.lake.committing.ledger import Ledger, Release
    from lakebt.lake.serving.names import Warehouse


_INSTEAD = "Publish, retain and record with lakebt, which may use this server"


def check_written_by_lakebt(
    name: str, before: TableMetadata, after: TableMetadata
) -> bool:
    """Check that the head stays, or that lakebt builds upon it, and on no other branch.

    Returns
    -------
    bool
        Whether the head moves.

    Raises
    ------
    ForbiddenError
        If another program writes.
    """
    strange = [
        ref
        for ref in sorted(before.refs.keys() | after.refs.keys())
        if ref not in {MAIN_BRANCH, UNFINISHED}
        and after.refs.get(ref) not in (before.refs.get(ref), None)
    ]
    if strange:
        msg = (
            f"table {name} is written by lakebt only, and has no branch or tag "
            f"{strange[0]!r}. {_INSTEAD}"
        )
        raise ForbiddenError(msg)
    was, would = before.current_snapshot(), after.current_snapshot()
    if was == would:
        return False
    is_on_top = would is not None and would.parent_snapshot_id == (
        None if was is None else was.snapshot_id
    )
    if would is None or not is_on_top or not is_ours(would):
        msg = f"table {name} is written by lakebt only. {_INSTEAD}"
        raise ForbiddenError(msg)
    return True


def check_page(
    after: Table, ledger: Ledger, *, warehouse: Warehouse, tables: Mapping[str, Table]
) -> Ledger:
    """Return the ledger's next page after checking it.

    Parameters
    ----------
    after
        The ledger's table as it would be.
    ledger
        As it is.
    warehouse
    tables
        The others, as they would be.

    Raises
    ------
    ForbiddenError
        If a release would be changed or lost, or a wrong one added.
    """
    head = after.metadata.current_snapshot()
    assert head is not None  # noqa: S101 - it has just moved
    _check_files(after, head.manifest_list, warehouse)
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
        if next_release != release and not _is_ended(release, next_release):
            verb = "taken out of the ledger" if next_release is None else "changed"
            msg = (
                f"release {release.name!r} cannot be {verb}: it is there for ever. To "
                f"end it: lakebt retain --drop {release.name} --because TEXT"
            )
            raise ForbiddenError(msg)
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


def _check_files(after: Table, manifest_list: str, warehouse: Warehouse) -> None:
    """Check, before they are read, that the files of a page are the ledger's own.

    They are deleted when the page has expired.
    """

    def check(path: str) -> None:
        warehouse.check_in_table(
            path, after.metadata.location, what="the ledger's file"
        )

    check(manifest_list)
    for manifest in guarded(lambda: manifests_in(after.io, manifest_list)):
        check(manifest.manifest_path)
        for entry in guarded(partial(manifest.fetch_manifest_entry, after.io)):
            check(entry.data_file.file_path)


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
    for pin in release.tables:
        table = tables.get(pin.table)
        if (
            table is None
            or str(table.metadata.table_uuid) != pin.uuid
            or table.metadata.snapshot_by_id(pin.snapshot_id) is None
        ):
            problem = f"table {pin.table} has no snapshot {pin.snapshot_id}"
    if problem is not None:
        msg = f"release {release.name!r} cannot be added: {problem}. {_INSTEAD}"
        raise ForbiddenError(msg)
