"""Which types of columns can be read as what, and what is said of the others.

Arrow knows more types than facts have. Of those that a column cannot be read from,
nothing is tried: the error names the column, the type and the cure.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lakebt.errors import InvalidDataError
from lakebt.instants import YEARS
from lakebt.lake.tables.arrow import Array, pc
from lakebt.lake.tables.columns import is_text
from lakebt.lake.tables.schemas import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from lakebt.lake.tables.schemas import Column


_EXACT = 2**53
"""Up to here a double holds every whole number."""

_SHOWN = 80

_of = pa.types

_ACCEPTED: dict[Kind, tuple[Callable[[Any], bool], ...]] = {
    Kind.TEXT: (is_text,),
    Kind.NUMBER: (_of.is_integer, _of.is_floating, _of.is_decimal),
    Kind.WHOLE: (_of.is_integer, _of.is_floating, _of.is_decimal),
    Kind.FLAG: (_of.is_boolean,),
    Kind.DATE: (is_text, _of.is_date, _of.is_timestamp),
    Kind.INSTANT: (is_text, _of.is_date, _of.is_timestamp),
}

_CURES: tuple[tuple[Callable[[Any], bool], str], ...] = (
    (_of.is_map, "Give each of its values a column of its own"),
    (_of.is_struct, "Give each of its fields a column of its own"),
    (_of.is_union, "Give every row a value of one type"),
    (_of.is_nested, "Give each of its elements a row"),
    (_of.is_time, "A time of day needs its day: give both"),
    (_of.is_duration, "Add it to the day or instant that it counts from"),
    (_of.is_interval, "Add it to the day or instant that it counts from"),
)
_EXTENSIONS = {
    "pandas.period": "Call .dt.to_timestamp() on the column",
    "pandas.interval": "Give its ends columns of their own",
    "arrow.uuid": "Write it as text: .astype(str)",
}


def shown(value: object) -> str:
    """Return a value as a message shows it: on one line, and not for ever."""
    text = repr(value).replace("\n", " ")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def check_values(values: list[Any], *, column: Column, table: str) -> None:
    """Check that values that Arrow has no one type for can be read one by one.

    Raises
    ------
    InvalidDataError
        If they cannot: only dates and instants, and what they are written as.
    """
    readable: Any = {Kind.DATE: (str, dt.date), Kind.INSTANT: (str, dt.date)}.get(
        column.kind, ()
    )
    for row, value in enumerate(values):
        if isinstance(value, str) and value.encode(errors="ignore").decode() != value:
            problem = (
                f"column {column.name!r}, row {row} has {shown(value)}, which holds "
                f"half a character. Decode the column anew."
            )
            raise InvalidDataError(table, problem)
        if value is not None and readable and not isinstance(value, readable):
            raise InvalidDataError(table, _wrong(column, row, value))
    if not readable:
        row = _offending(values, column)
        raise InvalidDataError(table, _wrong(column, row, values[row]))


def check_type(array: Array, *, column: Column, table: str) -> None:
    """Check that a column can be read from an Arrow type at all.

    Raises
    ------
    InvalidDataError
        If it cannot, or a date or instant lies in no year that there is.
    """
    kind = array.type
    if any(fits(kind) for fits in _ACCEPTED[column.kind]):
        if _of.is_date(kind) or _of.is_timestamp(kind):
            _check_range(array, column=column, table=table)
        return
    cure = _EXTENSIONS.get(getattr(kind, "extension_name", "")) or next(
        (cure for is_one, cure in _CURES if is_one(kind)), ""
    )
    if not cure and isinstance(kind, pa.BaseExtensionType):
        cure = "Convert the column before publishing"
    if cure:
        problem = (
            f"column {column.name!r} must be {column.kind.value}, and is of type "
            f"{_named(kind)}. {cure}."
        )
        raise InvalidDataError(table, problem)
    try:
        values = array.to_pylist()
    except Exception:  # noqa: BLE001 - Arrow's, Python's or of a zone: it has no value
        problem = (
            f"column {column.name!r} must be {column.kind.value}, and is of type "
            f"{_named(kind)}. Convert the column before publishing."
        )
        raise InvalidDataError(table, problem) from None
    row = _offending(values, column)
    raise InvalidDataError(table, _wrong(column, row, values[row]))


def check_exact(array: Array, *, column: Column, table: str) -> None:
    """Check that a double holds each whole number of a column as it is.

    Raises
    ------
    InvalidDataError
        If it would round one.
    """
    if not _of.is_integer(array.type) or array.type.bit_width < 64:
        return
    ends = pc.min_max(array).as_py()
    if ends["min"] >= -_EXACT and ends["max"] <= _EXACT:
        return
    for row, value in enumerate(array.to_pylist()):
        if value is not None and int(float(value)) != value:
            problem = (
                f"column {column.name!r}: row {row} has {value}, which no floating "
                f"point number holds exactly. Convert the column to float if that "
                f"does not matter."
            )
            raise InvalidDataError(table, problem)


def _wrong(column: Column, row: int, value: object) -> str:
    return (
        f"column {column.name!r} must be {column.kind.value}, row {row} has "
        f"{shown(value)} ({type(value).__name__}). Convert the column before "
        f"publishing."
    )


_PYTHON: dict[Kind, type | tuple[type, ...]] = {
    Kind.TEXT: str,
    Kind.NUMBER: (int, float),
    Kind.WHOLE: (int, float),
    Kind.FLAG: bool,
}


def _offending(values: list[Any], column: Column) -> int:
    """Return the first row whose value is none of what a column holds."""
    there = [row for row, value in enumerate(values) if value is not None]
    if column.kind is Kind.NUMBER:
        # One bad cell of a file makes its whole column text: name that cell.
        for row in there:
            if _is_no_number(values[row]):
                return row
    kinds = _PYTHON.get(column.kind, ())
    for row in there:
        value = values[row]
        is_flag = isinstance(value, bool) and column.kind is not Kind.FLAG
        if is_flag or not isinstance(value, kinds):
            return row
    return there[0] if there else 0


def _is_no_number(value: object) -> bool:
    """Whether a text is not even the spelling of a number."""
    if not isinstance(value, str):
        return False
    try:
        float(value)
    except ValueError:
        return True
    return False


def _named(kind: pa.DataType) -> str:
    name = getattr(kind, "extension_name", None) or str(kind)
    return name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..."


def _check_range(array: Array, *, column: Column, table: str) -> None:
    """Check that the dates or instants of a column lie in years that there are.

    Raises
    ------
    InvalidDataError
        If one does not.
    """
    kind = array.type
    unit = kind.unit if _of.is_timestamp(kind) else None
    per_day = 1 if _of.is_date32(kind) else 86_400 * _PER_SECOND[unit or "ms"]
    whole = pa.int32() if _of.is_date32(kind) else pa.int64()
    counts = array.view(whole).cast(pa.int64())
    first, last = YEARS[0], YEARS[-1]
    if column.kind is Kind.DATE:
        first, last = dt.MINYEAR, dt.MAXYEAR
    # A day less at either end: what a zone makes of it must be a date too.
    least = (dt.date(first, 1, 1) - _EPOCH).days * per_day
    most = ((dt.date(last, 12, 31) - _EPOCH).days + 1) * per_day - 1
    bounds = [max(least, -(2**63)), min(most, 2**63 - 1)]
    outside = pc.or_(pc.less(counts, bounds[0]), pc.greater(counts, bounds[1]))
    row = pc.index(outside, True).as_py()
    if row >= 0:
        problem = (
            f"column {column.name!r} must be {column.kind.value}, row {row} has "
            f"{counts[row].as_py()} of {kind}, which is outside the years {first} to "
            f"{last}. Correct it, or leave it empty."
        )
        raise InvalidDataError(table, problem)


_EPOCH = dt.date(1970, 1, 1)
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
