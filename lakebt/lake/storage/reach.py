"""What snapshots reach, and what of it may be deleted: only what nothing else reaches.

A file is deleted only when no snapshot that stays reaches it, and that is found by
following every one of them: snapshot, manifest list, manifest, data file. None of these
ever changes, so each is read once. Files are compared by where they lie, for a path has
many spellings; and what lies outside of a table's folder is not the table's to delete.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pyiceberg.manifest import DataFileContent

from lakebt.lake.storage.failures import is_failure
from lakebt.lake.storage.fingerprint import NOTHING
from lakebt.lake.storage.scan_plan import manifests_in
from lakebt.lake.storage.snapshots import delete_quietly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pyiceberg.io import FileIO
    from pyiceberg.manifest import ManifestFile
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.snapshots import Snapshot

    Step = Callable[[int, int], None]


MANIFEST_LIST, MANIFEST, DATA = "manifest list", "manifest", "data file"
POSITION_DELETES, EQUALITY_DELETES = "positional delete file", "equality delete file"
DIGESTS = "list of digests"

_CONTENT = {
    DataFileContent.DATA: DATA,
    DataFileContent.POSITION_DELETES: POSITION_DELETES,
    DataFileContent.EQUALITY_DELETES: EQUALITY_DELETES,
}


def place(path: str) -> str:
    """Return where a file lies, the same for every spelling of its path.

    Examples
    --------
    >>> place("file:///lake/./data//a.parquet"), place("s3a://lake//data/a.parquet")
    ('/lake/data/a.parquet', 's3://lake/data/a.parquet')
    """
    try:
        parts = urlsplit(path)
    except ValueError:  # brackets, of no address
        return path
    if parts.scheme in {"", "file"}:
        local = f"{parts.netloc}{parts.path}" if parts.scheme else path
        folder, name = os.path.split(local)
        if name in {"", ".", ".."}:
            return os.path.realpath(local)
        return os.path.join(_real(folder), name)  # noqa: PTH118 - a hundred thousand
    scheme = "s3" if parts.scheme in {"s3a", "s3n"} else parts.scheme
    inner = os.path.normpath(f"/{parts.path}").lstrip("/")
    return f"{scheme}://{parts.netloc}/{inner}"


@functools.lru_cache(maxsize=256)
def _real(folder: str) -> str:
    return os.path.realpath(folder)


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
    n_rows : int or None
        The rows of a data file.
    """

    path: str
    kind: str
    n_bytes: int | None
    n_rows: int | None = None

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

    def __init__(self, io: FileIO, told: Mapping[str, str] = NOTHING) -> None:
        self._io, self._told = io, told
        self._manifests: dict[str, ManifestFile] = {}
        self._below: dict[str, tuple[File, ...]] = {}
        self.unreadable: dict[str, str] = {}

    def reach(
        self, snapshots: Iterable[Snapshot], step: Step | None = None
    ) -> dict[str, File]:
        """Return every file that any of the snapshots reaches, by path."""
        tell = step or (lambda *_: None)
        files = self.named(snapshots, lambda done, of: tell(done, 2 * of))
        manifests = [file for file in files.values() if file.kind == MANIFEST]
        n_lists = len(files) - len(manifests)
        for number, file in enumerate(manifests):
            files.update((below.path, below) for below in self.below(file))
            tell(n_lists + number, n_lists + len(manifests))
        return files

    def named(
        self, snapshots: Iterable[Snapshot], step: Step | None = None
    ) -> dict[str, File]:
        """Return the manifest lists of the snapshots, and the manifests, by path."""
        lists = [self.top(snapshot) for snapshot in snapshots]
        files = {file.path: file for file in lists}
        for number, file in enumerate(lists):
            files.update((below.path, below) for below in self.below(file))
            if step is not None:
                step(number, len(lists))
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
        manifests = manifests_in(self._io, path, self._told)
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
            File(
                path=file.file_path,
                kind=_CONTENT[file.content],
                n_bytes=file.file_size_in_bytes,
                n_rows=file.record_count if _CONTENT[file.content] == DATA else None,
            )
            for file in files
        )


def unneeded(going: Iterable[str], kept: Iterable[str], *, folder: str) -> list[str]:
    """Return which files may be deleted: in the folder, and none of what is kept.

    Parameters
    ----------
    going
        Paths that metadata names, in any spelling; a client may have written them.
    kept
        Paths of all that must stay.
    folder
        The location of the table whose files are deleted.
    """
    inside = f"{place(f'{folder}/.').rstrip('/')}/"
    stays = set(map(place, kept))
    by_place = {place(path): path for path in going}
    return [
        path
        for where, path in by_place.items()
        if where not in stays and where.startswith(inside)
    ]


def delete_expired(
    io: FileIO,
    before: TableMetadata,
    after: TableMetadata,
    *,
    data: bool = True,
    is_alone: Callable[[Snapshot], bool] = lambda _: False,
) -> None:
    """Delete the files of the snapshots that a commit expired, but for what is reached.

    Nothing is deleted if it is not known what the snapshots that stay need. Without
    `data`, only manifest lists and manifests are looked at and deleted. Those that stay
    and are `is_alone`, which says that they reach no file of others, are not read: in
    a store that is six requests for each.
    """
    stays = {snapshot.snapshot_id for snapshot in after.snapshots}
    expired = [old for old in before.snapshots if old.snapshot_id not in stays]
    if not expired:
        return
    walk = Walk(io)
    reach = walk.reach if data else walk.named
    kept = reach(each for each in after.snapshots if not is_alone(each))
    if not walk.unreadable:
        delete_quietly(io, unneeded(reach(expired), kept, folder=after.location))
