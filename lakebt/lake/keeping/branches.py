"""Branches of a lake: made at a release of main, and listed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
from pyiceberg.table.refs import MAIN_BRANCH
from pyiceberg.table.update import AssertTableUUID

from lakebt.errors import ConflictError, InvalidArgumentError, SettingsWarning
from lakebt.lake.committing import protocol
from lakebt.lake.committing.branches import (
    BASE,
    base_in,
    branches_in,
    check_open,
    ledgers,
)
from lakebt.lake.committing.follow_up import set_ref
from lakebt.lake.committing.invariants import check_committed
from lakebt.lake.committing.ledger import read_ledger
from lakebt.lake.committing.pages import stage_ledger
from lakebt.lake.committing.release_names import branch_in, check_branch
from lakebt.lake.committing.retry import again
from lakebt.lake.committing.stage import Staged, discard
from lakebt.lake.keeping.maintenance import state
from lakebt.lake.storage.branch_refs import as_main_has
from lakebt.lake.storage.failures import LostRaceError, translated
from lakebt.lake.storage.snapshots import at_ref
from lakebt.lake.tables.schemas import LEDGER, RELEASE, TRIALS
from lakebt.lake.tables.specs import fact_tables

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping

    from pyiceberg.table import Table

    from lakebt.lake.committing.ledger import Ledger, Release
    from lakebt.lake.storage.catalog import Storage


def make(
    storage: Storage, name: str, *, at: str, now: Callable[[], dt.datetime]
) -> Storage:
    """Make a branch at a release of main, or find that it stands there already.

    Raises
    ------
    ConflictError
        If other writers kept committing first.
    InvalidArgumentError
        If the name cannot be used, or the branch stands on another release.
    LakeError
        If the lake cannot be written.
    ReleaseEndedError, UnknownNameError
        If there is no such release.
    """
    state(storage)  # what an interrupted publisher left is finished
    check_branch(name)
    if branch_in(at) is not None:
        msg = (
            f"branch {name!r} cannot be made at {at!r}: a branch stands on a release "
            f"of main. Adopt the other branch first"
        )
        raise InvalidArgumentError(msg)
    there = storage.on(name)

    def exhausted(attempts: int) -> ConflictError:
        return ConflictError(
            f"branch {name!r}: somebody else wrote first {attempts} times. No branch "
            f"was made; make it again"
        )

    again(
        lambda: _attempt(storage, there, at=at, now=now),
        where=storage.where,
        exhausted=exhausted,
    )
    return there


def _attempt(
    storage: Storage, there: Storage, *, at: str, now: Callable[[], dt.datetime]
) -> None:
    changes: dict[str, Staged] = {}
    release = None
    try:
        commits = protocol.of(there)
        with commits.turn() as commit:
            tables = commits.tables()
            mains = {name: as_main_has(table) for name, table in tables.items()}
            ledger = read_ledger(storage, mains[LEDGER])
            if there.branch in branches_in(mains[LEDGER]):
                _check_same(there, at)
            else:
                base = ledger.get(at)
                _check_free(str(there.branch), mains, ledger)
                release = first_of(there, base, made_at=now())
                with translated(there.where):
                    _stage(changes, release, tables)
                commit(changes, release)
    except (LostRaceError, SettingsWarning):
        discard(changes.values())
        raise
    if release is not None:
        check_committed(release, there)


def first_of(there: Storage, base: Release, *, made_at: dt.datetime) -> Release:
    """Return the release of a branch that is just what a release of main is.

    Raises
    ------
    InvalidArgumentError
        If it was published by a lakebt that took no digests.
    """
    check_digests(base)
    return replace(
        base,
        name=f"{there.branch}.{base.name}",
        sequence=1,
        committed_at=made_at,
        tables=tuple(replace(pin, published=None) for pin in base.tables),
        labels={**base.labels, BASE: base.name},
        retain_days=None,
        is_new=True,
    )


def check_digests(base: Release) -> None:
    """Check that a branch can stand on a release.

    Raises
    ------
    InvalidArgumentError
        If it was published by a lakebt that took no digests.
    """
    if any(pin.files is None for pin in base.tables):
        msg = (
            f"release {base.name!r} was published before files had digests, and no "
            f"branch can stand on it: run lakebt doctor --restore first"
        )
        raise InvalidArgumentError(msg)


def base_of(storage: Storage, name: str) -> Release:
    """Return a release of main.

    Raises
    ------
    ReleaseEndedError, UnknownNameError
        If there is none that can be read.
    """
    return read_ledger(storage, storage.ledger()).get(name)


def _stage(
    changes: dict[str, Staged], release: Release, tables: Mapping[str, Table]
) -> None:
    """Stage a branch of each table that has rows, its tag, and the ledger's page."""
    for pin in release.tables:
        table = tables[pin.table]
        required = (
            AssertTableUUID(uuid=table.metadata.table_uuid),
            at_ref(MAIN_BRANCH, None),
            at_ref(release.name, None),
        )
        changes[pin.table] = Staged(
            base=table,
            requirements=required,
            updates=(
                set_ref(release.name, pin.snapshot_id),
                set_ref(MAIN_BRANCH, pin.snapshot_id),
            ),
            snapshot_id=pin.snapshot_id,
        )
    summary = {RELEASE: release.name}
    changes[LEDGER] = stage_ledger(tables[LEDGER], [release], summary=summary)


