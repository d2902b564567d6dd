"""Predicates on rows, in the forms that pyiceberg and Arrow take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyiceberg.expressions import (
    AlwaysTrue,
    And,
    BooleanExpression,
    GreaterThan,
    GreaterThanOrEqual,
    In,
    LessThan,
    LessThanOrEqual,
)

from lakebt.lake.tables.arrow import pc

if TYPE_CHECKING:
    from collections.abc import Iterable


def is_in(column: str, values: Iterable[str]) -> BooleanExpression:
    """Return the filter that `column` has one of `values`."""
    return In(column, tuple(values))  # type: ignore[call-arg,arg-type]  # positional


_COMPARED: dict[str, Any] = {
    "<": LessThan,
    "<=": LessThanOrEqual,
    ">": GreaterThan,
    ">=": GreaterThanOrEqual,
}


def compared(column: str, op: str, value: str) -> BooleanExpression:
    """Return the filter that `column` compares with a value; anything for ``!=``."""
    if op not in _COMPARED:
        return AlwaysTrue()
    comparison: BooleanExpression = _COMPARED[op](column, value)
    return comparison


def between(column: str, low: str, high: str) -> BooleanExpression:
    """Return the filter that `column` lies between two values, inclusive."""
    return And(
        GreaterThanOrEqual(column, low),  # type: ignore[call-arg,arg-type]  # positional
        LessThanOrEqual(column, high),  # type: ignore[call-arg,arg-type]  # positional
    )


def overlap(rows: pa.Table, columns: Iterable[str]) -> BooleanExpression:
    """Return a filter that leaves out what cannot have the values of any of `rows`."""
    within: BooleanExpression = AlwaysTrue()
    for name in columns:
        ends: Any = pc.min_max(rows.column(name)).as_py()
        low, high = (v if isinstance(v, str) else v.isoformat() for v in ends.values())
        within = And(within, between(name, low, high))
    return within


FEW = 200
"""pyiceberg compares no more values than these with what a file has."""


@dataclass(frozen=True)
class Among:
    """The values that a column of text may have, however many.

    pyiceberg makes an object of each value, several times over: of 400,000 symbols
    that takes 20 s. So of many it gets the range, and Arrow the values.

    Attributes
    ----------
    column
    values
        Sorted, at least one.
    """

    column: str
    values: tuple[str, ...]

    @property
    def within(self) -> BooleanExpression:
        """What leaves out files that have none of the values."""
        if len(self.values) <= FEW:
            return is_in(self.column, self.values)
        return between(self.column, self.values[0], self.values[-1])

    @property
    def condition(self) -> Any:
        """What Arrow leaves rows out by."""
        return pc.field(self.column).isin(pa.array(self.values, pa.string()))
