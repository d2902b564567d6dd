"""Arrays, frames and tables as the parts that a strategy's identity is made of.

What is equal has the same parts, however it lies in memory: in which order of bytes, in
how many chunks, and with whatever between its values and under what is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from lakebt.strategy.own_code import attributes, is_own_class, module_of
from lakebt.values.keys import canonical_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Digest: TypeAlias = Callable[[Any], bytes]

_AS_ARRAYS = (np.ndarray, np.ma.MaskedArray, np.memmap, np.recarray)
"""Classes of arrays of which each does what any other does with the same values."""

_NUMBERS = frozenset(
    {
        *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        *("halffloat", "float", "double"),
    }
)
"""Types of Arrow's that NumPy has too."""


def labels_of(value: Any) -> tuple[str, ...] | None:
    """Return the texts of an array that is a row of nothing else; None if it is not."""
    if type(value) is not np.ndarray or value.dtype != object or value.ndim != 1:
        return None
    labels = tuple(value)
    return labels if set(map(type, labels)) == {str} else None


def parts_of_array(value: Any, of: Digest) -> Iterator[bytes]:
    """Yield what tells an array of NumPy's from any other."""
    if type(value) not in _AS_ARRAYS:
        yield from _of_class(value, of)
    if isinstance(value, np.ma.MaskedArray):
        yield of(np.ma.getmaskarray(value))
        yield of(np.asarray(np.ma.getdata(value)))
        if value.hardmask or not _is_usual_filling(value):
            yield of([bool(value.hardmask), np.asarray(value.fill_value)])
        return
    value = np.asarray(value)
    if not value.dtype.isnative:
        value = value.astype(value.dtype.newbyteorder("="))
    if value.dtype.names is not None:  # there may be anything between the fields
        names = [value.dtype.type.__name__, *value.dtype.names]
        yield canonical_json([names, list(value.shape)]).encode()
        yield from (of(np.asarray(value[name])) for name in value.dtype.names)
        return
    yield canonical_json([str(value.dtype), list(value.shape)]).encode()
    if value.dtype.hasobject:
        yield from (of(each) for each in value.ravel())
    elif value.dtype.char in "gG":  # of which some bytes are of no number
        yield from _of_long(value)
    else:
        yield np.ascontiguousarray(value).tobytes()


def _is_usual_filling(value: Any) -> bool:
    usual = np.asarray(np.ma.default_fill_value(value.dtype), dtype=value.dtype)
    return np.asarray(value.fill_value).tobytes() == usual.tobytes()


def _of_long(value: Any) -> Iterator[bytes]:
    """Yield the numbers of long doubles: as two doubles each, and an exponent."""
    for part in (value.real, value.imag) if value.dtype.char == "G" else (value,):
        fraction, exponent = np.frexp(part)
        first = fraction.astype(np.float64)
        with np.errstate(invalid="ignore"):
            rest = (fraction - first).astype(np.float64)
        yield from (np.ascontiguousarray(a).tobytes() for a in (first, rest, exponent))


def parts_of_frame(value: Any, of: Digest) -> Iterator[bytes]:
    """Yield what tells a frame, a series or an index of pandas' from any other."""
    parts: list[Any]
    if isinstance(value, pd.DataFrame):
        each = [value.iloc[:, place] for place in range(value.shape[1])]
        parts = [value.index, value.columns, *(column.array for column in each)]
    elif isinstance(value, pd.Series):
        parts = [value.name, value.index, value.array]
    elif isinstance(value, pd.MultiIndex):
        levels = map(value.get_level_values, range(value.nlevels))
        parts = [list(value.names), *levels]
    else:
        parts = [value.name, value.array]
        if (step := getattr(value, "freq", None)) is not None and not isinstance(
            value, pd.PeriodIndex
        ):
            parts.append(["freq", step.freqstr])
    if attrs := getattr(value, "attrs", None):
        parts.append(attrs)
    if more := set(getattr(value, "_metadata", ())) - {"_name", "name"}:
        parts.append({name: getattr(value, name, None) for name in more})
    yield from map(of, parts)
    if is_own_class(type(value)):
        yield of(type(value))


def parts_of_values(value: Any, of: Digest) -> Iterator[bytes]:
    """Yield what tells a column of pandas' from any other: of dates, the integers."""
    plain = getattr(value, "asi8", None)
    if isinstance(value, pd.arrays.NumpyExtensionArray):
        plain = value.to_numpy()
    elif plain is None:
        plain = value.to_numpy(dtype=object)
    yield str(value.dtype).encode()
    yield of(plain)
    yield of(getattr(value.dtype, "categories", None))
    if getattr(value.dtype, "ordered", False):
        yield b"ordered"
    if is_own_class(type(value)):
        yield from _of_class(value, of)


def parts_of_arrow(value: Any, of: Digest) -> Iterator[bytes] | None:
    """Return what tells a table or an array of Arrow's from any other.

    None if it is neither.
    """
    if module_of(type(value)) != "pyarrow.lib":
        return None
    if hasattr(value, "schema") and hasattr(value, "num_rows"):
        return _of_table(value, of)
    is_column = hasattr(value, "drop_null") and hasattr(value, "to_pylist")
    return _of_column(value, of) if is_column else None


def _of_table(value: Any, of: Digest) -> Iterator[bytes]:
    yield of(value.schema)
    yield str(value.num_rows).encode()
    for column in value.columns:
        yield from _of_column(column, of)


def _of_column(value: Any, of: Digest) -> Iterator[bytes]:
    yield of(value.type)
    if str(value.type) in _NUMBERS:
        yield of(np.asarray(value.is_null()))
        yield of(np.asarray(value.drop_null()))
    else:
        yield of(value.to_pylist())


def _of_class(value: Any, of: Digest) -> Iterator[bytes]:
    """Yield the class, and what an object of the user's own class has besides."""
    yield of(type(value))
    if is_own_class(type(value)):
        yield of(dict(attributes(value)))
