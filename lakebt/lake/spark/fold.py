"""Folding with Spark: as many rows at once as its cores write, into larger files.

The files are folded by the same rules and the same commit. Those to be replaced are put
onto a branch of their own, which Spark reads, and overwrites with their rows sorted. A
fold that fits into memory is written there, without Spark.
"""

from __future__ import annotations

import contextlib
import math
from functools import cached_property
from typing import TYPE_CHECKING

from lakebt.lake.committing.fold import InMemory, check_count
from lakebt.lake.spark.reader import session_of, snapshot
from lakebt.lake.spark.writer import new_branch, remove_quietly, write_on
from lakebt.lake.storage.failures import LostRaceError
from lakebt.lake.storage.snapshots import delete_quietly

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from lakebt.lake.committing.fold import Rewriter
    from lakebt.lake.committing.staging_branch import StagingBranch
    from lakebt.lake.storage.catalog import Storage
    from lakebt.lake.tables.schemas import TableSpec


FILE_ROWS = 16_000_000
"""About how many rows of a fold by Spark are in one file."""


@contextlib.contextmanager
def rewriting(storage: Storage) -> Iterator[Rewriter]:
    """Yield the rewriter of a lake's files: Spark if it has it; tidy up at the end."""
    if storage.spark is None:
        yield InMemory()
        return
    rewriter = SparkRewriter(storage)
    try:
        yield rewriter
    finally:
        rewriter.tidy()


class SparkRewriter:
    """Rewrites files with Spark, those that are too many for memory.

    Parameters
    ----------
    storage
        The lake, opened with Spark.
    """

    large_rows = FILE_ROWS // 2

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._branches: list[StagingBranch] = []

    @cached_property
    def most_rows(self) -> int:
        """A file for each core: what they write at once."""
        context = session_of(self._storage).sparkContext
        return FILE_ROWS * int(context.defaultParallelism)

    def rewrite(
        self, table: Table, files: Sequence[DataFile], spec: TableSpec
    ) -> list[DataFile]:
        """Write all rows of `files`, sorted; the new files belong to no release yet.

        Raises
        ------
        FileNotFoundError
            If a file is gone, and there was no need of Spark.
        LakeError
            If a file does not hold the rows its manifest says, or Spark cannot write.
        LostRaceError
            If Spark has to, and its publisher has its turn.
        """
        count = sum(file.record_count for file in files)
        if count <= InMemory.most_rows:
            return InMemory().rewrite(table, files, spec)
        storage = self._storage
        if storage.is_held:
            msg = f"others folded files of {spec.name} that are to be folded"
            raise LostRaceError(msg)
        branch = new_branch(storage, spec, files)
        self._branches.append(branch)
        rows = snapshot(storage, spec, branch.snapshot_id, session_of(storage))
        write_on(branch, rows, spec, parts=math.ceil(count / FILE_ROWS))
        try:
            check_count(branch.count, files, spec)
        except BaseException:
            delete_quietly(table.io, [file.file_path for file in branch.files])
            raise
        return branch.files

    def tidy(self) -> None:
        """Remove the branches."""
        for branch in self._branches:
            remove_quietly(branch)
