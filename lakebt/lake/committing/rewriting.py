"""Writing the rows of several files into few, for a fold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.table import FileScanTask

from lakebt.errors import LakeError
from lakebt.lake.storage.datafiles import FILE_ROWS, write_files
from lakebt.lake.tables.arrow import take
from lakebt.lake.tables.rows import order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from lakebt.lake.tables.schemas import TableSpec


class Rewriter(Protocol):
    """Who writes the rows of several files into few.

    Attributes
    ----------
    large_rows
        A file of so many rows is not small, and stays as it is.
    most_rows
        So many rows may be folded at once.
    """

    @property
    def large_rows(self) -> int: ...  # noqa: D102 - told above
    @property
    def most_rows(self) -> int: ...  # noqa: D102

    def rewrite(
        self, table: Table, files: Sequence[DataFile], spec: TableSpec
    ) -> list[DataFile]:
        """Write all rows of `files`, sorted; the new files belong to no snapshot yet.

        Raises
        ------
        FileNotFoundError
            If a file is gone.
        LakeError
            If a file does not hold the rows its manifest says.
        """
        ...


class InMemory:
    """Rewrites files in this process."""

    large_rows = 1_000_000
    most_rows = FILE_ROWS

    def rewrite(
        self, table: Table, files: Sequence[DataFile], spec: TableSpec
    ) -> list[DataFile]:
        """Write all rows of `files`, sorted: see `Rewriter`."""
        scan = ArrowScan(table.metadata, table.io, table.schema(), AlwaysTrue())
        rows = scan.to_table([FileScanTask(file) for file in files])
        check_count(len(rows), files, spec)
        rows = rows.select(spec.names).cast(spec.arrow)
        return write_files(table, take(rows, order(rows, spec.order)), spec)


def check_count(count: int, files: Sequence[DataFile], spec: TableSpec) -> None:
    """Check that files have as many rows as their manifests say.

    Raises
    ------
    LakeError
        If they do not.
    """
    said = sum(file.record_count for file in files)
    if count != said:
        msg = (
            f"table {spec.name} has a damaged file: {len(files)} files hold "
            f"{count} rows instead of {said}. Restore it from a backup"
        )
        raise LakeError(msg)
