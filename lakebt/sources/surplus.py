"""Lines of a file besides its rows: empty lines and sums, and advice about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute

from lakebt.errors import InvalidArgumentError, InvalidDataError
from lakebt.sources import csv_text, excel, lines
from lakebt.sources.archives import kind_of
from lakebt.values.text import capitalised, count

if TYPE_CHECKING:
    from pathlib import Path

    from lakebt.sources.csv_text import Dialect


pc: Any = pyarrow.compute


def advice(path: Path, table: str, dialect: Dialect) -> str:
    """Return a sentence about lines that seem not to be rows, or an empty text."""
    text = ""
    if kind_of(path) == ".csv":
        text = csv_text.advice(path, table=table, dialect=dialect)
    elif kind_of(path) in excel.ENDS:
        text = excel.advice(path, table=table, dialect=dialect)
    return f" {capitalised(text)}." if text else ""


def check_arguments(path: Path, suffix: str, dialect: Dialect) -> None:
    """Check that options of lines and sheets are used only for files with them.

    Raises
    ------
    InvalidArgumentError
        If it is not.
    """
    text = {"header_line": dialect.header_line, "footer_lines": dialect.footer_lines}
    for name, value in (*text.items(), ("sheet", dialect.sheet)):
        has_none = suffix == ".parquet" or (suffix == ".csv" and name == "sheet")
        if value is not None and has_none:
            msg = f"{name}={value!r} means nothing for {path.name}: omit it"
            raise InvalidArgumentError(msg)


def without_empty_end(rows: pa.Table, read_as: list[str]) -> pa.Table:
    """Return rows without empty ones at the end, and the number of those."""
    kept = rows.num_rows
    while kept and not any(column[kept - 1].as_py() for column in rows.columns):
        kept -= 1
    if kept == rows.num_rows or not kept:
        return rows
    read_as.append(f"{count(rows.num_rows - kept, 'empty line')} at the end left out")
    return rows.slice(0, kept)


def check_last_row(rows: pa.Table, path: Path, table: str, dialect: Dialect) -> None:
    """Check that the last row is not the sum of the others.

    Raises
    ------
    InvalidDataError
        If it seems to be one, and the user did not say what it is.
    """
    if dialect.footer_lines is not None or not rows.num_rows:
        return
    last = [column[-1].as_py() for column in rows.columns]
    if not lines.is_total(last):
        return
    first = next(at for at, cell in enumerate(last) if cell)
    if pc.sum(pc.equal(rows.column(first), last[first])).as_py() > 1:
        return  # what several rows begin with is a name
    says = advice(path, table, dialect).strip() or "Pass footer_lines=1."
    problem = (
        f"file {path}: the last row begins with {last[first]!r}, as a sum of the "
        f"others does. {says} It is a row if you pass footer_lines=0."
    )
    raise InvalidDataError(table, problem)
