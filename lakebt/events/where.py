"""Filters on changes: ``{"cause": ["discretionary"]}``."""

from __future__ import annotations

import datetime as dt
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from lakebt.errors import UnknownNameError
from lakebt.facts import IndexChange
from lakebt.instants import new_york_day

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_COLUMNS = tuple(field.name for field in fields(IndexChange))


def matcher(where: Mapping[str, Any] | None) -> Callable[[IndexChange], bool]:
    """Return a predicate that asks whether a change matches `where`.

    Parameters
    ----------
    where
        Column to value, or to a list of values of which one must match. Dates may be
        written as ISO strings; an instant matches the day it falls on in New York.

    Raises
    ------
    UnknownNameError
        If an `IndexChange` has no such column.
    """
    wanted = {}
    for column, values in (where or {}).items():
        if column not in _COLUMNS:
            raise UnknownNameError("column", column, _COLUMNS)
        many = (
            values if isinstance(values, list | tuple | set | frozenset) else [values]
        )
        wanted[column] = {_plain(value) for value in many}

    def matches(change: IndexChange) -> bool:
        return all(
            _plain(getattr(change, column)) in values
            for column, values in wanted.items()
        )

    return matches


def _plain(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return new_york_day(value).isoformat()
    if isinstance(value, dt.datetime):
        return value.date().isoformat()
    return str(value)
