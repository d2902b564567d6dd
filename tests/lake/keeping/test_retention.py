"""A release ends on its day or on purpose, and no other is harmed."""

from __future__ import annotations

import datetime as dt
import os
import signal
import sqlite3
import subprocess
import tempfile
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.schema import Schema

from lakebt.errors import (
    ForeignCommitError,
    InvalidArgumentError,
    LakeError,
    NothingKnownError,
    ReleaseEndedError,
    ReleaseExistsError,
    UnknownNameError,
)
from lakebt.lake import Lake
from lakebt.lake.storage import failures
from lakebt.lake.storage.catalog import Storage
from lakebt.lake.tables.schemas import ledger_schema
from tests.forked import python
from tests.lake.frames import AS_OF, NOW, bars, changes, q1, q3
from tests.lake.other_engines import Clock, data_of, files, foreign_table

pytestmark = pytest.mark.lake


@pytest.fixture
def now() -> Clock:
    return Clock()


@pytest.fixture
def lake(path: Path, now: Clock) -> Lake:
    return Lake.open(path, clock=now)


def publish(lake: Lake, name: str, symbol: str, **arguments: Any) -> None:
    """Publish three bars of a symbol."""
    frame = {"prices": bars(symbols=(symbol,))}
    lake.publish(frame, release=name, as_of=AS_OF, **arguments)


def symbols(lake: Lake, release: str) -> list[str]:
    return sorted(set(lake.at(release).read("prices")["symbol"]))


def test_a_release_ends_on_its_day_and_never_before(lake: Lake, now: Clock) -> None:
    publish(lake, "A", "AAA", retain_days=2)
    publish(lake, "B", "BBB")

    now.pass_by(days=2, microseconds=-1)
    assert lake.retain().ended == ()
    assert symbols(lake, "A") == ["AAA"]

    now.pass_by(microseconds=1)
    (ended,) = lake.retain().ended
    assert (ended.name, ended.ended_at) == ("A", NOW + dt.timedelta(days=2))
    assert list(lake.releases()["name"]) == ["B"]


def test_neither_reading_nor_publishing_ends_a_release(lake: Lake, now: Clock) -> None:
    publish(lake, "A", "AAA", retain_days=1)
    now.pass_by(days=1000)

    lake.at("A").read("prices")
    publish(lake, "B", "BBB")

    assert symbols(lake, "A") == ["AAA"]


def test_a_release_that_lost_its_tag_is_not_harmed(lake: Lake, path: Path) -> None:
    """The ledger says what is needed, whatever others did to a tag."""
    for name, symbol in zip("ABC", ("AAA", "BBB", "CCC"), strict=True):
        publish(lake, name, symbol)
    with foreign_table(path, "prices") as table:
        table.manage_snapshots().remove_tag("B").commit()

    lake.drop("A", because="a test")

    lake.restore()
    assert symbols(lake, "B") == ["AAA", "BBB"]
    assert lake.doctor().ok


def test_a_release_that_ended_says_when_and_why(lake: Lake, now: Clock) -> None:
    publish(lake, "A", "AAA")
    publish(lake, "B", "BBB")
    now.pass_by(hours=1)
    lake.drop("A", because="the vendor took it back")

    said = (
        r"'A' ended at 2023-06-01 13:00:00 UTC: the vendor took it back\. Read another"
    )
    for ask in (
        lambda: lake.at("A"),
        lambda: lake.diff("prices", "A", "B"),
        lambda: lake.drop("A", because="again"),
    ):
        with pytest.raises(ReleaseEndedError, match=said):
            ask()


@pytest.mark.parametrize("name", ["A", "a"])
def test_the_name_of_a_release_that_ended_is_never_used_again(
    lake: Lake, name: str
) -> None:
    publish(lake, "A", "AAA")
    lake.drop("A", because="a test")

    match = f"'A' existed until .* and '{name}' would take its name"
    with pytest.raises(ReleaseExistsError, match=match):
        publish(lake, name, "AAA")


