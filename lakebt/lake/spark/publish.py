"""Publishing what Spark holds: written by its executors, committed as everything else.

Spark writes the rows, normalised and sorted, onto a staging branch of their table, and
they are audited there. The same commit as for all releases then adds these files to the
table's head, tags it, and writes the ledger; the branch is removed. So there is one
protocol, with two ways to write the data. A process that is killed before the commit
leaves a branch called ``lakebt-staging-...``, which `lakebt doctor` finds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from lakebt.errors import InvalidArgumentError, InvalidDataError
from lakebt.lake.committing.new_table import make_built_in
from lakebt.lake.publishing.audits.finding import Handed
from lakebt.lake.publishing.audits.schemas import audit_schema
from lakebt.lake.publishing.normalisation import check_columns, normalise
from lakebt.lake.publishing.texts import changed
from lakebt.lake.spark.audits import Looked
from lakebt.lake.spark.branch_rows import SparkReady
from lakebt.lake.spark.changed_texts import collector, together
from lakebt.lake.spark.reader import ddl, session_of
from lakebt.lake.spark.writer import new_branch, remove_quietly, write_on
from lakebt.lake.storage.failures import LostRaceError
from lakebt.lake.storage.snapshots import delete_quietly
from lakebt.sessions import Exchange

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator

    from pyiceberg.manifest import DataFile
    from pyspark import Accumulator
    from pyspark.sql import DataFrame

    from lakebt.lake.committing.staging_branch import StagingBranch
    from lakebt.lake.publishing.audits.user_audits import Rules
    from lakebt.lake.publishing.texts import Changed, Cleaned
    from lakebt.lake.spark.changed_texts import Told
    from lakebt.lake.storage.catalog import Storage
    from lakebt.lake.tables.schemas import TableSpec


def is_spark(data: object) -> bool:
    """Return whether something is a DataFrame of Spark's."""
    home = type(data).__module__
    return home.startswith("pyspark.") and hasattr(data, "mapInArrow")


@contextlib.contextmanager
def brought(
    tables: Any, *, storage: Storage, exchange: str
) -> Iterator[Mapping[str, object]]:
    """Give the tables with what publishes those that Spark holds; then tidy up.

    Raises
    ------
    InvalidArgumentError
        If there is one, and the lake was opened without Spark.
    """
    if not isinstance(tables, Mapping) or not any(map(is_spark, tables.values())):
        yield tables
        return
    session_of(storage)
    spark_rows = {
        name: Sparks(data, storage=storage, exchange=exchange)
        for name, data in tables.items()
        if is_spark(data)
    }
    try:
        yield {**tables, **spark_rows}
    finally:
        for each in spark_rows.values():
            each.tidy()


