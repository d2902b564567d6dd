"""Whether a table in the lake has the columns of its spec."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.errors import LakeError

if TYPE_CHECKING:
    from pyiceberg.table import Table

    from lakebt.lake.tables.schemas import TableSpec


def check_structure(spec: TableSpec, table: Table) -> None:
    """Check that rows of `spec` can be appended to `table`, and read from it.

    Raises
    ------
    LakeError
        If a column is gone, holds something else, or became required.
    """
    wanted = {field.name: field for field in spec.iceberg().fields}
    columns_there = {field.name: field for field in table.schema().fields}
    for name, field in wanted.items():
        there = columns_there.get(name)
        if there is None:
            problem = f"has no column {name!r} any more"
        elif there.field_type != field.field_type:
            problem = f"has {there.field_type} in {name!r}, not {field.field_type}"
        elif there.required and not field.required:
            problem = f"requires column {name!r}, which may be empty"
        else:
            continue
        raise LakeError(_said(spec, problem))
    for name, there in columns_there.items():
        if name not in wanted and there.required:
            problem = f"requires a column {name!r}, which lakebt does not know"
            raise LakeError(_said(spec, problem))


def _said(spec: TableSpec, problem: str) -> str:
    return (
        f"table {spec.name} {problem}: something other than lakebt changed its schema, "
        f"and columns are only ever added. `lake.doctor()` says what to do"
    )
