"""Having Spark write rows onto a branch of their table, sorted as the table is."""

from __future__ import annotations

import contextlib
import re
import secrets
from typing import TYPE_CHECKING

from lakebt.errors import InvalidDataError, LakeError
from lakebt.lake.committing.staging_branch import PREFIX, StagingBranch
from lakebt.lake.spark.reader import table_name
from lakebt.lake.storage.durability import sync
from lakebt.lake.storage.failures import translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyiceberg.manifest import DataFile
    from pyspark.sql import DataFrame

    from lakebt.lake.storage.catalog import Storage
    from lakebt.lake.tables.schemas import TableSpec


_SAID = re.compile(r"lakebt\.errors\.InvalidDataError: [^:\n]+: (.*)")
"""What an executor raised, as Spark passes it on."""


def new_branch(
    storage: Storage, spec: TableSpec, files: Sequence[DataFile] = ()
) -> StagingBranch:
    """Make a branch of a table, of files that the table has, or of none."""
    name = f"{PREFIX}{secrets.token_hex(6)}"
    with translated(storage.where):
        return StagingBranch.make(storage, spec.name, name, files)


def write_on(
    branch: StagingBranch, rows: DataFrame, spec: TableSpec, *, parts: int | None = None
) -> None:
    """Write rows in the place of those that a branch has, and look at their files.

    Parameters
    ----------
    branch, rows, spec
    parts
        Into how many parts; Spark decides, if None.

    Raises
    ------
    InvalidDataError
        If a value cannot be read.
    LakeError
        If Spark cannot write them.
    """
    from pyspark.sql import functions as spark  # noqa: PLC0415 - an extra, and slow

    storage = branch.storage
    columns = [f"`{column}`" for column in spec.order]
    place = f"{table_name(storage, spec.name)}.`branch_{branch.name}`"
    with told(spec, storage):
        ranges = () if parts is None else (parts,)
        ordered = rows.repartitionByRange(*ranges, *columns)
        writer = ordered.sortWithinPartitions(*columns).writeTo(place)
        if branch.is_empty:
            writer.append()
        else:
            writer.overwrite(spark.lit(True))  # noqa: FBT003 - every row
    with translated(storage.where):
        branch.read(spec.order)
        sync(branch.table.io, *(file.file_path for file in branch.files))


def remove_quietly(branch: StagingBranch) -> None:
    """Remove a branch. What stays, `lakebt doctor` finds."""
    with contextlib.suppress(Exception):
        branch.remove()


@contextlib.contextmanager
def told(spec: TableSpec, storage: Storage) -> Iterator[None]:
    """Raise what an executor raised, else one line about Spark.

    Raises
    ------
    InvalidDataError
        If a value cannot be read.
    LakeError
        If anything else happened.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - Spark, Java or an executor
        match = _SAID.search(str(error))
        if match is not None:
            problem = match.group(1).strip().removesuffix("Nothing was published.")
            counted = "Rows are counted within a batch of the frame."
            raise InvalidDataError(spec.name, f"{problem.strip()} {counted}") from None
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        first = lines[0] if lines else type(error).__name__
        msg = f"{storage.where}: Spark could not write {spec.name}: {first}"
        raise LakeError(msg) from None
