"""Draws the returns of months and years as a heat map."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lakebt.report import words
from lakebt.report.charts.base import base_layout, lay_out, signed, when_narrow
from lakebt.report.palette import THEMES, ThemeName, diverging, readable_on
from lakebt.report.sheet_words import MONTHS

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


def months_figure(months: pd.DataFrame, *, theme: ThemeName = "light") -> go.Figure:
    """Draw the return of each month, and of each year beside it.

    Parameters
    ----------
    months
        Years down; 1 to 12 and ``year`` across; fractions, NaN without a session.
    theme
        "light" or "dark".

    Returns
    -------
    plotly.graph_objects.Figure
        Colours are of months; a year's is cut at the strongest.
    """
    from lakebt.report.charts.chart import Chart  # noqa: PLC0415 - plotly is slow

    colours = THEMES[theme]
    years = [str(year) for year in months.index]
    grid = months.to_numpy(dtype="float64").tolist()
    limit = max(
        (abs(value) for row in grid for value in row[:12] if math.isfinite(value)),
        default=0.0,
    )
    cells = [
        (column, row, value)
        for row, line in enumerate(grid)
        for column, value in enumerate(line)
        if math.isfinite(value)
    ]
    figure = Chart()
    figure.add_heatmap(
        z=[[value if math.isfinite(value) else None for value in row] for row in grid],
        hoverinfo="skip",
        **signed(colours, limit=limit or 1.0),
        showscale=False,
        colorbar={"title": {"text": "a month"}},
    )
    figure.add_scatter(
        x=[column for column, _, _ in cells],
        y=[row for _, row, _ in cells],
        mode="text",
        text=[_short(100.0 * value) for _, _, value in cells],
        textfont={
            "color": [
                f"rgb{readable_on(diverging(value, limit=limit, theme=colours))}"
                for _, _, value in cells
            ]
        },
        hoverinfo="skip",  # it stands there
        showlegend=False,
    )
    layout = base_layout(colours, height=72 + 30 * max(len(years), 2))
    layout["margin"].update(t=40, b=12, r=8)
    layout["hovermode"] = "closest"
    layout["xaxis"] |= {
        "side": "top",
        "showgrid": False,
        "tickvals": list(range(len(MONTHS))),
        "ticktext": list(MONTHS),
        "range": [-0.5, len(MONTHS) - 0.5],
    }
    layout["yaxis"] |= {
        "showgrid": False,
        "tickvals": list(range(len(years))),
        "ticktext": years,
        "range": [len(years) - 0.5, -0.5],
        "title": {"text": "percent, net", "font": {"size": 12}},
    }
    when_narrow(
        layout,
        font__size=9,
        yaxis__title__text="",
        xaxis__ticktext=[name[0] for name in MONTHS[:-1]] + ["Yr"],
        margin__l=0,
        margin__r=0,
    )
    lay_out(figure, layout)
    return figure


def _short(percent: float) -> str:
    """Write a percentage in as little room as a month has."""
    text = f"{percent:z.1f}" if abs(percent) < 9.95 else f"{percent:,.0f}"
    return text.replace("-", words.MINUS)
