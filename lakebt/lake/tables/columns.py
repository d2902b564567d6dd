"""Columns of what people hand over, as Arrow arrays without NaN or blank texts."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa

from lakebt.errors import InvalidArgumentError
from lakebt.lake.tables.arrow import Array, one_chunk, pc


def columns_of(data: object) -> dict[str, Array | pd.Series]:
    """Return the columns of a table by name.

    Raises
    ------
    InvalidArgumentError
        If it is not a table of pandas' or Arrow's, or has a column twice.
    """
    if isinstance(data, pa.Table):
        names = data.column_names
        columns: list[Any] = [one_chunk(column) for column in data.columns]
    elif isinstance(data, pd.DataFrame):
        names = [str(name) for name in data.columns]
        columns = [data.iloc[:, place] for place in range(len(names))]
    else:
        package = type(data).__module__.partition(".")[0].replace("builtins", "a")
        msg = (
            f"{package} {type(data).__name__} is not a table. Pass a pandas.DataFrame "
            f"or a pyarrow.Table"
        )
        raise InvalidArgumentError(msg)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        msg = f"column {twice[0]!r} is there twice. Leave one out"
        raise InvalidArgumentError(msg)
    return dict(zip(names, columns, strict=True))


def to_arrow(given: Array | pd.Series) -> Array | list[Any]:
    """Return an Arrow array, NaN as null; a list where values are of several types."""
    values: Any = given
    if isinstance(given, pd.Series):
        try:
            values = one_chunk(pa.Array.from_pandas(given))
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            return [None if _is_missing(value) else value for value in given]
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_floating(values.type):
        return pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    return values


def _is_missing(value: object) -> bool:
    return value is None or value is pd.NaT or value is pd.NA or value != value  # noqa: PLR0124 - NaN


def is_text(kind: pa.DataType) -> bool:
    """Return whether an Arrow type is one of its kinds of text."""
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
    )


def without_blanks(text: Array, coded: Array) -> Array:
    """Return texts with null for those of nothing but space.

    Parameters
    ----------
    text, coded
        An array, and the same as a dictionary.
    """
    blank = [not value.strip() for value in coded.dictionary.to_pylist()]
    if not any(blank):
        return text
    is_blank = pc.fill_null(pa.array(blank).take(coded.indices), False)  # noqa: FBT003
    return pc.if_else(is_blank, pa.scalar(None, pa.string()), text)
