"""The metadata of a table as it is to be elsewhere: Iceberg's paths are absolute.

Manifests and the lists of them are written anew, with other paths and so other names;
all else in them stays as it was, to the byte. Snapshots keep their ids, and branches
and tags the snapshots that they name. Data files do not change.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from lakebt.errors import LakeError
from lakebt.lake.storage.avro_fields import replaced
from lakebt.lake.storage.fingerprint import (
    HOMES,
    NOTHING,
    OPEN,
    check,
    homes_of,
    named,
    with_home,
)
from lakebt.lake.storage.metadata import in_order
from lakebt.lake.storage.reach import DATA, File, place

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.snapshots import Snapshot

    from lakebt.lake.storage.avro_fields import Value


_DELETED, _POSITION_DELETES = 2, 1
"""As the specification numbers them."""

_PATH, _KIND = "data_file.file_path", "data_file.content"
_ENTRY = ("status", _PATH, _KIND, "data_file.file_size_in_bytes")
_LISTED = ("manifest_path", "manifest_length")


def within(path: str, folder: str) -> str | None:
    """Return what of a path comes after a folder; None if it does not lie in there.

    Examples
    --------
    >>> within("file:/old/lake/./data//a.parquet", "file:///old/lake")
    '/data/a.parquet'
    >>> within("file:///old/lakes/a.parquet", "file:///old/lake") is None
    True
    """
    inside = place(f"{folder.rstrip('/')}/.")
    where = place(path)
    return where.removeprefix(inside) if where.startswith(f"{inside}/") else None


def brought(path: str, location: str) -> str:
    """Return where a file that lay elsewhere lies once it is a table's own."""
    folder = hashlib.blake2b(path.encode(), digest_size=8).hexdigest()
    return f"{location}/data/{folder}/{path.rsplit('/', maxsplit=1)[-1]}"


class Relocation:
    """Writes the metadata of one table for another place.

    Parameters
    ----------
    read
        Returns the content of a file, given its path as the metadata has it.
    put
        Takes a new file: its path, and what is in it.
    anew
        Returns the path that a file is to have, given its own.
    location
        Where the table is to lie.
    where
        Its name in errors.
    told
        The digests of files whose names do not tell them.
    is_listed
        Whether lists of digests may name files by where they lay before: the table says
        where that was, then.

    Attributes
    ----------
    data : dict of str to File
        The data files that the snapshots reach, by their path as it was.
    replaced : set of str
        The manifests, and lists of them, in whose place others were written.
    """

    def __init__(
        self,
        *,
        read: Callable[[str], bytes],
        put: Callable[[str, bytes], None],
        anew: Callable[[str], str],
        location: str,
        where: str,
        told: Mapping[str, str] = NOTHING,
        is_listed: bool = True,
    ) -> None:
        self._is_listed = is_listed
        self._read, self._put, self._anew = read, put, anew
        self._location, self._where, self._told = location, where, told
        self._manifests: dict[str, tuple[str, int]] = {}
        self._lists: dict[str, str] = {}
        self.data: dict[str, File] = {}
        self.replaced: set[str] = set()

    def metadata(
        self,
        before: TableMetadata,
        *,
        only: Collection[int] | None = None,
        step: Callable[[], None] = lambda: None,
    ) -> TableMetadata:
        """Return the metadata of a table as it is to be, having written what it names.

        Parameters
        ----------
        before
        only
            The snapshots that stay; all of them by default.
        step
            Called after each.

        Raises
        ------
        ChangedFileError, DamagedFileError
            If a file is not what was written.
        FileNotFoundError
            If one is gone.
        LakeError
            If rows were deleted by their place in a file, which would be forgotten.
        """
        kept = []
        for snapshot in before.snapshots:
            if only is None or snapshot.snapshot_id in only:
                kept.append(self._snapshot(snapshot))
                step()
        ids = {snapshot.snapshot_id for snapshot in kept}
        head = before.current_snapshot_id
        log = [entry for entry in before.snapshot_log if entry.snapshot_id in ids]
        while log and log[-1].snapshot_id != head:  # other engines want it to end so
            log.pop()
        updates: dict[str, Any] = {
            "location": self._location,
            "snapshots": kept,
            "current_snapshot_id": head if head in ids else None,
            "snapshot_log": log,
            "refs": {n: to for n, to in before.refs.items() if to.snapshot_id in ids},
            # These files hold paths of the other place, which do not exist here.
            "metadata_log": [],
            "statistics": self._statistics(before.statistics, ids),
            "partition_statistics": self._statistics(before.partition_statistics, ids),
            "properties": self._properties(before),
        }
        moved = before.model_copy(update=updates)
        return in_order(moved, at_least=before.last_updated_ms)

    def _properties(self, before: TableMetadata) -> dict[str, str]:
        properties = {
            key: self._anew(value) if value.startswith(before.location) else value
            for key, value in before.properties.items()
            if key != HOMES
        }
        if not self._is_listed:
            return properties
        homes = with_home(homes_of(before.properties), before.location, self._location)
        return properties | ({HOMES: homes} if homes else {})

    def _statistics(self, files: Any, ids: Collection[int]) -> list[Any]:
        kept = []
        for file in files:
            if file.snapshot_id in ids:
                path = file.statistics_path
                self.data[path] = File(path, DATA, file.file_size_in_bytes)
                kept.append(
                    file.model_copy(update={"statistics_path": self._anew(path)})
                )
        return kept

    def _snapshot(self, snapshot: Snapshot) -> Snapshot:
        path = snapshot.manifest_list
        if path not in self._lists:
            content = self._content(path)
            self._lists[path] = self._written(
                f"snap-{snapshot.snapshot_id}-0-{OPEN}.avro",
                replaced(content, _LISTED, self._listed),
            )[0]
        return snapshot.model_copy(update={"manifest_list": self._lists[path]})

    def _listed(self, entry: Mapping[str, Value]) -> dict[str, Value]:
        path, length = self._manifest(str(entry["manifest_path"]))
        return {"manifest_path": path, "manifest_length": length}

    def _manifest(self, path: str) -> tuple[str, int]:
        if path not in self._manifests:
            content = replaced(self._content(path), _ENTRY, self._entry)
            self._manifests[path] = self._written(f"{OPEN}-m0.avro", content)
        return self._manifests[path]

    def _entry(self, entry: Mapping[str, Value]) -> dict[str, Value]:
        path = str(entry[_PATH])
        if entry["status"] != _DELETED:
            if entry.get(_KIND) == _POSITION_DELETES:
                msg = (
                    f"{self._where}: rows of it were deleted by files that name their "
                    f"places, which do not move along: undo that, as `lake.doctor()` "
                    f"says, or have Spark rewrite them (rewrite_position_delete_files)"
                )
                raise LakeError(msg)
            n_bytes = int(entry["data_file.file_size_in_bytes"])
            self.data[path] = File(path, DATA, n_bytes)
        return {_PATH: self._anew(path)}

    def _content(self, path: str) -> bytes:
        content = self._read(path)
        check(path, content, self._told)
        self.replaced.add(path)
        return content

    def _written(self, name: str, content: bytes) -> tuple[str, int]:
        path = named(f"{self._location}/metadata/{name}", content)
        self._put(path, content)
        return path, len(content)
