"""Draws the returns of a rule year by year."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.errors import InvalidArgumentError
from lakebt.report import words
from lakebt.report.charts.base import base_layout, lay_out, when_narrow
from lakebt.report.palette import THEMES, ThemeName
from lakebt.report.surface import records
from lakebt.values.few_dates import mark
from lakebt.values.text import count

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


def years_figure(
    years: pd.DataFrame,
    *,
    rule: tuple[str, str],
    theme: ThemeName = "light",
    height: int = 320,
) -> go.Figure:
    """Draw the mean net return per event of each year, with its standard error.

    Parameters
    ----------
    years
        From `lakebt.Result.by_year`; at least one row.
    rule
        Entry and exit.
    theme
        "light" or "dark".
    height
        In pixels.

    Returns
    -------
    plotly.graph_objects.Figure
        With a second, empty trace for another rule beside it.

    Raises
    ------
    InvalidArgumentError
        If there is no year.
    """
    from lakebt.report.charts.chart import Chart  # noqa: PLC0415 - plotly is slow

    if years.empty:
        msg = f"{rule[0]} to {rule[1]} has no year to draw: no event of it was traded"
        raise InvalidArgumentError(msg)
    colours = THEMES[theme]
    figure = Chart()
    for name, rows, colour, symbol in (
        (f"{rule[0]} to {rule[1]}", records(years), colours.addition, "circle"),
        ("this cell", [], colours.deletion, "diamond"),
    ):
        figure.add_scatter(
            x=[row["year"] for row in rows],
            y=[row["mean_bps"] for row in rows],
            error_y={
                "type": "data",
                "array": [row["se_bps"] for row in rows],
                "color": colour,
                "thickness": 1.5,
                "width": 3,
            },
            mode="markers",
            name=name,
            marker={"color": colour, "size": 8, "symbol": symbol},
            text=[year_in_words(row) for row in rows],
            hovertemplate="%{text}<extra></extra>",
            visible=bool(rows),
        )
    layout = base_layout(colours, height=height)
    layout["showlegend"] = False
    layout["hovermode"] = "closest"
    layout["legend"] = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
    layout["yaxis"] |= {
        "title": {"text": "bp net per event", "font": {"size": 12}},
        "tickformat": ",~g",
        "zeroline": True,
        "zerolinecolor": colours.muted,
        "nticks": 6,
    }
    layout["xaxis"] |= {
        "showgrid": False,
        "tickformat": "d",
        "dtick": max(1, -(-len(years) // 9)),
        "range": [int(years["year"].min()) - 0.6, int(years["year"].max()) + 0.6],
    }
    when_narrow(layout, font__size=11)
    lay_out(figure, layout)
    return figure


def year_in_words(row: dict[str, float]) -> str:
    """Return one year in one line.

    Examples
    --------
    >>> year_in_words({"year": 2020, "n_events": 12, "mean_bps": 61.2, "se_bps": 20.0})
    '2020: +61 ± 20 bp net per event, n = 12'
    """
    return (
        f"{int(row['year'])}: {words.bps(row['mean_bps'])} "
        f"{words.error_bps(row['se_bps'])} bp net per event, "
        f"n = {count(row['n_events'])}"
    )


def years_rows(years: pd.DataFrame) -> list[dict[str, str]]:
    """Return the years as a table."""
    return [
        {
            "year": str(int(row["year"])),
            "net": f"{words.bps(row['mean_bps'])} {words.error_bps(row['se_bps'])}",
            "sharpe": (
                f"{words.sharpe(row['sharpe'])} {words.error(row['sharpe_se'])} "
                f"{mark(row['n_dates'])}"
            ).rstrip(),
            "events": count(row["n_events"]),
            "dates": count(row["n_dates"]),
        }
        for row in records(years)
    ]
