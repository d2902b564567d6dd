"""DuckDB as a client of `lakebt serve`."""

from __future__ import annotations

from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from tests.engines.engine import PAGE, told
from tests.lake.frames import AS_OF, bars

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


def test_a_release_and_a_branch_are_read_by_name(engine: Any, lake: Lake) -> None:
    branch = lake.branch("cleaned", at="R1")
    branch.publish({"prices": bars(symbols=("MINE",))}, release="A", as_of=AS_OF)
    number = lake.at("R1").provenance()["snapshots"]["prices"]
    page = told("duckdb.sql", page=PAGE.with_name("serving.md")).splitlines()[1:]
    named = [
        each.replace("Q3_2022", "R1").replace("4655585862934488574", str(number))
        for each in page
    ]

    counts = [
        engine.execute(query).fetchall()
        for query in (
            *named,
            "SELECT count(*) FROM lake.quant.prices",
            'SELECT count(*) FROM lake.quant."etf_holdings@R1"',
            """SELECT count(*) FROM lake.quant."prices@cleaned"
            ANTI JOIN lake.quant."prices@R1" USING (symbol, session)""",
        )
    ]

    assert counts == [[(n,)] for n in (6, 9, 6, 8, 0, 3)]
    with pytest.raises(duckdb.Error, match=r"unknown .*'r1'. Did you mean 'R1'\?"):
        engine.execute('FROM lake.quant."prices@r1"')
    branch.publish({"prices": bars(("2022-09-08",))}, release="B", as_of=AS_OF)
    assert engine.execute(page[1]).fetchall() == [(11,)]
    lake.drop_branch("cleaned", because="no use")
    with pytest.raises(duckdb.Error, match=r"branch 'cleaned' was dropped at .*no use"):
        engine.execute(page[1])


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


def test_neither_a_table_of_the_lake_nor_a_name_of_it_is_written(
    engine: Any, lake: Lake
) -> None:
    named = 'lake.quant."prices@R1"'
    only_read = "is only read: after the @ stands"

    for statement, why in (
        ("DROP TABLE lake.quant.prices", "table prices cannot be dropped"),
        (f"INSERT INTO {named} SELECT * FROM lake.quant.prices", only_read),
        (f"DELETE FROM {named} WHERE symbol = 'AAA'", only_read),
        (f"ALTER TABLE {named} ADD COLUMN x INTEGER", only_read),
        (f"DROP TABLE {named}", only_read),
        ('CREATE TABLE lake.quant."mine@R1" AS SELECT 1 AS x', only_read),
    ):
        with pytest.raises(duckdb.Error, match=why):
            engine.execute(statement)

    assert lake.doctor().ok
