"""A lake in another folder is the same lake; killed on the way, it is in one of two."""

from __future__ import annotations

import errno
import gzip
import os
import random
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from lakebt.errors import InvalidArgumentError, LakebtError, LakeError
from lakebt.lake import Lake
from lakebt.lake.keeping import move as moving
from lakebt.lake.storage.move_note import NOTE
from tests.lake.frames import AS_OF, bars
from tests.lake.interrupted import Interrupter, now
from tests.lake.kept import HOME, unpacked
from tests.lake.other_engines import foreign_catalog, foreign_table
from tests.nightly import times

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.lake

INSTANTS = times(2, 100)


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kept lake that was made one of its place."""
    path = unpacked("layout-2", tmp_path_factory.mktemp("settled"))
    Lake.settle(path, home=HOME)
    return path


def copied(path: Path, to: Path) -> Path:
    """Copy a lake by hand, and make it one of its new place."""
    shutil.copytree(path, to)
    Lake.settle(to, home=path)
    return to


def opened(path: Path) -> Lake:
    return Lake.open(path, create=False, clock=now())


def state(path: Path) -> dict[str, Any]:
    """What must not change: snapshots, branches and tags, schemas and releases."""
    said: dict[str, Any] = {"the ledger": opened(path)._ledger().releases.rows}  # noqa: SLF001
    with foreign_catalog(path) as catalog:
        for _, name in catalog.list_tables("quant"):
            metadata = catalog.load_table(f"quant.{name}").metadata
            said[name] = (
                [(s.snapshot_id, s.sequence_number) for s in metadata.snapshots],
                metadata.refs,
                metadata.schemas,
                metadata.table_uuid,
                metadata.snapshot_log,
            )
    return said


def files(path: Path) -> set[str]:
    return {str(f.relative_to(path)) for f in path.rglob("*") if f.is_file()}


def mentions(path: Path, words: str) -> list[str]:
    """The files in which a text stands, but for the note of where a table lay."""
    found = []
    for file in path.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            if file.name.endswith(".gz.metadata.json"):
                content = gzip.decompress(content)
                content = content.partition(b'"lakebt.homes"')[0]
            if words.encode() in content:
                found.append(file.name)
    return found


@pytest.mark.slow
def test_a_lake_that_was_moved_is_the_same_lake(settled: Path, tmp_path: Path) -> None:
    path = copied(settled, tmp_path / "here")
    before, lake = state(path), opened(path)
    read = lake.at("R1").read("prices")
    target = tmp_path / "ein Ort" / "näher am Ünï 日本"
    target.parent.mkdir()

    assert lake.move(target) == target

    assert not path.exists()
    assert state(target) == before
    assert lake.at("R1").read("prices").equals(read)
    assert lake.at("R4").panel("close").shape == (3, 3)
    assert opened(target).doctor(deep=True).ok
    assert mentions(target, f"{path}/") == []
    assert not (target / NOTE).exists()
    lake.publish({"prices": bars(symbols=("Y",))}, release="R9", as_of=AS_OF)
    assert opened(target).doctor().ok
    with foreign_table(target, "prices") as table:
        assert len(table.scan().use_ref("R1").to_arrow()) == 6
        assert all(
            task.file.file_path.startswith(f"file://{target}/")
            for task in table.scan().plan_files()
        )
    back = lake.move(path)
    assert state(back)["prices"][0] == state(path)["prices"][0]
    assert opened(path).doctor(deep=True).ok


def test_no_more_files_than_before(settled: Path, tmp_path: Path) -> None:
    path = copied(settled, tmp_path / "here")
    n_before = len(files(path))

    opened(path).move(tmp_path / "there")

    assert len(files(tmp_path / "there")) == n_before


def test_a_lake_that_was_moved_by_hand_names_the_cure_which_works(
    settled: Path, tmp_path: Path
) -> None:
    path = copied(settled, tmp_path / "here")
    before = state(path)
    path.rename(tmp_path / "there")

    with pytest.raises(LakeError, match=f"lakebt move --lake .*there --from {path}"):
        opened(tmp_path / "there")
    with pytest.raises(InvalidArgumentError, match="is not from /nowhere, its files"):
        Lake.settle(tmp_path / "there", home="/nowhere")
    lake = Lake.settle(tmp_path / "there", home=path, clock=now())

    assert state(tmp_path / "there") == before
    assert lake.doctor(deep=True).ok
    with pytest.raises(InvalidArgumentError, match="there is nothing to move"):
        Lake.settle(tmp_path / "there", home=path)


@pytest.mark.slow
def test_a_copy_by_hand_and_its_original_part(settled: Path, tmp_path: Path) -> None:
    path = copied(settled, tmp_path / "here")
    other = copied(path, tmp_path / "there")

    rows = {"prices": bars(symbols=("Y",))}
    opened(other).publish(rows, release="R9", as_of=AS_OF)

    assert opened(path).doctor(deep=True).ok
    assert opened(other).doctor(deep=True).ok
    assert "R9" not in set(opened(path).releases()["name"])


def test_tables_of_others_move_along(settled: Path, tmp_path: Path) -> None:
    path = copied(settled, tmp_path / "here")
    with foreign_catalog(path) as catalog:
        catalog.create_namespace("theirs")
        rows = opened(path).at("R1").read("prices")[["symbol", "close"]]
        import pyarrow as pa  # noqa: PLC0415

        arrow = pa.Table.from_pandas(rows, preserve_index=False)
        catalog.create_table("theirs.notes", arrow.schema).append(arrow)

    opened(path).move(tmp_path / "there")

    with foreign_catalog(tmp_path / "there") as catalog:
        assert catalog.load_table("theirs.notes").scan().to_arrow().num_rows == 6


def test_rows_deleted_by_place_are_not_forgotten(
    settled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = copied(settled, tmp_path / "here")
    monkeypatch.setattr("lakebt.lake.storage.relocation._POSITION_DELETES", 0)
    before = files(path)

    with pytest.raises(LakeError, match="rows of it were deleted by files"):
        opened(path).move(tmp_path / "there")

    assert files(path) == before
    assert opened(path).doctor().ok


def test_a_lake_does_not_go_where_it_cannot(settled: Path, tmp_path: Path) -> None:
    lake = opened(settled)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x", encoding="utf-8")
    (tmp_path / "file").write_text("x", encoding="utf-8")
    wrong: dict[str, Any] = {
        "that is where it is": settled,
        "a folder of its own": settled / "inner",
        "something is in that folder": tmp_path / "full",
        "something is there": tmp_path / "file",
        "there is no folder": tmp_path / "no" / "folder",
        "is a URL": "s3://bucket/lake",
        "contains": tmp_path / "what?",
        "must name a directory": 3,
    }
    before = files(settled)
    for words, to in wrong.items():
        with pytest.raises(InvalidArgumentError, match=words):
            lake.move(to)
    assert files(settled) == before


@pytest.mark.slow
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_a_full_disk_or_a_folder_that_is_read_only_leaves_it_as_it_was(
    settled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = copied(settled, tmp_path / "here")
    before, there = state(path), files(path)
    write, rename = Path.write_bytes, Path.rename
    for fails_at in (1, 7, 30, None):
        count = 0

        def failing(self: Path, content: bytes, *, fails_at: Any = fails_at) -> int:
            nonlocal count
            count += 1
            if count == fails_at:
                self.touch()
                raise OSError(number, os.strerror(number), str(self))
            return write(self, content)

        def not_renamed(self: Path, to: Path) -> Path:
            raise OSError(number, os.strerror(number), f"{self} to {to}")

        with monkeypatch.context() as patch:
            patch.setattr(Path, "write_bytes", failing)
            if fails_at is None:
                patch.setattr(Path, "rename", not_renamed)
            with pytest.raises(LakeError, match=r"no room left|not writable"):
                opened(path).move(tmp_path / "there")

        assert files(path) == there, fails_at
        assert state(path) == before
        assert not (tmp_path / "there").exists()
    assert rename is Path.rename
    opened(path).move(tmp_path / "there")


@pytest.mark.slow
def test_what_is_published_meanwhile_moves_along(
    settled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = copied(settled, tmp_path / "here")
    really = moving._renamed  # noqa: SLF001
    seen: list[str] = []
    waits = opened(path)

    def renamed(*arguments: Any) -> bool:
        if len(seen) < 2:
            seen.append(f"M{len(seen)}")
            rows = {"prices": bars(symbols=(seen[-1],))}
            opened(path).publish(rows, release=seen[-1], as_of=AS_OF)
        return really(*arguments)

    monkeypatch.setattr(moving, "_renamed", renamed)
    opened(path).move(tmp_path / "there")

    assert {"M0", "M1"} <= set(opened(tmp_path / "there").releases()["name"])
    assert opened(tmp_path / "there").doctor(deep=True).ok
    with pytest.raises(LakebtError):  # its folder is gone
        waits.publish({"prices": bars(symbols=("W",))}, release="W", as_of=AS_OF)


def killed(do: Callable[[], Any], at: int) -> None:
    """Do something in a process of its own, and kill that at a line of what it runs."""
    process = os.fork()
    if process == 0:
        try:
            Interrupter(at, lambda: os._exit(9)).run(do)
        finally:
            os._exit(0)
    os.waitpid(process, 0)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["move", "settle"])
def test_killed_at_any_instant_it_is_in_one_place_and_whole(
    settled: Path, tmp_path: Path, how: str
) -> None:
    path, target = tmp_path / "here", tmp_path / "there"

    def fresh() -> Callable[[], Any]:
        for folder in (path, target):
            shutil.rmtree(folder, ignore_errors=True)
        copied(settled, path)
        if how == "move":
            return partial(opened(path).move, target)
        path.rename(target)
        return partial(Lake.settle, target, home=path)

    counter = Interrupter()
    counter.run(fresh())
    before = state(target)
    chosen = random.Random(how)  # noqa: S311 - which instants
    for at in sorted(chosen.sample(range(1, counter.count), INSTANTS)):
        do = fresh()
        killed(do, at)

        assert path.exists() != target.exists(), at
        if how == "move":
            if path.exists():
                assert state(path) == before
                assert opened(path).doctor().ok, at
                opened(path).move(target)
            opened(target)  # carries out what is left
        else:
            try:
                opened(target)
            except LakeError:
                Lake.settle(target, home=path)
        assert state(target) == before, at
        assert opened(target).doctor(deep=True).ok, at


def test_a_note_that_is_no_longer_true_is_not_followed(
    settled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before the folder was renamed, published into, and moved by hand."""
    path, target = copied(settled, tmp_path / "here"), tmp_path / "there"

    class KilledError(BaseException):
        pass

    def die(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", die)
        patch.setattr(moving.Paths, "_is_named", lambda _: True)
        with pytest.raises(KilledError):
            opened(path).move(target)
    assert (path / NOTE).exists()
    opened(path).publish({"prices": bars(symbols=("Y",))}, release="R9", as_of=AS_OF)
    path.rename(target)

    with pytest.raises(LakeError, match="was moved or copied"):
        opened(target)
    Lake.settle(target, home=path)
    assert "R9" in set(opened(target).releases()["name"])
    assert not (target / NOTE).exists()


def test_a_lake_in_a_catalog_has_no_folder_to_move(
    settled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = opened(settled)
    monkeypatch.setattr(lake._storage, "address", {"catalog": "prod"})  # noqa: SLF001

    with pytest.raises(InvalidArgumentError, match="lakebt export copies it"):
        lake.move("/data/lake")
    assert isinstance(lake._storage.catalog, SqlCatalog)  # noqa: SLF001
