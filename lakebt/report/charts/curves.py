"""Charts of a portfolio's equity and exposure by session."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lakebt.report.charts.base import base_layout, day, lay_out, when_narrow
from lakebt.report.palette import THEMES, Theme, ThemeName, faded
from lakebt.values.text import count

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

_ABOVE, _BELOW = [0.38, 1.0], [0.0, 0.28]
"""Parts of the height."""

_ON_ANY = "#737d88"
"""Plotly fills the button that is on nearly white, whatever the theme."""


def growth_figure(
    curves: pd.DataFrame,
    *,
    benchmark: str = "",
    log: bool = False,
    theme: ThemeName = "light",
) -> go.Figure:
    """Draw equity, its benchmark's, and the drawdown below; buttons change the scale.

    Parameters
    ----------
    curves
        By session: ``equity``, ``drawdown``, and with a benchmark ``benchmark``.
    benchmark
        Its name; empty without one.
    log
        Whether the scale of equity is logarithmic to begin with.
    theme
        "light" or "dark".

    Returns
    -------
    plotly.graph_objects.Figure
    """
    from lakebt.report.charts.chart import Chart  # noqa: PLC0415 - plotly is slow

    colours = THEMES[theme]
    days = [day(session) for session in curves.index]
    figure = Chart()
    if benchmark:
        figure.add_scatter(
            x=days,
            y=curves["benchmark"].tolist(),
            mode="lines",
            name=benchmark,
            line={"color": colours.muted, "width": 1.2},
            hovertemplate=f"%{{x}}: {benchmark} %{{y:.4f}}<extra></extra>",
        )
    figure.add_scatter(
        x=days,
        y=curves["equity"].tolist(),
        mode="lines",
        name="net equity",
        line={"color": colours.addition, "width": 2},
        hovertemplate="%{x}: equity %{y:.4f}<extra></extra>",
        showlegend=bool(benchmark),
    )
    figure.add_scatter(
        x=days,
        y=curves["drawdown"].tolist(),
        yaxis="y2",
        mode="lines",
        name="drawdown",
        line={"color": colours.deletion, "width": 1},
        fill="tozeroy",
        fillcolor=faded(colours.deletion, 0.25),
        hovertemplate="%{x}: %{y:.1%} below the highest<extra></extra>",
        showlegend=False,
    )
    layout = _two(colours, "value of 1 invested, net", "below its highest", height=430)
    kind = "log" if log else "linear"
    layout["yaxis"] |= {"type": kind, "tickformat": ".3~g", "nticks": 6}
    layout["yaxis2"] |= {"tickformat": ".0%", "nticks": 4}
    layout["legend"] = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
    layout["margin"]["t"] = 44
    layout["updatemenus"] = [_scales(colours, active=int(log))]
    lay_out(figure, layout)
    return figure


def rolling_figure(
    curves: pd.DataFrame, *, sessions: int, theme: ThemeName = "light"
) -> go.Figure:
    """Draw Sharpe ratio and volatility of windows that roll.

    Parameters
    ----------
    curves
        By session: ``rolling_sharpe`` and ``rolling_volatility``, a year.
    sessions
        Of each window.
    theme
        "light" or "dark".

    Returns
    -------
    plotly.graph_objects.Figure
    """
    from lakebt.report.charts.chart import Chart  # noqa: PLC0415 - plotly is slow

    colours = THEMES[theme]
    days = [day(session) for session in curves.index]
    figure = Chart()
    for name, axis, colour, form in (
        ("rolling_sharpe", "y", colours.addition, "Sharpe ratio %{y:.2f}"),
        ("rolling_volatility", "y2", colours.deletion, "volatility %{y:.1%}"),
    ):
        figure.add_scatter(
            x=days,
            y=[None if math.isnan(v) else v for v in curves[name].tolist()],
            yaxis=axis,
            mode="lines",
            line={"color": colour, "width": 1.6},
            hovertemplate=f"%{{x}}: {form}<extra></extra>",
            showlegend=False,
        )
    layout = _two(colours, "Sharpe ratio", "volatility", height=360)
    layout["yaxis"] |= {"zeroline": True, "zerolinecolor": colours.muted, "nticks": 6}
    layout["yaxis2"] |= {"tickformat": ".0%", "nticks": 4, "rangemode": "tozero"}
    if curves["rolling_sharpe"].isna().all():
        for axis in ("yaxis", "yaxis2"):  # no numbers of nothing
            layout[axis] |= {"tickvals": [], "ticktext": [], "zeroline": False}
        layout["annotations"] = [
            {
                "xref": "paper",
                "yref": "paper",
                "x": 0.5,
                "y": 0.7,
                "showarrow": False,
                "text": f"fewer than {count(sessions, 'session')} that vary",
                "font": {"size": 13, "color": colours.ink},
            }
        ]
    lay_out(figure, layout)
    return figure


def exposure_figure(
    exposure: pd.Series[float], *, theme: ThemeName = "light"
) -> go.Figure:
    """Draw the gross exposure, longs plus shorts.

    Parameters
    ----------
    exposure
        By session, as a multiple of what the portfolio was worth.
    theme
        "light" or "dark".

    Returns
    -------
    plotly.graph_objects.Figure
    """
    from lakebt.report.charts.chart import Chart  # noqa: PLC0415 - plotly is slow

    colours = THEMES[theme]
    figure = Chart()
    figure.add_scatter(
        x=[day(session) for session in exposure.index],
        y=exposure.tolist(),
        mode="lines",
        line={"color": colours.addition, "width": 1.2, "shape": "hv"},
        fill="tozeroy",
        fillcolor=faded(colours.addition, 0.2),
        hovertemplate="%{x}: %{y:.2f} times the value<extra></extra>",
        showlegend=False,
    )
    layout = base_layout(colours, height=240)
    layout["xaxis"] |= {"showgrid": False, "nticks": 6, "type": "date"}
    layout["yaxis"]["title"]["text"] = "held over value"
    layout["yaxis"] |= {"rangemode": "tozero", "tickformat": ".2~f", "nticks": 5}
    when_narrow(layout, font__size=11)
    lay_out(figure, layout)
    return figure


def _two(colours: Theme, above: str, below: str, *, height: int) -> dict[str, Any]:
    """Return a layout of two figures that share their sessions."""
    layout = base_layout(colours, height=height)
    layout["yaxis2"] = {
        **layout["yaxis"],
        "title": {"text": below, "font": {"size": 13}, "standoff": 12},
        "domain": _BELOW,
    }
    layout["yaxis"] |= {"domain": _ABOVE}
    layout["yaxis"]["title"] = {"text": above, "font": {"size": 13}, "standoff": 12}
    layout["xaxis"] |= {
        "showgrid": False,
        "anchor": "y2",
        "type": "date",
        "nticks": 6,
    }
    when_narrow(
        layout,
        font__size=11,
        yaxis__title__font__size=11,
        yaxis2__title__font__size=11,
    )
    return layout


def _scales(colours: Theme, *, active: int) -> dict[str, Any]:
    """Return the buttons that change the scale of equity."""
    return {
        "type": "buttons",
        "direction": "right",
        "active": active,
        "x": 1,
        "xanchor": "right",
        "y": 1.02,
        "yanchor": "bottom",
        "pad": {"t": 0, "b": 2, "l": 0, "r": 0},
        "showactive": True,
        "bgcolor": colours.paper,
        "bordercolor": colours.rule,
        "font": {"size": 12, "color": _ON_ANY},
        "buttons": [
            {"label": kind, "method": "relayout", "args": [{"yaxis.type": kind}]}
            for kind in ("linear", "log")
        ],
    }
