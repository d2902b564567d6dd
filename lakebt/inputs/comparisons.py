"""Comparisons in a filter, ``(">=", "2020-01-01")``: how they are written and hold."""

from __future__ import annotations

import datetime as dt
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from lakebt.errors import InvalidArgumentError

Comparisons: TypeAlias = dict[str, list[Any]]
"""The values of each comparison of one column: of ``=`` any, of the others all."""

ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
"""Comparisons that need an order."""

OPERATORS = ("=", "!=", *ORDERS)

_WRITTEN = re.compile(r"\s*([^=<>!]*?)\s*(<=|>=|!=|=|<|>)(.*)", re.DOTALL)
_LIKE_ONE = re.compile("[=<>!~]+")


def comparisons_of(column: object, value: object) -> Comparisons | None:
    """Return the comparisons that a value of `where` is; None if it is no such.

    Parameters
    ----------
    column
        For errors.
    value
        A tuple of a comparison and a value, several of them, or a mapping.

    Raises
    ------
    InvalidArgumentError
        If it is something like comparisons.

    Examples
    --------
    >>> comparisons_of("session", (">=", "2020-01-01"))
    {'>=': ['2020-01-01']}
    >>> comparisons_of("volume", [(">", 10), ("<=", 20)])
    {'>': [10], '<=': [20]}
    >>> comparisons_of("session", {"<": "2021-01-01"})
    {'<': ['2021-01-01']}
    >>> comparisons_of("cause", ["merger", "other"]) is None
    True
    """
    pairs: list[tuple[Any, Any]]
    if isinstance(value, Mapping):
        pairs = list(value.items())
        if not any(_is_like(op) for op, _ in pairs):
            return None
    elif _is_pair(value):
        pairs = [value]  # type: ignore[list-item]  # _is_pair says so
    elif isinstance(value, list | tuple) and any(map(_is_pair, value)):
        if not all(map(_is_pair, value)):
            msg = (
                f"where {column}: {value!r} has comparisons and values: write each "
                f'value as a comparison too, as ("=", "merger")'
            )
            raise InvalidArgumentError(msg)
        pairs = list(value)
    else:
        return None
    comparisons: Comparisons = {}
    for op, of in pairs:
        if op not in OPERATORS:
            msg = (
                f"where {column}: {op!r} is not a comparison: use one of "
                f"{', '.join(OPERATORS)}"
            )
            raise InvalidArgumentError(msg)
        comparisons.setdefault(op, []).extend(of if isinstance(of, list) else [of])
    return comparisons


def written(text: str) -> tuple[str, str, str] | None:
    """Return the column, the comparison and the value of a text; None if it is none.

    Examples
    --------
    >>> written("session >= 2020-01-01"), written("note=a<b"), written("session")
    (('session', '>=', '2020-01-01'), ('note', '=', 'a<b'), None)
    """
    match = _WRITTEN.fullmatch(text)
    if match is None or not match[1]:
        return None
    return match[1], match[2], match[3] if match[2] == "=" else match[3].strip()


def holds(op: str, value: Any, limit: Any, zone: dt.tzinfo) -> bool:
    """Return whether a value compares as it should with what it is compared with.

    What is missing is in no order. An instant compares with a bare date by its day.
    """
    if isinstance(value, dt.datetime) and not isinstance(limit, dt.datetime | None):
        value = value.astimezone(zone).date()
    is_missing = value is None or value != value  # noqa: PLR0124 - NaN
    if op == "!=":
        return not is_missing if limit is None else value != limit
    return not is_missing and ORDERS[op](value, limit)


def check_order(op: str, value: object, what: str) -> None:
    """Check that there is an order to compare by.

    Raises
    ------
    InvalidArgumentError
        If there is none: of what is missing, and of true and false.
    """
    if op in ORDERS and (value is None or isinstance(value, bool)):
        msg = f"{what} {value!r} has no order: use = or !="
        raise InvalidArgumentError(msg)


def _is_pair(value: object) -> bool:
    """Whether it is a tuple of what looks like a comparison, and a value."""
    return isinstance(value, tuple) and len(value) == 2 and _is_like(value[0])


def _is_like(op: object) -> bool:
    return isinstance(op, str) and _LIKE_ONE.fullmatch(op) is not None
