"""A copy of a lake is the same lake elsewhere; unfinished, it is none."""

from __future__ import annotations

import errno
import os
import random
import shutil
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lakebt.errors import (
    InvalidArgumentError,
    LakebtError,
    LakeError,
    ReleaseEndedError,
    UnknownNameError,
)
from lakebt.lake import Lake
from lakebt.lake.keeping import copy_files
from lakebt.lake.storage.directory import UNFINISHED
from tests.lake.frames import AS_OF, bars
from tests.lake.interrupted import Interrupter
from tests.lake.keeping.test_move import copied, files, killed, mentions, opened, state
from tests.lake.kept import DIGESTS, HOME, unpacked
from tests.lake.other_engines import foreign_table
from tests.nightly import times

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers import Seaweed

pytestmark = pytest.mark.lake

INSTANTS = times(2, 100)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kept lake that was made one of its place, with a branch of somebody's."""
    place = unpacked("layout-2", tmp_path_factory.mktemp("copied"))
    Lake.settle(place, home=HOME)
    with foreign_table(place, "prices") as table:
        head = table.metadata.refs["R1"].snapshot_id
        table.manage_snapshots().create_branch(head, "theirs").commit()
        with table.transaction() as change:
            change.set_properties({"owner": "somebody"})
    return place


def digests(lake: Lake) -> dict[str, str]:
    return {r.name: r.digest for r in lake._ledger().living}  # noqa: SLF001


def same(one: Path, other: Path) -> None:
    """Check that two lakes say the same, their unneeded snapshots apart."""
    first, second = state(one), state(other)
    assert first["the ledger"] == second["the ledger"]
    for name in first.keys() - {"the ledger"}:
        assert second[name][1:4] == first[name][1:4], name
        assert set(second[name][0]) <= set(first[name][0])
    assert opened(one).trials().equals(opened(other).trials())


@pytest.mark.slow
def test_a_whole_copy_is_the_same_lake(path: Path, tmp_path: Path) -> None:
    target, steps = tmp_path / "eine Kopie" / "日本 ü", []

    done = opened(path).export(target, progress=lambda *step: steps.append(step))

    assert done.releases == ("R1", "R2", "R4")
    assert done.n_bytes == sum(f.stat().st_size for f in target.rglob("*.*"))
    assert done.n_files == len(files(target))
    assert steps[-1][0] == steps[-1][1] >= done.n_files / 2
    same(path, target)
    lake = opened(target)
    assert digests(lake) == DIGESTS
    assert lake.doctor(deep=True).ok
    assert mentions(target, f"{path}/") == []
    with foreign_table(target, "prices") as table:
        assert table.refs().keys() >= {"main", "R1", "R4", "theirs"}
        assert len(table.scan().use_ref("theirs").to_arrow()) == 6
    lake.publish({"prices": bars(symbols=("Y",))}, release="R9", as_of=AS_OF)
    assert opened(target).doctor(deep=True).ok
    assert opened(path).doctor(deep=True).ok
    assert "R9" not in digests(opened(path))


