"""Which branches a lake has, and what each stands on.

A branch has a ledger of its own, the Iceberg branch of its name of the ledger's table,
and is there when that is. Its releases are called after it, as ``cleaned.R2``, and so
are their tags. The first is its base: what a release of main is, and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyiceberg.table.refs import SnapshotRefType

from lakebt.errors import InvalidArgumentError, LakeError, UnknownNameError
from lakebt.inputs.checks import is_text
from lakebt.lake.committing.ledger import Ledger, Page, read_ledger
from lakebt.lake.committing.release_names import branch_in, on, unusable
from lakebt.lake.storage.branch_refs import on_branch
from lakebt.lake.tables.schemas import OURS, RELEASE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyiceberg.table import Table

    from lakebt.lake.committing.ledger import Release
    from lakebt.lake.storage.catalog import Storage


BASE = f"{OURS}base"
"""The label of a release of a branch that says which of main it stands on."""

ADOPTED = f"{OURS}adopted"
"""The label of a release of main that says which of a branch it was made of."""

ENDED = f"{OURS}ended"
"""In the summary of a page of the ledger: the releases that ended with it."""


def branches_in(ledger: Table) -> list[str]:
    """Return the branches by the ledger's table, as main has it.

    A branch that another engine made of that table holds releases of main, and is none.
    """
    names = []
    for name, ref in ledger.metadata.refs.items():
        head = ledger.metadata.snapshot_by_id(ref.snapshot_id)
        if ref.snapshot_ref_type is not SnapshotRefType.BRANCH or head is None:
            continue
        summary = {} if head.summary is None else head.summary.additional_properties
        if branch_in(summary.get(RELEASE) or summary.get(ENDED)) == name:
            names.append(name)
    return sorted(names)


def held(storage: Storage, name: object) -> Storage:
    """Return the lake on a branch that it has, or had.

    Raises
    ------
    UnknownNameError
        If it never had such a branch.
    """
    names = branches_in(storage.on(None).ledger())
    if not (is_text(name) and name in names):
        raise UnknownNameError("branch", str(name), names)
    return storage.on(name)


def is_branch(storage: Storage, name: object) -> bool:
    """Whether a lake has, or had, a branch, and no table, of a name."""
    main = storage.on(None)
    return name in branches_in(main.ledger()) and name not in main.tables()


def opened(storage: Storage, name: object) -> Storage:
    """Return the lake on a branch that can be published onto.

    Raises
    ------
    InvalidArgumentError
        If it was dropped.
    UnknownNameError
        If there never was such a branch.
    """
    there = held(storage, name)
    check_open(there, read_ledger(there, there.ledger()))
    return there


def check_open(storage: Storage, ledger: Ledger) -> None:
    """Check that a branch, if this is one, can be published onto.

    Raises
    ------
    InvalidArgumentError
        If it was dropped.
    """
    if storage.branch is None or ledger.newest is not None:
        return
    last = ledger.last
    when = "" if last is None else f" at {last.ended_at}: {last.ended_because}"
    msg = f"branch {storage.branch!r} was dropped{when}. Make another, of another name"
    raise InvalidArgumentError(msg)


def placed(storage: Storage, release: Any) -> tuple[Storage, Any]:
    """Return where a release is by its name, and the name there.

    Parameters
    ----------
    storage
        Of main, or of a branch: then a name alone is one of the branch.
    release

    Raises
    ------
    UnknownNameError
        If the name is of a branch that there is not.
    """
    whole = on(storage.branch, release)
    branch = branch_in(whole)
    if branch is None or branch == storage.branch:
        return storage, whole
    return held(storage, branch), whole


def placed_anew(storage: Storage, release: Any) -> tuple[Storage, Any]:
    """Return where a release that is to be made belongs, and its name there.

    Raises
    ------
    InvalidArgumentError
        If the name is of a branch that there is not.
    """
    try:
        return placed(storage, release)
    except UnknownNameError as error:
        msg = f"{unusable(release)}. Before a dot stands a branch: {error}"
        raise InvalidArgumentError(msg) from None


def main_ledger(storage: Storage) -> Ledger:
    """Return the ledger of main, whatever branch this is."""
    main = storage.on(None)
    return read_ledger(main, main.ledger())


def pages(
    storage: Storage, table: Table | None = None
) -> Iterator[tuple[Storage, Table]]:
    """Give each branch, those that were dropped among them, and the ledger's table.

    Parameters
    ----------
    storage
    table
        Of the ledger, as main has it; by default as it is now.
    """
    whole = storage.on(None).ledger() if table is None else table
    for name in branches_in(whole):
        yield storage.on(name), on_branch(whole, name)


def ledgers(
    storage: Storage, table: Table | None = None
) -> Iterator[tuple[Storage, Ledger]]:
    """Give each branch, those that were dropped among them, and its ledger.

    All are of one instant: they lie in one table, which is asked for once. See `pages`.
    """
    for there, page in pages(storage, table):
        yield there, read_ledger(there, page)


def base_in(ledger: Ledger, *, where: str) -> Release:
    """Return the release of a branch that says what the branch stands on now.

    Raises
    ------
    LakeError
        If none does.
    """
    for release in reversed(ledger.releases):
        if BASE in release.labels:
            return release
    msg = f"{where}: the branch does not say what it stands on. Run lakebt doctor"
    raise LakeError(msg)


def standing_on(storage: Storage) -> dict[str, list[str]]:
    """Return which branches stand on a release of main, by its name."""
    branches: dict[str, list[str]] = {}
    for there, ledger in ledgers(storage):
        if ledger.newest is None:
            continue
        base = base_in(ledger, where=there.where).labels[BASE]
        branches.setdefault(base, []).append(str(there.branch))
    return branches


def with_branches(storage: Storage, ledger: Ledger) -> Ledger:
    """Return the releases of main and of all branches together: see `merged`."""
    return merged(ledger, [own for _, own in ledgers(storage)])


def merged(ledger: Ledger, others: Sequence[Ledger]) -> Ledger:
    """Return the releases of several ledgers together, in no order.

    What a file or a tag is needed by may be asked of it, and nothing else.
    """
    if not others:
        return ledger
    schema = ledger.releases.rows.schema
    rows = [other.releases.rows.cast(schema) for other in others]
    return Ledger(Page(pa.concat_tables([ledger.releases.rows, *rows])))


def check_main(storage: Storage) -> None:
    """Check that a lake is not a branch, for operations on a whole lake.

    Raises
    ------
    InvalidArgumentError
        If it is.
    """
    if storage.branch is not None:
        msg = (
            f"this is branch {storage.branch!r} of {storage.where}: tables are made "
            f"and kept, and releases end, for all branches at once. Open the lake "
            f"without its branch; a branch goes as a whole, with its drop_branch"
        )
        raise InvalidArgumentError(msg)
