"""Read CSV, Excel and Parquet files, and rename their columns to the lake's.

A CSV has no types. The columns that are numbers in the lake become numbers when every
value is one; if a single value is not, the column stays text, so that the lake's audit
names the row. Columns of true and false likewise. Everything else, dates and instants
included, stays as it was written: what ``2022-09-02`` means depends on the column, and
only the lake knows that.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pa_parquet

from lakebt.errors import InvalidArgumentError, InvalidDataError, UnknownNameError
from lakebt.sources import csv_text, excel, surplus
from lakebt.sources.archives import files_of, kind_of, read_bytes
from lakebt.sources.converted import Converted, together
from lakebt.sources.csv_text import Dialect, with_points, without_groups
from lakebt.sources.first_bytes import check_first_bytes

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Mapping


pc: Any = pyarrow.compute

NUMBERS = frozenset(
    {
        *("open", "high", "low", "close", "volume"),
        *("balance", "value_usd", "weight_pct", "value"),
    }
)
"""Columns of the lake that hold numbers."""

KINDS = {
    ".csv": "CSV",
    ".parquet": "Parquet",
    **dict.fromkeys(excel.ENDS, "Excel"),
}
"""What files are read, by the ends of their names."""

FLAGS = frozenset({"retracted"})
"""Columns of the lake that hold true or false."""

_NUMBERS_OF = {
    "corporate_actions": frozenset({"cash", "ratio"}),
    "borrow": frozenset({"rate_bps_per_year"}),
}
_FLAGS_OF = {"borrow": frozenset({"available"})}
"""Those of some tables alone: elsewhere such a name may be anything's."""


def numbers_of(table: str) -> frozenset[str]:
    """Return the columns of a table of lakebt's that hold numbers."""
    return NUMBERS | _NUMBERS_OF.get(table, frozenset())


def flags_of(table: str) -> frozenset[str]:
    """Return the columns of a table of lakebt's that hold true or false."""
    return FLAGS | _FLAGS_OF.get(table, frozenset())


def read_file(
    path: str | os.PathLike[str],
    *,
    table: str,
    columns: Mapping[str, str] | None = None,
    constants: Mapping[str, str | float] | None = None,
    leave_out: Collection[str] = (),
    numbers: Collection[str] = NUMBERS,
    flags: Collection[str] = FLAGS,
    encoding: str | None = None,
    delimiter: str | None = None,
    decimal: str | None = None,
    header_line: int | None = None,
    footer_lines: int | None = None,
    sheet: str | None = None,
) -> Converted:
    """Read a ``.csv``, ``.xlsx`` or ``.parquet`` file as rows of a table.

    Parameters
    ----------
    path
        The file, or a folder or pattern that means several; packed (gzip, bzip2, xz,
        zstd, zip) or not. The first line of a CSV names the columns, and an empty cell
        is null. Nothing else is: the symbol ``NA`` is a symbol.
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
    encoding, delimiter, decimal
        Of a CSV, as ``"latin-1"``, ``";"`` and ``","``. By default the file says it,
        and what is not UTF-8, a comma and a point is told in the summary.
    header_line, footer_lines
        Of a CSV or a sheet: which line names the columns, by default 1, and how many
        follow the last row. A last row that begins with "Total" is refused until
        `footer_lines` says whether it is one.
    sheet
        Of an Excel file that has several.

    Returns
    -------
    Converted
        All rows of the file, in its order.

    Raises
    ------
    InvalidDataError
        If the file is missing, unreadable, empty, or of another kind; if its last row
        seems to be a sum, or a sheet is to be named.
    InvalidArgumentError
        If two columns would get the same name, or a constant overwrites a column.
    UnknownNameError
        If `columns` or `leave_out` name a column that is not in the file.
    """
    dialect = Dialect(
        encoding=encoding,
        delimiter=delimiter,
        decimal=decimal,
        header_line=header_line,
        footer_lines=footer_lines,
        sheet=sheet,
    )
    dialect.check()
    parts = [
        _converted(
            each,
            table=table,
            columns=columns or {},
            constants=constants or {},
            leave_out=frozenset(leave_out),
            typing=(
                numbers_of(table) if numbers is NUMBERS else numbers,
                flags_of(table) if flags is FLAGS else flags,
            ),
            dialect=dialect,
        )
        for each in files_of(Path(path), table=table)
    ]
    return parts[0] if len(parts) == 1 else together(parts)


def _converted(
    path: Path,
    *,
    table: str,
    columns: Mapping[str, str],
    constants: Mapping[str, str | float],
    leave_out: frozenset[str],
    typing: tuple[Collection[str], Collection[str]],
    dialect: Dialect,
) -> Converted:
    """Return the rows of one file.

    Raises
    ------
    InvalidArgumentError
        If two columns would get the same name, or a constant overwrites a column.
    InvalidDataError
        If it has none.
    """
    rows, read_as, index = _read(path, table, dialect)
    left_out = tuple(name for name in rows.column_names if name in leave_out)
    rows = _renamed(rows, path.name, columns, leave_out)
    if rows.num_rows == 0:
        raise InvalidDataError(
            table, f"file {path} has columns but no rows. Check which it is."
        )
    if kind_of(path) != ".parquet":
        rows, decimals = _typed(rows, *typing, dialect=dialect)
        read_as += decimals
    frame = rows.to_pandas(ignore_metadata=True)
    for name, value in constants.items():
        if name in frame.columns:
            msg = (
                f"the constant {name}={value!r} would overwrite a column of "
                f"{path.name}: leave the column out, or drop the constant"
            )
            raise InvalidArgumentError(msg)
        frame[name] = value
    return Converted(
        table=table,
        frame=frame,
        n_read=len(frame),
        left_out=(*left_out, *index),
        read_as=tuple(read_as),
    )


