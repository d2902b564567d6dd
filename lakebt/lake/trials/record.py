"""Recording: what is not there yet is appended, in one commit, once.

Data files come first, then one change of the table's pointer. Where the catalog is SQL
that happens in a turn, as a publication does, but by a lock of the table's own, so that
publishers and recorders do not wait for each other where rows can be locked. Elsewhere
the commit requires the head that was looked at. Either way the look is repeated when
somebody else recorded meanwhile: two who record one trial leave one row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.errors import ConflictError
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
from lakebt.lake.trials.index import Index
from lakebt.lake.trials.repeat import check_repeats
from lakebt.lake.trials.table import find_or_make

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from lakebt.lake.storage.catalog import Storage


RECORDED = f"{OURS}trials"
"""In a snapshot's summary: how many trials it brought."""


def record(storage: Storage, rows: pa.Table) -> int:
    """Append the trials that are not there yet, and return how many that were.

    Parameters
    ----------
    storage
    rows
        As `lakebt.lake.trials.normalisation.checked` returns them.

    Raises
    ------
    ConflictError
        If others kept coming first.
    InvalidArgumentError
        If one is there with other numbers.
    LakeError
        If the lake cannot be written.
    """
    if not len(rows):
        return 0
    batch = _Batch(storage, rows)
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
    """Return what moves when anybody writes; None where nobody waits for a lock."""
    if not protocol.of(storage).is_atomic:
        return None
    table = storage.trials()
    location = "" if table is None else table.metadata_location
    return storage.tables()[LEDGER].metadata_location, location


class _Batch:
    """Writes its data file once, unless some of its rows are recorded meanwhile."""

    def __init__(self, storage: Storage, rows: pa.Table) -> None:
        self._storage, self._rows = storage, rows
        self._index = Index.within(storage)
        self._written: tuple[Table, int, list[DataFile]] | None = None
        self._may_be_visible = False

    def record(self) -> int:
        """Write, look again, and commit; return how many trials were new.

        Raises
        ------
        LostRaceError
            If somebody else came first; nothing has changed.
        UncertainError
            If somebody else came, most likely first.
        """
        table = find_or_make(self._storage)
        self._narrow(table)
        if not len(self._rows):
            return 0
        self._write(table)

        def stage() -> Staged | None:
            now = find_or_make(self._storage)
            has_moved = now.metadata_location != table.metadata_location
            if has_moved and not self._index.lacks(now, self._rows).all():
                return None
            self._may_be_visible = True
            return self._stage(now)

        try:
            change = protocol.of(self._storage).change_trials(stage)
        except UncertainError:
            self._written = None  # not to be used again, nor to be deleted
            self._may_be_visible = False
            raise
        except LostRaceError:
            self._may_be_visible = False
            raise
        if change is None:
            msg = "others recorded some of these trials"
            raise LostRaceError(msg)
        sweep(*change, io=table.io, index=self._index)
        return len(self._rows)

    def _narrow(self, table: Table) -> None:
        """Leave out the trials that the table holds, with the same numbers."""
        lacking, differing = self._index.compared(table, self._rows)
        if differing.any():
            check_repeats(self._storage, keep(self._rows, differing))
        self._rows = keep(self._rows, lacking)

    def _write(self, table: Table) -> None:
        """Write the rows, unless an earlier attempt wrote just these."""
        if self._written is not None and self._written[1] == len(self._rows):
            return
        self.withdraw()
        files = write_files(table, self._rows, TRIALS_SPEC)
        self._written = table, len(self._rows), files

    def _stage(self, table: Table) -> Staged:
        assert self._written is not None  # noqa: S101 - written before
        summary = {RECORDED: str(len(self._rows))}
        return stage_expiring(table, Append(table, summary), self._written[2])

    def withdraw(self) -> None:
        """Delete the data file, unless a snapshot might refer to it."""
        if self._written is not None and not self._may_be_visible:
            table, _, files = self._written
            snapshots.delete_quietly(table.io, [file.file_path for file in files])
            self._written = None
