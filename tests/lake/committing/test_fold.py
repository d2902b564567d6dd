"""Folding changes which files hold a table's rows, and nothing anybody can read."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import textwrap
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestWriterV2,
)

from lakebt.errors import BrokenReleaseError, ConflictError, LakeError
from lakebt.lake import Lake
from lakebt.lake.committing import fold, retry, sql, stage
from lakebt.lake.committing.ledger import read_ledger
from lakebt.lake.storage import fingerprint
from lakebt.lake.storage.catalog import open_path
from lakebt.lake.storage.datafiles import FILE_ROWS, write_files
from lakebt.lake.storage.failures import LostRaceError
from lakebt.lake.storage.manifests import Append
from lakebt.lake.storage.predicates import between
from lakebt.lake.storage.scan_plan import plan
from lakebt.lake.tables.schemas import LEDGER, PRICES
from tests.forked import python
from tests.lake.by_year import lake_by_year
from tests.lake.committing.days import CALENDAR, FEW, day, session
from tests.lake.frames import AS_OF, bars, clock
from tests.nightly import times

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyiceberg.manifest import ManifestFile
    from pyiceberg.table import Table

pytestmark = pytest.mark.lake


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    """Let no more than a few files lie at a head."""
    monkeypatch.setattr(fold, "LIMIT", FEW)
    return FEW


def publish_days(lake: Lake, count: int) -> None:
    """Publish R0, R1 and so on: a day each, always a later one."""
    for number in range(count):
        days = {"prices": day(30 - number)}
        lake.publish(days, release=f"R{number}", as_of=AS_OF)


def make_folded(path: Path) -> None:
    """Make a lake of many days, folded again and again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold, "LIMIT", FEW)
        publish_days(Lake.open(path, clock=clock), 4 * FEW)


ORIGINALS = {"folded": make_folded}


@pytest.fixture
def folded(path: Path) -> Table:
    """Prices of many days, with no more than a few files at each head."""
    return table_of(path)


def publish_many(lake: Lake, count: int) -> None:
    """Publish many days, of one symbol each."""
    for number in range(count):
        frame = bars(days=(session(70 - number),), symbols=("AAA",))
        lake.publish({"prices": frame}, release=f"R{number}", as_of=AS_OF)


def table_of(path: Path, name: str = "prices") -> Table:
    """The table as pyiceberg has it, read from the catalog anew."""
    catalog = SqlCatalog(
        "lake", uri=f"sqlite:///{path}/catalog.db", warehouse=f"file://{path}/warehouse"
    )
    table = catalog.load_table(("quant", name))
    catalog.engine.dispose()
    return table


def local(place: str) -> Path:
    return Path(urlsplit(place).path)


def files_at(table: Table, snapshot_id: int | None = None) -> list[DataFile]:
    return [task.file for task in table.scan(snapshot_id=snapshot_id).plan_files()]


def rows_of(rows: pa.Table) -> Counter[tuple[object, ...]]:
    """Rows as a bag, whatever their order."""
    shown = rows.select(["symbol", "session", "close", "known_at", "retracted"])
    return Counter(tuple(row.values()) for row in shown.to_pylist())


