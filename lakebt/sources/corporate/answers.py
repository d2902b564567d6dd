"""Kept answers of servers as text; other types and huge files are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.errors import InvalidDataError
from lakebt.sources.archives import read_bytes
from lakebt.sources.corporate.action_rows import TABLE

if TYPE_CHECKING:
    from pathlib import Path


MOST_BYTES = 2**27
"""How large an answer may be: 128 MiB. A large filing with its exhibits has 30."""


def read_answer(path: Path, *, is_strict: bool = True, table: str = TABLE) -> str:
    """Return the text of a file, packed or not.

    Parameters
    ----------
    path
        The file.
    is_strict
        Whether a sign that is not UTF-8 is an error; else it is replaced.
    table
        Where its rows go, for errors.

    Raises
    ------
    InvalidDataError
        If it is missing, empty, too large, a page of HTML, or no text.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            problem = (
                f"file {path} has more than {MOST_BYTES:,} bytes: check which it is."
            )
            raise InvalidDataError(table, problem)
        content, _ = read_bytes(path, table=table)
        data = path.read_bytes() if content is None else content
        text = data.decode("utf-8-sig", "strict" if is_strict else "replace")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        problem = f"file {path} cannot be read as text: {why}. Check which it is."
        raise InvalidDataError(table, problem) from None
    start = text[:200].lstrip().lower()
    if not start:
        raise InvalidDataError(table, f"file {path} is empty: fetch it again.")
    if start.startswith(("<!doctype html", "<html")):
        problem = f"file {path} is a page of HTML, no answer: fetch it again."
        raise InvalidDataError(table, problem)
    return text
