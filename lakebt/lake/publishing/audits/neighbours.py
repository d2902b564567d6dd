"""Rows beside those that the lake holds: moves, holes and absentees.

What these audits find happens in good data too. So they warn, unless told to fail, and
look only at rows that the lake does not hold yet.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from lakebt.instants import EPOCH
from lakebt.lake.publishing.audits.finding import Finding, sample
from lakebt.lake.tables.arrow import column, keep
from lakebt.lake.tables.rows import flags, integers, micros

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lakebt._typing import FloatVector, IntVector
    from lakebt.lake.publishing.audits.finding import Handed, Severity
    from lakebt.lake.tables.arrow import BoolVector


Absentees: TypeAlias = tuple[list[str], int, int] | None
"""Names that are missing, the newest day in the lake, and how many names it has."""

_SHORT = 2**16
"""Up to this many codes NumPy sorts by digits, in a tenth of the time."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """What a view of the new release would read, by name and day.

    Attributes
    ----------
    names : list of str
        Of symbols, or of funds.
    code : ndarray of shape (n,)
        Whose each row is: a position in `names`. Ascending.
    day : ndarray of shape (n,)
        In days since 1970, ascending within a name.
    place : ndarray of shape (n,)
        Where each row was handed over; -1 for those the lake holds.
    row : ndarray of shape (n,)
        Its position in `rows`.
    rows : pyarrow.Table
        Those of the lake, then the new ones.
    """

    names: list[str]
    code: IntVector
    day: IntVector
    place: IntVector
    row: IntVector
    rows: pa.Table

    def numbers(self, name: str) -> FloatVector:
        """Return a column of numbers, row by row."""
        values = column(self.rows, name).to_numpy(zero_copy_only=False)
        return np.asarray(values[self.row], dtype=np.float64)


def line(
    held: pa.Table,
    new: Handed,
    *,
    name: str,
    day: str,
    as_of: dt.datetime,
) -> Line:
    """Return the newest vintage for each name and day, unless it is a retraction.

    Parameters
    ----------
    held
        Of the lake, with the columns of `new` that are wanted.
    new
        Rows that the lake lacks, in the order of their table's files.
    name, day
        The columns of the key.
    as_of
        The release's cutoff; what the lake knew later is left out.
    """
    rows, place = joined(held, new, as_of=as_of)
    coded = column(rows, name).dictionary_encode()
    code = coded.indices.to_numpy().astype(np.int64)
    days = integers(rows, day)
    if (place < 0).any() or (np.diff(days) < 0).any():
        by = np.lexsort((integers(rows, "known_at"), days, code))
    else:  # by day, name and known_at already: what is left is a stable sort by name
        short = code.astype(np.uint16) if len(coded.dictionary) <= _SHORT else code
        by = np.argsort(short, kind="stable")
    is_last = np.ones(len(by), dtype=bool)
    ordered, its_day = code[by], days[by]
    is_last[:-1] = (ordered[1:] != ordered[:-1]) | (its_day[1:] != its_day[:-1])
    row = by[is_last & ~flags(rows, "retracted")[by]]
    return Line(
        names=coded.dictionary.to_pylist(),
        code=code[row],
        day=days[row],
        place=place[row],
        row=row,
        rows=rows,
    )


def joined(
    held: pa.Table, new: Handed, *, as_of: dt.datetime
) -> tuple[pa.Table, IntVector]:
    """Return what the lake knew at an instant, then the new rows; and their places.

    Parameters
    ----------
    held
        Of the lake, with the columns of `new` that are wanted.
    new
        Rows that the lake lacks.
    as_of
        The release's cutoff; what the lake knew later is left out.

    Returns
    -------
    rows : pyarrow.Table of n rows
    places : ndarray of shape (n,)
        Where each was handed over; -1 for those the lake holds.
    """
    known = keep(held, integers(held, "known_at") <= micros(as_of))
    rows = pa.concat_tables([known, new.rows.select(known.column_names)])
    place = np.concatenate([np.full(len(known), -1, dtype=np.int64), new.places])
    return rows, place


def day_index(days: IntVector) -> pd.DatetimeIndex:
    """Return days since 1970 as pandas has them."""
    return pd.DatetimeIndex(days.astype("datetime64[D]")).as_unit("us")


def follows(code: IntVector, place: IntVector) -> BoolVector:
    """Return where a row follows another of its name, at least one of them new.

    Parameters
    ----------
    code
        Whose each row is, ascending.
    place
        Where it was handed over, -1 for what the lake holds.
    """
    is_next = np.zeros(len(code), dtype=bool)
    is_next[1:] = (code[1:] == code[:-1]) & ((place[1:] >= 0) | (place[:-1] >= 0))
    return is_next


def absent(
    names: Sequence[str], code: IntVector, day: IntVector, place: IntVector
) -> Absentees:
    """Return the names of the lake's newest day that no later day has.

    Returns
    -------
    tuple of list of str, int, int, or None
        Their names, that day, and how many there were on it; None if nothing new is
        about a later day, so that none could be missing.
    """
    is_held = place < 0
    if not is_held.any():
        return None
    newest = int(day[is_held].max())
    later = ~is_held & (day > newest)
    if not later.any():
        return None
    then = np.unique(code[is_held & (day == newest)])
    gone = np.setdiff1d(then, code[later])
    return sorted(names[each] for each in gone), newest, len(then)


def absence(
    absentees: Absentees,
    severity: Severity,
    *,
    table: str,
    columns: tuple[str, str],
    are: str,
    lack: str,
    unless: str,
) -> Iterator[Finding]:
    """Yield a finding for the names missing from a publication, if there are any.

    Parameters
    ----------
    absentees
        As `absent` found them.
    severity
        Of the finding.
    table, columns
        Of its rows: the name, and the day of the last row there is.
    are, lack, unless
        Words for whose names they are, what they lack, and when that is right.
    """
    if absentees is None or not absentees[0]:
        return
    names, newest, n_names = absentees
    day = (EPOCH + dt.timedelta(days=newest)).date()
    yield Finding(
        table=table,
        audit="coverage",
        severity=severity,
        message=(
            f"{len(names)} of the {n_names} {are}, {day}, "
            f"{'has' if len(names) == 1 else 'have'} {lack} "
            f"({sample(names, len(names), by=', ')}). Add them, unless {unless}."
        ),
        rows=pd.DataFrame(
            {
                columns[0]: pd.Series(names, dtype="str"),
                columns[1]: day_index(np.full(len(names), newest)),
            }
        ),
    )
