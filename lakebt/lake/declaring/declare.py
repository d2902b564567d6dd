"""Declaring a table of one's own: it is then kept, checked and read like the others.

What is declared lives in the Iceberg table itself: the columns as its schema, the rest
as its properties (`lakebt.lake.tables.specs`). Columns can only be added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import sqlalchemy as sa
from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.exceptions import CommitFailedException, TableAlreadyExistsError

from lakebt.errors import ConflictError, LakeError, TableExistsError
from lakebt.lake.committing.retry import ATTEMPTS, step_back
from lakebt.lake.committing.sql import BusyError, insert, turn
from lakebt.lake.declaring.declaration import notation
from lakebt.lake.storage.failures import LostRaceError, locked, translated
from lakebt.lake.storage.snapshots import delete_quietly
from lakebt.lake.tables.schemas import ICEBERG_TYPES, NAMESPACE, PROPERTIES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lakebt.lake.committing.ledger import Release
    from lakebt.lake.declaring.declaration import Declaration
    from lakebt.lake.storage.catalog import Storage
    from lakebt.lake.tables.specs import Specs


def declare(storage: Storage, declaration: Declaration) -> None:
    """Make a table, or add the columns it lacks. Several processes may do so at once.

    Raises
    ------
    ConflictError
        If others kept changing the table.
    LakeError
        If the lake cannot be written, or the table's declaration was damaged.
    TableExistsError
        If the table is there and was declared otherwise.
    """
    for attempt in range(ATTEMPTS):
        try:
            with translated(storage.where):
                if _is_declared(storage, declaration):
                    return
                _create(storage, declaration)
        except BusyError:
            msg = f"{storage.where} {locked()}"
            raise LakeError(msg) from None
        except LostRaceError:
            step_back(attempt)
        else:
            storage.tables()
            return
    msg = (
        f"table {declaration.name!r}: somebody else changed it first {ATTEMPTS} times. "
        f"Declare it again"
    )
    raise ConflictError(msg)


def _is_declared(storage: Storage, declaration: Declaration) -> bool:
    """Whether the table is there, with every column of the declaration in the end.

    Raises
    ------
    LostRaceError
        If somebody else changed its columns meanwhile.
    """
    table = storage.tables().get(declaration.name)
    if table is None:
        return False
    lacks = declaration.missing(storage.specs.of(declaration.name))
    if lacks:
        try:
            with table.update_schema() as change:
                for column in lacks:
                    change.add_column(column.name, ICEBERG_TYPES[column.kind])
        except CommitFailedException as error:
            raise LostRaceError(str(error)) from None
        storage.tables()
    return True


def _create(storage: Storage, declaration: Declaration) -> None:
    """Make the table.

    Raises
    ------
    LostRaceError
        If somebody made one of that name meanwhile.
    TableExistsError
        If the name is somebody else's, whatever its case.
    """
    spec, name = declaration.spec(), (NAMESPACE, declaration.name)
    properties = {**PROPERTIES, **declaration.properties()}
    catalog = storage.catalog
    if not isinstance(catalog, SqlCatalog):
        taken = (there[-1] for there in catalog.list_tables(NAMESPACE))
        _check_free(declaration.name, taken, storage)
        try:
            catalog.create_table(name, schema=spec.iceberg(), properties=properties)
        except TableAlreadyExistsError as error:
            raise LostRaceError(str(error)) from None
        return
    staged = catalog._create_staged_table(  # noqa: SLF001
        name, spec.iceberg(), properties=properties
    )
    try:
        with turn(catalog) as session:  # in which nobody else can take the name
            there = sa.select(IcebergTables.table_name).where(
                IcebergTables.catalog_name == catalog.name,
                IcebergTables.table_namespace == NAMESPACE,
            )
            _check_free(declaration.name, session.scalars(there), storage)
            catalog._write_metadata(  # noqa: SLF001
                staged.metadata, staged.io, staged.metadata_location
            )
            insert(session, catalog, name, staged.metadata_location)
    except BaseException:
        delete_quietly(staged.io, [staged.metadata_location])
        raise


def _check_free(name: str, taken: Iterable[str], storage: Storage) -> None:
    """Check that no table of the namespace has a name, whatever its case.

    Raises
    ------
    LostRaceError
        If the lake has it by now.
    TableExistsError
        If it is somebody else's, or differs in case only.
    """
    for other in taken:
        if other == name and name in storage.tables():
            raise LostRaceError(name)
        if other == name:
            why = "it is not lakebt's"
            raise TableExistsError(name, why)
        if other.lower() == name.lower():
            why = f"{name!r} differs from it in case only"
            raise TableExistsError(other, why)


def listed(specs: Specs, newest: Release | None) -> pd.DataFrame:
    """Return the tables of a lake: see `Lake.tables`."""
    pins = [None if newest is None else newest.pin(name) for name in specs]
    return pd.DataFrame(
        {
            "name": pd.Series(list(specs), dtype="str"),
            "key": pd.Series([list(s.key) for s in specs.values()], dtype=object),
            "columns": pd.Series(
                [{c.name: notation(c) for c in s.columns} for s in specs.values()],
                dtype=object,
            ),
            "rows": pd.Series(
                [0 if p is None else p.rows for p in pins], dtype="int64"
            ),
            "declared": pd.Series(
                [spec.is_declared for spec in specs.values()], dtype=bool
            ),
        }
    )
