"""Digests given to the files of releases that were made before there were any."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from lakebt.errors import LakeError
from lakebt.lake.committing.ledger import read_ledger
from lakebt.lake.committing.pages import list_all, stage_ledger
from lakebt.lake.keeping.file_reads import Reads
from lakebt.lake.keeping.maintenance import in_turn
from lakebt.lake.keeping.recomputation import changed
from lakebt.lake.storage.failures import translated
from lakebt.lake.storage.reach import Walk
from lakebt.lake.storage.snapshots import head_of
from lakebt.lake.tables.schemas import LEDGER, OURS
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyiceberg.table import Table

    from lakebt.lake.committing.ledger import Ledger, Release
    from lakebt.lake.committing.stage import Staged
    from lakebt.lake.storage.catalog import Storage

Made: TypeAlias = dict[tuple[str, frozenset[int]], str]
"""The lists that were written, by the table and the snapshots that they are for."""


def give_digests(storage: Storage) -> list[str]:
    """Record digests for old releases, if their rows are as published.

    Returns
    -------
    list of str
        What was done.

    Raises
    ------
    ConflictError
        If other writers kept committing first.
    LakeError
        If a file is gone or damaged, or a release holds other rows than were published.
    """
    done: list[str] = []
    digests: Made = {}
    if not n_lacking(storage, storage.tables()):
        return done
    check_unchanged(storage)

    def stage(tables: Mapping[str, Table]) -> list[Staged]:
        done.clear()
        releases, lacking = with_digests(storage, tables, digests)
        if not lacking:
            return []
        summary = {f"{OURS}digests": str(lacking)}
        releases_ = count(lacking, "release")
        done.append(f"the digests of the files of {releases_} are kept")
        return [stage_ledger(tables[LEDGER], releases, summary=summary)]

    in_turn(storage, stage)
    return done


def n_lacking(storage: Storage, tables: Mapping[str, Table]) -> int:
    """Return of how many releases nothing is known of some files."""
    return sum(map(_lacks, read_ledger(storage, tables[LEDGER]).releases))


def check_unchanged(storage: Storage) -> None:
    """Check that releases hold what was published, as far as that can be recomputed.

    Raises
    ------
    LakeError
        If one does not.
    """
    tables = storage.tables()
    for finding in changed(storage, tables, read_ledger(storage, tables[LEDGER])):
        msg = f"{storage.where}: release {finding.release}: {finding.problem}. "
        raise LakeError(msg + finding.cure)


def with_digests(
    storage: Storage, tables: Mapping[str, Table], made: Made
) -> tuple[list[Release], int]:
    """Return all releases with the digests that they need, and how many lacked some.

    Raises
    ------
    LakeError
        If a file is gone or damaged.
    """
    ledger = read_ledger(storage, tables[LEDGER])
    lists = {
        name: _listed(storage, table, ledger, made)
        for name, table in tables.items()
        if any(_lacks(release, name) for release in ledger.releases)
    }
    lacking = n_lacking(storage, tables)
    return [_with(release, lists) for release in ledger.releases], lacking


def _lacks(release: Release, table: str | None = None) -> bool:
    """Whether nothing is known of the files of a release, or of one of its tables."""
    return any(
        pin.files is None for pin in release.tables if table in {None, pin.table}
    )


def _with(release: Release, lists: Mapping[str, str]) -> Release:
    pins = [
        replace(pin, files=lists.get(pin.table)) if pin.files is None else pin
        for pin in release.tables
    ]
    return replace(release, tables=tuple(pins))


def _listed(
    storage: Storage,
    table: Table,
    ledger: Ledger,
    made: Made,
) -> str:
    """Return the list of the digests of what living releases, and the head, need.

    Raises
    ------
    LakeError
        If a file is gone or damaged.
    """
    name = table.name()[-1]
    pins = [release.pin(name) for release in ledger.living]
    wanted = {pin.snapshot_id for pin in pins if pin is not None}
    if (head := head_of(table)) is not None:
        wanted.add(head)
    key = name, frozenset(wanted)
    if key in made:
        return made[key]
    digests: dict[str, str] = {}
    for listed in {pin.files for pin in pins if pin is not None and pin.files}:
        digests |= storage.told(table, listed)
    walk = Walk(table.io, digests)
    snapshots = [s for s in table.metadata.snapshots if s.snapshot_id in wanted]
    with translated(storage.where):
        reached = walk.reach(snapshots)
        data = [file for file in reached.values() if file.n_rows is not None]
        bad = walk.unreadable | Reads(is_deep=True).bad(table.io, data, digests)
        for path, why in bad.items():
            file = reached[path]
            msg = (
                f"{storage.where}: the {file.kind} {file.name} of table {name} {why}. "
                f"Restore it from a backup; `lake.doctor()` says what needs it"
            )
            raise LakeError(msg)
        made[key] = list_all(table, reached, digests)
    return made[key]
