"""A lake that every test gets as it was made, which costs it a copy of a folder.

A lake holds absolute paths, so that a copy would not open: what one test did to it is
undone in its own place before the next one comes.
"""

from __future__ import annotations

import shutil
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