@pytest.mark.slow
def test_some_releases_are_a_lake_too(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "some"

    done = opened(path).export(target, ["R2", "R1"], trials=False)

    assert done.releases == ("R1", "R2")
    lake = opened(target)
    assert digests(lake) == {name: DIGESTS[name] for name in ("R1", "R2")}
    assert lake.doctor(deep=True).ok
    assert lake.trials().empty
    assert set(lake.tables()["name"]) >= {"prices", "earnings"}
    for name in ("R1", "R2"):
        for table in ("prices", "etf_holdings"):
            there = lake.at(name).read(table)
            assert there.equals(opened(path).at(name).read(table))
    with foreign_table(target, "prices") as foreign:
        assert set(foreign.refs()) == {"main", "R1", "R2"}
    lake.publish({"prices": bars(symbols=("Y",))}, release="R4", as_of=AS_OF)
    assert opened(target).doctor(deep=True).ok


@pytest.mark.slow
def test_a_digest_of_releases_with_a_gap_is_not_recomputed(
    path: Path, tmp_path: Path
) -> None:
    """What was published twice is part of a digest, and no row of it is new."""
    here = copied(path, tmp_path / "here")
    lake = opened(here)
    lake.publish({"prices": bars()}, release="TWICE", as_of=AS_OF)
    lake.publish({"prices": bars(symbols=("Y",))}, release="R9", as_of=AS_OF)

    for names in (["R4", "R9"], ["TWICE"]):
        lake.export(tmp_path / names[0], names)
        assert opened(tmp_path / names[0]).doctor(deep=True).ok


def test_what_cannot_be_copied_is_refused(path: Path, tmp_path: Path) -> None:
    lake, full = opened(path), tmp_path / "full"
    full.mkdir()
    (full / "x").write_text("x", encoding="utf-8")
    wrong: dict[str, Any] = {
        "is not empty": full,
        "one would lie in the other": path / "inner",
        "cannot be copied": path.parent,
        "named as s3://bucket/folder": "s3://key:secret@bucket/folder",
        "no key in it": "s3://bucket/../other",
        "is a URL": "http://host/lake",
        "contains": tmp_path / "what?",
    }
    for words, to in wrong.items():
        for copy in (lake.export, lake.backup):
            with pytest.raises(InvalidArgumentError, match=words) as caught:
                copy(to)
            assert "secret" not in str(caught.value)
    with pytest.raises(UnknownNameError):
        lake.export(tmp_path / "new", ["R1", "NONE"])
    with pytest.raises(ReleaseEndedError):
        lake.export(tmp_path / "new", ["R3"])
    for names, words in (([], "names none"), ([["R1"]], "one was"), ("R1", "a list")):
        with pytest.raises(InvalidArgumentError, match=words):
            lake.export(tmp_path / "new", names)  # type: ignore[arg-type]
    assert not (tmp_path / "new").exists()
    assert files(full) == {"x"}


@pytest.mark.slow
def test_a_copy_that_was_killed_is_no_lake_and_is_finished(
    path: Path, tmp_path: Path
) -> None:
    counter = Interrupter()
    counter.run(lambda: opened(path).export(tmp_path / "once"))
    wanted = len(files(tmp_path / "once"))
    chosen = random.Random("copy")  # noqa: S311 - which instants
    for at in sorted(chosen.sample(range(1, counter.count), INSTANTS)):
        target = tmp_path / str(at)
        killed(lambda to=target: opened(path).export(to), at)  # type: ignore[misc]

        try:
            lake = Lake.open(target, create=False)
        except LakeError:
            opened(path).export(target)
            lake = opened(target)
        else:  # killed after the end
            assert not (target / UNFINISHED).exists()
        assert lake.doctor(deep=True).ok, at
        assert len(files(target)) == wanted, at
        shutil.rmtree(target)


def test_an_unfinished_copy_is_not_opened(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    target = tmp_path / "copy"
    with monkeypatch.context() as patch:
        patch.setattr(copy_files, "catalog_of", stop)
        with pytest.raises(KeyboardInterrupt):
            opened(path).export(target)

    for create in (True, False):
        with pytest.raises(LakeError, match="is an unfinished copy: copy it again"):
            Lake.open(target, create=create)
    with pytest.raises(LakeError, match="unfinished"):
        Lake.import_(target, tmp_path / "other")
    other = Lake.open(tmp_path / "another")
    with pytest.raises(InvalidArgumentError, match="unfinished copy of another lake"):
        other.export(target)
    stray = target / "warehouse/quant/prices/data/stray.parquet"
    stray.write_bytes(b"x")
    done = opened(path).export(target)
    assert done.n_kept > done.n_files
    assert not stray.exists()
    same(path, target)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_a_full_disk_or_a_folder_that_is_read_only_is_one_line(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    write, count = Path.write_bytes, 0

    def failing(self: Path, content: bytes) -> int:
        nonlocal count
        count += 1
        if count == 9:
            self.touch()
            raise OSError(number, os.strerror(number), str(self))
        return write(self, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", failing)
        with pytest.raises(LakeError, match=r"copy (has no room left|is not writable)"):
            opened(path).export(tmp_path / "copy")
    with pytest.raises(LakeError, match="unfinished"):
        opened(tmp_path / "copy")
    opened(path).export(tmp_path / "copy")
    same(path, tmp_path / "copy")


def test_a_damaged_file_is_not_copied_as_if_it_were_good(
    path: Path, tmp_path: Path
) -> None:
    here = copied(path, tmp_path / "here")
    file = next((here / "warehouse/quant/prices/data").iterdir())
    whole = file.read_bytes()
    file.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])

    with pytest.raises(LakeError, match="was changed since it was written"):
        opened(here).export(tmp_path / "copy")
    with pytest.raises(LakeError, match="unfinished"):
        opened(tmp_path / "copy")
    file.unlink()
    with pytest.raises(LakeError, match="has lost the file"):
        opened(here).export(tmp_path / "copy")


@pytest.mark.slow
def test_a_backup_is_brought_up_to_date_and_restored(
    path: Path, tmp_path: Path
) -> None:
    here, backup = copied(path, tmp_path / "here"), tmp_path / "backup"
    lake = opened(here)
    first = lake.backup(backup)
    lake.publish({"prices": bars(symbols=("Y",))}, release="R9", as_of=AS_OF)
    lake.drop("R1", because="a test")

    second = lake.backup(backup)

    assert second.n_files < first.n_files
    assert second.n_kept > 0
    same(here, backup)
    assert opened(backup).doctor(deep=True).ok
    shutil.rmtree(here)
    restored = Lake.import_(backup, here)
    assert restored.doctor(deep=True).ok
    same(backup, here)
    restored.backup(backup)  # goes on as before


def test_a_backup_of_what_did_not_change_writes_nothing(
    path: Path, tmp_path: Path
) -> None:
    lake, backup = opened(path), tmp_path / "backup"
    first = lake.backup(backup)
    there = {file: file.stat().st_mtime_ns for file in backup.rglob("*")}

    again = lake.backup(backup)

    assert (again.n_files, again.n_bytes) == (0, 0)
    assert again.n_kept == first.n_files
    assert {file: file.stat().st_mtime_ns for file in backup.rglob("*")} == there


def test_a_backup_that_is_damaged_is_mended_or_told(path: Path, tmp_path: Path) -> None:
    lake, target = opened(path), tmp_path / "backup"
    lake.backup(target)
    data = next((target / "warehouse/quant/prices/data").iterdir())
    content = data.read_bytes()
    data.unlink()
    assert lake.backup(target).n_files == 1
    data.write_bytes(content[:-1])
    assert lake.backup(target).n_files == 1
    assert data.read_bytes() == content

    next((target / "warehouse/quant/releases/data").iterdir()).unlink()
    with pytest.raises(LakeError, match="lost the file") as told:
        lake.backup(target)
    cure = "parquet. Back up into another folder, and delete this one"
    assert str(told.value).endswith(cure)


def test_what_is_no_backup_of_a_lake_is_left_alone(path: Path, tmp_path: Path) -> None:
    lake, backup = opened(path), tmp_path / "backup"
    lake.backup(backup)
    there = opened(backup)
    there.publish({"prices": bars(symbols=("Y",))}, release="R9", as_of=AS_OF)
    other = Lake.open(tmp_path / "another")
    before = files(backup)

    with pytest.raises(LakeError, match="has a release 'R9' that this lake lacks"):
        lake.backup(backup)
    with pytest.raises(InvalidArgumentError, match="is another lake"):
        other.backup(backup)
    with pytest.raises(InvalidArgumentError, match="is not empty"):
        lake.export(backup)
    assert files(backup) == before


@pytest.mark.slow
def test_a_backup_that_was_killed_is_the_one_before(path: Path, tmp_path: Path) -> None:
    here, backup = copied(path, tmp_path / "here"), tmp_path / "backup"
    opened(here).backup(backup)
    kept = tmp_path / "kept"
    shutil.copytree(backup, kept)
    opened(here).publish({"prices": bars(symbols=("Y",))}, release="R9", as_of=AS_OF)
    counter = Interrupter()
    counter.run(lambda: opened(here).backup(backup))
    before = {*DIGESTS}
    chosen = random.Random("backup")  # noqa: S311 - which instants
    for at in sorted(chosen.sample(range(1, counter.count), INSTANTS)):
        shutil.rmtree(backup)
        shutil.copytree(kept, backup)
        killed(lambda: opened(here).backup(backup), at)

        assert digests(opened(backup)).keys() in (before, before | {"R9"}), at
        assert opened(backup).doctor(deep=True).ok, at
        opened(here).backup(backup)
        same(here, backup)


@pytest.mark.slow
def test_backups_are_whole_while_others_publish(path: Path, tmp_path: Path) -> None:
    here = copied(path, tmp_path / "here")
    stop, failed = threading.Event(), []

    def publishing(name: str) -> None:
        lake, number = opened(here), 0
        while not stop.is_set():
            number += 1
            rows = {"prices": bars(("2022-09-01",), (f"{name}{number}",))}
            try:
                lake.publish(rows, release=f"{name}{number}", as_of=AS_OF)
            except LakebtError as error:
                failed.append(error)

    threads = [threading.Thread(target=partial(publishing, n)) for n in ("A", "B")]
    for thread in threads:
        thread.start()
    try:
        backups: list[copy_files.Copy] = []
        while len(backups) < 4 or (
            # What did not change is copied before anybody has published.
            len(backups) < 100 and len(backups[-1].releases) == len(backups[0].releases)
        ):
            to = tmp_path / f"b{len(backups) % 2}"
            backups.append(opened(here).backup(to))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    counts = [len(done.releases) for done in backups]
    assert counts == sorted(counts)
    assert counts[-1] > counts[0]
    assert failed == []
    names = list(opened(here).releases()["name"])
    for done in backups[-2:]:
        lake = opened(Path(done.place))
        assert lake.doctor(deep=True).ok
        assert list(lake.releases()["name"]) == names[: len(done.releases)]


@pytest.mark.slow
def test_what_is_deleted_meanwhile_is_looked_for_again(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = copied(path, tmp_path / "here")
    lake, really = opened(here), copy_files.Copying._table  # noqa: SLF001
    seen: list[int] = []
    lake.publish({"prices": bars(symbols=("Y",))}, release="R9", as_of=AS_OF)

    def dropping(self: Any, table: Any, *arguments: Any) -> Any:
        if table.name()[-1] == "prices" and not seen:
            seen.append(1)
            opened(here).drop("R4", because="a test")
        return really(self, table, *arguments)

    monkeypatch.setattr(copy_files.Copying, "_table", dropping)
    done = opened(here).export(tmp_path / "copy")

    assert "R4" not in done.releases
    same(here, tmp_path / "copy")
    assert opened(tmp_path / "copy").doctor(deep=True).ok


@pytest.mark.slow
def test_to_a_bucket_and_back(
    path: Path,
    tmp_path: Path,
    seaweed_server: Seaweed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tests.servers.seaweed import BUCKET  # noqa: PLC0415 - it may be missing

    for name, value in seaweed_server.keys.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", seaweed_server.endpoint)
    here = copied(path, tmp_path / "here")
    target, lake = f"s3://{BUCKET}/lakes/{tmp_path.name}", opened(here)
    do: Callable[..., Any] = lake.backup

    with monkeypatch.context() as patch:
        patch.setattr(copy_files, "catalog_of", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            do(target)
    with pytest.raises(LakeError, match="unfinished"):
        Lake.import_(target, tmp_path / "back")
    done = do(target)
    assert done.releases == ("R1", "R2", "R4")
    with pytest.raises(InvalidArgumentError, match="is not empty"):
        lake.export(target)
    lake.publish({"prices": bars(symbols=("Y",))}, release="R9", as_of=AS_OF)
    assert do(target).n_kept > 0
    lake.export(f"{target}-some", ["R1", "R9"])

    back = Lake.import_(target, tmp_path / "back")
    assert back.doctor(deep=True).ok
    same(here, tmp_path / "back")
    some = Lake.import_(f"{target}-some", tmp_path / "some")
    assert list(digests(some)) == ["R1", "R9"]
    assert some.doctor(deep=True).ok
    store = seaweed_server.files()
    with store.open_input_file(f"{target.removeprefix('s3://')}/catalog.db") as file:
        (tmp_path / "bucket.db").write_bytes(file.read())
    from pyiceberg.catalog.sql import SqlCatalog  # noqa: PLC0415

    catalog = SqlCatalog(
        "lake",
        uri=f"sqlite:///{tmp_path}/bucket.db",
        warehouse=f"{target}/warehouse",
        **{"s3.endpoint": seaweed_server.endpoint, "s3.region": "us-east-1"},
    )
    table = catalog.load_table("quant.prices")
    assert table.location().startswith(target)
    assert len(table.scan().use_ref("R9").to_arrow()) == 12
    catalog.engine.dispose()


@pytest.mark.slow
def test_branches_go_along(path: Path, tmp_path: Path) -> None:
    here = copied(path, tmp_path / "here")
    lake = opened(here)
    line = lake.branch("cleaned", at="R2")
    line.publish({"prices": bars(symbols=("Y",))}, release="B1", as_of=AS_OF)
    wanted = line.at("B1").read("prices")

    with pytest.raises(InvalidArgumentError, match="this is branch 'cleaned'"):
        line.backup(tmp_path / "backup")
    lake.backup(tmp_path / "backup")
    lake.move(tmp_path / "moved")

    for place in ("backup", "moved"):
        there = opened(tmp_path / place)
        assert there.doctor(deep=True).ok
        assert list(there.branches()["name"]) == ["cleaned"]
        assert there.at("cleaned.B1").read("prices").equals(wanted)
    line = Lake.open(tmp_path / "backup", create=False, branch="cleaned")
    line.publish({"prices": bars(symbols=("X",))}, release="B2", as_of=AS_OF)
    with pytest.raises(LakeError, match=r"has a release 'cleaned\.B2'"):
        opened(tmp_path / "moved").backup(tmp_path / "backup")


def test_what_is_no_copy_is_told_what_would_be(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for source in (tmp_path / "empty", tmp_path / "none"):
        with pytest.raises(LakeError, match="name what export or backup wrote"):
            Lake.import_(source, tmp_path / "made")

    assert not (tmp_path / "made").exists()
