"""The figures of a report, as Plotly figures in two themes, for pages and notebooks."""

from __future__ import annotations

from lakebt.report.charts.left_out import left_out_figure
from lakebt.report.charts.money import equity_figure, waterfall_figure, weights_figure
from lakebt.report.charts.path import path_figure
from lakebt.report.charts.ridge import ridge_figure
from lakebt.report.charts.surface import surface_figure
from lakebt.report.charts.years import years_figure

__all__ = [
    "equity_figure",
    "left_out_figure",
    "path_figure",
    "ridge_figure",
    "surface_figure",
    "waterfall_figure",
    "weights_figure",
    "years_figure",
]
