"""The order of rows in data files of a lake clustered by symbol.

Sorted by session, a row group holds all symbols of a few weeks, so a read of some
symbols touches every group. Sorted by symbol, a read of one session does. In between
lie blocks of two calendar years, sorted by symbol, in small row groups. Both reads skip
most groups by their bounds of the two columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.lake.tables.arrow import pc
from lakebt.lake.tables.schemas import OURS, PRICES

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.table import Table


CLUSTERED_BY = f"{OURS}clustered-by"
"""The property of a table that says which column its files are clustered by."""

CHOICES = ("session", "symbol")

YEARS = 2
"""Calendar years that are clustered together."""

GROUP_ROWS = 4_096
"""Rows of a row group there: eight symbols over two years."""


def is_clustered(table: Table) -> bool:
    """Whether what is written of a table now is clustered by symbol."""
    return (
        table.name()[-1] == PRICES.name
        and table.metadata.properties.get(CLUSTERED_BY) == "symbol"
    )


def clustered(rows: pa.Table) -> pa.Table:
    """Return sorted prices by years, symbol, and then as they were."""
    period = pc.divide(pc.year(rows.column("session")), YEARS)
    keyed = rows.append_column("", period)
    by = [("", "ascending"), ("symbol", "ascending")]
    return rows.take(pc.sort_indices(keyed, sort_keys=by))  # which is stable
