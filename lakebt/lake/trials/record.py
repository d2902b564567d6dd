"""Recording: what is not there yet is appended, in one commit, once.

Data files come first, then one change of the table's pointer. Where the catalog is SQL
that happens in a turn, as a publication does, but by a lock of the table's own, so that
publishers and recorders do not wait for each other where rows can be locked. Elsewhere
the commit requires the head that was looked at. Either way the look is repeated when
somebody else recorded meanwhile: two who record one trial leave one row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException

from lakebt.errors import ConflictError, LakeError
from lakebt.lake.committing import sql
from lakebt.lake.committing.retry import ATTEMPTS, step_back
from lakebt.lake.committing.sql import BusyError
from lakebt.lake.committing.stage import Staged, discard, stage_expiring
from lakebt.lake.storage import snapshots
from lakebt.lake.storage.datafiles import write_files
from lakebt.lake.storage.failures import LostRaceError, locked, translated
from lakebt.lake.storage.manifests import Append
from lakebt.lake.tables.arrow import keep
from lakebt.lake.tables.schemas import LEDGER, TRIALS
from lakebt.lake.tables.trials import TRIALS_SPEC
from lakebt.lake.trials.expiry import sweep
from lakebt.lake.trials.index import Index
from lakebt.lake.trials.table import find_or_make

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table
    from pyiceberg.table.metadata import TableMetadata

    from lakebt.lake.storage.catalog import Storage


RECORDED = "lakebt.trials"
"""In a snapshot's summary: how many trials it brought."""


class UncertainError(LostRaceError):
    """Another commit came, and it is not known for certain that ours did not."""


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
    LakeError
        If the lake cannot be written.
    """
    if not len(rows):
        return 0
    batch = _Batch(storage, rows)
    try:
        for attempt in range(ATTEMPTS):
            before = _places(storage)
            try:
                with translated(storage.where):
                    done = batch.record()
            except BusyError:
                # Those who held the catalog must at least have got something done.
                if _places(storage) == before:
                    msg = f"{storage.where} {locked()}"
                    raise LakeError(msg) from None
            except LostRaceError:
                step_back(attempt)
            else:
                if done is not None:
                    return done
    finally:
        batch.withdraw()
    msg = (
        f"{storage.where}: somebody else recorded first {ATTEMPTS} times. No trial was "
        f"recorded; record them again"
    )
    raise ConflictError(msg)


def _places(storage: Storage) -> tuple[str, str] | None:
    """Return what has moved if anybody wrote, where one waits for a lock."""
    if not storage.is_sql:
        return None
    table = storage.trials()
    place = "" if table is None else table.metadata_location
    return storage.tables()[LEDGER].metadata_location, place


class _Batch:
    """Writes its data file once, unless some of its rows are recorded meanwhile."""

    def __init__(self, storage: Storage, rows: pa.Table) -> None:
        self._storage, self._rows = storage, rows
        self._index = Index.within(storage)
        self._written: tuple[Table, int, list[DataFile]] | None = None
        self._may_be_visible = False

    def record(self) -> int | None:
        """Write, look again, and commit.

        Returns
        -------
        int or None
            How many trials were new. None if others recorded some of them meanwhile,
            so that it has to be tried again.

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
            done = apply(self._storage, stage)
        except UncertainError:
            self._written = None  # not to be used again, nor to be deleted
            self._may_be_visible = False
            raise
        except LostRaceError:
            self._may_be_visible = False
            raise
        if done is None:
            return None
        sweep(*done, io=table.io, index=self._index)
        return len(self._rows)

    def _narrow(self, table: Table) -> None:
        """Leave out the trials that the table holds."""
        self._rows = keep(self._rows, self._index.lacks(table, self._rows))

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


def apply(
    storage: Storage, stage: Callable[[], Staged | None]
) -> tuple[TableMetadata, TableMetadata] | None:
    """Commit one change to the table of trials, and return it before and after.

    Parameters
    ----------
    storage
    stage
        Looks at the table, and says what shall change; None if nothing shall.

    Raises
    ------
    LakeError
        If the catalog did not say what became of the change.
    LostRaceError
        If somebody else came first; nothing has changed.
    """
    catalog = storage.catalog
    if not isinstance(catalog, SqlCatalog):
        change = stage()
        return None if change is None else _optimistically(storage, change)
    change = None
    try:
        with sql.turn(catalog, table=TRIALS) as session:
            change = stage()
            if change is None:
                return None
            applied = sql.commit(session, catalog, [change])
    except LostRaceError:
        discard([] if change is None else [change])
        raise
    sql.tidy(catalog, applied)
    ((before, after),) = applied
    return before.metadata, after.metadata


def _optimistically(
    storage: Storage, change: Staged
) -> tuple[TableMetadata, TableMetadata]:
    """Commit a change where the catalog is not SQL.

    Raises
    ------
    LakeError
        If the catalog did not say what became of it.
    LostRaceError
        If somebody else came first.
    UncertainError
        If somebody else came, most likely first.
    """
    base = change.base
    try:
        done = storage.catalog.commit_table(base, change.requirements, change.updates)
    except CommitFailedException as error:
        discard([change])
        raise LostRaceError(str(error)) from None
    except Exception as error:  # noqa: BLE001 - it may have happened all the same
        now = storage.trials()
        if now is not None and now.metadata.snapshot_by_id(change.snapshot_id):
            return base.metadata, now.metadata
        if now is not None and now.metadata_location != base.metadata_location:
            raise UncertainError(str(error)) from None
        msg = (
            f"{storage.where} did not say whether the trials were recorded "
            f"({type(error).__name__}). Record them again: what is there is not "
            f"recorded twice"
        )
        raise LakeError(msg) from None
    return base.metadata, done.metadata
