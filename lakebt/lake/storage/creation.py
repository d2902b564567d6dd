"""Making a table: its metadata is on the disk before the catalog names it."""

from __future__ import annotations

import functools
import uuid
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from pyiceberg.catalog import WAREHOUSE_LOCATION
from pyiceberg.catalog.sql import IcebergNamespaceProperties, SqlCatalog
from pyiceberg.exceptions import TableAlreadyExistsError
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
from pyiceberg.schema import Schema
from pyiceberg.table import StagedTable
from pyiceberg.table.metadata import new_table_metadata
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER
from pyiceberg.utils.datetime import datetime_to_millis
from sqlalchemy.exc import IntegrityError

from lakebt.instants import system_clock
from lakebt.lake.storage.connections import TABLES
from lakebt.lake.storage.durability import sync_folders
from lakebt.lake.storage.metadata import place, write
from lakebt.lake.storage.snapshots import delete_quietly

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyiceberg.catalog import Catalog
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.types import NestedField


_NAMESPACES = IcebergNamespaceProperties.metadata.tables[
    IcebergNamespaceProperties.__tablename__
]
_NAMESPACE = sa.select(_NAMESPACES.c.property_key).where(
    _NAMESPACES.c.catalog_name == sa.bindparam("catalog"),
    _NAMESPACES.c.namespace == sa.bindparam("namespace"),
)
_NEW_NAMESPACE, _NEW_TABLE = sa.insert(_NAMESPACES), sa.insert(TABLES)


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
        # A copy, as pyiceberg takes from it what it does not keep.
        catalog.create_table(table, schema, properties={**properties})
        return
    new = staged(catalog, table, schema, properties, home=home)
    write_first(new)
    try:
        with catalog.engine.begin() as connection:
            insert(connection, catalog, table, new.metadata_location)
    except IntegrityError:
        delete_quietly(new.io, [new.metadata_location])
        msg = f"table {table[-1]} exists already"
        raise TableAlreadyExistsError(msg) from None


def create_all(
    catalog: Catalog,
    namespace: str,
    tables: Mapping[str, tuple[Schema, dict[str, str]]],
) -> bool:
    """Make a namespace and its tables in one transaction, or say that it cannot be.

    Parameters
    ----------
    catalog, namespace
    tables
        By name: a schema, and properties.

    Returns
    -------
    bool
        False where the catalog is not SQL or has no warehouse, where there is such a
        namespace, which may say where its tables lie, or where another process makes
        one at the same moment. Then nothing was made.
    """
    warehouse = catalog.properties.get(WAREHOUSE_LOCATION)
    if not isinstance(catalog, SqlCatalog) or not warehouse:
        return False
    parameters = {"catalog": catalog.name, "namespace": namespace}
    with catalog.engine.connect() as connection:
        if connection.execute(_NAMESPACE, parameters).first() is not None:
            return False
    home = f"{warehouse.rstrip('/')}/{namespace}"
    new = [
        staged(catalog, (namespace, name), schema, properties, home=home)
        for name, (schema, properties) in tables.items()
    ]
    for each in new:
        write_first(each)
    rows = [
        catalog._create_table_row(namespace, name, each.metadata_location)  # noqa: SLF001
        for name, each in zip(tables, new, strict=True)
    ]
    exists = IcebergNamespaceProperties.NAMESPACE_MINIMAL_PROPERTIES
    property_rows = [
        {
            "catalog_name": catalog.name,
            "namespace": namespace,
            "property_key": key,
            "property_value": value,
        }
        for key, value in exists.items()
    ]
    try:
        with catalog.engine.begin() as connection:
            connection.execute(_NEW_NAMESPACE, property_rows)
            connection.execute(_NEW_TABLE, rows)
    except IntegrityError:
        for each in new:
            delete_quietly(each.io, [each.metadata_location])
        return False
    return True


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
    wanted_location = None if home is None else f"{home}/{table[-1]}"
    location = catalog._resolve_table_location(wanted_location, table[0], table[1])  # noqa: SLF001
    empty = _empty(schema.fields, tuple(properties.items()))
    updates = {
        "location": location,
        "table_uuid": uuid.uuid4(),
        "last_updated_ms": datetime_to_millis(system_clock()),
    }
    metadata = empty.model_copy(update=updates)
    return StagedTable(
        identifier=table,
        metadata=metadata,
        metadata_location=(there := place(metadata)),
        io=catalog._load_file_io(metadata.properties, there),  # noqa: SLF001
        catalog=catalog,
    )


@functools.lru_cache(maxsize=64)
def _empty(
    fields: tuple[NestedField, ...], properties: tuple[tuple[str, str], ...]
) -> TableMetadata:
    """Return what the metadata of all new tables of some columns have in common."""
    return new_table_metadata(
        schema=Schema(*fields),
        partition_spec=UNPARTITIONED_PARTITION_SPEC,
        sort_order=UNSORTED_SORT_ORDER,
        location="",
        properties=dict(properties),
    )


def write_first(made: StagedTable) -> None:
    """Have the metadata of a new table, and its folders' names, on the disk."""
    write(made.metadata, made.io, made.metadata_location)
    sync_folders(made.io, made.metadata_location)


def insert(
    connection: sa.Connection,
    catalog: SqlCatalog,
    table: tuple[str, ...],
    location: str,
) -> None:
    """Add a table, of its namespace and name, with its metadata."""
    *namespace, name = table
    row: dict[str, Any] = catalog._create_table_row(".".join(namespace), name, location)  # noqa: SLF001
    connection.execute(_NEW_TABLE, row)
