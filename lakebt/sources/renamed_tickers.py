"""Files of ticker renames: corporate actions, instruments, or lists."""

from __future__ import annotations

import csv
import itertools
from typing import TYPE_CHECKING

from lakebt.errors import InvalidDataError, listed
from lakebt.inputs.places import local_path
from lakebt.sources.text_files import read_text

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence


TABLE = "corporate_actions"

_OLD = ("symbol", "old_ticker", "old", "from", "old_symbol")
_NEW = ("other", "new_ticker", "new", "to", "new_symbol")


def read_renames(source: str | os.PathLike[str]) -> dict[str, str]:
    """Return the new ticker by the old one.

    Parameters
    ----------
    source
        A CSV file: rows of ``corporate_actions``, of which those of kind ``rename``
        count; rows of ``instruments``, of which the symbols of one instrument follow
        each other; or a row per rename with ``old_ticker`` and ``new_ticker``.

    Raises
    ------
    InvalidDataError
        If it has no such columns.
    """
    path = local_path(source, what="file", cure="fetch it, and name the copy")
    text, _ = read_text(path, table=TABLE, what="a list of renames")
    rows = csv.DictReader(text.splitlines())
    names = {str(name).strip().casefold(): name for name in rows.fieldnames or ()}
    if {"instrument_id", "identifier", "valid_from", "kind"} <= names.keys():
        return _of_instruments(list(rows))
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


def _of_instruments(rows: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return each symbol's next one, by the days from which they are valid."""
    symbols = sorted(
        (row["instrument_id"], row["valid_from"], row["identifier"])
        for row in rows
        if row["kind"] == "symbol"
    )
    return {
        before[2]: after[2]
        for before, after in itertools.pairwise(symbols)
        if before[0] == after[0] and before[2] != after[2]
    }
