"""Commits that publish nothing: retention and repair, as strict as a publication."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table, Transaction
from pyiceberg.table.refs import MAIN_BRANCH
from pyiceberg.table.update import AssertTableUUID, update_table_metadata
from pyiceberg.table.update.schema import UpdateSchema
from pyiceberg.types import StringType, TimestamptzType

from lakebt.errors import ConflictError, LakeError
from lakebt.lake.committing import sql
from lakebt.lake.committing.ledger import ledger_rows
from lakebt.lake.committing.retry import ATTEMPTS, step_back
from lakebt.lake.committing.sql import BusyError
from lakebt.lake.committing.stage import Staged, discard, stage_rewrite
from lakebt.lake.committing.stepwise import LedgerOrder
from lakebt.lake.storage import snapshots
from lakebt.lake.storage.failures import LostRaceError, locked, translated
from lakebt.lake.storage.snapshots import head_of
from lakebt.lake.tables.schemas import LEDGER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pyiceberg.table.update import TableRequirement, TableUpdate

    from lakebt.lake.committing.ledger import Release
    from lakebt.lake.storage.catalog import Storage


_NO_SNAPSHOT = -1
"""How Iceberg's metadata says that a table has no head."""


def state(storage: Storage) -> Mapping[str, Table]:
    """Return the tables, having finished what an interrupted publisher left to do.

    Raises
    ------
    ConflictError
        If others keep changing them.
    """
    if storage.is_sql:
        return storage.tables()
    try:
        return LedgerOrder(storage).tables()
    except LostRaceError:
        msg = f"{storage.where}: others keep publishing. Try again"
        raise ConflictError(msg) from None


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
        Given the tables as they are, says what shall change. Called again when somebody
        else came first.

    Raises
    ------
    ConflictError
        If somebody else kept coming first.
    LakeError
        If the lake cannot be written.
    """
    apply = _in_one_transaction if storage.is_sql else _one_by_one
    for attempt in range(ATTEMPTS):
        before = storage.tables()[LEDGER].metadata_location
        try:
            with translated(storage.where):
                apply(storage, stage)
        except BusyError:
            # Those who held the catalog must at least have got something done.
            if storage.tables()[LEDGER].metadata_location == before:
                msg = f"{storage.where} {locked()}"
                raise LakeError(msg) from None
        except LostRaceError:
            step_back(attempt)
        else:
            return
    msg = (
        f"{storage.where}: somebody else wrote first {ATTEMPTS} times. Nothing was "
        f"changed; try again"
    )
    raise ConflictError(msg)


def _in_one_transaction(
    storage: Storage, stage: Callable[[Mapping[str, Table]], Sequence[Staged]]
) -> None:
    catalog = storage.catalog
    assert isinstance(catalog, SqlCatalog)  # noqa: S101 - the caller asked
    changes: Sequence[Staged] = ()
    try:
        with sql.turn(catalog) as session:
            changes = stage(storage.tables())
            applied = sql.commit(session, catalog, changes)
    except LostRaceError:
        discard(changes)
        raise
    sql.tidy(catalog, applied)


def _one_by_one(
    storage: Storage, stage: Callable[[Mapping[str, Table]], Sequence[Staged]]
) -> None:
    """Change one table after the other.

    Raises
    ------
    LostRaceError
        If somebody else came first somewhere.
    """
    for change in stage(LedgerOrder(storage).tables()):
        try:
            storage.catalog.commit_table(
                change.base, change.requirements, change.updates
            )
        except CommitFailedException as error:
            raise LostRaceError(str(error)) from None


def staged(table: Table, updates: Iterable[TableUpdate], *, head: int | None) -> Staged:
    """Stage `updates` to a table as it is now, which leave it at the head `head`."""
    required: list[TableRequirement] = [AssertTableUUID(uuid=table.metadata.table_uuid)]
    if (now := head_of(table)) is not None:
        required.append(snapshots.at_ref(MAIN_BRANCH, now))
    return Staged(
        base=table,
        requirements=tuple(required),
        updates=tuple(updates),
        snapshot_id=_NO_SNAPSHOT if head is None else head,
    )


def stage_ledger(
    table: Table, releases: Iterable[Release], *, summary: Mapping[str, str]
) -> Staged:
    """Stage the ledger anew, with columns it may lack from before releases ended."""
    updates, requirements = _missing_columns(table)
    wider = table
    if updates:
        wider = Table(
            identifier=table.name(),
            metadata=update_table_metadata(table.metadata, updates),
            metadata_location=table.metadata_location,
            io=table.io,
            catalog=table.catalog,
        )
    change = stage_rewrite(wider, ledger_rows(releases, wider), summary=summary)
    return replace(
        change,
        base=table,
        requirements=(*requirements, *change.requirements),
        updates=(*updates, *change.updates),
    )


def _missing_columns(
    table: Table,
) -> tuple[tuple[TableUpdate, ...], tuple[TableRequirement, ...]]:
    added = (("ended_at", TimestamptzType()), ("ended_because", StringType()))
    names = {field.name for field in table.schema().fields}
    change = UpdateSchema(Transaction(table))
    for name, kind in added:
        if name not in names:
            change.add_column(name, kind)
    return change._commit()  # noqa: SLF001
