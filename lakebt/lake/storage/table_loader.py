"""Reading the tables of a lake: their pointers each time, their metadata when moved."""

from __future__ import annotations

import contextlib
import functools
import operator
import time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import sqlalchemy as sa
from pyiceberg.catalog.sql import ICEBERG_TABLE_TYPE, SqlCatalog
from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError
from pyiceberg.io import load_file_io
from pyiceberg.table import Table

from lakebt.lake.storage.code import is_glue, sound
from lakebt.lake.storage.connections import TABLES, LocalCatalog, plain_rows
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
    if isinstance(catalog, SqlCatalog):
        return SqlLoader(catalog)
    return GlueLoader(catalog) if is_glue(catalog) else Loader(catalog)


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

    def ledger(self) -> Table | None:
        """Return the ledger's table alone; None if there is none.

        Raises
        ------
        FileNotFoundError
            If its metadata is not where its pointer said.
        """
        return _again(lambda _: self._load_one(LEDGER))

    def trials(self) -> Table | None:
        """Return the table of trials; None if there is none yet.

        It is read only when it is asked for, so that nothing else waits for it or fails
        with it.

        Raises
        ------
        FileNotFoundError
            If its metadata is not where its pointer said.
        """
        return _again(lambda _: self._load_one(TRIALS))

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

    def _load_one(self, name: str) -> Table | None:
        with contextlib.suppress(NoSuchTableError, NoSuchNamespaceError):
            return self._table(name)
        return None

    def _table(self, name: str) -> Table:
        with parsing():  # the catalog reads the metadata itself
            return sound(self._catalog.load_table((NAMESPACE, name)))


class GlueLoader(Loader):
    """Asks for each pointer, and reads only the metadata that changed.

    Parameters
    ----------
    catalog
        AWS Glue, as pyiceberg has it.
    """

    def __init__(self, catalog: Catalog) -> None:
        super().__init__(catalog)
        self._glue: Any = catalog
        self._loaded: dict[str, Table] = {}

    def table(self, name: str) -> Table:
        """Return one table as it is now, its metadata read again."""
        return super()._table(name)

    def _table(self, name: str) -> Table:
        row = self._glue._get_glue_table(NAMESPACE, name)  # noqa: SLF001
        location = row.get("Parameters", {}).get("metadata_location")
        loaded = self._loaded.get(name)
        if loaded is None or loaded.metadata_location != location:
            with parsing():
                loaded = sound(self._glue._convert_glue_to_iceberg(row))  # noqa: SLF001
            self._loaded[name] = loaded
        return loaded


class SqlLoader(Loader):
    """Loads all pointers at one instant, and only the metadata that changed."""

    def __init__(self, catalog: SqlCatalog) -> None:
        super().__init__(catalog)
        self._sql = catalog
        self._loaded: dict[str, Table] = {}
        self._unreadable: dict[str, str | None] = {}

    def names(self) -> set[str]:
        """Return what tables there are, by their pointers."""
        return {row.table_name for row in _pointers(self._sql)}

    def _load(self, *, patient: bool) -> dict[str, Table]:
        tables = {}
        for row in _pointers(self._sql, operator.ne, TRIALS):
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
        trials = {n: table for n, table in self._loaded.items() if n == TRIALS}
        self._loaded = {**tables, **trials}
        return tables

    def _load_one(self, name: str) -> Table | None:
        rows = _pointers(self._sql, operator.eq, name)
        if not rows:
            return None
        loaded = self._loaded.get(name)
        if loaded is None or loaded.metadata_location != rows[0].metadata_location:
            self._loaded[name] = loaded = _table(self._sql, rows[0])
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
    rows = _pointers(catalog, operator.eq, name, namespace=namespace)
    return rows[0].metadata_location if rows else None


def _pointers(
    catalog: SqlCatalog,
    compare: Callable[[Any, Any], Any] | None = None,
    name: str = "",
    *,
    namespace: tuple[str, ...] = (NAMESPACE,),
) -> Sequence[Any]:
    """Return where the metadata of some tables is, all at one instant. No views.

    Parameters
    ----------
    catalog
    compare, name
        How the names of those wanted compare with a name; all are where that is None.
    namespace
    """
    statement = _select(compare, has_kinds=catalog._schema_version == "v1")  # noqa: SLF001
    parameters = {
        "catalog": catalog.name,
        "namespace": ".".join(namespace),
        "name": name,
    }
    if compare is None:
        del parameters["name"]
    if isinstance(catalog, LocalCatalog):
        rows = plain_rows(catalog.engine, statement, parameters)
        return [_Pointer(*row) for row in rows]
    with catalog.engine.connect() as connection:
        return connection.execute(statement, parameters).all()


class _Pointer(NamedTuple):
    table_name: str
    metadata_location: str | None


@functools.cache
def _select(
    compare: Callable[[Any, Any], Any] | None, *, has_kinds: bool
) -> sa.Select[Any]:
    """Return the statement of `_pointers`: to make it takes as long as to run it."""
    # Of the table, not of pyiceberg's class: that takes SQLAlchemy three times as long.
    columns = TABLES.c
    conditions = [
        columns.catalog_name == sa.bindparam("catalog"),
        columns.table_namespace == sa.bindparam("namespace"),
    ]
    if compare is not None:
        conditions.append(compare(columns.table_name, sa.bindparam("name")))
    if has_kinds:
        kind = columns.iceberg_type
        conditions.append((kind == ICEBERG_TABLE_TYPE) | kind.is_(None))
    return sa.select(columns.table_name, columns.metadata_location).where(*conditions)


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
