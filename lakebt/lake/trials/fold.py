"""Folding: many small batches at the head of the table become one file.

Batches may be as small as one trial. The process that records one batch too many folds
them, in a separate commit. The trials are recorded by then, so a fold that fails, or
that another process did first, loses nothing; the next batch tries again. A fold only
needs the files that it replaces to be there still, whatever came since.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.manifest import FileFormat
from pyiceberg.table import FileScanTask

from lakebt.errors import SettingsWarning
from lakebt.lake.committing import protocol
from lakebt.lake.committing.fold import choose
from lakebt.lake.committing.stage import FOLDED, stage_expiring
from lakebt.lake.storage.datafiles import write_files
from lakebt.lake.storage.failures import LostRaceError
from lakebt.lake.storage.fingerprint import verify
from lakebt.lake.storage.manifests import Replace
from lakebt.lake.storage.snapshots import delete_quietly
from lakebt.lake.tables.arrow import take
from lakebt.lake.tables.rows import order
from lakebt.lake.tables.trials import TRIALS_SPEC
from lakebt.lake.trials.expiry import sweep
from lakebt.lake.trials.index import Index
from lakebt.lake.trials.record import RECORDED
from lakebt.lake.trials.table import find_or_make

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from lakebt.lake.committing.stage import Staged
    from lakebt.lake.storage.catalog import Storage


LIMIT = 64
"""How many small files may lie at the head of the table."""

LARGE_ROWS = 20_000
"""A file of this many trials is not small, and stays as it is: rows of trials are wide,
and 65 small files have to fit into memory."""


def fold_if_many(storage: Storage) -> None:
    """Fold the small files of the table if there are too many."""
    # Whatever goes wrong here: the trials are recorded, and the next batch tries again.
    with contextlib.suppress(Exception):
        table = find_or_make(storage)
        index = Index.within(storage)
        small = [
            entry.data_file
            for entry in index.live(table)
            if entry.data_file.record_count < LARGE_ROWS
            and entry.data_file.file_format is FileFormat.PARQUET
        ]
        if len(small) <= LIMIT:
            return
        small.sort(key=lambda file: (file.record_count, file.file_path))
        sizes = [file.record_count for file in small]
        chosen = choose(sizes, [""] * len(small), adding=0, limit=LIMIT)
        _fold(storage, table, [small[number] for number in chosen])


def _fold(storage: Storage, table: Table, gone: Sequence[DataFile]) -> None:
    rows = _read(table, gone)
    if len(rows) != sum(file.record_count for file in gone):
        return  # one is damaged; `lakebt doctor` says which
    rows = take(rows, order(rows, TRIALS_SPEC.order))
    files = write_files(table, rows, TRIALS_SPEC)
    index = Index.within(storage)
    replaced = frozenset(file.file_path for file in gone)

    def stage() -> Staged | None:
        now = find_or_make(storage)
        entries = tuple(index.live(now))
        if not replaced <= {entry.data_file.file_path for entry in entries}:
            return None  # somebody else folded
        summary = {RECORDED: "0", FOLDED: str(len(replaced))}
        producer = Replace(now, summary, entries=entries, replaced=replaced)
        return stage_expiring(now, producer, files)

    change = None
    with contextlib.suppress(LostRaceError, SettingsWarning):
        change = protocol.of(storage).change_trials(stage)
    if change is None:
        delete_quietly(table.io, [file.file_path for file in files])
    else:
        sweep(*change, io=table.io, index=index)


def _read(table: Table, files: Sequence[DataFile]) -> pa.Table:
    verify(table.io, [file.file_path for file in files])
    scan = ArrowScan(table.metadata, table.io, table.schema(), AlwaysTrue())
    rows = scan.to_table([FileScanTask(file) for file in files])
    return rows.select(TRIALS_SPEC.names).cast(TRIALS_SPEC.arrow)
