"""Connections to the database of a catalog, which keep nothing open behind them.

SQLAlchemy compiles each statement once for a dialect, and would make a dialect for each
engine. All SQLite catalogs of a process share one: to compile anew what pyiceberg asks
took a third of the time in which a lake is opened.
"""

from __future__ import annotations

import contextlib
import functools
import sqlite3
import time
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from pyiceberg.catalog import MetastoreCatalog
from pyiceberg.catalog.sql import (
    IcebergNamespaceProperties,
    IcebergTables,
    SqlCatalog,
)
from sqlalchemy.exc import (
    DBAPIError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateTable

from lakebt.errors import LakeError
from lakebt.lake.storage import failures
from lakebt.lake.storage.directory import DATABASE, WAREHOUSE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping, Sequence
    from pathlib import Path


T = TypeVar("T")

TABLES = IcebergTables.metadata.tables[IcebergTables.__tablename__]
"""Where a catalog's tables point."""


_COLUMNS = sa.text(
    "select t.name, c.name from sqlite_master t, pragma_table_info(t.name) c "
    "where t.type = 'table'"
)
_OF_VERSION_1 = {
    (IcebergTables.__tablename__, "iceberg_type"),
    (IcebergNamespaceProperties.__tablename__, "property_key"),
}
"""Columns that tell the newest of pyiceberg's layouts of a database."""
_NEW_TABLES = [CreateTable(each) for each in IcebergTables.metadata.sorted_tables]


class LocalCatalog(SqlCatalog):
    """A SQLite catalog that leaves no connection open behind it."""

    def __init__(self, name: str, **properties: str) -> None:
        MetastoreCatalog.__init__(self, name, **properties)
        self.engine = engine(sa.make_url(properties["uri"]))
        self._init_catalog()

    def _init_catalog(self) -> None:
        """Ask once which tables there are, and make them if none.

        pyiceberg asks each, and both again before it makes them.
        """
        with contextlib.suppress(OperationalError):
            there = {tuple(row) for row in plain_rows(self.engine, _COLUMNS, {})}
            if there >= _OF_VERSION_1:
                self._schema_version = "v1"
                return
            if not there and "init_catalog_tables" not in self.properties:
                with self.engine.begin() as connection:
                    for each in _NEW_TABLES:
                        statement = _compiled(each, self.engine.dialect)
                        connection.exec_driver_sql(str(statement))
                self._schema_version = "v1"
                return
        super()._init_catalog()


def engine(url: sa.URL) -> sa.Engine:
    """Return what makes connections anew each time, so that none is cut or shared."""
    if (url.get_backend_name(), url.get_driver_name()) != ("sqlite", "pysqlite"):
        return sa.create_engine(url, poolclass=NullPool)
    shared, statements = _sqlite()
    dialect = shared.dialect
    arguments, options = dialect.create_connect_args(url)
    options = {**options, "timeout": failures.LOCK_SECONDS}
    pool = NullPool(lambda: dialect.connect(*arguments, **options), dialect=dialect)
    kept = {"compiled_cache": statements}
    return sa.Engine(pool, dialect, url, execution_options=kept)


@functools.cache
def _sqlite() -> tuple[sa.Engine, MutableMapping[Any, Any]]:
    """Return an engine that knows its driver, and the statements compiled for it."""
    shared = sa.create_engine("sqlite://", poolclass=NullPool)
    shared.connect().close()  # the dialect asks the driver what it can do
    return shared, sa.util.LRUCache(500)


def plain_rows(
    engine: sa.Engine,
    statement: sa.Select[Any] | sa.TextClause,
    told: Mapping[str, str],
) -> Sequence[Any]:
    """Return what SQLite answers to a statement, as its driver gives it.

    For what is asked with every step: SQLAlchemy's own rows take as long as the answer.

    Raises
    ------
    DBAPIError
        What SQLAlchemy itself would raise.
    """
    compiled = _compiled(statement, engine.dialect)
    values = compiled.construct_params(dict(told))
    text, places = str(compiled), compiled.positiontup
    try:
        with contextlib.closing(engine.raw_connection()) as connection:
            cursor = connection.cursor()
            cursor.execute(text, [values[name] for name in places or ()])
            return cursor.fetchall()
    except sqlite3.Error as error:
        failed = DBAPIError.instance(
            text, dict(told), error, sqlite3.Error, dialect=engine.dialect
        )
        raise failed from error


@functools.lru_cache(maxsize=64)
def _compiled(statement: sa.ClauseElement, dialect: sa.Dialect) -> Any:
    return statement.compile(dialect=dialect)


def local_catalog(root: Path, *, create: bool) -> SqlCatalog:
    """Open the SQLite catalog in a directory, and make its tables if asked to."""
    uri, warehouse = f"sqlite:///{root / DATABASE}", f"file://{root / WAREHOUSE}"
    properties = {"uri": uri, "warehouse": warehouse}
    if not create:
        return LocalCatalog("lake", **properties, init_catalog_tables="false")
    return patiently(lambda: LocalCatalog("lake", **properties), OperationalError)


def patiently(make: Callable[[], T], *errors: type[Exception]) -> T:
    """Make something, again if another process made it at the same moment."""
    for pause in (0.02, 0.1, 0.5):
        with contextlib.suppress(*errors):
            return make()
        time.sleep(pause)
    return make()


def make_ready(catalog: SqlCatalog, *, create: bool, where: str) -> None:
    """Have the database of a catalog connect anew each time, and have its tables.

    Raises
    ------
    LakeError
        If it has none, and none are to be made.
    """
    url = catalog.engine.url
    if url.database not in {None, "", ":memory:"}:
        catalog.engine.dispose()
        catalog.engine = engine(url)
    if create:
        # Postgres says of a table made twice at once that a name is not unique.
        catalog.properties["init_catalog_tables"] = "true"
        patiently(catalog._init_catalog, IntegrityError, ProgrammingError)  # noqa: SLF001
    elif not sa.inspect(catalog.engine).has_table(IcebergTables.__tablename__):
        none = "its database has no tables of a catalog"
        msg = f"{where} is not a lake: {none}. Publish first, or check its uri"
        raise LakeError(msg)
