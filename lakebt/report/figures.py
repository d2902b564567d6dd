"""The figures of a report, as Plotly figures in two themes, for pages and notebooks."""

from __future__ import annotations

from lakebt.report.money_charts import equity_figure, waterfall_figure, weights_figure
from lakebt.report.path_chart import path_figure
from lakebt.report.ridge_chart import ridge_figure
from lakebt.report.surface_chart import surface_figure
from lakebt.report.years_chart import years_figure

__all__ = [
    "equity_figure",
    "path_figure",
    "ridge_figure",
    "surface_figure",
    "waterfall_figure",
    "weights_figure",
    "years_figure",
]
