"""Spark reads every release of an embedded lake, row by row as it was published."""

from __future__ import annotations

import datetime as dt
import gzip
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pandas as pd
import pytest
from pyiceberg.table.snapshots import Operation

from lakebt.instants import parse_instant
from lakebt.lake import Lake
from lakebt.lake.committing import fold
from lakebt.sessions import Sessions
from tests.engines.engine import PAGE, Spark, iceberg, in_order, ledger, opened, told
from tests.lake.by_year import lake_by_year
from tests.lake.earnings import calendar, declare
from tests.lake.frames import AS_OF, Q1_KNOWN, Q3_KNOWN, bars, changes, clock, q1, q3

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.slow, pytest.mark.lake]

TABLES = ("etf_holdings", "index_changes", "prices", "earnings")
"""The last one is declared by the user."""

YEARS = range(2007, 2023)
"""By year each is a partition, and eight releases more files than a head may have."""

FEW = 5
"""Files at a head where years are not parted."""

NAMES = ("Q3_2022", "a-b", "UPPER", "lower_1", "x" * 64, "select", "tag_Q1", "e5")
"""Names a release may have, and some other engine might stumble over."""


def corrected(frame: pd.DataFrame, known_at: str, **columns: Any) -> pd.DataFrame:
    """The same rows, told anew."""
    return frame.assign(known_at=pd.Timestamp(known_at), **columns)


def releases() -> Mapping[str, dict[str, pd.DataFrame]]:
    """What is published: reports, changes, a correction, a retraction, and years."""
    first = bars(symbols=("AAA", "BBB", "ccc"))
    moved = changes(effective=dt.date(2022, 9, 20), known_at=pd.Timestamp(Q1_KNOWN))
    found = {
        "Q1_2022": {"etf_holdings": q1(), "prices": first},
        NAMES[0]: {"etf_holdings": q3(), "index_changes": changes()},
        "EARNINGS": {"earnings": calendar()},
        NAMES[1]: {"prices": corrected(first.head(2), Q3_KNOWN, close=10.25)},
        NAMES[2]: {
            "prices": corrected(first.tail(1), Q3_KNOWN, retracted=True),
            "index_changes": moved.assign(known_at=pd.Timestamp(Q3_KNOWN)),
        },
    }
    later = [name for name in NAMES if name not in found]
    exchange = Sessions.of("XNYS")
    starts = [exchange.on_or_after(dt.date(year, 9, 8)) for year in YEARS]
    for number, name in enumerate([*later, "n6", "n7", "n8"]):
        days = tuple(str(exchange.date(start + number)) for start in starts)
        found[name] = {"prices": bars(days=days, symbols=("AAA", "BBB"))}
    return found


@pytest.fixture(scope="module")
def published() -> Mapping[str, dict[str, pd.DataFrame]]:
    return releases()


@pytest.fixture(scope="module", params=[False, True], ids=["whole", "by year"])
def many(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    published: Mapping[str, dict[str, pd.DataFrame]],
) -> Path:
    """A lake with all of them, and one as they were made before."""
    path = tmp_path_factory.mktemp("many") / "lake"
    with pytest.MonkeyPatch.context() as patch:
        if request.param:
            lake = lake_by_year(path)
        else:
            lake = Lake.open(path, clock=clock)
            patch.setattr(fold, "LIMIT", FEW)
        declare(lake)
        for name, tables in published.items():
            lake.publish(
                tables,
                release=name,
                as_of=AS_OF,
                note=f"it's {name}",
                labels={"regime": "high volatility", "name": name},
            )
    return path


@pytest.fixture(scope="module")
def spark(shared_spark: SparkSession, many: Path) -> Spark:
    return Spark(shared_spark, many)


def test_the_lake_has_what_might_trouble_another_engine(many: Path) -> None:
    """Snapshots with folded files, and compressed metadata."""
    prices = iceberg(many, "prices")
    summaries = [snapshot.summary for snapshot in prices.metadata.snapshots]
    done = {summary.operation for summary in summaries if summary is not None}

    assert done == {Operation.APPEND, Operation.OVERWRITE}
    for table in (*TABLES, "releases"):
        assert iceberg(many, table).metadata_location.endswith(".gz.metadata.json")


