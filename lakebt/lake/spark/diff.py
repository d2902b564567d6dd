"""What differs between two releases, found by Spark: only that comes to the driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from lakebt.lake.reading.diff import diff as compare
from lakebt.lake.spark.reader import fetched, frame, session_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakebt.lake.reading.diff import Diff
    from lakebt.lake.reading.view import View
    from lakebt.lake.tables.schemas import TableSpec


def diff(table: str, before: View, after: View) -> Diff:
    """Compare what two views know of one table, by Spark if their lake has it."""
    has_spark = before._pinned.storage.spark is not None  # noqa: SLF001 - the lake's own
    return compare(table, before, after, differing=differing if has_spark else None)


def differing(before: View, after: View, spec: TableSpec) -> tuple[pa.Table, pa.Table]:
    """Return the rows of two views whose key or content only one of them has, sorted.

    Two rows are the same if all their columns but ``known_at`` are: empty is the same
    as empty, and NaN as NaN.
    """
    session = session_of(before._pinned.storage)  # noqa: SLF001 - the lake's own
    old, new = (
        frame(view._known, spec.name, session)  # noqa: SLF001 - ours
        for view in (before, after)
    )
    columns = [f"`{name}`" for name in old.columns if name != "known_at"]
    return _collected(old, new, columns, spec), _collected(new, old, columns, spec)


def _collected(
    rows: DataFrame, others: DataFrame, told: list[str], spec: TableSpec
) -> pa.Table:
    """Return the rows that are not among the others."""
    from pyspark.sql import functions as spark  # noqa: PLC0415 - an extra, and slow

    mine, theirs = rows.alias("mine"), others.alias("theirs")
    same = [spark.col(f"mine.{n}").eqNullSafe(spark.col(f"theirs.{n}")) for n in told]
    lacking = mine.join(theirs, same, "left_anti")
    differing_rows = fetched(lacking.orderBy(*(f"`{name}`" for name in spec.order)))
    names = [
        field.name for field in spec.arrow if field.name in differing_rows.column_names
    ]
    schema = [spec.arrow.field(name) for name in names]
    return differing_rows.select(names).cast(pa.schema(schema))
