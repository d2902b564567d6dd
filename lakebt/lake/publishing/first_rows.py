"""What the lake would make of the first rows that are handed over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakebt.errors import InvalidDataError
from lakebt.lake.publishing.normalisation import normalise
from lakebt.lake.tables.arrow import column
from lakebt.lake.tables.columns import columns_of
from lakebt.lake.tables.frames import frame

if TYPE_CHECKING:
    import pandas as pd

    from lakebt.lake.tables.schemas import TableSpec
    from lakebt.sessions import Exchange

N_ROWS = 5
"""Rows that are shown of a table."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FirstRows:
    """The first rows of a table as they would be published.

    Attributes
    ----------
    table
    rows
        In their types, without columns that are empty; none if they cannot be read.
    derived
        Columns that a rule filled in, in all rows or where they were missing.
    """

    table: str
    rows: pd.DataFrame
    derived: tuple[str, ...]


def first_rows(
    handed: pd.DataFrame, *, spec: TableSpec, sessions: Exchange
) -> FirstRows:
    """Return the first rows of a table as they would be published.

    Parameters
    ----------
    handed
        What is handed over.
    spec, sessions
        As for `normalise`.
    """
    first = handed.head(N_ROWS)
    try:
        rows = normalise(first, spec=spec, sessions=sessions)
    except InvalidDataError:  # whose text an audit tells
        return FirstRows(table=spec.name, rows=first, derived=())
    given = columns_of(first)
    filled = {
        name: len(rows) - column(rows, name).null_count
        for name in rows.column_names
        if name != "retracted"
    }
    derived = [
        name
        for name, n_filled in filled.items()
        if n_filled > (int(first[name].notna().sum()) if name in given else 0)
    ]
    shown = [name for name, n_filled in filled.items() if n_filled]
    return FirstRows(
        table=spec.name, rows=frame(rows.select(shown)), derived=tuple(derived)
    )
