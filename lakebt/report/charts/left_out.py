"""Chart of the mean without each announcement date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.errors import InvalidArgumentError
from lakebt.report import words
from lakebt.report.charts.base import base_layout, day, estimates, lay_out, when_narrow
from lakebt.report.palette import THEMES, ThemeName
from lakebt.report.surface import records

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


_FEWEST = 3


def left_out_figure(
    left: pd.DataFrame,
    *,
    mean_bps: float,
    rule: tuple[str, str],
    theme: ThemeName = "light",
    height: int = 340,
) -> go.Figure:
    """Draw the mean without each date, from the lowest to the highest.

    The line is the mean of all dates. The two dates that move it most are named.

    Parameters
    ----------
    left
        From `lakebt.study.stability.Stability.without_date`.
    mean_bps
        Of all dates.
    rule
        Entry and exit.
    theme
        "light" or "dark".
    height
        In pixels.

    Raises
    ------
    InvalidArgumentError
        With fewer than three dates.
    """
    from lakebt.report.charts.chart import Chart  # noqa: PLC0415 - plotly is slow

    if len(left) < _FEWEST:
        msg = (
            f"{rule[0]} to {rule[1]} has {len(left)} dates to leave out, and needs "
            f"{_FEWEST}: take a rule that was traded on more"
        )
        raise InvalidArgumentError(msg)
    colours = THEMES[theme]
    rows = records(left.sort_values("mean_bps", kind="stable"))
    figure = Chart()
    points = estimates(
        rows,
        first=1,
        value="mean_bps",
        high="high_bps",
        text=[
            f"without {day(row['date'])}: {words.bps(row['mean_bps'])} bp<br>95 % "
            f"{words.bps(row['low_bps'])} to {words.bps(row['high_bps'])}, "
            f"{words.n_of(row['n_changes'])}"
            for row in rows
        ],
        marker={"color": colours.addition, "size": 5},
        bar={"color": colours.rule, "thickness": 1, "width": 0},
    )
    figure.add_scatter(**points)
    layout = base_layout(colours, height=height)
    layout["margin"].update(t=44, b=52)
    layout["xaxis"] |= {
        "showgrid": False,
        "range": [0.0, len(rows) + 1.0],
        "title": {"text": "announcement dates, one left out", "font": {"size": 12}},
        "tickvals": [1, len(rows)],
        "ticktext": ["1", str(len(rows))],
    }
    layout["yaxis"] |= {
        "title": {"text": "bp per change", "font": {"size": 12}},
        "tickformat": ",~g",
        "zeroline": True,
        "zerolinecolor": colours.muted,
        "nticks": 6,
    }
    layout["shapes"] = [
        {
            "type": "line",
            "x0": 0.0,
            "x1": len(rows) + 1.0,
            "y0": mean_bps,
            "y1": mean_bps,
            "line": {"color": colours.deletion, "width": 1.5, "dash": "dash"},
        }
    ]
    named = {"yref": "paper", "showarrow": False, "yanchor": "bottom", "y": 1.02}
    layout["annotations"] = [
        {
            **named,
            "x": x,
            "xanchor": anchor,
            "text": f"without {day(row['date'])}: {words.bps(row['mean_bps'])} bp",
            "font": {"size": 12, "color": colours.ink},
        }
        for x, anchor, row in ((1, "left", rows[0]), (len(rows), "right", rows[-1]))
    ]
    when_narrow(layout, font__size=10)
    lay_out(figure, layout)
    return figure
