"""Every type of Arrow's and pandas' is read as pyarrow says, or refused in one line."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import uuid
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lakebt.errors import InvalidDataError
from lakebt.lake.publishing.normalisation import normalise
from lakebt.lake.tables.schemas import ETF_HOLDINGS, Kind
from lakebt.sessions import Exchange

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakebt.lake.tables.arrow import Array

COLUMNS = ("fund", "symbol", "balance", "date", "known_at", "retracted")
"""One of each kind; `fund` must be there, `symbol` need not."""

DAY = dt.date(2022, 9, 2)
NOON = dt.datetime(2022, 9, 2, 12, tzinfo=dt.UTC)
TEXT = ["IVV", None]


def ree(values: Array) -> Array:
    ends: Any = pa.array(range(1, len(values) + 1), pa.int32())
    return pa.RunEndEncodedArray.from_arrays(ends, values)


def arrays() -> Iterator[Array]:
    """Two values of each of Arrow's types, the second null."""
    made: Any = pa.array
    kind: Any
    for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"):
        yield made([1, None], getattr(pa, name)())
    yield made([2**63 + 1, None], pa.uint64())
    yield made([2**60, None], pa.int64())
    yield made([2**60 + 1, None], pa.int64())
    for kind in (pa.float16(), pa.float32(), pa.float64()):
        yield made([np.float16(1.5), None], kind)
    for precision, name in ((5, "decimal128"), (5, "decimal256")):
        yield made([decimal.Decimal("1.25"), None], getattr(pa, name)(precision, 2))
    yield made([True, None])
    for kind in (pa.string(), pa.large_string(), pa.string_view()):
        yield made(TEXT, kind)
        yield made(["2022-09-02", None], kind)
        yield made(["2022-09-02T12:00:00Z", None], kind)
        yield made(["1.5", None], kind)
    for kind in (pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(3)):
        yield made([b"IVV", None], kind)
    yield made([DAY, None], pa.date32())
    yield made([DAY, None], pa.date64())
    for unit in ("s", "ms", "us", "ns"):
        yield made([NOON, None], pa.timestamp(unit, "UTC"))
        yield made([NOON, None], pa.timestamp(unit, "America/New_York"))
        yield made([NOON.replace(tzinfo=None), None], pa.timestamp(unit))
        yield made([dt.datetime(2022, 9, 2), None], pa.timestamp(unit))  # noqa: DTZ001
        yield made([1, None], pa.duration(unit))
    yield made([1, None], pa.timestamp("ns"))
    yield made([2**40, None], pa.timestamp("s", "UTC"))
    yield made([-(2**62), None], pa.timestamp("s"))
    yield made([2**31 - 1, None], pa.int32()).view(pa.date32())
    yield made([2**62, None], pa.int64()).view(pa.date64())
    yield made([dt.time(12), None], pa.time32("s"))
    yield made([dt.time(12), None], pa.time64("us"))
    yield made([(1, 2, 3), None], pa.month_day_nano_interval())
    yield made([["IVV"], None], pa.list_(pa.string()))
    yield made([["IVV"], None], pa.large_list(pa.string()))
    yield made([["IVV"], None], pa.list_(pa.string(), 1))
    yield made([{"a": 1}, None], pa.struct([("a", pa.int64())]))
    yield made([[("a", 1)], None], pa.map_(pa.string(), pa.int64()))
    types: Any = pa.array([0, 1], pa.int8())
    yield pa.UnionArray.from_sparse(types, [made([1, None]), made(["a", None])])
    yield made(TEXT).dictionary_encode()
    yield made([1.5, None]).dictionary_encode()
    yield made([DAY, None]).dictionary_encode()
    yield ree(made(TEXT))
    yield ree(made([DAY, None]))
    yield ree(made(TEXT).dictionary_encode())
    yield made([uuid.UUID(int=1).bytes, None], pa.uuid())
    yield pa.ExtensionArray.from_storage(pa.bool8(), made([1, None], pa.int8()))
    yield pa.ExtensionArray.from_storage(pa.json_(), made(['{"a": 1}', None]))
    yield made([None, None], pa.null())


def series() -> Iterator[Any]:
    """Two values of each type of pandas', the second missing."""
    array, days = cast("Any", pd.array), cast("Any", pd.to_datetime)
    yield pd.Series(array([1, None], dtype="Int64"))
    yield pd.Series(array([1.5, None], dtype="Float64"))
    yield pd.Series(array([True, None], dtype="boolean"))
    yield pd.Series(TEXT, dtype="string")
    yield pd.Series(TEXT, dtype="str")
    yield pd.Series(TEXT, dtype=object)
    yield pd.Series(TEXT, dtype="category")
    yield pd.Series(pd.Categorical([DAY, None]))
    yield pd.Series(pd.PeriodIndex(["2022-09-02", None], freq="D"))
    yield pd.Series(pd.arrays.IntervalArray.from_breaks([0, 1, 2]))
    yield pd.Series(pd.arrays.SparseArray([1.5, np.nan]))
    yield pd.Series(days(["2022-09-02", None]))
    yield pd.Series(days(["2022-09-02T12:00Z", None]))
    yield pd.Series(days(["2022-09-02T12:00Z", None])).dt.as_unit("s")
    yield pd.Series(pd.to_timedelta(["1h", None]))
    yield pd.Series([1j, None], dtype=object)
    yield pd.Series(np.array([1.5, np.nan], dtype=np.longdouble))
    yield pd.Series([np.array([1, 2]), "x"], dtype=object)
    yield pd.Series([{1}, None], dtype=object)
    yield pd.Series([pd.Period("2022-09-02"), "2022-09-02"], dtype=object)
    yield pd.Series([decimal.Decimal("1.5"), 1.5], dtype=object)
    yield pd.Series([10**30, None], dtype=object)
    yield pd.Series(["\ud800", "IVV"], dtype=object)
    yield pd.Series([DAY, "2022-09-05"], dtype=object)
    yield pd.Series([NOON, "2022-09-05T12:00:00Z"], dtype=object)
    yield pd.Series(array(TEXT, dtype=pd.ArrowDtype(pa.large_string())))
    yield pd.Series(array([[1], None], dtype=pd.ArrowDtype(pa.list_(pa.int8()))))


