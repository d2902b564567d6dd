"""Charts of a rule's equity, costs and weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakebt.errors import InvalidArgumentError
from lakebt.report import words
from lakebt.report.charts.base import base_layout, day, lay_out, when_narrow
from lakebt.report.palette import THEMES, ThemeName, faded
from lakebt.report.surface import surface
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    import plotly.graph_objects as go

    from lakebt.report.contents import StudyContents


def equity_figure(
    equity: pd.Series[float], *, theme: ThemeName = "light", height: int = 320
) -> go.Figure:
    """Draw net equity, which starts at 1.

    Parameters
    ----------
    equity
        By session. Where sessions repeat or go back, because events follow one another,
        the axis counts the sessions invested instead.
    theme
        "light" or "dark".
    height
        In pixels.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    from lakebt.report.charts.chart import Chart  # noqa: PLC0415 - plotly is slow

    colours = THEMES[theme]
    days = [day(session) for session in equity.index]
    calendar = equity.index.is_monotonic_increasing and equity.index.is_unique
    figure = Chart()
    figure.add_scatter(
        x=days if calendar else list(range(len(days))),
        y=equity.to_numpy(),
        mode="lines",
        line={"color": colours.addition, "width": 2},
        text=days,
        hovertemplate="%{text}: %{y:.4f}<extra></extra>",
        showlegend=False,
    )
    layout = base_layout(colours, height=height)
    layout["yaxis"]["title"]["text"] = "value of 1 invested, net"
    layout["yaxis"] |= {"tickformat": ".3~f", "nticks": 6}
    layout["xaxis"] |= {"showgrid": False}
    if calendar:
        layout["xaxis"]["type"] = "date"
    else:
        layout["xaxis"]["title"]["text"] = "sessions invested, event after event"
    layout["shapes"] = [
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "y0": 1,
            "y1": 1,
            "line": {"color": colours.muted, "width": 1, "dash": "dot"},
        }
    ]
    lay_out(figure, layout)
    return figure


def waterfall_figure(
    contents: StudyContents, *, theme: ThemeName = "light"
) -> go.Figure:
    """Draw the way from gross to net of the chosen cell, in basis points per event.

    Dividends are a part of the gross; where there are any, they are a step of their own
    after that of prices.

    Parameters
    ----------
    contents
        Must have a `best` cell.
    theme
        "light" or "dark".

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    InvalidArgumentError
        If there is no chosen cell.
    """
    from lakebt.report.charts.chart import Chart  # noqa: PLC0415 - plotly is slow

    colours = THEMES[theme]
    if contents.best is None:
        msg = f"{contents.index} has no chosen cell, so no costs to draw"
        raise InvalidArgumentError(msg)
    cell = surface(contents)[contents.best]
    prices = {"gross": cell.gross_bps}
    if contents.dividends_bps:
        moved = cell.gross_bps - contents.dividends_bps
        prices = {"prices": moved, "dividends": contents.dividends_bps}
    steps = prices | {
        "commission": -cell.commission_bps,
        "spread": -cell.spread_bps,
        "borrow": -cell.borrow_bps,
    }
    if cell.impact_bps:
        steps["impact"] = -cell.impact_bps
    if cell.reweighting_bps:
        steps["reweighting"] = -cell.reweighting_bps
    n_costs = len(steps) - 1
    steps["net"] = cell.net_bps
    figure = Chart()
    figure.add_waterfall(
        x=list(steps),
        y=list(steps.values()),
        measure=["absolute", *["relative"] * n_costs, "total"],
        text=[words.bps(value) for value in steps.values()],
        textposition="outside",
        cliponaxis=False,
        connector={"line": {"color": colours.muted, "width": 1, "dash": "dot"}},
        totals={"marker": {"color": colours.hatch}},
        increasing={"marker": {"color": colours.addition}},
        decreasing={"marker": {"color": colours.deletion}},
        hovertemplate=(
            f"%{{x}}: %{{text}} bp per event, mean of "
            f"{count(cell.n_events, 'event')}<extra></extra>"
        ),
        width=0.6,
    )
    layout = base_layout(colours, height=320)
    layout["showlegend"] = False
    layout["xaxis"] |= {"showgrid": False}
    layout["yaxis"]["title"]["text"] = "basis points per event"
    when_narrow(layout, font__size=11, xaxis__tickfont__size=10, xaxis__tickangle=0)
    layout["yaxis"] |= _around(_levels(steps)) | {
        "tickformat": ",~g",
        "zeroline": True,
        "zerolinecolor": colours.muted,
    }
    lay_out(figure, layout)
    return figure


def _levels(steps: Mapping[str, float]) -> list[float]:
    """Return the heights a waterfall passes."""
    level, levels = 0.0, [0.0]
    for name, value in steps.items():
        level = value if name in {"gross", "net"} else level + value
        levels.append(level)
    return levels


def _around(values: list[float]) -> dict[str, Any]:
    """Return a range with room for the numbers above and below the bars."""
    low, high = min(values), max(values)
    room = 0.16 * ((high - low) or 1.0)
    return {"range": [low - room * (low < 0), high + room]}


def weights_figure(weights: pd.DataFrame, *, theme: ThemeName = "light") -> go.Figure:
    """Draw how much of capital was long and short after each decision.

    Parameters
    ----------
    weights
        A row per decision's session, a column per symbol; missing is 0.
    theme
        "light" or "dark".

    Returns
    -------
    plotly.graph_objects.Figure
    """
    from lakebt.report.charts.chart import Chart  # noqa: PLC0415 - plotly is slow

    colours = THEMES[theme]
    filled = weights.fillna(0.0)
    days = [day(session) for session in filled.index]
    figure = Chart()
    for name, part, colour in (
        ("long", filled.clip(lower=0.0), colours.addition),
        ("short", filled.clip(upper=0.0), colours.deletion),
    ):
        if not (part != 0).any(axis=None):
            continue
        total = part.sum(axis=1)
        figure.add_scatter(
            x=days,
            y=total.to_numpy(),
            name=name,
            mode="lines",
            line={"color": colour, "width": 1.5, "shape": "hv"},
            fill="tozeroy",
            fillcolor=faded(colour, 0.25),
            text=[
                f"{day}: {name} {value:+.1%} in {count(number, 'symbol')}"
                for day, value, number in zip(
                    days, total, (part != 0).sum(axis=1), strict=True
                )
            ],
            hovertemplate="%{text}<extra></extra>",
        )
    layout = base_layout(colours, height=300)
    layout["yaxis"]["title"]["text"] = "share of capital"
    layout["yaxis"] |= {
        "tickformat": ".0%",
        "zeroline": True,
        "zerolinecolor": colours.muted,
    }
    layout["xaxis"] |= {"showgrid": False, "type": "date"}
    layout["legend"] = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
    lay_out(figure, layout)
    return figure
