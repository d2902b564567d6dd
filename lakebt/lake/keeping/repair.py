"""Repairs: undo or adopt foreign commits, restore tags and settings."""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyiceberg.table.refs import MAIN_BRANCH, SnapshotRefType
from pyiceberg.table.update import (
    RemovePropertiesUpdate,
    RemoveSnapshotRefUpdate,
    SetCurrentSchemaUpdate,
    SetPropertiesUpdate,
    SetSnapshotRefUpdate,
)

from lakebt._messages import as_words
from lakebt.errors import InvalidArgumentError, LakeError, UnknownNameError
from lakebt.inputs.checks import check_positive, is_text
from lakebt.lake.committing import protocol
from lakebt.lake.committing.branches import check_main, ledgers, with_branches
from lakebt.lake.committing.foreign import foreign, last_of_ours
from lakebt.lake.committing.ledger import read_ledger, read_state
from lakebt.lake.committing.staging_branch import left_behind, remove
from lakebt.lake.keeping.doctor_files import look
from lakebt.lake.keeping.maintenance import in_turn, staged, with_trials
from lakebt.lake.keeping.old_releases import give_digests
from lakebt.lake.keeping.settings import (
    ages,
    lost_settings,
    strange_settings,
    wrong_settings,
)
from lakebt.lake.storage.failures import translated
from lakebt.lake.storage.reach import Walk, unneeded
from lakebt.lake.storage.snapshots import delete_quietly, head_of
from lakebt.lake.tables.schemas import LEDGER, SPECS, TRIALS
from lakebt.lake.tables.specs import is_own
from lakebt.lake.tables.trials import TRIALS_SPEC
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyiceberg.table import Table
    from pyiceberg.table.update import TableUpdate

    from lakebt.lake.committing.ledger import Ledger, Release
    from lakebt.lake.committing.stage import Staged
    from lakebt.lake.keeping.doctor_files import Files
    from lakebt.lake.storage.catalog import Storage
    from lakebt.lake.storage.reach import Step


@dataclass(frozen=True, slots=True)
class Repair:
    """What a cure did.

    Attributes
    ----------
    done : tuple of str
        In words; empty if nothing had to be done.
    """

    done: tuple[str, ...]

    @as_words
    def __str__(self) -> str:
        return "\n".join(self.done) or "There was nothing to do."


def roll_back(storage: Storage, name: str) -> Repair:
    """Return a table's head, and its columns, to what the ledger says.

    Raises
    ------
    ConflictError
        If other writers kept committing first.
    LakeError
        If what the ledger says is gone.
    UnknownNameError
        If there is no such table.
    """
    done: list[str] = []

    def stage(tables: Mapping[str, Table]) -> list[Staged]:
        done.clear()
        table = None
        if is_text(name):
            table = storage.trials() if name == TRIALS else tables.get(name)
        if table is None:
            raise UnknownNameError("table", str(name), tables)
        if name in {LEDGER, TRIALS}:  # which no release pins
            target = _last_of_ours(table)
        else:
            target = _expected(storage, table, read_ledger(storage, tables[LEDGER]))
        updates = _columns(table)
        if updates:
            done.append(f"table {name}: its columns are as they were")
        if head_of(table) != target:
            done.append(f"table {name}: rolled back; {foreign(table, target)}")
            updates.append(_at(MAIN_BRANCH, target))
        return [staged(table, updates, head=target)] if updates else []

    in_turn(storage, stage)
    return Repair(tuple(done))


def _last_of_ours(table: Table) -> int | None:
    """Return the last snapshot that lakebt made; None if nothing was recorded before.

    Raises
    ------
    LakeError
        If there is none of the ledger.
    """
    snapshot = last_of_ours(table)
    if snapshot is None and table.name()[-1] == LEDGER:
        msg = "no snapshot of the ledger is lakebt's. Restore the lake from a backup"
        raise LakeError(msg)
    return None if snapshot is None else snapshot.snapshot_id


