"""A Plotly figure that a notebook keeps as a picture too."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
from plotly import io

from lakebt.report.charts.picture import picture
from lakebt.report.palette import LIGHT

PLOTLY, SVG = "application/vnd.plotly.v1+json", "image/svg+xml"


_ON_ANY = {
    LIGHT.ink: "#7d858f",
    LIGHT.muted: "#7d858f",
    LIGHT.rule: "rgba(127,127,127,0.3)",
}
"""Of letters and grid: as readable on black as on white."""


def on_any_page(figure: dict[str, Any]) -> dict[str, Any]:
    """Return a light figure without paper of its own, for light and dark notebooks.

    What is read beside its own background, a label under the pointer, stays. A figure
    of the dark theme was asked for, and stays too.
    """
    if figure.get("layout", {}).get("paper_bgcolor") != LIGHT.paper:
        return figure
    layout = _neutral(figure["layout"])
    layout |= {"paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)"}
    return figure | {"data": _neutral(figure["data"]), "layout": layout}


def _neutral(part: Any) -> Any:
    if isinstance(part, dict):
        return {
            name: value if name == "hoverlabel" else _neutral(value)
            for name, value in part.items()
        }
    if isinstance(part, list | tuple):
        return [_neutral(each) for each in part]
    return _ON_ANY.get(part, part) if isinstance(part, str) else part


class Chart(go.Figure):  # type: ignore[misc]
    """A figure that is shown where no script runs: on the web, in print, in HTML.

    A notebook gets both; a program that shows Plotly's figures shows that one.
    """

    def _repr_mimebundle_(self, *args: Any, **asked: Any) -> dict[str, Any]:
        shown = dict(super()._repr_mimebundle_(*args, **asked) or {})
        if PLOTLY not in shown:
            return shown
        config = shown[PLOTLY].get("config", {}) | {"displayModeBar": False}
        live = on_any_page(shown[PLOTLY]) | {"config": config}
        return shown | {PLOTLY: live, SVG: picture(self)}

    def _ipython_display_(self) -> None:
        shown = self._repr_mimebundle_() if io.renderers.render_on_display else {}
        if not shown:  # a renderer that opens a browser, or none
            super()._ipython_display_()
            return
        from IPython.display import display  # noqa: PLC0415 - it is there: it asks

        display(shown, raw=True)  # type: ignore[no-untyped-call]
