"""Commits that publish nothing: retention and repair, as strict as a publication."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pyiceberg.table.refs import MAIN_BRANCH
from pyiceberg.table.update import AssertTableUUID

from lakebt.errors import ConflictError, LakeError
from lakebt.lake.committing import protocol
from lakebt.lake.committing.branches import check_main, pages
from lakebt.lake.committing.recovery import UNFINISHED
from lakebt.lake.committing.retry import again
from lakebt.lake.committing.stage import NO_SNAPSHOT, Staged
from lakebt.lake.storage import snapshots
from lakebt.lake.storage.failures import LostRaceError, translated
from lakebt.lake.storage.snapshots import head_of
from lakebt.lake.tables.schemas import TRIALS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pyiceberg.table import Table
    from pyiceberg.table.update import TableRequirement, TableUpdate

    from lakebt.lake.storage.catalog import Storage


def state(storage: Storage) -> Mapping[str, Table]:
    """Return the tables, having finished what an interrupted publisher left to do.

    Raises
    ------
    ConflictError
        If others keep changing them.
    InvalidArgumentError
        If they are those of a branch.
    """
    check_main(storage)
    try:
        for there, page in pages(storage):
            if UNFINISHED in page.metadata.refs:
                protocol.of(there).tables()
        return protocol.of(storage).tables()
    except LostRaceError:
        msg = f"{storage.where}: others keep publishing. Try again"
        raise ConflictError(msg) from None


def with_trials(storage: Storage, tables: Mapping[str, Table]) -> dict[str, Table]:
    """Return the lake's tables, and that of trials, if it is there and can be read."""
    with contextlib.suppress(LakeError):
        if (trials := storage.trials()) is not None:
            return {**tables, TRIALS: trials}
    return dict(tables)


def in_turn(
    storage: Storage, stage: Callable[[Mapping[str, Table]], Sequence[Staged]]
) -> None:
    """Look at the lake and change it, all at once where the catalog is SQL.

    Elsewhere one table after the other, in the order given: whatever is staged must
    do no harm if only the first part of it happens.

    Parameters
    ----------
    storage
    stage
        Given the tables as they are, returns the changes. Called again when somebody
        else came first.

    Raises
    ------
    ConflictError
        If somebody else kept coming first.
    LakeError
        If the lake cannot be written.
    """
    commits = protocol.of(storage)
    seen = ""

    def attempt() -> None:
        nonlocal seen
        seen = _ledger_location(storage)
        with translated(storage.where):
            commits.change(stage)

    def exhausted(attempts: int) -> ConflictError:
        return ConflictError(
            f"{storage.where}: somebody else wrote first {attempts} times. Nothing "
            f"was changed; try again"
        )

    again(
        attempt,
        where=storage.where,
        exhausted=exhausted,
        has_moved=lambda: _ledger_location(storage) != seen,
    )


def _ledger_location(storage: Storage) -> str:
    return storage.ledger().metadata_location


def staged(table: Table, updates: Iterable[TableUpdate], *, head: int | None) -> Staged:
    """Stage `updates` to a table as it is now, which leave it at the head `head`."""
    required: list[TableRequirement] = [AssertTableUUID(uuid=table.metadata.table_uuid)]
    if (now := head_of(table)) is not None:
        required.append(snapshots.at_ref(MAIN_BRANCH, now))
    return Staged(
        base=table,
        requirements=tuple(required),
        updates=tuple(updates),
        snapshot_id=NO_SNAPSHOT if head is None else head,
    )
