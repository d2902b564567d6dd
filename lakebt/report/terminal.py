"""Tables for the terminal, at most 80 columns wide, readable without colour."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakebt.report import story, words
from lakebt.report.palette import DARK, diverging, readable_on
from lakebt.report.surface import count_reasons, scale, surface
from lakebt.values.few_dates import mark
from lakebt.values.reasons import text_of
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table
    from rich.text import Text

    from lakebt.report.contents import StudyContents
    from lakebt.report.surface import Cell


WIDTH = 80

BEST = "*"
"""What follows the number of the chosen cell."""


def surface_table(contents: StudyContents, *, width: int = WIDTH) -> Table:
    """Return the surface as a coloured table.

    Exits that do not fit side by side go below the first ones, under their own names.

    Parameters
    ----------
    contents
        Any number of entries and exits.
    width
        Columns of the terminal that may be used.

    Returns
    -------
    rich.table.Table
        To be followed by `reasons_legend`.
    """
    from rich import box  # noqa: PLC0415 - only terminals need it
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    cells = surface(contents)
    limit = scale(cells.values())
    names = {exit_: exit_.replace("@", "\n@") for exit_ in contents.exits}
    widest = max(
        (len(part) for name in names.values() for part in name.split("\n")), default=0
    )
    column = max(widest, *(len(_number(cell)) for cell in cells.values())) + 2
    label = max(map(len, contents.entries)) + 2
    fit = max(1, (width - label - 2) // column)
    blocks = [contents.exits[i : i + fit] for i in range(0, len(contents.exits), fit)]

    title = f"{contents.index}: Sharpe ratio per year, net, {contents.aggregate}"
    table = Table(
        box=box.SIMPLE_HEAD,
        title=title,
        min_width=min(len(title), width),  # a narrow grid would fold its title
        title_justify="left",
        title_style="bold",
        collapse_padding=True,
        pad_edge=False,
    )
    table.add_column("entry", no_wrap=True)
    for exit_ in blocks[0]:
        table.add_column(names[exit_], justify="right", width=column - 2)
    for number, block in enumerate(blocks):
        if number:
            table.add_section()
            table.add_row("", *(Text(names[exit_], style="bold") for exit_ in block))
        for entry in contents.entries:
            shown = (cells[entry, exit_] for exit_ in block)
            table.add_row(entry, *(_coloured(cell, limit) for cell in shown))
    return table


def reasons_legend(contents: StudyContents) -> Text:
    """Return what the marks in the empty cells mean, and how many there are of each.

    Parameters
    ----------
    contents
        As given to `surface_table`.

    Returns
    -------
    rich.text.Text
    """
    from rich.text import Text  # noqa: PLC0415 - only terminals need it

    cells = surface(contents)
    lines = []
    ran = [cell.n_events for cell in cells.values() if cell.reason is None]
    if ran:
        best = f"; {BEST} is the best" if contents.best is not None else ""
        lines.append(f"Each number rests on {words.span(ran, 'event')}{best}.")
    if few := story.few_dates(cells.values()):
        lines.append(f"{few}.")
    lines += [
        f"{text_of(reason).mark}  {count(number, 'cell')}: {text_of(reason).meaning}"
        for reason, number in count_reasons(cells.values()).items()
    ]
    return Text("\n".join(lines), style="dim")


def frame_table(frame: pd.DataFrame, *, title: str | None = None) -> Table:
    """Return a small frame as a table.

    Parameters
    ----------
    frame
        Its index is shown if it has a name. The unit in a column's name decides how its
        numbers are written.
    title
        Above the table.

    Returns
    -------
    rich.table.Table
    """
    from rich import box  # noqa: PLC0415 - only terminals need it
    from rich.table import Table  # noqa: PLC0415

    shown = frame.reset_index() if any(frame.index.names) else frame
    table = Table(
        box=box.SIMPLE_HEAD,
        title=title,
        title_justify="left",
        title_style="bold",
        pad_edge=False,
    )
    for name in shown.columns:
        numeric = pd.api.types.is_numeric_dtype(shown[name])
        table.add_column(
            str(name), justify="right" if numeric else "left", overflow="fold"
        )
    for row in shown.itertuples(index=False, name=None):
        table.add_row(*_written(row, [str(name) for name in shown.columns]))
    return table


def _number(cell: Cell) -> str:
    if cell.reason is not None:
        return text_of(cell.reason).mark
    few = mark(cell.n_dates)
    return f"{words.sharpe(cell.sharpe)}{few}{BEST if cell.chosen else ' '}"


def _coloured(cell: Cell, limit: float) -> Text:
    from rich.text import Text  # noqa: PLC0415 - only terminals need it

    if cell.reason is not None:
        return Text(f"{_number(cell)} ", style="dim")
    fill = diverging(cell.sharpe, limit=limit, theme=DARK)
    ink = readable_on(fill)
    style = f"rgb({ink[0]},{ink[1]},{ink[2]}) on rgb({fill[0]},{fill[1]},{fill[2]})"
    return Text(_number(cell), style=f"bold {style}" if cell.chosen else style)


def _written(row: tuple[object, ...], names: list[str]) -> Iterator[str]:
    for value, name in zip(row, names, strict=True):
        yield written(value, name=name)


def written(value: object, *, name: str = "") -> str:
    """Write a value of a table as people read it.

    Parameters
    ----------
    value
        Anything.
    name
        Its column: ``_bps`` and ``sharpe`` in it say how a number is written.

    Examples
    --------
    >>> written(31948.881789, name="size"), written(217.6, name="net_bps")
    ('31,948.88', '+218')
    >>> written(dt.datetime(2022, 11, 28, 20, 50, 55, tzinfo=dt.UTC))
    '2022-11-28 20:50:55 UTC'
    >>> written(["prices", "etf_holdings"]), written(1320), written(True)
    ('prices, etf_holdings', '1,320', 'yes')
    """
    if isinstance(value, np.generic):
        value = value.item()
    text = words.NOTHING if value is None or value is pd.NA else str(value)
    match value:
        case bool():
            text = "yes" if value else "no"
        case list() | tuple():
            text = ", ".join(str(part) for part in value)
        case dict():
            text = ", ".join(f"{key}={part}" for key, part in value.items())
        case dt.datetime():
            text = _moment(value)
        case float():
            text = _decimal(value, name)
        case int():
            text = f"{value:,}"
    return text


def _moment(value: dt.datetime) -> str:
    if value != value:  # noqa: PLR0124 - NaT
        return words.NOTHING
    if value.tzinfo is not None:
        utc = value.astimezone(dt.UTC).replace(tzinfo=None, microsecond=0)
        return f"{utc.isoformat(sep=' ')} UTC"
    if value.time() == dt.time():
        return value.date().isoformat()
    return value.isoformat(sep=" ")


def _decimal(value: float, name: str) -> str:
    if math.isnan(value):
        return words.NOTHING
    if name.endswith("_bps"):
        return words.bps(value)
    if name.endswith("_return"):
        return f"{words.bps(1e4 * value)} bp"
    return f"{value:z,.2f}".replace("-", words.MINUS)
