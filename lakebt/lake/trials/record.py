"""Recording: what is not there yet is appended, in one commit, once.

Data files come first, then one change of the table's pointer. Where the catalog is SQL
that happens in a turn, as a publication does, but by a lock of the table's own, so that
publishers and recorders do not wait for each other where rows can be locked. Elsewhere
the commit requires the head that was looked at. Either way the look is repeated when
another process recorded meanwhile, so one trial recorded twice leaves one row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lakebt.errors import ConflictError, SettingsWarning
from lakebt.lake.committing import protocol
from lakebt.lake.committing.retry import again
from lakebt.lake.committing.stage import Staged, stage_expiring
from lakebt.lake.committing.stepwise import UncertainError
from lakebt.lake.storage import snapshots
from lakebt.lake.storage.datafiles import write_files
from lakebt.lake.storage.failures import LostRaceError, translated
from lakebt.lake.storage.manifests import Append
from lakebt.lake.tables.arrow import keep
from lakebt.lake.tables.schemas import LEDGER, OURS
from lakebt.lake.tables.trials import TRIALS_SPEC
from lakebt.lake.trials.expiry import sweep
from lakebt.lake.trials.index import Index, Keys
from lakebt.lake.trials.normalisation import once
from lakebt.lake.trials.repeat import check_repeats
from lakebt.lake.trials.table import find_or_make

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from lakebt.lake.storage.catalog import Storage
    from lakebt.lake.trials.finished_file import FinishedFile


RECORDED = f"{OURS}trials"
"""In a snapshot's summary: how many trials it brought."""


def record(
    storage: Storage, rows: pa.Table, finished: Sequence[FinishedFile] = ()
) -> int:
    """Append the trials that are not there yet, and return how many that were.

    Parameters
    ----------
    storage
    rows
        As `lakebt.lake.trials.normalisation.checked` returns them.
    finished
        Data files with more of them. One with a trial that is there already, or comes
        twice, is opened, and its rows are written anew; all others stay as they are.

    Raises
    ------
    ConflictError
        If others kept coming first.
    InvalidArgumentError
        If one is there with other numbers.
    LakeError
        If the lake cannot be written.
    """
    if not len(rows) and not finished:
        return 0
    batch = _Batch(storage, *_each_once(rows, finished))
    seen: tuple[str, str] | None = None

    def attempt() -> int:
        nonlocal seen
        seen = _locations(storage)
        with translated(storage.where):
            return batch.record()

    def exhausted(attempts: int) -> ConflictError:
        return ConflictError(
            f"{storage.where}: somebody else recorded first {attempts} times. No "
            f"trial was recorded; record them again"
        )

    try:
        return again(
            attempt,
            where=storage.where,
            exhausted=exhausted,
            has_moved=lambda: _locations(storage) != seen,
        )
    finally:
        batch.withdraw()


def _locations(storage: Storage) -> tuple[str, str] | None:
    """Return the locations that every write changes; None if writes take no lock."""
    if not protocol.of(storage).is_atomic:
        return None
    table = storage.trials()
    location = "" if table is None else table.metadata_location
    return storage.tables()[LEDGER].metadata_location, location


def _each_once(
    rows: pa.Table, finished: Sequence[FinishedFile]
) -> tuple[pa.Table, tuple[FinishedFile, ...]]:
    """Return trials each of them once, as rows if one came twice.

    Raises
    ------
    InvalidArgumentError
        If it came with other numbers.
    """
    keys = [Keys.of(rows), *(file.keys for file in finished)]
    if len(keys) == 1:
        return rows, ()
    high, low = (np.concatenate([getattr(k, n) for k in keys]) for n in ("high", "low"))
    order = np.lexsort((low, high))
    high, low = high[order], low[order]
    if ((high[1:] == high[:-1]) & (low[1:] == low[:-1])).any():
        return once(_opened(rows, finished)), ()
    return rows, tuple(finished)


