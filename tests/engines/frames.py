"""Rows that Spark holds, and publishing them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tests.lake.frames import AS_OF

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from pyspark.sql import DataFrame

    from lakebt.lake import Lake


def spark_frame(lake: Lake, rows: pd.DataFrame) -> DataFrame:
    """Hand rows to Spark upside down, and neighbours in parts of different cores."""
    n = len(rows)
    apart = [*range(n - 1, -1, -2), *range(n - 2, -1, -2)]
    table = pa.Table.from_pandas(rows.iloc[apart], preserve_index=False)
    return lake.spark_session().createDataFrame(table)


def published(
    lake: Lake, tables: Mapping[str, Any], release: str = "R1", as_of: str = AS_OF
) -> dict[str, tuple[int, int | None, str]]:
    """Publish, and return what the ledger says: rows, published, digest by table."""
    made = lake.publish(tables, release=release, as_of=as_of)
    return {pin.table: (pin.rows, pin.published, pin.digest) for pin in made.tables}
