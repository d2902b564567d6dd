"""Draws the surface of entries and exits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lakebt.report import words
from lakebt.report.charts.base import base_layout, hover, lay_out, signed, when_narrow
from lakebt.report.charts.ridge import ridge
from lakebt.report.palette import THEMES, Theme, ThemeName, diverging, readable_on
from lakebt.report.surface import count_reasons, scale, surface
from lakebt.values.reasons import text_of
from lakebt.values.text import count

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from lakebt.report.contents import StudyContents
    from lakebt.report.surface import Cell


NUMBERED = 12
"""Columns up to which a cell of the surface has room for its number."""

_MOST_NAMES = 60
"""Names that are written along an axis; of more, every second or third is."""

_DENSE = 16
"""Columns up to which names have room beside each other on a phone."""

_NARROW = 7
"""Columns up to which names lie flat on a phone."""


def surface_figure(contents: StudyContents, *, theme: ThemeName = "light") -> go.Figure:
    """Draw the Sharpe ratio of every entry and exit.

    Blue is positive, red negative, the middle is zero. Empty cells are hatched, each
    reason with its own pattern, and the best cell is outlined.

    Parameters
    ----------
    contents
        Any number of entries and exits; the numbers are written into the cells of up to
        twelve exits. In more, a dot marks the best exit of each entry.
    theme
        "light" or "dark".

    Returns
    -------
    plotly.graph_objects.Figure
    """
    from lakebt.report.charts.chart import Chart  # noqa: PLC0415 - plotly is slow

    colours = THEMES[theme]
    cells = surface(contents)
    limit = scale(cells.values())
    grid = [
        [cells[entry, exit_] for exit_ in contents.exits] for entry in contents.entries
    ]
    roomy = len(contents.exits) <= NUMBERED
    figure = Chart()
    figure.add_heatmap(
        z=[[_or_none(cell.sharpe) for cell in row] for row in grid],
        customdata=[[hover(cell.lines) for cell in row] for row in grid],
        hovertemplate="%{customdata}<extra></extra>",
        hoverongaps=False,
        **signed(colours, limit=limit, gap=2 if roomy else 0),
        colorbar=_colour_bar(),
    )
    if roomy:
        _add_numbers(figure, grid, limit, colours)
    else:
        _add_ridge(figure, contents, cells, colours)
    for reason, number in count_reasons(cells.values()).items():
        _add_hatched(figure, grid, reason, number, colours)

    layout = base_layout(colours, height=_surface_height(len(contents.entries)))
    layout["margin"].update(t=52, b=96)
    layout["barmode"] = "overlay"
    layout["meta"] |= {"cursor": {"line": colours.cursor, "halo": colours.ink}}
    layout["hovermode"] = "closest"
    layout["xaxis"] |= _categories(contents.exits) | {
        "side": "top",
        "title": {"text": "exit", "font": {"size": 13}, "standoff": 6},
        "tickangle": None if roomy else -90,
    }
    when_narrow(
        layout,
        font__size=10,
        xaxis__tickfont__size=10 if len(contents.exits) <= _DENSE else 8,
        yaxis__tickfont__size=10,
        # A long rule in two lines stays above its column.
        xaxis__ticktext=[
            exit_.replace("@", "<br>@") if len(contents.exits) <= _NARROW else exit_
            for exit_ in layout["xaxis"]["ticktext"]
        ],
        xaxis__tickangle=0 if len(contents.exits) <= _NARROW else -90,
    )
    layout["yaxis"] |= _categories(contents.entries) | {
        "range": [len(contents.entries) - 0.5, -0.5],
    }
    layout["legend"] = {"orientation": "h", "x": 0, "y": 0, "yref": "container"}
    layout["legend"] |= {"yanchor": "bottom", "itemclick": False}
    layout["legend"]["itemdoubleclick"] = False
    layout["shapes"] = [
        _outline(row, column, colours)
        for row, line in enumerate(grid)
        for column, cell in enumerate(line)
        if cell.chosen
    ]
    lay_out(figure, layout)
    return figure


def _surface_height(rows: int) -> int:
    return 160 + max(min(rows * 46, 900), rows * 14)


def _colour_bar() -> dict[str, Any]:
    return {
        "orientation": "h",
        "thickness": 8,
        "len": 0.5,
        "x": 0,
        "xanchor": "left",
        "y": -0.02,
        "yanchor": "top",
        "outlinewidth": 0,
        "nticks": 5,
        "title": {
            "text": "Sharpe ratio, per year",
            "side": "bottom",
            "font": {"size": 12},
        },
    }


def _add_numbers(
    figure: go.Figure, grid: list[list[Cell]], limit: float, colours: Theme
) -> None:
    """Write each cell's number over it, black or white by what it stands on."""
    chosen = [
        (column, row, cell)
        for row, cells in enumerate(grid)
        for column, cell in enumerate(cells)
        if cell.reason is None
    ]
    figure.add_scatter(
        x=[column for column, _, _ in chosen],
        y=[row for _, row, _ in chosen],
        mode="text",
        text=[words.sharpe(cell.sharpe) for _, _, cell in chosen],
        textfont={
            "color": [
                f"rgb{readable_on(diverging(cell.sharpe, limit=limit, theme=colours))}"
                for _, _, cell in chosen
            ]
        },
        hoverinfo="skip",
        showlegend=False,
    )


