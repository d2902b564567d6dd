"""Spark and DuckDB on a lake that `lakebt serve` serves: what they may do, and not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lakebt.lake import Lake
from tests.engines.conftest import two_releases_served
from tests.engines.engine import CATALOG, PAGE, Spark, iceberg, told
from tests.lake.frames import AS_OF, bars, clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyspark.sql import SparkSession

    from tests.servers import Served

pytestmark = [pytest.mark.slow, pytest.mark.lake]

PRICES = "lake.quant.prices"
SERVING = PAGE.with_name("serving.md")


class SparkServed(Spark):
    """A session on a served lake, set up as docs/serving.md tells its readers to."""

    def __init__(self, shared: SparkSession, server: Served) -> None:
        self.session = shared.newSession()
        for line in told("spark-serve.conf", page=SERVING).splitlines():
            name, value = line.split(maxsplit=1)
            if name.startswith(CATALOG):
                value = value.replace("http://127.0.0.1:8181", server.address)
                self.session.conf.set(name, value.replace("TOKEN", server.token))


@pytest.fixture
def spark(server: Served, shared_spark: SparkSession) -> SparkServed:
    """Spark on it."""
    return SparkServed(shared_spark, server)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of a lake that no statement changes."""
    with two_releases_served(tmp_path_factory.mktemp("served")) as made:
        yield made


@pytest.fixture(scope="module")
def refused(served: Served, shared_spark: SparkSession) -> SparkServed:
    """Spark on it."""
    return SparkServed(shared_spark, served)


def refs(path: Path, table: str = "quant.prices") -> dict[str, int]:
    return {r: to.snapshot_id for r, to in iceberg(path, table).metadata.refs.items()}


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("CREATE OR REPLACE TAG R1", r"tag R1 .* cannot be moved .*release 'R1' pins"),
        ("REPLACE TAG R1 AS OF VERSION {main}", "tag R1 .* cannot be moved"),
        ("CREATE OR REPLACE TAG R2 RETAIN 1 DAYS", "cannot be given max-ref-age-ms"),
        ("DROP TAG R1", "tag R1 of table prices cannot be dropped"),
        ("CREATE OR REPLACE BRANCH R1", "cannot be|not a branch"),
        ("SET TBLPROPERTIES ('gc.enabled' = 'true')", "property gc.enabled .*'true'"),
        ("UNSET TBLPROPERTIES ('gc.enabled')", "gc.enabled .* cannot be removed"),
        (
            "DROP COLUMN volume",
            "column volume .* cannot be changed, renamed or dropped",
        ),
        ("RENAME COLUMN volume TO v", "column volume .* cannot be changed"),
        ("ADD COLUMN mine double", "columns of table prices are lakebt's"),
        ("SET TBLPROPERTIES ('format-version' = '3')", "format version stays 2"),
        ("ADD PARTITION FIELD symbol", "partitioned and sorted is lakebt's"),
        ("WRITE ORDERED BY close", "property write.distribution-mode .*'range'"),
        ("RENAME TO quant.p", "table prices cannot be renamed"),
        ("SET LOCATION 'file:///tmp/elsewhere'", "its location stays"),
    ],
)
def test_what_would_harm_a_release_is_refused_with_the_reason(
    refused: SparkServed, served: Served, statement: str, reason: str
) -> None:
    path = served.log.with_name("lake")
    before = iceberg(path, "prices").metadata
    said = statement.replace("{main}", str(refs(path)["main"]))

    with pytest.raises(Exception, match=f"(?s){reason}") as caught:
        refused.run(f"ALTER TABLE {PRICES} {said}")

    if "not a branch" not in str(caught.value):
        assert "Forbidden" in str(caught.value)
    assert iceberg(path, "prices").metadata == before
    assert len(Lake.open(path, create=False, clock=clock).at("R1").read("prices")) == 6


WHOLE = (
    f"DROP TABLE {PRICES}",
    f"DROP TABLE {PRICES} PURGE",
    "DROP NAMESPACE lake.quant CASCADE",
    "INSERT INTO lake.quant.releases SELECT * FROM lake.quant.releases",
    "DELETE FROM lake.quant.releases WHERE name = 'R1'",
    f"CALL lake.system.expire_snapshots('{PRICES}', TIMESTAMP '2100-01-01')",
    f"CREATE OR REPLACE TABLE {PRICES} USING iceberg AS SELECT 1 AS x",
)


