"""The figures of a report, as Plotly figures in two themes, for pages and notebooks."""

from __future__ import annotations

from lakebt.report.money_charts import equity_figure, waterfall_figure, weights_figure
from lakebt.report.path_chart import path_figure
from lakebt.report.surface_chart import surface_figure

__all__ = [
    "equity_figure",
    "path_figure",
    "surface_figure",
    "waterfall_figure",
    "weights_figure",
]
