"""Filters on changes: ``{"cause": ["discretionary"]}``."""

from __future__ import annotations

import datetime as dt
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from lakebt.errors import InvalidArgumentError, UnknownNameError
from lakebt.facts import IndexChange
from lakebt.instants import new_york_day, parse_date, parse_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
