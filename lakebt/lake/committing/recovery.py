"""Recovery after an interrupted publisher, in catalogs that commit table by table.

A SQL catalog commits in one transaction, so only snapshots staged by publishers through
its server can be left there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyiceberg.table.update import RemoveSnapshotRefUpdate, RemoveSnapshotsUpdate

from lakebt.lake.storage.snapshots import head_of
from lakebt.lake.tables.schemas import LEDGER, RELEASE
from lakebt.lake.tables.specs import fact_tables

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from pyiceberg.table import Table
    from pyiceberg.table.update import TableUpdate

    from lakebt.lake.committing.ledger import Ledger, Release, TablePin


STAGED = "lakebt-staged-"
"""How the tag begins that holds a snapshot before its release is decided."""

UNFINISHED = "lakebt-unfinished"
"""The tag on the ledger's page whose release not all tables may have followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """What publishers that were interrupted left to do. The next publisher does it.

    Attributes
    ----------
    release : str or None
        The newest release, if tables have yet to follow the ledger to it. It exists,
        and can be read.
    behind : tuple of str
        The tables whose head or tag has yet to follow.
    abandoned : tuple of (str, str)
        Table and tag of each snapshot staged for a release that can no longer be.
    """

    release: str | None
    behind: tuple[str, ...]
    abandoned: tuple[tuple[str, str], ...]


def unfinished(tables: Mapping[str, Table], ledger: Ledger) -> Unfinished | None:
    """Say what interrupted publishers left to do, None if nothing. Changes nothing."""
    last = ledger.last
    release, behind = None, []
    if last is not None and UNFINISHED in tables[LEDGER].metadata.refs:
        release = last.name
        for pin in last.tables:
            table = tables.get(pin.table)
            if table is not None and not has_followed(table, pin, last.name):
                behind.append(pin.table)
    abandoned = tuple(
        (name, ref)
        for name in fact_tables(tables)
        if name in tables
        for ref in abandoned_in(tables[name], last)
    )
    if release is None and not abandoned:
        return None
    return Unfinished(release=release, behind=tuple(behind), abandoned=abandoned)


def is_following(tables: Mapping[str, Table], release: str) -> bool:
    """Whether tables may have yet to follow the ledger to `release`, their tags too."""
    ledger = tables[LEDGER].metadata
    ref = ledger.refs.get(UNFINISHED)
    page = None if ref is None else ledger.snapshot_by_id(ref.snapshot_id)
    if page is None or page.summary is None:
        return False
    return page.summary.additional_properties.get(RELEASE) == release


def has_followed(table: Table, pin: TablePin, release: str) -> bool:
    """Whether head and tag of a table are what a release says."""
    tag = table.metadata.refs.get(release)
    is_tagged = tag is not None and tag.snapshot_id == pin.snapshot_id
    return is_tagged and head_of(table) == pin.snapshot_id


def abandoned_in(table: Table, last: Release | None) -> list[str]:
    """Return the staging tags of releases that can no longer be."""
    pin = None if last is None else last.pin(table.name()[-1])
    refs = []
    for ref, to in table.metadata.refs.items():
        sequence = ref.removeprefix(STAGED).partition("-")[0]
        if not (ref.startswith(STAGED) and sequence.isdecimal()):
            continue
        is_pinned = pin is not None and to.snapshot_id == pin.snapshot_id
        if last is not None and int(sequence) <= last.sequence and not is_pinned:
            refs.append(ref)
    return refs


def staging_tag(release: Release, snapshot_id: int) -> str:
    """Return the tag that holds a snapshot until the release is decided."""
    return f"{STAGED}{release.sequence}-{snapshot_id}"


def removal(
    table: Table, refs: Collection[str], releases: Iterable[Release]
) -> list[TableUpdate]:
    """Return what removes staging tags, and the snapshots that nothing else holds.

    Parameters
    ----------
    table
        As it is.
    refs
        The tags that go.
    releases
        All releases of the ledger. Snapshots that they pin stay, whatever their tags.
    """
    table_refs = table.metadata.refs
    updates: list[TableUpdate] = [
        RemoveSnapshotRefUpdate.model_validate({"ref-name": ref}) for ref in refs
    ]
    pins = [release.pin(table.name()[-1]) for release in releases]
    needed = {pin.snapshot_id for pin in pins if pin is not None}
    needed |= {to.snapshot_id for ref, to in table_refs.items() if ref not in refs}
    going = {table_refs[ref].snapshot_id for ref in refs} - needed
    if going:
        gone = {"snapshot-ids": sorted(going)}
        updates.append(RemoveSnapshotsUpdate.model_validate(gone))
    return updates
