"""The layout and the hover texts that all figures share."""

from __future__ import annotations

import copy
import html
import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import plotly.graph_objects as go

    from lakebt.report.palette import Theme


LABEL = 60
"""How many characters a line of a label has at most."""

FONT = "-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def base_layout(colours: Theme, *, height: int) -> dict[str, Any]:
    """Return what all figures share: no frame, no toolbar, nothing to drag.

    Parameters
    ----------
    colours
        The theme.
    height
        In pixels; the width is that of the page.
    """
    axis = {
        "fixedrange": True,
        "automargin": True,
        "gridcolor": colours.rule,
        "linecolor": colours.rule,
        "tickcolor": colours.rule,
        "zeroline": False,
        "title": {"text": "", "font": {"size": 13}},
    }
    return {
        "template": None,
        "height": height,
        "autosize": True,
        "dragmode": False,
        "paper_bgcolor": colours.paper,
        "plot_bgcolor": colours.paper,
        "font": {"family": FONT, "size": 13, "color": colours.muted},
        "margin": {"l": 8, "r": 24, "t": 28, "b": 36},
        "hoverlabel": {
            "bgcolor": colours.paper,
            "bordercolor": colours.muted,
            "font": {"family": FONT, "size": 13, "color": colours.ink},
            "align": "left",
        },
        "meta": {"narrow": {"hoverlabel.font.size": 10}},
        "xaxis": copy.deepcopy(axis),
        "yaxis": copy.deepcopy(axis),
    }


def lay_out(figure: go.Figure, layout: dict[str, Any], **more: Any) -> None:
    """Give a new figure its layout, in one piece: Plotly updates a layout key by key.

    A page has a dozen figures in two themes, and is made in half of the time.

    Parameters
    ----------
    figure
        Changed in place: what it had of a layout is gone.
    layout, **more
        All of it.
    """
    # Without one it is given the default, which is long to copy, and to take away.
    figure.layout = layout | more | {"template": {}}
    figure.update_layout(template=None)  # no look of Plotly's own


def hover(lines: Iterable[str]) -> str:
    """Write lines as Plotly reads them: a fact may hold a "<".

    Lines are as long as half of a notebook's figure is wide: a wider label is cut. The
    script of a page makes them shorter where its column is narrow.
    """
    short = (each for line in lines for each in textwrap.wrap(line, LABEL) or [""])
    return "<br>".join(html.escape(line) for line in short)


def estimates(
    rows: Sequence[dict[str, Any]],
    *,
    first: int,
    value: str,
    high: str,
    text: Sequence[str],
    marker: dict[str, Any],
    bar: dict[str, Any],
) -> dict[str, Any]:
    """Return estimates as points side by side from `first` on, each with a bar.

    A row is an estimate: under `value`, the bar ending at what it has under `high`.
    """
    return {
        "x": list(range(first, first + len(rows))),
        "y": [row[value] for row in rows],
        "error_y": {
            "type": "data",
            "array": [row[high] - row[value] for row in rows],
            **bar,
        },
        "mode": "markers",
        "marker": marker,
        "text": list(text),
        "hovertemplate": "%{text}<extra></extra>",
        "showlegend": False,
    }


def signed(colours: Theme, *, limit: float, gap: int = 2) -> dict[str, Any]:
    """Return how a heatmap shows values from -`limit` to `limit`, and 0 between."""
    return {
        "colorscale": [
            [0.0, colours.negative],
            [0.5, colours.middle],
            [1.0, colours.positive],
        ],
        "zmin": -limit,
        "zmax": limit,
        "xgap": gap,
        "ygap": gap,
    }


def when_narrow(layout: dict[str, Any], **changes: Any) -> None:
    """Say what differs in a narrow window, such as a phone's.

    Plotly keeps `meta` as it is; the report's script reads it.

    Parameters
    ----------
    layout
        Changed in place.
    **changes
        Value by path in the layout, its dots written as double underscores.
    """
    layout["meta"]["narrow"] |= {
        name.replace("__", "."): value for name, value in changes.items()
    }


def day(session: object) -> str:
    """Write the day of a session, given as a date or a timestamp."""
    return str(session)[:10]