class Sparks:
    """A DataFrame of Spark's that is to be published.

    Parameters
    ----------
    data
    storage
        The lake.
    exchange
        Whose sessions count.
    """

    def __init__(self, data: Any, *, storage: Storage, exchange: str) -> None:
        self.data: DataFrame = data
        self.storage, self.exchange = storage, exchange
        self._branches: list[StagingBranch] = []
        self._unused: set[str] = set()

    def ready(
        self, spec: TableSpec, *, as_of: dt.datetime, chosen: Rules
    ) -> SparkReady:
        """Write the rows onto a branch of their table.

        Raises
        ------
        InvalidArgumentError
            If an audit of the user's own is to look at them.
        InvalidDataError
            If a column is missing or unknown, or a value cannot be read.
        LakeError
            If Spark cannot write them.
        """
        if spec.name in chosen.own:
            msg = (
                f"audits= cannot look at {spec.name}: a function of yours takes a "
                f"pandas.DataFrame, and this one is Spark's. Look at it before you "
                f"publish it"
            )
            raise InvalidArgumentError(msg)
        check_columns(self.data.columns, spec=spec)
        _check_types(self.data, spec)
        jvm_log = collector(session_of(self.storage))
        rows = self.data.mapInArrow(
            _normalising(spec, self.exchange, tuple(self.data.columns), jvm_log),
            ddl(spec),
        )
        branch = self.write(rows, spec)
        if not branch.count:
            problem = "the frame is empty. Publish at least one row."
            raise InvalidDataError(spec.name, problem)
        looked = Looked(spec=spec, as_of=as_of, exchange=self.exchange)
        return SparkReady(
            spec=spec,
            branch=branch,
            source=self,
            looked=looked,
            chosen=chosen,
            given={name: kind == "string" for name, kind in self.data.dtypes},
            changed=together(jvm_log.value.values(), spec),
        )

    def write(self, rows: DataFrame, spec: TableSpec) -> StagingBranch:
        """Write rows onto a new branch of their table, sorted as the table is.

        Raises
        ------
        InvalidDataError
            If a value cannot be read.
        LakeError
            If Spark cannot write them.
        """
        with contextlib.suppress(LostRaceError):  # it is there by now
            make_built_in(self.storage, [spec.name])
        branch = new_branch(self.storage, spec)
        self._branches.append(branch)
        write_on(branch, rows, spec)
        self.unused(branch)
        return branch

    def used(self, branch: StagingBranch) -> list[DataFile]:
        """Return a branch's files to commit; the caller now owns them."""
        self._unused.difference_update(file.file_path for file in branch.files)
        return branch.files

    def unused(self, branch: StagingBranch) -> None:
        """Take a branch's files back: they may be read again, and go in the end."""
        self._unused.update(file.file_path for file in branch.files)

    def tidy(self) -> None:
        """Remove the branches, and those of their files that were not committed."""
        for branch in self._branches:
            remove_quietly(branch)
            if branch.files:
                paths = {file.file_path for file in branch.files}
                delete_quietly(branch.table.io, paths & self._unused)


def _check_types(data: DataFrame, spec: TableSpec) -> None:
    """Check that Spark can hand over every column; what is in them, executors check.

    Raises
    ------
    InvalidDataError
        If Arrow has no word for what one holds.
    """
    from pyspark.sql.pandas.types import to_arrow_type  # noqa: PLC0415 - an extra

    for field in data.schema.fields:
        try:
            to_arrow_type(field.dataType)
        except Exception:  # noqa: BLE001 - of each version of Spark another
            kind = spec.column(field.name).kind.value
            problem = (
                f"column {field.name!r} must be {kind}, and is of Spark's type "
                f"{field.dataType.simpleString()}. Convert the column before "
                f"publishing."
            )
            raise InvalidDataError(spec.name, problem) from None


def _normalising(
    spec: TableSpec,
    exchange: str,
    names: tuple[str, ...],
    told: Accumulator[Told],
) -> Callable[[Any], Iterator[pa.RecordBatch]]:
    """Return what puts the rows of a partition into the table's columns."""

    def rows_of(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from pyspark import TaskContext  # noqa: PLC0415 - an extra, and slow

        problems: list[dict[str, Changed]] = []
        for batch in batches:
            if not len(batch):
                continue
            handed = pa.Table.from_batches([batch]).rename_columns(list(names))
            texts: list[Cleaned] = []
            rows = normalise(handed, spec=spec, sessions=Exchange(exchange), told=texts)
            whole = Handed(spec=spec, rows=rows, places=np.arange(len(rows)))
            if any(
                rows.column(column.name).null_count
                for column in spec.columns
                if column.required
            ):
                empty = [f for f in audit_schema(whole) if f.audit == "empty"]
                raise InvalidDataError(spec.name, empty[0].message)
            if texts:
                problems = [together([*problems, changed(whole, texts)], spec)]
            yield from rows.to_batches()
        task = TaskContext.get()
        if problems and task is not None:
            told.add({task.partitionId(): problems[0]})

    return rows_of
