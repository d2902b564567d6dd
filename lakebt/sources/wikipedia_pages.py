"""Tables of a Wikipedia page: from the page itself, or saved as CSV."""

from __future__ import annotations

import csv
import importlib
import io
from typing import TYPE_CHECKING, Any

import pandas as pd

from lakebt.errors import InvalidArgumentError, InvalidDataError, LakebtError
from lakebt.sources.archives import kind_of
from lakebt.sources.dow_history import read_history
from lakebt.sources.text_files import MOST_BYTES, read_text, sign_of
from lakebt.values.command_lines import install_extra

if TYPE_CHECKING:
    from pathlib import Path

    from lakebt.sources.dow_history import Members


TABLE = "index_changes"

_NEEDED = f"a page needs lxml, which is not installed: {install_extra('wikipedia')}"


def read_tables(path: Path) -> list[pd.DataFrame]:
    """Return the tables of a page, or the one of a CSV file.

    Raises
    ------
    InvalidDataError
        If it cannot be read.
    LakebtError
        As what reads it says.
    """
    try:
        if kind_of(path) in {".html", ".htm"}:
            return _of_page(path)
        text, _ = read_text(path, table=TABLE, what="a table of changes")
        sign = sign_of(text)
        rows = [
            row for row in csv.reader(io.StringIO(text), delimiter=sign) if any(row)
        ]
    except LakebtError:
        raise
    except (ValueError, csv.Error) as error:
        why = (str(error).partition("\n")[0] or type(error).__name__)[:200].rstrip(".")
        problem = f"file {path} cannot be read: {why}. Fetch it again."
        raise InvalidDataError(TABLE, problem) from None
    width = max(map(len, rows), default=0)
    if len(rows) < 2 or width < 2:
        problem = f"file {path} has no rows of a table: fetch it again."
        raise InvalidDataError(TABLE, problem)
    rows = [row + [""] * (width - len(row)) for row in rows]
    has_two = any(cell.strip().casefold() == "ticker" for cell in rows[1])
    columns: Any = (
        pd.MultiIndex.from_tuples(list(zip(rows[0], rows[1], strict=True)))
        if has_two
        else rows[0]
    )
    return [pd.DataFrame(rows[1 + has_two :], columns=columns)]


def read_lists(path: Path) -> list[Members]:
    """Return the lists of members that a page has by day; none of another page.

    Raises
    ------
    InvalidArgumentError
        If what reads a page is not installed.
    InvalidDataError
        If it is no page.
    """
    if kind_of(path) not in {".html", ".htm"}:
        return []
    text = _page(path)
    if "dropped from" not in text.casefold():
        return []
    try:
        html = importlib.import_module("lxml.html")
    except ImportError:
        raise InvalidArgumentError(_NEEDED) from None
    return read_history(html.document_fromstring(text))


def _of_page(path: Path) -> list[pd.DataFrame]:
    """Return the tables of a page.

    Raises
    ------
    InvalidArgumentError
        If what reads them is not installed.
    """
    text = _page(path)
    try:
        return pd.read_html(  # NA and NULL are tickers
            io.StringIO(text),
            flavor="lxml",
            keep_default_na=False,
            na_values=[""],
        )
    except ImportError:
        raise InvalidArgumentError(_NEEDED) from None


def _page(path: Path) -> str:
    """Return a page's text.

    Raises
    ------
    InvalidDataError
        If it is no page.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            problem = f"file {path} is too large for a page: check which it is."
            raise InvalidDataError(TABLE, problem)
        content = path.read_bytes()
    except OSError as error:
        problem = f"file {path} cannot be read: {error.strerror}. Check the path."
        raise InvalidDataError(TABLE, problem) from None
    text = content.decode("utf-8", "replace")
    if "<table" not in text.lower():
        problem = f"file {path} has no table of a page: fetch it again."
        raise InvalidDataError(TABLE, problem)
    marks = text.lower()
    if "<html" in marks and "</html" not in marks:
        problem = f"file {path} is cut off: it has no end. Fetch it again."
        raise InvalidDataError(TABLE, problem)
    return text
