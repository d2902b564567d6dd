"""Which files lie in the folders of a table, and which its metadata names."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pyarrow.fs as pafs
from pyiceberg.io.pyarrow import PyArrowFileIO

from lakebt.lake.storage.reach import place

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyiceberg.table import Table


_WRITTEN = (".parquet", ".avro", ".metadata.json")
"""How the names of files end that lakebt writes; others are somebody else's."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file that lies in a table's folder."""

    path: str
    n_bytes: int
    written_at: dt.datetime


class Folders:
    """The two folders of a table, ``data`` and ``metadata``, as they are now.

    Listed once: asking for each of a hundred thousand files takes minutes.
    """

    def __init__(self, table: Table) -> None:
        io = table.io
        self._io = io if isinstance(io, PyArrowFileIO) else PyArrowFileIO(io.properties)
        self.files: dict[str, Found] = {}
        for folder in ("data", "metadata"):
            system, path = self._place(f"{table.location()}/{folder}")
            selector = pafs.FileSelector(path, recursive=True, allow_not_found=True)
            for info in system.get_file_info(selector):
                if info.type is pafs.FileType.File:
                    seconds = (info.mtime_ns or 0) / 1e9  # every store tells it
                    written = dt.datetime.fromtimestamp(seconds, dt.UTC)
                    self.files[info.path] = Found(info.path, info.size, written)
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

    def others(self, reached: Iterable[str], *, before: dt.datetime) -> list[Found]:
        """Return files such as lakebt writes that are not `reached`, if old enough."""
        known = set(map(place, reached))
        return [
            file
            for path, file in self.files.items()
            if place(f"{self._scheme}{path}") not in known
            and path.endswith(_WRITTEN)
            and file.written_at < before
        ]

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


def metadata_files(table: Table) -> list[str]:
    """Return the metadata files that a table refers to: its own, and the log's."""
    metadata = table.metadata
    return [
        table.metadata_location,
        *(entry.metadata_file for entry in metadata.metadata_log),
        *(file.statistics_path for file in metadata.statistics),
        *(file.statistics_path for file in metadata.partition_statistics),
    ]
