"""DuckDB as a client of `lakebt serve`."""

from __future__ import annotations

from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from tests.engines.engine import PAGE, told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakebt.lake import Lake
    from tests.servers import Served

duckdb = pytest.importorskip("duckdb")

pytestmark = pytest.mark.lake

EXTENSIONS = ("httpfs", "avro", "iceberg")


@pytest.fixture
def engine(server: Served) -> Iterator[Any]:
    """DuckDB with the lake attached, as docs/serving.md tells its readers to."""
    with duckdb.connect() as made:
        for name in EXTENSIONS:
            if find_spec(f"duckdb_extension_{name}") is None:
                pytest.skip(f"duckdb-extension-{name} is not installed")
            folder = files(f"duckdb_extension_{name}") / "extensions"
            file = folder / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
            made.load_extension(str(file))
        page = told("duckdb.sql", page=PAGE.with_name("serving.md"))
        attach = page.splitlines()[0].replace("http://127.0.0.1:8181", server.address)
        made.execute(attach.replace("TOKEN 'TOKEN'", f"TOKEN '{server.token}'"))
        yield made


def test_a_release_is_read_by_the_number_of_its_snapshot(
    engine: Any, lake: Lake
) -> None:
    number = lake.at("R1").provenance()["snapshots"]["prices"]
    query = "SELECT count(*) FROM lake.quant.prices"

    counts = [
        engine.execute(f"{query} {at}").fetchall()
        for at in ("", f"AT (VERSION => {number})")
    ]

    assert counts == [[(8,)], [(6,)]]


def test_a_table_of_ones_own_is_made_and_changed(engine: Any) -> None:
    for statement in (
        "CREATE SCHEMA lake.mine",
        "CREATE TABLE lake.mine.t AS SELECT 1 AS x",
        "INSERT INTO lake.mine.t VALUES (2)",
        "DELETE FROM lake.mine.t WHERE x = 1",
    ):
        engine.execute(statement)
    assert engine.execute("FROM lake.mine.t").fetchall() == [(2,)]
    engine.execute("DROP TABLE lake.mine.t")


def test_a_table_of_the_lake_is_not_dropped(engine: Any, lake: Lake) -> None:
    with pytest.raises(duckdb.Error, match="table prices cannot be dropped"):
        engine.execute("DROP TABLE lake.quant.prices")

    assert lake.doctor().ok