def read(values: Any, name: str, *, parts: int = 1) -> list[Any]:
    """What becomes of a column of holdings: the values that would be published."""
    good: dict[str, Any] = {
        "fund": ["IVV", "IVV"],
        "date": [DAY, DAY],
        "isin": ["US0378331005", "US5949181045"],
        "known_at": [NOON, NOON],
    }
    table = pa.table(good)
    if isinstance(values, pd.Series):
        data: Any = table.to_pandas().assign(**{name: values})
    else:
        if parts > 1:
            values = pa.chunked_array([values.slice(0, 1), values.slice(1)])
        place = table.schema.get_field_index(name)
        add = table.set_column if place >= 0 else table.add_column
        data = add(max(place, 0), name, values)
    rows = normalise(data, spec=ETF_HOLDINGS, sessions=Exchange())
    return list(rows.column(name).to_pylist())


def plain(value: Any, kind: Kind) -> Any:
    """A value as a list in Python has it, in the words of a column's kind."""
    if value is None or value is pd.NaT or value is pd.NA or value != value:  # noqa: PLR0124
        return False if kind is Kind.FLAG else None
    if kind is Kind.NUMBER:
        assert not isinstance(value, str | bool | dt.date)
        return float(value)
    if isinstance(value, str) and kind is not Kind.TEXT:
        value = dt.datetime.fromisoformat(value)
    if kind is Kind.DATE:
        return value.date() if isinstance(value, dt.datetime) else value
    if kind is Kind.INSTANT:
        return value.astimezone(dt.UTC)
    return value


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("parts", [1, 2])
def test_a_column_of_any_arrow_type_is_read_as_pyarrow_says_or_refused(
    name: str, parts: int
) -> None:
    kind = ETF_HOLDINGS.column(name).kind
    n_read = 0
    for values in arrays():
        try:
            published = read(values, name, parts=parts)
        except InvalidDataError as error:
            assert f"column {name!r}" in str(error), values.type  # noqa: PT017
            assert "\n" not in str(error), values.type  # noqa: PT017
            continue
        n_read += 1
        told = values.to_pylist()
        assert published == [plain(each, kind) for each in told], values.type
    assert n_read >= 2


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_of_any_pandas_type_is_read_as_it_says_or_refused(name: str) -> None:
    kind = ETF_HOLDINGS.column(name).kind
    for values in series():
        try:
            published = read(values, name)
        except InvalidDataError as error:
            assert f"column {name!r}" in str(error), values.dtype  # noqa: PT017
            assert "\n" not in str(error), values.dtype  # noqa: PT017
            assert len(str(error)) < 400, values.dtype  # noqa: PT017
            continue
        assert published == [plain(each, kind) for each in values], values.dtype


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize(
    "values",
    [
        pd.Series([None, None], dtype=object),
        pd.Series([math.nan, math.nan]),
        pd.Series([pd.NaT, pd.NaT]),
        pd.Series([pd.NA, math.nan], dtype=object),
        pd.Series([None, None], dtype="category"),
        pd.Series([None, None], dtype="Int64"),
        pa.nulls(2),
        pa.nulls(2, pa.list_(pa.int8())),
        pa.nulls(2, pa.uuid()),
    ],
    ids=lambda values: str(getattr(values, "dtype", None) or values.type),
)
def test_a_column_without_values_has_none_whatever_its_type(
    values: Any, name: str
) -> None:
    expected = False if name == "retracted" else None

    assert read(values, name) == [expected, expected]


@pytest.mark.parametrize(
    ("values", "cure"),
    [
        (pd.Series(pd.PeriodIndex(["2022-09-02"] * 2, freq="D")), "to_timestamp()"),
        (pa.array([["a"], ["b"]]), "Give each of its elements a row"),
        (pa.array([{"a": 1}] * 2), "Give each of its fields a column"),
        (pa.array([b"0" * 16] * 2, pa.uuid()), "astype(str)"),
        (pa.array([1, 2], pa.duration("s")), "counts from"),
    ],
)
def test_the_cure_is_of_the_type(values: Any, cure: str) -> None:
    with pytest.raises(InvalidDataError, match="column 'date' must be a date") as error:
        read(values, "date")

    assert cure in str(error.value)


def test_an_instant_of_a_zone_that_nobody_knows_is_the_instant() -> None:
    values: Any = pa.array([0, None], pa.timestamp("us", "Nowhere/There"))

    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    assert read(values, "known_at") == [epoch, None]
    with pytest.raises(InvalidDataError, match="column 'date'"):
        read(values, "date")
