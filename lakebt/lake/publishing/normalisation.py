"""From what a publisher hands over to typed rows in the table's own columns.

Whatever cannot be read is an error that names the column, the first row (counted from
0) and the value. Nothing is guessed, and no column is dropped.
"""

from __future__ import annotations

import datetime as dt
import difflib
import functools
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from lakebt.errors import InvalidArgumentError, InvalidDataError, listed
from lakebt.facts import default_change_id
from lakebt.instants import day_in, parse_date, parse_instant, parse_published
from lakebt.lake.publishing.ratios import read_ratios
from lakebt.lake.publishing.texts import cleaned
from lakebt.lake.publishing.types import (
    check_exact,
    check_type,
    check_values,
    shown,
)
from lakebt.lake.tables.arrow import INSTANT, Array, pc
from lakebt.lake.tables.columns import columns_of, to_arrow
from lakebt.lake.tables.schemas import (
    BORROW,
    CORPORATE_ACTIONS,
    INDEX_CHANGES,
    INSTRUMENTS,
    PRICES,
    Kind,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from lakebt.lake.publishing.texts import Cleaned
    from lakebt.lake.tables.schemas import Column, TableSpec
    from lakebt.sessions import Exchange


_IDENTIFYING = (
    *("change_id", "index", "symbol", "side"),
    *("announced", "effective", "known_at"),
)

_FIRST_DAY, _LAST_DAY = (
    (day - dt.date(1970, 1, 1)).days for day in (dt.date.min, dt.date.max)
)


def normalise(
    data: object,
    *,
    spec: TableSpec,
    sessions: Exchange,
    told: list[Cleaned] | None = None,
) -> pa.Table:
    """Return `data` in the columns and types of `spec`, rows in the order given.

    Parameters
    ----------
    data : pandas.DataFrame or pyarrow.Table
        It is not changed.
    spec
        The table it is for.
    sessions
        Gives the exchange's calendar; called only if a rule needs it. A date alone
        stands for the end of that day where the exchange is.
    told
        Is given the texts that are not as they were handed over.

    Returns
    -------
    pyarrow.Table
        With every column of the table, derived ones filled in. What is required may
        be empty, and a choice none of those there are: that is for the audits.

    Raises
    ------
    InvalidDataError
        If a column is missing, unknown or cannot be read.
    """
    try:
        given = columns_of(data)
    except InvalidArgumentError as error:
        raise InvalidDataError(spec.name, f"{error}.") from None
    rows = len(next(iter(given.values()))) if given else 0
    if rows == 0:
        problem = "the frame is empty. Publish at least one row."
        raise InvalidDataError(spec.name, problem)
    index = data.index.names if isinstance(data, pd.DataFrame) else ()
    check_columns(given, spec=spec, index=index)
    read = {
        column.name: (
            _read(
                given[column.name],
                column=column,
                spec=spec,
                told=[] if told is None else told,
                zone=sessions.zone if column.is_publication else None,
            )
            if column.name in given
            else _nothing(rows, column=column, spec=spec)
        )
        for column in spec.columns
    }
    read["retracted"] = pc.fill_null(read["retracted"], False)  # noqa: FBT003 - Arrow's order
    if spec in (PRICES, BORROW):
        _derive_bar_known_at(read, sessions)
    if spec.known_at_from is not None:
        source = spec.column(spec.known_at_from)
        published = read[source.name]
        if source.kind is Kind.DATE:
            parse = functools.partial(parse_published, zone=sessions.zone)
            published = _parsed(
                published, parse, INSTANT, column=source, table=spec.name
            )
        read["known_at"] = pc.coalesce(read["known_at"], published)
    if spec is INDEX_CHANGES:
        _derive_change_id(read, sessions)
    if spec is CORPORATE_ACTIONS:
        _derive_day_before(read, spec.column("ex_date"), spec, sessions.zone)
        _derive_action_id(read, sessions.zone)
        read["currency"] = pc.fill_null(read["currency"], "USD")
    if spec is INSTRUMENTS:
        _derive_day_before(read, spec.column("valid_from"), spec, sessions.zone)
    return pa.table([read[name] for name in spec.names], schema=spec.arrow)


def _nothing(rows: int, *, column: Column, spec: TableSpec) -> Array:
    kind: Any = spec.arrow.field(column.name).type
    return pa.nulls(rows, kind)


def check_columns(
    given: Collection[str], *, spec: TableSpec, index: Iterable[object] = ()
) -> None:
    """Check that the columns that are handed over are those of a table.

    Parameters
    ----------
    given
        What they are called.
    spec
        The table.
    index
        What the levels of the index are called, which is not handed over.

    Raises
    ------
    InvalidDataError
        If one is unknown, or missing.
    """
    extra = [name for name in given if name not in spec.names]
    if extra:
        close = difflib.get_close_matches(extra[0], spec.names, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        if extra[0].startswith("__index_level_"):
            hint = " It is an index of pandas: write the frame with index=False."
        problem = (
            f"unknown column {listed(extra, is_quoted=True)}.{hint} The table has "
            f"{listed(spec.names)}: rename it or leave it out."
        )
        raise InvalidDataError(spec.name, problem)
    missing = [
        column.name
        for column in spec.columns
        if column.required and not column.derived and column.name not in given
    ]
    if missing:
        cure = "Call reset_index()" if missing[0] in index else "Add it"
        problem = f"column {listed(missing, is_quoted=True)} is missing. {cure}."
        raise InvalidDataError(spec.name, problem)


def _read(
    values: Array | pd.Series,
    *,
    column: Column,
    spec: TableSpec,
    told: list[Cleaned],
    zone: dt.tzinfo | None,
) -> Array:
    """Return one column in its type, nulls where there is no value."""
    array: Any = to_arrow(values)
    if column.is_ratio:
        array = read_ratios(array, column=column.name, table=spec.name)
    if _is_empty(array):  # of whatever type: a column without values has none
        return _nothing(len(array), column=column, spec=spec)
    if isinstance(array, list):
        check_values(array, column=column, table=spec.name)
    else:
        check_type(array, column=column, table=spec.name)
    match column.kind:
        case Kind.TEXT:
            text = array.cast(pa.string())
            return cleaned(text, column=column, spec=spec, told=told)
        case Kind.NUMBER | Kind.WHOLE:  # no table of facts has whole numbers
            check_exact(array, column=column, table=spec.name)
            return array.cast(pa.float64(), safe=False)
        case Kind.FLAG:
            return array
        case Kind.DATE:
            return _date(array, column=column, table=spec.name)
        case Kind.INSTANT:
            return _instant(array, column=column, table=spec.name, zone=zone)


def _is_empty(array: Array | list[Any]) -> bool:
    if isinstance(array, list):
        return all(value is None for value in array)
    return bool(pc.all(pc.is_null(array)).as_py())


def _date(array: Array | list[Any], *, column: Column, table: str) -> Array:
    if isinstance(array, pa.Array) and pa.types.is_date32(array.type):
        return array
    if (days := _midnights(array)) is not None:
        return days
    return _parsed(array, parse_date, pa.date32(), column=column, table=table)


def _midnights(array: Array | list[Any]) -> Array | None:
    """Return the days of a column of midnights without a zone; None of any other.

    It is how pandas has days. To parse ten years of them takes a tenth of publishing.
    """
    if not isinstance(array, pa.Array) or not pa.types.is_timestamp(array.type):
        return None
    if array.type.tz is not None or array.null_count == len(array):
        return None
    try:
        days = array.cast(pa.date32())
        is_same = pc.all(pc.equal(days.cast(array.type), array)).as_py()
    except pa.ArrowInvalid:  # one that no calendar has
        return None
    ends = pc.min_max(days.cast(pa.int32())).as_py()
    is_there = ends["min"] >= _FIRST_DAY and ends["max"] <= _LAST_DAY
    return days if is_same and is_there else None


def _instant(
    array: Array | list[Any], *, column: Column, table: str, zone: dt.tzinfo | None
) -> Array:
    if (
        isinstance(array, pa.Array)
        and pa.types.is_timestamp(array.type)
        and array.type.tz is not None
    ):
        try:
            return array.cast(INSTANT)
        except pa.ArrowInvalid:
            problem = (
                f"column {column.name!r} is finer than a microsecond. Round it up to "
                f"microseconds."
            )
            raise InvalidDataError(table, problem) from None
    parse: Callable[..., object] = parse_instant
    if zone is not None:
        parse = functools.partial(parse_published, zone=zone)
    return _parsed(array, parse, INSTANT, column=column, table=table)


def _parsed(
    array: Array | list[Any],
    parse: Callable[..., object],
    target: pa.DataType,
    *,
    column: Column,
    table: str,
) -> Array:
    """Parse each distinct value once: a long column has few different days.

    Raises
    ------
    InvalidDataError
        If a value cannot be parsed.
    """
    if isinstance(array, list):
        memory: dict[Any, int] = {}
        codes = pa.array(
            [None if v is None else memory.setdefault(v, len(memory)) for v in array],
            pa.int64(),
        )
        distinct = list(memory)
    else:
        coded = array.dictionary_encode()
        codes, distinct = coded.indices, _values(coded, column=column, table=table)
    parsed = []
    for code, value in enumerate(distinct):
        try:
            parsed.append(parse(value, what=f"column {column.name!r}"))
        except InvalidArgumentError as error:
            row = pc.index(codes, pa.scalar(code, codes.type)).as_py()
            problem = f"row {row}: {error}."
            raise InvalidDataError(table, problem) from None
    return pa.array(parsed, target).take(codes)


def _values(coded: Array, *, column: Column, table: str) -> list[Any]:
    """Return the distinct values of a column as Python has them.

    Raises
    ------
    InvalidDataError
        If it has not: of an unknown zone, or no UTF-8.
    """
    try:
        return list(coded.dictionary.to_pylist())
    except (ValueError, OverflowError, LookupError) as error:
        problem = (
            f"column {column.name!r} of type {coded.dictionary.type} cannot be read: "
            f"{shown(str(error))}. Convert the column before publishing."
        )
        raise InvalidDataError(table, problem) from None


def _derive_bar_known_at(read: dict[str, Array], sessions: Exchange) -> None:
    """Fill in `known_at`: a bar is known from its session's close."""
    if not read["known_at"].null_count:
        return
    calendar = sessions()
    is_dated = read["session"].is_valid()
    filled = pc.fill_null(read["session"], dt.date(1970, 1, 1))
    days = filled.to_numpy(zero_copy_only=False).astype("datetime64[D]")
    numbers = calendar.numbers(days)
    closes = calendar.instants("close")[numbers]
    derived = pa.array(closes, mask=numbers < 0).cast(INSTANT)
    # Days without a session get an instant too: the audit names them, not this rule.
    derived = pc.coalesce(
        derived, pa.array(days.astype("datetime64[us]")).cast(INSTANT)
    )
    derived = pc.if_else(is_dated, derived, pa.scalar(None, INSTANT))
    read["known_at"] = pc.coalesce(read["known_at"], derived)


def _derive_change_id(read: dict[str, Array], sessions: Exchange) -> None:
    """Fill in `change_id`."""
    if not read["change_id"].null_count:
        return
    ids, zone = [], sessions.zone
    for change_id, index, symbol, side, announced, effective, known_at in zip(
        *(read[name].to_pylist() for name in _IDENTIFYING), strict=True
    ):
        when = announced or effective or known_at
        if change_id is not None or None in {index, symbol, side, when}:
            ids.append(change_id)
            continue
        day = day_in(when, zone) if isinstance(when, dt.datetime) else when
        ids.append(default_change_id(index, symbol, side, day))
    read["change_id"] = pa.array(ids, pa.string())


def _derive_day_before(
    read: dict[str, Array], day: Column, spec: TableSpec, zone: dt.tzinfo
) -> None:
    """Fill in `known_at`: what holds from a day's open on, was known the day before.

    Late rather than early: at the end of that day where the exchange is.
    """
    if not read["known_at"].null_count:
        return
    before = pc.subtract(read[day.name].cast(pa.int32()), pa.scalar(1, pa.int32()))
    parse = functools.partial(parse_published, zone=zone)
    derived = _parsed(
        before.cast(pa.date32()), parse, INSTANT, column=day, table=spec.name
    )
    read["known_at"] = pc.coalesce(read["known_at"], derived)


def _derive_action_id(read: dict[str, Array], zone: dt.tzinfo) -> None:
    """Fill in `action_id`: SNI:merger:DISCK:2017-07-31, without what is empty.

    The day is that of the announcement where the exchange is, else the ex date: so a
    deal that is postponed or priced anew is a correction, and not a second one.
    """
    if not read["action_id"].null_count:
        return
    local = pc.local_timestamp(
        read["announced"].cast(pa.timestamp("us", tz=str(zone)))
    ).cast(pa.date32(), safe=False)
    day = pc.coalesce(local, read["ex_date"])
    names = (read[name] for name in ("symbol", "kind", "other", "label"))
    joined = pc.binary_join_element_wise(
        *names, day.cast(pa.string()), ":", null_handling="skip"
    )
    needed = (read["symbol"], read["kind"], day)
    there = functools.reduce(pc.and_, (values.is_valid() for values in needed))
    derived = pc.if_else(there, joined, pa.scalar(None, pa.string()))
    read["action_id"] = pc.coalesce(read["action_id"], derived)
