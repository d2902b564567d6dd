"""An index's members on 1 January and the changes of each year, in YAML.

Only what such files hold is read: lists of texts under `changes`, a day, ``union`` and
``difference``. A general reader takes the tickers ON and NO for true and false.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

from lakebt.errors import InvalidDataError
from lakebt.sources.archives import kind_of
from lakebt.sources.text_files import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


TABLE = "index_changes"

_KEY = re.compile(r"(\s*)['\"]?([\w-]+)['\"]?\s*:\s*(.*)\Z")
_ITEM = re.compile(r"\s*-\s*(.+)\Z")
_COMMENT = re.compile(r"(?:\A|\s)#.*\Z")


def read_years(path: Path) -> list[tuple[dt.date, list[str], list[str]]]:
    """Return each day with its added and deleted tickers.

    Parameters
    ----------
    path
        A file, or a folder of them.

    Raises
    ------
    InvalidDataError
        If there is none, or one is something else.
    """
    files = [path]
    if path.is_dir():
        files = sorted(e for e in path.iterdir() if kind_of(e) in {".yaml", ".yml"})
    if not files:
        raise InvalidDataError(TABLE, f"{path} holds no .yaml: check the path.")
    years = [each for file in files for each in _of_file(file)]
    return sorted(years, key=lambda each: each[0])


def _of_file(path: Path) -> Iterator[tuple[dt.date, list[str], list[str]]]:
    """Yield the changes of one year.

    Raises
    ------
    InvalidDataError
        If it has neither members nor changes.
    """
    text, _ = read_text(path, table=TABLE, what="a year of members in YAML")
    if "tickers_on_Jan_1" not in text and "changes:" not in text:
        problem = f"file {path} has neither tickers_on_Jan_1 nor changes: check it."
        raise InvalidDataError(TABLE, problem)
    lists = _lists(text)
    for each in dict.fromkeys(day for day, _ in lists):
        yield (
            _day(each, path),
            lists.get((each, "union"), []),
            lists.get((each, "difference"), []),
        )


def _lists(text: str) -> dict[tuple[str, str], list[str]]:
    """Return the tickers of each day under `changes`: those that came, and went."""
    lists: dict[tuple[str, str], list[str]] = {}
    top = day = kind = ""
    for line in text.splitlines():
        bare = _COMMENT.sub("", line).rstrip()
        key, item = _KEY.match(bare), _ITEM.match(bare)
        if item and top == "changes" and kind:
            lists.setdefault((day, kind), []).append(_plain(item.group(1)))
        elif key is None or item:
            continue
        elif not key.group(1):
            top, kind = key.group(2), ""
        elif top == "changes" and key.group(2) in {"union", "difference"}:
            kind = key.group(2)
            inner = key.group(3).strip("[] ").split(",")
            lists.setdefault((day, kind), []).extend(
                _plain(each) for each in inner if each.strip()
            )
        elif top == "changes":
            day, kind = key.group(2), ""
    return lists


def _plain(text: str) -> str:
    return text.strip().strip("'\"")


def _day(text: str, path: Path) -> dt.date:
    """Return a day.

    Raises
    ------
    InvalidDataError
        If it is none.
    """
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        problem = f"file {path}: {text[:30]!r} is not a day: write it as 2022-09-19."
        raise InvalidDataError(TABLE, problem) from None
