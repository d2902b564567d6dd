"""Making a table: its metadata is on the disk before the catalog names it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import TableAlreadyExistsError
from pyiceberg.table import StagedTable
from sqlalchemy.exc import IntegrityError

from lakebt.lake.storage.connections import TABLES
from lakebt.lake.storage.durability import sync_folders
from lakebt.lake.storage.metadata import place, write
from lakebt.lake.storage.snapshots import delete_quietly

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.schema import Schema
    from sqlalchemy.orm import Session


def create_table(
    catalog: Catalog,
    table: tuple[str, str],
    schema: Schema,
    properties: dict[str, str],
    *,
    home: str | None = None,
) -> None:
    """Make a table, of its namespace and name, in `home` if that was asked before.

    Raises
    ------
    TableAlreadyExistsError
        If there is one.
    """
    if not isinstance(catalog, SqlCatalog):  # it answers for what it writes
        catalog.create_table(table, schema, properties=properties)
        return
    made = staged(catalog, table, schema, properties, home=home)
    write_first(made)
    try:
        with catalog.engine.begin() as connection:
            insert(connection, catalog, table, made.metadata_location)
    except IntegrityError:
        delete_quietly(made.io, [made.metadata_location])
        msg = f"table {table[-1]} exists already"
        raise TableAlreadyExistsError(msg) from None


def home_of(catalog: Catalog, namespace: str) -> str | None:
    """Return where the tables of a namespace lie; None if the catalog says each time.

    pyiceberg asks the database three times for each table.
    """
    if not isinstance(catalog, SqlCatalog):
        return None
    of_none: str = catalog._resolve_table_location(None, namespace, "")  # noqa: SLF001
    return of_none.removesuffix("/")


def staged(
    catalog: SqlCatalog,
    table: tuple[str, str],
    schema: Schema,
    properties: dict[str, str],
    *,
    home: str | None = None,
) -> StagedTable:
    """Return a table as it will be, not yet written anywhere."""
    location = None if home is None else f"{home}/{table[-1]}"
    made = catalog._create_staged_table(  # noqa: SLF001
        table, schema, location, properties=properties
    )
    return StagedTable(
        identifier=table,
        metadata=made.metadata,
        metadata_location=place(made.metadata),
        io=made.io,
        catalog=catalog,
    )


def write_first(made: StagedTable) -> None:
    """Have the metadata of a new table, and its folders' names, on the disk."""
    write(made.metadata, made.io, made.metadata_location)
    sync_folders(made.io, made.metadata_location)


def insert(
    session: Session | sa.Connection,
    catalog: SqlCatalog,
    table: tuple[str, ...],
    location: str,
) -> None:
    """Add a table, of its namespace and name, with its metadata."""
    *namespace, name = table
    row: dict[str, Any] = catalog._create_table_row(".".join(namespace), name, location)  # noqa: SLF001
    session.execute(sa.insert(TABLES).values(**row))
