"""How releases end: on their day, or on purpose. Reading never ends one.

A release that ends leaves its row in the ledger, the tombstone. Its tags go, the
snapshots go that nothing else needs, and then, after the commit, the files that no
snapshot reaches any more. Killed in between, files stay as orphans; never the reverse.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pyiceberg.table.refs import SnapshotRefType
from pyiceberg.table.update import RemoveSnapshotRefUpdate, RemoveSnapshotsUpdate

from lakebt._messages import as_words
from lakebt.errors import InvalidArgumentError, LakeError
from lakebt.inputs.checks import is_text
from lakebt.lake.committing import protocol
from lakebt.lake.committing.invariants import check_heads
from lakebt.lake.committing.ledger import as_frame, read_ledger
from lakebt.lake.committing.pages import stage_ledger
from lakebt.lake.keeping.maintenance import in_turn, staged, state, with_trials
from lakebt.lake.storage.reach import Walk, unneeded
from lakebt.lake.storage.snapshots import head_of
from lakebt.lake.tables.schemas import LEDGER, OURS
from lakebt.values.text import count

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Mapping

    import pandas as pd
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot
    from pyiceberg.table.update import TableUpdate

    from lakebt.lake.committing.ledger import Ledger, Release
    from lakebt.lake.committing.stage import Staged
    from lakebt.lake.storage.catalog import Storage
    from lakebt.lake.storage.reach import File, Step


_SHOWN = 5
"""Releases that are named in a line; of more, how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What ended, and what went with it.

    Attributes
    ----------
    ended : tuple of Release
        Their tombstones.
    n_snapshots : int
        Of all tables, that no release and no branch needed any more.
    n_files, n_bytes : int
        Of those that no snapshot reached any more.
    is_dry_run : bool
        Whether this is only what would have happened.
    """

    ended: tuple[Release, ...] = ()
    n_snapshots: int = 0
    n_files: int = 0
    n_bytes: int = 0
    is_dry_run: bool = False

    def frame(self) -> pd.DataFrame:
        """Return the releases that ended, as `Lake.releases` with ``ended=True``."""
        return as_frame(self.ended, ended=True)

    @as_words
    def __str__(self) -> str:
        names = ", ".join(release.name for release in self.ended[:_SHOWN])
        if len(self.ended) > _SHOWN:
            names += f" and {len(self.ended) - _SHOWN:,} more"
        names = names or "No release"
        verb = "would end" if self.is_dry_run else "ended"
        gone = "would go" if self.is_dry_run else "are gone"
        return (
            f"{names} {verb}; {count(self.n_snapshots, 'snapshot')} and "
            f"{count(self.n_files, 'file')} with {self.n_bytes:,} bytes {gone}."
        )


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What one look at the lake says should go."""

    tables: Mapping[str, Table]
    ledger: Ledger
    ended: tuple[Release, ...]
    snapshots: Mapping[str, tuple[Snapshot, ...]] = field(default_factory=dict)
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def retain(
    storage: Storage, *, now: dt.datetime, dry_run: bool, step: Step | None
) -> Retention:
    """End the releases whose days are over at `now`, and no other.

    Raises
    ------
    ConflictError, ForeignCommitError, LakeError
        As `Lake.retain`.
    """

    def due(ledger: Ledger) -> list[Release]:
        return [
            _tombstone(release, now, f"retain_days was {release.retain_days}")
            for release in ledger.living
            if release.ends is not None and release.ends <= now
        ]

    return _end(storage, due, dry_run=dry_run, step=step)


def drop(
    storage: Storage,
    name: str,
    *,
    because: object,
    now: dt.datetime,
    dry_run: bool,
    step: Step | None,
) -> Retention:
    """End one release on purpose.

    Raises
    ------
    InvalidArgumentError
        If no reason is given.
    ConflictError, ForeignCommitError, LakeError, ReleaseEndedError, UnknownNameError
        As `Lake.drop`.
    """
    if not (is_text(because) and because.strip()):
        msg = f"because must say why release {name!r} ends, was {because!r}"
        raise InvalidArgumentError(msg)

    def named(ledger: Ledger) -> list[Release]:
        return [_tombstone(ledger.get(name), now, because.strip())]

    return _end(storage, named, dry_run=dry_run, step=step)


def _tombstone(release: Release, now: dt.datetime, because: str) -> Release:
    return replace(release, ended_at=now, ended_because=because)


