"""The part of `lake.doctor()` that looks at files."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyiceberg.table.refs import MAIN_BRANCH

from lakebt.lake.keeping import findings as cure
from lakebt.lake.keeping.findings import Finding
from lakebt.lake.keeping.reachable_files import Folders, metadata_files
from lakebt.lake.storage.failures import is_failure
from lakebt.lake.storage.fingerprint import listed_at, read_listed
from lakebt.lake.storage.reach import (
    DIGESTS,
    EQUALITY_DELETES,
    POSITION_DELETES,
    File,
    Walk,
)
from lakebt.lake.tables.schemas import LEDGER, NAMESPACE, TRIALS
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyiceberg.table import Table

    from lakebt.lake.committing.ledger import Ledger
    from lakebt.lake.keeping.file_reads import Reads
    from lakebt.lake.keeping.reachable_files import Found
    from lakebt.lake.storage.reach import Step


ORPHAN_HOURS = 24.0
"""How old a file must be that nothing refers to: a publisher may be about to."""

UNREADABLE = frozenset(
    {"file_gone", "file_damaged", "snapshot_gone", "table_gone", "table_remade"}
)
"""Findings after which rows are not looked at: what cannot be read was told."""

_SHOWN = 10
"""Lost files that are listed one by one; of more, only their number is."""

_HEAD = "the head"
"""What needs a file that no release does."""


@dataclass(frozen=True, kw_only=True)
class Files:
    """What the snapshots of one table reach, and what lies in its folders.

    Attributes
    ----------
    reached : mapping of str to File
        By every snapshot of the table, of releases or not.
    bad : mapping of str to str
        By path, what is wrong with a file that is reached.
    orphans : tuple of Found
        Files that nothing refers to, old enough; none where that is not known.
    folders : Folders
    """

    walk: Walk
    reached: Mapping[str, File]
    bad: Mapping[str, str]
    orphans: tuple[Found, ...]
    folders: Folders


def look(
    table: Table,
    ledger: Ledger,
    *,
    before: dt.datetime,
    step: Step | None = None,
    reads: Reads | None = None,
    walk: Walk | None = None,
) -> Files:
    """Look at every file of one table.

    Parameters
    ----------
    table, ledger, before, step
    reads
        How the content of files is looked at; by nothing but their sizes, if None.
    walk
        Knows what it found before.
    """
    lists, bad_lists, digests = _lists(table, ledger)
    walk, folders = walk or Walk(table.io, digests), Folders(table)
    reached = walk.reach(table.metadata.snapshots, step)
    reached |= {path: File(path, DIGESTS, None) for path in bad_lists}
    bad = walk.unreadable | bad_lists
    for path, file in reached.items():
        size = folders.size(path)
        if size is None:
            bad[path] = "is gone"
        elif file.n_bytes is not None and size != file.n_bytes:
            bad.setdefault(path, f"has {size:,} bytes instead of {file.n_bytes:,}")
    if reads is not None:
        data = [f for p, f in reached.items() if p not in bad and f.n_rows is not None]
        bad |= reads.bad(table.io, data, digests)
    orphans: tuple[Found, ...] = ()
    if not walk.unreadable and _is_whole(table, ledger):
        known = [*reached, *metadata_files(table), *lists]
        orphans = tuple(folders.others(known, before=before))
    return Files(walk=walk, reached=reached, bad=bad, orphans=orphans, folders=folders)


def _lists(
    table: Table, ledger: Ledger
) -> tuple[list[str], dict[str, str], dict[str, str]]:
    """Return the lists of digests that living releases name.

    Returns
    -------
    lists, bad, told
        Where they are, what is wrong with some of them, and what the others say.
    """
    lists = list(dict.fromkeys(place for _, place in _listed(table, ledger)))
    bad: dict[str, str] = {}
    digests: dict[str, str] = {}
    for place in lists:
        try:
            digests |= read_listed(table, place.rsplit("/", maxsplit=1)[-1])
        except Exception as error:
            if not is_failure(error):
                raise
            is_lost = isinstance(error, FileNotFoundError)
            bad[place] = "is gone" if is_lost else "is damaged"
    return lists, bad, digests


def _is_whole(table: Table, ledger: Ledger) -> bool:
    """Whether every snapshot is there that a release pins.

    If not, files that nothing seems to refer to may be theirs, and with a backup of the
    metadata they can be saved.
    """
    name, metadata = table.name()[-1], table.metadata
    present = {snapshot.snapshot_id for snapshot in metadata.snapshots}
    pins = [release.pin(name) for release in ledger.living]
    return all(
        pin is None
        or (pin.uuid == str(metadata.table_uuid) and pin.snapshot_id in present)
        for pin in pins
    )


def check_files(
    tables: Mapping[str, Table],
    ledger: Ledger,
    *,
    now: dt.datetime,
    step: Step | None,
    reads: Reads,
) -> Iterator[Finding]:
    """Find lost and damaged files, deletes, and files that nothing refers to."""
    before = now - dt.timedelta(hours=ORPHAN_HOURS)
    for name, table in tables.items():
        files = look(table, ledger, before=before, step=step, reads=reads)
        yield from _bad(name, table, files, ledger)
        yield from _deletes(name, table, files, ledger)
        yield from _unknown(name, table, files, ledger)
        if files.orphans:
            n_bytes = sum(file.n_bytes for file in files.orphans)
            yield Finding(
                code="orphan_files",
                table=name,
                problem=f"{count(len(files.orphans), 'file')} ({n_bytes:,} bytes) that "
                f"nothing refers to",
                cure=cure.REMOVE_ORPHANS,
            )


def _bad(name: str, table: Table, files: Files, ledger: Ledger) -> Iterator[Finding]:
    """Find files of living releases, and of the head, that are gone or damaged."""
    users = _users(table, files, set(files.bad), ledger)
    harmful = [path for path in files.bad if users[path]]
    for path in harmful[:_SHOWN]:
        file, first = files.reached[path], users[path][0]
        more = len(users[path]) - 1
        also = ""
        if more:
            needs = count(more, "more release needs", many="more releases need")
            also = f"; {needs} it"
        is_release = name != LEDGER and first != _HEAD
        how = cure.BACKUP_OF_TRIALS if name == TRIALS else cure.BACKUP
        if is_release:
            because = f"a file of table {name} {files.bad[path]}"
            how += f", or end the release: {cure.drop(first, because=because)}"
        yield Finding(
            code="file_gone" if files.bad[path] == "is gone" else "file_damaged",
            table=name,
            release=first if is_release else "",
            problem=f"the {file.kind} {file.name} {files.bad[path]}{also}",
            cure=how,
        )
    if (more := len(harmful) - _SHOWN) > 0:
        yield Finding(
            code="file_gone",
            table=name,
            problem=f"{more:,} more files are gone or damaged",
            cure=cure.BACKUP,
        )


def _unknown(
    name: str, table: Table, files: Files, ledger: Ledger
) -> Iterator[Finding]:
    """Find branches and tags of others whose files cannot be known."""
    living = {release.name for release in ledger.living} | {MAIN_BRANCH}
    by_id = {snapshot.snapshot_id: snapshot for snapshot in table.metadata.snapshots}
    for ref, to in table.metadata.refs.items():
        snapshot = by_id.get(to.snapshot_id)
        if ref in living or snapshot is None:
            continue
        top = files.walk.top(snapshot)
        named = (top, *files.walk.below(top))
        lost = [file for file in named if file.path in files.walk.unreadable]
        if lost:
            kind = to.snapshot_ref_type.value
            why = files.walk.unreadable[lost[0].path]
            yield Finding(
                code="file_gone" if why == "is gone" else "file_damaged",
                table=name,
                problem=f"the {lost[0].kind} {lost[0].name} of {kind} {ref} {why}, so "
                f"that nothing is deleted which it may need",
                cure=f"remove the {kind} in the engine that made it: ALTER TABLE "
                f"{NAMESPACE}.{name} DROP {kind.upper()} `{ref}`",
            )


def _users(
    table: Table, files: Files, paths: set[str], ledger: Ledger
) -> dict[str, list[str]]:
    """Return which living releases need each of some files; else, whether the head."""
    needed: dict[str, list[str]] = {path: [] for path in paths}
    if not paths:
        return needed
    wanted = _wanted(table, ledger)
    for release, path in _listed(table, ledger):
        if path in needed:
            needed[path].append(release)
    below: dict[str, set[str]] = {}
    for snapshot in table.metadata.snapshots:
        if snapshot.snapshot_id not in wanted:
            continue
        top = files.walk.top(snapshot)
        hit = {top.path} & paths
        for manifest in files.walk.below(top):
            if manifest.path not in below:
                inside = {file.path for file in files.walk.below(manifest)}
                below[manifest.path] = ({manifest.path} | inside) & paths
            hit |= below[manifest.path]
        for path in hit:
            needed[path] += wanted[snapshot.snapshot_id]
    return needed


def _wanted(table: Table, ledger: Ledger) -> dict[int, list[str]]:
    """Return which living releases, or else whether the head, need each snapshot."""
    wanted: dict[int, list[str]] = {}
    for release in ledger.living:
        if (pin := release.pin(table.name()[-1])) is not None:
            wanted.setdefault(pin.snapshot_id, []).append(release.name)
    if (head := table.metadata.current_snapshot()) is not None:
        wanted.setdefault(head.snapshot_id, [_HEAD])
    return wanted


def _listed(table: Table, ledger: Ledger) -> Iterator[tuple[str, str]]:
    """Give the living releases that name a list of digests, each with its place."""
    for release in ledger.living:
        pin = release.pin(table.name()[-1])
        if pin is not None and pin.files:
            yield release.name, listed_at(table, pin.files)


def _deletes(
    name: str, table: Table, files: Files, ledger: Ledger
) -> Iterator[Finding]:
    """Find files by which another engine deleted rows without rewriting them."""
    for kind in (EQUALITY_DELETES, POSITION_DELETES):
        paths = {path for path, file in files.reached.items() if file.kind == kind}
        users = _users(table, files, paths, ledger)
        n_used = sum(bool(users[path]) for path in paths)
        if n_used:
            what = (
                "lakebt cannot read them"
                if kind == EQUALITY_DELETES
                else ("lakebt writes none")
            )
            yield Finding(
                code=kind.replace(" file", "s").replace(" ", "_"),
                table=name,
                problem=f"{count(n_used, kind)}: {what}",
                cure=cure.roll_back(name),
            )


def without_digests(ledger: Ledger) -> Iterator[Finding]:
    """Find releases without digests of their files."""
    without = [
        release.name
        for release in ledger.living
        if any(pin.files is None for pin in release.tables)
    ]
    if without:
        releases = count(len(without), "release was", many="releases were")
        yield Finding(
            code="digests_missing",
            table=LEDGER,
            problem=f"{releases} made before files had digests (the last: "
            f"{without[-1]}): what is read of them is compared with nothing",
            cure=cure.RESTORE,
        )
