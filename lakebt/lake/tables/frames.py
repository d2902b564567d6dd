"""Rows of a table as a DataFrame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    import pandas as pd


_FEW = 10_000
"""Rows that are turned sooner than other threads wake up."""


def frame(rows: pa.Table) -> pd.DataFrame:
    """Return rows as a DataFrame: dates as ``datetime64[us]``, instants in UTC."""
    for place, field in enumerate(rows.schema):
        if pa.types.is_date32(field.type):
            days = rows.column(place).cast(pa.timestamp("us"))
            rows = rows.set_column(place, field.name, days)
    return rows.to_pandas(use_threads=len(rows) > _FEW)
