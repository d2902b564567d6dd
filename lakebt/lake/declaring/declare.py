"""Declaring a table of one's own: it is then kept, checked and read like the others.

What is declared lives in the Iceberg table itself: the columns as its schema, the rest
as its properties (`lakebt.lake.tables.specs`). Columns can only be added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from lakebt.errors import ConflictError
from lakebt.lake.committing import protocol
from lakebt.lake.committing.new_table import make
from lakebt.lake.committing.retry import again
from lakebt.lake.committing.stage import stage_columns
from lakebt.lake.declaring.declaration import notation
from lakebt.lake.storage.failures import LostRaceError, translated
from lakebt.lake.tables.schemas import ICEBERG_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyiceberg.table import Table
    from pyiceberg.types import IcebergType

    from lakebt.lake.committing.ledger import Release
    from lakebt.lake.committing.stage import Staged
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

    What it lacks is added in the turn for which publishers wait, where there is one.

    Raises
    ------
    LostRaceError
        If somebody else changed the table meanwhile.
    """
    if declaration.name not in storage.tables():
        return False

    def lacks() -> dict[str, IcebergType]:
        spec = storage.specs.of(declaration.name)
        return {c.name: ICEBERG_TYPES[c.kind] for c in declaration.missing(spec)}

    def stage(tables: Mapping[str, Table]) -> list[Staged]:
        table, columns = tables.get(declaration.name), lacks()
        if table is None:
            raise LostRaceError(declaration.name)
        return [stage_columns(table, columns)] if columns else []

    if lacks():
        protocol.of(storage).change(stage)
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
