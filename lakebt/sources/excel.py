"""Sheets of Excel, as the text that a CSV of them would hold.

openpyxl reads them, if it is installed. A date is written as ISO 8601, and a number
without what Excel only shows: what a cell is for, its column says.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import importlib
import warnings
import zipfile
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lakebt.errors import InvalidDataError, listed
from lakebt.sources import lines
from lakebt.sources.archives import check_size
from lakebt.values.command_lines import install_extra

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lakebt.sources.csv_text import Dialect


ENDS = (".xlsx", ".xlsm")
"""How the names of such files end."""


def read_excel(
    path: Path, *, table: str, dialect: Dialect
) -> tuple[pa.Table, list[str]]:
    """Return a sheet with every column as text, and notes on how it was read.

    Parameters
    ----------
    path
        The file.
    table
        Where its rows go, for errors.
    dialect
        What is known of it.

    Raises
    ------
    InvalidDataError
        If there is nothing to read it with, it is none, or a sheet is to be named.
    ValueError
        If it is empty, or a row is longer than the header.
    """
    name, rows = sheet_lines(path, table, dialect)
    notes = [
        f"Excel, sheet {name!r}",
        *lines.told(dialect.header_line, dialect.footer_lines),
    ]
    kept = lines.cut(
        rows,
        header_line=dialect.header_line or 1,
        footer_lines=dialect.footer_lines or 0,
    )
    width = max(at for _, cells in kept for at in _filled(cells))
    header = _padded(kept[0][1], width)
    if not any(header):
        msg = "its first line is empty"
        raise ValueError(msg)
    columns = zip(*(_padded(cells, width) for _, cells in kept[1:]), strict=True)
    arrays = [pa.array([one or None for one in each], pa.string()) for each in columns]
    arrays = arrays or [pa.array([], pa.string()) for _ in header]
    return pa.Table.from_arrays(arrays, names=header), notes


def advice(path: Path, *, table: str, dialect: Dialect) -> str:
    """Return which lines of a sheet seem not to be rows; "" if the user said so."""
    if None not in {dialect.header_line, dialect.footer_lines}:
        return ""
    _, rows = sheet_lines(path, table, dialect)
    return lines.advice([(at, cells[: max(_filled(cells))]) for at, cells in rows])


def _filled(cells: list[str]) -> Iterator[int]:
    """Yield 0, and the number of every cell that holds something, from 1."""
    yield 0
    yield from (at for at, cell in enumerate(cells, 1) if cell)


def _padded(cells: list[str], width: int) -> list[str]:
    return [*cells, *[""] * width][:width]


def sheet_lines(
    path: Path, table: str, dialect: Dialect
) -> tuple[str, list[lines.Line]]:
    """Return the sheet to read: its name and its lines.

    Raises
    ------
    InvalidDataError
        If there is none, or there are several and none is named.
    """
    tabs = _sheets(path, table, dialect.sheet)
    if dialect.sheet is not None and dialect.sheet not in tabs:
        problem = (
            f"file {path} has no sheet {dialect.sheet!r}; it has "
            f"{listed(tabs, is_quoted=True)}."
        )
        raise InvalidDataError(table, problem)
    if dialect.sheet is not None:
        return dialect.sheet, tabs[dialect.sheet]
    tabs = {name: rows for name, rows in tabs.items() if rows}
    if len(tabs) == 1:
        return next(iter(tabs.items()))
    if not tabs:
        raise InvalidDataError(table, f"file {path} has no sheet that holds anything.")
    problem = (
        f"file {path} has {len(tabs)} sheets that hold something, "
        f"{listed(tabs, is_quoted=True)}: pass sheet={next(iter(tabs))!r}, or another."
    )
    raise InvalidDataError(table, problem)


def _sheets(path: Path, table: str, wanted: str | None) -> dict[str, list[lines.Line]]:
    """Return the lines of each sheet, of the wanted one alone if one is.

    Raises
    ------
    InvalidDataError
        If openpyxl is not installed, or does not read the file.
    """
    try:
        openpyxl: Any = importlib.import_module("openpyxl")
    except ImportError:
        problem = (
            f"file {path} is neither .csv nor .parquet: rename it, or convert it to "
            f"one of the two. Excel is read where openpyxl is installed: "
            f"{install_extra('excel')}."
        )
        raise InvalidDataError(table, problem) from None
    try:
        with zipfile.ZipFile(path) as archive:
            check_size(sum(one.file_size for one in archive.infolist()), path, table)
        with warnings.catch_warnings():  # of styles and of what only Excel shows
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
            with contextlib.closing(book):
                return {
                    sheet.title: _lines(sheet) if wanted in {None, sheet.title} else []
                    for sheet in book.worksheets
                }
    except InvalidDataError:
        raise
    except Exception as error:
        why = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        problem = f"file {path} cannot be read as Excel: {why[:200]}. Save it again."
        raise InvalidDataError(table, problem) from error


def _lines(sheet: Any) -> list[lines.Line]:
    """Return the lines of a sheet, to the last one that holds something."""
    sheet.reset_dimensions()  # what other programs write there is not always true
    rows = [
        (at, [_text(value) for value in row])
        for at, row in enumerate(sheet.iter_rows(values_only=True), 1)
    ]
    while rows and not any(rows[-1][1]):
        rows.pop()
    return rows


def _text(value: object) -> str:
    """Return what a cell holds as a CSV has it."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).upper()
        case dt.datetime() if value.time() == dt.time():
            return value.date().isoformat()
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat()
        case float():
            return str(int(value)) if value.is_integer() else repr(value)
        case _:
            return str(value)
