"""Files that say which ticker became which: corporate actions, or lists of renames."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from lakebt.errors import InvalidDataError, listed
from lakebt.inputs.places import local_path
from lakebt.sources.text_files import read_text

if TYPE_CHECKING:
    import os


TABLE = "corporate_actions"

_OLD = ("symbol", "old_ticker", "old", "from", "old_symbol")
_NEW = ("other", "new_ticker", "new", "to", "new_symbol")


def read_renames(source: str | os.PathLike[str]) -> dict[str, str]:
    """Return the new ticker by the old one.

    Parameters
    ----------
    source
        A CSV file: rows of ``corporate_actions``, of which those of kind ``rename``
        count, or a row per rename with ``old_ticker`` and ``new_ticker``.

    Raises
    ------
    InvalidDataError
        If it has no such columns.
    """
    path = local_path(source, what="file", cure="fetch it, and name the copy")
    text, _ = read_text(path, table=TABLE, what="a list of renames")
    rows = csv.DictReader(text.splitlines())
    names = {str(name).strip().casefold(): name for name in rows.fieldnames or ()}
    old, new = (
        next((names[each] for each in among if each in names), None)
        for among in (_OLD, _NEW)
    )
    if old is None or new is None:
        there = listed(list(map(str, names)), is_quoted=True)
        problem = (
            f"file {path} has {there}, and no old_ticker and new_ticker: name them."
        )
        raise InvalidDataError(TABLE, problem)
    return {
        (row[old] or "").strip(): (row[new] or "").strip()
        for row in rows
        if row.get("kind", "rename") == "rename" and row[old] and row[new]
    }
