"""Charts of the distribution of returns, by session or event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lakebt.errors import InvalidArgumentError
from lakebt.report import words
from lakebt.report.charts.base import base_layout, hover, lay_out, when_narrow
from lakebt.report.palette import THEMES, ThemeName
from lakebt.values.text import count, with_article

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

_MOST_BINS = 60


def distribution_figure(
    returns: pd.Series[float], *, noun: str, theme: ThemeName = "light"
) -> go.Figure:
    """Draw how often returns fell where, and a normal distribution of their moments.

    Parameters
    ----------
    returns
        Fractions. Those of exactly 0, as of sessions in which nothing was held, are
        left out unless all are.
    noun
        What each is of, as "session".
    theme
        "light" or "dark".

    Returns
    -------
    plotly.graph_objects.Figure
        The width of a bar is that of Freedman and Diaconis (1981), at most 60 bars.

    Raises
    ------
    InvalidArgumentError
        If there is no return.
    """
    from lakebt.report.charts.chart import Chart  # noqa: PLC0415 - plotly is slow

    values = returns.to_numpy(dtype=np.float64)
    if not len(values):
        msg = f"there is no return of {with_article(noun)} to draw: nothing was traded"
        raise InvalidArgumentError(msg)
    values = values[values != 0.0] if values.any() else values
    colours = THEMES[theme]
    edges = np.histogram_bin_edges(values, bins=_bins(values))
    counts, _ = np.histogram(values, bins=edges)
    width = float(edges[1] - edges[0])
    middles = (edges[:-1] + edges[1:]) / 2.0
    figure = Chart()
    figure.add_bar(
        x=middles.tolist(),
        y=counts.tolist(),
        base=[0] * len(counts),
        width=width,
        marker={
            "color": colours.addition,
            "line": {"color": colours.paper, "width": 0.5},
        },
        customdata=[
            hover([f"{count(number, noun)}: {_between(low, high)}"])
            for low, high, number in zip(
                edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True
            )
        ],
        hovertemplate="%{customdata}<extra></extra>",
        name=f"{noun}s",
        showlegend=False,
    )
    mean, deviation = float(values.mean()), float(values.std())
    if deviation > 1e-14:
        x = np.linspace(edges[0], edges[-1], 200)
        scale = len(values) * width / (deviation * np.sqrt(2.0 * np.pi))
        normal = scale * np.exp(-0.5 * ((x - mean) / deviation) ** 2)
        figure.add_scatter(
            x=x.tolist(),
            y=normal.tolist(),
            mode="lines",
            line={"color": colours.muted, "width": 1.4, "dash": "dot"},
            name="normal",
            hoverinfo="skip",
        )
    layout = base_layout(colours, height=300)
    layout["margin"].update(t=40, b=56)
    layout["xaxis"] |= {"showgrid": False, "tickformat": ".1~%", "nticks": 7}
    layout["xaxis"]["title"]["text"] = f"return of {with_article(noun)}"
    layout["yaxis"]["title"]["text"] = f"{noun}s"
    layout["yaxis"] |= {"nticks": 5}
    layout["legend"] = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
    layout["shapes"] = [
        {
            "type": "line",
            "yref": "paper",
            "x0": mean,
            "x1": mean,
            "y0": 0,
            "y1": 1,
            "line": {"color": colours.ink, "width": 1.5, "dash": "solid"},
        }
    ]
    layout["annotations"] = [
        {
            "x": mean,
            "y": 1,
            "yref": "paper",
            "xanchor": "left",
            "yanchor": "bottom",
            "showarrow": False,
            "text": f"mean {100 * mean:z.2f}\u00a0%".replace("-", words.MINUS),
            "font": {"size": 12, "color": colours.ink},
        }
    ]
    when_narrow(layout, font__size=11)
    lay_out(figure, layout)
    return figure


def _bins(values: np.ndarray) -> int:
    """Return how many bars: as Freedman and Diaconis, or as many as there is room."""
    if float(np.ptp(values)) <= 1e-14:
        return 1
    spread = float(np.subtract(*np.percentile(values, [75, 25])))
    if spread <= 0.0:
        return _MOST_BINS
    width = 2.0 * spread / len(values) ** (1.0 / 3.0)
    return int(min(max(np.ceil(np.ptp(values) / width), 1), _MOST_BINS))


def _between(low: float, high: float) -> str:
    return f"{words.percent(low)} to {words.percent(high)}"