def test_tombstones_are_listed_when_asked_for(lake: Lake) -> None:
    publish(lake, "A", "AAA", labels={"x": "1"})
    publish(lake, "B", "BBB")
    columns = list(lake.releases().columns)
    lake.drop("A", because="a test")

    assert list(lake.releases()["name"]) == ["B"]
    assert list(lake.releases().columns) == columns
    every = lake.releases(ended=True)
    assert list(every.columns) == [*columns, "ended_at", "ended_because"]
    assert list(every["name"]) == ["A", "B"]
    assert list(every["ended_because"]) == ["a test", ""]
    assert every["ended_at"][0] == pd.Timestamp(NOW)
    assert pd.isna(every["ended_at"][1])
    assert list(lake.releases(labels={"x": "1"}, ended=True)["name"]) == ["A"]
    assert lake.releases(labels={"x": "1"}).empty


def test_the_newest_release_is_the_newest_that_lives(lake: Lake) -> None:
    publish(lake, "A", "AAA")
    publish(lake, "B", "BBB")
    lake.drop("B", because="a test")

    assert lake.as_of(NOW).release == "A"
    assert "1 release, the last 'A'" in repr(lake)

    lake.drop("A", because="a test")
    with pytest.raises(NothingKnownError, match="the lake is empty"):
        lake.as_of(NOW)


def test_the_next_release_goes_on_from_a_last_one_that_ended(lake: Lake) -> None:
    publish(lake, "A", "AAA")
    lake.drop("A", because="a test")

    publish(lake, "B", "BBB")

    # Releases pin whole tables: what A held, B holds too.
    assert symbols(lake, "B") == ["AAA", "BBB"]
    assert list(lake.releases()["sequence"]) == [2]


def test_because_must_be_given(lake: Lake) -> None:
    publish(lake, "A", "AAA")

    with pytest.raises(InvalidArgumentError, match="why release 'A' ends, was ' '"):
        lake.drop("A", because=" ")
    with pytest.raises(UnknownNameError, match="unknown release 'B'"):
        lake.drop("B", because="a test")


@pytest.fixture
def folded(lake: Lake, path: Path) -> Lake:
    """A lake in which A's file was replaced by another engine's compaction, for B."""
    publish(lake, "A", "AAA")
    publish(lake, "B", "BBB")
    with foreign_table(path, "prices") as table:
        table.overwrite(table.scan().to_arrow())
    lake.roll_back("prices")
    return lake


def test_files_that_only_ended_releases_reach_are_deleted_and_no_others(
    folded: Lake, path: Path
) -> None:
    """What the rolled-back overwrite wrote goes; what A and B read stays."""
    with foreign_table(path, "prices") as table:
        kept = data_of(table, "A") | data_of(table, "B")
    before = files(path)

    done = folded.retain()

    gone = before - files(path)
    names = {file.name for file in files(path, "prices") if file.suffix == ".parquet"}
    assert done.ended == ()
    assert done.n_snapshots == 2  # pyiceberg overwrites by a delete and an append
    assert names == kept
    assert done.n_files == len(gone)
    assert done.n_bytes > 0
    assert {file.suffix for file in gone} == {".parquet", ".avro"}
    assert symbols(folded, "A") == ["AAA"]
    assert symbols(folded, "B") == ["AAA", "BBB"]


def test_what_is_deleted_is_counted(lake: Lake, path: Path) -> None:
    publish(lake, "A", "AAA")
    publish(lake, "B", "BBB")
    sizes = {file: file.stat().st_size for file in files(path, "prices")}

    done = lake.drop("A", because="a test")

    gone = set(sizes) - files(path, "prices")
    assert done.n_snapshots == 1
    assert done.n_files == len(gone) == 1  # the manifest list: B has A's data too
    assert done.n_bytes == sum(sizes[file] for file in gone)
    assert str(done) == (
        f"A ended; 1 snapshot and 1 file with {done.n_bytes:,} bytes are gone."
    )
    assert list(done.frame()["name"]) == ["A"]


@pytest.mark.slow
def test_many_releases_that_end_are_counted(lake: Lake, now: Clock) -> None:
    for number in range(7):
        publish(lake, f"R{number}", f"S{number}", retain_days=1)
    now.pass_by(days=1)

    assert str(lake.retain(dry_run=True)).startswith(
        "R0, R1, R2, R3, R4 and 2 more would end; 6 snapshots and 6 files with"
    )


