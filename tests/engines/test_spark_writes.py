"""What Spark does to a lake behind our back, and what it may do beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lakebt.errors import BrokenReleaseError, ForeignCommitError
from lakebt.lake import Lake
from tests.engines.engine import TABLES, Spark, iceberg, in_order
from tests.lake.frames import AS_OF, bars, changes, clock, q1, q3

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.slow, pytest.mark.lake]

PRICES = "lake.quant.prices"
TWO_FILES = "map('min-input-files', '2')"


@pytest.fixture
def spark(lake: Lake, path: Path, shared_spark: SparkSession) -> Spark:
    """Spark on a lake with two releases of every table."""
    first = {"prices": bars(), "etf_holdings": q1(), "index_changes": changes()}
    lake.publish(first, release="R1", as_of=AS_OF)
    lake.publish(
        {
            "prices": bars(("2022-09-07",)),
            "etf_holdings": q3(),
            "index_changes": changes(index="SP400"),
        },
        release="R2",
        as_of=AS_OF,
    )
    return Spark(shared_spark, path)


def reopened(path: Path) -> Lake:
    """The lake as another process finds it."""
    return Lake.open(path, create=False, clock=clock)


def publish(path: Path, *, day: str = "2022-09-08") -> None:
    reopened(path).publish({"prices": bars((day,))}, release="R3", as_of=AS_OF)


def snapshot(path: Path, tag: str) -> int:
    return iceberg(path, "prices").metadata.refs[tag].snapshot_id


@pytest.mark.parametrize(
    "statement",
    [
        f"INSERT INTO {PRICES} SELECT * FROM {PRICES} VERSION AS OF 'R1'",
        f"UPDATE {PRICES} SET close = 1 WHERE symbol = 'AAA'",
        f"DELETE FROM {PRICES} WHERE symbol = 'AAA'",
        f"TRUNCATE TABLE {PRICES}",
        f"CALL lake.system.rollback_to_snapshot('{PRICES}', {{R1}})",
        f"CALL lake.system.rewrite_data_files('{PRICES}', options => {TWO_FILES})",
    ],
    ids=["insert", "update", "delete", "truncate", "roll back", "compact"],
)
def test_the_next_publish_says_that_somebody_else_wrote(
    spark: Spark, path: Path, statement: str
) -> None:
    before = reopened(path).at("R2").arrow("prices")
    spark.run(statement.replace("{R1}", str(snapshot(path, "R1"))))

    with pytest.raises(ForeignCommitError, match="table prices was written") as caught:
        publish(path)

    assert str(snapshot(path, "main")) in str(caught.value)
    assert reopened(path).at("R2").arrow("prices") == before
    assert list(reopened(path).releases()["name"]) == ["R1", "R2"]


def test_what_spark_wrote_is_named_and_adopted(spark: Spark, path: Path) -> None:
    spark.run(
        f"INSERT INTO {PRICES} SELECT symbol, date_add(session, 1), open, high, low, "
        "close, volume, basis, known_at + INTERVAL 1 DAY, retracted "
        f"FROM {PRICES} VERSION AS OF 'R2' WHERE session = DATE '2022-09-07'"
    )

    said = str(reopened(path).doctor())
    reopened(path).adopt("prices", release="SPARKS", as_of=AS_OF)

    assert f"spark {spark.session.version}" in said
    adopted = reopened(path).at("SPARKS").arrow("prices")
    assert len(adopted) == 10
    everything = f"SELECT * FROM {PRICES} VERSION AS OF 'SPARKS'"
    assert spark.rows(everything) == in_order(adopted)
    publish(path, day="2022-09-09")


def test_what_spark_wrote_is_rolled_back(spark: Spark, path: Path) -> None:
    before = reopened(path).at("R2").arrow("prices")
    spark.run(f"DELETE FROM {PRICES} WHERE symbol = 'AAA'")

    reopened(path).roll_back("prices")

    assert spark.rows(f"SELECT * FROM {PRICES}") == in_order(before)
    publish(path)


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("CREATE OR REPLACE TAG R1", "its tag was moved to snapshot"),
        ("REPLACE TAG R1 AS OF VERSION {main}", "its tag was moved to snapshot"),
        ("DROP TAG R1", "its tag is gone"),
    ],
)
def test_the_next_read_says_that_a_tag_was_changed(
    spark: Spark, path: Path, statement: str, what: str
) -> None:
    before = reopened(path).at("R2").arrow("prices")
    named = statement.replace("{main}", str(snapshot(path, "main")))
    spark.run(f"ALTER TABLE {PRICES} {named}")

    with pytest.raises(BrokenReleaseError, match=f"'R1' .*table prices: {what}"):
        reopened(path).at("R1")

    assert reopened(path).at("R2").arrow("prices") == before


def test_a_tag_is_not_created_twice(spark: Spark, path: Path) -> None:
    with pytest.raises(Exception, match="Ref R1 already exists"):
        spark.run(f"ALTER TABLE {PRICES} CREATE TAG R1")

    publish(path)


@pytest.mark.parametrize(
    ("statement", "refused"),
    [
        (
            f"CALL lake.system.expire_snapshots('{PRICES}', TIMESTAMP '2100-01-01')",
            "Cannot expire snapshots: GC is disabled",
        ),
        (
            f"CALL lake.system.remove_orphan_files('{PRICES}', TIMESTAMP '2020-01-01')",
            "Cannot delete orphan files: GC is disabled",
        ),
        (f"DROP TABLE {PRICES} PURGE", "Cannot purge table: GC is disabled"),
    ],
    ids=["expire_snapshots", "remove_orphan_files", "purge"],
)
def test_spark_refuses_to_delete_what_a_release_needs(
    spark: Spark, path: Path, statement: str, refused: str
) -> None:
    before = [reopened(path).at(name).arrow("prices") for name in ("R1", "R2")]

    with pytest.raises(Exception, match=refused):
        spark.run(statement)

    after = [reopened(path).at(name).arrow("prices") for name in ("R1", "R2")]
    assert after == before
    publish(path)


@pytest.mark.parametrize("mode", ["copy-on-write", "merge-on-read"])
def test_a_table_of_sparks_own_is_read_by_pyiceberg(
    spark: Spark, path: Path, mode: str
) -> None:
    mine = "lake.research.closes"
    kinds = {name: f"write.{name}.mode" for name in ("update", "delete", "merge")}
    options = ", ".join(f"'{kind}' = '{mode}'" for kind in kinds.values())
    spark.run("CREATE NAMESPACE lake.research")
    spark.run(
        f"CREATE TABLE {mine} USING iceberg TBLPROPERTIES ({options}) AS "
        f"SELECT * FROM {PRICES} VERSION AS OF 'R2'"
    )
    spark.run(f"ALTER TABLE {mine} CREATE TAG MINE")
    spark.run(f"UPDATE {mine} SET close = 1 WHERE symbol = 'AAA' AND close < 11")
    spark.run(f"DELETE FROM {mine} WHERE symbol = 'BBB' AND close > 12")

    table = iceberg(path, "research.closes")
    read = in_order(table.scan().to_arrow())

    expected = reopened(path).at("R2").arrow("prices").to_pylist()
    for row in expected:
        if row["symbol"] == "AAA" and row["close"] < 11:
            row["close"] = 1.0
    kept = [r for r in expected if not (r["symbol"] == "BBB" and r["close"] > 12)]
    assert read == sorted(kept, key=repr)
    assert read == spark.rows(f"SELECT * FROM {mine}")
    assert len(read) < len(expected)
    tagged = table.scan().use_ref("MINE").to_arrow()
    assert in_order(tagged) == in_order(reopened(path).at("R2").arrow("prices"))
    has_delete_files = any(task.delete_files for task in table.scan().plan_files())
    assert has_delete_files == (mode == "merge-on-read")


def test_the_lake_is_not_touched_by_what_is_beside_it(spark: Spark, path: Path) -> None:
    names = [*TABLES, "releases"]
    before = {name: iceberg(path, name).metadata_location for name in names}
    spark.run("CREATE NAMESPACE lake.research")
    # Even under the name of a table of the lake.
    spark.run(f"CREATE TABLE lake.research.prices AS SELECT * FROM {PRICES}")
    spark.run("DELETE FROM lake.research.prices")

    assert {name: iceberg(path, name).metadata_location for name in names} == before
    assert len(reopened(path).at("R2").read("prices")) == 8
    publish(path)
    spark.run("DROP TABLE lake.research.prices PURGE")
    assert len(reopened(path).at("R3").read("prices")) == 10
