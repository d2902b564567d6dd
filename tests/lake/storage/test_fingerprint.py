"""Files that rot, are exchanged, or come from an older state: told, never believed."""

from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakebt.errors import BrokenReleaseError, LakebtError, LakeError
from lakebt.lake import Lake
from lakebt.lake.committing.fold import LIMIT, fold
from lakebt.lake.storage import fingerprint, panel_cache
from lakebt.lake.storage.catalog import open_path
from lakebt.lake.storage.failures import ChangedFileError
from lakebt.lake.tables.schemas import SPECS
from tests.lake.frames import AS_OF, bars, clock
from tests.lake.old import make_old
from tests.lake.other_engines import spoiled
from tests.lake.rot import KINDS, altered, answers, kept_panels, make
from tests.nightly import times

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A lake, its panels kept beside it, and what it says before a file changes."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, make(folder)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=times(5, 200), deadline=None)
@given(seed=st.integers(0, 2**32))
def test_no_file_that_changed_gives_another_answer(
    whole: tuple[Path, list[str]], kind: str, seed: int
) -> None:
    folder, truth = whole
    generator = random.Random(seed)  # noqa: S311 - of no secret
    with kept_panels(folder):
        with altered(folder, kind, generator) as how, contextlib.suppress(LakebtError):
            assert answers(folder / "lake") == truth, how
        assert answers(folder / "lake") == truth


@pytest.mark.slow
def test_a_wrong_answer_would_be_seen(whole: tuple[Path, list[str]]) -> None:
    """Where nothing compares files, one flipped bit of prices is another number."""
    folder, truth = whole
    seen: list[bool] = []
    with (
        kept_panels(folder),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("LAKEBT_CACHE", str(folder / "empty"))
        patch.setattr(fingerprint, "_compare", lambda *_: None)
        patch.setattr(panel_cache, "LEAST_BYTES", 2**40)
        for seed in range(12):
            draw = random.Random(seed)  # noqa: S311 - of no secret
            with altered(folder, "data", draw), contextlib.suppress(LakebtError):
                seen.append(answers(folder / "lake") == truth)
    assert False in seen


def only(folder: Path, pattern: str) -> Path:
    (found,) = folder.rglob(pattern)
    return found


def test_what_was_read_is_compared_again_once_its_file_changes(
    lake: Lake, path: Path
) -> None:
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    expected = Lake.open(path).at("R1").panel("close")
    file = only(path / "warehouse/quant/prices", "*.parquet")
    held = file.read_bytes()

    file.write_bytes(held[:30] + bytes([held[30] ^ 1]) + held[31:])
    with pytest.raises(BrokenReleaseError, match=rf"{file.name} was changed since"):
        Lake.open(path).at("R1").panel("close")

    file.write_bytes(held)
    assert Lake.open(path).at("R1").panel("close").equals(expected)


def test_rows_are_never_folded_from_a_file_that_changed(lake: Lake, path: Path) -> None:
    """An audit might not have read it before."""
    for number, day in enumerate(("2022-09-01", "2022-09-02", "2022-09-06")):
        lake.publish({"prices": bars((day,))}, release=f"R{number}", as_of=AS_OF)
    table = open_path(path, create=False).tables()["prices"]
    file = max((path / "warehouse/quant/prices/data").glob("*.parquet"))
    held = file.read_bytes()
    file.write_bytes(held[:30] + bytes([held[30] ^ 1]) + held[31:])

    with pytest.raises(ChangedFileError, match=file.name):
        fold(table, SPECS["prices"], adding=LIMIT)


# ------------------------------------------------ names that say nothing of a content


ORIGINALS = {"old": make_old}


@pytest.fixture
def old(path: Path) -> Path:
    """A lake that was made before files had digests in their names."""
    return path


@pytest.mark.slow
def test_an_old_lake_is_read_and_given_its_digests(old: Path) -> None:
    lake = Lake.open(old, clock=clock)
    expected = lake.at("R2").panel("close")
    assert [finding.code for finding in lake.doctor(deep=True)] == ["digests_missing"]

    assert lake.restore().done == ("the digests of the files of 3 releases are kept",)
    assert lake.restore().done == ()
    assert lake.doctor(deep=True).ok
    lake.publish({"prices": bars(("2022-09-07",))}, release="R3", as_of=AS_OF)
    assert Lake.open(old, clock=clock).doctor(deep=True).ok
    assert lake.at("R2").panel("close").equals(expected)
    newest = lake.at("R3").panel("close")

    for file in (old / "warehouse/quant/prices").rglob("*old-*"):
        held = file.read_bytes()
        file.write_bytes(held[:30] + bytes([held[30] ^ 1]) + held[31:])
        with contextlib.suppress(BrokenReleaseError):  # of some only R0 is made
            shown = Lake.open(old).at("R3").panel("close")
            assert shown.equals(newest)
        assert not lake.doctor().ok
        file.write_bytes(held)
    assert lake.doctor().ok


def test_an_old_lake_that_holds_other_rows_gets_no_digests(old: Path) -> None:
    files = sorted((old / "warehouse/quant/prices/data").glob("*.parquet"))
    first, second = files[0].read_bytes(), files[1].read_bytes()
    if len(first) != len(second):
        pytest.skip("told by their sizes")
    files[0].write_bytes(second)
    files[1].write_bytes(first)
    lake = Lake.open(old, clock=clock)

    codes = {finding.code for finding in lake.doctor(deep=True)}
    assert "release_changed" in codes
    with pytest.raises(LakeError, match="its rows are not those that were published"):
        lake.restore()


def test_an_old_lake_keeps_no_panel_of_what_nobody_compares(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel_cache, "LEAST_BYTES", 1)
    cache = old.parent / "cache"
    monkeypatch.setenv("LAKEBT_CACHE", str(cache))
    lake = Lake.open(old, clock=clock)

    lake.at("R2").panel("close")
    assert not list(cache.rglob("*.panel"))
    lake.restore()
    Lake.open(old).at("R2").panel("close")
    assert len(list(cache.rglob("*.panel"))) == 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["*.parquet", "snap-*.avro", "*-m0.avro"])
def test_an_old_file_with_wrong_bytes_is_one_line_or_is_read(
    old: Path, kind: str
) -> None:
    """No parser ends the process, and no text is left that cannot be read."""
    file = max((old / "warehouse/quant/prices").rglob(kind))
    for _ in spoiled(file, times=60):
        with contextlib.suppress(LakebtError):
            view = Lake.open(old, create=False).at("R2")
            view.read("prices")
            view.panel("close")
