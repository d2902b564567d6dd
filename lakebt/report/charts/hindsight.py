"""The chart of a rule's results with look-ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.errors import InvalidArgumentError
from lakebt.report.charts.base import base_layout, lay_out, when_narrow
from lakebt.report.palette import THEMES, ThemeName

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

NAMES = {
    "as_known": "as known",
    "newest": "all known from the start",
    "effective_dates": "effective dates only",
}

_HATCH = {"as_known": "", "newest": "/", "effective_dates": "x"}


def hindsight_figure(rows: pd.DataFrame, *, theme: ThemeName = "light") -> go.Figure:
    """Draw the mean per event of each rule by what was known.

    Parameters
    ----------
    rows
        From `Hindsight.table`; those of retroactively adjusted prices are not drawn.
    theme
        "light" or "dark".

    Returns
    -------
    plotly.graph_objects.Figure
        What looks ahead is hatched, in the colour of losses.

    Raises
    ------
    InvalidArgumentError
        If no rule could be traded, even so.
    """
    from lakebt.report.charts.chart import Chart  # noqa: PLC0415 - plotly is slow

    shown = rows[~rows["retro_adjusted"]]
    if shown["mean_bps"].isna().all():
        msg = (
            "no rule could be traded, not even with hindsight: there is nothing to draw"
        )
        raise InvalidArgumentError(msg)
    colours = THEMES[theme]
    figure = Chart()
    for knowledge, of_one in shown.groupby("knowledge", sort=False):
        ahead = bool(of_one["looks_ahead"].any())
        name = NAMES[str(knowledge)]
        figure.add_bar(
            x=(of_one["entry"] + " to " + of_one["exit"]).tolist(),
            y=of_one["mean_bps"].tolist(),
            name=f"{name} (looks ahead)" if ahead else name,
            marker={
                "color": colours.negative if ahead else colours.addition,
                "pattern": {"shape": _HATCH[str(knowledge)]},
            },
            customdata=of_one["n_events"].tolist(),
            hovertemplate="%{x}<br>%{y:+.1f} bp, %{customdata} events<extra></extra>",
        )
    layout = base_layout(colours, height=320)
    layout["barmode"] = "group"
    layout["legend"] = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
    layout["yaxis"] |= {
        "title": {"text": "bp net per event", "font": {"size": 12}},
        "zeroline": True,
        "zerolinecolor": colours.muted,
    }
    layout["xaxis"] |= {"showgrid": False}
    when_narrow(layout, font__size=11)
    lay_out(figure, layout)
    return figure