class Model:
    """What was published, in plain Python: rows by release."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.rows: list[tuple[object, ...]] = []
        self.releases: dict[str, Counter[tuple[object, ...]]] = {}

    def publish(self, frame: pd.DataFrame) -> str:
        name = f"R{len(self.releases)}"
        self.lake.publish({"prices": frame}, release=name, as_of=AS_OF)
        for row in frame.to_dict("records"):
            number = CALENDAR.number(row["session"])
            assert number is not None
            known = row.get("known_at", CALENDAR.instant(number, "close"))
            retracted = bool(row.get("retracted", False))
            close = float(row["close"])
            self.rows.append((row["symbol"], row["session"], close, known, retracted))
        self.releases[name] = Counter(self.rows)
        return name

    def check(self, path: Path) -> None:
        """Compare every release with what pyiceberg reads of its tag."""
        table = table_of(path)
        for name, expected in self.releases.items():
            held = table.scan(snapshot_id=table.metadata.refs[name].snapshot_id)
            assert rows_of(held.to_arrow()) == expected


def story(model: Model, *, length: int, seed: int) -> None:
    """Publish days, corrections and retractions of earlier days, and several years."""
    rng = np.random.default_rng(seed)
    later = pd.Timestamp("2022-12-02T00:30:00Z")
    for number in range(length):
        kind = rng.choice(["day", "day", "day", "correction", "retraction", "years"])
        back = int(rng.integers(1, length))
        if kind == "day" or number < 3:
            model.publish(day(1000 + length - number))
        elif kind == "years":
            far = [session(300 * year + 2000 + number) for year in range(3)]
            model.publish(bars(days=tuple(far), symbols=("AAA",)))
        else:
            later += pd.Timedelta("1h")
            known = {"known_at": later, "retracted": kind == "retraction"}
            model.publish(day(1000 + back, **known))


@pytest.mark.slow
@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("seed", range(times(1, 6)))
@pytest.mark.parametrize("is_old", [False, True], ids=["whole", "by year"])
def test_every_release_holds_what_was_published(
    path: Path, seed: int, *, is_old: bool
) -> None:
    model = Model(lake_by_year(path) if is_old else Lake.open(path, clock=clock))

    story(model, length=22, seed=seed)

    model.check(path)
    summaries = [s.summary for s in table_of(path).metadata.snapshots]
    folded = [said for said in summaries if said and stage.FOLDED in said]
    assert len(folded) >= 3
    years = {file.partition[0] for file in files_at(table_of(path)) if is_old}
    assert (len(years) > 3) == is_old


@pytest.mark.slow
@pytest.mark.usefixtures("few")
def test_what_a_view_returns_is_the_same_before_and_after_a_fold(
    lake: Lake, path: Path
) -> None:
    lake.publish({"prices": day(9)}, release="first", as_of=AS_OF)
    known = {"known_at": pd.Timestamp("2022-12-05T00:30:00Z")}
    corrected = day(9, **known).assign(close=[10.25, 11.25, 12.25])
    lake.publish({"prices": corrected}, release="R", as_of=AS_OF)
    gone = day(9, retracted=True, known_at=pd.Timestamp("2022-12-06T00:30:00Z"))
    lake.publish({"prices": gone[:1]}, release="gone", as_of=AS_OF)
    before = Lake.open(path, clock=clock).at("gone").read("prices")

    for number in range(2 * FEW):
        release = f"D{number}"
        lake.publish({"prices": day(8 - number % 8)}, release=release, as_of=AS_OF)

    newest = Lake.open(path, clock=clock).at("D7").read("prices")
    same_day = newest[newest["session"] == before["session"].iloc[0]]
    pd.testing.assert_frame_equal(same_day.reset_index(drop=True), before)
    assert before["symbol"].tolist() == ["BBB", "CCC"]
    first = Lake.open(path, clock=clock).at("first").panel("close")
    assert first.to_numpy().tolist() == [[10.0, 11.0, 12.0]]


@pytest.mark.slow
def test_a_head_never_has_more_files_than_the_limit(folded: Table) -> None:
    snapshots = folded.metadata.snapshots
    counts = [len(files_at(folded, s.snapshot_id)) for s in snapshots]
    assert len(counts) == 4 * FEW
    assert counts[:FEW] == [1, 2, 3, 4, 5]
    assert max(counts) == FEW
    summaries = [s.summary for s in snapshots[: FEW + 1]]
    said = [s.operation.value for s in summaries if s is not None]
    assert said == [*["append"] * FEW, "overwrite"]


def test_a_fold_is_part_of_the_commit_that_needs_it(
    lake: Lake, path: Path, few: int
) -> None:
    publish_days(lake, few + 1)

    table = table_of(path)
    assert len(table.metadata.snapshots) == few + 1
    head = table.metadata.current_snapshot()
    assert head is not None
    assert head.summary is not None
    assert table.metadata.refs[f"R{few}"].snapshot_id == head.snapshot_id
    assert head.summary["total-records"] == str(3 * (few + 1))
    assert head.summary[stage.FOLDED] == str(few)
    assert head.summary["lakebt.release"] == f"R{few}"


@pytest.mark.slow
@pytest.mark.usefixtures("few")
def test_a_file_of_many_days_is_sorted(lake: Lake, path: Path) -> None:
    for number in np.random.default_rng(0).permutation(20):
        frame = day(30 - int(number)).iloc[::-1]
        lake.publish({"prices": frame}, release=f"R{number}", as_of=AS_OF)

    sizes = []
    for file in files_at(table_of(path)):
        rows = pq.read_table(local(file.file_path)).to_pylist()
        assert rows == sorted(rows, key=lambda row: [row[n] for n in PRICES.order])
        sizes.append(len(rows))
    assert max(sizes) >= 3 * FEW


@pytest.mark.usefixtures("few")
def test_a_file_of_many_days_is_read_by_other_engines(lake: Lake, path: Path) -> None:
    publish_days(lake, FEW + 1)

    table = table_of(path)
    place = local(max(files_at(table), key=lambda f: f.record_count).file_path)
    numbers = {
        field.name: int((field.metadata or {})[b"PARQUET:field_id"])
        for field in pq.read_schema(place)
    }
    assert numbers == {f.name: f.field_id for f in table.schema().fields}
    with duckdb.connect() as engine:
        engine.execute("SET enable_progress_bar = false")
        found = engine.execute(
            "SELECT count(*), sum(close), min(session), max(known_at)::varchar "
            "FROM read_parquet(?)",
            [str(place)],
        ).fetchone()
        fields = engine.execute(
            "SELECT name, field_id FROM parquet_schema(?) WHERE field_id IS NOT NULL",
            [str(place)],
        ).fetchall()
    assert found is not None
    assert found[:2] == (3 * FEW, FEW * 33.0)
    assert found[2] == dt.date.fromisoformat(session(30))
    assert dict(fields) == numbers


@pytest.mark.slow
def test_manifests_do_not_grow_in_number(folded: Table) -> None:
    counts = [len(s.manifests(folded.io)) for s in folded.metadata.snapshots]
    assert max(counts) <= FEW + 2  # what stays, what a fold dropped, and a day each


@pytest.mark.slow
def test_as_many_manifests_as_there_may_be_and_their_fold_take_few_bytes(
    lake: Lake, path: Path
) -> None:
    publish_many(lake, fold.LIMIT)

    table = table_of(path)
    head = table.metadata.current_snapshot()
    assert head is not None
    assert len(head.manifests(table.io)) == fold.LIMIT
    assert local(head.manifest_list).stat().st_size < 4_096
    lists = [snapshot.manifest_list for snapshot in table.metadata.snapshots]
    assert len(set(lists)) == fold.LIMIT

    # One more folds them all; what it replaced is said in few bytes.
    more = bars(days=(session(70 - fold.LIMIT),), symbols=("AAA",))
    lake.publish({"prices": more}, release="more", as_of=AS_OF)
    head = table_of(path).metadata.current_snapshot()
    assert head is not None
    manifests = head.manifests(table_of(path).io)
    gone = next(m for m in manifests if m.deleted_files_count)
    assert gone.deleted_files_count == fold.LIMIT
    said = gone.fetch_manifest_entry(table_of(path).io, discard_deleted=False)
    names = {entry.data_file.file_path for entry in said}
    assert len(names) == fold.LIMIT
    assert all(local(name).exists() for name in names)
    assert gone.manifest_length < 8_192


@pytest.mark.slow
def test_some_sessions_are_read_from_the_files_that_hold_them(folded: Table) -> None:
    first, last = session(29), session(27)
    held = folded.scan(row_filter=between("session", first, last))
    files = [task.file for task in plan(held)]
    assert len(files) < len(files_at(folded))
    assert set(held.to_arrow()["session"].to_pylist()) == {
        dt.date.fromisoformat(session(back)) for back in (29, 28, 27)
    }
    for file in files:
        days = pq.read_table(local(file.file_path))["session"].cast(pa.string())
        assert any(first <= str(day) <= last for day in days)


def test_a_day_costs_two_small_files_beside_its_bars(lake: Lake, path: Path) -> None:
    symbols = tuple(f"S{number:03}" for number in range(500))
    for back in (2, 1):
        frame = bars(days=(session(back),), symbols=symbols)
        frame["open"] = frame["close"] * np.random.default_rng(0).uniform(0.99, 1, 500)
        frame["low"] = frame["open"] - 1
        lake.publish({"prices": frame}, release=f"R{back}", as_of=AS_OF)

    files = list(path.glob("warehouse/quant/prices/metadata/*.avro"))
    assert len(files) == 4
    assert max(file.stat().st_size for file in files) < 4096  # a block on most disks


@pytest.mark.slow
def test_what_no_release_needs_any_more_of_the_ledger_is_deleted(
    lake: Lake, path: Path
) -> None:
    publish_days(lake, 25)

    folder = path / "warehouse/quant" / LEDGER
    kinds = Counter(
        "list" if file.name.startswith("snap-") else file.suffix
        for file in folder.rglob("*")
        if file.is_file()
    )
    assert kinds == {
        ".parquet": stage.KEPT,
        "list": stage.KEPT,
        ".avro": 2 * stage.KEPT,  # a manifest of what came, one of what went
        ".json": 11,
    }
    assert len(Lake.open(path, clock=clock).releases()) == 25


@pytest.mark.slow
def test_a_ledger_read_late_is_the_newest_or_the_one_asked_for(
    lake: Lake, path: Path
) -> None:
    lake.publish({"prices": day(99)}, release="R", as_of=AS_OF)
    reader = open_path(path, create=False)
    asked = reader.tables()[LEDGER]
    names = []
    for number in range(stage.KEPT + 1):
        name = f"R{number}"
        lake.publish({"prices": day(30 - number)}, release=name, as_of=AS_OF)
        reader.memory.clear()
        names.append(read_ledger(reader, asked).releases.names)

    assert names[: stage.KEPT - 1] == [["R"]] * (stage.KEPT - 1)
    assert names[-1] == ["R", *(f"R{n}" for n in range(stage.KEPT + 1))]


PUBLISHER = """
    import sys
    from lakebt.lake import Lake
    from lakebt.lake.committing import fold
    from tests.lake.frames import AS_OF, clock
    from tests.lake.committing.days import FEW, day
    fold.LIMIT = FEW
    lake = Lake.open(sys.argv[1], clock=clock)
    who = int(sys.argv[2])
    for number in range(8):
        frame = day(2 + 2 * number + who)
        lake.publish({"prices": frame}, release=f"W{who}_{number}", as_of=AS_OF)
