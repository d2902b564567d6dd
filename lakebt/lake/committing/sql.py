"""The strict commit in one SQL transaction: all tables, tags and ledger, or nothing."""

from __future__ import annotations

import contextlib
import secrets
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa
from pyiceberg.exceptions import CommitFailedException
from sqlalchemy.exc import DBAPIError, OperationalError

from lakebt.errors import SettingsWarning
from lakebt.lake.committing.foreign import is_whole_page
from lakebt.lake.committing.foreign_settings import warn_of_dropped
from lakebt.lake.committing.ledger import read_ledger
from lakebt.lake.committing.recovery import abandoned_in, removal
from lakebt.lake.committing.stage import check_there, discard, outside
from lakebt.lake.storage import creation, failures
from lakebt.lake.storage.connections import TABLES
from lakebt.lake.storage.failures import BusyError, LostRaceError, translated
from lakebt.lake.storage.metadata import next_version, write
from lakebt.lake.storage.reach import delete_expired
from lakebt.lake.storage.snapshots import delete_quietly
from lakebt.lake.tables.schemas import LEDGER, NAMESPACE, TRIALS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pyiceberg.catalog.sql import SqlCatalog
    from pyiceberg.schema import Schema
    from pyiceberg.table import StagedTable, Table
    from pyiceberg.table.metadata import TableMetadata

    from lakebt.lake.committing.ledger import Release
    from lakebt.lake.committing.stage import Staged
    from lakebt.lake.storage.catalog import Storage


_POINTER = TABLES.c.metadata_location
_ROW = (
    TABLES.c.catalog_name == sa.bindparam("catalog"),
    TABLES.c.table_namespace == sa.bindparam("namespace"),
    TABLES.c.table_name == sa.bindparam("table"),
)

# Built once: building a statement takes as long as running it.
_LOCK = sa.update(TABLES).where(*_ROW).values({_POINTER: _POINTER})
_BEFORE, _AFTER = (sa.bindparam(n, type_=_POINTER.type) for n in ("before", "after"))
_SWAP = (
    sa.update(TABLES)
    .where(*_ROW, _BEFORE == _POINTER)
    .values({_POINTER: _AFTER, TABLES.c.previous_metadata_location: _BEFORE})
)


@contextlib.contextmanager
def turn(catalog: SqlCatalog, *, table: str = LEDGER) -> Iterator[sa.Connection]:
    """Give the one SQL transaction in which a publisher may look and commit.

    Its first statement takes the catalog's write lock (SQLite), or that of the row of
    `table`, so that publishers wait for each other instead of repeating each other's
    work. Readers are not held up. What is in it becomes visible when it is left.

    Raises
    ------
    BusyError
        If the lock could not be had in time.
    DBAPIError
        If the catalog cannot be written for another reason.
    LostRaceError
        If the database sacrificed the transaction to another; nothing has changed.
    """
    parameters = {"catalog": catalog.name, "namespace": NAMESPACE, "table": table}
    try:
        with catalog.engine.connect() as connection:
            wait(connection, _LOCK, parameters)
            yield connection
            connection.commit()
    except DBAPIError as error:
        # psycopg's name for it, then psycopg2's; SQLite has none
        code = getattr(error.orig, "sqlstate", None) or getattr(
            error.orig, "pgcode", None
        )
        if code in LOST_RACES:
            raise LostRaceError(code) from None
        if code == LOCK_NOT_AVAILABLE or "database is locked" in str(error.orig):
            raise BusyError from None
        raise


def commit(
    connection: sa.Connection, catalog: SqlCatalog, changes: Sequence[Staged]
) -> list[tuple[Table, StagedTable]]:
    """Apply all `changes` in a SQL transaction, or none.

    Returns
    -------
    list of (before, after)
        For `tidy`, once the transaction is committed.

    Raises
    ------
    LostRaceError
        If any table is no longer what its change was staged on.

    Warns
    -----
    SettingsWarning
        If it drops properties that others gave a table. Where warnings are errors,
        nothing is committed.
    """
    applied = []
    for change in changes:
        check_there(change)
    whole = [outside(change) for change in changes]
    warn_of_dropped(whole)
    try:
        for change in whole:
            new = next_version(
                catalog, change.base, change.requirements, change.updates
            )
            # Listed before it is written, so that a truncated file is deleted, too.
            applied.append((change.base, new))
            write(new.metadata, new.io, new.metadata_location)
        # Write all files before the first pointer, so that no pointer names a missing
        # one.
        for old, new in applied:
            swap(connection, catalog, old, new.metadata_location)
    except (CommitFailedException, LostRaceError) as error:
        for old, new in applied:
            delete_quietly(old.io, [new.metadata_location])
        raise LostRaceError(str(error)) from None
    return applied


def swap(
    connection: sa.Connection, catalog: SqlCatalog, table: Table, location: str
) -> None:
    """Point a table at its new metadata.

    Raises
    ------
    LostRaceError
        If its pointer is no longer what it was.
    """
    *namespace, name = table.name()
    parameters = {
        "catalog": catalog.name,
        "namespace": ".".join(namespace),
        "table": name,
        "before": table.metadata_location,
        "after": location,
    }
    if connection.execute(_SWAP, parameters).rowcount != 1:
        msg = f"{name} has moved on"
        raise LostRaceError(msg)


def tidy(catalog: SqlCatalog, applied: Iterable[tuple[Table, StagedTable]]) -> None:
    """Delete files that are no longer needed after a commit.

    That is the metadata files that have fallen out of the tables' logs, and the files
    of the ledger's expired snapshots. A crash before it leaves orphans, no more.
    """
    for old, new in applied:
        with contextlib.suppress(OSError):
            catalog._delete_old_metadata(old.io, old.metadata, new.metadata)  # noqa: SLF001
        if old.name() == (NAMESPACE, LEDGER):
            with contextlib.suppress(OSError):
                after = new.metadata
                delete_expired(old.io, old.metadata, after, is_alone=is_whole_page)