def test_nothing_is_lost_by_a_statement_about_a_whole_table(
    spark: SparkServed, path: Path
) -> None:
    before, names = refs(path), ["R1", "R2"]
    no = r"Forbidden|cannot be|Cannot .*GC is disabled"

    days = ("08", "09", "12", "13", "14", "15", "16")
    for day, statement in zip(days, WHOLE, strict=True):
        with pytest.raises(Exception, match=no):
            spark.run(statement)
        assert refs(path) == before, statement
        lake = Lake.open(path, create=False, clock=clock)
        assert list(lake.releases()["name"]) == names, statement
        rows = {"prices": bars((f"2022-09-{day}",))}
        lake.publish(rows, release=f"D{day}", as_of=AS_OF)
        before, names = refs(path), [*names, f"D{day}"]


def test_a_table_of_ones_own_is_made_merged_branched_and_kept_in_order(
    spark: SparkServed, path: Path
) -> None:
    own = "lake.research.fills"
    spark.run("CREATE NAMESPACE lake.research")
    spark.run(
        f"CREATE TABLE {own} USING iceberg AS "
        f"SELECT symbol, close FROM {PRICES} VERSION AS OF 'R1'"
    )
    spark.run(
        f"MERGE INTO {own} o USING (SELECT 'AAA' AS symbol, 7.0D AS close "
        "UNION ALL SELECT 'NEW', 8.0D) s ON o.symbol = s.symbol "
        "WHEN MATCHED THEN UPDATE SET close = s.close WHEN NOT MATCHED THEN INSERT *"
    )
    spark.run(f"UPDATE {own} SET close = 9 WHERE symbol = 'NEW'")
    rows = {(r["symbol"], r["close"]) for r in spark.rows(f"SELECT * FROM {own}")}
    assert {("AAA", 7.0), ("NEW", 9.0)} <= rows

    spark.run(f"ALTER TABLE {own} CREATE BRANCH tried")
    spark.run(f"INSERT INTO {own}.branch_tried VALUES ('X', 1.0)")
    spark.run(f"ALTER TABLE {own} CREATE TAG first RETAIN 365 DAYS")
    spark.run("CALL lake.system.fast_forward('research.fills', 'main', 'tried')")
    spark.run(f"ALTER TABLE {own} CREATE OR REPLACE TAG first")
    spark.run(f"ALTER TABLE {own} ADD COLUMN note string")
    spark.run(f"ALTER TABLE {own} RENAME COLUMN note TO remark")
    spark.run(f"ALTER TABLE {own} ADD PARTITION FIELD symbol")
    spark.run(f"INSERT INTO {own} VALUES ('Y', 2.0, 'late')")
    spark.run(
        "CALL lake.system.rewrite_data_files(table => 'research.fills', "
        "options => map('rewrite-all', 'true'))"
    )
    spark.run(f"ALTER TABLE {own} DROP TAG first")
    spark.run(f"ALTER TABLE {own} DROP BRANCH tried")
    spark.run(
        "CALL lake.system.expire_snapshots(table => 'research.fills', "
        "older_than => TIMESTAMP '2100-01-01', retain_last => 1)"
    )
    assert set(refs(path, "research.fills")) == {"main"}
    assert len(iceberg(path, "research.fills").metadata.snapshots) == 1
    found = spark.rows(f"SELECT symbol, remark FROM {own} WHERE symbol IN ('X', 'Y')")
    assert found == [
        {"symbol": "X", "remark": None},
        {"symbol": "Y", "remark": "late"},
    ]

    spark.run(f"CREATE OR REPLACE TABLE {own} USING iceberg AS SELECT 1 AS one")
    assert spark.rows(f"SELECT * FROM {own}") == [{"one": 1}]
    spark.run(f"ALTER TABLE {own} RENAME TO research.done")
    spark.run("DROP TABLE lake.research.done")
    spark.run("DROP NAMESPACE lake.research")


def test_rows_that_spark_appends_are_adopted(spark: SparkServed, path: Path) -> None:
    spark.run(
        f"INSERT INTO {PRICES} SELECT symbol, date_add(session, 1), open, high, low, "
        "close, volume, basis, known_at + INTERVAL 1 DAY, retracted "
        f"FROM {PRICES} VERSION AS OF 'R2' WHERE session = DATE '2022-09-07'"
    )

    lake = Lake.open(path, create=False, clock=clock)
    lake.adopt("prices", release="SPARKS", as_of=AS_OF)

    assert len(spark.rows(f"SELECT * FROM {PRICES} VERSION AS OF 'SPARKS'")) == 10
    named = "lake.quant.`prices@SPARKS`"
    assert len(spark.rows(f"SELECT * FROM {named}")) == 10
    with pytest.raises(Exception, match="is only read: after the @ stands"):
        spark.run(f"INSERT INTO {named} SELECT * FROM {PRICES}")