def _add_ridge(
    figure: go.Figure,
    contents: StudyContents,
    cells: dict[tuple[str, str], Cell],
    colours: Theme,
) -> None:
    """Mark the best exit of each entry."""
    best = enumerate(ridge(contents, cells).values())
    marked = [(row, cell) for row, cell in best if cell is not None]
    figure.add_scatter(
        x=[contents.exits.index(cell.exit) for _, cell in marked],
        y=[row for row, _ in marked],
        mode="markers",
        marker={
            "size": 5,
            "color": colours.ink,
            "line": {"color": colours.paper, "width": 1},
        },
        hoverinfo="skip",
        showlegend=False,
    )


def _add_hatched(
    figure: go.Figure,
    grid: list[list[Cell]],
    reason: str,
    number: int,
    colours: Theme,
) -> None:
    """Cover the cells empty for `reason` with bars, which can carry a pattern."""
    chosen = [
        (column, row, cell)
        for row, cells in enumerate(grid)
        for column, cell in enumerate(cells)
        if cell.reason == reason
    ]
    figure.add_bar(
        x=[column for column, _, _ in chosen],
        base=[row - 0.48 for _, row, _ in chosen],
        y=[0.96] * len(chosen),
        width=0.985,
        name=f"{text_of(reason).label} ({count(number)})",
        marker={
            "color": colours.paper,
            "line": {"width": 0},
            "pattern": {
                "shape": text_of(reason).hatch,
                "fgcolor": colours.hatch,
                "bgcolor": colours.paper,
                "size": 7,
                "solidity": 0.18,
            },
        },
        customdata=[hover(cell.lines) for _, _, cell in chosen],
        hovertemplate="%{customdata}<extra></extra>",
        showlegend=True,
    )


def _categories(names: tuple[str, ...]) -> dict[str, Any]:
    # Numbers with names on them: a rule such as 2022-10-03 would be read as a date.
    every = -(-len(names) // _MOST_NAMES)
    return {
        "tickvals": list(range(0, len(names), every)),
        "ticktext": list(names[::every]),
        "range": [-0.5, len(names) - 0.5],
        "showgrid": False,
        "zeroline": False,
        "tickfont": {"size": 12 if len(names) <= 24 else 9},
    }


def _outline(row: int, column: int, colours: Theme) -> dict[str, Any]:
    return {
        "type": "rect",
        "x0": column - 0.49,
        "x1": column + 0.49,
        "y0": row - 0.48,
        "y1": row + 0.48,
        "line": {"color": colours.ink, "width": 3},
    }


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
