"""Lakes as they were made before prices ceased to be partitioned by year."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.transforms import YearTransform

from lakebt.lake import Lake
from lakebt.lake.tables.schemas import PRICES, PROPERTIES
from tests.lake.frames import clock

if TYPE_CHECKING:
    from pathlib import Path

BY_YEAR = PartitionSpec(
    PartitionField(
        source_id=2, field_id=1000, transform=YearTransform(), name="session_year"
    )
)


def lake_by_year(path: Path) -> Lake:
    """An empty lake whose prices are partitioned, and whose clock says 2023-06-01."""
    path.mkdir()
    catalog = SqlCatalog(
        "lake", uri=f"sqlite:///{path}/catalog.db", warehouse=f"file://{path}/warehouse"
    )
    catalog.create_namespace("quant")
    catalog.create_table(
        ("quant", PRICES.name),
        schema=PRICES.iceberg(),
        partition_spec=BY_YEAR,
        properties={**PROPERTIES},
    )
    catalog.engine.dispose()
    return Lake.open(path, clock=clock)
