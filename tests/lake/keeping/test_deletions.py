"""What others wrote is never believed when files are deleted: what is needed stays.

The lake is opened here as any other program does; `tests/lake/serving` has what a
server refuses of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from lakebt.lake import Lake
from tests.lake.frames import AS_OF, bars, q1
from tests.lake.original import Original
from tests.lake.other_engines import (
    SPELLINGS,
    Clock,
    files,
    foreign_table,
    name_snapshot,
    spelled,
    wedge,
)
from tests.lake.trial_rows import batch

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake


@pytest.fixture
def now() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    """A lake with releases R1 and R2, and with trials."""

    def make(path: Path) -> None:
        made = Lake.open(path, clock=Clock())
        both = {"prices": bars(), "etf_holdings": q1()}
        made.publish(both, release="R1", as_of=AS_OF)
        made.publish({"prices": bars(symbols=("Z",))}, release="R2", as_of=AS_OF)
        made.record(batch([1, 2]))

    return Original(tmp_path_factory.mktemp("deletions"), make)


@pytest.fixture
def path(original: Original) -> Path:
    """Where it is."""
    return original.restored()


@pytest.fixture
def lake(path: Path, now: Clock) -> Lake:
    return Lake.open(path, create=False, clock=now)


def contents(path: Path) -> dict[str, pd.DataFrame]:
    """Everything a lake holds, read anew."""
    lake = Lake.open(path, create=False)
    read = {
        f"{name}/{table}": lake.at(name).read(table)
        for name in lake.releases()["name"]
        for table in ("prices", "etf_holdings")
    }
    return read | {"trials": lake.trials()}


def check_same(was: dict[str, pd.DataFrame], path: Path) -> None:
    now = contents(path)
    for name, frame in was.items():
        pd.testing.assert_frame_equal(now[name], frame)


def list_of(path: Path, table: str, ref: str) -> str:
    with foreign_table(path, table) as held:
        snapshot = held.metadata.snapshot_by_name(ref)
        assert snapshot is not None
        return str(snapshot.manifest_list)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_snapshot_with_the_files_of_a_release_takes_none_with_it(
    lake: Lake, path: Path, spelling: str
) -> None:
    was = contents(path)
    wedge(path, "prices", spelled(list_of(path, "prices", "R1"), spelling))

    assert lake.retain().n_snapshots == 1

    check_same(was, path)
    assert lake.doctor().ok


def test_a_snapshot_with_the_files_of_another_table_takes_none_with_it(
    lake: Lake, path: Path
) -> None:
    was, there = contents(path), files(path)
    wedge(path, "prices", list_of(path, "etf_holdings", "R1"))
    wedge(path, "prices", list_of(path, "trials", "main"))

    assert lake.retain().n_files == 0

    check_same(was, path)
    assert files(path) == there


@pytest.mark.slow
@pytest.mark.parametrize("spelling", ["as it is", "a dot"])
@pytest.mark.parametrize("table", ["releases", "trials"])
def test_pages_that_expire_leave_what_the_others_have(
    lake: Lake, path: Path, table: str, spelling: str
) -> None:
    """A snapshot with the files of the head, which then expires, or is removed."""
    for _ in range(10):
        wedge(path, table, spelled(list_of(path, table, "main"), spelling))
    was = contents(path)

    lake.publish({"prices": bars(symbols=("Y",))}, release="R3", as_of=AS_OF)
    lake.record(batch([3]))

    assert len(lake.trials()) == 3
    del was["trials"]
    check_same(was, path)
    assert lake.doctor().ok


def test_a_staging_tag_on_a_release_goes_alone(lake: Lake, path: Path) -> None:
    was = contents(path)
    with foreign_table(path, "prices") as table:
        pinned = table.metadata.refs["R1"].snapshot_id
    name_snapshot(path, "prices", "lakebt-staged-1-7", pinned, "tag")

    lake.publish({"prices": bars(symbols=("Y",))}, release="R3", as_of=AS_OF)

    check_same(was, path)
    with foreign_table(path, "prices") as table:
        assert set(table.metadata.refs) == {"main", "R1", "R2", "R3"}
    assert lake.doctor().ok


@pytest.mark.parametrize("ref", ["R1", "R2"])
def test_a_staging_branch_on_a_release_goes_alone(
    lake: Lake, path: Path, now: Clock, ref: str
) -> None:
    was = contents(path)
    with foreign_table(path, "prices") as table:
        pinned = table.metadata.refs[ref].snapshot_id
    name_snapshot(path, "prices", "lakebt-staging-x", pinned, "branch")
    now.pass_by(days=9_999)

    lake.remove_orphans()

    check_same(was, path)
    with foreign_table(path, "prices") as table:
        assert set(table.metadata.refs) == {"main", "R1", "R2"}
    assert lake.doctor().ok


def test_a_file_that_is_spelled_in_another_way_is_no_orphan(
    lake: Lake, path: Path, now: Clock
) -> None:
    """The snapshot with the plain spelling goes; that of the branch stays."""
    number = wedge(
        path, "prices", spelled(list_of(path, "prices", "R1"), "two slashes")
    )
    name_snapshot(path, "prices", "mine", number, "branch")
    lake.drop("R1", because="a test")
    now.pass_by(days=9_999)

    lake.remove_orphans()

    with foreign_table(path, "prices") as table:
        assert len(table.scan(snapshot_id=number).to_arrow()) == 6


def test_what_only_ended_releases_reach_still_goes(lake: Lake, path: Path) -> None:
    lake.publish(
        {"prices": bars(symbols=("Y",))}, release="R3", as_of=AS_OF, retain_days=1
    )
    was = files(path, "prices")

    gone = lake.drop("R1", because="a test")

    assert gone.n_files == len(was - files(path, "prices")) == 1  # its manifest list
    assert len(lake.at("R3").read("prices")) == 12
    assert lake.doctor().ok
