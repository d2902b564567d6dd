"""What other programs do to a lake, with bare pyiceberg; and the lake's own files."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import random
from typing import TYPE_CHECKING, Any

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table.update import AddSnapshotUpdate, SetSnapshotRefUpdate

from tests.lake.frames import NOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pyiceberg.table import Table


class Clock:
    """A clock that is set by the test."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> dt.datetime:
        return self.now

    def pass_by(self, **time: float) -> None:
        self.now += dt.timedelta(**time)


@contextlib.contextmanager
def foreign_catalog(path: Path) -> Iterator[SqlCatalog]:
    """Open the catalog as any other program does."""
    uri = f"sqlite:///{path}/catalog.db"
    catalog = SqlCatalog("lake", uri=uri, warehouse=f"file://{path}/warehouse")
    try:
        yield catalog
    finally:
        catalog.engine.dispose()


@contextlib.contextmanager
def foreign_table(path: Path, name: str) -> Iterator[Table]:
    """Open one table as any other program does."""
    with foreign_catalog(path) as catalog:
        yield catalog.load_table(f"quant.{name}")


def files(path: Path, name: str = "") -> set[Path]:
    """Every file of a lake's tables, or of one, but for Iceberg's metadata."""
    folder = path / "warehouse/quant" / name
    return {
        file
        for file in folder.rglob("*")
        if file.is_file() and not file.name.endswith(".metadata.json")
    }


def data_of(table: Table, tag: str) -> set[str]:
    """The names of the data files that a tag reaches, by pyiceberg's own planning."""
    tasks = table.scan().use_ref(tag).plan_files()
    return {task.file.file_path.rsplit("/", maxsplit=1)[-1] for task in tasks}


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": lambda path: f"file://{path}",
    "a dot": lambda path: f"file://{'/./'.join(os.path.split(path))}",
    "two slashes": lambda path: f"file://{path.replace('/metadata/', '/metadata//')}",
    "no scheme": lambda path: path,
    "one slash": lambda path: f"file:{path}",
    "there and back": lambda path: (
        f"file://{path.replace('/quant', '/quant/../quant')}"
    ),
    "capitals": lambda path: f"FILE://{path}",
    "a query": lambda path: f"file://{path}?x=1",
}
"""How the path of a file can be written, so that pyiceberg reads the same file."""


def spelled(uri: str, spelling: str) -> str:
    """Write the URI of a local file in another way."""
    return SPELLINGS[spelling](uri.removeprefix("file://"))


def spoiled(file: Path, *, times: int) -> Iterator[int]:
    """Give a file with some wrong bytes, so many times, and then leave it as it was."""
    generator = random.Random(7)  # noqa: S311 - of no secret
    whole = file.read_bytes()
    for number in range(times):
        start = generator.randrange(len(whole))
        wrong = generator.randbytes(generator.choice([1, 1, 3, 8, 40]))
        file.write_bytes(whole[:start] + wrong + whole[start + len(wrong) :])
        yield number
    file.write_bytes(whole)


def wedge(path: Path, name: str, manifest_list: str, **said: Any) -> int:
    """Add a snapshot that no branch has, with a manifest list that somebody chose."""
    with foreign_table(path, name) as table:
        head = table.metadata.current_snapshot()
        assert head is not None
        sequence = getattr(table.metadata, "last_sequence_number", 0) + 1
        number = 1000 + sequence
        told: dict[str, Any] = head.model_dump(by_alias=True, mode="json") | {
            "snapshot-id": number,
            "sequence-number": sequence,
            "manifest-list": manifest_list,
        }
        added = AddSnapshotUpdate.model_validate({"snapshot": told | said})
        table.catalog.commit_table(table, (), (added,))
    return number


def name_snapshot(path: Path, table: str, ref: str, number: int, kind: str) -> None:
    """Set a branch or a tag, as any other program can."""
    said = {"ref-name": ref, "snapshot-id": number, "type": kind}
    with foreign_table(path, table) as held:
        update = SetSnapshotRefUpdate.model_validate(said)
        held.catalog.commit_table(held, (), (update,))
