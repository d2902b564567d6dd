"""Values of cells in tables of corporate actions; text that is not a number stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from lakebt.sources.corporate.share_ratios import read_ratio
from lakebt.values.identifiers import is_placeholder, trimmed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def given(cell: object) -> bool:
    """Whether a cell is not empty."""
    if isinstance(cell, str):
        return not is_placeholder(cell)
    return not pd.isna(cell)  # type: ignore[call-overload]


def _text(cell: object) -> str | None:
    return trimmed(str(cell)) if given(cell) else None


def _ratio(cell: object) -> object:
    """Return a ratio as a number; text that is none stays."""
    if not isinstance(cell, str):
        return cell
    if not given(cell):
        return None
    number = read_ratio(cell)
    return cell if number is None else number


def _cash(cell: object) -> object:
    """Return an amount as a number; text that is none stays."""
    if not isinstance(cell, str):
        return cell
    if not given(cell):
        return None
    try:
        return float(trimmed(cell).removeprefix("$").replace(",", ""))
    except ValueError:
        return cell


def numbers_of(values: pd.Series) -> pd.Series:
    """Return values as numbers if all of them are."""
    is_text = values.map(lambda cell: isinstance(cell, str))
    return values if is_text.any() else values.astype(float)


READ: Mapping[str, Callable[[object], object]] = {
    "symbol": _text,
    "other": _text,
    "kind": _text,
    "ratio": _ratio,
    "cash": _cash,
}