@pytest.mark.parametrize("table", TABLES)
def test_every_release_is_read_by_its_name(
    spark: Spark,
    many: Path,
    published: Mapping[str, dict[str, pd.DataFrame]],
    table: str,
) -> None:
    """As pyiceberg reads the ledger's snapshot, and with as many rows as were told."""
    pins = ledger(many)
    rows = accumulate(len(given.get(table, ())) for given in published.values())
    counts = {name: n for name, n in zip(published, rows, strict=True) if n}
    names = list(counts)
    read: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for some in (names[start : start + 20] for start in range(0, len(names), 20)):
        statement = " UNION ALL ".join(
            f"SELECT '{name}' AS read_as, * "
            f"FROM lake.quant.{table} VERSION AS OF '{name}'"
            for name in some
        )
        for row in spark.rows(statement):
            read[row.pop("read_as")].append(row)
    now = iceberg(many, table)
    snapshots = {pins[name][table] for name in names}
    expected = {
        snapshot: in_order(now.scan(snapshot_id=snapshot).to_arrow())
        for snapshot in snapshots
    }

    for name in names:
        assert read[name] == expected[pins[name][table]], name
        assert len(read[name]) == counts[name], name
    assert len(snapshots) == sum(table in given for given in published.values())


def test_a_release_is_read_by_the_number_of_its_snapshot(
    spark: Spark, many: Path
) -> None:
    for table in TABLES:
        pin = iceberg(many, table).metadata.refs["UPPER"].snapshot_id
        everything = f"SELECT * FROM lake.quant.{table} VERSION AS OF"

        by_number = spark.rows(f"{everything} {pin}")

        assert by_number == spark.rows(f"{everything} 'UPPER'")
        assert by_number


def test_a_name_has_to_be_given_in_its_own_case(spark: Spark) -> None:
    with pytest.raises(Exception, match="reference name for version upper"):
        spark.run("SELECT * FROM lake.quant.prices VERSION AS OF 'upper'")


def test_a_table_without_rows_has_no_tag(spark: Spark) -> None:
    with pytest.raises(Exception, match="reference name for version Q1_2022"):
        spark.run("SELECT * FROM lake.quant.index_changes VERSION AS OF 'Q1_2022'")


def test_the_ledger_is_read_with_its_nested_columns(spark: Spark, many: Path) -> None:
    read = spark.rows("SELECT * FROM lake.quant.releases")

    assert read == in_order(iceberg(many, "releases").scan().to_arrow())
    row = next(row for row in read if row["name"] == "a-b")
    assert row["note"] == "it's a-b"
    assert dict(row["labels"]) == {"regime": "high volatility", "name": "a-b"}
    assert row["as_of"] == parse_instant(AS_OF, what="as_of")
    assert {pin["table"] for pin in row["tables"]} == set(TABLES)


def test_trials_are_read_and_counted(shared_spark: SparkSession, tried: Path) -> None:
    spark = Spark(shared_spark, tried)

    read = spark.rows("SELECT * FROM lake.quant.trials")
    counts = spark.rows(told("rules.sql", page=PAGE.with_name("trials.md")))

    assert read == in_order(iceberg(tried, "trials").scan().to_arrow())
    assert counts == [{"study": "SP500", "trials": 20, "rules": 10}]


def test_the_ledger_and_the_tags_say_the_same(
    spark: Spark, published: Mapping[str, dict[str, pd.DataFrame]]
) -> None:
    ledger = {
        (row["name"], row["table"]): row["snapshot_id"]
        for row in spark.run(told("ledger.sql")).to_pylist()
    }
    tags = {
        (row["name"], table): row["snapshot_id"]
        for table in TABLES
        for row in spark.rows(f"SELECT * FROM lake.quant.{table}.refs")
        if row["type"] == "TAG"
    }

    assert tags == ledger
    assert {name for name, _ in tags} == set(published)


