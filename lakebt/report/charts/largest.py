"""Draws the largest positions of a portfolio."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lakebt.errors import InvalidArgumentError
from lakebt.report import words
from lakebt.report.charts.base import base_layout, hover, lay_out, when_narrow
from lakebt.report.palette import THEMES, ThemeName
from lakebt.values.text import count

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


def largest_figure(
    weights: pd.DataFrame, *, most: int = 10, theme: ThemeName = "light"
) -> go.Figure:
    """Draw the mean weight of the largest positions, and their widest range.

    Parameters
    ----------
    weights
        Sessions down, symbols across: of the value at the close; shorts below 0.
    most
        How many at most, those of the largest mean size.
    theme
        "light" or "dark".

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    InvalidArgumentError
        If nothing was held.
    """
    from lakebt.report.charts.chart import Chart  # noqa: PLC0415 - plotly is slow

    values = weights.to_numpy(dtype=np.float64)
    size = np.abs(values).mean(axis=0) if len(values) else np.zeros(values.shape[1])
    order = np.argsort(-size, kind="stable")[: max(most, 0)]
    order = order[size[order] > 0.0]
    if not len(order):
        msg = "nothing was held at a close: there is no position to draw"
        raise InvalidArgumentError(msg)
    colours = THEMES[theme]
    names = [str(weights.columns[column]) for column in order.tolist()]
    mean = values[:, order].mean(axis=0).tolist()
    low = values[:, order].min(axis=0).tolist()
    high = values[:, order].max(axis=0).tolist()
    held = np.count_nonzero(values[:, order], axis=0).tolist()
    hovers = [
        hover(
            [
                f"{name}: {words.percent(at)} on average",
                f"{words.percent(lowest)} to {words.percent(highest)}",
                f"held in {count(number)} of {count(len(values), 'session')}",
            ]
        )
        for name, at, lowest, highest, number in zip(
            names, mean, low, high, held, strict=True
        )
    ]
    figure = Chart()
    for row, (lowest, highest) in enumerate(zip(low, high, strict=True)):
        figure.add_scatter(
            x=[lowest, highest],
            y=[row, row],
            mode="lines",
            line={"color": colours.hatch, "width": 5},
            hoverinfo="skip",
            showlegend=False,
        )
    figure.add_scatter(
        x=mean,
        y=list(range(len(names))),
        mode="markers",
        marker={
            "size": 11,
            "color": [
                colours.addition if value >= 0.0 else colours.deletion for value in mean
            ],
        },
        customdata=hovers,
        hovertemplate="%{customdata}<extra></extra>",
        showlegend=False,
    )
    layout = base_layout(colours, height=72 + 26 * len(names))
    layout["hovermode"] = "closest"
    layout["margin"].update(t=12, b=52)
    ends = min(*low, 0.0), max(*high, 0.0)
    room = 0.04 * (ends[1] - ends[0])
    layout["xaxis"] |= {
        "range": [ends[0] - room, ends[1] + room],
        "tickformat": ".0%",
        "zeroline": True,
        "zerolinecolor": colours.muted,
        "nticks": 6,
    }
    layout["xaxis"]["title"]["text"] = "share of value: mean, lowest to highest"
    layout["yaxis"] |= {
        "tickvals": list(range(len(names))),
        "ticktext": names,
        "range": [len(names) - 0.5, -0.5],
        "showgrid": False,
    }
    when_narrow(layout, font__size=11)
    lay_out(figure, layout)
    return figure
