"""Filters by column, ``{"cause": ["merger", "other"]}``: read once, for every table.

A value is one, several of which one must match, or comparisons that all must hold,
``{"session": [(">=", "2020-01-01"), ("<", "2021-01-01")]}``.
"""

from __future__ import annotations

import datetime as dt
import numbers
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import numpy as np

from lakebt.errors import InvalidArgumentError, UnknownNameError
from lakebt.facts import IndexChange
from lakebt.inputs.comparisons import (
    OPERATORS,
    check_order,
    comparisons_of,
    holds,
    written,
)
from lakebt.instants import NEW_YORK, day_in, parse_date, parse_instant
from lakebt.values.keys import canonical_json

if TYPE_CHECKING:
    from lakebt.facts import Vintage


Reader: TypeAlias = Callable[[object, str], object]
"""Reads one value of a column; the second argument names the column in errors."""


_SETS = ("=", "!=")
"""Comparisons that take several values."""


def is_many(value: object) -> bool:
    """Return whether a value of `where` is several, of which one must match.

    Any list, tuple, set, array, Series, Index or other iterable is; a text is one.

    Examples
    --------
    >>> is_many("merger"), is_many({"merger"}), is_many(np.array(["merger", "other"]))
    (False, True, True)
    """
    if isinstance(value, str | bytes | Mapping) or getattr(value, "ndim", 1) == 0:
        return False
    return isinstance(value, Iterable)


def values_of(value: object) -> list[Any]:
    """Return the values that one column must match, as plain values of Python.

    Those of a set are sorted, all others keep their order. What is missing, whether
    NaN, NaT or `pandas.NA`, is None.

    Raises
    ------
    InvalidArgumentError
        If it is a table, and not a list of values.

    Examples
    --------
    >>> values_of({"merger", "cascade"}), values_of("merger")
    (['cascade', 'merger'], ['merger'])
    """
    if not is_many(value):
        return [_plain(value)]
    if getattr(value, "ndim", 1) > 1:
        msg = (
            f"where takes a value or a list of values for a column, was a "
            f"{type(value).__name__} of {value.ndim} dimensions"  # type: ignore[attr-defined]
        )
        raise InvalidArgumentError(msg)
    values = [_plain(each) for each in value]  # type: ignore[attr-defined]
    return sorted(values, key=_text) if isinstance(value, AbstractSet) else values


