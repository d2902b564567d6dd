"""What other programs do to a lake, with bare pyiceberg; and the lake's own files."""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import TYPE_CHECKING

from pyiceberg.catalog.sql import SqlCatalog

from tests.lake.frames import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator
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
