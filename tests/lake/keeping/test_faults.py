"""Whatever changes a lake, or makes something beside it, meets a disk that is full.

And one that is read only, and a clock that went back. Afterwards all is as it was or as
it should be, the error is one line with the place and the cure, and the same words do
it once the fault is gone.
"""

from __future__ import annotations

import functools
import inspect
import os
import random
import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from lakebt.cli import app
from lakebt.errors import LakebtError
from lakebt.lake import Lake
from tests.lake.faults import ACTS, Act, Disk, look, mounted, only_reading
from tests.lake.interrupted import COMMANDS, Interrupter, make, nothing, now
from tests.lake.keeping.test_interrupted import (
    READING,
    READING_METHODS,
    RECORDING,
    SERVING,
)
from tests.lake.original import Original
from tests.lake.other_engines import Clock
from tests.nightly import IS_NIGHTLY, times

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.lake, pytest.mark.slow]

INSTANTS = times(1, 40)
"""At which the right to write goes, for each act."""

PAGE = 4096
"""By which a disk in memory fills up."""

CURES = (
    *("Make some, and do it again", "Make room, and do it again"),
    *("Check the permissions of its directory", "Choose another place"),
    *("Choose a writable directory", "chmod 600", "cannot be read"),
    *("Check its directory's permissions",),
)
"""One of which ends every error, or follows what the system said."""


class Bench:
    """A lake on a small disk, and each act's effect on it.

    Parameters
    ----------
    disk
    kept
        A folder elsewhere, for what the disk held when an act was needed.
    """

    def __init__(self, disk: Disk, kept: Path) -> None:
        self.disk, self._kept = disk, kept
        self._folder = disk.place / "folder"
        self._folder.mkdir()
        self._original = Original(self._folder, make)
        self._as_made, self._used = look(self._folder), disk.used()
        self.effect = functools.cache(self._effect)
        self.again = functools.cache(self._again)

    def fresh(self, name: str) -> Path:
        """Return the folder in which an act is needed, whose effect is known."""
        self.effect(name)
        return self._prepared(name)

    def _prepared(self, name: str) -> Path:
        kept = self._kept / name
        if ACTS[name].prepare is nothing:
            self._original.restored()
        elif kept.exists():
            shutil.rmtree(self._folder)
            shutil.copytree(kept, self._folder)
        else:
            self._original.restored()
            ACTS[name].prepare(self._folder)
            shutil.copytree(self._folder, kept)
        return self._folder

    def _effect(self, name: str) -> tuple[Any, Any, int, int]:
        """Return what is there before and after, the bytes and the lines between."""
        act = ACTS[name]
        folder = self._prepared(name)
        before, used = self._as_made, self._used
        if act.prepare is not nothing:
            before, used = look(folder), self.disk.used()
        counter = Interrupter()
        assert counter.run(lambda: act.run(folder, now()))
        return before, look(folder), self.disk.used() - used, counter.count

    def _again(self, name: str) -> str:
        """Return what is said of an act that is done already."""
        act, folder = ACTS[name], self._prepared(name)
        act.run(folder, now())
        with pytest.raises(LakebtError) as caught:
            act.run(folder, now())
        return words_of(caught.value)


def words_of(error: LakebtError) -> str:
    """Return what an error says, but for ids, instants and how many."""
    return re.sub(r"\b[0-9a-f]{16}\b|\d+", "#", str(error))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    umask = os.umask(0o022)
    try:
        with mounted("16m") as disk:
            yield Bench(disk, tmp_path_factory.mktemp("prepared"))
    finally:
        os.umask(umask)


def attempt(act: Act, do: Callable[[], Any], folder: Path) -> str | None:
    """Try an act, and return its error, which says where and what to do."""
    try:
        do()
    except LakebtError as error:
        said = str(error)
    else:
        return None
    assert "\n" not in said
    assert any(str(folder / name) in said for name in act.names), said
    assert any(cure in said for cure in CURES), said
    return said