def _check_same(there: Storage, at: str) -> None:
    """Check that a branch that is there stands where it was to be made.

    Raises
    ------
    InvalidArgumentError
        If it does not.
    """
    ledger = read_ledger(there, there.ledger())
    check_open(there, ledger)
    base = base_in(ledger, where=there.where).labels[BASE]
    if base != at:
        msg = (
            f"branch {there.branch!r} exists already, and stands on release {base!r}: "
            f"choose another name, rebase it onto {at!r}, or drop it"
        )
        raise InvalidArgumentError(msg)


def _check_free(name: str, tables: Mapping[str, Table], ledger: Ledger) -> None:
    """Check that no release, table, branch or tag has a branch's name, but for case.

    Raises
    ------
    InvalidArgumentError
        If one has.
    """
    taken: dict[str, str] = {}
    for table in tables.values():
        for ref in table.metadata.refs:
            taken.setdefault(ref.partition(".")[0].lower(), f"{ref!r}, a branch or tag")
    for table_name in (*fact_tables(tables), LEDGER, TRIALS):
        taken.setdefault(table_name.lower(), f"table {table_name}")
    clash = ledger.clash(name)
    if clash is not None or name.lower() in taken:
        what = f"release {clash.name!r}" if clash else taken[name.lower()]
        msg = f"branch name {name!r} is taken by {what}. Choose another"
        raise InvalidArgumentError(msg)


def listed(storage: Storage) -> pd.DataFrame:
    """Return the branches of a lake as rows: see `Lake.branches`."""
    table = storage.ledger()
    newest = read_ledger(storage, table)
    rows: list[dict[str, Any]] = []
    for there, ledger in ledgers(storage, table):
        if ledger.newest is None:
            continue
        base = base_in(ledger, where=there.where)
        last = ledger.releases[-1]
        own = [r for r in ledger.releases if BASE not in r.labels]
        name = base.labels[BASE]
        at = newest.clash(name)
        since = (
            [] if at is None else newest.releases[newest.releases.names.index(name) :]
        )
        rows.append(
            {
                "name": there.branch,
                "base": name,
                "made_at": ledger.releases[0].committed_at,
                "newest": last.name,
                "as_of": last.as_of,
                "releases": len(own),
                "rows": sum(r.rows for r in own),
                "behind": max(len(since) - 1, 0),
            }
        )
    kinds: dict[str, Any] = {
        **dict.fromkeys(("name", "base", "newest"), "str"),
        **dict.fromkeys(("made_at", "as_of"), pd.DatetimeTZDtype("us", "UTC")),
        **dict.fromkeys(("releases", "rows", "behind"), "int64"),
    }
    columns = ("name", "base", "made_at", "newest", "as_of", "releases", "rows")
    return pd.DataFrame(
        {
            column: pd.Series([row[column] for row in rows], dtype=kinds[column])
            for column in (*columns, "behind")
        }
    )
