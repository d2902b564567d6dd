"""Which files the snapshots of a table reach, and which files lie in its folders.

A file is deleted only when no snapshot that stays reaches it, and that is found by
following every one of them: snapshot, manifest list, manifest, data file. None of these
ever changes, so each is read once.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow.fs as pafs
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.manifest import DataFileContent

from lakebt.lake.storage.failures import is_failure
from lakebt.lake.storage.scan_plan import manifests_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pyiceberg.io import FileIO
    from pyiceberg.manifest import ManifestFile
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot

    Step = Callable[[int, int], None]


MANIFEST_LIST, MANIFEST, DATA = "manifest list", "manifest", "data file"
POSITION_DELETES, EQUALITY_DELETES = "positional delete file", "equality delete file"

_CONTENT = {
    DataFileContent.DATA: DATA,
    DataFileContent.POSITION_DELETES: POSITION_DELETES,
    DataFileContent.EQUALITY_DELETES: EQUALITY_DELETES,
}

_WRITTEN = (".parquet", ".avro", ".metadata.json")
"""How the names of files end that lakebt writes; others are somebody else's."""


@dataclass(frozen=True, slots=True)
class File:
    """A file that a snapshot reaches.

    Attributes
    ----------
    path : str
        As it is written in the metadata.
    kind : str
        What it is, in words.
    n_bytes : int or None
        Its size, as what refers to it says; None where nothing does.
    """

    path: str
    kind: str
    n_bytes: int | None

    @property
    def name(self) -> str:
        """Its name, without the path that leads there."""
        return self.path.rsplit("/", maxsplit=1)[-1]


class Walk:
    """Follows snapshots to their files. Each file is read once, however often asked.

    Attributes
    ----------
    unreadable : dict of str to str
        By path, why a manifest list or a manifest could not be read: what lies behind
        it is not known.
    """

    def __init__(self, io: FileIO) -> None:
        self._io = io
        self._manifests: dict[str, ManifestFile] = {}
        self._below: dict[str, tuple[File, ...]] = {}
        self.unreadable: dict[str, str] = {}

    def reach(
        self, snapshots: Iterable[Snapshot], step: Step | None = None
    ) -> dict[str, File]:
        """Return every file that any of the snapshots reaches, by path."""
        lists = [self.top(snapshot) for snapshot in snapshots]
        files = {file.path: file for file in lists}
        for number, file in enumerate(lists):
            files.update((below.path, below) for below in self.below(file))
            if step is not None:
                step(number, 2 * len(lists))
        manifests = [file for file in files.values() if file.kind == MANIFEST]
        for number, file in enumerate(manifests):
            files.update((below.path, below) for below in self.below(file))
            if step is not None:
                step(len(lists) + number, len(lists) + len(manifests))
        return files

    def top(self, snapshot: Snapshot) -> File:
        """Return the manifest list of a snapshot."""
        return File(snapshot.manifest_list, MANIFEST_LIST, None)

    def below(self, file: File) -> tuple[File, ...]:
        """Return what a manifest list or a manifest refers to, without what it drops.

        Nothing if it cannot be read, which `unreadable` then says.
        """
        if file.path not in self._below:
            read = self._read_list if file.kind == MANIFEST_LIST else self._read
            try:
                self._below[file.path] = read(file.path)
            except Exception as error:
                if not is_failure(error):
                    raise
                is_lost = isinstance(error, FileNotFoundError)
                self.unreadable[file.path] = "is gone" if is_lost else "is damaged"
                self._below[file.path] = ()
        return self._below[file.path]

    def _read_list(self, path: str) -> tuple[File, ...]:
        manifests = manifests_in(self._io, path)
        self._manifests.update(
            (manifest.manifest_path, manifest) for manifest in manifests
        )
        return tuple(
            File(manifest.manifest_path, MANIFEST, manifest.manifest_length)
            for manifest in manifests
        )

    def _read(self, path: str) -> tuple[File, ...]:
        entries = self._manifests[path].fetch_manifest_entry(self._io)
        files = [entry.data_file for entry in entries]
        return tuple(
            File(file.file_path, _CONTENT[file.content], file.file_size_in_bytes)
            for file in files
        )


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

    def size(self, path: str) -> int | None:
        """Return how many bytes a file of the metadata has; None if it is gone."""
        system, place = self._place(path)
        if place in self.files:
            return self.files[place].n_bytes
        info = system.get_file_info(place)  # one that lies elsewhere
        return info.size if info.type is pafs.FileType.File else None

    def others(self, reached: Iterable[str], *, before: dt.datetime) -> list[Found]:
        """Return files such as lakebt writes that are not `reached`, if old enough."""
        known = {self._place(path)[1] for path in reached}
        return [
            file
            for place, file in self.files.items()
            if place not in known
            and place.endswith(_WRITTEN)
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
        scheme, netloc, place = PyArrowFileIO.parse_location(path, self._io.properties)
        return self._io.fs_by_scheme(scheme, netloc), place


def metadata_files(table: Table) -> list[str]:
    """Return the metadata files that a table refers to: its own, and the log's."""
    metadata = table.metadata
    return [
        table.metadata_location,
        *(entry.metadata_file for entry in metadata.metadata_log),
        *(file.statistics_path for file in metadata.statistics),
        *(file.statistics_path for file in metadata.partition_statistics),
    ]
