"""Rows of a view as Spark DataFrames: the same rows, wherever Spark has its executors.

A view's tables are read by snapshot id, as it reads them itself. What is in force is
decided by the same rule; reports of holdings by the same code, each fund by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lakebt.errors import InvalidArgumentError
from lakebt.lake.reading.counterfactual import is_altered
from lakebt.lake.reading.holdings import Reports
from lakebt.lake.reading.in_force import rows as rows_in_force
from lakebt.lake.reading.in_force import visible
from lakebt.lake.spark.conf import spark_name
from lakebt.lake.spark.where import check_names, condition, known_by, row_filter
from lakebt.lake.storage.failures import translated
from lakebt.lake.tables.schemas import ETF_HOLDINGS, NAMESPACE, Kind

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pyspark.sql import DataFrame, SparkSession

    from lakebt.lake.reading.known_release import Known
    from lakebt.lake.storage.catalog import Storage
    from lakebt.lake.tables.schemas import TableSpec


_TYPES = {
    Kind.TEXT: "string",
    Kind.NUMBER: "double",
    Kind.WHOLE: "bigint",
    Kind.DATE: "date",
    Kind.INSTANT: "timestamp",
    Kind.FLAG: "boolean",
}


def session_of(storage: Storage) -> SparkSession:
    """Return the session that a lake was opened with.

    Raises
    ------
    InvalidArgumentError
        If it was opened without one.
    """
    if storage.spark is None:
        msg = (
            f"{storage.where} was opened without Spark: pass engine='spark', or "
            f"spark= with a session of yours, to Lake.open"
        )
        raise InvalidArgumentError(msg)
    return storage.spark


def table_name(storage: Storage, table: str) -> str:
    """Return what Spark calls a table of the lake, whose name was checked."""
    return f"{spark_name(storage)}.{NAMESPACE}.`{table}`"


def snapshot(
    storage: Storage, spec: TableSpec, snapshot_id: int | None, session: SparkSession
) -> DataFrame:
    """Return all vintages in a snapshot, in the columns of the table.

    Parameters
    ----------
    storage, spec
    snapshot_id
        None for one without rows.
    session
        Which has the lake's catalog.
    """
    empty = {
        column.name: f"CAST(NULL AS {_TYPES[column.kind]}) AS `{column.name}`"
        for column in spec.columns
    }
    if snapshot_id is None:  # what Spark knows to be empty, it leaves out of its plans
        return session.sql(f"SELECT {', '.join(empty.values())} WHERE false")
    with translated(storage.where):
        rows = session.read.option("versionAsOf", str(snapshot_id)).table(
            table_name(storage, spec.name)
        )
    there = rows.columns
    if there == list(empty):
        return rows
    # One that is not there was added to the table after this snapshot.
    return rows.selectExpr(
        *(f"`{name}`" if name in there else none for name, none in empty.items())
    )


def ddl(spec: TableSpec, *extra: str) -> str:
    """Return the columns of a table as Spark writes them."""
    columns = [
        f"`{column.name}` {_TYPES[column.kind]}{' NOT NULL' if column.required else ''}"
        for column in spec.columns
    ]
    return ", ".join([*columns, *extra])


def newest(rows: DataFrame, spec: TableSpec, instant: dt.datetime) -> DataFrame:
    """Return the rows in force at an instant: see `lakebt.lake.tables.rows.newest`."""
    from pyspark.sql import Window  # noqa: PLC0415 - an extra, and slow
    from pyspark.sql import functions as spark  # noqa: PLC0415

    by_key = Window.partitionBy(*(f"`{name}`" for name in spec.key))
    place = spark.row_number().over(by_key.orderBy(spark.desc("known_at")))
    chosen = rows.where(known_by(instant)).withColumn("__place", place)
    return chosen.where("__place = 1 AND NOT retracted").drop("__place")


def frame(
    known: Known,
    table: str,
    session: SparkSession,
    *,
    where: Mapping[str, Any] | None = None,
) -> DataFrame:
    """Return the rows of a table in force that match: see `Lake.spark_read`.

    Raises
    ------
    InvalidArgumentError
        If a value of `where` cannot be compared with its column.
    UnknownNameError
        If there is no such table, column or name.
    """
    pinned, instant = known.pinned, known.instant
    spec = known.specs.of(table)
    names = visible(spec)
    if is_altered():  # an audit's future exists in memory alone
        rows = rows_in_force(known, table, columns=names, where=where)
        return session.createDataFrame(rows.to_pandas())
    wanted = row_filter(where, spec=spec, known=known)
    pin = pinned.release.pin(table)
    snapshot_id = None if pin is None else pin.snapshot_id
    vintages = snapshot(pinned.storage, spec, snapshot_id, session)
    check_names(wanted, vintages, spec=spec, known=known)
    if spec is ETF_HOLDINGS:
        fields = ddl(spec, "`status` string").replace(" NOT NULL", "")
        by_fund = vintages.repartition("fund")
        chosen = by_fund.mapInArrow(_reports(instant), fields)
    else:
        chosen = newest(vintages, spec, instant)
    if wanted.columns:
        chosen = chosen.where(condition(wanted, spec=spec, zone=pinned.sessions.zone))
    return chosen.select(*(f"`{name}`" for name in names))


def collected(batches: Iterable[pa.RecordBatch], spec: TableSpec) -> pa.Table:
    """Return what an executor was handed of a table, in the types lakebt has."""
    collected_batches = list(batches)
    if not collected_batches:
        return spec.arrow.empty_table()
    return pa.Table.from_batches(collected_batches).select(spec.names).cast(spec.arrow)


def fetched(rows: DataFrame) -> pa.Table:
    """Return what Spark has to give, in memory. Spark 3.5 has no word for it yet."""
    own: Any = rows
    if hasattr(own, "toArrow"):
        table: pa.Table = own.toArrow()
        return table
    return pa.Table.from_batches(own._collect_as_arrow())  # noqa: SLF001


def _reports(instant: dt.datetime) -> Callable[[Any], Iterator[pa.RecordBatch]]:
    """Return what gives the newest report of each fund in a partition."""

    def known(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rows = collected(batches, ETF_HOLDINGS)
        if len(rows):
            yield from Reports(rows).known(instant).to_batches()

    return known
