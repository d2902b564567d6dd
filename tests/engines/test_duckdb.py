"""DuckDB reads a release by the snapshot that the ledger says it is."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pandas as pd
import pytest
from typer.testing import CliRunner

from lakebt.cli import app
from lakebt.lake import Lake
from tests.engines.duck import BY_SNAPSHOT, duck
from tests.engines.engine import TABLES, iceberg, in_order, ledger
from tests.lake.frames import AS_OF, Q3_KNOWN, bars, changes, clock, q1, q3

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

pytestmark = [pytest.mark.slow, pytest.mark.lake]


@pytest.fixture
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duck() as connection:
        yield connection


@pytest.fixture
def published(lake: Lake, path: Path) -> Path:
    """A lake with reports, changes, a correction and a retraction."""
    known_at = pd.Timestamp(Q3_KNOWN)
    first = {"prices": bars(), "etf_holdings": q1()}
    lake.publish(first, release="R1", as_of=AS_OF, note="it's R1", labels={"a": "b"})
    lake.publish(
        {
            "prices": bars().head(2).assign(known_at=known_at, close=10.25),
            "etf_holdings": q3(),
            "index_changes": changes(),
        },
        release="R-2",
        as_of=AS_OF,
    )
    lake.publish(
        {"prices": bars().tail(1).assign(known_at=known_at, retracted=True)},
        release="r_3",
        as_of=AS_OF,
    )
    return path


def test_every_release_is_read_by_its_snapshot(
    engine: duckdb.DuckDBPyConnection, published: Path
) -> None:
    pins = ledger(published)
    read = {
        (release, table): engine.execute(
            BY_SNAPSHOT, [iceberg(published, table).metadata_location, snapshot]
        ).to_arrow_table()
        for release, tables in pins.items()
        for table, snapshot in tables.items()
    }

    for (release, table), rows in read.items():
        scan = iceberg(published, table).scan(snapshot_id=pins[release][table])
        assert in_order(rows) == in_order(scan.to_arrow()), (release, table)
    assert [len(read[name, "prices"]) for name in pins] == [6, 8, 9]
    assert set(read) == {("R1", "prices"), ("R1", "etf_holdings")} | {
        (name, table) for name in ("R-2", "r_3") for table in TABLES
    }


def test_the_ledger_is_read_with_its_nested_columns(
    engine: duckdb.DuckDBPyConnection, published: Path
) -> None:
    table = iceberg(published, "releases")

    read = engine.execute("SELECT * FROM iceberg_scan(?)", [table.metadata_location])

    assert in_order(read.to_arrow_table()) == in_order(table.scan().to_arrow())


def test_trials_are_read_and_counted(
    engine: duckdb.DuckDBPyConnection, tried: Path
) -> None:
    table = iceberg(tried, "trials")
    head = table.metadata.current_snapshot_id
    asked = [table.metadata_location, head]

    read = engine.execute(BY_SNAPSHOT, asked).to_arrow_table()
    count = "count(*), count(DISTINCT trial_id), count(DISTINCT rule_id), sum(n_events)"
    query = f"SELECT {count} FROM iceberg_scan(?, snapshot_from_id = ?)"
    counts = engine.execute(query, asked).fetchall()

    assert in_order(read) == in_order(table.scan().to_arrow())
    assert counts == [(20, 20, 10, 100)]


@pytest.mark.parametrize("table", TABLES)
def test_compressed_metadata_is_read(
    engine: duckdb.DuckDBPyConnection, published: Path, table: str
) -> None:
    now = iceberg(published, table)
    here = Path(urlsplit(now.metadata_location).path)
    packed = here.with_name(f"packed.{table}.gz.metadata.json")
    text = here.read_bytes()
    is_packed = here.name.endswith(".gz.metadata.json")
    packed.write_bytes(text if is_packed else gzip.compress(text))

    snapshot = ledger(published)["R-2"][table]
    read = engine.execute(BY_SNAPSHOT, [packed.as_uri(), snapshot]).to_arrow_table()

    scan = now.scan(snapshot_id=snapshot)
    assert in_order(read) == in_order(scan.to_arrow())


def test_a_release_taken_for_a_version_gives_the_head_without_a_word(
    engine: duckdb.DuckDBPyConnection, published: Path
) -> None:
    """Why the page warns of it. When this fails, upstream can read tags, or says so."""
    location = iceberg(published, "prices").metadata_location
    by_name = "SELECT * FROM iceberg_scan(?, version = 'R1')"

    read = engine.execute(by_name, [location]).to_arrow_table()

    assert len(read) == 9
    assert len(iceberg(published, "prices").scan().use_ref("R1").to_arrow()) == 6


def test_views_give_each_release_and_branch_its_name(
    engine: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = tmp_path / """it's a "lake" 日本"""
    lake = Lake.open(path, clock=clock)
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    branch = lake.branch("cleaned", at="R1")
    branch.publish({"prices": bars(symbols=("MINE",))}, release="A", as_of=AS_OF)
    later = {"prices": bars(("2022-09-07",)), "index_changes": changes()}
    lake.publish(later, release="R2", as_of=AS_OF)

    def counts(statements: str, *names: str) -> list[int]:
        engine.execute(statements)
        read = [engine.execute(f'FROM quant."{n}"').to_arrow_table() for n in names]
        return [len(rows) for rows in read]

    usual = counts(lake.duckdb_views(), "prices@R2", "prices@cleaned")
    names = ("prices@R1", "prices@cleaned.A", "index_changes@R1", "index_changes@R2")
    asked = counts(lake.duckdb_views(["R1", "cleaned.A", "R2"]), *names)
    of_branch = counts(branch.duckdb_views("R1"), "prices@cleaned.R1")
    again = counts(branch.duckdb_views(), "prices@cleaned", "etf_holdings@cleaned")

    assert (usual, asked, of_branch, again) == ([8, 9], [6, 9, 0, 2], [6], [9, 0])
    rows = engine.execute('FROM quant."prices@R1"').to_arrow_table()
    scan = iceberg(path, "prices").scan(snapshot_id=ledger(path)["R1"]["prices"])
    assert in_order(rows) == in_order(scan.to_arrow())
    told = CliRunner().invoke(app, ["duckdb", "cleaned", "--lake", str(path)])
    assert told.output == lake.duckdb_views("cleaned")
    assert "prices@R1" not in told.output
    said = CliRunner().invoke(app, ["duckdb", "--json", "--lake", str(path)]).output
    views = [(each["view"], each["release"]) for each in json.loads(said)]
    assert ("prices@cleaned", "cleaned.A") in views


def test_a_copy_and_a_moved_lake_are_read_where_they_lie(
    engine: duckdb.DuckDBPyConnection, lake: Lake, published: Path, tmp_path: Path
) -> None:
    copy, moved = tmp_path / "a copy 日本", tmp_path / "moved away"
    pins = ledger(published)
    wanted = {
        (release, table): in_order(
            iceberg(published, table).scan(snapshot_id=snapshot).to_arrow()
        )
        for release, tables in pins.items()
        for table, snapshot in tables.items()
    }

    lake.export(copy)
    lake.move(moved)

    for place in (copy, moved):
        assert ledger(place) == pins
        for (release, table), rows in wanted.items():
            asked = [iceberg(place, table).metadata_location, pins[release][table]]
            read = engine.execute(BY_SNAPSHOT, asked).to_arrow_table()
            assert in_order(read) == rows, (place, release, table)
