"""Arrays, frames and tables are one strategy's or another's by what they hold."""

from __future__ import annotations

import decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lakebt.strategy.identity import identity_of
from tests.strategy.test_identity import Holder

if TYPE_CHECKING:
    from collections.abc import Callable


def identity(held: object) -> str:
    return identity_of(Holder(held), name="Mine")


def own(base: type, code: str) -> Any:
    space: dict[str, Any] = {"__name__": "__main__", "base": base}
    exec(f"class Mine(base):\n    {code}", space)  # noqa: S102 - code of our own
    return space["Mine"]


def with_attribute(value: Any, other: int) -> Any:
    value.window = other
    return value


def dates(freq: Any) -> pd.DatetimeIndex:
    """Monday to Wednesday, which are days and business days."""
    return pd.DatetimeIndex(["2021-01-04", "2021-01-05", "2021-01-06"], freq=freq)


def choices(*, ordered: bool) -> Any:
    return pd.Categorical(["a", "b"], categories=["a", "b"], ordered=ordered)


TOLD_APART: dict[str, Callable[[int], object]] = {
    "ordered choices": lambda n: choices(ordered=bool(n)),
    "an index of ordered choices": lambda n: pd.CategoricalIndex(
        choices(ordered=bool(n))
    ),
    "a frequency": lambda n: dates("BD"[n]),
    "no frequency": lambda n: dates((None, "D")[n]),
    "a matrix": lambda n: np.ones((1, 1)).view((np.ndarray, np.matrix)[n]),
    "a filling": lambda n: np.ma.array([1, 2], mask=[False, True], fill_value=n),
    "a hard mask": lambda n: np.ma.array([1, 2], mask=[False, True], hard_mask=bool(n)),
    "a class of arrays": lambda n: np.ones(1).view(own(np.ndarray, f"k = {n}")),
    "an array's attribute": lambda n: with_attribute(
        np.ones(1).view(own(np.ndarray, "pass")), n
    ),
    "a class of frames": lambda n: own(pd.DataFrame, f"k = {n}")({"a": [1]}),
    "a frame's attribute": lambda n: with_attribute(
        own(pd.DataFrame, "_metadata = ['window']")({"a": [1]}), n
    ),
    "a class of series": lambda n: own(pd.Series, f"k = {n}")([1]),
    "fields": lambda n: np.array([(1, n)], dtype=[("a", "i4"), ("b", "f8")]),
    "names of fields": lambda n: np.array([(1,)], dtype=[("ab"[n], "i4")]),
    "objects in fields": lambda n: np.array([(1, str(n))], dtype="i4,O"),
    "a long double": lambda n: np.longdouble(1) / 3 + n * np.longdouble(2) ** -60,
    "long doubles": lambda n: np.array(
        [np.longdouble(1) / 3 + n * np.longdouble(2) ** -60]
    ),
    "texts of any length": lambda n: np.array(
        ["a" * 40, "xy"[n] * 40], dtype=np.dtypes.StringDType()
    ),
    "a table": lambda n: pa.table({"a": [1, 2 + n]}),
    "names of a table": lambda n: pa.table({"ab"[n]: [1, 2]}),
    "a type": lambda n: pa.array([1, 2], type=(pa.int64(), pa.int32())[n]),
    "what is missing": lambda n: pa.chunked_array([[1.0], [(None, 0.0)[n]]]),
    "NaN": lambda n: pa.array([1.0, (None, float("nan"))[n]]),
    "decimals": lambda n: pa.array([decimal.Decimal(n)]),
    "a batch": lambda n: pa.record_batch({"a": ["x", "xy"[n]]}),
    "rows without columns": lambda n: pa.table({"a": [1, 2][n:]}).select([]),
    "a sparse filling": lambda n: pd.arrays.SparseArray([0, 0, 1], fill_value=n),
    "a period": lambda n: pd.period_range("2020-01", periods=3, freq="MQ"[n]),
    "a side that is closed": lambda n: pd.IntervalIndex.from_breaks(
        [0, 1], closed=("left", "right")[n]
    ),
    "a zone": lambda n: pd.date_range(
        "2020-01-01", periods=2, tz=("UTC", "Asia/Tokyo")[n]
    ),
    "a column of two names": lambda n: pd.DataFrame([[1, n]], columns=["a", "a"]),
    "an empty column's type": lambda n: pd.DataFrame(
        {"a": np.array([], dtype=(float, int)[n])}
    ),
}


@pytest.mark.parametrize("make", TOLD_APART.values(), ids=TOLD_APART)
def test_arrays_that_differ_in_anything_are_told_apart(
    make: Callable[[int], object],
) -> None:
    assert identity(make(0)) == identity(make(0))
    assert identity(make(0)) != identity(make(1))


def filled(dtype: Any, byte: int, **values: Any) -> Any:
    """Return an array with something in the bytes that are of no value."""
    size = np.dtype(dtype).itemsize * 2
    made = np.frombuffer(bytearray([byte]) * size, dtype=dtype)
    for name, given in values.items():
        made[name] = given
    return made


def long_double(byte: int) -> Any:
    number = (np.longdouble(1) / 3).tobytes()[:10]
    return np.frombuffer(number + bytes([byte]) * 6, dtype=np.longdouble)


ALIGNED = np.dtype([("a", "i1"), ("b", "f8")], align=True)
IS_OF_X86 = np.finfo(np.longdouble).nmant == 63

EQUAL: dict[str, Callable[[], tuple[object, object]]] = {
    "the order of bytes": lambda: (np.arange(5.0), np.arange(5.0).astype(">f8")),
    "the order of bytes of texts": lambda: (np.array(["a"]), np.array(["a"], ">U1")),
    "every second": lambda: (np.arange(10.0)[::2], np.arange(0.0, 10.0, 2.0)),
    "columns first": lambda: (np.ones((2, 3)), np.ones((2, 3), order="F")),
    "what lies between fields": lambda: (
        filled(ALIGNED, 0, a=1, b=2.0),
        filled(ALIGNED, 255, a=1, b=2.0),
    ),
    "a slice of a table": lambda: (
        pa.table({"a": [1, 2, 3], "s": ["x", "y", "z"]}).slice(1),
        pa.table({"a": [2, 3], "s": ["y", "z"]}),
    ),
    "chunks": lambda: (
        pa.chunked_array([["a"], ["b"]]),
        pa.chunked_array([["a", "b"]]),
    ),
    "what lies under a missing value": lambda: (
        pa.array([1, None]),
        pa.Array.from_buffers(
            pa.int64(),
            2,
            [pa.py_buffer(b"\x01"), pa.py_buffer(np.array([1, 99]).tobytes())],
        ),
    ),
    "an index that is a range": lambda: (
        pd.Series([1.0, 2.0]),
        pd.Series([1.0, 2.0], index=np.array([0, 1])),
    ),
    "a complex number of NumPy's": lambda: (1 + 2j, np.complex128(1 + 2j)),
    "bytes of NumPy's": lambda: (b"a", np.bytes_(b"a")),
}


@pytest.mark.parametrize("make", EQUAL.values(), ids=EQUAL)
def test_arrays_that_are_equal_are_one(
    make: Callable[[], tuple[object, object]],
) -> None:
    one, other = make()

    assert identity(one) == identity(other)


@pytest.mark.skipif(not IS_OF_X86, reason="long doubles have no spare bytes here")
def test_the_spare_bytes_of_a_long_double_do_not_count() -> None:
    one, other = long_double(0), long_double(255)

    assert one == other
    assert identity(one) == identity(other)
    assert identity(one[0]) == identity(other[0])
