from __future__ import annotations

import errno
import json
import os
import threading
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from lakebt.errors import (
    AuditError,
    ConflictError,
    ForeignCommitError,
    InvalidArgumentError,
    InvalidDataError,
    LakeError,
    ReleaseExistsError,
)
from lakebt.lake import Lake
from lakebt.lake.committing import retry, sql
from lakebt.lake.publishing.publication import prepare
from lakebt.lake.storage.failures import LostRaceError
from tests.lake import crash, publishers
from tests.lake.by_year import lake_by_year
from tests.lake.earnings import COLUMNS, calendar, declare
from tests.lake.frames import AS_OF, Q1_KNOWN, Q3_KNOWN, bars, changes, clock, q1, q3
from tests.nightly import times

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake


def foreign(path: Path) -> SqlCatalog:
    """The same catalog as any other program opens it."""
    return SqlCatalog(
        "lake", uri=f"sqlite:///{path}/catalog.db", warehouse=f"file://{path}/warehouse"
    )


def test_a_release_says_what_was_published(lake: Lake) -> None:
    lake.publish(
        {"prices": bars(), "index_changes": changes()},
        release="R1",
        as_of=AS_OF,
        note="first",
        labels={"regime": "calm"},
    )

    row = lake.releases().iloc[0]
    assert row["name"] == "R1"
    assert row["sequence"] == 1
    assert row["as_of"] == pd.Timestamp(AS_OF)
    assert row["committed_at"] == pd.Timestamp(clock())
    assert row["tables"] == ["index_changes", "prices"]
    assert row["rows"] == 8
    assert row["note"] == "first"
    assert row["labels"] == {"regime": "calm"}


def test_releases_are_filtered_by_all_labels_asked_for(lake: Lake) -> None:
    carried = {"A": {"x": "1", "y": "1"}, "B": {"x": "1"}, "C": {}}
    for name, labels in carried.items():
        frame = bars(symbols=(name,))
        lake.publish({"prices": frame}, release=name, as_of=AS_OF, labels=labels)

    assert list(lake.releases(labels={"x": "1"})["name"]) == ["A", "B"]
    assert list(lake.releases(labels={"x": "1", "y": "1"})["name"]) == ["A"]
    assert lake.releases(labels={"x": "2"}).empty


def test_a_release_pins_the_tables_it_did_not_publish(lake: Lake) -> None:
    first = lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    second = lake.publish({"etf_holdings": q1()}, release="R2", as_of=AS_OF)

    assert second.published == ("etf_holdings",)
    assert second.pin("prices") is not None
    assert second.pin("prices").snapshot_id == first.pin("prices").snapshot_id  # type: ignore[union-attr]
    assert len(lake.at("R2").read("prices")) == 6
    assert lake.at("R1").read("etf_holdings").empty


def test_cutoffs_need_not_rise_and_order_is_by_sequence(lake: Lake) -> None:
    lake.publish({"etf_holdings": q3()}, release="Q3", as_of=Q3_KNOWN)
    lake.publish({"etf_holdings": q1()}, release="Q1", as_of=Q1_KNOWN)

    assert list(lake.releases()["sequence"]) == [1, 2]
    assert lake.as_of("2023-01-01T00:00:00Z").release == "Q1"
    assert list(lake.at("Q1").read("etf_holdings")["symbol"]) == ["OLD", "BOTH"]


def test_the_same_again_in_another_order_is_the_release_that_is_there(
    lake: Lake, path: Path
) -> None:
    first = lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    files = sorted(path.rglob("*"))

    shuffled = bars().sample(frac=1, random_state=1)[::-1]
    as_arrow = pa.Table.from_pandas(shuffled, preserve_index=False)

    assert lake.publish({"prices": shuffled}, release="R1", as_of=AS_OF) == first
    assert lake.publish({"prices": as_arrow}, release="R1", as_of=AS_OF) == first
    assert sorted(path.rglob("*")) == files