def tidied(storage: Storage, change: Staged, release: Release) -> Staged:
    """Return a change that also removes what others staged for a sequence now taken.

    Only publishers through `lakebt serve` stage; these died or were overtaken.
    """
    if not (refs := abandoned_in(change.base, release)):
        return change
    ledger = read_ledger(storage, storage.tables()[LEDGER])
    updates = removal(change.base, refs, [*ledger.releases, release])
    return replace(change, updates=(*change.updates, *updates))


class OneTransaction:
    """Commits in one SQL transaction: see `lakebt.lake.committing.protocol`."""

    is_atomic = True

    def __init__(self, storage: Storage, catalog: SqlCatalog) -> None:
        self._storage, self._catalog = storage, catalog

    def tables(self) -> Mapping[str, Table]:
        """Return the tables, all read at one instant."""
        return self._storage.tables()

    @contextmanager
    def turn(self) -> Iterator[Callable[[Mapping[str, Staged], Release], None]]:
        """Wait for the turn, and give what commits; it takes effect at the end."""
        applied: list[tuple[Table, StagedTable]] = []
        catalog = self._catalog
        with translated(self._storage.where), turn(catalog) as connection:

            def commit_all(changes: Mapping[str, Staged], release: Release) -> None:
                staged = [
                    tidied(self._storage, change, release)
                    for change in changes.values()
                ]
                applied.extend(commit(connection, catalog, staged))

            # Spark has a connection of its own, which would wait for this turn's lock.
            self._storage.is_held = True
            try:
                yield commit_all
            finally:
                self._storage.is_held = False
        # Only after the commit: until then the tables refer to these files.
        tidy(catalog, applied)

    def change(self, stage: Callable[[Mapping[str, Table]], Sequence[Staged]]) -> None:
        """Change tables, all or none.

        Raises
        ------
        LostRaceError
            If somebody else came first; nothing has changed.
        SettingsWarning
            If properties are dropped that others gave a table, and warnings are errors.
        """
        changes: Sequence[Staged] = ()
        try:
            with turn(self._catalog) as connection:
                changes = stage(self._storage.tables())
                applied = commit(connection, self._catalog, changes)
        except (LostRaceError, SettingsWarning):
            discard(changes)
            raise
        tidy(self._catalog, applied)

    def change_trials(
        self, stage: Callable[[], Staged | None]
    ) -> tuple[TableMetadata, TableMetadata] | None:
        """Change the table of trials, and return it before and after.

        It locks only the row of the trials. In catalogs with row locks, recorders and
        publishers therefore do not wait for each other.

        Raises
        ------
        LostRaceError
            If somebody else came first; nothing has changed.
        SettingsWarning
            If properties are dropped that others gave a table, and warnings are errors.
        """
        change = None
        try:
            with turn(self._catalog, table=TRIALS) as connection:
                change = stage()
                if change is None:
                    return None
                applied = commit(connection, self._catalog, [change])
        except (LostRaceError, SettingsWarning):
            discard([] if change is None else [change])
            raise
        tidy(self._catalog, applied)
        ((before, after),) = applied
        return before.metadata, after.metadata

    def create_table(
        self,
        name: str,
        schema: Schema,
        properties: dict[str, str],
        check: Callable[[Iterable[str]], None],
    ) -> None:
        """Create a table in a turn, so that no one else can take its name."""
        catalog = self._catalog
        new = creation.staged(catalog, (NAMESPACE, name), schema, properties)
        try:
            with turn(catalog) as connection:
                there = sa.select(TABLES.c.table_name).where(
                    TABLES.c.catalog_name == catalog.name,
                    TABLES.c.table_namespace == NAMESPACE,
                )
                check(connection.scalars(there))
                creation.write_first(new)
                location = new.metadata_location
                creation.insert(connection, catalog, (NAMESPACE, name), location)
        except BaseException:
            delete_quietly(new.io, [new.metadata_location])
            raise


LOST_RACES = frozenset({"40001", "40P01"})
"""SQLSTATE of a serialization failure, and of a deadlock."""

LOCK_NOT_AVAILABLE = "55P03"
"""SQLSTATE of a lock that was not given free in time."""


def wait(connection: sa.Connection, lock: sa.Update, told: Mapping[str, str]) -> None:
    """Take the lock as soon as it is free.

    Parameters
    ----------
    connection
    lock, told
        The statement that takes it, and the values of its parameters.

    Raises
    ------
    OperationalError
        If it was not free in time, or cannot be had at all.
    """
    patience_ms = round(failures.LOCK_SECONDS * 1000)
    dialect = connection.dialect.name
    if dialect != "sqlite":
        if dialect == "postgresql":
            limit = sa.func.set_config("lock_timeout", f"{patience_ms}ms", sa.true())
            connection.execute(sa.select(limit))
        connection.execute(lock, told)
        return
    # SQLite's own busy handler polls less often the longer it has waited. The newest
    # waiter is then served first, and some wait eighty times as long as most.
    deadline = time.monotonic() + failures.LOCK_SECONDS
    while True:
        connection.exec_driver_sql("pragma busy_timeout = 0")
        try:
            connection.execute(lock, told)
            break
        except OperationalError as error:
            if "locked" not in str(error.orig) or time.monotonic() > deadline:
                raise
            connection.rollback()
            time.sleep((5 + secrets.randbelow(10)) / 1000)
    connection.exec_driver_sql(f"pragma busy_timeout = {patience_ms}")
