"""Files that are folded by Spark: the same rows, and every release as it was."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from lakebt.errors import BrokenReleaseError
from lakebt.lake import Lake
from lakebt.lake.committing import fold
from lakebt.lake.committing.fold import InMemory
from lakebt.lake.committing.sql import OneTransaction
from lakebt.lake.spark.fold import SparkRewriter
from lakebt.lake.tables.schemas import PRICES
from tests.engines.engine import ON_SPARK, iceberg
from tests.engines.frames import published, spark_frame
from tests.lake.frames import AS_OF, bars, clock
from tests.lake.other_engines import Clock, files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table
    from pyspark.sql import SparkSession

pytestmark = ON_SPARK

DAYS = ("2022-09-01", "2022-09-02", "2022-09-06", "2022-09-07", "2022-09-08")


@pytest.fixture
def rewritten(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many files Spark rewrote each time; more than 3 are folded, all by Spark."""
    monkeypatch.setattr(fold, "LIMIT", 3)
    monkeypatch.setattr(InMemory, "most_rows", 0)
    seen: list[int] = []
    really = SparkRewriter.rewrite

    def rewrite(
        of: SparkRewriter, table: Table, chosen: Sequence[DataFile], spec: Any
    ) -> list[DataFile]:
        made = really(of, table, chosen, spec)
        seen.append(len(chosen))
        return made

    monkeypatch.setattr(SparkRewriter, "rewrite", rewrite)
    return seen


def names(number: int) -> list[str]:
    """Return the names of so many releases."""
    return [f"R{each}" for each in range(number)]


def test_every_release_is_as_it_was_after_spark_folded_its_files(
    sparked: Lake, path: Path, tmp_path: Path, rewritten: list[int]
) -> None:
    beside = Lake.open(tmp_path / "beside", clock=clock)
    for number, (name, day) in enumerate(zip(names(5), DAYS, strict=True)):
        rows = bars(days=(day,), close=10.0 + number / 8)
        given = spark_frame(sparked, rows) if number == 3 else rows
        assert published(sparked, {"prices": given}, name) == published(
            beside, {"prices": rows}, name
        )

    assert rewritten == [3]
    table = iceberg(path, "prices")
    assert set(table.metadata.refs) == {"main", *names(5)}  # the branches are gone
    assert len(list(table.scan().plan_files())) <= 3
    for name in names(5):
        assert sparked.at(name).read("prices").equals(beside.at(name).read("prices"))
    assert sparked.doctor(files=True).ok


def test_what_spark_folded_lies_in_the_order_of_the_table(
    sparked: Lake, path: Path, rewritten: list[int]
) -> None:
    for name, day in zip(names(4), DAYS[::-1], strict=False):
        published(sparked, {"prices": bars(days=(day,))}, name)

    assert rewritten == [3]
    largest = max(
        (task.file for task in iceberg(path, "prices").scan().plan_files()),
        key=lambda file: file.record_count,
    )
    with iceberg(path, "prices").io.new_input(largest.file_path).open() as stream:
        held = pq.read_table(stream).select(PRICES.order)  # type: ignore[arg-type]
    assert held.equals(held.sort_by([(name, "ascending") for name in PRICES.order]))
    assert len(held) == len(bars(days=DAYS[2:]))