def _expected(storage: Storage, table: Table, ledger: Ledger) -> int | None:
    """Return the head that the ledger says a table has.

    Raises
    ------
    LakeError
        If it is gone.
    """
    name = table.name()[-1]
    pin = None if ledger.last is None else ledger.last.pin(name)
    if pin is None:
        return None
    is_other = str(table.metadata.table_uuid) != pin.uuid
    if is_other or table.metadata.snapshot_by_id(pin.snapshot_id) is None:
        msg = (
            f"{storage.where}: table {name} cannot be rolled back, its snapshot "
            f"{pin.snapshot_id} is gone. Restore the lake from a backup"
        )
        raise LakeError(msg)
    return pin.snapshot_id


def _columns(table: Table) -> list[TableUpdate]:
    """Return the updates that restore the columns of a built-in table."""
    spec = {**SPECS, TRIALS: TRIALS_SPEC}.get(table.name()[-1])
    if spec is None or is_own(table):
        return []
    wanted = [(f.name, str(f.field_type)) for f in spec.iceberg().fields]
    for schema in (table.schema(), *table.metadata.schemas):
        if [(f.name, str(f.field_type)) for f in schema.fields] == wanted:
            if schema.schema_id == table.metadata.current_schema_id:
                return []
            chosen = {"schema-id": schema.schema_id}
            return [SetCurrentSchemaUpdate.model_validate(chosen)]
    return []


def _at(ref: str, snapshot_id: int | None) -> TableUpdate:
    """Return what sets a branch or tag, without ages; for None what removes it."""
    if snapshot_id is None:
        return RemoveSnapshotRefUpdate.model_validate({"ref-name": ref})
    kind = SnapshotRefType.BRANCH if ref == MAIN_BRANCH else SnapshotRefType.TAG
    return SetSnapshotRefUpdate.model_validate(
        {"ref-name": ref, "snapshot-id": snapshot_id, "type": kind}
    )


def restore(storage: Storage) -> Repair:
    """Put back tags of living releases and settings; keep digests that are missing.

    Raises
    ------
    ConflictError
        If other writers kept committing first.
    LakeError
        If the lake cannot be written.
    """
    check_main(storage)
    done = [*_restore(storage), *give_digests(storage)]
    for there, _ in ledgers(storage):
        done += _restore(there)
    return Repair(tuple(done))


def _restore(storage: Storage) -> list[str]:
    """Put back the tags and settings of main, or of a branch."""
    done: list[str] = []

    def stage(tables: Mapping[str, Table]) -> list[Staged]:
        done.clear()
        ledger = read_ledger(storage, tables[LEDGER])
        changes = []
        for name, table in with_trials(storage, tables).items():
            living = () if name in {LEDGER, TRIALS} else ledger.living
            updates = [*_tags(table, living, done), *_settings(table, done)]
            if updates:
                changes.append(staged(table, updates, head=head_of(table)))
        return changes

    in_turn(storage, stage)
    return done


def _tags(
    table: Table, living: tuple[Release, ...], done: list[str]
) -> list[TableUpdate]:
    name, metadata = table.name()[-1], table.metadata
    present = {snapshot.snapshot_id for snapshot in metadata.snapshots}
    updates = []
    for release in living:
        pin = release.pin(name)
        if pin is None or pin.snapshot_id not in present:
            continue  # nothing to tag: doctor says so
        tag = metadata.refs.get(release.name)
        wanted = _at(release.name, pin.snapshot_id)
        if (
            tag is None
            or tag.snapshot_ref_type is not SnapshotRefType.TAG
            or tag.snapshot_id != pin.snapshot_id
            or ages(tag)
        ):
            updates.append(wanted)
            done.append(f"table {name}: tag {release.name} is as the ledger says")
    return updates


