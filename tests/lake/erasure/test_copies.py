"""Certificates travel with a lake, and a note that was copied by hand harms nobody."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from lakebt.lake import Lake
from lakebt.lake.keeping.copies import bring
from lakebt.lake.storage import erasure_note
from lakebt.lake.storage.erasure_files import ErasureFiles
from tests.lake.erasure.looking import found
from tests.lake.erasure.test_erase import GONE, LONGER, make, opened
from tests.lake.frames import AS_OF, bars
from tests.lake.original import Original

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    return Original(tmp_path_factory.mktemp("copied"), make)


def erase(lake: Lake, table: str, reason: str = "a wish") -> str:
    return lake.erase(table, where={"symbol": GONE}, reason=reason).id


def ids(path: Path) -> set[str]:
    """The certificates of a lake that nothing is wrong with."""
    lake = opened(path)
    assert lake.doctor(deep=True).ok
    return set(lake.erasures()["id"])


@pytest.mark.slow
def test_copies_have_the_certificates(original: Original, tmp_path: Path) -> None:
    lake = opened(original.restored())
    first = lake.erase("prices", where={"symbol": "AAA"}, reason=f"not {GONE}").id
    lake.backup(tmp_path / "backup")
    second = erase(lake, "index_changes")
    third = erase(lake, "prices")

    again = lake.backup(tmp_path / "backup")
    kept = list((tmp_path / "backup" / "erasures").iterdir())
    written = [file.stat().st_mtime_ns for file in kept]
    lake.backup(tmp_path / "backup")
    assert [file.stat().st_mtime_ns for file in kept] == written
    lake.export(tmp_path / "whole")
    lake.export(tmp_path / "some", releases=["R1"])
    bring(tmp_path / "whole", tmp_path / "brought")
    moved = lake.move(tmp_path / "moved")

    places = ["backup", "whole", "some", "brought"]
    for place in (*(tmp_path / name for name in places), moved):
        assert ids(place) == {first, second, third}
    assert again.n_files > 2
    reasons = opened(tmp_path / "backup").erasures()["reason"]
    assert sorted(reasons) == ["a wish", "a wish", "not [erased]"]


@pytest.mark.slow
def test_a_copy_of_some_releases_has_what_they_name(
    original: Original, tmp_path: Path
) -> None:
    lake = opened(original.restored())
    late = {"symbol": "AAA", "session": [(">=", "2022-09-07")]}
    lake.erase("prices", where=late, reason="of R2 and R3")
    other = erase(lake, "index_changes")

    lake.export(tmp_path / "some", releases=["R1"])

    assert ids(tmp_path / "some") == {other}


def test_a_copy_without_a_release_has_its_name_in_no_certificate(
    original: Original, tmp_path: Path
) -> None:
    lake = opened(original.restored())
    rows = bars(days=("2022-09-08",), symbols=("AAA", "OTHER"))
    lake.publish({"prices": rows}, release=f"With_{GONE}", as_of=AS_OF)
    erase(lake, "index_changes")
    erase(lake, "prices")
    late = {"symbol": "AAA", "session": [(">=", "2022-09-06")]}
    # Of another subject, long after it was known what the name holds.
    last = lake.erase("prices", where=late, reason="late").id
    (told,) = [c for c in lake.erasures().to_dict("records") if c["id"] == last]
    assert {"R1", f"With_{GONE}"} <= set(told["releases"])

    lake.export(tmp_path / "copy", releases=["R1", "R3"])

    assert last in ids(tmp_path / "copy")
    assert found(tmp_path / "copy", [GONE], tmp_path / "after", but=[LONGER]) == []
    listed = opened(tmp_path / "copy").erasures()
    (copied,) = [c for c in listed.to_dict("records") if c["id"] == last]
    assert set(copied["releases"]) == {"R1", "R3"}


def killed(path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Erase in a process that ends when the note is there, before or after."""
    really = erasure_note.leave

    def leave(*arguments: Any) -> None:
        if step == "leave":
            really(*arguments)
        os._exit(9)

    child = os.fork()
    if child == 0:
        lake = opened(path)
        monkeypatch.setattr(erasure_note, step, leave)
        erase(lake, "prices")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.slow
@pytest.mark.parametrize("step", ["leave", "finish"])
def test_a_note_that_is_copied_by_hand_names_the_files_of_the_copy(
    original: Original, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = original.restored()
    erase(opened(path), "index_changes")
    killed(path, monkeypatch, step)
    copy = tmp_path / "copy"
    shutil.copytree(path, copy)
    before = {file for file in path.rglob("*") if file.is_file()}

    Lake.settle(copy, home=path)
    read = opened(copy).at("R2").read("prices")["symbol"]

    assert {file for file in path.rglob("*") if file.is_file()} == before
    assert ErasureFiles.in_folder(copy).notes() == []
    assert (GONE in read.tolist()) == (step == "leave")
    if step == "finish":
        assert found(copy, [GONE], tmp_path / "bytes", but=[LONGER]) == []
        assert len(ids(copy)) == 2
    else:
        assert opened(copy).doctor(deep=True).ok
    assert opened(path).doctor(deep=True).ok
    assert ErasureFiles.in_folder(path).notes() == []


def test_a_note_names_files_of_its_own_folder(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    outside = f"file://{tmp_path}/outside.parquet"
    inside = f"file://{here}/warehouse/inside.parquet"
    note = erasure_note.Note(
        id="0123456789abcdef",
        written=(outside, inside),
        doomed=(),
        tables=(),
        certificate={"id": "0123456789abcdef"},
    )
    here.mkdir()
    erasure_note.leave(ErasureFiles.in_folder(here), note)
    shutil.copytree(here, there)

    def read(folder: Path) -> tuple[str, ...]:
        files = ErasureFiles.in_folder(folder)
        said = erasure_note.note_in(files, files.notes()[0])
        assert said is not None
        return said.written

    assert read(here) == (inside,)
    assert read(there) == (f"file://{there}/warehouse/inside.parquet",)


@pytest.mark.slow
def test_the_doctor_finds_a_note_and_a_certificate_that_is_gone(
    original: Original, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = original.restored()
    first = erase(opened(path), "index_changes")
    assert opened(path).doctor().ok
    killed(path, monkeypatch, "finish")

    def refuse(*_: object) -> None:
        raise PermissionError

    with monkeypatch.context() as patch:  # root may write anywhere
        patch.setattr(erasure_note, "remove", refuse)
        (finding,) = opened(path).doctor()
    assert finding.code == "erasure_unfinished"
    assert "was killed and could not be finished" in finding.problem
    assert opened(path).doctor().ok

    (path / "erasure-0123456789abcdef.json").write_text("{")
    (finding,) = opened(path).doctor()
    assert finding.cure.startswith("delete erasure-0123456789abcdef.json")
    (path / "erasure-0123456789abcdef.json").unlink()

    certificate = path / "erasures" / f"{first}.json"
    certificate.rename(tmp_path / "kept.json")
    (finding,) = opened(path).doctor()
    assert (finding.code, finding.release) == ("certificate_missing", "R1")
    assert f"and 2 more were erased, and certificate {first} is gone" in finding.problem
    assert finding.cure == f"copy erasures/{first}.json from a backup of the lake"
    (tmp_path / "kept.json").rename(certificate)
    assert opened(path).doctor().ok
