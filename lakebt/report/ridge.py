"""The ridge of a surface: the best exit of each entry."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING

from lakebt.report import words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lakebt.report.cells import Cell
    from lakebt.report.contents import StudyContents


def ridge(
    contents: StudyContents, cells: Mapping[tuple[str, str], Cell]
) -> dict[str, Cell | None]:
    """Return the cell with the highest Sharpe ratio of each entry, None for none."""
    found: dict[str, Cell | None] = {}
    for entry in contents.entries:
        row = [cells[entry, exit_] for exit_ in contents.exits]
        traded = [cell for cell in row if cell.reason is None]
        found[entry] = max(traded, key=lambda cell: cell.sharpe, default=None)
    return found


def ridge_in_words(best: Sequence[Cell | None]) -> str:
    """Say whether the best exit stays the same along the entries."""
    exits = [cell.exit for cell in best if cell is not None]
    if not exits:
        return "No entry has an exit that could be traded."
    if len(exits) == 1:
        return f"The only entry that could be traded is best left at {exits[0]}."
    entries = words.count(len(exits), "entry", many="entries")
    name, number = Counter(exits).most_common(1)[0]
    changes = sum(a != b for a, b in itertools.pairwise(exits))
    if not changes:
        return f"{name} is the best exit of all {entries}."
    times = {1: "once", 2: "twice"}.get(changes, f"{words.count(changes)} times")
    return (
        f"{name} is the best exit of {words.count(number)} of {entries}; from one "
        f"entry to the next the best exit changes {times}."
    )