@pytest.mark.parametrize(
    ("name", "tables", "as_of", "why"),
    [
        ("R1", {"prices": bars(volume=7)}, AS_OF, "'R1' comes with other rows"),
        ("r1", {"prices": bars()}, AS_OF, "'r1' differs from it in case only"),
        ("R1", {"prices": bars()}, "2022-12-30T00:00:00Z", "comes with another as_of"),
        ("R1", {"etf_holdings": q1()}, AS_OF, "comes with other tables, etf_holdings"),
    ],
)
def test_a_name_is_used_once(
    lake: Lake, name: str, tables: dict[str, pd.DataFrame], as_of: str, why: str
) -> None:
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)

    with pytest.raises(ReleaseExistsError, match=f"'R1' already exists, and .*{why}"):
        lake.publish(tables, release=name, as_of=as_of)

    assert list(lake.releases()["name"]) == ["R1"]


def test_rows_that_are_there_already_are_not_written_twice(lake: Lake) -> None:
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    more = bars(("2022-09-01", "2022-09-02", "2022-09-06", "2022-09-07"))

    second = lake.publish({"prices": more}, release="R2", as_of=AS_OF)

    pin = second.pin("prices")
    assert pin is not None
    assert (pin.published, pin.rows) == (8, 8)
    assert len(lake.at("R1").read("prices")) == 6


def test_a_row_that_contradicts_one_already_there_is_refused(lake: Lake) -> None:
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)

    frame = bars(("2022-09-01",), ("AAA",), volume=5)
    match = r"1 row is in the lake already with other content.*AAA, session 2022-09-01"
    with pytest.raises(InvalidDataError, match=match):
        lake.publish({"prices": frame}, release="R2", as_of=AS_OF)

    assert list(lake.releases()["name"]) == ["R1"]


def test_a_correction_is_a_row_with_a_later_known_at(lake: Lake) -> None:
    later = pd.Timestamp("2022-10-01T00:30:00Z")
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    corrected = bars(("2022-09-01",), ("AAA",), volume=5, known_at=later)
    lake.publish({"prices": corrected}, release="R2", as_of=AS_OF)

    where = {"symbol": "AAA", "session": "2022-09-01"}
    before = lake.at("R2", as_of="2022-09-30T00:00:00Z").read("prices", where=where)
    assert list(before["volume"]) == [1000.0]
    assert list(lake.at("R2").read("prices", where=where)["volume"]) == [5.0]


def test_the_tag_of_a_release_is_read_by_other_programs(lake: Lake, path: Path) -> None:
    lake.publish({"etf_holdings": q1()}, release="Q1", as_of=Q1_KNOWN)
    lake.publish({"etf_holdings": q3()}, release="Q3", as_of=Q3_KNOWN)

    catalog = foreign(path)
    table = catalog.load_table("quant.etf_holdings")
    tagged = table.scan().use_ref("Q1")
    files = [task.file.file_path for task in tagged.plan_files()]
    read = duckdb.connect().sql(
        "select symbol from read_parquet($files)", params={"files": files}
    )
    catalog.engine.dispose()

    assert set(tagged.to_arrow()["symbol"].to_pylist()) == {"BOTH", "OLD"}
    assert sorted(row[0] for row in read.fetchall()) == ["BOTH", "OLD"]
    assert table.metadata.refs["Q1"].snapshot_ref_type == "tag"
    assert table.metadata.refs["Q1"].max_ref_age_ms is None


def test_a_table_written_by_somebody_else_stops_publication(
    lake: Lake, path: Path
) -> None:
    lake.publish({"etf_holdings": q1()}, release="Q1", as_of=Q1_KNOWN)
    catalog = foreign(path)
    table = catalog.load_table("quant.etf_holdings")
    table.append(table.scan().to_arrow())
    catalog.engine.dispose()

    with pytest.raises(
        ForeignCommitError, match="etf_holdings was written by something"
    ):
        lake.publish({"prices": bars()}, release="R2", as_of=AS_OF)

    assert list(lake.at("Q1").read("etf_holdings")["symbol"]) == ["OLD", "BOTH"]


