"""A holdings file as lines of cells, and the place of the holdings in it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakebt.errors import InvalidDataError
from lakebt.sources import excel, lines
from lakebt.sources.archives import kind_of
from lakebt.sources.csv_text import Dialect
from lakebt.sources.funds.holdings_json import lines_of
from lakebt.sources.text_files import check_head, read_text
from lakebt.values.identifiers import trimmed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd


TABLE = "etf_holdings"

_SIGNS = (",", ";", "\t")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The cells of one file.

    Attributes
    ----------
    name
        The file, for errors.
    cells
        The lines with their numbers; invisible characters at the ends are removed.
    read_as
        How the file differs from the usual layout.
    """

    name: str
    cells: Sequence[lines.Line]
    read_as: tuple[str, ...] = ()

    def header(self, needs: frozenset[str], *, start: int = 0) -> int | None:
        """Return the place of the first line that has all columns of a set."""
        for place in range(start, len(self.cells)):
            if needs <= {cell.casefold() for cell in self.cells[place][1]}:
                return place
        return None


def read_grid(path: Path, *, what: str) -> Grid:
    """Return the cells of a file: a CSV, JSON, or the sheet of an Excel file.

    Parameters
    ----------
    path
        The file.
    what
        What it should be, with an article.

    Raises
    ------
    InvalidDataError
        If it cannot be read.
    """
    if kind_of(path) in excel.ENDS:
        _check_zip(path, what)
        sheet, sheet_cells = excel.sheet_lines(path, TABLE, Dialect())
        return _made(str(path), sheet_cells, (f"Excel, sheet {sheet!r}",))
    if kind_of(path) == ".json":
        return _made(str(path), lines_of(path, table=TABLE, what=what), ("JSON",))
    text, notes = read_text(path, table=TABLE, what=what)
    try:
        by_sign = [lines.of_text(text, sign) for sign in _SIGNS]
    except csv.Error as error:
        problem = f"file {path} cannot be read as CSV: {error}. Fetch it again."
        raise InvalidDataError(TABLE, problem) from None
    most = max(by_sign, key=lambda each: sum(len(cells) for _, cells in each))
    return _made(str(path), most, tuple(notes))


def _check_zip(path: Path, what: str) -> None:
    """Check that an Excel file is one, whether or not there is what reads it.

    Raises
    ------
    InvalidDataError
        If it is missing, or something else.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        why = error.strerror or type(error).__name__
        problem = f"file {path} cannot be read: {why}. Check the path."
        raise InvalidDataError(TABLE, problem) from None
    if not head.startswith(b"PK"):
        check_head(head, path, table=TABLE, what=what)
        problem = f"file {path} is no Excel file: save it as .xlsx, or fetch it again."
        raise InvalidDataError(TABLE, problem)


def grid_of_frame(frame: pd.DataFrame) -> Grid:
    """Return a frame, as pandas reads such a file, as cells: its columns are a line."""
    header = [str(name) for name in frame.columns]
    rows = [(1, header)]
    values = frame.astype(object).where(frame.notna(), "").to_numpy()
    rows += [(at, [str(cell) for cell in row]) for at, row in enumerate(values, 2)]
    return _made("the frame", rows, ())


def _made(name: str, held: Sequence[lines.Line], read_as: tuple[str, ...]) -> Grid:
    seen = [(at, [trimmed(cell) for cell in cells]) for at, cells in held]
    return Grid(name=name, cells=seen, read_as=read_as)