def test_a_fold_by_spark_holds_while_others_publish(
    sparked: Lake, path: Path, rewritten: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, day in zip(names(3), DAYS, strict=False):
        published(sparked, {"prices": bars(days=(day,))}, name)
    others(sparked, path, monkeypatch, limit=64)  # they do not fold

    published(sparked, {"prices": bars(days=DAYS[4:])}, "R4")

    assert rewritten == [3]
    every_row_is_there_once(path, ["R0", "R1", "R2", "R3", "R4"])
    assert sparked.doctor(files=True).ok


def test_who_finds_the_files_folded_by_others_gives_his_turn_up_and_looks_again(
    sparked: Lake, path: Path, rewritten: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, day in zip(names(3), DAYS, strict=False):
        published(sparked, {"prices": bars(days=(day,))}, name)
    monkeypatch.setattr(fold, "LIMIT", 1)  # so that there is something to fold again
    others(sparked, path, monkeypatch, limit=3)

    published(sparked, {"prices": bars(days=DAYS[4:])}, "R4")

    assert len(rewritten) == 2  # what was written first has gone
    every_row_is_there_once(path, ["R0", "R1", "R2", "R3", "R4"])
    assert unneeded(path) == set()
    assert sparked.doctor(files=True).ok


def others(
    lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch, *, limit: int
) -> None:
    """Have another lake, without Spark, publish R3 just before the next turn."""
    really: Any = OneTransaction.turn
    left = [DAYS[3]]

    def turn(protocol: OneTransaction) -> Any:
        if left and protocol._storage is lake._storage:  # noqa: SLF001
            rows = {"prices": bars(days=(left.pop(),))}
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(fold, "LIMIT", limit)
                patch.setattr(InMemory, "most_rows", 1_000)
                Lake.open(path, clock=clock).publish(rows, release="R3", as_of=AS_OF)
        return really(protocol)

    monkeypatch.setattr(OneTransaction, "turn", turn)


def every_row_is_there_once(path: Path, releases: list[str]) -> None:
    """Check that each release has its day, and those before it, once."""
    table = iceberg(path, "prices")
    expected: Counter[dt.date] = Counter()
    for name in releases:
        day = dt.date.fromisoformat(DAYS[int(name[1:])])
        expected[day] += len(bars(days=(DAYS[0],)))
        held = table.scan(snapshot_id=table.metadata.refs[name].snapshot_id).to_arrow()
        assert Counter(held["session"].to_pylist()) == expected


def unneeded(path: Path) -> set[str]:
    """Return the data files that no snapshot has."""
    table = iceberg(path, "prices")
    needed = {
        task.file.file_path.rsplit("/", 1)[-1]
        for snapshot in table.metadata.snapshots
        for task in table.scan(snapshot_id=snapshot.snapshot_id).plan_files()
    }
    there = {file.name for file in files(path, "prices") if file.suffix == ".parquet"}
    return there - needed


def test_a_damaged_file_is_told_and_nothing_is_published(
    sparked: Lake, path: Path, rewritten: list[int]
) -> None:
    for name, day in zip(names(3), DAYS, strict=False):
        published(sparked, {"prices": bars(days=(day,))}, name)
    (cut, *_) = sorted(f for f in files(path, "prices") if f.suffix == ".parquet")
    held = cut.read_bytes()
    pq.write_table(pq.read_table(cut).slice(1), cut)

    with pytest.raises(BrokenReleaseError, match="was changed since it was written"):
        published(sparked, {"prices": bars(days=DAYS[3:4])}, "R3")

    assert list(sparked.releases()["name"]) == names(3)
    assert set(iceberg(path, "prices").metadata.refs) == {"main", *names(3)}
    cut.write_bytes(held)
    assert unneeded(path) == set()
    assert published(sparked, {"prices": bars(days=DAYS[3:4])}, "R3")
    assert rewritten == [3]


def test_who_is_killed_while_spark_folds_takes_no_file_of_a_release_along(
    path: Path,
    shared_spark: SparkSession,
    rewritten: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watch = Clock()
    lake = Lake.open(path, clock=watch, spark=shared_spark)
    for name, day in zip(names(3), DAYS, strict=False):
        published(lake, {"prices": bars(days=(day,))}, name)
    with monkeypatch.context() as patch:  # killed before the commit
        patch.setattr(SparkRewriter, "tidy", lambda _: None)
        patch.setattr(fold.Folds, "withdraw", lambda _: None)
        patch.setattr(OneTransaction, "turn", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            published(lake, {"prices": bars(days=DAYS[3:4])}, "R3")
    assert rewritten == [3]
    (branch,) = set(iceberg(path, "prices").metadata.refs) - {"main", *names(3)}
    before = files(path, "prices")

    assert lake.doctor().ok  # its publisher may be alive
    watch.now = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
    assert branch in str(lake.doctor())
    lake.remove_orphans()

    assert set(iceberg(path, "prices").metadata.refs) == {"main", *names(3)}
    gone = before - files(path, "prices")
    assert sum(file.suffix == ".parquet" for file in gone) == 1  # the fold
    every_row_is_there_once(path, names(3))
    assert lake.doctor(files=True).ok


def test_what_fits_into_memory_is_folded_without_spark(
    sparked: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fold, "LIMIT", 3)
    monkeypatch.setattr(SparkRewriter, "tidy", lambda of: made.extend(of._branches))  # noqa: SLF001
    made: list[Any] = []
    for name, day in zip(names(5), DAYS, strict=True):
        published(sparked, {"prices": bars(days=(day,))}, name)

    assert made == []
    assert len(list(iceberg(path, "prices").scan().plan_files())) <= 3