"""


@pytest.mark.slow
def test_publishers_who_fold_lose_nothing(lake: Lake, path: Path) -> None:
    root = Path(__file__).parents[3]
    program = textwrap.dedent(PUBLISHER)
    running = [
        subprocess.Popen([*python(), "-c", program, str(path), who], cwd=root)
        for who in "01"
    ]
    assert [process.wait(timeout=300) for process in running] == [0, 0]

    table = table_of(path)
    names = lake.releases()["name"].tolist()
    assert len(names) == 16
    published: Counter[tuple[object, ...]] = Counter()
    for name in names:
        who, number = name.removeprefix("W").split("_")
        frame = day(2 + 2 * int(number) + int(who)).assign(known_at=None)
        published += Counter(frame["session"].tolist())
        snapshot_id = table.metadata.refs[name].snapshot_id
        held = table.scan(snapshot_id=snapshot_id).to_arrow()
        assert Counter(held["session"].to_pylist()) == published
        assert len(files_at(table, snapshot_id)) <= FEW
    assert unreachable(path) == set()


def unreachable(path: Path, name: str = "prices") -> set[str]:
    """Data files that no snapshot of a table needs."""
    table = table_of(path, name)
    needed = {
        local(file.file_path).name
        for snapshot in table.metadata.snapshots
        for file in files_at(table, snapshot.snapshot_id)
    }
    folder = path / "warehouse/quant" / name / "data"
    return {file.name for file in folder.rglob("*.parquet")} - needed


KILLED = """
    import os, signal, sys
    from lakebt.lake import Lake
    from lakebt.lake.committing import fold
    from lakebt.lake.committing import fold as rewriting
    from lakebt.lake.committing import sql as commit
    from tests.lake.frames import AS_OF, clock
    from tests.lake.committing.days import FEW, day
    fold.LIMIT = FEW
    where, name = sys.argv[2].split(".")
    def die(*given, **named):
        if where == "rewriting":
            before(*given, **named)
        os.kill(os.getpid(), signal.SIGKILL)
    module = {"rewriting": rewriting, "commit": commit}[where]
    before = getattr(module, name)
    setattr(module, name, die)
    Lake.open(sys.argv[1], clock=clock).publish(
        {"prices": day(1)}, release="killed", as_of=AS_OF)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "where", ["rewriting.write_files", "commit.write", "commit.swap"]
)
def test_a_publisher_killed_while_he_folds_leaves_no_trace(
    lake: Lake, path: Path, few: int, where: str
) -> None:
    model = Model(lake)
    for number in range(few):
        model.publish(day(30 - number))

    killed = subprocess.run(
        [*python(), "-c", textwrap.dedent(KILLED), str(path), where],
        check=False,
        cwd=Path(__file__).parents[3],
    )

    assert killed.returncode == -signal.SIGKILL
    assert unreachable(path)
    model.check(path)
    model.publish(day(1))
    model.check(path)
    assert len(files_at(table_of(path))) == 2


