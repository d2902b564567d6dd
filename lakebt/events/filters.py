"""Filters on changes and events: ``{"cause": ["discretionary"]}``, periods, sizes."""

from __future__ import annotations

import datetime as dt
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeAlias

from lakebt.errors import InvalidArgumentError, UnknownNameError
from lakebt.facts import IndexChange
from lakebt.instants import new_york_day, parse_date, parse_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


Period: TypeAlias = tuple[dt.date, dt.date]

_COLUMNS = tuple(field.name for field in fields(IndexChange))
_INSTANTS = ("announced", "known_at", "recorded")


def matcher(where: Mapping[str, Any] | None) -> Callable[[IndexChange], bool]:
    """Return a predicate that asks whether a change matches `where`.

    Parameters
    ----------
    where
        Column to value, or to a list of values of which one must match. Dates may be
        written as ISO strings. A bare date matches an instant of that day in New York,
        an instant only itself.

    Raises
    ------
    InvalidArgumentError
        If a value of a column of instants is neither a date nor an instant.
    UnknownNameError
        If an `IndexChange` has no such column.
    """
    wanted = {}
    for column, values in (where or {}).items():
        if column not in _COLUMNS:
            raise UnknownNameError("column", column, _COLUMNS)
        is_many = isinstance(values, list | tuple | set | frozenset)
        wanted[column] = {
            _asked(value, column) for value in (values if is_many else [values])
        }

    def matches(change: IndexChange) -> bool:
        return all(
            not values.isdisjoint(_names(getattr(change, column)))
            for column, values in wanted.items()
        )

    return matches


def parse_period(value: Any) -> Period | None:
    """Return the first and the last day of a period.

    Raises
    ------
    InvalidArgumentError
        If it is not two dates, or the last comes first.
    """
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) != 2:
        msg = f"period must be two dates, the first and the last, was {value!r}"
        raise InvalidArgumentError(msg)
    first, last = (parse_date(day, what="period") for day in value)
    if last < first:
        msg = f"period ends on {last}, before it begins on {first}"
        raise InvalidArgumentError(msg)
    return first, last


def is_within(period: Period, change: IndexChange) -> bool:
    """Whether a change counts to a period, by the day its event is counted under."""
    if change.announced is not None:
        day = new_york_day(change.announced)
    else:
        day = change.effective or new_york_day(change.known_at)
    return period[0] <= day <= period[1]


def parse_size(value: Any) -> tuple[int, int] | None:
    """Return the least and the most legs of an event.

    Raises
    ------
    InvalidArgumentError
        If it is not two whole numbers, the least at least 1 and not above the most.
    """
    if value is None:
        return None
    is_pair = isinstance(value, list | tuple) and len(value) == 2
    if not is_pair or not all(type(number) is int for number in value):
        msg = f"size must be two whole numbers, from and to, was {value!r}"
        raise InvalidArgumentError(msg)
    if not 1 <= value[0] <= value[1]:
        msg = f"size must run from at least 1 upwards, was {value!r}"
        raise InvalidArgumentError(msg)
    return value[0], value[1]


def _names(value: object) -> set[str | None]:
    """Return every way a fact can be asked for."""
    if isinstance(value, dt.datetime):
        return {value.isoformat(), new_york_day(value).isoformat()}
    return {None if value is None else str(value)}


def _asked(value: object, column: str) -> str | None:
    if value is None:
        return None
    if column not in _INSTANTS:
        return str(value.date() if isinstance(value, dt.datetime) else value)
    try:
        return str(parse_date(value, what=column))
    except InvalidArgumentError:
        return parse_instant(value, what=column).isoformat()
