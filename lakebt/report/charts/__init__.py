"""The figures of a report, as Plotly figures in two themes, for pages and notebooks."""

from __future__ import annotations

from lakebt.report.charts.caar import caar_figure
from lakebt.report.charts.chance import claims_figure, null_figure, sharpe_figure
from lakebt.report.charts.curves import (
    exposure_figure,
    growth_figure,
    rolling_figure,
)
from lakebt.report.charts.distribution import distribution_figure
from lakebt.report.charts.hindsight import hindsight_figure
from lakebt.report.charts.largest import largest_figure
from lakebt.report.charts.left_out import left_out_figure
from lakebt.report.charts.money import equity_figure, waterfall_figure, weights_figure
from lakebt.report.charts.months import months_figure
from lakebt.report.charts.path import path_figure
from lakebt.report.charts.path_groups import groups_figure, placebo_figure
from lakebt.report.charts.ridge import ridge_figure
from lakebt.report.charts.surface import surface_figure
from lakebt.report.charts.years import years_figure

__all__ = [
    "caar_figure",
    "claims_figure",
    "distribution_figure",
    "equity_figure",
    "exposure_figure",
    "groups_figure",
    "growth_figure",
    "hindsight_figure",
    "largest_figure",
    "left_out_figure",
    "months_figure",
    "null_figure",
    "path_figure",
    "placebo_figure",
    "ridge_figure",
    "rolling_figure",
    "sharpe_figure",
    "surface_figure",
    "waterfall_figure",
    "weights_figure",
    "years_figure",
]
