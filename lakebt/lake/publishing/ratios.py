"""Ratios as people write them: numbers, and fractions that no decimal is."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from lakebt.errors import InvalidDataError
from lakebt.lake.publishing.types import shown
from lakebt.lake.tables.columns import is_text

if TYPE_CHECKING:
    from lakebt.lake.tables.arrow import Array


_WHOLE = r"([0-9]{1,12})"
_FRACTION = re.compile(rf"\s*{_WHOLE}\s*(?:/|-for-|for)\s*{_WHOLE}\s*", re.IGNORECASE)
_NUMBER = re.compile(
    r"\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]{1,3})?\s*", re.IGNORECASE
)


def read_ratios(values: Array | list[Any], *, column: str, table: str) -> Array | Any:
    """Return a column of ratios with its texts as numbers.

    Parameters
    ----------
    values
        Numbers, or texts such as ``1/3`` and ``2-for-1``: new per old.
    column, table
        What errors call them.

    Returns
    -------
    pyarrow.Array
        Of numbers; what was none of texts is returned as it was.

    Raises
    ------
    InvalidDataError
        If a text is no ratio.
    """
    if not isinstance(values, list):
        if not is_text(values.type):
            return values
        coded = values.dictionary_encode()
        there = coded.dictionary.to_pylist()
        rows = coded.indices.to_pylist()
        first = {code: row for row, code in reversed(list(enumerate(rows)))}
        ratios = [
            _number(text, row=first.get(code, 0), column=column, table=table)
            for code, text in enumerate(there)
        ]
        return pa.array(ratios, pa.float64()).take(coded.indices)
    if not all(_is_readable(value) for value in values):
        return values  # whose error names the value and its type
    return pa.array(
        [
            value
            if value is None
            else _number(value, row=row, column=column, table=table)
            for row, value in enumerate(values)
        ],
        pa.float64(),
    )


def _is_readable(value: object) -> bool:
    is_number = isinstance(value, (int, float, Fraction, np.integer, np.floating))
    return (
        value is None
        or (is_number and not isinstance(value, bool))
        or isinstance(value, str)
    )


def _number(value: Any, *, row: int, column: str, table: str) -> float | None:
    """Return the value of a ratio, None for a blank text.

    Raises
    ------
    InvalidDataError
        If it is a text that says none.
    """
    if not isinstance(value, str):
        return float(value)
    if not value.strip():
        return None
    if _NUMBER.fullmatch(value):
        return float(value)
    parts = _FRACTION.fullmatch(value)
    if parts is not None and int(parts[2]):
        return int(parts[1]) / int(parts[2])
    problem = (
        f"column {column!r}: row {row} has {shown(value)}, which is no ratio. Write "
        f"shares got per share held: 7, 0.125, 1/3 or 2-for-1."
    )
    raise InvalidDataError(table, problem)
