"""A Plotly figure that a notebook keeps as a picture too."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
from plotly import io

from lakebt.report.charts.picture import picture

PLOTLY, SVG = "application/vnd.plotly.v1+json", "image/svg+xml"


class Chart(go.Figure):  # type: ignore[misc]
    """A figure that is shown where no script runs: on the web, in print, in HTML.

    A notebook gets both; a program that shows Plotly's figures shows that one.
    """

    def _repr_mimebundle_(self, *args: Any, **asked: Any) -> dict[str, Any]:
        shown = dict(super()._repr_mimebundle_(*args, **asked) or {})
        if PLOTLY not in shown:
            return shown
        config = shown[PLOTLY].get("config", {}) | {"displayModeBar": False}
        return shown | {PLOTLY: shown[PLOTLY] | {"config": config}, SVG: picture(self)}

    def _ipython_display_(self) -> None:
        shown = self._repr_mimebundle_() if io.renderers.render_on_display else {}
        if not shown:  # a renderer that opens a browser, or none
            super()._ipython_display_()
            return
        from IPython.display import display  # noqa: PLC0415 - it is there: it asks

        display(shown, raw=True)  # type: ignore[no-untyped-call]
