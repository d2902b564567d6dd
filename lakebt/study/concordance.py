"""`lakebt.concordance`: other libraries' Sharpe ratios of the same returns."""

from __future__ import annotations

import contextlib
import importlib
import io
import warnings
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lakebt.analysis.library_formulas import FORMULAS
from lakebt.analysis.library_statistics import OF_BENCHMARK, STATISTICS
from lakebt.analysis.performance.definitions import OF_BENCHMARK as AGAINST
from lakebt.analysis.performance.definitions import OF_RETURNS
from lakebt.analysis.series import read_series
from lakebt.analysis.sharpe import SESSIONS_PER_YEAR
from lakebt.analysis.sharpe_of_series import sharpe
from lakebt.backtest.reference import installed
from lakebt.errors import InvalidArgumentError
from lakebt.inputs.checks import one_of
from lakebt.study.concordance_of_sheets import rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt._typing import FloatVector

PACKAGES = {
    "vectorbt": "vectorbt",
    "quantstats": "quantstats",
    "empyrical": "empyrical-reloaded",
}
"""What each is installed by."""

_SAME = 1e-9
"""Ratios nearer than it, as a fraction, are the same."""


def concordance(
    returns: FloatVector | pd.Series[float] | Sequence[float],
    *,
    risk_free: float | pd.Series[float] = 0.0,
    sessions_per_year: float | str = SESSIONS_PER_YEAR,
    ddof: int = 1,
    mean: str = "arithmetic",
    of: str = "sharpe",
    benchmark: pd.Series[float] | None = None,
) -> pd.DataFrame:
    """Compare lakebt's numbers with vectorbt, quantstats and empyrical.

    Each library gets only the returns and the risk-free rate. If one is not installed,
    its formula is computed here.

    Parameters
    ----------
    returns, risk_free, sessions_per_year, ddof, mean
        As in `lakebt.sharpe`. They set lakebt's own ratio only.
    of
        A number of `lakebt.Run.stats`, as ``"sortino"``; or ``"all"`` of them.
    benchmark
        Returns of the same sessions, for numbers relative to a benchmark.

    Returns
    -------
    DataFrame
        A row for lakebt and for each library: sharpe; how (``run`` with its version, or
        ``formula``); formula, lakebt's own ratio with the library's settings; the
        difference from lakebt's; and the setting that explains it, with its cure. If
        `of` is given, the index is ``statistic`` and ``library``, for the libraries
        that have this number, and ``value`` stands for ``sharpe``.

    Raises
    ------
    InvalidArgumentError
        As for `lakebt.sharpe`.
    UnknownNameError
        If `of` or `mean` is an unknown word.

    Examples
    --------
    >>> import numpy as np
    >>> returns = np.random.default_rng(1).normal(0.0005, 0.01, 504)
    >>> found = concordance(returns)
    >>> found["sharpe"].round(4).to_dict()
    {'lakebt': 0.194, 'vectorbt': 0.2335, 'quantstats': 0.194, 'empyrical': 0.194}
    >>> found.loc["vectorbt", "setting"]
    "365 periods a year, not 252: year_freq='252 days'"
    >>> more = concordance(returns, of="all")
    >>> more.loc[("skew", "quantstats"), "setting"]
    'corrected for bias: times sqrt(n (n - 1)) / (n - 2)'
    """
    wanted = one_of(of, ("sharpe", "all", *STATISTICS), what="statistic")
    if wanted != "sharpe":
        names = tuple(STATISTICS) if wanted == "all" else (wanted,)
        checked = read_series(returns)
        if wanted in OF_BENCHMARK and benchmark is None:
            msg = f"of={wanted!r} is against a benchmark: give its returns"
            raise InvalidArgumentError(msg)
        series = pd.Series(checked.numbers, index=checked.index)
        rows = rows_of(names, series, benchmark)
        sheet = pd.DataFrame(rows).set_index(["statistic", "library"])
        sheet.attrs["definitions"] = {
            name: (OF_RETURNS | AGAINST)[name].definition for name in names
        }
        return sheet[["value", "how", "formula", "difference", "setting"]]
    own_ratio = sharpe(
        returns,
        risk_free=risk_free,
        sessions_per_year=sessions_per_year,
        ddof=ddof,
        mean=mean,
    )
    whole = read_series(returns)
    values, rate = whole.numbers, _aligned(risk_free, whole.index)
    by_library: dict[str, dict[str, Any]] = {
        "lakebt": {"sharpe": own_ratio.value, "how": "run", "formula": own_ratio.value}
    }
    for name, library in FORMULAS.items():
        given, taken = values, rate
        if isinstance(rate, np.ndarray) and not library.is_rate_yearly:
            given, taken = values - rate, 0.0  # it takes no series
        expected = library.ratio(given, taken)
        number, how = _said(name, given, taken)
        words = library.differences(
            given,
            year=own_ratio.definition.sessions_per_year,
            ddof=ddof,
            mean=mean,
            has_rate=bool(np.any(np.asarray(rate) != 0.0)),
        )
        value = expected if number is None else number
        if not np.isclose(value, expected, rtol=_SAME, atol=_SAME, equal_nan=True):
            words = [f"not explained: {how} is not as the formula has it"]
        by_library[name] = {
            "sharpe": value,
            "how": how,
            "formula": expected,
            "setting": "; ".join(words),
        }
    frame = pd.DataFrame.from_dict(by_library, orient="index").rename_axis("library")
    frame["difference"] = frame["sharpe"] - own_ratio.value
    frame["setting"] = frame["setting"].fillna("")
    frame.attrs["definition"] = str(own_ratio.definition)
    return frame[["sharpe", "how", "formula", "difference", "setting"]]


def _aligned(
    risk_free: float | pd.Series[float], index: pd.Index[Any]
) -> FloatVector | float:
    if isinstance(risk_free, pd.Series):
        return np.asarray(risk_free.reindex(index), dtype=np.float64)
    return float(risk_free)


def _said(
    name: str, values: FloatVector, rate: FloatVector | float
) -> tuple[float | None, str]:
    """Return a library's number (None if it cannot be run), and how it was computed."""
    # A ratio does not depend on labels, and not every library takes all of them.
    series = pd.Series(values, index=pd.date_range("2000-01-03", periods=len(values)))
    try:
        value = _ask(name, series, rate)
    except (ImportError, InvalidArgumentError):
        return None, "formula"
    try:
        return value, f"run {version(PACKAGES[name])}"
    except PackageNotFoundError:  # under another name
        return value, "run"


def _ask(name: str, series: pd.Series[float], rate: FloatVector | float) -> float:
    """Run a library, without its output and warnings."""
    with (
        warnings.catch_warnings(action="ignore"),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        if name == "vectorbt":
            installed()
            accessor = series.vbt.returns(freq="1D")  # type: ignore[attr-defined]
            return float(accessor.sharpe_ratio(risk_free=rate))
        library = importlib.import_module(name)
        if name == "quantstats":
            given = pd.Series(rate, index=series.index) if np.ndim(rate) else rate
            return float(library.stats.sharpe(series, rf=given))
        return float(library.sharpe_ratio(series, risk_free=rate))
