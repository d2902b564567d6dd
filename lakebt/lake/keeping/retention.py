"""How releases end: on their day, or on purpose. Reading never ends one.

A release that ends leaves its row in the ledger, the tombstone. Its tags go, the
snapshots go that nothing else needs, and then, after the commit, the files that no
snapshot reaches any more. Killed in between, files stay as orphans; never the reverse.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pyiceberg.table.refs import SnapshotRefType
from pyiceberg.table.update import RemoveSnapshotRefUpdate, RemoveSnapshotsUpdate

from lakebt._messages import as_words
from lakebt.errors import InvalidArgumentError, listed
from lakebt.inputs.checks import is_text
from lakebt.lake.committing import protocol
from lakebt.lake.committing.branches import (
    ENDED,
    check_main,
    held,
    ledgers,
    standing_on,
)
from lakebt.lake.committing.invariants import check_heads
from lakebt.lake.committing.ledger import as_frame, read_ledger
from lakebt.lake.committing.pages import stage_ledger
from lakebt.lake.committing.release_names import branch_in
from lakebt.lake.keeping.doomed_files import delete_all, doomed_files, size
from lakebt.lake.keeping.maintenance import in_turn, staged, state, with_trials
from lakebt.lake.storage.branch_refs import on_branch
from lakebt.lake.storage.snapshots import head_of
from lakebt.lake.tables.schemas import LEDGER
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
    from lakebt.lake.storage.reach import Step, Walk


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
    """What one look at the lake says should go: `page` and `ledger` say what ended."""

    tables: Mapping[str, Table]
    page: Table
    ledger: Ledger
    ended: tuple[Release, ...]
    snapshots: Mapping[str, tuple[Snapshot, ...]] = field(default_factory=dict)
    refs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


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
        held = standing_on(storage)
        return [
            _tombstone(release, now, f"retain_days was {release.retain_days}")
            for release in ledger.living
            if release.ends is not None
            and release.ends <= now
            and release.name not in held
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
        ended = _tombstone(ledger.get(name), now, because.strip())
        if branches := standing_on(storage).get(name):
            msg = (
                f"release {name!r} cannot end: branch {listed(branches)} stands on it. "
                f"Rebase it onto another release, or drop it"
            )
            raise InvalidArgumentError(msg)
        return [ended]

    return _end(storage, named, dry_run=dry_run, step=step)


def drop_branch(
    storage: Storage,
    name: str,
    *,
    because: object,
    now: dt.datetime,
    dry_run: bool,
    step: Step | None,
) -> Retention:
    """End all releases of a branch, and remove the branch from every table.

    What one that was killed left to do is done by the next `retain`, or by this again.

    Raises
    ------
    InvalidArgumentError
        If the reason is none.
    ConflictError, ForeignCommitError, LakeError, UnknownNameError
        As `Lake.drop_branch`.
    """
    if because is None:
        because = f"branch {name} was dropped"
    if not (is_text(because) and because.strip()):
        msg = f"because must say why branch {name!r} is dropped, was {because!r}"
        raise InvalidArgumentError(msg)
    check_main(storage)
    there = held(storage, name)

    def living(ledger: Ledger) -> list[Release]:
        return [_tombstone(each, now, because.strip()) for each in ledger.living]

    return _end(storage, living, dry_run=dry_run, step=step, there=there)


def _tombstone(release: Release, now: dt.datetime, because: str) -> Release:
    return replace(release, ended_at=now, ended_because=because)


def _end(
    storage: Storage,
    choose: Callable[[Ledger], list[Release]],
    *,
    dry_run: bool,
    step: Step | None,
    there: Storage | None = None,
) -> Retention:
    """End what is chosen of main's releases, or of those of the branch `there`."""
    plan = _plan(storage, state(storage), choose, there or storage)
    walks: dict[str, Walk] = {}
    # Before the commit, so that nothing changes where it cannot be known what goes.
    doomed = doomed_files(
        plan.snapshots, with_trials(storage, plan.tables), walks, storage, step
    )
    if not dry_run:
        plan = _carry_out(storage, plan, choose, there or storage)
        # Again, from what the lake now says: others may have published meanwhile.
        doomed = doomed_files(
            plan.snapshots, with_trials(storage, storage.tables()), walks, storage, None
        )
    n_bytes = {path: size(path, file, plan.page.io) for path, file in doomed.items()}
    gone = doomed if dry_run else delete_all(doomed, plan.page.io)
    return Retention(
        ended=plan.ended,
        n_snapshots=sum(map(len, plan.snapshots.values())),
        n_files=len(gone),
        n_bytes=sum(n_bytes[path] for path in gone),
        is_dry_run=dry_run,
    )


