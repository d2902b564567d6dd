"""From what somebody hands over to rows of the table of trials.

Whatever cannot be recorded is an error that names the column, the first row (counted
from 0) and the value. Nothing is guessed, and no column is dropped.
"""

from __future__ import annotations

import numbers
import re
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
from pydantic_core import from_json

from lakebt.errors import InvalidArgumentError, UnknownNameError
from lakebt.instants import parse_instant
from lakebt.lake.tables.arrow import INSTANT, Array, one_chunk, pc
from lakebt.lake.tables.columns import columns_of, is_text, to_arrow, without_blanks
from lakebt.lake.tables.schemas import Kind
from lakebt.lake.tables.trials import IDS, JSON, TRIALS_SPEC

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from lakebt.lake.tables.schemas import Column


_MOST = 2**63

_ID = re.compile(r"[0-9a-f]{32}\Z")


def checked(data: object) -> pa.Table:
    """Return trials in the columns and types of their table, each of them once.

    Parameters
    ----------
    data : pandas.DataFrame or pyarrow.Table
        It is not changed. Columns that may be empty may be left out. NaN is null.

    Returns
    -------
    pyarrow.Table
        In the order given; of rows of one `trial_id` the first.

    Raises
    ------
    InvalidArgumentError
        If a column is missing or there twice, or a value cannot be recorded.
    UnknownNameError
        If a column is none of the table's.
    """
    try:
        given = columns_of(data)
    except InvalidArgumentError as error:
        msg = f"trials: {error}"
        raise InvalidArgumentError(msg) from None
    count = len(cast("pd.DataFrame | pa.Table", data))
    for name in given:
        if name not in TRIALS_SPEC.names:
            raise UnknownNameError("column", name, TRIALS_SPEC.names)
    read = []
    for column in TRIALS_SPEC.columns:
        if column.name in given:
            read.append(_read(given[column.name], column))
            continue
        if column.required:
            msg = f"trials: column {column.name!r} is missing. Add it"
            raise InvalidArgumentError(msg)
        kind: Any = TRIALS_SPEC.arrow.field(column.name).type
        read.append(pa.nulls(count, kind))
    rows = pa.table(read, schema=TRIALS_SPEC.arrow)
    return once(rows)


def once(rows: pa.Table) -> pa.Table:
    """Return the first row of each trial.

    Raises
    ------
    InvalidArgumentError
        If another one has other numbers.
    """
    ids = one_chunk(rows.column("trial_id")).dictionary_encode()
    if len(ids.dictionary) == len(rows):
        return rows
    first: dict[int, int] = {}
    digests = rows.column("digest").to_pylist()
    for row, code in enumerate(ids.indices.to_pylist()):
        if digests[first.setdefault(code, row)] != digests[row]:
            trial = ids.dictionary[code].as_py()
            msg = (
                f"trials: rows {first[code]} and {row} are of one trial, {trial}, and "
                f"have different digests: give what differs in them to its id"
            )
            raise InvalidArgumentError(msg)
    return rows.take(list(first.values()))


def _read(given: Any, column: Column) -> Array:
    """Return one column in its type.

    Raises
    ------
    InvalidArgumentError
        If a value cannot be recorded.
    """
    values = to_arrow(given)
    if isinstance(values, list) and column.kind is not Kind.INSTANT:
        row = _first(values, column.kind)
        raise InvalidArgumentError(_wrong(column, row, values[row]))
    match column.kind:
        case Kind.TEXT:
            read = _text(values, column)
        case Kind.NUMBER:
            read = _number(values, column)
        case Kind.WHOLE:
            read = _whole(values, column)
        case Kind.FLAG:
            read = _as(values, column, pa.bool_(), pa.types.is_boolean)
        case _:
            read = _instant(values, column)
    if column.required and read.null_count:
        row = pc.index(read.is_null(), True).as_py()
        msg = f"trials: column {column.name!r} is empty in row {row}, and is required"
        raise InvalidArgumentError(msg)
    return read


_PYTHON: dict[Kind, type] = {
    Kind.TEXT: str,
    Kind.NUMBER: numbers.Real,  # NumPy's numbers too
    Kind.WHOLE: numbers.Integral,
    Kind.FLAG: bool,
}


