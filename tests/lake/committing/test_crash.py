"""Publishers that are stopped: killed, held up, out of room, out of rights.

``benchmarks/crash.py`` kills as many as it is told to.
"""

from __future__ import annotations

import os
import random
import subprocess
from typing import TYPE_CHECKING

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from lakebt.errors import LakeError
from lakebt.lake import Lake
from lakebt.lake.committing import fold, sql, stage
from lakebt.lake.committing.sql import OneTransaction
from lakebt.lake.storage.failures import LostRaceError
from tests.lake.crash import (
    Publisher,
    check_whole,
    data_files,
    expected,
    found,
    publish,
    raw_tables,
)
from tests.lake.frames import clock
from tests.nightly import times
from tests.programs import PROMISED, program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pyiceberg.table import Table

pytestmark = [pytest.mark.lake, pytest.mark.slow]


FEW = 3
"""Files of a table, of which one more folds them: at nearly each release."""


def test_publishers_killed_at_random_instants_leave_old_or_new(
    lake: Lake, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fold, "LIMIT", FEW)
    draw = random.Random(20220902)  # noqa: S311 - instants, not secrets
    publish(lake, 1)
    last, took_s, most_files = 2, publish(lake, 2), 0
    with Publisher() as publisher:
        for _ in range(times(6, 24)):
            said = publisher.run(
                path, first=last + 1, delay_s=draw.uniform(0, 2 * took_s)
            )
            assert said["error"] is None
            promised = last + len(said["done"])
            last = len(lake.releases())
            assert last in {promised, promised + 1}  # the interrupted one, or not
            check_whole(path, last, read=[last])
            most_files = max(most_files, data_files(path, "prices"))
            # Completes what was interrupted, or finds that it is there.
            took_s = (took_s + publish(lake, promised + 1)) / 2
            last = promised + 1
            most_files = max(most_files, data_files(path, "prices"))

    check_whole(path, last, read=range(1, last + 1))
    assert most_files <= FEW < last / 2  # so some were killed around a fold
    twin = Lake.open(tmp_path / "twin", clock=clock)
    for number in range(1, 9):
        publish(twin, number)
        ours, theirs = (at.at(f"R{number}").provenance() for at in (lake, twin))
        assert ours["digests"] == theirs["digests"]


def test_what_looks_at_a_torn_lake_would_notice(lake: Lake, path: Path) -> None:
    """The check itself: a release that is there in one table only fails it."""
    publish(lake, 1)
    publish(lake, 2)
    check_whole(path, 2, read=[1, 2])

    with pytest.raises(AssertionError):
        check_whole(path, 1)
    with pytest.raises(AssertionError):
        check_whole(path, 3)
    assert found(lake, 2) != expected(1)


def test_a_publisher_that_is_held_up_while_ten_others_publish_looks_again(
    lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By then the page of the ledger that it saw is deleted, and it reads a later one.

    What it saw of the tables is older, and is no foreign commit for that.
    """
    publish(lake, 1)
    slow = Lake.open(path, create=False, clock=clock)
    look = OneTransaction.tables

    def held_up(self: OneTransaction) -> Mapping[str, Table]:
        tables = look(self)
        monkeypatch.setattr(OneTransaction, "tables", look)
        for number in range(2, 13):
            publish(lake, number)
        return tables

    monkeypatch.setattr(OneTransaction, "tables", held_up)
    publish(slow, 13)

    check_whole(path, 13, read=[13])


def test_a_change_to_a_table_that_has_moved_on_since_is_not_made(
    lake: Lake, path: Path
) -> None:
    """Whoever writes without waiting for his turn is noticed by each pointer."""
    publish(lake, 1)
    storage = lake._storage  # noqa: SLF001 - below what anybody can ask for
    assert isinstance(storage.catalog, SqlCatalog)
    late = stage.stage_tag(storage.tables()["prices"], tag="Late")
    publish(lake, 2)

    with (
        pytest.raises(LostRaceError, match="prices has moved on"),
        sql.turn(storage.catalog) as session,
    ):
        sql.commit(session, storage.catalog, [late])

    check_whole(path, 2, read=[1, 2])


def test_what_was_committed_is_read_back(
    lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody moves the tag in the instant after the commit: publishing says so."""
    publish(lake, 1)

    def meddle(*_: object) -> None:
        with raw_tables(path) as raw:
            first = raw["prices"].metadata.snapshots[0].snapshot_id
            raw["prices"].manage_snapshots().create_tag(first, "R2").commit()

    monkeypatch.setattr(sql, "tidy", meddle)

    with pytest.raises(
        LakeError, match=r"'R2' was committed, but lake .* does not say"
    ):
        publish(lake, 2)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four megabytes, or a skip with one line."""
    mount, unmount = program("mount"), program("umount")
    place = tmp_path / "small"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", "size=4m", "lakebt", str(place)]
    done = subprocess.run(
        [mount, *options], check=False, capture_output=True, text=True
    )
    if done.returncode:
        if "tmpfs" in PROMISED:
            pytest.fail(f"no tmpfs, though LAKEBT_REQUIRE promises it: {done.stderr}")
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        yield place
    finally:
        subprocess.run([unmount, str(place)], check=True)


def fill(disk: Path, *, but: int) -> Path:
    """Fill a disk up to so many bytes, with a file that can be deleted."""
    ballast = disk / "ballast"
    room = os.statvfs(disk)
    with ballast.open("wb") as file:
        file.write(bytes(max(room.f_bavail * room.f_bsize - but, 0)))
    return ballast


def publish_or_error(lake: Lake, number: int) -> str | None:
    """Publish, or return why that was not possible."""
    try:
        publish(lake, number)
    except LakeError as error:
        return str(error)
    return None


def test_a_full_disk_publishes_nothing_and_breaks_nothing(small_disk: Path) -> None:
    path = small_disk / "lake"
    lake = Lake.open(path, clock=clock)
    publish(lake, 1)
    last, refused = 1, 0
    for room in range(0, 160 * 1024, 12 * 1024):
        ballast = fill(small_disk, but=room)
        error = publish_or_error(lake, last + 1)
        if error is None:
            last += 1
        else:
            refused += 1
            assert "\n" not in error
            assert "has no room left" in error
        check_whole(path, last, read=[last])
        ballast.unlink()
    assert refused >= 5
    assert last > 1  # so every part of a publish was the first without room

    publish(lake, last + 1)
    check_whole(path, last + 1, read=range(1, last + 2))
    assert [file.name for file in path.iterdir()] == ["catalog.db", "warehouse"]


def test_a_directory_that_turns_read_only_breaks_nothing(
    lake: Lake, path: Path
) -> None:
    draw = random.Random(20220919)  # noqa: S311 - instants, not secrets
    publish(lake, 1)
    last = 1
    with Publisher() as publisher:
        for _ in range(5):
            said = publisher.run(
                path, first=last + 1, delay_s=draw.uniform(0, 0.4), stop="read-only"
            )
            kind, text = said["error"]
            assert kind == "LakeError"
            assert "\n" not in text
            assert "is not writable" in text or "cannot be written" in text
            assert len(lake.releases()) == last + len(said["done"])
            last += len(said["done"])
            check_whole(path, last, read=[last])
            publish(lake, last + 1)
            last += 1
    check_whole(path, last, read=range(1, last + 1))
