"""What fails below a lake: a disk that is full, one that may not be written, a clock.

Each fault is a real one: a small file system in memory that is filled up to so many
bytes, a user who may read and not write from some line on, a disk that is mounted
anew. `Act` is what they happen to: every change of a lake, and of places beside it.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import sqlite3
import subprocess
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote, urlsplit

import pytest

from lakebt.cli.new_project import new
from lakebt.cli.token import token
from lakebt.errors import LakeError
from lakebt.lake import Lake
from lakebt.lake.storage.erasure_note import ERASURES
from lakebt.sources.corporate.downloads import Downloads
from tests.lake.crash import read_only
from tests.lake.frames import AS_OF, bars
from tests.lake.interrupted import COMMANDS, Command, nothing, now
from tests.programs import PROMISED, program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.lake.other_engines import Clock

NOBODY = 65_534
"""A user who may do nothing, on all systems that have one."""


@dataclass(frozen=True, kw_only=True)
class Act:
    """Something that changes a lake, or makes one or a file beside it.

    Attributes
    ----------
    run
        Given the folder in which the lake lies, and how late it is.
    prepare
        Makes it necessary.
    names
        What of the folder its errors name, one of them.
    cli, method
        As those of a `Command`.
    """

    run: Callable[[Path, Clock], Any]
    prepare: Callable[[Path], object] = nothing
    names: tuple[str, ...] = ("lake",)
    cli: str = ""
    method: str = ""


def opened(path: Path, clock: Clock | None = None) -> Lake:
    return Lake.open(path, create=False, clock=clock or now())


def _of_a_lake(command: Command) -> Act:
    def prepare(folder: Path) -> None:
        command.prepare(folder / "lake")

    return Act(
        run=lambda folder, clock: command.run(opened(folder / "lake", clock)),
        prepare=nothing if command.prepare is nothing else prepare,
        cli=command.cli,
        method=command.method,
    )


def _lying_there(folder: Path) -> None:
    (folder / "lake").rename(folder / "there")


def _copied(folder: Path) -> None:
    opened(folder / "lake").export(folder / "copy")


def _backed_up(folder: Path) -> None:
    opened(folder / "lake").backup(folder / "there")
    rows = {"prices": bars(symbols=("Y",))}
    opened(folder / "lake").publish(rows, release="R9", as_of=AS_OF)


def _token(folder: Path, _: Clock, *, name: str = "ann", revoke: bool = False) -> None:
    token(name=name, tokens=folder / "tokens", days=0, revoke=revoke)


def _fetch(folder: Path, _: Clock) -> None:
    held = b"a" * 30_000
    Downloads(clock=now()).keep_bytes(
        held, folder / "raw", name="a.csv", source="a test"
    )


ACTS: dict[str, Act] = {name: _of_a_lake(each) for name, each in COMMANDS.items()} | {
    "move": Act(
        run=lambda folder, _: opened(folder / "lake").move(folder / "there"),
        names=("lake", "there"),
        cli="move",
        method="move",
    ),
    "move --from": Act(
        run=lambda folder, clock: Lake.settle(
            folder / "there", home=folder / "lake", clock=clock
        ),
        prepare=_lying_there,
        names=("there",),
        cli="move",
        method="settle",
    ),
    "export": Act(
        run=lambda folder, _: opened(folder / "lake").export(folder / "there"),
        names=("there",),
        cli="export",
        method="export",
    ),
    "export a release": Act(
        run=lambda folder, _: opened(folder / "lake").export(folder / "there", ["R1"]),
        names=("there",),
    ),
    "import": Act(
        run=lambda folder, clock: Lake.import_(
            folder / "copy", folder / "there", clock=clock
        ),
        prepare=_copied,
        names=("there",),
        cli="import_",
        method="import_",
    ),
    "backup": Act(
        run=lambda folder, _: opened(folder / "lake").backup(folder / "there"),
        names=("there",),
        cli="backup",
        method="backup",
    ),
    "back up again": Act(
        run=lambda folder, _: opened(folder / "lake").backup(folder / "there"),
        prepare=_backed_up,
        names=("there",),
    ),
    "make a lake": Act(
        run=lambda folder, clock: Lake.open(folder / "there", clock=clock),
        names=("there",),
        method="open",
    ),
    "make a token": Act(run=_token, names=("tokens", ".tokens.lock"), cli="token"),
    "add a token": Act(
        run=partial(_token, name="bob"),
        prepare=lambda folder: _token(folder, now()),
        names=("tokens", ".tokens.lock"),
    ),
    "revoke a token": Act(
        run=partial(_token, revoke=True),
        prepare=lambda folder: _token(folder, now()),
        names=("tokens", ".tokens.lock"),
    ),
    "fetch": Act(run=_fetch, names=("raw",), cli="fetch"),
    "new": Act(
        run=lambda folder, _: new(folder=folder / "project", seed=1),
        names=("project",),
        cli="new",
    ),
}
"""By their names; those of `COMMANDS` among them, which are derived."""


NO_LAKE = ("is an unfinished copy", "was moved or copied from", "is not a lake")
"""How a place is refused in which there is no lake yet."""


def state(path: Path) -> dict[str, Any]:
    """What the tables say: heads, branches, tags, properties and columns.

    As it lies there, read by nothing but what reads SQLite and JSON.
    """
    pointers = "SELECT table_name, metadata_location FROM iceberg_tables"
    database = f"file:{quote(str(path / 'catalog.db'))}?mode=ro"
    with contextlib.closing(sqlite3.connect(database, uri=True)) as catalog:
        places = dict(catalog.execute(pointers).fetchall())
    said = {}
    for name, place in places.items():
        content = Path(urlsplit(place).path).read_bytes()
        if ".gz." in place:
            content = gzip.decompress(content)
        held = json.loads(content)
        numbers = {
            s["snapshot-id"]: s["sequence-number"] for s in held.get("snapshots", ())
        }
        columns = {s["schema-id"]: s["fields"] for s in held["schemas"]}
        properties = held["properties"]
        said[name] = (
            numbers.get(held.get("current-snapshot-id")),
            sorted((ref, to["type"]) for ref, to in held.get("refs", {}).items()),
            properties | {ERASURES: len(properties.get(ERASURES, ""))},  # random ids
            columns[held["current-schema-id"]],
        )
    return said


def look(folder: Path) -> dict[str, Any]:
    """What is in a folder: lakes, by what their tables and the doctor say, and files.

    A copy that says of itself that it is unfinished is nothing, and so is a lake that
    was moved by hand.

    Raises
    ------
    AssertionError
        If a lake is not healthy, or neither it nor what it is can be told.
    """
    found: dict[str, Any] = {}
    for name in ("lake", "there", "copy"):
        if not (folder / name).exists():
            continue
        said = ""
        try:
            wrong = sorted({each.code for each in opened(folder / name).doctor()})
            found[name] = (state(folder / name), wrong)
        except LakeError as error:
            said = str(error)
        assert not said or any(words in said for words in NO_LAKE), said
    for name in ("tokens", "raw/a.csv"):
        if (folder / name).exists():
            found[name] = len((folder / name).read_bytes())
    listed = folder / "raw" / "downloads.csv"
    if listed.exists():
        found["list"] = len(listed.read_text(encoding="utf-8").splitlines())
    if (project := folder / "project").exists() and any(project.iterdir()):
        found["project"] = sorted(file.name for file in project.iterdir())
    return found


class Disk:
    """A file system of its own in memory.

    Parameters
    ----------
    place
        Where it is mounted.
    """

    def __init__(self, place: Path) -> None:
        self.place = place

    @contextlib.contextmanager
    def room(self, n_bytes: int) -> Iterator[None]:
        """Leave so much room, and give back the rest afterwards."""
        ballast = self.place / "ballast"
        there = os.statvfs(self.place)
        with ballast.open("wb") as file:
            taken = there.f_bavail * there.f_bsize - n_bytes
            os.posix_fallocate(file.fileno(), 0, max(taken, 1))
        try:
            yield
        finally:
            ballast.unlink()

    def used(self) -> int:
        """How many bytes are taken."""
        there = os.statvfs(self.place)
        return (there.f_blocks - there.f_bfree) * there.f_frsize

    @contextlib.contextmanager
    def unwritable(self) -> Iterator[None]:
        """Mount it so that nobody writes on it."""
        self._mount("remount,ro")
        try:
            yield
        finally:
            self._mount("remount,rw")

    def _mount(self, options: str) -> None:
        subprocess.run([program("mount"), "-o", options, str(self.place)], check=True)


@contextlib.contextmanager
def mounted(size: str) -> Iterator[Disk]:
    """Mount a small disk where everybody may read; skip the test if that is not had."""
    place = Path(tempfile.mkdtemp(prefix="disk-"))
    try:
        kind = ["-t", "tmpfs", "-o", f"size={size},mode=755", "lakebt"]
        order = [program("mount"), *kind, str(place)]
        done = subprocess.run(order, check=False, capture_output=True, text=True)
        if done.returncode:
            _missing(f"a tmpfs cannot be mounted here: {done.stderr.strip()}")
        try:
            yield Disk(place)
        finally:
            subprocess.run([program("umount"), str(place)], check=True)
    finally:
        place.rmdir()


def _missing(why: str) -> NoReturn:
    (pytest.fail if "tmpfs" in PROMISED else pytest.skip)(why)
    raise AssertionError


@contextlib.contextmanager
def only_reading(folder: Path) -> Iterator[Callable[[], None]]:
    """Give what takes the right to write from this process, until this is left.

    The superuser becomes nobody; everybody else loses the right on the folder.
    """
    if os.geteuid() != 0:
        with contextlib.ExitStack() as stack:
            yield lambda: stack.enter_context(read_only(folder))
        return
    try:
        yield lambda: os.seteuid(NOBODY)
    finally:
        os.seteuid(0)
