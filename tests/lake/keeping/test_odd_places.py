"""Lakes that are moved and copied to odd places, two at once, or while others look."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from lakebt.errors import InvalidArgumentError, LakebtError, LakeError
from tests.lake.conftest import make_prices
from tests.lake.faults import opened
from tests.lake.frames import AS_OF, bars

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


pytestmark = pytest.mark.lake

NAMES = (
    "a'b",
    'a"b',
    "-rf",
    "~x",
    "a:b",
    "[x]*",
    "C:",
    "a\\b",
    " both ends ",
    "x" * 255,
)
REFUSED = ("100%", "a%20b", "a#b", "a?b", "a\nb", "x" * 256)


ORIGINALS = {"here": make_prices}


@pytest.fixture
def here(path: Path) -> Path:
    """Where a lake of one release is."""
    return path


def check(path: Path) -> None:
    assert opened(path).doctor(deep=True).ok
    assert len(opened(path).at("R1").read("prices")) == 6


@pytest.mark.slow
def test_names_that_mean_something_elsewhere_mean_nothing(
    here: Path, tmp_path: Path
) -> None:
    place = here
    for name in NAMES:
        place = opened(place).move(tmp_path / name)
    check(place)
    opened(place).export(tmp_path / "-copy 'of' [it]")
    check(tmp_path / "-copy 'of' [it]")


@pytest.mark.parametrize("name", REFUSED)
def test_names_that_cannot_be_are_refused_in_one_line(
    here: Path, tmp_path: Path, name: str
) -> None:
    for do in (opened(here).move, opened(here).export):
        with pytest.raises(LakebtError) as refused:
            do(tmp_path / name)
        assert "\n" not in str(refused.value)
    check(here)


def test_links_are_followed_but_not_moved(here: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "lake-link").symlink_to(here)

    with pytest.raises(InvalidArgumentError, match=f"is a link to {here}: open"):
        opened(tmp_path / "lake-link").move(tmp_path / "there")
    with pytest.raises(InvalidArgumentError, match="one would lie in the other"):
        opened(tmp_path / "lake-link").export(here / "inner")
    opened(here).move(tmp_path / "link" / ".." / "link" / "in")
    check(tmp_path / "real" / "in")


def test_what_is_no_place_or_no_list_says_so(here: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    lake: Any = opened(here)

    with pytest.raises(InvalidArgumentError, match="file is a file: name a folder"):
        lake.backup(tmp_path / "file")
    for wrong in ("R1", 3):
        with pytest.raises(InvalidArgumentError, match=rf"pass \[{wrong!r}\]"):
            lake.export(tmp_path / "copy", wrong)
    assert lake.export(tmp_path / "copy", ["R1", "R1"]).releases == ("R1",)
    assert list(opened(tmp_path / "copy").releases()["name"]) == ["R1"]
    for name in ("trials", "releases", "prices"):
        with pytest.raises(InvalidArgumentError, match=f"is taken by table {name}"):
            lake.branch(name, at="R1")


def test_a_copy_that_was_cut_before_its_first_word_goes_on(
    here: Path, tmp_path: Path
) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "unfinished-copy.json").touch()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "unfinished-copy.json").touch()
    (tmp_path / "other" / "theirs").touch()

    opened(here).export(tmp_path / "copy")

    check(tmp_path / "copy")
    with pytest.raises(InvalidArgumentError, match="of another lake: delete it"):
        opened(here).export(tmp_path / "other")


def at_once(*deeds: Callable[[], Any]) -> list[LakebtError]:
    """Do several things at once, and return the errors of those that failed."""
    with ThreadPoolExecutor(len(deeds)) as pool:
        errors = [pool.submit(deed).exception() for deed in deeds]
    failed = [error for error in errors if error is not None]
    assert all(isinstance(error, LakebtError) for error in failed), failed
    return [error for error in failed if isinstance(error, LakebtError)]


def test_of_two_moves_at_once_one_happens_and_copies_stay_whole(
    here: Path, tmp_path: Path
) -> None:
    assert not at_once(*[partial(opened(here).backup, tmp_path / "backup")] * 2)
    check(tmp_path / "backup")

    failed = at_once(*(partial(opened(here).move, tmp_path / n) for n in ("a", "b")))

    (moved,) = (tmp_path / n for n in ("a", "b") if (tmp_path / n).exists())
    assert len(failed) == 1
    check(moved)


def test_who_has_a_lake_open_that_is_moved_is_told_to_open_it_there(
    here: Path, tmp_path: Path
) -> None:
    waits = opened(here)
    opened(here).move(tmp_path / "there")

    with pytest.raises(LakeError, match="is not there any more: open it where"):
        waits.move(tmp_path / "elsewhere")
    rows = {"prices": bars(symbols=("Q",))}
    deeds: list[Callable[[], Any]] = [
        waits.releases,
        waits.trials,
        partial(waits.backup, tmp_path / "backup"),
        partial(waits.publish, rows, release="R2", as_of=AS_OF),
    ]
    for deed in deeds:
        with pytest.raises(LakeError, match="was moved, open it there"):
            deed()
    assert not here.exists()
    check(tmp_path / "there")
