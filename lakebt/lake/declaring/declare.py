"""Declaring a table of one's own: it is then kept, checked and read like the others.

What is declared lives in the Iceberg table itself: the columns as its schema, the rest
as its properties (`lakebt.lake.tables.specs`). Columns can only be added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from pyiceberg.exceptions import CommitFailedException

from lakebt.errors import ConflictError
from lakebt.lake.committing.new_table import make
from lakebt.lake.committing.retry import again
from lakebt.lake.declaring.declaration import notation
from lakebt.lake.storage.failures import LostRaceError, translated
from lakebt.lake.tables.schemas import ICEBERG_TYPES

if TYPE_CHECKING:
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
                make(
                    storage,
                    declaration.name,
                    schema=declaration.spec().iceberg(),
                    properties=declaration.properties(),
                )
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