def _opened(rows: pa.Table, finished: Iterable[FinishedFile]) -> pa.Table:
    return pa.concat_tables([rows, *(file.rows for file in finished)])


class _Batch:
    """Writes its data files once, unless some of its trials are recorded meanwhile."""

    def __init__(
        self, storage: Storage, rows: pa.Table, finished: tuple[FinishedFile, ...]
    ) -> None:
        self._storage, self._rows, self._finished = storage, rows, finished
        self._index = Index.within(storage)
        self._written: tuple[Table, list[DataFile]] | None = None
        self._may_be_visible = False

    def __len__(self) -> int:
        return len(self._rows) + sum(map(len, self._finished))

    def record(self) -> int:
        """Write, look again, and commit; return how many trials were new.

        Raises
        ------
        LostRaceError
            If somebody else came first; nothing has changed.
        SettingsWarning
            If properties are dropped that others gave a table, and warnings are errors.
        UncertainError
            If somebody else came, most likely first.
        """
        table = find_or_make(self._storage)
        self._narrow(table)
        if not len(self):
            return 0
        files = self._write(table)

        def stage() -> Staged | None:
            now = find_or_make(self._storage)
            has_moved = now.metadata_location != table.metadata_location
            if has_moved and not self._is_new_to(now):
                return None
            self._may_be_visible = True
            summary = {RECORDED: str(len(self))}
            return stage_expiring(now, Append(now, summary), files)

        try:
            change = protocol.of(self._storage).change_trials(stage)
        except UncertainError:
            self._written = None  # not to be used again, nor to be deleted
            self._may_be_visible = False
            raise
        except (LostRaceError, SettingsWarning):
            self._may_be_visible = False
            raise
        if change is None:
            msg = "others recorded some of these trials"
            raise LostRaceError(msg)
        self._remember(files)
        sweep(*change, io=table.io, index=self._index)
        return len(self)

    def _narrow(self, table: Table) -> None:
        """Leave out the trials that the table holds, with the same numbers."""
        kept: list[FinishedFile] = []
        opened: list[FinishedFile] = []
        for file in self._finished:
            is_new = file.fits(table) and self._index.has_none(table, file.keys)
            (kept if is_new else opened).append(file)
        if opened:
            self.withdraw()
            self._rows, self._finished = _opened(self._rows, opened), tuple(kept)
        lacking, differing = self._index.compared(table, self._rows)
        if differing.any():
            check_repeats(self._storage, keep(self._rows, differing))
        if not lacking.all():
            self.withdraw()
            self._rows = keep(self._rows, lacking)

    def _is_new_to(self, table: Table) -> bool:
        """Whether the table holds none of the trials, and has the same columns."""
        return bool(self._index.lacks(table, self._rows).all()) and all(
            file.fits(table) and self._index.has_none(table, file.keys)
            for file in self._finished
        )

    def _write(self, table: Table) -> list[DataFile]:
        """Write the files, unless an earlier attempt did; return them, rows' first."""
        if self._written is not None:
            return self._written[1]
        files: list[DataFile] = []
        self._written = table, files
        try:
            if len(self._rows):
                files += write_files(table, self._rows, TRIALS_SPEC)
            for finished in self._finished:
                files.append(finished.placed(table))
        except BaseException:
            self.withdraw()
            raise
        return files

    def _remember(self, files: Sequence[DataFile]) -> None:
        """Spare the next batch to read what this one has written."""
        keys = [file.keys for file in self._finished]
        if len(self._rows):
            keys.insert(0, Keys.of(self._rows))
        if len(keys) == len(files):  # and not in several because it was so large
            for file, file_keys in zip(files, keys, strict=True):
                self._index.know(file.file_path, file_keys)

    def withdraw(self) -> None:
        """Delete the data files, unless a snapshot might refer to them."""
        if self._written is not None and not self._may_be_visible:
            table, files = self._written
            snapshots.delete_quietly(table.io, [file.file_path for file in files])
            self._written = None
