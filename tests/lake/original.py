"""A lake that every test gets as it was made, which costs it a copy of a folder.

A lake holds absolute paths, so that a copy would not open: what one test did to it is
undone in its own place before the next one comes.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Original:
    """A lake in a folder of its own, and how it was when it was made.

    Parameters
    ----------
    folder
        An empty one, which stays empty but for the lake.
    make
        What makes the lake, given its path.

    Attributes
    ----------
    path
        Of the lake.
    """

    def __init__(self, folder: Path, make: Callable[[Path], object]) -> None:
        self._folder, self._kept = folder, folder.with_name(f"{folder.name}-kept")
        self.path = folder / "lake"
        make(self.path)
        shutil.copytree(folder, self._kept)

    def restored(self) -> Path:
        """Undo whatever was done in the folder, and return the path of the lake."""
        shutil.rmtree(self._folder)
        shutil.copytree(self._kept, self._folder)
        return self.path


class OpenOriginal(Original):
    """A lake whose SQLite database a server holds open: it stays, its rows do not.

    Parameters
    ----------
    folder, make
    database
        The name of the database in the folder of the lake.
    """

    def __init__(
        self, folder: Path, make: Callable[[Path], object], *, database: str
    ) -> None:
        super().__init__(folder, make)
        self._database = database

    def restored(self) -> Path:
        """Undo whatever was done in the folder, and return the path of the lake."""
        for place in self.path.iterdir():
            if place.is_dir():
                shutil.rmtree(place)
        shutil.copytree(
            self._kept / self.path.name,
            self.path,
            ignore=shutil.ignore_patterns(f"{self._database}*"),
            dirs_exist_ok=True,
        )
        kept = self._kept / self.path.name / self._database
        with contextlib.closing(sqlite3.connect(self.path / self._database)) as there:
            there.execute("ATTACH ? AS kept", [str(kept)])
            listed = "SELECT name FROM kept.sqlite_master WHERE type = 'table'"
            with there:
                for (table,) in there.execute(listed).fetchall():
                    rows = f"SELECT * FROM kept.{table}"  # noqa: S608 - its own names
                    there.execute(f"DELETE FROM main.{table}")  # noqa: S608
                    there.execute(f"INSERT INTO main.{table} {rows}")
        return self.path
