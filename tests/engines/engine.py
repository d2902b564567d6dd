"""Spark and DuckDB on a lake, set up as docs/engines.md tells its readers to."""

from __future__ import annotations

import contextlib
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from pyiceberg.table import Table
    from pyspark.sql import SparkSession

PAGE = Path(__file__).parents[2] / "docs" / "engines.md"
PLACE = "/data/lake"
"""Where the page's lake lies."""

# pyspark leaves the sockets it reads from to the garbage collector.
ON_SPARK = [
    pytest.mark.lake,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
"""The marks of tests that hand Spark rows, or are handed some."""

CATALOG = "spark.sql.catalog.lake"
TABLES = ("etf_holdings", "index_changes", "prices")


def told(name: str, *, page: Path = PAGE) -> str:
    """Return the block of a page that is called `name`."""
    text = page.read_text(encoding="utf-8")
    block = rf"^```text {re.escape(name)}\n(.*?)^```$"
    found = re.findall(block, text, re.MULTILINE | re.DOTALL)
    assert len(found) == 1, f"{page.name} has {len(found)} blocks called {name}"
    return str(found[0])


def settings(lake: Path) -> dict[str, str]:
    """Return the page's settings of Spark, for a lake that lies elsewhere."""
    lines = told("spark-defaults.conf").splitlines()
    pairs = [line.split(maxsplit=1) for line in lines]
    return {name: value.replace(PLACE, str(lake)) for name, value in pairs}


class Spark:
    """A session of its own on one lake; the Java process is shared."""

    def __init__(self, shared: SparkSession, lake: Path) -> None:
        self.session = shared.newSession()
        for name, value in settings(lake).items():
            if name.startswith(CATALOG):
                self.session.conf.set(name, value)

    def run(self, statement: str) -> pa.Table:
        """Run one statement, and return what it gives."""
        with warnings.catch_warnings():
            # pyspark leaves the sockets it reads from to the garbage collector.
            warnings.simplefilter("ignore", ResourceWarning)
            return self.session.sql(statement).toArrow()

    def rows(self, statement: str) -> list[dict[str, Any]]:
        """Run one statement, and return its rows in an order of their own."""
        return in_order(self.run(statement))


def in_order(rows: pa.Table) -> list[dict[str, Any]]:
    """Return rows in an order of their own: an engine may give them in any."""
    return sorted(rows.to_pylist(), key=repr)


@contextlib.contextmanager
def opened(lake: Path) -> Iterator[SqlCatalog]:
    """Give the catalog of a lake as pyiceberg has it, without anything of ours."""
    uri = f"sqlite:///{lake}/catalog.db"
    catalog = SqlCatalog("lake", uri=uri, init_catalog_tables="false")
    try:
        yield catalog
    finally:
        catalog.engine.dispose()


def iceberg(lake: Path, name: str) -> Table:
    """Return a table as it is now, read by pyiceberg; by default one of the lake's."""
    with opened(lake) as catalog:
        return catalog.load_table(name if "." in name else f"quant.{name}")


def ledger(lake: Path) -> dict[str, dict[str, int]]:
    """Return the snapshot of every table of every release, read by pyiceberg."""
    return {
        row["name"]: {pin["table"]: pin["snapshot_id"] for pin in row["tables"]}
        for row in iceberg(lake, "releases").scan().to_arrow().to_pylist()
    }