def _read(
    path: Path, table: str, dialect: Dialect
) -> tuple[pa.Table, list[str], list[str]]:
    """Return the file's rows under its own names, those of a CSV as text.

    And what is not as usual in it, and the columns that are pandas' index.

    Raises
    ------
    InvalidDataError
        If there are none to be had.
    """
    suffix = kind_of(path)
    if suffix not in KINDS:
        problem = (
            f"file {path} is neither .csv nor .parquet: rename it, or convert it to "
            f"one of the two."
        )
        raise InvalidDataError(table, problem)
    if not path.is_file():
        problem = "is a directory, not a file" if path.is_dir() else "does not exist"
        raise InvalidDataError(table, f"file {path} {problem}: check the path.")
    surplus.check_arguments(path, suffix, dialect)
    try:
        check_first_bytes(path, suffix, table=table, encoding=dialect.encoding)
        if suffix == ".csv":
            rows, read_as = csv_text.read_csv(path, table=table, dialect=dialect)
        elif suffix in excel.ENDS:
            rows, read_as = excel.read_excel(path, table=table, dialect=dialect)
        else:
            content, packing = read_bytes(path, table=table)
            source: Any = path if content is None else pa.BufferReader(content)
            rows = pa_parquet.read_table(source)
            read_as = [packing] if packing else []
    except InvalidDataError:
        raise
    except (pa.ArrowException, OSError, ValueError, csv.Error) as error:
        why = str(error).strip().partition("\n")[0].rstrip(" .:") or "unknown format"
        problem = f"file {path} cannot be read as {KINDS[suffix]}: {why[:300]}."
        advice = surplus.advice(path, table, dialect)
        problem += advice or " Check which file it is, or fetch it again."
        raise InvalidDataError(table, problem) from None
    if suffix != ".parquet":
        rows = surplus.without_empty_end(rows, read_as)
        surplus.check_last_row(rows, path, table, dialect)
    rows, index = _without_index(rows)
    seen: set[str] = set()
    for position, name in enumerate(rows.column_names):
        if not name or name in seen:
            why = f"the name {name!r}, as another has" if name else "no name"
            problem = f"file {path}: column {position + 1} has {why}: name it."
            problem += surplus.advice(path, table, dialect)
            raise InvalidDataError(table, problem)
        seen.add(name)
    return rows, read_as, index


def _without_index(rows: pa.Table) -> tuple[pa.Table, list[str]]:
    """Return rows without the numbers that pandas wrote beside them, and their names.

    They are in a column of a name that only pandas gives, or in the first one of a CSV
    without a name, and count from 0.
    """
    index = [name for name in rows.column_names if name.startswith("__index_level_")]
    if index:
        return rows.drop_columns(index), index
    if rows.num_columns > 1 and rows.column_names[0] == "":
        counted = [str(number) for number in range(rows.num_rows)]
        if rows.num_rows and rows.column(0).to_pylist() == counted:
            return rows.select(range(1, rows.num_columns)), ["the index of pandas"]
    return rows, []


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
    names = rows.column_names
    for name in (*columns, *leave_out):
        if name not in names:
            kind = f"column of {file}"
            raise UnknownNameError(kind, name, names)
    if both := sorted(leave_out & columns.keys()):
        msg = f"column {both[0]!r} of {file} is both renamed and left out: choose one"
        raise InvalidArgumentError(msg)
    kept = [name for name in names if name not in leave_out]
    first: dict[str, str] = {}
    for name in kept:
        new = columns.get(name, name)
        if new in first:
            msg = (
                f"columns {first[new]!r} and {name!r} of {file} would both be called "
                f"{new!r}: leave one of them out"
            )
            raise InvalidArgumentError(msg)
        first[new] = name
    return rows.select(kept).rename_columns(list(first))


def _typed(
    rows: pa.Table,
    numbers: Collection[str],
    flags: Collection[str],
    *,
    dialect: Dialect,
) -> tuple[pa.Table, list[str]]:
    """Return text as numbers and flags in the columns that are all numbers or flags.

    And that numbers have commas, if they do.
    """
    of_numbers = [name for name in rows.column_names if name in set(numbers)]
    read = {name: _cast(rows.column(name), pa.float64()) for name in of_numbers}
    notes: list[str] = []
    if dialect.decimal == "," or None in read.values():
        text = {name: rows.column(name) for name in of_numbers}
        ungrouped = without_groups(text, dialect.decimal)
        points = with_points(ungrouped or text, dialect.decimal)
        notes = ["thousands separators"] if ungrouped is not None else []
        notes += ["decimal commas"] if points is not None else []
        if notes:
            plain = points or ungrouped or text
            read = {name: _cast(plain[name], pa.float64()) for name in of_numbers}
    for name in rows.column_names:
        if name in flags and name not in read:
            read[name] = _cast(rows.column(name), pa.bool_())
    for name, values in read.items():
        if values is not None:
            place = rows.schema.get_field_index(name)
            rows = rows.set_column(place, name, values)
    return rows, notes


def _cast(values: Any, kind: pa.DataType) -> Any:
    """Return a column in another type, None if a value is none of it."""
    try:
        return pc.cast(values, kind)
    except pa.ArrowInvalid:
        return None  # the lake says which value is not a number, and in which row
