"""Filters of a table's rows as conditions of Spark: the same rows as here."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from lakebt.inputs.comparisons import ORDERS
from lakebt.lake.reading.in_force import visible
from lakebt.lake.reading.where import NAMED, RowFilter
from lakebt.lake.tables.rows import micros
from lakebt.lake.tables.schemas import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import Column, DataFrame

    from lakebt.lake.reading.known_release import Known
    from lakebt.lake.tables.schemas import TableSpec


_DAY = dt.timedelta(days=1)


def row_filter(
    where: Mapping[str, Any] | None, *, spec: TableSpec, known: Known
) -> RowFilter:
    """Return a filter as it is read here.

    Raises
    ------
    InvalidArgumentError
        If a value cannot be compared with its column.
    UnknownNameError
        If there is no such column.
    """
    zone = known.pinned.sessions.zone
    return RowFilter(where, spec=spec, known=visible(spec), zone=zone)


def check_names(
    wanted: RowFilter, vintages: DataFrame, *, spec: TableSpec, known: Known
) -> None:
    """Check names against those known: in the table by Spark, else in the release.

    Raises
    ------
    UnknownNameError
        If no row known has such a name.
    """
    from pyspark.sql import functions as spark  # noqa: PLC0415 - an extra, and slow

    texts = {column.name for column in spec.columns if column.kind is Kind.TEXT}
    for name in texts.intersection(NAMED):
        if not (names := wanted.named(name)):
            continue
        column = spark.col(f"`{name}`")
        rows = vintages.where(column.isin(*names) & known_by(known.instant))
        there = {row[0] for row in rows.select(column).distinct().collect()}
        if missing := sorted(set(names) - there):
            known.check(name, missing)


def known_by(instant: dt.datetime) -> Column:
    """Return the condition that a row is known by an instant."""
    from pyspark.sql import functions as spark  # noqa: PLC0415 - an extra, and slow

    return spark.col("known_at") <= spark.timestamp_micros(spark.lit(micros(instant)))


def condition(wanted: RowFilter, *, spec: TableSpec, zone: dt.tzinfo) -> Column:
    """Return the condition that a row matches; never null."""
    from pyspark.sql import functions as spark  # noqa: PLC0415 - an extra, and slow

    never, matches = spark.lit(False), spark.lit(True)  # noqa: FBT003 - its name
    kinds = {column.name: column.kind for column in spec.columns}
    for name in wanted.columns:
        column = spark.col(f"`{name}`")
        kind = kinds.get(name, Kind.TEXT)
        is_there = column.isNotNull()
        if kind is Kind.NUMBER:
            is_there &= ~spark.isnan(column)
        if (values := wanted.wanted.get(name)) is not None:
            one_of = never
            for value in sorted(values, key=repr):
                one_of |= spark.coalesce(_is(column, kind, value, zone), never)
            matches &= one_of
        for op, limit in wanted.compared.get(name, ()):
            if limit is None:
                matches &= is_there
            elif op == "!=":
                matches &= ~spark.coalesce(_is(column, kind, limit, zone), never)
            else:
                first, after = _ends(kind, limit, zone)
                # Up to a whole day is before the next, and after it from the next on.
                whole = {"<=": "<", ">": ">="} if first is not after else {}
                end = after if op in {"<=", ">"} else first
                holds: Any = ORDERS[whole.get(op, op)](column, end)
                matches &= is_there & spark.coalesce(holds, never)
    return matches


def _is(column: Column, kind: Kind, value: Any, zone: dt.tzinfo) -> Column:
    """Return whether a column has a value; an instant has a bare date as its day."""
    if value is None:
        return column.isNull()
    first, after = _ends(kind, value, zone)
    if first is after:
        return column == first
    return (column >= first) & (column < after)


def _ends(kind: Kind, value: Any, zone: dt.tzinfo) -> tuple[Column, Column]:
    """Return where a value begins, and where the next does; the same if it is one."""
    from pyspark.sql import functions as spark  # noqa: PLC0415 - an extra, and slow

    def instant(at: dt.datetime) -> Column:
        return spark.timestamp_micros(spark.lit(micros(at)))

    if kind is Kind.INSTANT and not isinstance(value, dt.datetime):
        midnight = dt.datetime.combine(value, dt.time(), tzinfo=zone)
        return instant(midnight), instant(midnight + _DAY)
    if isinstance(value, dt.datetime):
        one = instant(value)
    elif kind is Kind.WHOLE and value.is_integer():
        one = spark.lit(int(value))  # a double has not all of its digits
    else:
        one = spark.lit(value)
    return one, one
