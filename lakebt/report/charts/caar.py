"""Draws the cumulative average abnormal return around an anchor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakebt.errors import InvalidArgumentError
from lakebt.report import words
from lakebt.report.charts.base import base_layout, lay_out, when_narrow
from lakebt.report.palette import THEMES, ThemeName, faded
from lakebt.report.surface import records
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    import plotly.graph_objects as go


def caar_figure(
    path: pd.DataFrame,
    *,
    anchor: str,
    lines: Mapping[str, float],
    market: str,
    theme: ThemeName = "light",
    height: int = 400,
) -> go.Figure:
    """Draw the CAAR of each side with its 95 % band.

    Parameters
    ----------
    path
        From `lakebt.EventStudy.path`: at least one row.
    anchor
        What session 0 is.
    lines
        Where to draw a line, by its name: the anchor at 0, and the other one.
    market
        The symbol that returns are measured against.
    theme
        "light" or "dark".
    height
        In pixels.

    Raises
    ------
    InvalidArgumentError
        If the path is empty.
    """
    from lakebt.report.charts.chart import Chart  # noqa: PLC0415 - plotly is slow

    if path.empty:
        msg = "there is no path to draw: no change has a model and prices"
        raise InvalidArgumentError(msg)
    colours = THEMES[theme]
    figure = Chart()
    for side, rows in path.groupby("side", sort=False):
        colour = colours.deletion if "del" in str(side) else colours.addition
        band = rows.dropna(subset=["low_bps", "high_bps"])
        figure.add_scatter(
            x=[*band["session"], *band["session"][::-1]],
            y=[*band["high_bps"], *band["low_bps"][::-1]],
            fill="toself",
            fillcolor=faded(colour, 0.16),
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
        )
        figure.add_scatter(
            x=rows["session"].tolist(),
            y=rows["caar_bps"].tolist(),
            mode="lines",
            name=str(side),
            line={"color": colour, "width": 2.5},
            text=[
                f"{anchor}{row['session']:+d}: {words.bps(row['caar_bps'])} bp<br>"
                f"95 % {words.bps(row['low_bps'])} to {words.bps(row['high_bps'])}, "
                f"n = {count(row['n'])} on {count(row['n_dates'], 'date')}"
                for row in records(rows)
            ],
            hovertemplate="%{text}<extra></extra>",
        )
    layout = base_layout(colours, height=height)
    layout["margin"].update(t=44, b=72)
    first, last = int(path["session"].min()), int(path["session"].max())
    layout["xaxis"] |= {
        "showgrid": False,
        "range": [first - 0.5, last + 0.5],
        "title": {"text": f"sessions from {anchor}", "font": {"size": 12}},
        "nticks": 8,
    }
    layout["yaxis"] |= {
        "title": {"text": f"basis points over {market}", "font": {"size": 12}},
        "tickformat": ",~g",
        "zeroline": True,
        "zerolinecolor": colours.muted,
    }
    layout["legend"] = {"orientation": "h", "x": 0, "y": -0.2, "yanchor": "top"}
    shown = {name: at for name, at in lines.items() if first <= at <= last}
    line = {"color": colours.ink, "width": 1.2}
    layout["shapes"] = [
        {
            "type": "line",
            "yref": "paper",
            "y0": 0,
            "y1": 1,
            "x0": at,
            "x1": at,
            "line": line if name == anchor else {**line, "dash": "dash"},
        }
        for name, at in shown.items()
    ]
    layout["annotations"] = [_named(name, at) for name, at in shown.items()]
    when_narrow(layout, font__size=10)
    lay_out(figure, layout)
    return figure


def _named(name: str, at: float) -> dict[str, Any]:
    return {
        "yref": "paper",
        "showarrow": False,
        "yanchor": "bottom",
        "x": at,
        "y": 1.0,
        "text": f"<b>{name}</b>",
    }
