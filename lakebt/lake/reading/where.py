"""Filters by column: a value, or a list of values of which one must match."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lakebt.errors import InvalidArgumentError, UnknownNameError
from lakebt.instants import new_york_day, parse_date, parse_instant
from lakebt.lake.tables.arrow import column as array
from lakebt.lake.tables.schemas import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from lakebt.facts import IndexChange
    from lakebt.lake.tables.arrow import BoolVector
    from lakebt.lake.tables.schemas import TableSpec


_NAMED = ("fund", "index", "symbol")
"""Columns of names, in which one that nobody ever heard of is an error."""

_MANY = (list, tuple, set, frozenset, np.ndarray, pd.Series, pd.Index)


class Where:
    """What rows must match.

    Parameters
    ----------
    where
        Value, or values, by column; None matches a row without a value. A bare date
        matches every instant on that day in New York.
    spec
        The table whose columns they are.
    known
        The columns there are.
    names
        Gives every name of the release in a column.

    Raises
    ------
    InvalidArgumentError
        If a value cannot be compared with its column.
    UnknownNameError
        If there is no such column, or no row of the release has such a name.
    """

    def __init__(
        self,
        where: Mapping[str, Any] | None,
        *,
        spec: TableSpec,
        known: Sequence[str],
        names: Callable[[str], frozenset[str]],
    ) -> None:
        self._wanted: dict[str, set[Any]] = {}
        for column, value in (where or {}).items():
            if column not in known:
                raise UnknownNameError("column", str(column), known)
            kind = Kind.TEXT  # of a derived status
            if column in spec.names:
                kind = spec.column(column).kind
            values = list(value) if isinstance(value, _MANY) else [value]
            if column in _NAMED and kind is Kind.TEXT:
                everything = names(column)
                for name in values:
                    if name is not None and name not in everything:
                        raise UnknownNameError(column, str(name), sorted(everything))
            self._wanted[column] = {_read(v, kind, column) for v in values}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it looks at."""
        return tuple(self._wanted)

    def texts(self, column: str) -> tuple[str, ...]:
        """Return what a column of text must be one of; empty if it may be anything."""
        values = self._wanted.get(column, set())
        return () if None in values else tuple(sorted(values))

    def matches(self, rows: pa.Table) -> BoolVector:
        """Return which rows match."""
        found = np.ones(len(rows), dtype=bool)
        for column, values in self._wanted.items():
            coded = array(rows, column).dictionary_encode()
            each = [*coded.dictionary.to_pylist(), None]
            hits = np.array([_matches(value, values) for value in each], dtype=bool)
            codes = coded.indices.to_numpy(zero_copy_only=False)
            found &= hits[np.where(np.isnan(codes), -1, codes).astype(np.int64)]
        return found

    def match(self, change: IndexChange, *, change_id: str) -> bool:
        """Return whether a change matches."""
        return all(
            _matches(
                change_id if column == "change_id" else getattr(change, column), values
            )
            for column, values in self._wanted.items()
        )


def _matches(value: object, wanted: set[Any]) -> bool:
    if value in wanted:
        return True
    if isinstance(value, dt.datetime):
        return new_york_day(value) in wanted
    return False


def _read(value: object, kind: Kind, column: str) -> object:  # noqa: PLR0911
    what = f"where {column}:"
    if value is None:
        return None
    if kind is Kind.INSTANT:
        try:
            return parse_date(value, what=what)
        except InvalidArgumentError:
            return parse_instant(value, what=what)
    if kind is Kind.DATE:
        return parse_date(value, what=what)
    is_number = isinstance(value, (int, float, np.number)) and value == value  # noqa: PLR0124 - NaN
    numeric = kind in {Kind.NUMBER, Kind.WHOLE}
    if numeric and is_number and not isinstance(value, bool):
        return float(value)  # type: ignore[arg-type]  # checked above
    if kind is Kind.FLAG and isinstance(value, (bool, np.bool_)):
        return bool(value)
    if kind is Kind.TEXT and isinstance(value, str):
        return str(value)
    msg = f"{what} {value!r} cannot be compared with {kind.value}"
    raise InvalidArgumentError(msg)
