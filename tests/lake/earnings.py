"""An earnings calendar, declared as a user would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

    from lakebt.lake import Lake

KEY = ["symbol", "period"]
COLUMNS = {
    "symbol": "text",
    "period": "text",
    "announced": "instant",
    "reports": "date",
    "eps_usd": "number?",
    "confirmed": "flag?",
}
DECLARED: dict[str, Any] = {"key": KEY, "columns": COLUMNS, "known_at": "announced"}


def declare(lake: Lake, **changes: Any) -> None:
    """Declare the calendar, or something like it."""
    lake.declare("earnings", **{**DECLARED, **changes})


def calendar(**columns: Any) -> pd.DataFrame:
    """Two companies say when they will report."""
    frame = pd.DataFrame(
        {
            "symbol": ["AAA", "BBB"],
            "period": "2022Q3",
            "announced": ["2022-09-01T12:00:00Z", "2022-09-02T20:30:00Z"],
            "reports": ["2022-10-20", "2022-10-21"],
            "eps_usd": [1.5, None],
        }
    )
    return frame.assign(**columns)


def catalog_of(lake: Lake) -> Catalog:
    """Return the catalog, as another engine would open it."""
    return lake._storage.catalog  # noqa: SLF001


def table_of(lake: Lake, name: str = "earnings") -> Table:
    """Return the Iceberg table as another engine would open it."""
    return catalog_of(lake).load_table(("quant", name))
