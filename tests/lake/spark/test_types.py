"""A column of Spark's that Arrow has no word for is one line, before any work."""

from __future__ import annotations

import importlib.util
import types
from typing import Any

import pytest

from lakebt.errors import InvalidDataError
from lakebt.lake.spark.publish import _check_types
from lakebt.lake.tables.schemas import PRICES

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("pyspark") is None, reason="pyspark is not installed"
)


def frame(column: str, ddl: str) -> Any:
    """What has the schema of a DataFrame, without a Spark."""
    from pyspark.sql import types as spark  # noqa: PLC0415 - may be missing

    kinds = {
        "interval": spark.CalendarIntervalType(),
        "double": spark.DoubleType(),
        "void": spark.NullType(),
        "array": spark.ArrayType(spark.DoubleType()),
        "array of intervals": spark.ArrayType(spark.CalendarIntervalType()),
    }
    return types.SimpleNamespace(
        schema=spark.StructType([spark.StructField(column, kinds[ddl])])
    )


@pytest.mark.parametrize("ddl", ["interval", "array of intervals"])
def test_a_type_without_a_word_in_arrow_is_one_line(ddl: str) -> None:
    told = r"column 'volume' must be a number, and is of Spark's type .*interval"

    with pytest.raises(InvalidDataError, match=told):
        _check_types(frame("volume", ddl), PRICES)


@pytest.mark.parametrize("ddl", ["double", "void", "array"])
def test_what_arrow_has_a_word_for_is_left_to_the_executors(ddl: str) -> None:
    _check_types(frame("volume", ddl), PRICES)
