"""Draws the path of an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakebt.errors import InvalidArgumentError
from lakebt.report import words
from lakebt.report.charts.base import base_layout, lay_out, when_narrow
from lakebt.report.palette import THEMES, Theme, ThemeName, faded
from lakebt.report.surface import records
from lakebt.values.text import count

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from lakebt.report.contents import StudyContents


_BEYOND = 2.0
"""Sessions beyond the last point at which an MD that lies further out is marked."""


def path_figure(contents: StudyContents, *, theme: ThemeName = "light") -> go.Figure:
    """Draw the average cumulative return of each side in event time.

    The night between the announcement and the next open is shaded: its move could not
    be traded.

    Parameters
    ----------
    contents
        Its `path` must not be empty.
    theme
        "light" or "dark".

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    InvalidArgumentError
        If the path is empty.
    """
    from lakebt.report.charts.chart import Chart  # noqa: PLC0415 - plotly is slow

    colours = THEMES[theme]
    path = contents.path
    if path.empty:
        msg = f"{contents.index} has no path to draw: no event was announced"
        raise InvalidArgumentError(msg)
    drawn = path[path["side"] != "all"]
    figure = Chart()
    for side, colour in (
        ("addition", colours.addition),
        ("deletion", colours.deletion),
    ):
        rows = drawn[(drawn["side"] == side) & drawn["mean_bps"].notna()]
        if rows.empty:
            continue
        band = rows.dropna(subset=["low_bps", "high_bps"])
        figure.add_scatter(**band_of(band, colour))
        figure.add_scatter(
            x=rows["x"],
            y=rows["mean_bps"],
            mode="lines",
            name=f"{side}s",
            line={"color": colour, "width": 2.5},
            text=[
                f"{row['label']}: {words.bps(row['mean_bps'])} bp, {side}s<br>"
                f"95% band {words.bps(row['low_bps'])} to "
                f"{words.bps(row['high_bps'])}, n = {count(row['n'])}"
                for row in records(rows)
            ],
            hovertemplate="%{text}<extra></extra>",
        )
    over = "" if contents.market is None else f" over {contents.market}"
    layout = base_layout(colours, height=430)
    layout["margin"].update(t=62, b=64)
    layout["xaxis"] |= event_ticks(drawn, every=5)
    left, right = float(drawn["x"].min()), float(drawn["x"].max())
    if path["x"].max() > right:
        right += _BEYOND
    layout["xaxis"]["range"] = [left - 0.5, right + 0.5]
    few = event_ticks(drawn, every=10)
    when_narrow(
        layout,
        font__size=11,
        xaxis__tickvals=few["tickvals"],
        xaxis__ticktext=few["ticktext"],
    )
    layout["yaxis"] |= {
        "title": {"text": f"basis points{over}", "font": {"size": 13}},
        "tickformat": ",~g",
        "zeroline": True,
        "zerolinecolor": colours.muted,
        "zerolinewidth": 1,
    }
    layout["legend"] = {"orientation": "h", "x": 0, "y": -0.13, "yanchor": "top"}
    shapes, notes = event_lines(path, colours)
    lay_out(figure, layout, shapes=shapes, annotations=notes)
    return figure


def event_ticks(drawn: pd.DataFrame, *, every: int) -> dict[str, Any]:
    """Return what is written along the axis of event time."""
    at = dict(zip(drawn["label"], drawn["x"], strict=True))
    last = max((int(label[3:]) for label in at if label.startswith("ED+")), default=0)
    before = [label for label in at if label.startswith("AD-")]
    named = [
        *before[::every],
        "AD",
        "ED",
        *(f"ED+{k}" for k in range(every, last + 1, every)),
    ]
    shown = [label for label in named if label in at]
    return {
        "tickvals": [at[label] for label in shown],
        "ticktext": [label.replace("-", words.MINUS) for label in shown],
        "showgrid": False,
        "ticks": "outside",
    }


def band_of(rows: pd.DataFrame, colour: str) -> dict[str, Any]:
    """Return the trace between `low_bps` and `high_bps`, along `x`."""
    return {
        "x": [*rows["x"], *rows["x"][::-1]],
        "y": [*rows["high_bps"], *rows["low_bps"][::-1]],
        "fill": "toself",
        "fillcolor": faded(colour, 0.16),
        "line": {"width": 0},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def event_lines(
    path: pd.DataFrame, colours: Theme
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the shaded night and the lines of AD, ED and MD, with their names."""
    at = dict(zip(path["label"], path["x"], strict=True))
    right = float(path.loc[path["side"] != "all", "x"].max())
    vertical = {"type": "line", "yref": "paper", "y0": 0, "y1": 1}
    named = {"yref": "paper", "showarrow": False, "yanchor": "bottom"}
    shapes: list[dict[str, Any]] = [
        {
            "type": "rect",
            "yref": "paper",
            "x0": at["AD"],
            "x1": at["AD+1 open"],
            "y0": 0,
            "y1": 1,
            "fillcolor": faded(colours.shade, 0.55),
            "line": {"width": 0},
            "layer": "below",
        }
    ]
    notes: list[dict[str, Any]] = [
        {
            **named,
            "x": at["AD"],
            "y": 1.075,
            "xanchor": "left",
            "text": "▾ nobody could trade this",
            "font": {"size": 13, "color": colours.ink},
        }
    ]
    for label, dash in (("AD", "solid"), ("ED", "solid"), ("MD", "dash")):
        if label not in at:
            continue
        x, text, anchor = at[label], f"<b>{label}</b>", "center"
        if x > right:
            x, anchor = right + _BEYOND, "right"
            text += f" at ED+{at[label] - at['ED']:.0f} ▸"
        line = {"color": colours.ink, "width": 1.2, "dash": dash}
        shapes.append({**vertical, "x0": x, "x1": x, "line": line})
        notes.append({**named, "x": x, "y": 1.0, "xanchor": anchor, "text": text})
    return shapes, notes