def _carry_out(
    storage: Storage,
    plan: _Plan,
    choose: Callable[[Ledger], list[Release]],
    there: Storage,
) -> _Plan:
    """Commit, and return the result."""
    done: dict[str, _Plan] = {}

    def part(*names: str) -> Callable[[Mapping[str, Table]], list[Staged]]:
        def stage(tables: Mapping[str, Table]) -> list[Staged]:
            chosen = choose if LEDGER in names else lambda _: []
            plan = _plan(storage, tables, chosen, there)
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
    storage: Storage,
    tables: Mapping[str, Table],
    choose: Callable[[Ledger], list[Release]],
    there: Storage,
) -> _Plan:
    """Say which releases, tags and snapshots should go.

    Raises
    ------
    ForeignCommitError
        If a table is not as the ledger left it: what to keep of it is not known.
    """
    main = read_ledger(storage, tables[LEDGER])
    check_heads(tables, main.last)
    page = on_branch(tables[LEDGER], there.branch)
    ledger = main if there is storage else read_ledger(there, page)
    ended = tuple(choose(ledger))
    now_ended = {release.name for release in ended}
    living: list[Release] = []
    gone: set[str] = set()
    dropped: set[str | None] = set()
    for branch, each in ((storage, main), *ledgers(storage)):
        left = [r for r in each.living if r.name not in now_ended]
        living += left
        gone |= {release.name for release in each.releases} - {r.name for r in left}
        if branch.branch is not None and not left:
            dropped.add(branch.branch)
    snapshots, refs = {}, {}
    for name, table in tables.items():
        if name == LEDGER:  # each publication expires its old snapshots itself
            continue
        held_refs = table.metadata.refs
        refs[name] = tuple(
            ref
            for ref, to in held_refs.items()
            if (ref in gone and to.snapshot_ref_type is SnapshotRefType.TAG)
            or (ref in dropped and to.snapshot_ref_type is SnapshotRefType.BRANCH)
            or branch_in(ref) in dropped
        )
        # The head is among them, even of a last release that ended: the next one is
        # built on it.
        needed = {
            to.snapshot_id for ref, to in held_refs.items() if ref not in refs[name]
        }
        for release in living:
            if (pin := release.pin(name)) is not None:
                needed.add(pin.snapshot_id)
        snapshots[name] = tuple(
            snapshot
            for snapshot in table.metadata.snapshots
            if snapshot.snapshot_id not in needed
        )
    return _Plan(
        tables=tables,
        page=page,
        ledger=ledger,
        ended=ended,
        snapshots=snapshots,
        refs=refs,
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
                summary = {ENDED: ",".join(tombstones)}
                changes.append(stage_ledger(plan.page, rows, summary=summary))
            continue
        updates: list[TableUpdate] = [
            RemoveSnapshotRefUpdate.model_validate({"ref-name": ref})
            for ref in plan.refs[name]
        ]
        if ids := [snapshot.snapshot_id for snapshot in plan.snapshots[name]]:
            updates.append(RemoveSnapshotsUpdate.model_validate({"snapshot-ids": ids}))
        if updates:
            changes.append(staged(table, updates, head=head_of(table)))
    return changes
