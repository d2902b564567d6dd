"""The metadata of a table without what was erased, written beside what is there.

Snapshots keep their ids, parents, times and sequence numbers; branches and tags what
they name. What no erased row touched, manifests and lists, stays the file that it was.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyiceberg.manifest import construct_partition_summaries
from pyiceberg.table.snapshots import Summary
from pyiceberg.typedef import Record

from lakebt.errors import LakeError
from lakebt.lake.storage.avro_records import Records
from lakebt.lake.storage.fingerprint import NOTHING, OPEN, check, named

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.snapshots import Snapshot


_EXISTING, _ADDED, _DELETED = 0, 1, 2
"""The status of a file in a manifest, as the specification numbers it."""

_COUNTED = {
    "existing": (_EXISTING, "existing_files_count", "existing_rows_count"),
    "added": (_ADDED, "added_files_count", "added_rows_count"),
    "deleted": (_DELETED, "deleted_files_count", "deleted_rows_count"),
}
_MAPS = ("column_sizes", "value_counts", "null_value_counts", "nan_value_counts")
_BOUNDS = ("lower_bounds", "upper_bounds")
_N_FILES, _N_ROWS, _N_BYTES = range(3)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A data file that stands in the place of another.

    Attributes
    ----------
    path : str
    n_bytes, n_rows : int
    about : mapping
        What a manifest says of its values, by the specification's names.
    """

    path: str
    n_bytes: int
    n_rows: int
    about: Mapping[str, Any]


@dataclass(slots=True)
class _Manifest:
    """A manifest as it is now: where, how long, and what is in it by status."""

    path: str
    n_bytes: int
    by_status: dict[int, Counter[int]] = field(default_factory=dict)
    partitions: list[Any] | None = None

    @property
    def is_empty(self) -> bool:
        return not any(each[_N_FILES] for each in self.by_status.values())


