"""Reading the tables of a lake: their pointers each time, their metadata when moved."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from pyiceberg.catalog.sql import ICEBERG_TABLE_TYPE, SqlCatalog
from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError
from pyiceberg.io import load_file_io
from pyiceberg.table import Table

from lakebt.lake.storage.code import sound
from lakebt.lake.storage.connections import TABLES
from lakebt.lake.storage.failures import is_failure, parsing
from lakebt.lake.storage.metadata import read
from lakebt.lake.tables.schemas import FROM_THE_START, LEDGER, NAMESPACE, TRIALS
from lakebt.lake.tables.specs import is_fact_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyiceberg.catalog import Catalog


T = TypeVar("T")

_VITAL = frozenset({LEDGER, *FROM_THE_START})
"""What must be readable. What else lies beside it in the namespace need not be."""


def loader_of(catalog: Catalog) -> Loader:
    """Return what loads the tables of a lake in a catalog."""
    return SqlLoader(catalog) if isinstance(catalog, SqlCatalog) else Loader(catalog)


class Loader:
    """Loads the tables of one namespace, one after the other.

    Parameters
    ----------
    catalog
        Any that pyiceberg has.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def load(self) -> dict[str, Table]:
        """Return the lake's tables by name: the ledger and every fact table.

        Raises
        ------
        FileNotFoundError
            If the metadata of a table is not where its pointer said.
        """
        tables = _again(lambda patient: self._load(patient=patient))
        return {
            name: table
            for name, table in tables.items()
            if name == LEDGER or is_fact_table(name, table)
        }

    def trials(self) -> Table | None:
        """Return the table of trials; None if there is none yet.

        It is read only when it is asked for, so that nothing else waits for it or fails
        with it.

        Raises
        ------
        FileNotFoundError
            If its metadata is not where its pointer said.
        """
        return _again(lambda _: self._load_trials())

    def table(self, name: str) -> Table:
        """Return one table as it is now, read by the catalog itself.

        Raises
        ------
        NoSuchTableError
            If there is none.
        """
        return self._table(name)

    def names(self) -> set[str]:
        """Return what tables there are, readable or not; none without a namespace."""
        with contextlib.suppress(NoSuchNamespaceError):
            return {name[-1] for name in self._catalog.list_tables(NAMESPACE)}
        return set()

    def _load(self, *, patient: bool) -> dict[str, Table]:
        tables = {}
        # The ledger first: it is never ahead of the rest.
        for name in (LEDGER, *FROM_THE_START):
            with contextlib.suppress(NoSuchTableError):
                tables[name] = self._table(name)
        for name in sorted(self.names()):
            if name not in _VITAL and name != TRIALS:
                try:
                    tables[name] = self._table(name)
                except NoSuchTableError:  # dropped since
                    continue
                except Exception as error:
                    if _must_tell(name, error, patient=patient):
                        raise
        return tables

    def _load_trials(self) -> Table | None:
        with contextlib.suppress(NoSuchTableError, NoSuchNamespaceError):
            return self._table(TRIALS)
        return None

    def _table(self, name: str) -> Table:
        with parsing():  # the catalog reads the metadata itself
            return sound(self._catalog.load_table((NAMESPACE, name)))


class SqlLoader(Loader):
    """Loads all pointers at one instant, and only the metadata that changed."""

    def __init__(self, catalog: SqlCatalog) -> None:
        super().__init__(catalog)
        self._sql = catalog
        self._loaded: dict[str, Table] = {}
        self._unreadable: dict[str, str | None] = {}
        self._trials: Table | None = None

    def names(self) -> set[str]:
        """Return what tables there are, by their pointers."""
        return {row.table_name for row in _pointers(self._sql)}

    def _load(self, *, patient: bool) -> dict[str, Table]:
        tables = {}
        for row in _pointers(self._sql, TABLES.c.table_name != TRIALS):
            name, location = row.table_name, row.metadata_location
            loaded = self._loaded.get(name)
            if loaded is not None and loaded.metadata_location == location:
                tables[name] = loaded
            elif name not in self._unreadable or self._unreadable[name] != location:
                try:
                    tables[name] = _table(self._sql, row)
                except Exception as error:
                    if _must_tell(name, error, patient=patient):
                        raise
                    self._unreadable[name] = location
        self._loaded = tables
        return tables

    def _load_trials(self) -> Table | None:
        rows = _pointers(self._sql, TABLES.c.table_name == TRIALS)
        if not rows:
            return None
        loaded = self._trials
        if loaded is None or loaded.metadata_location != rows[0].metadata_location:
            self._trials = loaded = _table(self._sql, rows[0])
        return loaded


def _again(load: Callable[[bool], T]) -> T:
    """Load something, again if a file is gone.

    Ten commits may lie between reading a pointer and its file. As long as there is
    another try, `load` is asked to be patient: to raise what the last one overlooks.
    """
    for pause in (0.01, 0.1):
        with contextlib.suppress(FileNotFoundError):
            return load(True)  # noqa: FBT003 - of a function that is given
        time.sleep(pause)
    return load(False)  # noqa: FBT003


def pointer(catalog: SqlCatalog, namespace: tuple[str, ...], name: str) -> str | None:
    """Return where the metadata of one table is, None if there is no such table."""
    rows = _pointers(catalog, TABLES.c.table_name == name, namespace=namespace)
    return rows[0].metadata_location if rows else None


def _pointers(
    catalog: SqlCatalog,
    *wanted: sa.ColumnElement[bool],
    namespace: tuple[str, ...] = (NAMESPACE,),
) -> Sequence[Any]:
    """Return where the metadata of some tables is, all at one instant. No views."""
    conditions = [
        TABLES.c.catalog_name == catalog.name,
        TABLES.c.table_namespace == ".".join(namespace),
        *wanted,
    ]
    if catalog._iceberg_type_filter() is not None:  # noqa: SLF001
        kind = TABLES.c.iceberg_type
        conditions.append((kind == ICEBERG_TABLE_TYPE) | kind.is_(None))
    # Of the table, not of pyiceberg's class: that takes SQLAlchemy three times as long.
    columns = (TABLES.c.table_name, TABLES.c.metadata_location)
    statement = sa.select(*columns).where(*conditions)
    with catalog.engine.connect() as connection:
        return connection.execute(statement).all()


def _table(catalog: SqlCatalog, row: Any) -> Table:
    """Return the table that a pointer leads to.

    Raises
    ------
    NoSuchTableError
        If it leads nowhere.
    """
    location = row.metadata_location
    if location is None:
        raise NoSuchTableError(row.table_name)
    io = load_file_io(dict(catalog.properties), location)  # and not the table's
    metadata = read(io, location)
    return sound(Table((NAMESPACE, row.table_name), metadata, location, io, catalog))


def _must_tell(name: str, error: Exception, *, patient: bool) -> bool:
    if name in _VITAL or not is_failure(error):
        return True
    return patient and isinstance(error, FileNotFoundError)