def test_a_dry_run_says_the_same_and_changes_nothing(
    lake: Lake, path: Path, now: Clock
) -> None:
    publish(lake, "A", "AAA", retain_days=1)
    publish(lake, "B", "BBB")
    now.pass_by(days=1)
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}

    dry = lake.retain(dry_run=True)

    after = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    assert before == after
    wet = lake.retain()
    assert (dry.n_snapshots, dry.n_files, dry.n_bytes) == (
        wet.n_snapshots,
        wet.n_files,
        wet.n_bytes,
    )
    assert str(dry) == str(wet).replace(" ended", " would end").replace(
        "are gone", "would go"
    )


def test_branches_and_tags_of_others_keep_what_they_need(
    lake: Lake, path: Path
) -> None:
    publish(lake, "A", "AAA")
    publish(lake, "B", "BBB")
    publish(lake, "C", "CCC")
    with foreign_table(path, "prices") as table:
        refs = table.metadata.refs
        make = table.manage_snapshots()
        make.create_branch(refs["A"].snapshot_id, "research")
        make.create_tag(refs["B"].snapshot_id, "mine").commit()

    for name in ("A", "B", "C"):
        lake.drop(name, because="a test")

    with foreign_table(path, "prices") as table:
        assert set(table.metadata.refs) == {"main", "research", "mine"}
        assert len(table.scan().use_ref("research").to_arrow()) == 3
        assert len(table.scan().use_ref("mine").to_arrow()) == 6
        assert len(table.scan().to_arrow()) == 9


def test_a_foreign_commit_must_be_cured_first(lake: Lake, path: Path) -> None:
    publish(lake, "A", "AAA")
    with foreign_table(path, "prices") as table:
        table.append(table.scan().to_arrow())
    before = files(path)

    with pytest.raises(ForeignCommitError, match=r"`lake.doctor\(\)` says by whom"):
        lake.retain()
    with pytest.raises(ForeignCommitError, match=r"`lake.doctor\(\)` says by whom"):
        lake.drop("A", because="a test")

    assert files(path) == before
    assert symbols(lake, "A") == ["AAA"]


@pytest.mark.parametrize("kind", ["manifest list", "manifest"])
def test_nothing_is_deleted_where_it_is_not_known_what_is_needed(
    lake: Lake, path: Path, kind: str
) -> None:
    publish(lake, "A", "AAA")
    publish(lake, "B", "BBB")
    with foreign_table(path, "prices") as table:
        head = table.current_snapshot()
        assert head is not None
        lists = [head.manifest_list]
        manifests = [m.manifest_path for m in head.manifests(table.io)]
    lost = lists[0] if kind == "manifest list" else manifests[0]
    Path(lost.removeprefix("file://")).unlink()
    before = files(path)

    with pytest.raises(LakeError, match=f"the {kind} .* is gone, so it is not known"):
        lake.drop("A", because="a test")

    assert files(path) == before
    assert list(lake.releases()["name"]) == ["A", "B"]