def _first(values: list[Any], kind: Kind) -> int:
    """Return the first row with a value that is not of a kind; 0 if none is wrong."""
    for row, value in enumerate(values):
        if value is not None and not _is_of(value, kind):
            return row
    return 0


def _is_of(value: object, kind: Kind) -> bool:
    if isinstance(value, bool) or not isinstance(value, _PYTHON.get(kind, object)):
        return isinstance(value, bool) and kind is Kind.FLAG
    if isinstance(value, str):  # which may hold half a character
        return value == value.encode(errors="ignore").decode()
    # Python's integers have no end.
    return not isinstance(value, int) or -_MOST <= value < _MOST


def _wrong(column: Column, row: int, value: object, what: str = "") -> str:
    return (
        f"trials: column {column.name!r} must be {what or column.kind.value}, row "
        f"{row} has {value!r} ({type(value).__name__})"
    )


def _as(
    values: Array, column: Column, kind: Any, *accepted: Callable[..., bool]
) -> Array:
    """Cast a column that is of an accepted type, or holds nothing.

    Raises
    ------
    InvalidArgumentError
        If it is of another type, or a value does not fit.
    """
    is_empty = pa.types.is_null(values.type)
    if not is_empty and not any(fits(values.type) for fits in accepted):
        python = values.to_pylist()
        row = _first(python, column.kind)
        raise InvalidArgumentError(_wrong(column, row, python[row]))
    return values.cast(kind)


def _text(values: Array, column: Column) -> Array:
    text = _as(values, column, pa.string(), is_text)
    coded = text.dictionary_encode()
    distinct = coded.dictionary.to_pylist()
    for code, value in enumerate(distinct):
        if what := _odd(value, column):
            row = pc.index(coded.indices, pa.scalar(code, pa.int32())).as_py()
            raise InvalidArgumentError(_wrong(column, row, value, what))
    return without_blanks(text, coded)


def _odd(value: str, column: Column) -> str:
    """Return what a text should be, if it is not."""
    if column.name in IDS and not _ID.match(value):
        return "32 hex digits, in lower case"
    if column.choices and value not in column.choices:
        return f"one of {', '.join(column.choices)}"
    if column.name in JSON and not _is_object(value):
        return "a JSON object"
    return ""


def _is_object(text: str) -> bool:
    try:
        return isinstance(from_json(text, allow_inf_nan=False), dict)
    except ValueError:
        return False


def _number(values: Array, column: Column) -> Array:
    read = _as(
        *(values, column, pa.float64(), pa.types.is_floating),
        *(pa.types.is_integer, pa.types.is_decimal),
    )
    for row in _rows(pc.is_inf(read)):
        raise InvalidArgumentError(
            _wrong(column, row, read[row].as_py(), "a finite number, or empty")
        )
    return read


def _whole(values: Array, column: Column) -> Array:
    if pa.types.is_floating(values.type):  # as pandas makes of a column with a gap
        for row in _rows(pc.not_equal(pc.round(values), values)):
            raise InvalidArgumentError(_wrong(column, row, values[row].as_py()))
    try:
        return _as(
            *(values, column, pa.int64(), pa.types.is_integer, pa.types.is_floating)
        )
    except pa.ArrowInvalid:
        python = values.to_pylist()
        row = next(n for n, v in enumerate(python) if v and not -_MOST <= v < _MOST)
        what = "a whole number below 9.2e18"
        raise InvalidArgumentError(_wrong(column, row, python[row], what)) from None


def _rows(mask: Array) -> Iterator[int]:
    """Give the rows where a mask is true."""
    place = pc.index(mask, True).as_py()
    if place >= 0:
        yield place


def _instant(values: Array | list[Any], column: Column) -> Array:
    if isinstance(values, pa.Array):
        if pa.types.is_timestamp(values.type) and values.type.tz is not None:
            return values.cast(INSTANT, safe=False)
        values = values.to_pylist()
    known: dict[object, object] = {None: None}
    for row, value in enumerate(values):
        if value not in known:
            try:
                known[value] = parse_instant(value, what=f"column {column.name!r}")
            except InvalidArgumentError as error:
                msg = f"trials: row {row}: {error}"
                raise InvalidArgumentError(msg) from None
    return pa.array([known[value] for value in values], INSTANT)
