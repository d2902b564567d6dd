"""A filter keeps the same rows on Spark as it does here."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lakebt.errors import InvalidArgumentError, UnknownNameError
from lakebt.instants import NEW_YORK
from lakebt.lake.reading.where import RowFilter
from lakebt.lake.spark.where import condition
from lakebt.lake.tables.arrow import INSTANT
from lakebt.lake.tables.frames import frame
from lakebt.lake.tables.schemas import Column, Kind, TableSpec
from tests.engines.engine import ON_SPARK
from tests.engines.frames import published
from tests.lake.frames import bars, changes, q1, q3

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from lakebt.lake import Lake

pytestmark = ON_SPARK

BIG = 2**53 + 1
"""A whole number that no double holds."""

SPEC = TableSpec(
    name="facts",
    key=("text",),
    columns=(
        Column(name="text", kind=Kind.TEXT),
        Column(name="number", kind=Kind.NUMBER),
        Column(name="whole", kind=Kind.WHOLE),
        Column(name="day", kind=Kind.DATE),
        Column(name="at", kind=Kind.INSTANT),
        Column(name="flag", kind=Kind.FLAG),
    ),
    order=("text",),
)
ROWS = pa.table(
    {
        "text": pa.array(["a", "b", "É", "'; --", "\U0001f600", None]),
        "number": pa.array([1.0, -0.0, float("nan"), float("inf"), 2.5, None]),
        "whole": pa.array([1, 2, BIG, BIG - 1, -3, None], pa.int64()),
        "day": pa.array([dt.date(2022, 9, day) for day in (1, 2, 3, 4, 5)] + [None]),
        "at": pa.array(
            # The last of Friday in New York and the first of Saturday, then the days on
            # which clocks change.
            [
                dt.datetime(2022, 9, 3, 3, 59, 59, 999_999, dt.UTC),
                dt.datetime(2022, 9, 3, 4, tzinfo=dt.UTC),
                dt.datetime(2022, 11, 7, 4, 59, 59, tzinfo=dt.UTC),
                dt.datetime(2022, 11, 7, 5, tzinfo=dt.UTC),
                dt.datetime(2022, 3, 14, 3, 59, tzinfo=dt.UTC),
                None,
            ],
            INSTANT,
        ),
        "flag": pa.array([True, False, True, None, False, None]),
    }
)
ASKED: dict[str, list[Any]] = {
    "text": ["É", "'; --"],
    "number": [0, float("inf")],
    "whole": [1.5, BIG - 1],
    "day": ["2022-09-03"],
    "at": ["2022-09-02", "2022-11-06", "2022-03-13", "2022-09-03T04:00:00Z"],
}


def filters() -> list[dict[str, Any]]:
    """Every comparison with every value, and combinations."""
    ordered = [
        {column: (op, value)}
        for column, values in ASKED.items()
        for value in values
        for op in ("=", "!=", "<", "<=", ">", ">=")
    ]
    missing = [{name: (op, None)} for name in ROWS.column_names for op in ("=", "!=")]
    return [
        *ordered,
        *missing,
        *({"flag": (op, value)} for op in ("=", "!=") for value in (True, False)),
        *({name: []} for name in ROWS.column_names),
        {"text": ["a", None, "b"]},
        {"number": [1.0, None], "text": ("!=", ["a", "b"])},
        {"day": [(">=", "2022-09-02"), ("<", "2022-09-05"), ("!=", "2022-09-03")]},
        {"at": [("=", ["2022-09-02", "2022-11-06"]), ("<", "2022-11-06")]},
        {},
    ]


def test_every_comparison_keeps_the_rows_it_keeps_here(
    shared_spark: SparkSession,
) -> None:
    asked = [
        RowFilter(where, spec=SPEC, known=ROWS.column_names) for where in filters()
    ]
    expected = [wanted.matches(ROWS) for wanted in asked]
    session = shared_spark.newSession()
    session.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")  # decides nothing
    rows = session.createDataFrame(ROWS)

    told = rows.select(
        *(
            condition(wanted, spec=SPEC, zone=NEW_YORK).alias(f"c{place}")
            for place, wanted in enumerate(asked)
        )
    ).toArrow()

    for place, (where, here) in enumerate(zip(filters(), expected, strict=True)):
        found = np.array(told.column(place).to_pylist())
        assert found.tolist() == here.tolist(), where
    assert {tuple(here) for here in expected} > {(False,) * 6, (True,) * 6}


def test_views_filter_alike_on_spark_and_without_it(sparked: Lake) -> None:
    holdings = pd.concat([q1(), q3()])
    rows = {"prices": bars(), "index_changes": changes(), "etf_holdings": holdings}
    published(sparked, rows)
    view = sparked.at("R1")

    for table, where in (
        ("prices", {"symbol": "AAA", "session": (">", "2022-09-01")}),
        ("etf_holdings", {"status": ["new", "expired"]}),
    ):
        found = sparked.spark_read(view, table, where=where).toArrow()
        here = view.read(table, where=where)
        by = ["symbol", *here.columns[:2]]
        assert len(here) in {1, 2}
        pd.testing.assert_frame_equal(
            frame(found).sort_values(by, ignore_index=True),
            here.sort_values(by, ignore_index=True),
        )
    # A name that no price has, but a change: no error. One that nobody has is one.
    sparked.spark_read(view, "prices", where={"symbol": "NEW"})
    with pytest.raises(UnknownNameError, match=r"unknown symbol 'AAB'.*'AAA'"):
        sparked.spark_read(view, "prices", where={"symbol": "AAB"})
    with pytest.raises(UnknownNameError, match="unknown column 'sybmol'"):
        sparked.spark_read(view, "prices", where={"sybmol": "AAA"})
    with pytest.raises(InvalidArgumentError, match="where close: 'x' cannot be com"):
        sparked.spark_read(view, "prices", where={"close": "x"})
