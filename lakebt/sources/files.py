"""Read CSV and Parquet files, and rename their columns to the lake's.

A CSV has no types. The columns that are numbers in the lake become numbers when every
value is one; if a single value is not, the column stays text, so that the lake's audit
names the row. Columns of true and false likewise. Everything else, dates and instants
included, stays as it was written: what ``2022-09-02`` means depends on the column, and
only the lake knows that.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from lakebt.errors import InvalidArgumentError, InvalidDataError, UnknownNameError
from lakebt.sources.converted import Converted

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Mapping


NUMBERS = frozenset(
    {
        *("open", "high", "low", "close", "volume"),
        *("balance", "value_usd", "weight_pct", "value"),
    }
)
"""Columns of the lake that hold numbers."""

FLAGS = frozenset({"retracted"})
"""Columns of the lake that hold true or false."""


def read_file(
    path: str | os.PathLike[str],
    *,
    table: str,
    columns: Mapping[str, str] | None = None,
    constants: Mapping[str, str | float] | None = None,
    leave_out: Collection[str] = (),
    numbers: Collection[str] = NUMBERS,
    flags: Collection[str] = FLAGS,
) -> Converted:
    """Read a ``.csv`` or ``.parquet`` file as rows of a table.

    Parameters
    ----------
    path
        The file. A CSV is UTF-8, comma-separated, its first line names the columns, and
        an empty cell is null. Nothing else is: the symbol ``NA`` is a symbol.
    table
        The table of the lake the rows are for.
    columns
        The lake's name by the file's: ``{"date": "session"}``. A column that is not
        mentioned keeps its name.
    constants
        Columns the file lacks because they are the same in every row:
        ``{"basis": "raw"}``.
    leave_out
        The file's columns that are not wanted. There is no other way to lose one: the
        lake refuses columns it does not know.
    numbers, flags
        The columns that hold numbers, and true or false: those of a table that somebody
        declared are not known here.

    Returns
    -------
    Converted
        All rows of the file, in its order.

    Raises
    ------
    InvalidDataError
        If the file is missing, unreadable, empty, or neither CSV nor Parquet.
    InvalidArgumentError
        If two columns would get the same name, or a constant overwrites a column.
    UnknownNameError
        If `columns` or `leave_out` name a column that is not in the file.
    """
    path = Path(path)
    rows = _read(path, table)
    left_out = tuple(name for name in rows.column_names if name in set(leave_out))
    rows = _renamed(rows, path.name, columns or {}, frozenset(leave_out))
    if rows.num_rows == 0:
        raise InvalidDataError(table, f"file {path} has columns but no rows.")
    if path.suffix.lower() == ".csv":
        rows = _typed(rows, numbers, flags)
    frame = rows.to_pandas(ignore_metadata=True)
    for name, value in (constants or {}).items():
        if name in frame.columns:
            msg = (
                f"the constant {name}={value!r} would overwrite a column of "
                f"{path.name}: leave the column out, or drop the constant"
            )
            raise InvalidArgumentError(msg)
        frame[name] = value
    return Converted(table=table, frame=frame, n_read=len(frame), left_out=left_out)


def _read(path: Path, table: str) -> pa.Table:
    """Return the file's rows under its own names, those of a CSV as text.

    Raises
    ------
    InvalidDataError
        If there are none to be had.
    """
    suffix = path.suffix.lower()
    if suffix not in {".csv", ".parquet"}:
        problem = (
            f"file {path} is neither .csv nor .parquet: rename it, or convert it to "
            f"one of the two."
        )
        raise InvalidDataError(table, problem)
    if not path.is_file():
        problem = "is a directory, not a file" if path.is_dir() else "does not exist"
        raise InvalidDataError(table, f"file {path} {problem}: check the path.")
    try:
        rows = _read_csv(path) if suffix == ".csv" else pa_parquet.read_table(path)
    except (pa.ArrowException, OSError, ValueError, csv.Error) as error:
        kind = "CSV" if suffix == ".csv" else "Parquet"
        why = str(error).strip().partition("\n")[0].rstrip(".") or "unknown format"
        problem = f"file {path} cannot be read as {kind}: {why}."
        raise InvalidDataError(table, problem) from None
    for position, name in enumerate(rows.column_names):
        if name in {"", *rows.column_names[:position]}:
            why = f"the name {name!r}, as another has" if name else "no name"
            problem = f"file {path}: column {position + 1} has {why}: name it."
            raise InvalidDataError(table, problem)
    return rows


def _read_csv(path: Path) -> pa.Table:
    """Return a CSV with every column as text.

    Raises
    ------
    ValueError
        If the file is empty. Arrow's own errors for anything else.
    """
    with path.open(encoding="utf-8-sig", newline="") as lines:
        header = next(csv.reader(lines), None)
    if not header:
        msg = "it is empty"
        raise ValueError(msg)
    rows: pa.Table = pa_csv.read_csv(
        path,
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(header, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )
    return rows


def _renamed(
    rows: pa.Table, file: str, columns: Mapping[str, str], leave_out: frozenset[str]
) -> pa.Table:
    """Return the wanted columns under the lake's names.

    Raises
    ------
    InvalidArgumentError
        If a column is both renamed and left out, or two would get the same name.
    UnknownNameError
        If a column that is named is not in the file.
    """
    for name in (*columns, *leave_out):
        if name not in rows.column_names:
            kind = f"column of {file}"
            raise UnknownNameError(kind, name, rows.column_names)
    if both := sorted(leave_out & columns.keys()):
        msg = f"column {both[0]!r} of {file} is both renamed and left out: choose one"
        raise InvalidArgumentError(msg)
    kept = [name for name in rows.column_names if name not in leave_out]
    first: dict[str, str] = {}
    for name in kept:
        ours = columns.get(name, name)
        if ours in first:
            msg = (
                f"columns {first[ours]!r} and {name!r} of {file} would both be called "
                f"{ours!r}: leave one of them out"
            )
            raise InvalidArgumentError(msg)
        first[ours] = name
    return rows.select(kept).rename_columns(list(first))


def _typed(
    rows: pa.Table, numbers: Collection[str], flags: Collection[str]
) -> pa.Table:
    """Return text as numbers and flags in the columns that are all numbers or flags."""
    for position, name in enumerate(rows.column_names):
        kind = pa.float64() if name in numbers else pa.bool_()
        if name not in {*numbers, *flags}:
            continue
        try:
            values = pc.cast(rows.column(position), kind)
        except pa.ArrowInvalid:
            continue  # the lake says which value is not a number, and in which row
        rows = rows.set_column(position, name, values)
    return rows