class TableRewrite:
    """Writes the manifests, and lists of them, of one table anew.

    Parameters
    ----------
    before
        The table's metadata.
    files
        By path, what stands in the place of a data file; None if nothing does.
    live
        The data files of all snapshots. Manifest entries of removed files that are in
        none of them are dropped, because their content is unknown.
    read
        Returns the content of a file.
    put
        Takes a new one: its path, and what is in it.
    where
        The table's name in errors.
    told
        The digests of files whose names do not tell them.
    """

    def __init__(
        self,
        before: TableMetadata,
        *,
        files: Mapping[str, NewFile | None],
        live: Collection[str],
        read: Callable[[str], bytes],
        put: Callable[[str, bytes], None],
        where: str,
        told: Mapping[str, str] = NOTHING,
    ) -> None:
        self._before, self._files, self._live = before, files, live
        self._read, self._put, self._where = read, put, where
        self._told = told
        self._manifests: dict[str, _Manifest] = {}

    def snapshot(self, snapshot: Snapshot) -> Snapshot:
        """Return a snapshot without what was erased, having written what it names.

        Raises
        ------
        ChangedFileError, DamagedFileError
            If a file is not what was written.
        FileNotFoundError
            If one is gone.
        LakeError
            If rows were deleted by their place in a file.
        """
        content = self._content(snapshot.manifest_list)
        listed = Records(content)
        kept, manifests, is_same = [], [], True
        for row in listed.rows:
            manifest = self._manifest(row)
            is_same &= manifest.path == row["manifest_path"]
            if not manifest.is_empty or manifest.path == row["manifest_path"]:
                manifests.append((row["added_snapshot_id"], manifest))
                kept.append(_listed(row, manifest))
        if is_same:
            return snapshot
        listed.rows = kept
        path = f"snap-{snapshot.snapshot_id}-0-{OPEN}.avro"
        place, _ = self._written(path, listed.written())
        summary = _summary(snapshot, manifests)
        return snapshot.model_copy(update={"manifest_list": place, "summary": summary})

    def _manifest(self, row: Mapping[str, Any]) -> _Manifest:
        path = row["manifest_path"]
        if path in self._manifests:
            return self._manifests[path]
        records = Records(self._content(path))
        if row.get("content"):
            for entry in records.rows:
                if entry["status"] != _DELETED:
                    msg = (
                        f"{self._where}: rows of it were deleted by files that name "
                        f"their places, which an erasure would shift: undo that, as "
                        f"`lake.doctor()` says, or have Spark rewrite them "
                        f"(rewrite_position_delete_files)"
                    )
                    raise LakeError(msg)
        entries = map(self._entry, records.rows)
        kept = [entry for entry in entries if entry is not None]
        is_same = kept == records.rows
        manifest = _Manifest(path, row["manifest_length"])
        if not is_same:
            records.rows = kept
            if kept:
                name = f"{OPEN}-m0.avro"
                manifest.path, manifest.n_bytes = self._written(name, records.written())
            else:
                manifest.path = ""
            manifest.partitions = self._partitions(row, kept)
        for entry in kept:
            counted = manifest.by_status.setdefault(entry["status"], Counter())
            counted[_N_FILES] += 1
            counted[_N_ROWS] += entry["data_file"]["record_count"]
            counted[_N_BYTES] += entry["data_file"]["file_size_in_bytes"]
        self._manifests[path] = manifest
        return manifest

    def _entry(self, entry: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return what a manifest says of a file now; None if nothing."""
        about = entry["data_file"]
        path = about["file_path"]
        if path not in self._files:
            is_unknown = entry["status"] == _DELETED and path not in self._live
            return None if is_unknown else dict(entry)
        new = self._files[path]
        if new is None:
            return None
        updated = {
            **about,
            "file_path": new.path,
            "record_count": new.n_rows,
            "file_size_in_bytes": new.n_bytes,
        }
        for name in (*_MAPS, *_BOUNDS):
            if name in updated:
                pairs = new.about.get(name) or {}
                updated[name] = [{"key": k, "value": v} for k, v in pairs.items()]
                if name == "nan_value_counts":
                    updated[name] = None
        if "split_offsets" in updated:
            updated["split_offsets"] = new.about.get("split_offsets")
        return {**entry, "data_file": updated}

    def _partitions(
        self, row: Mapping[str, Any], kept: list[dict[str, Any]]
    ) -> list[Any] | None:
        """Return what a list says of the partitions in a manifest."""
        if not row.get("partitions"):
            return row.get("partitions")
        spec = self._before.specs()[row["partition_spec_id"]]
        values = [Record(*entry["data_file"]["partition"].values()) for entry in kept]
        summaries = construct_partition_summaries(spec, self._before.schema(), values)
        names = tuple(row["partitions"][0])
        return [{name: getattr(each, name) for name in names} for each in summaries]

    def _content(self, path: str) -> bytes:
        content = self._read(path)
        check(path, content, self._told)
        return content

    def _written(self, name: str, content: bytes) -> tuple[str, int]:
        path = named(f"{self._before.location}/metadata/{name}", content)
        self._put(path, content)
        return path, len(content)


def _listed(row: Mapping[str, Any], manifest: _Manifest) -> dict[str, Any]:
    """Return what a list says of a manifest."""
    if manifest.path == row["manifest_path"]:
        return dict(row)
    entry = dict(row)
    entry |= {"manifest_path": manifest.path, "manifest_length": manifest.n_bytes}
    for word, (status, files, rows) in _COUNTED.items():
        counted = manifest.by_status.get(status, Counter())
        # Spark called the first of the two so.
        for name in (files, f"{word}_data_files_count"):
            if name in entry:
                entry[name] = counted[_N_FILES]
        if rows in entry:
            entry[rows] = counted[_N_ROWS]
    if "partitions" in entry:
        entry["partitions"] = manifest.partitions
    return entry


def _summary(
    snapshot: Snapshot, manifests: list[tuple[int, _Manifest]]
) -> Summary | None:
    """Return the summary of a snapshot with the counts that are true now."""
    if snapshot.summary is None:
        return None
    total, own = Counter[int](), {_ADDED: Counter[int](), _DELETED: Counter[int]()}
    for added_by, manifest in manifests:
        for status, counted in manifest.by_status.items():
            if status != _DELETED:
                total.update(counted)
            if status in own and added_by == snapshot.snapshot_id:
                own[status].update(counted)
    added, deleted = own[_ADDED], own[_DELETED]
    now = {
        "total-data-files": total[_N_FILES],
        "total-records": total[_N_ROWS],
        "total-files-size": total[_N_BYTES],
        "added-data-files": added[_N_FILES],
        "added-records": added[_N_ROWS],
        "added-files-size": added[_N_BYTES],
        "deleted-data-files": deleted[_N_FILES],
        "deleted-records": deleted[_N_ROWS],
        "removed-files-size": deleted[_N_BYTES],
    }
    before = snapshot.summary.additional_properties
    summary = {
        key: str(now[key]) if key in now else text for key, text in before.items()
    }
    return Summary(snapshot.summary.operation, **summary)
