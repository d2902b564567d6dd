"""Draws the best exit of each entry."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING, Any

from lakebt.errors import InvalidArgumentError
from lakebt.report import words
from lakebt.report.charts.base import base_layout, hover, lay_out, when_narrow
from lakebt.report.palette import THEMES, ThemeName, faded
from lakebt.report.surface import surface
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import plotly.graph_objects as go

    from lakebt.report.contents import StudyContents
    from lakebt.report.surface import Cell


def ridge(
    contents: StudyContents, cells: Mapping[tuple[str, str], Cell]
) -> dict[str, Cell | None]:
    """Return the cell with the highest Sharpe ratio of each entry, None for none."""
    best: dict[str, Cell | None] = {}
    for entry in contents.entries:
        row = [cells[entry, exit_] for exit_ in contents.exits]
        traded = [cell for cell in row if cell.reason is None]
        best[entry] = max(traded, key=lambda cell: cell.sharpe, default=None)
    return best


def ridge_in_words(best: Sequence[Cell | None]) -> str:
    """Say whether the best exit stays the same along the entries."""
    exits = [cell.exit for cell in best if cell is not None]
    if not exits:
        return "No entry has an exit that could be traded."
    if len(exits) == 1:
        return f"The only entry that could be traded is best left at {exits[0]}."
    entries = count(len(exits), "entry", many="entries")
    name, number = Counter(exits).most_common(1)[0]
    changes = sum(a != b for a, b in itertools.pairwise(exits))
    if not changes:
        return f"{name} is the best exit of all {entries}."
    times = {1: "once", 2: "twice"}.get(changes, f"{count(changes)} times")
    return (
        f"{name} is the best exit of {count(number)} of {entries}; from one "
        f"entry to the next the best exit changes {times}."
    )


_NAMED = 20
"""Entries up to which each has its name under it."""

_ABOVE, _PER_EXIT, _TALLEST = 280, 22, 260
"""Height of the upper part with the names, of a row of the lower, and of all rows."""


def ridge_figure(contents: StudyContents, *, theme: ThemeName = "light") -> go.Figure:
    """Draw the highest Sharpe ratio of each entry, and which exit has it.

    Above, the ratio with a band of one standard error either way; below, the exit. A
    level line below means that the best exit does not depend on the entry.

    Parameters
    ----------
    contents
        At least one cell must have been traded.
    theme
        "light" or "dark".

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    InvalidArgumentError
        If no cell was traded.
    """
    from lakebt.report.charts.chart import Chart  # noqa: PLC0415 - plotly is slow

    colours = THEMES[theme]
    by_entry = ridge(contents, surface(contents)).values()
    best = [(x, cell) for x, cell in enumerate(by_entry) if cell is not None]
    if not best:
        msg = f"{contents.index} has no ridge to draw: every cell is empty"
        raise InvalidArgumentError(msg)
    exits = [e for e in contents.exits if any(cell.exit == e for _, cell in best)]
    figure = Chart()
    figure.add_scatter(
        **_band(best),
        mode="lines",
        fill="toself",
        fillcolor=faded(colours.addition, 0.16),
        line={"width": 0},
        hoverinfo="skip",
    )
    for axis, heights in (
        ("y", [cell.sharpe for _, cell in best]),
        ("y2", [exits.index(cell.exit) for _, cell in best]),
    ):
        figure.add_scatter(
            x=[x for x, _ in best],
            y=heights,
            yaxis=axis,
            mode="lines+markers",
            line={
                "color": colours.addition if axis == "y" else colours.muted,
                "width": 2 if axis == "y" else 1,
            },
            marker={"size": 6, "color": colours.addition},
            text=[hover(cell.lines) for _, cell in best],
            hovertemplate="%{text}<extra></extra>",
        )
    below = min(_PER_EXIT * len(exits) + 16, _TALLEST)
    height = _ABOVE + below
    layout = base_layout(colours, height=height)
    cut = below / (height - 110)
    layout["showlegend"] = False
    layout["hovermode"] = "closest"
    layout["yaxis"] |= {
        "domain": [cut + 0.08, 1.0],
        "title": {"text": "Sharpe", "font": {"size": 12}},
        "zeroline": True,
        "zerolinecolor": colours.muted,
        "tickformat": ".2~f",
        "nticks": 5,
    }
    layout["yaxis2"] = layout["yaxis"] | {
        "domain": [0.0, cut],
        "title": {"text": "exit", "font": {"size": 12}},
        "zeroline": False,
        "tickvals": list(range(len(exits))),
        "ticktext": exits,
        "range": [len(exits) - 0.5, -0.5],
        "tickfont": {"size": 11 if len(exits) <= 12 else 9},
    }
    every = -(-len(contents.entries) // _NAMED)
    layout["xaxis"] |= {
        "anchor": "y2",
        "tickvals": list(range(0, len(contents.entries), every)),
        "ticktext": list(contents.entries[::every]),
        "range": [-0.5, len(contents.entries) - 0.5],
        "showgrid": False,
        "tickangle": 0 if len(contents.entries) <= 6 else -90,
        "tickfont": {"size": 11},
    }
    when_narrow(
        layout,
        font__size=10,
        xaxis__tickangle=-90,
        xaxis__tickfont__size=10,
        yaxis2__tickfont__size=9,
    )
    lay_out(figure, layout)
    return figure


def _band(best: list[tuple[int, Cell]]) -> dict[str, Any]:
    """Return the outline of one standard error either way, where there is one."""
    known = [(x, cell) for x, cell in best if cell.sharpe_se > 0]
    xs = [x for x, _ in known]
    above = [cell.sharpe + cell.sharpe_se for _, cell in known]
    under = [cell.sharpe - cell.sharpe_se for _, cell in known]
    return {"x": [*xs, *xs[::-1]], "y": [*above, *under[::-1]]}


def ridge_rows(contents: StudyContents) -> list[dict[str, str]]:
    """Return the ridge as a table: a row per entry."""
    rows = []
    for entry, cell in ridge(contents, surface(contents)).items():
        row = {"entry": entry, "exit": words.NOTHING, "sharpe": "", "events": ""}
        if cell is not None:
            row |= {
                "exit": cell.exit,
                "sharpe": cell.ratio,
                "events": count(cell.n_events),
            }
        rows.append(row)
    return rows