def check(bench: Bench, name: str, folder: Path, *, failed: bool, where: Any) -> None:
    """Check that an act did nothing or all, and can be done."""
    before, after, _, _ = bench.effect(name)
    found = look(folder)
    assert found in ([before] if failed else [before, after]), where
    said = ""
    try:
        ACTS[name].run(folder, now())
    except LakebtError as error:
        assert found == after, (where, error)  # noqa: PT017 - it was done
        said = words_of(error)
    assert {**look(folder), "list": 0} == {**after, "list": 0}, where
    assert not said or said == bench.again(name), where


def rooms(name: str, n_bytes: int) -> list[int]:
    """Return how many bytes are left: all that are not enough, or one of them."""
    enough = max(n_bytes, 0) + 24 * PAGE
    if IS_NIGHTLY:
        return list(range(0, enough, PAGE if enough < 100 * PAGE else 4 * PAGE))
    chosen = random.Random(name)  # noqa: S311 - which
    return [chosen.choice([0, chosen.randrange(0, max(n_bytes, PAGE))])]


@pytest.mark.parametrize("name", ACTS)
def test_a_full_disk_leaves_what_was_there_or_what_should_be(
    bench: Bench, name: str
) -> None:
    act = ACTS[name]
    for room in rooms(name, bench.effect(name)[2]):
        folder = bench.fresh(name)
        with bench.disk.room(room):
            said = attempt(act, lambda: act.run(folder, now()), folder)  # noqa: B023
        assert said is None or re.search("room|No space", said), (room, said)
        check(bench, name, folder, failed=said is not None, where=(name, room, said))


@pytest.mark.parametrize("name", ACTS)
def test_a_folder_that_turns_read_only_leaves_what_was_there_or_what_should_be(
    bench: Bench, name: str
) -> None:
    act = ACTS[name]
    lines = max(bench.effect(name)[3], 1)
    chosen = random.Random(f"rights {name}")  # noqa: S311 - which instants
    for at in sorted(chosen.sample(range(lines), min(INSTANTS, lines))):
        folder = bench.fresh(name)
        with only_reading(folder) as end:
            tried = Interrupter(at, end) if at else None
            if tried is None:
                end()

            def do() -> None:
                run = functools.partial(act.run, folder, now())  # noqa: B023
                tried.run(run) if tried else run()  # noqa: B023

            said = attempt(act, do, folder)
        check(bench, name, folder, failed=said is not None, where=(name, at, said))


@pytest.mark.parametrize("name", ["publish", "move", "export", "add a token", "new"])
def test_a_disk_that_is_mounted_to_be_read_is_told_of(bench: Bench, name: str) -> None:
    act = ACTS[name]
    folder = bench.fresh(name)
    with bench.disk.unwritable():
        said = attempt(act, lambda: act.run(folder, now()), folder)
    assert said is not None
    check(bench, name, folder, failed=True, where=(name, said))


@pytest.mark.parametrize("name", [*COMMANDS, "import", "make a lake"])
def test_a_clock_that_went_back_before_the_last_commit_harms_nothing(
    bench: Bench, name: str
) -> None:
    act = ACTS[name]
    folder = bench.fresh(name)
    back = Clock()
    back.pass_by(days=-60)

    act.run(folder, back)

    check(bench, name, folder, failed=False, where=name)


def test_every_command_line_that_changes_anything_meets_these_faults() -> None:
    there = {
        each.callback.__name__ for each in app.registered_commands if each.callback
    }
    covered = {each.cli.partition(" ")[0] for each in ACTS.values()} - {"", "doctor"}

    assert there - READING - RECORDING - SERVING == covered


def test_every_method_of_a_lake_that_changes_anything_meets_these_faults() -> None:
    there = {
        name
        for name, value in inspect.getmembers(Lake, callable)
        if not name.startswith("_")
    }

    assert there - READING_METHODS == {each.method for each in ACTS.values()} - {""}