def plain_where(where: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a filter whose values are lists, single values of Python, or comparisons.

    The latter as a mapping, which JSON can write and which is read alike.

    Raises
    ------
    InvalidArgumentError
        If it does not map columns to values.

    Examples
    --------
    >>> plain_where({"cause": np.array(["merger"]), "isin": None})
    {'cause': ['merger'], 'isin': None}
    >>> plain_where({"effective": [(">=", "2020-01-01"), ("<", "2021-01-01")]})
    {'effective': {'>=': '2020-01-01', '<': '2021-01-01'}}
    """
    if where is None:
        return {}
    if not isinstance(where, Mapping):
        msg = f"where must map columns to values, was {where!r}"
        raise InvalidArgumentError(msg)
    return {column: _plain_value(column, value) for column, value in where.items()}


def _plain_value(column: object, value: object) -> Any:
    comparisons = comparisons_of(column, value)
    if comparisons is None:
        return values_of(value) if is_many(value) else _plain(value)
    compared: dict[str, Any] = {}
    for op, given in comparisons.items():
        values = [
            one
            for each in given
            for one in (values_of(each) if op in _SETS else [each])
        ]
        plain = [_plain(each) for each in values]
        compared[op] = plain[0] if len(plain) == 1 else plain
    return compared["="] if list(compared) == ["="] else compared


def where_texts(where: Mapping[str, Any]) -> list[str]:
    """Return a plain filter as a command line has it, a text for each value.

    Examples
    --------
    >>> where_texts({"cause": ["merger", None], "effective": {">=": "2020-01-01"}})
    ['cause=merger', 'cause=', 'effective>=2020-01-01']
    """
    return [
        f"{column}{op}{'' if value is None else _text(value)}"
        for column, op, value in _each(where)
    ]


def untyped(where: Mapping[str, Any]) -> str | None:
    """Return a text of a plain filter that would be read as another; None if none is.

    A command line has no empty text, and no space at the ends of what is compared.

    Examples
    --------
    >>> untyped({"cause": ["merger", None]}), untyped({"source": {"!=": " a"}})
    (None, 'source!= a')
    """
    for column, op, value in _each(where):
        said = "" if value is None else _text(value)
        text = f"{column}{op}{said}"
        is_lost = value is not None and not said
        if is_lost or written(text) != (column, op, said):
            return text
    return None


def _each(where: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield the values of a plain filter, with column and comparison."""
    for column, given in where.items():
        compared = given if isinstance(given, Mapping) else {"=": given}
        for op, values in compared.items():
            for value in values_of(values):
                yield column, op, value


class Where:
    """What the values of a row must match.

    Parameters
    ----------
    where
        Value, values or comparisons by column; None matches a row without a value. A
        bare date matches every instant on that day in `zone`, and is compared with it.
    columns
        How the values of each column there is are read.
    zone
        Where the exchange is.

    Raises
    ------
    InvalidArgumentError
        If a value cannot be compared with its column.
    UnknownNameError
        If there is no such column.
    """

    def __init__(
        self,
        where: Mapping[str, Any] | None,
        columns: Mapping[str, Reader],
        zone: dt.tzinfo = NEW_YORK,
    ) -> None:
        self._zone = zone
        self.wanted: dict[str, frozenset[Any]] = {}
        self.compared: dict[str, tuple[tuple[str, Any], ...]] = {}
        self._columns: list[str] = []
        for column, given in plain_where(where).items():
            if column not in columns:
                raise UnknownNameError("column", str(column), columns)
            self._columns.append(column)
            is_compared = isinstance(given, dict) and not set(given).isdisjoint(
                OPERATORS
            )
            comparisons = given if is_compared else {"=": given}
            compared: list[tuple[str, Any]] = []
            for op, one in comparisons.items():
                what = f"where {column}{f' {op}' if is_compared else ''}:"
                values = one if isinstance(one, list) else [one]
                for value in values:
                    check_order(op, value, what)
                read = columns[column]
                each = [None if v is None else read(v, what) for v in values]
                if op == "=":
                    self.wanted[column] = frozenset(each)
                else:
                    compared += [(op, value) for value in each]
            if set(comparisons) != {"="}:
                self.compared[column] = tuple(compared)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it looks at."""
        return tuple(self._columns)

    @property
    def one_writing(self) -> dict[str, Any]:
        """The filter as all that mean the same are written: sorted, each value once."""
        return {
            column: {
                op: _sorted(values) for op, values in self._by_operator(column).items()
            }
            if column in self.compared
            else _sorted(self.wanted[column])
            for column in self._columns
        }

    def _by_operator(self, column: str) -> dict[str, set[Any]]:
        by_operator: dict[str, set[Any]] = {}
        if column in self.wanted:
            by_operator["="] = set(self.wanted[column])
        for op, value in self.compared[column]:
            by_operator.setdefault(op, set()).add(value)
        return by_operator

    def named(self, column: str) -> tuple[str, ...]:
        """Return the names in a column of text that must be there to mean something."""
        names = set(self.wanted.get(column, frozenset()))
        names |= {value for op, value in self.compared.get(column, ()) if op == "!="}
        return tuple(sorted(names - {None}))

    def texts(self, column: str) -> tuple[str, ...]:
        """Return what a column of text must be one of; empty if it may be anything."""
        values = self.wanted.get(column, frozenset())
        return () if None in values else tuple(sorted(values))

    def accepts(self, column: str, value: object) -> bool:
        """Return whether a column may have a value."""
        wanted = self.wanted.get(column)
        if wanted is not None and value not in wanted:
            if not isinstance(value, dt.datetime):
                return False
            if day_in(value, self._zone) not in wanted:
                return False
        return all(
            holds(op, value, limit, self._zone)
            for op, limit in self.compared.get(column, ())
        )


class ChangeFilter(Where):
    """What index changes must match: columns of `IndexChange`, and `change_id`."""

    def __init__(
        self, where: Mapping[str, Any] | None, *, zone: dt.tzinfo = NEW_YORK
    ) -> None:
        super().__init__(where, CHANGE_COLUMNS, zone)

    def matches(self, vintage: Vintage) -> bool:
        """Return whether one version of a change matches."""
        return all(self._accepts(column, vintage) for column in self.columns)

    def _accepts(self, column: str, vintage: Vintage) -> bool:
        if column == "change_id":
            return self.accepts(column, vintage.change_id)
        if column == "symbol" and vintage.published is not None:
            return self.accepts(column, vintage.published)
        return self.accepts(column, getattr(vintage.change, column))


def text(value: object, what: str) -> str:
    """Read a text."""
    if not isinstance(value, str):
        _refuse(value, what, "text")
    return str(value)


def number(value: object, what: str) -> float:
    """Read a number; true and false are none."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        _refuse(value, what, "a number")
    return float(value)


def flag(value: object, what: str) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        _refuse(value, what, "true or false")
    return value


def date(value: object, what: str) -> dt.date:
    """Read a date."""
    return parse_date(value, what=what)


def instant(value: object, what: str) -> dt.date:
    """Read an instant, or the date of a day at the exchange."""
    try:
        return parse_date(value, what=what)
    except InvalidArgumentError:
        return parse_instant(value, what=what)


_READERS: dict[str, Reader] = {
    **dict.fromkeys(("announced", "known_at", "recorded"), instant),
    "effective": date,
}

CHANGE_COLUMNS: dict[str, Reader] = {
    name: _READERS.get(name, text)
    for name in ("change_id", *(field.name for field in fields(IndexChange)))
}
"""What an index change can be filtered by, and how its values are read."""


def _sorted(values: Iterable[Any]) -> list[Any]:
    return sorted(values, key=canonical_json)


def _refuse(value: object, what: str, kind: str) -> NoReturn:
    """Refuse a value of another kind than its column.

    Raises
    ------
    InvalidArgumentError
        With the column and the value.
    """
    msg = f"{what} {value!r} cannot be compared with {kind}"
    raise InvalidArgumentError(msg)


def _plain(value: Any) -> Any:
    """Return a value of NumPy's, pandas' or Arrow's as Python's; None if missing."""
    if hasattr(value, "as_py"):  # Arrow's
        value = value.as_py()
    if isinstance(value, np.datetime64):
        is_day = np.datetime_data(value.dtype)[0] in {"Y", "M", "W", "D"}
        value = value.astype("datetime64[D]" if is_day else "datetime64[us]").item()
    elif isinstance(value, np.generic) or getattr(value, "ndim", 1) == 0:
        value = value.item()
    if _is_missing(value):
        return None
    # A day, as pandas has them: written down as one, it is read as one again.
    is_datetime = isinstance(value, dt.datetime) and value.tzinfo is None
    return parse_date(value, what="where") if is_datetime and _is_day(value) else value


def _is_day(value: dt.datetime) -> bool:
    is_whole = not getattr(value, "nanosecond", 0)
    return is_whole and value.time() == dt.time()


def _is_missing(value: Any) -> bool:
    """Return whether it is None, or does not equal itself: NaN, NaT and `pandas.NA`."""
    if value is None or type(value).__name__ == "NAType":
        return True
    return isinstance(value, float | dt.datetime) and value != value  # noqa: PLR0124


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, dt.date) else str(value)
