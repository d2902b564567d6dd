"""Which trials the table holds, known without reading it again.

Neither a manifest nor a data file ever changes, so of each is kept what it holds. What
a batch costs depends on what came since, and not on all that is there: 24 bytes of
memory for each trial, and a search in one sorted array for each data file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
from pyiceberg.utils.concurrent import ExecutorFactory

from lakebt.lake.storage.fingerprint import verify
from lakebt.lake.storage.scan_plan import manifests_in
from lakebt.lake.tables.arrow import column

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa
    from pyiceberg.io import FileIO
    from pyiceberg.manifest import DataFile, ManifestEntry, ManifestFile
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot

    from lakebt.lake.storage.catalog import Storage
    from lakebt.lake.tables.arrow import BoolVector


@dataclass(frozen=True, slots=True)
class Keys:
    """The ids of some trials, as two integers each, sorted by the first.

    Attributes
    ----------
    high, low : ndarray of uint64, shape (n,)
    said : ndarray of uint64, shape (n,)
        The first half of the digest of each trial's numbers.
    """

    high: Any
    low: Any
    said: Any

    @classmethod
    def of(cls, rows: pa.Table) -> Keys:
        """Return the ids of some rows, in another order."""
        high, low = halves(rows, "trial_id")
        digests, _ = halves(rows, "digest")
        by_high = np.argsort(high, kind="stable")
        return cls(high[by_high], low[by_high], digests[by_high])

    def places(self, high: Any, low: Any) -> Any:
        """Return where ids are among them, else -1; fastest if `high` is sorted."""
        place = np.searchsorted(self.high, high)
        places = np.full(len(high), -1, dtype=np.int64)
        rows = np.flatnonzero(place < len(self.high))
        while len(rows := rows[self.high[place[rows]] == high[rows]]):
            same = rows[self.low[place[rows]] == low[rows]]
            places[same] = place[same]
            place[rows] += 1  # another one may have the same first half
            rows = rows[place[rows] < len(self.high)]
        return places


def halves(rows: pa.Table, name: str) -> tuple[Any, Any]:
    """Return a column of 32 hex digits as two integers each, in their order."""
    digits = "".join(column(rows, name).to_pylist())
    both = np.frombuffer(bytes.fromhex(digits), dtype=">u8").astype(np.uint64)
    return both[::2], both[1::2]


class Index:
    """What is known of the table of trials. One for each lake that is open."""

    def __init__(self) -> None:
        self._manifests: dict[str, list[ManifestFile]] = {}
        self._entries: dict[str, list[ManifestEntry]] = {}
        self._keys: dict[str, Keys] = {}

    @classmethod
    def within(cls, storage: Storage) -> Index:
        """Return that of a lake."""
        index = storage.memory.setdefault("trials", cls())
        assert isinstance(index, cls)  # noqa: S101 - the key is this class's own
        return index

    def manifests(self, snapshot: Snapshot, io: FileIO) -> list[ManifestFile]:
        """Return the manifests of a snapshot."""
        place = snapshot.manifest_list
        if place not in self._manifests:
            self._manifests[place] = manifests_in(io, place)
        return self._manifests[place]

    def entries(
        self, manifests: Iterable[ManifestFile], io: FileIO
    ) -> list[ManifestEntry]:
        """Return the files that manifests say are live."""
        entries_ = []
        for manifest in manifests:
            place = manifest.manifest_path
            if place not in self._entries:
                self._entries[place] = manifest.fetch_manifest_entry(io)
            entries_ += self._entries[place]
        return entries_

    def live(self, table: Table) -> list[ManifestEntry]:
        """Return every live file at the head of the table."""
        head = table.metadata.current_snapshot()
        if head is None:
            return []
        manifests = self.manifests(head, table.io)
        paths = {manifest.manifest_path for manifest in manifests}
        lists = {snapshot.manifest_list for snapshot in table.metadata.snapshots}
        self._entries = {k: v for k, v in self._entries.items() if k in paths}
        self._manifests = {k: v for k, v in self._manifests.items() if k in lists}
        return self.entries(manifests, table.io)

    def lacks(self, table: Table, rows: pa.Table) -> BoolVector:
        """Return which of some rows the table does not hold yet.

        Raises
        ------
        FileNotFoundError
            If a data file is gone.
        """
        return self.compared(table, rows)[0]

    def compared(self, table: Table, rows: pa.Table) -> tuple[BoolVector, BoolVector]:
        """Return which rows the table lacks, and which it holds with other numbers.

        Raises
        ------
        FileNotFoundError
            If a data file is gone.
        """
        known = self._known(table)
        high, low = halves(rows, "trial_id")
        digests, _ = halves(rows, "digest")
        by_high = np.argsort(high)
        high, low, digests = high[by_high], low[by_high], digests[by_high]
        lacking = np.ones(len(rows), dtype=bool)
        differing = np.zeros(len(rows), dtype=bool)
        for keys in known.values():
            places = keys.places(high, low)
            is_known = places >= 0
            lacking[by_high] &= ~is_known
            is_other = keys.said[places] != digests if len(keys.said) else is_known
            differing[by_high] |= is_known & is_other
        return lacking, differing

    def has_none(self, table: Table, keys: Keys) -> bool:
        """Whether the table holds none of some trials.

        Raises
        ------
        FileNotFoundError
            If a data file is gone.
        """
        return all(
            bool((known.places(keys.high, keys.low) < 0).all())
            for known in self._known(table).values()
        )

    def know(self, path: str, keys: Keys) -> None:
        """Take note of what a data file holds that was written here."""
        self._keys[path] = keys

    def _known(self, table: Table) -> dict[str, Keys]:
        """Return the trials of every live data file, those read that are new."""
        files = {e.data_file.file_path: e.data_file for e in self.live(table)}
        known = {path: keys for path, keys in self._keys.items() if path in files}
        unread = [file for path, file in files.items() if path not in known]
        verify(table.io, [file.file_path for file in unread])
        read = ExecutorFactory.get_or_create().map(
            lambda file: _keys_of(file, table.io), unread
        )
        known.update((f.file_path, k) for f, k in zip(unread, read, strict=True))
        self._keys = known
        return known


def _keys_of(file: DataFile, io: FileIO) -> Keys:
    with io.new_input(file.file_path).open() as stream:
        source: Any = stream
        return Keys.of(pq.read_table(source, columns=["trial_id", "digest"]))