def _settings(table: Table, done: list[str]) -> list[TableUpdate]:
    name = table.name()[-1]
    updates: list[TableUpdate] = []
    wrong, lost = wrong_settings(table), lost_settings(table)
    surplus = {*strange_settings(table), *(k for k, want in wrong.items() if not want)}
    if surplus:
        # Set before they are removed: some are left out of the table as it was read.
        updates.append(SetPropertiesUpdate(updates=dict.fromkeys(surplus, "")))
        updates.append(RemovePropertiesUpdate(removals=sorted(surplus)))
    wanted = {key: value for key, value in wrong.items() if value is not None} | lost
    if wanted:
        updates.append(SetPropertiesUpdate(updates=wanted))
    main = table.metadata.refs.get(MAIN_BRANCH)
    if main is not None and ages(main):
        updates.append(_at(MAIN_BRANCH, main.snapshot_id))
    if updates:
        done.append(f"table {name}: its settings are as lakebt makes them")
    return updates


_MOST_HOURS = 24.0 * 365 * 1_000
"""Nothing is older."""


def remove_orphans(
    storage: Storage, *, now: dt.datetime, older_than_hours: float, step: Step | None
) -> Repair:
    """Delete files that nothing refers to, and branches left behind, if old enough.

    Raises
    ------
    InvalidArgumentError
        If `older_than_hours` is less than 1.
    LakeError
        If the lake cannot be read.
    """
    check_positive("older_than_hours", older_than_hours)
    if not 1 <= older_than_hours <= _MOST_HOURS:
        msg = (
            f"older_than_hours must be at least 1, was {older_than_hours}: a publisher "
            f"may be about to refer to a file"
        )
        raise InvalidArgumentError(msg)
    check_main(storage)
    before = now - dt.timedelta(hours=float(older_than_hours))
    done = []
    for name, table in storage.tables().items():
        with translated(storage.where):
            for branch in left_behind(table, before=before):
                _clear_away(storage, name, branch)
                done.append(f"table {name}: branch {branch} is gone")
    tables, ledger = _everything(storage)
    looked = {}
    with translated(storage.where):
        for name, table in with_trials(storage, tables).items():
            looked[name] = look(table, ledger, before=before, step=step)
    if any(files.orphans for files in looked.values()):
        # Look again in a turn, while no one else commits: a publisher that slept for a
        # day has either committed its files by now, or finds them gone.
        with protocol.of(storage).turn(), translated(storage.where):
            tables, ledger = _everything(storage)
            for name, table in with_trials(storage, tables).items():
                before_it = looked.get(name)
                if before_it is not None and before_it.orphans:
                    walk = before_it.walk
                    now_there = look(table, ledger, before=before, walk=walk)
                    done += _delete(name, before_it, now_there)
    return Repair(tuple(done))


def _everything(storage: Storage) -> tuple[Mapping[str, Table], Ledger]:
    """Return the tables, and the releases that may need their files."""
    tables, ledger = read_state(storage)
    return tables, with_branches(storage, ledger)


def _delete(name: str, earlier: Files, files: Files) -> Iterator[str]:
    """Delete what nothing refers to, then and now, and say so."""
    known = {file.path for file in earlier.orphans}
    gone = [file for file in files.orphans if file.path in known]
    for file in gone:
        with contextlib.suppress(FileNotFoundError):
            files.folders.delete(file)
    if gone:
        n_bytes = sum(file.n_bytes for file in gone)
        n_files = count(len(gone), "file")
        yield f"table {name}: {n_files}, {n_bytes:,} bytes, are gone"


def _clear_away(storage: Storage, name: str, branch: str) -> None:
    """Remove a branch that was left behind, and what nothing else has of its files."""
    table = storage.table(name)
    head = table.metadata.refs[branch].snapshot_id
    reachable = Walk(table.io).reach(
        [each for each in table.metadata.snapshots if each.snapshot_id == head]
    )
    remove(storage, name, branch)
    after = storage.table(name)
    walk = Walk(after.io)
    kept = dict(walk.reach(after.metadata.snapshots))
    for other, beside in with_trials(storage, storage.tables()).items():
        if other != name:
            kept |= Walk(beside.io).reach(beside.metadata.snapshots)
    if not walk.unreadable:
        delete_quietly(after.io, unneeded(reachable, kept, folder=after.location()))