def _end(
    storage: Storage,
    choose: Callable[[Ledger], list[Release]],
    *,
    dry_run: bool,
    step: Step | None,
) -> Retention:
    tables = state(storage)
    plan = _plan(tables, read_ledger(storage, tables[LEDGER]), choose)
    walks: dict[str, Walk] = {}
    # Before the commit, so that nothing changes where it cannot be known what goes.
    doomed = _doomed(plan, with_trials(storage, plan.tables), walks, storage, step)
    if not dry_run:
        plan = _carry_out(storage, plan, choose)
        # Again, from what the lake now says: others may have published meanwhile.
        doomed = _doomed(
            plan, with_trials(storage, storage.tables()), walks, storage, None
        )
    n_bytes = {path: _size(path, file, plan.tables) for path, file in doomed.items()}
    gone = doomed if dry_run else _delete(doomed, plan.tables[LEDGER].io)
    return Retention(
        ended=plan.ended,
        n_snapshots=sum(map(len, plan.snapshots.values())),
        n_files=len(gone),
        n_bytes=sum(n_bytes[path] for path in gone),
        is_dry_run=dry_run,
    )


def _carry_out(
    storage: Storage, plan: _Plan, choose: Callable[[Ledger], list[Release]]
) -> _Plan:
    """Commit, and return what was done in the end."""
    done: dict[str, _Plan] = {}

    def part(*names: str) -> Callable[[Mapping[str, Table]], list[Staged]]:
        def stage(tables: Mapping[str, Table]) -> list[Staged]:
            ledger = read_ledger(storage, tables[LEDGER])
            plan = _plan(tables, ledger, choose if LEDGER in names else lambda _: [])
            done.update(dict.fromkeys(names, plan))
            return _stage(plan, names)

        return stage

    names = (LEDGER, *plan.snapshots)  # the ledger first: what it says has ended, has
    is_atomic = protocol.of(storage).is_atomic
    for group in [names] if is_atomic else [(name,) for name in names]:
        in_turn(storage, part(*group))
    return replace(
        done[LEDGER], snapshots={name: done[name].snapshots[name] for name in names[1:]}
    )


def _plan(
    tables: Mapping[str, Table],
    ledger: Ledger,
    choose: Callable[[Ledger], list[Release]],
) -> _Plan:
    """Say which releases, tags and snapshots should go.

    Raises
    ------
    ForeignCommitError
        If a table is not as the ledger left it: what to keep of it is not known.
    """
    ended = tuple(choose(ledger))
    check_heads(tables, ledger.last)
    now_ended = {release.name for release in ended}
    living = [r for r in ledger.living if r.name not in now_ended]
    names = {release.name for release in ledger.releases} - {r.name for r in living}
    snapshots, tags = {}, {}
    for name, table in tables.items():
        if name == LEDGER:  # each publication expires its old snapshots itself
            continue
        refs = table.metadata.refs
        tags[name] = tuple(
            ref
            for ref, to in refs.items()
            if ref in names and to.snapshot_ref_type is SnapshotRefType.TAG
        )
        # The head is among them, even of a last release that ended: the next one is
        # built on it.
        needed = {to.snapshot_id for ref, to in refs.items() if ref not in tags[name]}
        for release in living:
            if (pin := release.pin(name)) is not None:
                needed.add(pin.snapshot_id)
        snapshots[name] = tuple(
            snapshot
            for snapshot in table.metadata.snapshots
            if snapshot.snapshot_id not in needed
        )
    return _Plan(
        tables=tables, ledger=ledger, ended=ended, snapshots=snapshots, tags=tags
    )


def _stage(plan: _Plan, names: Iterable[str]) -> list[Staged]:
    """Stage what the plan says about some tables."""
    changes = []
    for name in names:
        table = plan.tables[name]
        if name == LEDGER:
            if plan.ended:
                tombstones = {release.name: release for release in plan.ended}
                rows = [tombstones.get(r.name, r) for r in plan.ledger.releases]
                summary = {f"{OURS}ended": ",".join(tombstones)}
                changes.append(stage_ledger(table, rows, summary=summary))
            continue
        updates: list[TableUpdate] = [
            RemoveSnapshotRefUpdate.model_validate({"ref-name": tag})
            for tag in plan.tags[name]
        ]
        if ids := [snapshot.snapshot_id for snapshot in plan.snapshots[name]]:
            updates.append(RemoveSnapshotsUpdate.model_validate({"snapshot-ids": ids}))
        if updates:
            changes.append(staged(table, updates, head=head_of(table)))
    return changes


def _doomed(
    plan: _Plan,
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
        for name, snapshots in plan.snapshots.items()
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
        reached = walks[name].reach(plan.snapshots[name])
        folder = tables[name].location()
        doomed |= {
            path: reached[path] for path in unneeded(reached, needed, folder=folder)
        }
    return doomed


def _part(step: Step | None, number: int, of: int) -> Step | None:
    if step is None:
        return None
    return lambda done, total: step(number * total + done, of * total)


def _size(path: str, file: File, tables: Mapping[str, Table]) -> int:
    if file.n_bytes is not None:
        return file.n_bytes
    with contextlib.suppress(OSError):
        return len(tables[LEDGER].io.new_input(path))
    return 0


def _delete(paths: Iterable[str], io: Any) -> list[str]:
    """Delete files, and return those that are gone by it. What stays is an orphan."""
    gone = []
    for path in paths:
        with contextlib.suppress(OSError):
            io.delete(path)
            gone.append(path)
    return gone
