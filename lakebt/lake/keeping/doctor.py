"""`lake.doctor()`: compares the tables with the ledger, and never writes.

It looks at each table by itself, so that one that cannot be read hides no other.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from pyiceberg.table.refs import SnapshotRefType

from lakebt.errors import LakeError, listed
from lakebt.lake.committing.branches import ledgers, merged
from lakebt.lake.committing.foreign import foreign, is_ours, last_of_ours, writer
from lakebt.lake.committing.ledger import Ledger, read_ledger
from lakebt.lake.committing.recovery import STAGED, unfinished
from lakebt.lake.committing.staging_branch import left_behind
from lakebt.lake.keeping import findings as cure
from lakebt.lake.keeping.doctor_erasures import check_erasures
from lakebt.lake.keeping.doctor_files import (
    ORPHAN_HOURS,
    UNREADABLE,
    check_files,
    without_digests,
)
from lakebt.lake.keeping.doctor_tables import check_by_itself
from lakebt.lake.keeping.file_reads import Reads
from lakebt.lake.keeping.findings import Diagnosis, Finding
from lakebt.lake.keeping.recomputation import changed
from lakebt.lake.keeping.settings import ages
from lakebt.lake.storage.branch_refs import on_branch
from lakebt.lake.storage.catalog import Storage
from lakebt.lake.storage.failures import explain, is_failure, parsing
from lakebt.lake.storage.kept_files import forget
from lakebt.lake.storage.layout import unknown
from lakebt.lake.storage.snapshots import head_of
from lakebt.lake.tables.schemas import LEDGER, NAMESPACE, TRIALS
from lakebt.lake.tables.specs import fact_tables
from lakebt.lake.tables.trials import TRIALS_SPEC
from lakebt.values.command_lines import located

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pyiceberg.table import Table

    from lakebt.lake.committing.ledger import TablePin
    from lakebt.lake.committing.recovery import Unfinished
    from lakebt.lake.storage.reach import Step


def diagnose(
    storage: Storage,
    *,
    now: dt.datetime,
    files: bool,
    step: Step | None,
    is_deep: bool = False,
) -> Diagnosis:
    """Find what is wrong with a lake."""
    # Nothing that was read before: its file may be gone since.
    forget()
    storage = Storage(
        storage.catalog,
        name=storage.name,
        where=storage.where,
        address=storage.address,
    )
    findings: list[Finding] = []
    tables = _tables(storage, findings)
    if LEDGER in tables:
        newer = unknown(tables[LEDGER].metadata.properties)
        if newer is not None:  # whatever else it has, this version would misread it
            problem, how = newer
            one = Finding(code="layout", table=LEDGER, problem=problem, cure=how)
            return Diagnosis(lake=storage.name, findings=(one,), files_checked=False)
    ledger = _ledger(storage, tables, findings)
    own, everything = _branches(storage, ledger, findings)
    left = None if ledger is None else unfinished(tables, ledger)
    behind = () if left is None else left.behind
    if ledger is not None:
        findings += _unfinished(left)
        findings += _missing(tables, ledger)
        findings += without_digests(ledger)
        findings += check_erasures(storage, everything or ledger)
    for name, table in tables.items():
        if ledger is not None and name != LEDGER:
            if name not in behind:
                findings += _head(name, table, ledger)
            skip = None if left is None else left.release
            findings += _pins(name, table, ledger, skip=skip)
            findings += _other_tags(name, table, everything)
            findings += _staging(name, table, now)
        findings += check_by_itself(name, table)
    findings += chain.from_iterable(_branch(on, tables, its) for on, its in own)
    if (trials := _trials(storage, findings)) is not None:
        findings += _tried(trials, everything)
        tables = {**tables, TRIALS: trials}
    if files and everything is not None:
        reads = Reads(is_deep=is_deep)
        findings += check_files(tables, everything, now=now, step=step, reads=reads)
        if is_deep and not any(f.code in UNREADABLE for f in findings):
            findings += _changed([(storage, ledger), *own], tables)
    whole = [
        replace(finding, cure=located(finding.cure, storage.address))
        for finding in dict.fromkeys(findings)
    ]
    return Diagnosis(lake=storage.name, findings=tuple(whole), files_checked=files)


def _tables(storage: Storage, found: list[Finding]) -> Mapping[str, Table]:
    """Return the tables that can be read."""
    try:
        return storage.tables()
    except LakeError as error:
        whole = str(error)
    tables: dict[str, Table] = {}
    try:
        names = sorted(name[-1] for name in storage.catalog.list_tables(NAMESPACE))
    except Exception as error:
        if not is_failure(error):
            raise
        found.append(_unreadable("lake_unreadable", "", f"it {explain(error)}"))
        return tables
    for name in names:
        if name == TRIALS:  # looked at by itself
            continue
        try:
            with parsing():
                tables[name] = storage.table(name)
        except Exception as error:
            if not is_failure(error):
                raise
            found.append(_unreadable("table_unreadable", name, f"it {explain(error)}"))
    if not found and LEDGER in tables:
        found.append(_unreadable("lake_unreadable", "", whole))
    return tables


def _ledger(
    storage: Storage, tables: Mapping[str, Table], found: list[Finding]
) -> Ledger | None:
    if LEDGER not in tables:
        if not any(finding.table in {LEDGER, ""} for finding in found):
            found.append(_unreadable("table_gone", LEDGER, "the ledger is gone"))
        return None
    head = tables[LEDGER].metadata.current_snapshot()
    if head is not None and not is_ours(head):
        # What it says cannot be held against the tables.
        problem = f"the ledger was written by {writer(head)}"
        how = cure.roll_back(LEDGER)
        found.append(
            Finding(code="foreign_commit", table=LEDGER, problem=problem, cure=how)
        )
        return None
    try:
        return read_ledger(storage, tables[LEDGER])
    except LakeError as error:
        text = str(error).removeprefix(f"{storage.where} ")
        found.append(_unreadable("ledger_unreadable", LEDGER, f"it {text}"))
    return None


def _branches(
    storage: Storage, ledger: Ledger | None, found: list[Finding]
) -> tuple[list[tuple[Storage, Ledger]], Ledger | None]:
    """Return the branches, if their ledgers can be read, and all releases together."""
    own: list[tuple[Storage, Ledger]] = []
    if ledger is None:
        return own, None
    try:
        own = list(ledgers(storage))
    except LakeError as error:
        text = str(error).removeprefix(f"{storage.where} ")
        problem = f"that of a branch {text}"
        found.append(_unreadable("ledger_unreadable", LEDGER, problem))
    return own, merged(ledger, [each for _, each in own])


def _changed(
    lines: Sequence[tuple[Storage, Ledger | None]], tables: Mapping[str, Table]
) -> Iterator[Finding]:
    """Find releases of main and branches that differ from what was published."""
    for there, ledger in lines:
        if ledger is not None:
            yield from changed(there, tables, ledger)


def _branch(
    there: Storage, mains: Mapping[str, Table], ledger: Ledger
) -> Iterator[Finding]:
    """Find what is wrong with a branch: its heads and its pins."""
    tables = {name: on_branch(table, there.branch) for name, table in mains.items()}
    left = unfinished(tables, ledger)
    yield from _unfinished(left)
    if ledger.newest is None:
        return
    yield from _missing(tables, ledger)
    for name, table in tables.items():
        if name in {LEDGER, TRIALS}:
            continue
        if left is None or name not in left.behind:
            for finding in _head(name, table, ledger):
                how = f"lakebt branch {there.branch} --roll-back {name}"
                problem = f"branch {there.branch}: {finding.problem}"
                yield replace(finding, problem=problem, cure=how)
        skip = None if left is None else left.release
        yield from _pins(name, table, ledger, skip=skip)


def _trials(storage: Storage, found: list[Finding]) -> Table | None:
    """Return the table of trials, if there is one that can be read."""
    try:
        return storage.trials()
    except LakeError as error:
        if not any(finding.code == "lake_unreadable" for finding in found):
            text = str(error).removeprefix(f"{storage.where} ")
            unreadable = _unreadable("table_unreadable", TRIALS, f"it {text}")
            found.append(replace(unreadable, cure=cure.BACKUP_OF_TRIALS))
    return None


def _tried(table: Table, ledger: Ledger | None) -> Iterator[Finding]:
    """Find what is wrong with the table of trials, which no release pins."""
    head = table.metadata.current_snapshot()
    has = {field.name for field in table.schema().fields}
    lacks = [name for name in TRIALS_SPEC.names if name not in has]
    if lacks and last_of_ours(table) is None:
        yield Finding(
            code="table_damaged",
            table=TRIALS,
            problem=f"it is somebody else's table, without the column {lacks[0]}, and "
            f"no trial can be recorded beside it",
            cure=f"rename it in the engine that made it: ALTER TABLE "
            f"{NAMESPACE}.{TRIALS} RENAME TO {NAMESPACE}.other",
        )
        return
    if head is not None and not is_ours(head):
        last = last_of_ours(table)
        yield Finding(
            code="foreign_commit",
            table=TRIALS,
            problem=str(foreign(table, None if last is None else last.snapshot_id)),
            cure=cure.roll_back(TRIALS),
        )
    yield from _other_tags(TRIALS, table, ledger)
    yield from check_by_itself(TRIALS, table)


def _unreadable(code: str, table: str, problem: str) -> Finding:
    sentence = problem.removesuffix(".").removesuffix(
        f". {cure.BACKUP.split(' the')[0]}"
    )
    sentence = sentence.replace(". Restore it from a backup", "")
    return Finding(code=code, table=table, problem=sentence, cure=cure.BACKUP)


def _unfinished(left: Unfinished | None) -> Iterator[Finding]:
    """Find what interrupted publishers left to do, where a catalog is not SQL."""
    if left is None:
        return
    if left.release is not None:
        behind = listed(left.behind)
        yield Finding(
            code="unfinished_publish",
            release=left.release,
            problem="it is published, but heads and tags have yet to follow it"
            + (f" in {behind}" if behind else ""),
            cure=f"{cure.RETAIN}, or any publish, finishes it",
        )
    for table, tag in left.abandoned:
        yield Finding(
            code="unfinished_publish",
            table=table,
            problem=f"tag {tag} holds a snapshot of a release that never came to be",
            cure="publish: the next release that is published removes it",
        )


def _missing(tables: Mapping[str, Table], ledger: Ledger) -> Iterator[Finding]:
    """Find tables that are not there, or are not the ones that were."""
    pins = {} if ledger.last is None else {pin.table: pin for pin in ledger.last.tables}
    for name in fact_tables(pins):
        if name not in tables:
            yield Finding(
                code="table_gone",
                table=name,
                problem="the table is gone",
                cure=cure.BACKUP,
            )
        elif name in pins and _is_other(tables[name], pins[name]):
            yield Finding(
                code="table_remade",
                table=name,
                problem="the table was dropped and made again",
                cure=cure.BACKUP,
            )


def _is_other(table: Table, pin: TablePin) -> bool:
    return str(table.metadata.table_uuid) != pin.uuid


def _head(name: str, table: Table, ledger: Ledger) -> Iterator[Finding]:
    """Find commits to a table's main branch that the ledger does not know."""
    pin = None if ledger.last is None else ledger.last.pin(name)
    expected = None if pin is None else pin.snapshot_id
    if head_of(table) == expected or (pin is not None and _is_other(table, pin)):
        return
    if expected is not None and table.metadata.snapshot_by_id(expected) is None:
        return  # told as a snapshot that is gone
    others = foreign(table, expected)
    rolled = cure.roll_back(name)
    yield Finding(
        code="foreign_commit",
        table=name,
        problem=str(others),
        cure=f"{rolled}, or {_adopt(table)}" if others.only_appends else rolled,
    )


