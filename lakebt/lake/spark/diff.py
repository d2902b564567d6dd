"""What differs between two releases, found by Spark: only that comes to the driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from lakebt.lake.reading.diff import diff as compare
from lakebt.lake.spark.reader import fetched, frame, session_of
from lakebt.lake.tables.arrow import column, keep, take, truth
from lakebt.lake.tables.rows import order

if TYPE_CHECKING:
    from lakebt.lake.reading.diff import Diff
    from lakebt.lake.reading.view import View
    from lakebt.lake.tables.schemas import TableSpec

_THERE = "__there"


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
    from pyspark.sql import functions as spark  # noqa: PLC0415 - an extra, and slow

    names = [name for name in old.columns if name != "known_at"]
    old_side, new_side = (
        rows.withColumn(_THERE, spark.lit(True)).alias(side)  # noqa: FBT003 - its only argument
        for rows, side in ((old, "old"), (new, "new"))
    )
    same = [spark.col(f"old.`{n}`").eqNullSafe(spark.col(f"new.`{n}`")) for n in names]
    unmatched = (
        old_side.join(new_side, same, "full_outer")
        .where(f"old.{_THERE} IS NULL OR new.{_THERE} IS NULL")
        .select(
            spark.col(f"old.{_THERE}"),
            *(
                spark.coalesce(f"old.`{name}`", f"new.`{name}`").alias(name)
                for name in old.columns
            ),
        )
    )
    rows_found = fetched(unmatched)
    is_old = truth(column(rows_found, _THERE))
    return _sorted(keep(rows_found, is_old), spec), _sorted(
        keep(rows_found, ~is_old), spec
    )


def _sorted(rows: pa.Table, spec: TableSpec) -> pa.Table:
    """Return rows in the order and the types of their table."""
    schema = pa.schema([f for f in spec.arrow if f.name in rows.column_names])
    own = rows.select(schema.names).cast(schema)
    return take(own, order(own, spec.order))