def test_snapshots_say_which_release_they_came_with(
    spark: Spark, published: Mapping[str, dict[str, pd.DataFrame]]
) -> None:
    release = "summary['lakebt.release'] AS release"
    for table in TABLES:
        found = spark.rows(f"SELECT {release} FROM lake.quant.{table}.snapshots")
        names = {row["release"] for row in found}

        assert names == {name for name, given in published.items() if table in given}


@pytest.mark.parametrize("release", ["Q1_2022", "a-b", "UPPER", "e5"])
def test_the_statement_of_the_page_gives_what_a_view_gives(
    spark: Spark, many: Path, release: str
) -> None:
    statement = told("known.sql").replace("Q3_2022", release)
    view = Lake.open(many, create=False, clock=clock).at(release)

    read = spark.rows(statement)

    rows = view.arrow("prices").drop_columns("retracted")
    assert read == in_order(rows)
    assert len(read) == len(view.read("prices"))


def test_the_page_reads_a_release(spark: Spark) -> None:
    assert len(spark.rows(told("release.sql"))) == 9


@pytest.mark.parametrize("table", [*TABLES, "releases"])
def test_compressed_metadata_is_read(spark: Spark, many: Path, table: str) -> None:
    here = Path(urlsplit(iceberg(many, table).metadata_location).path)
    packed = here.with_name(f"packed.{table}.gz.metadata.json")
    text = here.read_bytes()
    is_packed = here.name.endswith(".gz.metadata.json")
    packed.write_bytes(text if is_packed else gzip.compress(text))
    with opened(many) as catalog:
        catalog.create_namespace_if_not_exists("packed")
        catalog.register_table(("packed", table), packed.as_uri())

    read = spark.rows(f"SELECT * FROM lake.packed.{table}")

    assert read == spark.rows(f"SELECT * FROM lake.quant.{table}")
    assert read


def test_a_lake_in_a_folder_with_a_space_is_read(
    shared_spark: SparkSession, tmp_path: Path
) -> None:
    path = tmp_path / "my lake"
    lake = Lake.open(path, clock=clock)
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)

    read = Spark(shared_spark, path).rows(
        "SELECT * FROM lake.quant.prices VERSION AS OF 'R1'"
    )

    assert read == in_order(iceberg(path, "prices").scan().to_arrow())


def test_publishing_goes_on_while_spark_has_the_lake_open(
    shared_spark: SparkSession, lake: Lake, path: Path
) -> None:
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    spark = Spark(shared_spark, path)
    everything = "SELECT * FROM lake.quant.prices VERSION AS OF"
    first = spark.rows(f"{everything} 'R1'")

    lake.publish({"prices": bars(("2022-09-07",))}, release="R2", as_of=AS_OF)

    assert len(first) == 6
    assert spark.rows(f"{everything} 'R1'") == first
    assert len(spark.rows(f"{everything} 'R2'")) == 8


def test_a_copy_and_a_moved_lake_are_read_where_they_lie(
    shared_spark: SparkSession, lake: Lake, path: Path, tmp_path: Path
) -> None:
    lake.publish({"prices": bars(), "etf_holdings": q1()}, release="R1", as_of=AS_OF)
    lake.publish({"prices": bars(symbols=("Ünï",))}, release="R2", as_of=AS_OF)
    copy, moved = tmp_path / "a copy", tmp_path / "moved away"
    wanted = {
        name: in_order(iceberg(path, "prices").scan().use_ref(name).to_arrow())
        for name in ("R1", "R2")
    }

    lake.export(copy)
    lake.move(moved)

    for place in (copy, moved):
        engine = Spark(shared_spark, place)
        for name, rows in wanted.items():
            told = f"SELECT * FROM lake.quant.prices VERSION AS OF '{name}'"
            assert engine.rows(told) == rows, (place, name)
