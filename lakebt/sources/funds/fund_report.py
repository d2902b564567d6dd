"""One holdings file: the fund, the day, and the rows that are holdings."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from lakebt.errors import InvalidDataError
from lakebt.sources.funds.file_cells import TABLE
from lakebt.sources.funds.issuer_layouts import LAYOUTS, day_in_text
from lakebt.values.identifiers import is_placeholder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt.sources.funds.file_cells import Grid
    from lakebt.sources.funds.issuer_layouts import Layout
    from lakebt.sources.lines import Line


QUANTITIES = ("balance", "value_usd", "weight_pct")
COLUMNS = ("ticker", "name", "kind", "isin", "cusip", "sedol", "country", "fund")

LEAST_WEIGHT = 90.0
"""What the weights of all rows add up to at least, in per cent. Files that are whole
have 99.8 to 100.1: seven of IVV and OEF, two of IWM."""

_LONGEST_NAME = 20
"""A line of one cell that is longer is a note; a shorter one is a row cut off."""

_MOST_WEIGHT = 500.0
_NUMBER = re.compile(r"-?(\d{1,3}(,\d{3})+|\d+)?(\.\d+)?([eE][+-]?\d+)?\Z")
_ABOUT = re.compile(r"\bas of\b|\bdate:?\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FundReport:
    """The content of one file.

    Attributes
    ----------
    grid
        The file's cells.
    title
        The first cell: the name of the fund, where the layout has one.
    fund
        The fund's ticker, None if the file does not say it.
    date
        The day the holdings were held, as ISO 8601; None if the file does not say it.
    rows
        `COLUMNS` as text, `QUANTITIES` as numbers, and `line`.
    dropped
        Rows of other sections of the file, by reason.
    """

    grid: Grid
    title: str
    fund: str | None
    date: str | None
    rows: pd.DataFrame
    dropped: Counter[str] = field(default_factory=Counter)


def read_report(grid: Grid, layout: Layout) -> FundReport:
    """Read a file in a layout.

    Raises
    ------
    InvalidDataError
        If it is of another layout, cut off, or holds what is no number.
    """
    place = grid.header(_names(layout, layout.needs))
    if place is None:
        place = next(
            (
                header_line
                for needs in _alternatives(layout)
                if (header_line := grid.header(needs)) is not None
            ),
            None,
        )
    if place is None:
        raise InvalidDataError(TABLE, _no_header(grid, layout))
    before = ["\n".join(cells).strip() for _, cells in grid.cells[:place]]
    header = [cell.casefold() for cell in grid.cells[place][1]]
    own, is_ended, rest = _own_lines(grid.cells[place + 1 :])
    at = {
        ours: header.index(name)
        for ours, names in layout.columns.items()
        for name in [next((each for each in names if each in header), None)]
        if name is not None
    }
    rows = _rows(own, at, grid.name)
    _check_whole(rows, layout, grid.name, is_ended=is_ended or not layout.has_end)
    dates = {cells[at["date"]] for _, cells in own} if "date" in at else set()
    if len(dates) > 1:
        problem = f"{grid.name} holds several days, {', '.join(sorted(dates))[:60]}: "
        raise InvalidDataError(TABLE, f"{problem}name a file of one.")
    days = [day_in_text(each) for each in (*dates, *filter(_ABOUT.search, before))]
    ticker = layout.fund.search("\n".join(before)) if layout.fund else None
    return FundReport(
        grid=grid,
        title=next((each.partition("\n")[0] for each in before if each), ""),
        fund=ticker[1].upper() if ticker else None,
        date=next(filter(None, days), None),
        rows=rows,
        dropped=_others(rest),
    )


def _names(layout: Layout, needs: Sequence[str]) -> frozenset[str]:
    return frozenset(layout.columns[each][0] for each in needs)


def _alternatives(layout: Layout) -> list[frozenset[str]]:
    """Return the other names that the columns of a header may have, set by set."""
    sets = [frozenset[str]()]
    for each in layout.needs:
        sets = [one | {name} for one in sets for name in layout.columns[each]]
    return sets


def _no_header(grid: Grid, layout: Layout) -> str:
    """Return what is wrong with a file that has no header, and what it may be."""
    wanted = ", ".join(layout.columns[each][0] for each in layout.needs)
    others = [
        other.name
        for other in LAYOUTS
        if other is not layout
        and any(grid.header(needs) is not None for needs in _alternatives(other))
    ]
    cure = "Fetch it again."
    if others:
        cure = f"It seems to be of format {others[0]}: name that."
    return (
        f"{grid.name} is not {layout.what}, or is cut off: no line has the columns "
        f"{wanted}. {cure}"
    )


def _own_lines(after: Sequence[Line]) -> tuple[list[Line], bool, Sequence[Line]]:
    """Return the lines of holdings, whether another line ends them, and the rest."""
    for place, (_, cells) in enumerate(after):
        filled = [at for at, cell in enumerate(cells) if cell]
        if not filled or (filled == [0] and len(cells[0]) > _LONGEST_NAME):
            return list(after[:place]), True, after[place:]
    return list(after), False, ()


def _rows(own: Sequence[Line], at: dict[str, int], name: str) -> pd.DataFrame:
    """Return lines as rows.

    Raises
    ------
    InvalidDataError
        If a line is too short, or holds no number where one belongs.
    """
    least = max(at.values()) + 1
    for number, cells in own:
        if len(cells) < least:
            problem = (
                f"{name}, line {number} has {len(cells)} cells, the header {least}: "
                f"it is cut off, or damaged. Fetch it again."
            )
            raise InvalidDataError(TABLE, problem)
    if not own:
        problem = (
            f"{name} has a header, but no holdings: it is cut off. Fetch it again."
        )
        raise InvalidDataError(TABLE, problem)
    columns: dict[str, list[object]] = {"line": [number for number, _ in own]}
    for column in COLUMNS:
        place = at.get(column)
        columns[column] = ["" if place is None else cells[place] for _, cells in own]
    for column in QUANTITIES:
        place = at.get(column)
        columns[column] = [
            math.nan if place is None else _number(cells[place], column, number, name)
            for number, cells in own
        ]
    return pd.DataFrame(columns)


def _number(cell: str, column: str, line: int, name: str) -> float:
    """Return a number as issuers write it, NaN where there is none, or only a bound.

    Raises
    ------
    InvalidDataError
        If it is something else.
    """
    text = cell.replace("$", "").removesuffix("%").strip()
    has_digit = any(sign.isdigit() for sign in text)
    if not text or text.startswith("<") or (is_placeholder(text) and not has_digit):
        return math.nan
    if text.startswith("(") and text.endswith(")"):
        text = f"-{text[1:-1]}"
    if not has_digit or not _NUMBER.match(text):
        problem = (
            f"{name}, line {line}: {column} is {cell[:40]!r}, no number as 1,234.5 is. "
            f"Fetch it again, and do not save it by another program."
        )
        raise InvalidDataError(TABLE, problem)
    return float(text.replace(",", ""))


def _check_whole(
    rows: pd.DataFrame, layout: Layout, name: str, *, is_ended: bool
) -> None:
    """Check that a file is not cut off.

    Raises
    ------
    InvalidDataError
        If the weights do not add up, or there are none and the end is not there.
    """
    total = float(rows["weight_pct"].sum())
    has_weights = bool(rows["weight_pct"].notna().any())
    if has_weights and LEAST_WEIGHT <= total <= _MOST_WEIGHT:
        return
    if not has_weights and is_ended:
        return
    why = f"its weights add up to {total:.1f} %" if has_weights else "it has no end"
    problem = f"{name} is cut off, or no whole {layout.what.removeprefix('a ')}: {why}."
    raise InvalidDataError(TABLE, f"{problem} Fetch it again.")


def _others(rest: Sequence[Line]) -> Counter[str]:
    """Count the rows of other sections: bonds and reserves, as Vanguard lists them."""
    dropped: Counter[str] = Counter()
    is_inside = False
    for _, cells in rest:
        filled = [cell for cell in cells if cell]
        if {"sedol", "% of funds*", "% of fund*"} & {c.casefold() for c in filled}:
            is_inside = True
        elif len(filled) < 3:
            is_inside = False
        elif is_inside:
            dropped["rows of bonds and of reserves"] += 1
    return dropped
