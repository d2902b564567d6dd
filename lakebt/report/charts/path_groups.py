"""Draws paths of events beside each other: by group, and at random other dates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakebt.errors import InvalidArgumentError
from lakebt.report import words
from lakebt.report.charts.base import base_layout, lay_out, when_narrow
from lakebt.report.charts.path import band_of, event_lines, event_ticks
from lakebt.report.palette import THEMES, Theme, ThemeName
from lakebt.report.surface import records
from lakebt.values.text import count

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

MOST = 8
"""Groups that can be told apart."""

_COLOURS = (
    *("#0072b2", "#d55e00", "#009e73", "#cc79a7"),
    *("#e69f00", "#56b4e9", "#8c6d31", "#7f7f7f"),
)
"""Of the groups: Okabe and Ito (2008), without black and yellow."""


def groups_figure(
    paths: pd.DataFrame,
    *,
    side: str | None = None,
    market: str | None = None,
    theme: ThemeName = "light",
) -> go.Figure:
    """Draw the average path of each group, of one side.

    Parameters
    ----------
    paths
        By ``group``, from `lakebt.Result.paths`.
    side
        "addition" or "deletion"; the first that there is, if not given.
    market
        What was taken off; None for nothing.
    theme
        "light" or "dark".

    Returns
    -------
    plotly.graph_objects.Figure
        Of more than eight groups the largest, in their order.

    Raises
    ------
    InvalidArgumentError
        If there is no path of that side.
    """
    from lakebt.report.charts.chart import Chart  # noqa: PLC0415 - plotly is slow

    colours = THEMES[theme]
    there = [s for s in ("addition", "deletion") if (paths["side"] == s).any()]
    chosen = side or (there[0] if there else "addition")
    drawn = paths[(paths["side"] == chosen) & paths["mean_bps"].notna()]
    if drawn.empty:
        msg = f"there is no path of {chosen!r} to draw: there are {there or 'none'}"
        raise InvalidArgumentError(msg)
    sizes = drawn.groupby("group", sort=False)["n"].max()
    kept = set(sizes.sort_values(ascending=False, kind="stable").index[:MOST])
    groups = [str(group) for group in sizes.index if group in kept]
    figure = Chart()
    for group, colour in zip(groups, _COLOURS, strict=False):
        rows = drawn[drawn["group"] == group]
        figure.add_scatter(
            x=rows["x"],
            y=rows["mean_bps"],
            mode="lines",
            name=f"{group} ({count(int(rows['n'].max()))})",
            line={"color": colour, "width": 2},
            text=[_told(row, group) for row in records(rows)],
            hovertemplate="%{text}<extra></extra>",
        )
    title = f"basis points{'' if market is None else f' over {market}'}, {chosen}s"
    layout = _event_time(drawn, colours, title)
    shapes, notes = event_lines(drawn, colours)
    if len(sizes) > len(groups):
        notes.append(_note(f"the {MOST} largest of {len(sizes)} groups", colours))
    lay_out(figure, layout, shapes=shapes, annotations=notes)
    return figure


def placebo_figure(
    placebo: pd.DataFrame, *, market: str | None = None, theme: ThemeName = "light"
) -> go.Figure:
    """Draw paths of events, and where those at random other dates lie.

    Parameters
    ----------
    placebo
        From `lakebt.Result.placebo`.
    market
        What was taken off; None for nothing.
    theme
        "light" or "dark".

    Returns
    -------
    plotly.graph_objects.Figure
        The bands hold 95 % of the draws.

    Raises
    ------
    InvalidArgumentError
        If nothing could be moved.
    """
    from lakebt.report.charts.chart import Chart  # noqa: PLC0415 - plotly is slow

    colours = THEMES[theme]
    if placebo["mean_bps"].isna().all():
        msg = "no change could be moved to another date: there is nothing to draw"
        raise InvalidArgumentError(msg)
    figure = Chart()
    for side, colour in (
        ("addition", colours.addition),
        ("deletion", colours.deletion),
    ):
        rows = placebo[placebo["side"] == side]
        band = rows.dropna(subset=["low_bps", "high_bps"])
        if band.empty:
            continue
        figure.add_scatter(**band_of(band, colour))
        seen = rows[rows["observed_bps"].notna()]
        figure.add_scatter(
            x=seen["x"],
            y=seen["observed_bps"],
            mode="lines",
            name=f"{side}s, {count(int(rows['n'].max()))}; band: at other dates",
            line={"color": colour, "width": 2.5},
            text=[
                f"{row['label']}: {words.bps(row['observed_bps'])} bp, {side}s<br>"
                f"elsewhere {words.bps(row['low_bps'])} to "
                f"{words.bps(row['high_bps'])}, p {words.p_value(row['p_value'])}"
                for row in records(seen)
            ],
            hovertemplate="%{text}<extra></extra>",
        )
    title = f"basis points{'' if market is None else f' over {market}'}"
    layout = _event_time(placebo, colours, title)
    shapes, notes = event_lines(placebo, colours)
    lay_out(figure, layout, shapes=shapes, annotations=notes)
    return figure


def _told(row: dict[str, Any], group: str) -> str:
    return (
        f"{row['label']}: {words.bps(row['mean_bps'])} bp, {group}<br>"
        f"95% band {words.bps(row['low_bps'])} to {words.bps(row['high_bps'])}, "
        f"n = {count(row['n'])}"
    )


def _note(text: str, colours: Theme) -> dict[str, Any]:
    return {
        "xref": "paper",
        "yref": "paper",
        "x": 1,
        "y": 0.02,
        "xanchor": "right",
        "yanchor": "bottom",
        "showarrow": False,
        "text": text,
        "font": {"size": 12, "color": colours.muted},
    }


def _event_time(drawn: pd.DataFrame, colours: Theme, title: str) -> dict[str, Any]:
    """Return the layout of paths: event time along, basis points up."""
    layout = base_layout(colours, height=430)
    layout["margin"].update(t=62, b=84)
    layout["xaxis"] |= event_ticks(drawn, every=5)
    ends = float(drawn["x"].min()), float(drawn["x"].max())
    layout["xaxis"]["range"] = [ends[0] - 0.5, ends[1] + 0.5]
    few = event_ticks(drawn, every=10)
    when_narrow(
        layout,
        font__size=11,
        xaxis__tickvals=few["tickvals"],
        xaxis__ticktext=few["ticktext"],
    )
    layout["yaxis"] |= {
        "title": {"text": title, "font": {"size": 13}},
        "tickformat": ",~g",
        "zeroline": True,
        "zerolinecolor": colours.muted,
        "zerolinewidth": 1,
    }
    layout["legend"] = {"orientation": "h", "x": 0, "y": -0.13, "yanchor": "top"}
    return layout
