"""Written files survive a power cut before anything refers to them.

SQLite makes its commit durable before it answers. A file that the commit refers to may
by then be nowhere but in memory, unless it was asked for.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pyiceberg.io.pyarrow import PyArrowFileIO

if TYPE_CHECKING:
    from pyiceberg.io import FileIO


_FOLDERS = 6
"""From a metadata file's own to the one that the lake's directory lies in."""


def sync(io: FileIO, *locations: str) -> None:
    """Have local files, and their names in their folders, on the disk.

    Object stores answer only once they have a file, so for theirs nothing is done.
    """
    folders: set[Path] = set()
    for location in locations:
        scheme, _, path = PyArrowFileIO.parse_location(location, io.properties)
        if scheme == "file":
            file = Path(path)
            _sync(file)
            folders |= {file.parent, file.parent.parent}  # it may be a new one
    for folder in sorted(folders):
        _sync(folder)


def sync_folders(io: FileIO, location: str) -> None:
    """Have the names of the folders that a new local file lies in on the disk.

    All of them may be new: the table's, its namespace's, the warehouse's, the lake's.
    """
    scheme, _, path = PyArrowFileIO.parse_location(location, io.properties)
    if scheme == "file":
        for folder in list(Path(path).parents)[:_FOLDERS]:
            with contextlib.suppress(PermissionError):  # one that was there before
                _sync(folder)


def write_whole(path: Path, content: bytes) -> None:
    """Write a local file that is there as a whole, on the disk, or not at all.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_bytes(content)
        _sync(part)
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