@pytest.mark.parametrize("is_branch", [False, True])
def test_a_stray_tag_or_branch_of_the_name_stops_publication(
    lake: Lake, path: Path, *, is_branch: bool
) -> None:
    lake.publish({"etf_holdings": q1()}, release="Q1", as_of=Q1_KNOWN)
    catalog = foreign(path)
    table = catalog.load_table("quant.etf_holdings")
    head = table.metadata.refs["main"].snapshot_id
    make = table.manage_snapshots()
    (
        make.create_branch(head, "R2") if is_branch else make.create_tag(head, "R2")
    ).commit()
    catalog.engine.dispose()

    with pytest.raises(InvalidArgumentError, match=r"'R2' is (taken|reserved)"):
        lake.publish({"prices": bars()}, release="R2", as_of=AS_OF)


def test_a_publisher_whose_turn_comes_later_looks_again(
    lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Lake.open(path, clock=clock)
    turn = sql.turn
    more = bars(symbols=("AAA", "BBB", "CCC"))
    more["volume"] = bars(symbols=("AAA", "BBB", "CCC"))["volume"]

    def first_let_the_other_have_his(catalog: SqlCatalog) -> Any:
        monkeypatch.setattr(sql, "turn", turn)
        tables = {"etf_holdings": q1(), "prices": more[more["symbol"] != "CCC"]}
        other.publish(tables, release="Other", as_of=AS_OF)
        return turn(catalog)

    monkeypatch.setattr(sql, "turn", first_let_the_other_have_his)
    ours = lake.publish({"prices": more}, release="Ours", as_of=AS_OF)

    assert list(lake.releases()["name"]) == ["Other", "Ours"]
    assert ours.sequence == 2
    pin = ours.pin("prices")
    assert pin is not None
    assert (pin.published, pin.rows) == (9, 9)
    assert len(lake.at("Ours").read("etf_holdings")) == 2
    assert len(lake.at("Ours").read("prices")) == 9
    catalog = foreign(path)  # a view would hide a row that is there twice
    assert catalog.load_table("quant.prices").scan().count() == 9
    catalog.engine.dispose()


def test_a_publisher_who_keeps_losing_gives_up_and_leaves_nothing(
    lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.publish({"etf_holdings": q1()}, release="R1", as_of=AS_OF)
    before = sorted(path.rglob("*"))

    def lose(*_: object) -> None:
        raise LostRaceError

    monkeypatch.setattr(sql, "swap", lose)
    monkeypatch.setattr(retry, "ATTEMPTS", 3)

    with pytest.raises(ConflictError, match=r"'R2': somebody else wrote first 3 times"):
        lake.publish({"prices": bars()}, release="R2", as_of=AS_OF)

    after = [file for file in sorted(path.rglob("*")) if file.is_file()]
    assert after == [file for file in before if file.is_file()]


def test_the_same_name_published_twice_at_once_is_one_release(path: Path) -> None:
    results: list[object] = []

    def run(volume: int) -> None:
        lake = Lake.open(path, clock=clock)
        try:
            frame = bars(volume=volume)
            results.append(lake.publish({"prices": frame}, release="R1", as_of=AS_OF))
        except ReleaseExistsError as error:
            results.append(error)

    threads = [threading.Thread(target=run, args=(volume,)) for volume in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(results) == 2
    assert sum(isinstance(result, ReleaseExistsError) for result in results) == 1
    volumes = Lake.open(path, clock=clock).at("R1").read("prices")["volume"]
    assert len(set(volumes)) == 1


@pytest.mark.slow
def test_concurrent_publishers_lose_duplicate_and_tear_nothing(path: Path) -> None:
    releases = times(3, 6)

    publishers.run(str(path), publishers=4, releases=releases)

    every = range(1, 4 * releases + 1)
    publishers.check(str(path), publishers=4, releases=releases, read=every)


@pytest.mark.slow
@pytest.mark.parametrize("moment", crash.MOMENTS)
def test_a_publisher_killed_at_any_moment_leaves_old_or_new(
    lake: Lake, path: Path, moment: str
) -> None:
    crash.publish(lake, 1)

    crash.die_publishing(moment, path=str(path))

    crash.check_whole(path, 2 if moment == "tidy" else 1, read=[1])
    crash.publish(lake, 2)
    crash.check_whole(path, 2, read=[1, 2])


def test_a_refused_publication_leaves_no_data_file(lake: Lake, path: Path) -> None:
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    data = path / "warehouse/quant"
    before = sorted(data.rglob("*"))

    tables = {"etf_holdings": q1(), "prices": bars(volume=2)}
    with pytest.raises(ReleaseExistsError, match="other tables"):
        lake.publish({"etf_holdings": q1()}, release="R1", as_of=AS_OF)
    with pytest.raises(InvalidDataError, match="other content"):
        lake.publish(tables, release="R2", as_of=AS_OF)

    assert sorted(data.rglob("*")) == before


@pytest.mark.slow
def test_old_metadata_is_deleted_and_every_release_stays_readable(
    lake: Lake, path: Path
) -> None:
    for number in range(1, 15):
        frame = (
            bars((f"2022-09-{number:02}",), ("AAA",))
            if number in {1, 2}
            else q1(fund=f"F{number}")
        )
        table = "prices" if number in {1, 2} else "etf_holdings"
        lake.publish({table: frame}, release=f"R{number}", as_of=AS_OF)

    kept = list((path / "warehouse/quant/releases/metadata").glob("*.metadata.json"))
    assert len(kept) == 11
    fresh = Lake.open(path, create=False, clock=clock)
    assert [len(fresh.at(f"R{n}").read("prices")) for n in range(1, 15)] == [1] + [
        2
    ] * 13
    assert len(fresh.at("R14").read("etf_holdings")) == 24


def test_catalog_db_is_the_only_database(lake: Lake, path: Path) -> None:
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)

    assert [file.name for file in path.rglob("*.db*")] == ["catalog.db"]
    assert sorted(file.name for file in path.iterdir()) == ["catalog.db", "warehouse"]


def sorted_bars(file: Path) -> list[tuple[str, str]]:
    """The sessions and symbols of a file, as they lie in it."""
    with duckdb.connect() as engine:
        read = engine.execute(
            "select strftime(session, '%Y-%m-%d'), symbol from read_parquet($1)",
            [str(file)],
        )
        return read.fetchall()


ACROSS_NEW_YEAR = ("2022-12-29", "2021-12-30", "2022-01-03")


def test_prices_are_one_file_sorted(lake: Lake, path: Path) -> None:
    frame = bars(ACROSS_NEW_YEAR)
    lake.publish({"prices": frame}, release="R1", as_of=AS_OF)

    (file,) = (path / "warehouse/quant/prices/data").rglob("*.parquet")
    days = sorted(ACROSS_NEW_YEAR)
    assert sorted_bars(file) == [(day, name) for day in days for name in ("AAA", "BBB")]


def test_prices_of_a_lake_made_by_year_stay_by_year(path: Path) -> None:
    lake = lake_by_year(path)
    lake.publish({"prices": bars(ACROSS_NEW_YEAR)}, release="R1", as_of=AS_OF)

    data = path / "warehouse/quant/prices/data"
    files = sorted(data.rglob("*.parquet"))
    names = [file.parent.name for file in files]
    assert names == ["session_year=2021", "session_year=2022"]
    days = sorted(ACROSS_NEW_YEAR)[1:]
    assert sorted_bars(files[1]) == [(d, name) for d in days for name in ("AAA", "BBB")]


def test_the_ledger_is_one_file(lake: Lake, path: Path) -> None:
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    lake.publish({"etf_holdings": q1()}, release="R2", as_of=AS_OF)
    lake.publish({"etf_holdings": q3()}, release="R3", as_of=AS_OF)

    catalog = foreign(path)
    ledger = catalog.load_table("quant.releases")
    head = ledger.current_snapshot()
    assert head is not None
    manifests = head.manifests(ledger.io)
    files = list(ledger.scan().plan_files())
    rows = ledger.scan().to_arrow().to_pylist()
    catalog.engine.dispose()

    assert len(files) == 1
    assert len(manifests) == 2  # what it holds, and what the last rewrite replaced
    assert [row["name"] for row in rows] == ["R1", "R2", "R3"]
    assert {pin["table"]: pin["published"] for pin in rows[1]["tables"]} == {
        "prices": None,
        "etf_holdings": 2,
    }


def test_two_lakes_with_the_same_publications_have_the_same_digests(
    lake: Lake, tmp_path: Path
) -> None:
    twin = Lake.open(tmp_path / "twin", clock=clock)
    for where in (lake, twin):
        where.publish({"prices": bars()}, release="R1", as_of=AS_OF)
        where.publish({"etf_holdings": q1()}, release="R2", as_of=AS_OF)

    ours, theirs = (where.at("R2").provenance() for where in (lake, twin))
    assert ours["digests"] == theirs["digests"]
    assert ours["snapshots"] != theirs["snapshots"]
    assert json.dumps(ours)
    assert str(tmp_path) not in json.dumps(ours)
    assert os.sep not in ours["lake"]


def test_every_file_is_on_the_disk_before_the_commit_refers_to_it(
    lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut cannot be had in a test: what was asked of the disk can be told."""
    synced: set[int] = set()
    unsynced: list[str] = []
    fsync, swap = os.fsync, sql.swap

    def told(descriptor: int) -> None:
        fsync(descriptor)
        synced.add(os.fstat(descriptor).st_ino)

    def looked(*arguments: Any) -> None:
        here = (path / "warehouse").rglob("*")
        unsynced.extend(str(file) for file in here if file.stat().st_ino not in synced)
        swap(*arguments)

    monkeypatch.setattr(os, "fsync", told)
    monkeypatch.setattr(sql, "swap", looked)
    for file in (path / "warehouse").rglob("*"):  # an empty lake's
        synced.add(file.stat().st_ino)

    lake.publish({"prices": bars(), "etf_holdings": q1()}, release="R1", as_of=AS_OF)

    assert len(synced) > 12
    assert unsynced == []


def test_files_of_a_publication_that_could_not_be_written_whole_do_not_stay(
    lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second year finds the disk full: the first year's file goes too."""
    two_years = bars(("2021-12-30", "2022-09-01"))
    write, seen = pa.parquet.ParquetWriter.write_table, []

    def full(*arguments: Any, **options: Any) -> None:
        seen.append(arguments)
        if len(seen) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(*arguments, **options)

    monkeypatch.setattr(pa.parquet.ParquetWriter, "write_table", full)
    with pytest.raises(LakeError, match="has no room left"):
        lake.publish({"prices": two_years}, release="R1", as_of=AS_OF)

    assert len(seen) == 2
    assert list((path / "warehouse").rglob("*.parquet")) == []
    assert lake.publish({"prices": two_years}, release="R1", as_of=AS_OF).rows > 1


def test_rows_are_prepared_again_only_for_a_table_that_is_another_by_now(
    published: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, seen = Lake.open(path, clock=clock), list[bool]()

    def noted(tables: object, **arguments: Any) -> Any:
        seen.append("hour" in arguments["specs"]["earnings"].names)
        return prepare(tables, **arguments)

    monkeypatch.setattr("lakebt.lake.api.publishing.prepare", noted)
    declare(published, columns={**COLUMNS, "hour": "text?"})

    def publish(release: str, **columns: str) -> None:
        rows = calendar(announced="2022-09-12T12:00:00Z", **columns)
        late.publish({"earnings": rows}, release=release, as_of=AS_OF)

    publish("R2", period="2022Q4")
    publish("R3", period="2023Q1")
    with pytest.raises(AuditError, match="sector"):
        publish("R4", sector="energy")
    assert seen == [False, True, True, True]
    assert late.at("R3").read("earnings")["hour"].isna().all()

    seen.clear()
    late = Lake.open(path, clock=clock)
    declare(published, columns={**COLUMNS, "hour": "text?", "zone": "text?"})
    publish("R4", zone="New York")
    assert seen == [True, True]
    assert set(late.at("R4").read("earnings")["zone"].dropna()) == {"New York"}
