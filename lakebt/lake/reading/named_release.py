"""The release that a name means to other engines: its own, or a branch's newest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.errors import BrokenReleaseError, LakeError, UnknownNameError
from lakebt.lake.committing.branches import (
    check_open,
    is_branch,
    ledgers,
    main_ledger,
    placed,
)
from lakebt.lake.committing.ledger import read_state
from lakebt.lake.committing.recovery import is_following
from lakebt.lake.reading.release_tables import problem_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyiceberg.table import Table

    from lakebt.lake.committing.ledger import Release, TablePin
    from lakebt.lake.storage.catalog import Storage


WHAT = "branch or release"
"""What a name is that other engines read by."""


def named_release(storage: Storage, name: str) -> tuple[Release, Mapping[str, Table]]:
    """Return the release that a name means, and the lake's tables of that instant.

    Parameters
    ----------
    storage
    name
        Of a release, or of a branch, whose newest one it then is.

    Raises
    ------
    InvalidArgumentError
        If it is of a branch that was dropped.
    LakeError
        If the lake cannot be read.
    ReleaseEndedError
        If the release has ended.
    UnknownNameError
        If there is neither.
    """
    if is_branch(storage, name):
        there = storage.on(name)
        tables, ledger = read_state(there)
        check_open(there, ledger)
        newest = ledger.newest
        if newest is None:
            msg = f"{there.where} has no release on branch {name!r}"
            raise LakeError(msg)
        return newest, tables
    try:
        there, whole = placed(storage, name)
        tables, ledger = read_state(there)
        return ledger.get(whole), tables
    except UnknownNameError:
        raise UnknownNameError(WHAT, name, names_in(storage)) from None


def names_in(storage: Storage) -> list[str]:
    """Return the readable names of a lake: branches, then releases, newest first.

    Those that ended are not among them, nor those of branches.
    """
    living = reversed(main_ledger(storage).living)
    return [*living_branches(storage), *(release.name for release in living)]


def living_branches(storage: Storage) -> list[str]:
    """Return the branches of a lake that were not dropped."""
    return [
        str(there.branch)
        for there, ledger in ledgers(storage)
        if ledger.newest is not None
    ]


def pin_of(release: Release, name: str, tables: Mapping[str, Table]) -> TablePin | None:
    """Return a release's pin of a table; None if the table had no rows.

    Raises
    ------
    BrokenReleaseError
        If the table is not as the release says.
    """
    following = is_following(tables, release.name)
    problem = problem_of(release, tables.get(name), name, following=following)
    if problem is not None:
        raise BrokenReleaseError(release.name, name, problem)
    return release.pin(name)