@pytest.mark.slow
@pytest.mark.usefixtures("few")
def test_a_fold_that_is_not_published_is_withdrawn(
    lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_days(lake, FEW)
    held = set(path.rglob("*.parquet"))
    written: list[int] = []

    def lose(*_: object) -> list[object]:
        new = set((path / "warehouse/quant/prices").rglob("*.parquet")) - held
        written.extend(sorted(pq.read_metadata(file).num_rows for file in new))
        raise LostRaceError

    monkeypatch.setattr(sql, "commit", lose)
    monkeypatch.setattr(retry, "ATTEMPTS", 2)
    with pytest.raises(ConflictError, match="'late'"):
        lake.publish({"prices": day(1)}, release="late", as_of=AS_OF)

    assert written == [3, 3 * FEW] * 2
    assert set(path.rglob("*.parquet")) == held


@pytest.mark.slow
@pytest.mark.usefixtures("few")
def test_a_fold_is_made_again_only_for_another_head(lake: Lake, path: Path) -> None:
    publish_days(lake, FEW)
    folds = fold.Folds()
    folds.prepare(table_of(path), PRICES, adding=1)
    first = folds.of("prices")
    assert first is not None
    folds.prepare(table_of(path), PRICES, adding=1)
    assert folds.of("prices") is first

    lake.publish({"prices": day(1)}, release="other", as_of=AS_OF)
    folds.prepare(table_of(path), PRICES, adding=FEW)

    second = folds.of("prices")
    assert second is not None
    assert second.head != first.head
    assert not any(local(file.file_path).exists() for file in first.files)
    folds.withdraw()
    assert not any(local(file.file_path).exists() for file in second.files)


@pytest.mark.usefixtures("few")
def test_a_fold_follows_a_head_that_still_has_what_it_replaces(
    lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Model(lake)
    for number in range(FEW):
        model.publish(day(30 - number))
    folds = fold.Folds()
    folds.prepare(table_of(path), PRICES, adding=1)
    first = folds.of("prices")
    assert first is not None

    with monkeypatch.context() as patch:
        patch.setattr(fold, "LIMIT", FEW + 1)  # whose publisher does not fold
        model.publish(day(1))
    folds.prepare(table_of(path), PRICES, adding=1)

    second = folds.of("prices")
    assert second is not None
    assert second.files == first.files
    assert second.head == table_of(path).metadata.current_snapshot_id != first.head
    assert len(second.entries) == len(first.entries) + 1
    folds.withdraw()


def test_few_enough_files_stay_as_they_are(lake: Lake, path: Path, few: int) -> None:
    publish_days(lake, few - 1)

    assert fold.fold(table_of(path), PRICES, adding=1) is None
    made = fold.fold(table_of(path), PRICES, adding=2)
    assert made is not None
    assert sum(file.record_count for file in made.files) == 3 * (few - 1)


@pytest.mark.usefixtures("few")
def test_a_column_added_by_somebody_else_is_not_lost_in_a_fold(
    lake: Lake, path: Path
) -> None:
    publish_days(lake, FEW)
    table = table_of(path)
    with table.update_schema() as change:
        change.add_column("vwap", table.schema().find_type("close"))

    assert fold.fold(table, PRICES, adding=1) is None


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("is_compared", [True, False])
def test_a_file_with_other_rows_than_its_manifest_says_is_not_folded(
    lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch, *, is_compared: bool
) -> None:
    if not is_compared:
        monkeypatch.setattr(fingerprint, "_compare", lambda *_: None)

    publish_days(lake, FEW)
    victim = local(files_at(table_of(path))[0].file_path)
    pq.write_table(pq.read_table(victim, partitioning=None).slice(1), victim)

    words = "was changed since" if is_compared else "5 files hold 14 rows instead of 15"
    with pytest.raises(BrokenReleaseError if is_compared else LakeError, match=words):
        lake.publish({"prices": day(1)}, release="late", as_of=AS_OF)

    assert "late" not in lake.releases()["name"].tolist()


class _OfDeletes(ManifestWriterV2):
    """Writes a manifest of delete files, which pyiceberg only reads."""

    def content(self) -> ManifestContent:
        return ManifestContent.DELETES

    @property
    def _meta(self) -> dict[str, str]:
        return {**super()._meta, "content": "deletes"}


def delete_first_row(path: Path, table: Table) -> Table:
    """Delete the first row of a file by its position, as Spark's merge on read does."""
    victim = files_at(table)[0]
    place = path / "deletes.parquet"
    deleted: dict[str, Any] = {"file_path": [victim.file_path], "pos": [0]}
    pq.write_table(pa.table(deleted), place)
    file = DataFile.from_args(
        content=DataFileContent.POSITION_DELETES,
        file_path=f"file://{place}",
        file_format=FileFormat.PARQUET,
        partition=victim.partition,
        record_count=1,
        file_size_in_bytes=place.stat().st_size,
    )
    file.spec_id = victim.spec_id

    class Deletion(Append):
        def _existing_manifests(self) -> list[ManifestFile]:
            output = self.new_manifest_output()
            with _OfDeletes(
                table.spec(), table.schema(), output, self.snapshot_id, "deflate"
            ) as writer:
                entry = ManifestEntry.from_args(data_file=file)
                writer.add(entry)
            return [*super()._existing_manifests(), writer.to_manifest_file()]

    updates, requirements = Deletion(table, {})._commit()  # noqa: SLF001
    table.catalog.commit_table(table, requirements, updates)
    return table_of(path)


@pytest.mark.usefixtures("few")
def test_a_table_some_rows_of_which_were_deleted_by_position_is_not_folded(
    lake: Lake, path: Path
) -> None:
    publish_days(lake, FEW)
    assert fold.fold(table_of(path), PRICES, adding=1) is not None

    table = delete_first_row(path, table_of(path))

    assert len(table.scan().to_arrow()) == 3 * FEW - 1
    assert fold.fold(table, PRICES, adding=1) is None


SIZES = st.lists(st.integers(1, 2_000_000), min_size=1, max_size=90).map(sorted)


@given(sizes=SIZES, data=st.data())
def test_what_is_chosen_leaves_few_enough_files(
    sizes: Sequence[int], data: st.DataObject
) -> None:
    places = data.draw(st.lists(st.sampled_from("ab"), min_size=len(sizes)))
    places = places[: len(sizes)]
    adding = data.draw(st.integers(1, 3))
    chosen = fold.choose(sizes, places, adding=adding)

    left = len(sizes) - len(chosen) + len({places[number] for number in chosen})
    assert sorted(set(chosen)) == chosen
    assert sum(sizes[number] for number in chosen) <= FILE_ROWS
    if len(sizes) + adding <= fold.LIMIT:
        assert not chosen
    elif sum(sizes) <= FILE_ROWS:
        assert left + adding <= fold.LIMIT
    assert all(n > 1 for n in Counter(places[number] for number in chosen).values())


def fold_daily(releases: int, *, year: int) -> Iterator[int]:
    """Yield what each release copies, in days, by the rule alone."""
    files: list[tuple[int, str]] = []
    for number in range(releases):
        files.sort()
        places = [place for _, place in files]
        limit = max(fold.LIMIT, 2 * len(set(places)))
        sizes = [500 * days for days, _ in files]
        chosen = fold.choose(sizes, places, adding=1, limit=limit)
        by_place: Counter[str] = Counter()
        for place in chosen:
            by_place[files[place][1]] += files[place][0]
        files = [file for n, file in enumerate(files) if n not in set(chosen)]
        files += [(days, place) for place, days in by_place.items()]
        files.append((1, str(number // year)))
        yield by_place.total()


def test_ten_years_of_days_are_copied_once_and_a_bit() -> None:
    copied = list(fold_daily(2_520, year=10**6))

    assert sum(copied) / 2_520 < 1.25
    assert sum(copied[:2_000]) / 2_000 < 1.0
    assert max(copied) < 300
    by_year = list(fold_daily(2_520, year=252))
    assert sum(by_year) / 2_520 < 1.4
    assert max(by_year) < 400


@pytest.mark.parametrize("is_old", [False, True], ids=["whole", "by year"])
def test_what_is_written_is_what_was_given(path: Path, *, is_old: bool) -> None:
    """Columns that repeat and those that do not, empty text and missing numbers."""
    lake = lake_by_year(path) if is_old else Lake.open(path, clock=clock)
    lake.publish({"prices": day(9)}, release="R", as_of=AS_OF)
    table = table_of(path)
    count = 1_000
    rng = np.random.default_rng(0)
    values: dict[str, Any] = {
        "symbol": [f"S{number % 10}" for number in range(count)],
        "session": [dt.date(2021 + number % 2, 3, 1) for number in range(count)],
        "open": rng.normal(size=count),
        "high": np.where(np.arange(count) % 7 == 0, np.nan, -0.0),
        "low": rng.integers(0, 3, count).astype(float),
        "close": np.arange(count, dtype=float),
        "volume": pa.array([None, 1.0] * (count // 2)),
        "basis": ["raw", ""] * (count // 2),
        "known_at": [dt.datetime(2022, 1, 1, tzinfo=dt.UTC)] * count,
        "retracted": rng.integers(0, 2, count).astype(bool),
    }
    rows = pa.table(values, schema=PRICES.arrow)

    files = write_files(table, rows, PRICES)

    years = ["Record[51]", "Record[52]"] if is_old else ["Record[]"]
    assert [repr(file.partition) for file in files] == years
    held = pa.concat_tables(
        pq.read_table(local(f.file_path), partitioning=None) for f in files
    )
    in_years = pa.array([*range(0, count, 2), *range(1, count, 2)])
    expected = rows.take(in_years) if is_old else rows
    assert os.fspath(local(files[0].file_path)).endswith(".parquet")
    assert repr(held.to_pydict()) == repr(expected.to_pydict())
