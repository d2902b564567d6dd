"""The type of a file, by its first bytes.

Somebody saves a page of a web site as CSV, renames a workbook, or stops a download. A
file of a gigabyte is not held in memory to say so.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from lakebt.errors import InvalidDataError
from lakebt.sources.archives import is_packed

if TYPE_CHECKING:
    from pathlib import Path


LONGEST_LINE = 2**24
"""How long the first line of a CSV may be: 16 MiB, a million columns."""

_MARKUP = (b"<!doctype html", b"<html", b"<head", b"<body", b"<!--", b"<?xml")
_CONTROLS = bytes({*range(1, 9), *range(14, 27), *range(28, 32)})
"""Signs that text hardly has, in any encoding that has the letters of ASCII."""

_MOST_CONTROLS = 1 / 20
_FEW_BYTES = 256

_PARQUET, _OLD_EXCEL, _ZIP, _PDF = b"PAR1", b"\xd0\xcf\x11\xe0", b"PK", b"%PDF"
_CHECK = "check which file it is"


def check_first_bytes(
    path: Path, kind: str, *, table: str, encoding: str | None = None
) -> None:
    """Check that the first bytes of a file fit the end of its name.

    Parameters
    ----------
    path
        The file. One that is packed is not looked into.
    kind
        The end: ``.csv``, ``.parquet``, or one of Excel's.
    table
        Where its rows go, for errors.
    encoding
        Of a CSV, if somebody named it.

    Raises
    ------
    InvalidDataError
        If it is a page of HTML, another kind of file, no text, or a line without end.
    OSError
        If it cannot be read at all.
    """
    with path.open("rb") as file:
        head = file.read(4096)
        if not head.strip() or (is_packed(head) and kind in {".csv", ".parquet"}):
            return
        problem = _misnamed(head, kind)
        if not problem and kind == ".csv" and encoding is None:
            problem = _no_lines(head, file)
        if not problem and kind == ".parquet":
            file.seek(-4, 2)
            if file.read() != _PARQUET:
                problem = "cannot be read as Parquet: it is cut off. Fetch it again"
    if problem:
        raise InvalidDataError(table, f"file {path} {problem}.")


def is_markup(head: bytes) -> bool:
    """Whether bytes begin a document in HTML or XML.

    Examples
    --------
    >>> is_markup(b"<!DOCTYPE html>"), is_markup(b"<TICKER>,<DATE>")
    (True, False)
    """
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_MARKUP)


def has_controls(head: bytes) -> bool:
    """Whether bytes have too many control characters to be text."""
    if b"\0" in head or head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False  # letters of several bytes; what they are, their reader tells
    controls = len(head) - len(head.translate(None, _CONTROLS))
    return len(head) > _FEW_BYTES and controls > len(head) * _MOST_CONTROLS


def _misnamed(head: bytes, kind: str) -> str:
    """Return what a file is that is not what it is called, "" if it may be that."""
    if is_markup(head):
        what = "XML" if b"<?xml" in head[:16] else "HTML"
        return f"is a page of {what}, no table: fetch it again, or save it by hand"
    if head.startswith(_PDF):
        return f"is PDF, no table: {_CHECK}"
    if head.startswith(_OLD_EXCEL):
        return "is a workbook of the old kind (.xls): save it as .xlsx"
    if kind == ".csv":
        return "is Parquet: rename it" if head.startswith(_PARQUET) else ""
    if kind == ".parquet":
        return (
            ""
            if head.startswith(_PARQUET)
            else "cannot be read as Parquet: it is none. Check which file it is"
        )
    return "" if head.startswith(_ZIP) else f"is not an Excel workbook: {_CHECK}"


def _no_lines(head: bytes, file: IO[bytes]) -> str:
    """Return why a file is no text in lines, "" if it seems to be that."""
    if has_controls(head):
        return f"is not text: {_CHECK}, or name its encoding"
    if b"\n" in head or b"\r" in head:
        return ""
    file.seek(0)
    while part := file.read(2**20):
        if b"\n" in part or b"\r" in part:
            return ""
        if file.tell() >= LONGEST_LINE:
            return f"has a first line of more than {LONGEST_LINE:,} bytes: {_CHECK}"
    return ""