def _adopt(table: Table) -> str:
    """Return the command that makes a release of the head, known when it was made."""
    head = table.metadata.current_snapshot()
    assert head is not None  # noqa: S101 - others appended to it
    as_of = dt.datetime.fromtimestamp(-(-head.timestamp_ms // 1000), dt.UTC)
    return cure.adopt(table.name()[-1], head=head.snapshot_id, as_of=as_of)


def _pins(
    name: str, table: Table, ledger: Ledger, *, skip: str | None
) -> Iterator[Finding]:
    """Find snapshots and tags of living releases that are not what the ledger says."""
    present = {snapshot.snapshot_id for snapshot in table.metadata.snapshots}
    for release in ledger.living:
        pin = release.pin(name)
        if pin is None or _is_other(table, pin) or release.name == skip:
            continue
        tag = table.metadata.refs.get(release.name)
        code, problem, how = "tag_moved", "", cure.RESTORE
        if pin.snapshot_id not in present:
            code = "snapshot_gone"
            problem = f"its snapshot {pin.snapshot_id} is gone"
            ending = cure.drop(release.name, because=problem)
            how = f"{cure.BACKUP}, or end the release: {ending}"
        elif tag is None:
            code, problem = "tag_gone", "its tag is gone"
        elif tag.snapshot_ref_type is not SnapshotRefType.TAG:
            code, problem = "tag_retyped", "its tag was replaced by a branch"
        elif tag.snapshot_id != pin.snapshot_id:
            problem = (
                f"its tag was moved to snapshot {tag.snapshot_id}, the ledger says "
                f"{pin.snapshot_id}"
            )
        elif ages(tag):
            code = "external_expiry"
            problem = f"its tag says {ages(tag)}, so that other engines may expire it"
        if problem:
            yield Finding(
                code=code, table=name, release=release.name, problem=problem, cure=how
            )


def _other_tags(name: str, table: Table, ledger: Ledger | None) -> Iterator[Finding]:
    """Find tags that are not, or no longer, those of a release."""
    if ledger is None:
        return
    living = {release.name for release in ledger.living}
    ended = {release.name for release in ledger.releases} - living
    for ref, to in table.metadata.refs.items():
        if to.snapshot_ref_type is not SnapshotRefType.TAG or ref in living:
            continue
        if ref.partition(".")[2].startswith(STAGED) or ref.startswith(
            STAGED
        ):  # of a publisher at work, or told as unfinished
            continue
        if ref in ended:
            problem, how = f"tag {ref} is of a release that ended", cure.RETAIN
        else:
            problem = f"tag {ref} is of no release, and keeps its snapshot"
            how = (
                f"remove it, if nobody needs it, in the engine that made it: "
                f"ALTER TABLE {NAMESPACE}.{name} DROP TAG `{ref}`"
            )
        yield Finding(code="stray_tag", table=name, problem=problem, cure=how)


def _staging(name: str, table: Table, now: dt.datetime) -> Iterator[Finding]:
    """Find what Spark wrote for a release that its publisher did not live to make."""
    before = now - dt.timedelta(hours=ORPHAN_HOURS)
    for branch in left_behind(table, before=before):
        yield Finding(
            code="unfinished_publish",
            table=name,
            problem=f"branch {branch} holds rows of a release that never came to be",
            cure=cure.REMOVE_ORPHANS,
        )
