"""A tear sheet as a section of a page: its rows in words, and its figures."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from lakebt.report import words
from lakebt.report.charts import (
    distribution_figure,
    exposure_figure,
    growth_figure,
    largest_figure,
    months_figure,
    rolling_figure,
)
from lakebt.report.sheet_words import number, rows_of
from lakebt.report.surface import records
from lakebt.values.text import capitalised, count

if TYPE_CHECKING:
    from lakebt.report.page import Figures
    from lakebt.report.sheet_data import SheetData

SESSIONS = 126
"""Of windows that roll: half a year."""

_DIGITS = 6
"""Of what is drawn: more cannot be seen, and takes room."""


def sheet_section(sheet: SheetData | None) -> dict[str, Any] | None:
    """Return a tear sheet as its template names it; None where nothing was traded."""
    if sheet is None or not sheet.performance.numbers()["n_returns"]:
        return None
    stats = sheet.performance.stats()
    years = sheet.performance.by_year().reset_index()
    fractions = ("total_return", "volatility", "max_drawdown", "benchmark_return")
    text = stats["definition"].get("exposure", "")
    return {
        "rows": rows_of(stats),
        "benchmark": sheet.benchmark,
        "exposure": f"{capitalised(str(text).removeprefix('mean over sessions of '))}."
        if text
        else "",
        "idle": _idle(sheet),
        "years": [
            {
                "year": str(row["year"]),
                "sharpe": words.sharpe(row["sharpe"]),
                "n_returns": count(row["n_returns"]),
                **{
                    name: number(row[name], "fraction")
                    for name in fractions
                    if name in row
                },
            }
            for row in records(years)
        ],
    }


def _idle(sheet: SheetData) -> str:
    """Say how many returns are not among those that are drawn."""
    number = int((sheet.performance.returns == 0.0).sum())
    return f" {capitalised(count(number, 'return'))} of 0 left out." if number else ""


def sheet_figures(sheet: SheetData | None) -> Figures:
    """Return what draws each figure of a tear sheet."""
    if sheet is None or not sheet.performance.numbers()["n_returns"]:
        return {}
    curves = sheet.performance.curves(SESSIONS)
    curves = curves.round(
        {
            name: _DIGITS
            for name in curves.columns
            if name not in {"equity", "benchmark"}
        }
    )
    for name in curves.columns.intersection(["equity", "benchmark"]):
        curves[name] = [float(f"{value:.7g}") for value in curves[name].tolist()]
    figures: Figures = {
        "growth-figure": functools.partial(
            growth_figure, curves, benchmark=sheet.benchmark
        ),
        "months-figure": functools.partial(months_figure, sheet.performance.by_month()),
        "rolling-figure": functools.partial(rolling_figure, curves, sessions=SESSIONS),
        "returns-figure": functools.partial(
            distribution_figure, sheet.performance.returns, noun="session"
        ),
        "exposure-figure": functools.partial(exposure_figure, curves["exposure"]),
    }
    weights = sheet.weights
    if weights is not None and weights.to_numpy().any():
        figures["positions-figure"] = functools.partial(largest_figure, weights)
    return figures
