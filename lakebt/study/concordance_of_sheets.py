"""Other libraries' values of a tear sheet's numbers, with explanations."""

from __future__ import annotations

import contextlib
import importlib
import io
import warnings
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lakebt.analysis.library_statistics import (
    OF_BENCHMARK,
    STATISTICS,
    Asked,
    LibraryStatistic,
    takes_prices,
)
from lakebt.analysis.performance.measures import measures, measures_against
from lakebt.analysis.performance.portfolio import aligned

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


PACKAGES = {"quantstats": "quantstats", "empyrical": "empyrical-reloaded"}

_SAME = 1e-12
"""Numbers nearer than it, as a fraction or as they are, are the same."""


def rows_of(
    names: Sequence[str], series: pd.Series[float], benchmark: pd.Series[float] | None
) -> Iterator[dict[str, Any]]:
    """Yield a row for lakebt and for each library that has the number.

    Parameters
    ----------
    names
        Of `STATISTICS`; those of a benchmark only with one, those of months only where
        returns have dates.
    series
        Returns that can be used.
    benchmark
    """
    index = series.index
    values = np.asarray(series, dtype=np.float64)
    has_days = isinstance(index, pd.DatetimeIndex)
    month = np.zeros(len(values), dtype=np.int64)
    if isinstance(index, pd.DatetimeIndex):
        month = np.asarray(index.year * 12 + index.month - 1, dtype=np.int64)
    else:
        series = series.set_axis(pd.date_range("2000-01-03", periods=len(values)))
    own = measures(values, month)
    benchmark_series = None
    if benchmark is not None:
        benchmark_series = aligned(benchmark, index).set_axis(series.index)
        own |= measures_against(values, np.asarray(benchmark_series, dtype=np.float64))
    request = Asked(returns=values, month=month, ours=own)
    for name in names:
        if (name in OF_BENCHMARK and benchmark_series is None) or (
            name.endswith("_month") and not has_days
        ):
            continue
        value = own[name]
        yield {
            "statistic": name,
            "library": "lakebt",
            "value": value,
            "how": "run",
            "formula": value,
            "difference": 0.0,
            "setting": "",
        }
        for library, one in STATISTICS[name].items():
            number, how = _said(library, name, one, series, benchmark_series)
            yield {"statistic": name, "library": library, "how": how} | _judged(
                library, one, number, value=value, asked=request
            )


def _judged(
    library: str,
    one: LibraryStatistic,
    said: float | None,
    *,
    value: float,
    asked: Asked,
) -> dict[str, Any]:
    """Return a library's value next to its formula's, and the explanation."""
    formula = one.formula(asked)
    number = formula if said is None else said
    setting = ""
    if not _is_same(number, value):
        setting = one.setting
        if takes_prices(library, asked.returns):
            setting = "takes returns >= 0 with one above 1 for prices"
        elif not setting or not _is_same(number, formula):
            setting = "not explained: what it says is not as the formula has it"
    return {
        "value": number,
        "formula": formula,
        "difference": number - value,
        "setting": setting,
    }


def _is_same(one: float, other: float) -> bool:
    return bool(np.isclose(one, other, rtol=_SAME, atol=_SAME, equal_nan=True))


def _said(
    library: str,
    name: str,
    one: LibraryStatistic,
    series: pd.Series[float],
    benchmark: pd.Series[float] | None,
) -> tuple[float | None, str]:
    """Return a library's value (None if it cannot be run), and how it was computed."""
    try:
        module = importlib.import_module(library)
    except ImportError:
        return None, "formula"
    try:
        how = f"run {version(PACKAGES[library])}"
    except PackageNotFoundError:  # under another name
        how = "run"
    with (
        warnings.catch_warnings(action="ignore"),
        contextlib.redirect_stdout(io.StringIO()),
        np.errstate(all="ignore"),
    ):
        try:
            ask = _of_quantstats if library == "quantstats" else _of_empyrical
            return ask(module, name, one.call, series, benchmark), how
        except ZeroDivisionError:
            return float("inf"), how


def _of_quantstats(
    module: Any,
    name: str,
    call: str,
    series: pd.Series[float],
    benchmark: pd.Series[float] | None,
) -> float:
    function = getattr(module.stats, call)
    if call == "greeks":
        return float(function(series, benchmark)[name])
    if name in OF_BENCHMARK:
        return float(function(series, benchmark))
    if name.endswith("_month"):
        return float(function(series, aggregate="month"))
    return float(function(series))


def _of_empyrical(
    module: Any,
    name: str,
    call: str,
    series: pd.Series[float],
    benchmark: pd.Series[float] | None,
) -> float:
    function = getattr(module, call)
    if name in OF_BENCHMARK:
        return float(function(series, benchmark))
    if name.endswith("_month"):
        months = function(series, "monthly")
        return float(months.max() if name == "best_month" else months.min())
    return float(function(series))