def test_a_ledger_from_before_releases_could_end_opens_and_gains_the_columns(
    path: Path, now: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ledger_schema()
    added = {"ended_at", "ended_because"}
    monkeypatch.setattr(
        "lakebt.lake.storage.catalog.ledger_schema",
        lambda: Schema(*(f for f in whole.fields if f.name not in added)),
    )
    lake = Lake.open(path, clock=now)
    publish(lake, "A", "AAA")
    publish(lake, "B", "BBB")
    with foreign_table(path, "releases") as ledger:
        assert added.isdisjoint(ledger.schema().column_names)
    assert lake.releases(ended=True)["ended_at"].isna().all()

    lake.drop("A", because="a test")

    with foreign_table(path, "releases") as ledger:
        rows = ledger.scan().to_arrow().to_pylist()
    assert [row["ended_because"] for row in rows] == ["a test", ""]
    publish(Lake.open(path, clock=now), "C", "CCC")
    assert list(lake.releases()["name"]) == ["B", "C"]


def test_where_a_catalog_is_not_sql_the_ledger_comes_first(
    lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after any of the commits, the next one does the rest."""
    for name in ("A", "B", "C"):
        publish(lake, name, f"{name}{name}{name}")
    lake.publish({"etf_holdings": q1()}, release="D", as_of=AS_OF)
    monkeypatch.setattr(Storage, "sql", None)
    really, changed = SqlCatalog.commit_table, list[str]()

    class KilledError(BaseException):
        pass

    def commit_table(catalog: Any, table: Any, *arguments: Any) -> Any:
        if len(changed) == 1:
            raise KilledError
        changed.append(table.name()[-1])
        return really(catalog, table, *arguments)

    monkeypatch.setattr(SqlCatalog, "commit_table", commit_table)
    with pytest.raises(KilledError):
        lake.drop("B", because="a test")

    assert changed == ["releases"]
    assert list(lake.releases()["name"]) == ["A", "C", "D"]
    with foreign_table(path, "prices") as table:
        assert "B" in table.metadata.refs
    monkeypatch.setattr(SqlCatalog, "commit_table", really)
    done = lake.retain()
    assert (done.ended, done.n_snapshots, done.n_files) == ((), 1, 1)
    assert symbols(lake, "A") == ["AAA"]
    assert symbols(lake, "D") == ["AAA", "BBB", "CCC"]
    with foreign_table(path, "prices") as table:
        assert set(table.metadata.refs) == {"main", "A", "C", "D"}
    assert lake.doctor().ok


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["commit", "swap", "tidy", "delete"])
def test_killed_at_any_moment_every_living_release_reads_as_before(
    lake: Lake, path: Path, moment: str
) -> None:
    publish(lake, "A", "AAA")
    lake.publish({"etf_holdings": q1()}, release="B", as_of=AS_OF)
    lake.publish({"etf_holdings": q3()}, release="C", as_of=AS_OF)
    publish(lake, "D", "DDD")
    program = textwrap.dedent(
        """
        import os, signal, sys
        from lakebt.lake import Lake
        from lakebt.lake.committing import sql as commit
        from lakebt.lake.keeping import retention
        from tests.lake.frames import clock

        path, moment = sys.argv[1:]
        module = retention if moment == "delete" else commit
        name = "delete_all" if moment == "delete" else moment
        really = getattr(module, name)

        def die(*arguments, **named):
            if moment == "swap":  # in the middle
                really(*arguments, **named)
            if moment == "delete":
                doomed, io = arguments
                really(dict([doomed.popitem()]), io)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(module, name, die)
        Lake.open(path, clock=clock).drop("B", because="a test")
        """
    )
    killed = subprocess.run([*python(), "-c", program, str(path), moment], check=False)
    assert killed.returncode == -signal.SIGKILL

    lake = Lake.open(path, clock=Clock())
    is_done = moment in {"tidy", "delete"}
    assert list(lake.releases()["name"]) == ["A", *([] if is_done else ["B"]), "C", "D"]
    assert symbols(lake, "D") == ["AAA", "DDD"]
    assert len(lake.at("C").read("etf_holdings")) == 3
    assert not {f.code for f in lake.doctor()} - {"orphan_files"}
    if not is_done:
        lake.drop("B", because="a test")
    for file in files(path) | set(path.rglob("*.metadata.json")):
        os.utime(file, (0, 0))
    lake.remove_orphans()
    assert lake.doctor().ok
    publish(lake, "E", "EEE")


def publishing(path: Path, letter: str) -> None:
    lake = Lake.open(path, clock=Clock())
    for number in range(6):
        name, days = f"{letter}{number}", 1 if number % 2 else None
        publish(lake, name, name, retain_days=days)


def retaining(path: Path, clock: Clock) -> None:
    lake = Lake.open(path, clock=clock)
    for _ in range(8):
        lake.retain()


def test_a_catalog_that_somebody_holds_is_one_clear_line(
    lake: Lake, path: Path, now: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(lake, "A", "AAA")
    monkeypatch.setattr(failures, "LOCK_SECONDS", 0.1)
    lake = Lake.open(path, clock=now)
    other = sqlite3.connect(path / "catalog.db", isolation_level=None)
    other.execute("begin immediate")  # it writes; others can read

    with pytest.raises(LakeError, match="is locked: another program holds its catalog"):
        lake.drop("A", because="a test")
    other.execute("rollback")
    other.close()

    assert list(lake.releases()["name"]) == ["A"]


@pytest.mark.slow
def test_publishers_and_retention_do_not_harm_each_other(path: Path) -> None:
    late = Clock()
    late.pass_by(days=30)
    Lake.open(path, clock=late)

    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(publishing, path, letter) for letter in ("P", "Q")]
        jobs.append(pool.submit(retaining, path, late))
    for job in jobs:
        job.result()

    lake = Lake.open(path, clock=late)
    lake.retain()
    assert lake.doctor().ok
    every = lake.releases(ended=True)
    living = [f"{letter}{number}" for letter in "PQ" for number in (0, 2, 4)]
    assert list(every["sequence"]) == list(range(1, 13))
    assert sorted(lake.releases()["name"]) == living
    for name in living:
        sequence = every.set_index("name")["sequence"][name]
        assert symbols(lake, name) == sorted(every["name"][:sequence])


def test_the_day_of_a_release_is_so_many_days_after_its_commit(
    lake: Lake, now: Clock
) -> None:
    days = (1, 2, 7, 30)
    for number in days:
        publish(lake, f"R{number}", f"S{number}", retain_days=number)
        now.pass_by(hours=5)
    committed = {number: place * 5 for place, number in enumerate(days)}  # hours

    for hours in (20, 24, 47, 53, 54, 168, 178, 179, 720, 735, 736):
        now.now = NOW + dt.timedelta(hours=hours)
        ended = [release.name for release in lake.retain(dry_run=True).ended]
        assert ended == [f"R{n}" for n in days if committed[n] + 24 * n <= hours]


class Keeper(RuleBasedStateMachine):
    """After any retain and drop, every living release reads what it read before."""

    @initialize()
    def empty(self) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.path = Path(self.directory.name) / "lake"
        self.now = Clock()
        self.lake = Lake.open(self.path, clock=self.now)
        self.symbols: list[str] = []
        self.living: dict[str, tuple[list[str], dt.datetime | None]] = {}
        self.ended: set[str] = set()

    @rule(days=st.none() | st.integers(1, 3))
    def publish(self, days: int | None) -> None:
        number = len(self.living) + len(self.ended)
        self.symbols = [*self.symbols, f"S{number}"]
        publish(self.lake, f"R{number}", f"S{number}", retain_days=days)
        due = None if days is None else self.now() + dt.timedelta(days=days)
        self.living[f"R{number}"] = (self.symbols, due)

    @rule(hours=st.integers(1, 50))
    def pass_by(self, hours: int) -> None:
        self.now.pass_by(hours=hours)

    @rule()
    def retain(self) -> None:
        due = {n for n, (_, day) in self.living.items() if day and day <= self.now()}
        assert {release.name for release in self.lake.retain().ended} == due
        self._end(due)

    @precondition(lambda self: self.living)
    @rule(place=st.integers(0, 20))
    def drop(self, place: int) -> None:
        name = list(self.living)[place % len(self.living)]
        self.lake.drop(name, because="a rule")
        self._end({name})

    @rule()
    def reopen(self) -> None:
        self.lake = Lake.open(self.path, create=False, clock=self.now)

    @precondition(lambda self: self.symbols)
    @rule()
    def others_overwrite_and_are_rolled_back(self) -> None:
        with foreign_table(self.path, "prices") as table:
            table.overwrite(table.scan().to_arrow())
        self.lake.roll_back("prices")

    def _end(self, names: set[str]) -> None:
        self.ended |= names
        for name in names:
            del self.living[name]

    @invariant()
    def living_releases_read_as_they_did(self) -> None:
        assert list(self.lake.releases()["name"]) == list(self.living)
        for name, (held, _) in self.living.items():
            assert symbols(self.lake, name) == sorted(held)
        for name in self.ended:
            with pytest.raises(ReleaseEndedError, match=name):
                self.lake.at(name)
        assert self.lake.doctor().ok

    def teardown(self) -> None:
        if hasattr(self, "directory"):
            self.directory.cleanup()


Keeper.TestCase.settings = settings(
    max_examples=10,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestKeeper = pytest.mark.slow(pytest.mark.lake(Keeper.TestCase))


@pytest.fixture
def three(lake: Lake) -> Lake:
    """Three tables, each with its own release."""
    publish(lake, "A", "AAA")
    lake.publish({"index_changes": changes()}, release="B", as_of=AS_OF)
    lake.publish({"etf_holdings": q1()}, release="C", as_of=AS_OF)
    return lake


def test_the_last_release_that_holds_a_table_may_end(three: Lake) -> None:
    for name in ("C", "B", "A"):
        three.drop(name, because="a test")

    three.publish({"etf_holdings": q3()}, release="D", as_of=AS_OF)

    view = three.at("D")
    assert len(view.read("prices")) == 3
    assert len(view.read("index_changes")) == 2
    assert len(view.read("etf_holdings")) == 3
    assert three.doctor().ok
