"""What others published since a publisher looked at the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.manifest import ManifestContent
from pyiceberg.table import FileScanTask

from lakebt.lake.storage.fingerprint import verify
from lakebt.lake.storage.predicates import overlap
from lakebt.lake.storage.scan_plan import manifests_in
from lakebt.lake.tables.rows import codes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from lakebt.lake.committing.staging_branch import StagingBranch
    from lakebt.lake.tables.schemas import TableSpec


MOST_ROWS = 2_000_000
"""Up to this many rows are compared in memory."""


def added(table: Table, spec: TableSpec, *, since: int | None) -> pa.Table | None:
    """Return what came to a table after an earlier head: its rows' keys and clocks.

    Parameters
    ----------
    table, spec
        As it is.
    since
        The snapshot that was its head, None before there was one.

    Returns
    -------
    pyarrow.Table or None
        Rows of the files that the earlier head had not; those that were there already,
        and were folded, are among them. None if they are too many, if the earlier head
        is gone, or if either has files of deletes.
    """
    before = _files(table, since)
    now = _files(table, table.metadata.current_snapshot_id)
    if before is None or now is None:
        return None
    files = [file for path, file in now.items() if path not in before]
    if sum(file.record_count for file in files) > MOST_ROWS:
        return None
    return _read(table, files, spec, AlwaysTrue())


def have_none_of(branch: StagingBranch, rows: pa.Table, spec: TableSpec) -> bool:
    """Whether no row of a branch has the key and the clock of one of `rows`."""
    if not len(rows):
        return True
    columns = rows.column_names
    where = overlap(rows, columns)
    for file in branch.files:  # a branch need not fit into memory
        own_rows = _read(branch.table, [file], spec, where)
        code = codes(pa.concat_tables([rows, own_rows]), columns)
        if np.isin(code[len(rows) :], code[: len(rows)]).any():
            return False
    return True


def _files(table: Table, snapshot_id: int | None) -> dict[str, DataFile] | None:
    """Return the data files of a snapshot by path, None if they are not all it has."""
    if snapshot_id is None:
        return {}
    snapshot = table.metadata.snapshot_by_id(snapshot_id)
    if snapshot is None:
        return None
    manifests = manifests_in(table.io, snapshot.manifest_list)
    if any(each.content is not ManifestContent.DATA for each in manifests):
        return None
    return {
        entry.data_file.file_path: entry.data_file
        for manifest in manifests
        for entry in manifest.fetch_manifest_entry(table.io)
    }


def _read(
    table: Table, files: Sequence[DataFile], spec: TableSpec, where: BooleanExpression
) -> pa.Table:
    """Read the keys and clocks of some files' rows."""
    columns = (*spec.key, "known_at")
    verify(table.io, [file.file_path for file in files])
    scan = ArrowScan(table.metadata, table.io, table.schema().select(*columns), where)
    rows = scan.to_table([FileScanTask(file) for file in files])
    return rows.select(columns).cast(
        pa.schema([spec.arrow.field(name) for name in columns])
    )
