"""Columns of what people hand over, as Arrow arrays without NaN or blank texts."""

from __future__ import annotations

from collections import Counter
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
        If it is not a table of pandas' or Arrow's, has a column twice, or one whose
        parts Arrow cannot join.
    """
    if isinstance(data, pa.Table):
        names = data.column_names
        columns: list[Any] = [
            _joined(name, data.column(n)) for n, name in enumerate(names)
        ]
    elif isinstance(data, pd.DataFrame):
        names = [str(name) for name in data.columns]
        columns = [column for _, column in data.items()]  # noqa: PERF102 - of equal names
    else:
        package = type(data).__module__.partition(".")[0].replace("builtins", "a")
        msg = (
            f"{package} {type(data).__name__} is not a table. Pass a pandas.DataFrame "
            f"or a pyarrow.Table"
        )
        raise InvalidArgumentError(msg)
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        msg = f"column {twice[0]!r} is there twice. Leave one out"
        raise InvalidArgumentError(msg)
    return dict(zip(names, columns, strict=True))


def _joined(name: str, column: Any) -> Array:
    """Return the parts of a column as one, of the type that its values have.

    Raises
    ------
    InvalidArgumentError
        If Arrow cannot join them.
    """
    try:
        return one_chunk(pa.chunked_array([plain(part) for part in column.chunks]))
    except (pa.ArrowException, TypeError, ValueError):
        pass
    try:
        return one_chunk(column)
    except (pa.ArrowException, TypeError, ValueError):
        msg = (
            f"column {name!r} is of type {column.type}, whose parts Arrow cannot join. "
            f"Convert it before publishing"
        )
        raise InvalidArgumentError(msg) from None


def plain(values: Array) -> Array:
    """Return an array of the values themselves, however they are coded."""
    while True:
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        elif pa.types.is_run_end_encoded(values.type):
            if _is_coded(values.type.value_type):
                whole = pa.RunEndEncodedArray.from_arrays(
                    values.run_ends, plain(values.values)
                )
                values = whole.slice(values.offset, len(values))
            values = pc.run_end_decode(values)
        elif isinstance(values.type, pa.BaseExtensionType) and (
            values.type.extension_name in _AS_STORED
        ):
            kind = _AS_STORED[values.type.extension_name]
            values = values.storage if kind is None else values.storage.cast(kind)
        else:
            return values


def _is_coded(kind: pa.DataType) -> bool:
    return pa.types.is_dictionary(kind) or isinstance(kind, pa.BaseExtensionType)


_AS_STORED: dict[str, pa.DataType | None] = {
    "arrow.bool8": pa.bool_(),
    "arrow.json": None,
}
"""Extensions of Arrow's own whose values are just those they are stored as."""


def to_arrow(given: Array | pd.Series) -> Array | list[Any]:
    """Return an Arrow array, NaN as null; a list where values are of several types."""
    values: Any = given
    if isinstance(given, pd.Series):
        if isinstance(given.dtype, pd.SparseDtype):
            sparse: Any = given.array
            given = pd.Series(sparse.to_dense())
        try:
            values = one_chunk(pa.Array.from_pandas(given))
        except Exception:  # noqa: BLE001 - of any package that makes columns
            return [None if _is_missing(value) else value for value in given]
    values = plain(values)
    if pa.types.is_float16(values.type):  # for which Arrow lacks kernels
        values = values.cast(pa.float32())
    if pa.types.is_floating(values.type):
        return pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    return values


def _is_missing(value: object) -> bool:
    if value is None or value is pd.NaT or value is pd.NA:
        return True
    try:
        return bool(value != value)  # noqa: PLR0124 - NaN
    except Exception:  # noqa: BLE001 - arrays, signalling NaN: compared as anybody likes
        return False


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
