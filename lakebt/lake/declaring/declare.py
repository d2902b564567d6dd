"""Declaring a table of one's own: it is then kept, checked and read like the others.

What is declared lives in the Iceberg table itself: the columns as its schema, the rest
as its properties (`lakebt.lake.tables.specs`). Columns can only be added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from pyiceberg.exceptions import CommitFailedException

from lakebt.errors import ConflictError, TableExistsError
from lakebt.lake.committing import protocol
from lakebt.lake.committing.retry import again
from lakebt.lake.declaring.declaration import notation
from lakebt.lake.storage.failures import LostRaceError, translated
from lakebt.lake.tables.schemas import ICEBERG_TYPES, PROPERTIES

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

    def attempt() -> None:
        with translated(storage.where):
            if not _is_declared(storage, declaration):
                _create(storage, declaration)
                storage.tables()

    def exhausted(attempts: int) -> ConflictError:
        return ConflictError(
            f"table {declaration.name!r}: somebody else changed it first {attempts} "
            f"times. Declare it again"
        )

    again(attempt, where=storage.where, exhausted=exhausted)


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
    protocol.of(storage).create_table(
        declaration.name,
        declaration.spec().iceberg(),
        {**PROPERTIES, **declaration.properties()},
        lambda taken: _check_free(declaration.name, taken, storage),
    )


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
