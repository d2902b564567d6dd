"""Which files lie in the folders of a table, and which its metadata names."""

from __future__ import annotations

import datetime as dt
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pyarrow.fs as pafs
from pyiceberg.io.pyarrow import PyArrowFileIO

from lakebt.lake.storage.fingerprint import LISTED
from lakebt.lake.storage.reach import place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyiceberg.table import Table


_OWN = 2
"""Folders above a table's ``data`` that are the lake's: its own, its namespace's."""

_WRITTEN = (".parquet", ".avro", ".metadata.json", LISTED)
"""How the names of files end that lakebt writes; others are somebody else's."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file that lies in a table's folder."""

    path: str
    n_bytes: int
    written_at: dt.datetime


class Folders:
    """The two folders of a table, ``data`` and ``metadata``, as they are now.

    They are listed once, because asking for each of 100,000 files takes minutes. The
    targets of links are not among them.
    """

    def __init__(self, table: Table) -> None:
        io = table.io
        self._io = io if isinstance(io, PyArrowFileIO) else PyArrowFileIO(io.properties)
        self.files: dict[str, Found] = {}
        for folder in ("data", "metadata"):
            system, path = self._place(f"{table.location()}/{folder}")
            if isinstance(system, pafs.LocalFileSystem):
                self.files |= {
                    path_within.path: path_within for path_within in _within(path)
                }
                continue
            selector = pafs.FileSelector(path, recursive=True, allow_not_found=True)
            for info in system.get_file_info(selector):
                if info.type is pafs.FileType.File:
                    nanoseconds = info.mtime_ns or 0  # every store tells it
                    self.files[info.path] = _found(info.path, info.size, nanoseconds)
        self._system = self._place(table.location())[0]
        scheme = urlsplit(table.location()).scheme
        self._scheme = "" if scheme in {"", "file"} else f"{scheme}://"

    def size(self, path: str) -> int | None:
        """Return how many bytes a file of the metadata has; None if it is gone."""
        system, inner = self._place(path)
        if inner in self.files:
            return self.files[inner].n_bytes
        info = system.get_file_info(inner)  # one that lies elsewhere
        return info.size if info.type is pafs.FileType.File else None

    def others(
        self, reached: Iterable[str], *, before: dt.datetime | None = None
    ) -> list[Found]:
        """Return files such as lakebt writes that are not `reached`, if old enough."""
        known = set(map(place, reached))
        return [
            file
            for path, file in self.files.items()
            if place(f"{self._scheme}{path}") not in known
            and path.endswith(_WRITTEN)
            and (before is None or file.written_at < before)
        ]

    def content(self, file: Found) -> bytes:
        """Return what a file that was found here holds.

        Raises
        ------
        OSError
            If it cannot be read.
        """
        with self._system.open_input_file(file.path) as stream:
            return stream.read()

    def delete(self, file: Found) -> None:
        """Delete a file that was found here.

        Raises
        ------
        OSError
            If it cannot be deleted.
        """
        self._system.delete_file(file.path)

    def _place(self, path: str) -> tuple[pafs.FileSystem, str]:
        scheme, netloc, inner = PyArrowFileIO.parse_location(path, self._io.properties)
        return self._io.fs_by_scheme(scheme, netloc), inner


def _found(path: str, n_bytes: int, nanoseconds: int) -> Found:
    written = dt.datetime.fromtimestamp(nanoseconds / 1e9, dt.UTC)
    return Found(path, n_bytes, written)


def _within(path: str) -> Iterator[Found]:
    """Give the files of a folder on a disk, and of those in it: through no link."""
    folder = Path(path)
    if any(each.is_symlink() for each in (folder, *list(folder.parents)[:_OWN])):
        return
    for inner, _, names in os.walk(path):
        for name in names:
            whole = os.path.join(inner, name)  # noqa: PTH118 - of very many
            status = os.lstat(whole)
            if stat.S_ISREG(status.st_mode):
                yield _found(whole, status.st_size, status.st_mtime_ns)


def metadata_files(table: Table) -> list[str]:
    """Return the metadata files that a table refers to: its own, and the log's."""
    metadata = table.metadata
    return [
        table.metadata_location,
        *(entry.metadata_file for entry in metadata.metadata_log),
        *(file.statistics_path for file in metadata.statistics),
        *(file.statistics_path for file in metadata.partition_statistics),
    ]
