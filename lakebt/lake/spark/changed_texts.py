"""What executors changed of texts, brought to the driver beside the rows.

The texts as they were handed over are read once, and never written. So each executor
tells what it took off or left empty through an accumulator, by the number of its
partition: when Spark runs a task again, the same is told again, and counted once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa

from lakebt.lake.publishing.audits.finding import Handed
from lakebt.lake.publishing.texts import Changed
from lakebt.lake.tables.arrow import take
from lakebt.lake.tables.rows import order

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyspark import Accumulator
    from pyspark.sql import SparkSession

    from lakebt.lake.tables.schemas import TableSpec

LOOKED_AT = 1_000
"""Rows of a partition that are told with their values; all are counted."""

Told: TypeAlias = "dict[int, dict[str, Changed]]"
"""What each partition changed, by audit."""


def collector(session: SparkSession) -> Accumulator[Told]:
    """Return what executors tell their changes to."""
    from pyspark.accumulators import AccumulatorParam  # noqa: PLC0415 - an extra, and slow

    class ByPartition(AccumulatorParam[Any]):
        def zero(self, value: Any) -> Any:  # noqa: ARG002 - Spark's signature
            return {}

        def addInPlace(self, value1: Any, value2: Any) -> Any:  # noqa: N802 - Spark's
            return value1 | value2

    return session.sparkContext.accumulator({}, ByPartition())


def together(
    found: Iterable[dict[str, Changed]], spec: TableSpec
) -> dict[str, Changed]:
    """Return what several parts changed as one, the rows in the order of the table."""
    parts: dict[str, list[Changed]] = {}
    for part in found:
        for audit, each in part.items():
            parts.setdefault(audit, []).append(each)
    return {audit: _joined(each, spec) for audit, each in sorted(parts.items())}


def _joined(parts: list[Changed], spec: TableSpec) -> Changed:
    rows = pa.concat_tables([each.handed.rows for each in parts])
    columns = [name for each in parts for name in each.columns]
    was = [value for each in parts for value in each.was]
    first = order(rows, spec.order)[:LOOKED_AT]
    return Changed(
        count=sum(each.count for each in parts),
        handed=Handed(spec=spec, rows=take(rows, first), places=np.arange(len(first))),
        columns=tuple(columns[row] for row in first),
        was=tuple(was[row] for row in first),
    )
