"""A file as text; one that is too large, binary, HTML or empty is refused.

What is refused is refused by its first bytes and by its size, so that a file of a
gigabyte is never held in memory to say that it is the wrong one.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from lakebt.errors import InvalidDataError
from lakebt.sources.archives import is_packed, read_bytes
from lakebt.sources.csv_text import MARKS
from lakebt.sources.first_bytes import has_controls

if TYPE_CHECKING:
    from pathlib import Path


MOST_BYTES = 2**26
"""How large such a file may be: 64 MiB. The largest fund's holdings have 2."""

LONGEST_LINE = 2**20
"""How long the first line of a table may be."""

_HEAD = 2**20 + 64


def read_text(
    path: Path, *, table: str, what: str, most: int = MOST_BYTES
) -> tuple[str, list[str]]:
    """Return the text of a file, packed or not, and notes on how it was read.

    Parameters
    ----------
    path
        The file.
    table
        Where its rows go, for errors.
    what
        What it should be, with an article: ``"a holdings file of iShares"``.
    most
        How many bytes it may have.

    Raises
    ------
    InvalidDataError
        If it is missing, a folder, empty, too large, no text, or a page of HTML.
    """
    if path.is_dir():
        problem = f"{path} is a folder, not {what}: name the file."
        raise InvalidDataError(table, problem)
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
        if not is_packed(head):
            check_head(head, path, table=table, what=what)
        if path.stat().st_size > most:
            problem = f"file {path} has more than {most:,} bytes, too many for {what}: "
            raise InvalidDataError(table, f"{problem}check which it is.")
        content, packing = read_bytes(path, table=table)
        data = path.read_bytes() if content is None else content
    except OSError as error:
        why = error.strerror or type(error).__name__
        problem = f"file {path} cannot be read: {why}. Check the path."
        raise InvalidDataError(table, problem) from None
    if packing:
        check_head(data[:_HEAD], path, table=table, what=what)
    notes = [packing] if packing else []
    text, encoding = _decoded(data)
    if encoding != "utf-8":
        notes.append(encoding)
    return text, notes


def check_head(head: bytes, path: Path, *, table: str, what: str) -> None:
    """Check the first bytes of a file that should be a table in text.

    Raises
    ------
    InvalidDataError
        If it is empty, no text, a page of HTML, another markup, or a line without end.
    """
    encoding = _encoding(head)
    start = head[:4096].decode(encoding or "utf-8-sig", "replace").lstrip("\ufeff")
    start = start.lstrip().lower()
    problem = ""
    if not start:
        problem = "is empty: fetch it again"
    elif start.startswith(("<!doctype html", "<html", "<head", "<body", "<div")):
        problem = f"is a page of HTML, not {what}: fetch it again, or save it by hand"
    elif start.startswith(("<", "{", "[")):
        kind = "XML" if start.startswith("<") else "JSON"
        problem = f"is {kind}, not {what}: check which file it is"
    elif not encoding and (b"\0" in head[:4096] or has_controls(head[:4096])):
        problem = f"is not text, and not {what}: check which file it is"
    elif len(head) > LONGEST_LINE and not {10, 13} & set(head[:LONGEST_LINE]):
        problem = (
            f"has a first line of more than {LONGEST_LINE:,} bytes, as {what} never "
            f"has: check which file it is"
        )
    if problem:
        raise InvalidDataError(table, f"file {path} {problem}.")


def sign_of(text: str) -> str:
    r"""Return what parts the cells of a file: that which its first line has most of.

    Examples
    --------
    >>> sign_of("date;tickers\n2022-01-03;A,B")
    ';'
    """
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)


def check_last_line(text: str, path: Path, *, table: str, sign: str = ",") -> None:
    """Check that the last line of a CSV has as many cells as the first.

    Parameters
    ----------
    text
        Of the whole file.
    path, table
        For errors.
    sign
        What parts the cells.

    Raises
    ------
    InvalidDataError
        If it has fewer: the file is cut off.
    """
    lines = text.rstrip("\r\n").splitlines()
    first = next(csv.reader(lines[:1], delimiter=sign), [])
    last = next(csv.reader(lines[-1:], delimiter=sign), [])
    if len(last) < len(first) and lines[-1].count('"') % 2 == 0:
        problem = (
            f"file {path} is cut off: its last line has {len(last)} cells, its first "
            f"{len(first)}. Fetch it again."
        )
        raise InvalidDataError(table, problem)


def _encoding(held: bytes) -> str:
    """Return the encoding that the first bytes tell of, "" if they tell of none."""
    for mark, name in MARKS:
        if held.startswith(mark):
            return "" if name == "utf-8-sig" else name
    if len(held) > 1 and (held[0] == 0) != (held[1] == 0):
        return "utf-16-be" if held[0] == 0 else "utf-16-le"
    return ""


def _decoded(held: bytes) -> tuple[str, str]:
    """Return a text, and the encoding that it has."""
    if encoding := _encoding(held):
        return held.decode(encoding, "replace").removeprefix("\ufeff"), encoding
    try:
        return held.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        return held.decode("cp1252", "replace"), "latin-1"
