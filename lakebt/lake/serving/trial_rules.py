"""Rules for what a commit to the table of trials holds: rows are added, and none lost.

What a snapshot says of itself is not asked. Its files are compared with those of the
head, and those that differ are read.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.manifest import DataFileContent, FileFormat
from pyiceberg.table import FileScanTask

from lakebt.lake.serving.errors import ForbiddenError
from lakebt.lake.serving.updates import guarded
from lakebt.lake.storage.reach import place
from lakebt.lake.tables.arrow import column
from lakebt.lake.tables.rows import order
from lakebt.lake.tables.schemas import TRIALS
from lakebt.lake.tables.trials import TRIALS_SPEC

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from lakebt.lake.trials.index import Index


def check_trials(before: Table, after: Table, index: Index) -> None:
    """Check that a new head has every trial of the one before, and each only once.

    Raises
    ------
    BadRequestError
        If its files cannot be read.
    ForbiddenError
        If a trial would be lost, changed or there twice.
    """
    was, now = _files(before, index), _files(after, index)
    gone = [file for where, file in was.items() if where not in now]
    new = [file for where, file in now.items() if where not in was]
    rows = guarded(partial(_read, after, new))
    if gone:
        if not _sorted(rows).equals(_sorted(guarded(partial(_read, before, gone)))):
            _refuse("trials would be lost, or others put in their place")
        return
    ids = column(rows, "trial_id").to_pylist()
    if len(set(ids)) < len(ids):
        _refuse("a trial is in it twice")
    if len(rows) and not guarded(partial(index.lacks, before, rows)).all():
        _refuse("a trial is recorded already")


def _refuse(why: str) -> None:
    msg = f"table {TRIALS} cannot be changed so: {why}. Record with lakebt"
    raise ForbiddenError(msg)


def _files(table: Table, index: Index) -> dict[str, DataFile]:
    """Return the files of the head, by where they lie."""
    files: dict[str, DataFile] = {}
    for entry in guarded(partial(index.live, table)):
        file = entry.data_file
        is_ours = file.content is DataFileContent.DATA
        if not is_ours or file.file_format is not FileFormat.PARQUET:
            _refuse("it has a file that is not Parquet, or by which rows are deleted")
        if place(file.file_path) in files:
            _refuse("a file is in it twice")
        files[place(file.file_path)] = file
    return files


def _read(table: Table, files: Iterable[DataFile]) -> pa.Table:
    scan = ArrowScan(table.metadata, table.io, table.schema(), AlwaysTrue())
    rows = scan.to_table([FileScanTask(file) for file in files])
    return rows.select(TRIALS_SPEC.names).cast(TRIALS_SPEC.arrow)


def _sorted(rows: pa.Table) -> pa.Table:
    return rows.take(order(rows, TRIALS_SPEC.order)).combine_chunks()
