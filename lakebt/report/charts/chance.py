"""Charts of significance: the best rule against chance, and all rules."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lakebt.errors import InvalidArgumentError
from lakebt.report import words
from lakebt.report.charts.base import (
    base_layout,
    estimates,
    hover,
    lay_out,
    signed,
    when_narrow,
)
from lakebt.report.palette import (
    THEMES,
    Theme,
    ThemeName,
    diverging,
    faded,
    readable_on,
)
from lakebt.report.surface import records
from lakebt.values.text import count

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from lakebt._typing import FloatVector


_BINS = 40

_NUMBERED = 12
"""Columns up to which a cell has room for its number."""

_MOST_NAMES = 30
"""Names that are written along an axis."""


def null_figure(
    null: FloatVector,
    *,
    observed: float,
    critical: float,
    rule: str,
    n_rules: int,
    theme: ThemeName = "light",
    height: int = 320,
) -> go.Figure:
    """Draw the distribution of the best score by chance, and the observed score.

    Parameters
    ----------
    null : ndarray of shape (n_draws,)
        The largest score of any rule, in each draw.
    observed
        Of the best rule.
    critical
        What it has to exceed.
    rule
        The best, in words.
    n_rules
        How many were tried.
    theme
        "light" or "dark".
    height
        In pixels.

    Raises
    ------
    InvalidArgumentError
        If there is no draw, as where too few blocks allow no verdict.
    """
    from lakebt.report.charts.chart import Chart  # noqa: PLC0415 - plotly is slow

    drawn = np.asarray(null, dtype=np.float64)
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn) or not math.isfinite(observed):
        msg = (
            "there is no distribution to draw: too few blocks of the calendar allow "
            "no verdict; take more events"
        )
        raise InvalidArgumentError(msg)
    colours = THEMES[theme]
    low = min(float(drawn.min()), observed)
    high = max(float(drawn.max()), observed, critical)
    edges = np.linspace(low, high if high > low else low + 1.0, _BINS + 1)
    heights = np.histogram(drawn, edges)[0] / len(drawn)
    width = float(edges[1] - edges[0])
    figure = Chart()
    figure.add_bar(
        x=[float(edge) + width / 2 for edge in edges[:-1]],
        y=heights.tolist(),
        base=[0.0] * _BINS,
        width=width * 0.94,
        name=f"the best of {count(n_rules, 'rule')}, by chance",
        marker={"color": faded(colours.addition, 0.55)},
        hovertemplate="%{y:.1%} of draws<extra></extra>",
        showlegend=False,
    )
    top = float(heights.max()) * 1.08
    layout = base_layout(colours, height=height)
    layout["margin"].update(t=58, b=56)
    layout["xaxis"] |= {
        "showgrid": False,
        "range": [float(edges[0]) - width, float(edges[-1]) + width],
        "title": {
            "text": f"best score of {count(n_rules, 'rule')}, "
            f"{count(len(drawn), 'draw')}",
            "font": {"size": 12},
        },
    }
    layout["yaxis"] |= {
        "range": [0.0, top],
        "tickformat": ".2f",
        "nticks": 5,
        "title": {"text": "share of draws", "font": {"size": 12}},
    }
    marked = [
        (observed, f"{rule}: {words.sharpe(observed)}", colours.deletion, "solid", 1.09)
    ]
    if math.isfinite(critical):
        needed = f"needed: {words.sharpe(critical)}"
        marked.append((critical, needed, colours.ink, "dash", 1.01))
    layout["shapes"] = [
        {
            "type": "line",
            "yref": "paper",
            "x0": at,
            "x1": at,
            "y0": 0,
            "y1": 1,
            "line": {"color": colour, "width": 2, "dash": dash},
        }
        for at, _, colour, dash, _ in marked
    ]
    middle = float(edges[_BINS // 2])
    layout["annotations"] = [
        {
            "yref": "paper",
            "showarrow": False,
            "yanchor": "bottom",
            "x": at,
            "y": y,
            "xanchor": "left" if at < middle else "right",
            "text": text,
            "font": {"size": 12, "color": colour},
        }
        for at, text, colour, _, y in marked
    ]
    when_narrow(layout, font__size=10)
    lay_out(figure, layout)
    return figure


def claims_figure(
    rules: pd.DataFrame, *, alpha: float, theme: ThemeName = "light"
) -> go.Figure:
    """Draw the mean of every rule, coloured only where it is claimed.

    Parameters
    ----------
    rules
        A row per ``entry`` and ``exit``, all exits of an entry after each other:
        ``mean_bps``, ``p_family``, ``p_family_flips``, ``claimed``, ``n_events``.
    alpha
        Of the whole family.
    theme
        "light" or "dark".
    """
    from lakebt.report.charts.chart import Chart  # noqa: PLC0415 - plotly is slow

    colours = THEMES[theme]
    rows = records(rules)
    entries = list(dict.fromkeys(str(row["entry"]) for row in rows))
    exits = list(dict.fromkeys(str(row["exit"]) for row in rows))
    n_rules = sum(row["n_events"] > 0 for row in rows)
    for row in rows:
        row["x"], row["y"] = exits.index(row["exit"]), entries.index(row["entry"])
    limit = max(
        (abs(row["mean_bps"]) for row in rows if math.isfinite(row["mean_bps"])),
        default=1.0,
    )
    grid: list[list[float | None]] = [[None] * len(exits) for _ in entries]
    texts = [[""] * len(exits) for _ in entries]
    for row in rows:
        if row["claimed"]:
            grid[row["y"]][row["x"]] = row["mean_bps"]
        texts[row["y"]][row["x"]] = hover(_rule_in_words(row, n_rules))
    figure = Chart()
    figure.add_heatmap(
        z=grid,
        hoverinfo="skip",
        **signed(colours, limit=limit or 1.0),
        showscale=False,
        colorbar={"title": {"text": "bp an event, where claimed"}},
    )
    tested = [row for row in rows if row["n_events"] > 0]
    is_roomy = len(exits) <= _NUMBERED
    figure.add_scatter(
        x=[row["x"] for row in tested],
        y=[row["y"] for row in tested],
        mode="text" if is_roomy else "markers",
        marker={"size": 3, "color": colours.muted},
        text=[words.bps(row["mean_bps"]) if is_roomy else "" for row in tested],
        textfont={
            "color": [
                _readable(row["mean_bps"], limit, colours)
                if row["claimed"]
                else colours.muted
                for row in tested
            ]
        },
        customdata=[texts[row["y"]][row["x"]] for row in tested],
        hovertemplate="%{customdata}<extra></extra>",
        showlegend=False,
    )
    layout = base_layout(colours, height=150 + max(len(entries) * 40, 80))
    layout["margin"].update(t=52, b=88)
    layout["hovermode"] = "closest"
    layout["xaxis"] |= _names(exits) | {"side": "top"}
    layout["yaxis"] |= _names(entries) | {"range": [len(entries) - 0.5, -0.5]}
    layout["shapes"] = [_outline(row, colours) for row in rows if row["claimed"]]
    claimed = len(layout["shapes"])
    legend = (
        f"bp an event; {count(claimed) if claimed else 'none'} of "
        f"{count(n_rules, 'rule')} claimed at {100 * alpha:g} %"
    )
    layout["annotations"] = [
        {
            "xref": "x",
            "yref": "paper",
            "x": -0.5,
            "y": -0.06,
            "xanchor": "left",
            "yanchor": "top",
            "showarrow": False,
            "text": f"{legend} for all together",
            "font": {"size": 12, "color": colours.ink},
        }
    ]
    when_narrow(
        layout,
        font__size=10,
        annotations__0__text=legend,
        annotations__0__font__size=10,
    )
    lay_out(figure, layout)
    return figure


def _rule_in_words(row: dict[str, Any], n_rules: int) -> list[str]:
    p = words.p_value(float(row["p_family"]))
    flips = row["p_family_flips"]
    beside = words.p_value(float(flips))
    return [
        f"{row['entry']} to {row['exit']}",
        f"{words.bps(row['mean_bps'])} bp an event, n = {count(row['n_events'])}",
        f"p among {count(n_rules, 'rule')}: {p} (blocks drawn), {beside} (flipped)",
        "claimed" if row["claimed"] else "not claimed",
    ]


def sharpe_figure(
    table: pd.DataFrame, *, theme: ThemeName = "light", height: int = 380
) -> go.Figure:
    """Draw the Sharpe ratio of every rule with its 95 % interval, lowest first.

    Parameters
    ----------
    table
        From `lakebt.Result.table`.
    theme
        "light" or "dark".
    height
        In pixels.

    Raises
    ------
    InvalidArgumentError
        If no rule has a Sharpe ratio.
    """
    from lakebt.report.charts.chart import Chart  # noqa: PLC0415 - plotly is slow

    rows = records(table.dropna(subset=["sharpe"]).sort_values("sharpe", kind="stable"))
    if not rows:
        msg = "there is no Sharpe ratio to draw: every rule is empty"
        raise InvalidArgumentError(msg)
    colours = THEMES[theme]
    figure = Chart()
    points = estimates(
        rows,
        first=0,
        value="sharpe",
        high="sharpe_high",
        text=[
            f"{row['entry']} to {row['exit']}: {words.sharpe(row['sharpe'])}<br>95 % "
            f"{words.sharpe(row['sharpe_low'])} to {words.sharpe(row['sharpe_high'])}, "
            f"{count(row['n_events'], 'event')} on {count(row['n_dates'], 'date')}"
            for row in rows
        ],
        marker={"color": colours.addition, "size": 8},
        bar={"color": colours.addition, "thickness": 1.5, "width": 3},
    )
    figure.add_scatter(**points)
    layout = base_layout(colours, height=height)
    layout["margin"].update(b=150)
    layout["hovermode"] = "closest"
    layout["xaxis"] |= _names([f"{row['entry']} to {row['exit']}" for row in rows])
    layout["xaxis"]["tickangle"] = -90
    layout["yaxis"] |= {
        "title": {"text": "Sharpe ratio, 95 %", "font": {"size": 12}},
        "zeroline": True,
        "zerolinecolor": colours.muted,
        "nticks": 6,
    }
    when_narrow(layout, font__size=10)
    lay_out(figure, layout)
    return figure


def _readable(value: float, limit: float, colours: Theme) -> str:
    """Return the colour of a number on the cell that has its colour."""
    return f"rgb{readable_on(diverging(value, limit=limit, theme=colours))}"


def _names(names: list[str]) -> dict[str, Any]:
    every = -(-len(names) // _MOST_NAMES)
    return {
        "tickvals": list(range(0, len(names), every)),
        "ticktext": names[::every],
        "range": [-0.5, len(names) - 0.5],
        "showgrid": False,
        "zeroline": False,
    }


def _outline(row: dict[str, Any], colours: Theme) -> dict[str, Any]:
    return {
        "type": "rect",
        "x0": row["x"] - 0.49,
        "x1": row["x"] + 0.49,
        "y0": row["y"] - 0.48,
        "y1": row["y"] + 0.48,
        "line": {"color": colours.ink, "width": 2},
    }
