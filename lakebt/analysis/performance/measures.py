"""The numbers of a tear sheet, from plain arrays of returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lakebt.analysis.performance.drawdown import below_highest
from lakebt.analysis.sharpe import SESSIONS_PER_YEAR, sharpe_ratio
from lakebt.analysis.sharpe_ways import moments_of

if TYPE_CHECKING:
    from lakebt._typing import FloatPanel, FloatVector, IntVector

_NAN = float("nan")
_ROOT = float(np.sqrt(SESSIONS_PER_YEAR))


def measures(returns: FloatVector, month: IntVector) -> dict[str, float]:
    """Return the numbers of returns alone; `definitions.OF_RETURNS` says what they are.

    Parameters
    ----------
    returns : ndarray of shape (n,)
        Finite fractions.
    month : ndarray of shape (n,)
        A code of each one's calendar month, ascending.

    Returns
    -------
    dict
        Without returns all are NaN; with one, what needs a deviation.

    Examples
    --------
    >>> found = measures(np.array([0.1, -0.1, 0.2]), np.array([0, 0, 1]))
    >>> round(found["total_return"], 12), round(found["worst_month"], 12)
    (0.188, -0.01)
    """
    n = len(returns)
    if not n:
        return dict.fromkeys(_NAMES, _NAN)
    total = growth(returns)
    deepest = float(below_highest(returns).min())
    cagr = yearly(total, n)
    months = monthly(returns, month)
    varies = not np.isnan(sharpe_ratio(returns))
    moments = moments_of(returns) if varies else None
    moved = int(np.count_nonzero(returns))
    return {
        "total_return": total,
        "cagr": cagr,
        "volatility": deviation(returns) * _ROOT,
        "sharpe": sharpe_ratio(returns),
        "sortino": sortino(returns),
        "calmar": cagr / -deepest if deepest < 0.0 else _NAN,
        "max_drawdown": deepest,
        "best_day": float(returns.max()),
        "worst_day": float(returns.min()),
        "best_month": float(months.max()),
        "worst_month": float(months.min()),
        "hit_rate": int((returns > 0.0).sum()) / moved if moved else _NAN,
        "skew": moments.skew if moments else _NAN,
        "kurtosis": moments.kurtosis if moments else _NAN,
    }


_NAMES = (
    *("total_return", "cagr", "volatility", "sharpe", "sortino", "calmar"),
    *("max_drawdown", "best_day", "worst_day", "best_month", "worst_month"),
    *("hit_rate", "skew", "kurtosis"),
)


def growth(returns: FloatVector) -> float:
    """Return the total return: NaN without returns."""
    if not len(returns):
        return _NAN
    with np.errstate(over="ignore"):
        return float(np.prod(1.0 + returns)) - 1.0


def yearly(total: float, n_returns: int) -> float:
    """Return the growth a year; NaN where more than all was lost."""
    if not n_returns or not total >= -1.0:
        return _NAN
    with np.errstate(over="ignore"):
        return float(np.power(1.0 + total, SESSIONS_PER_YEAR / n_returns)) - 1.0


def monthly(returns: FloatVector, month: IntVector) -> FloatVector:
    """Return the return of each month that has a session, compounded."""
    starts = np.flatnonzero(np.diff(month, prepend=month[:1] - 1))
    with np.errstate(over="ignore"):
        compounded: FloatVector = np.multiply.reduceat(1.0 + returns, starts) - 1.0
    return compounded


def deviation(returns: FloatVector) -> float:
    """Return the standard deviation, ddof 1; NaN with fewer than two returns."""
    return float(returns.std(ddof=1)) if len(returns) > 1 else _NAN


def sortino(returns: FloatVector) -> float:
    r"""Return the Sortino ratio a year, to a target of zero.

    .. math:: \sqrt{252} \frac{\bar r}{\sqrt{\frac{1}{n} \sum \min(r_i, 0)^2}}

    Parameters
    ----------
    returns : ndarray of shape (n,)

    Returns
    -------
    float
        NaN with fewer than two returns, or without a loss.

    References
    ----------
    .. [1] F. A. Sortino and R. van der Meer (1991). "Downside risk". Journal of
       Portfolio Management 17(4), 27-31.

    Examples
    --------
    >>> round(sortino(np.array([0.02, -0.01, 0.02])) / 252**0.5, 12) == round(
    ...     3**0.5, 12
    ... )
    True
    """
    below = np.minimum(returns, 0.0)
    if len(returns) < 2 or not below.any():
        return _NAN
    return float(returns.mean()) / float(np.sqrt((below**2).mean())) * _ROOT


def measures_against(returns: FloatVector, benchmark: FloatVector) -> dict[str, float]:
    """Return the numbers against a benchmark; see `definitions.OF_BENCHMARK`.

    Parameters
    ----------
    returns, benchmark : ndarray of shape (n,)
        Finite fractions, of the same sessions.

    Returns
    -------
    dict
        NaN with fewer than two returns, or where something does not vary that has to.

    Examples
    --------
    >>> market = np.array([0.01, -0.01, 0.02])
    >>> found = measures_against(2.0 * market, market)
    >>> round(found["beta"], 12), round(found["correlation"], 12)
    (2.0, 1.0)
    """
    n = len(returns)
    apart = benchmark - benchmark.mean() if n else benchmark
    own = returns - returns.mean() if n else returns
    market_varies = not np.isnan(sharpe_ratio(benchmark))
    varies = not np.isnan(sharpe_ratio(returns))
    shared, squares = float((own * apart).sum()), float((apart * apart).sum())
    beta = shared / squares if market_varies else _NAN
    alpha = _NAN
    if market_varies:
        alpha = float(returns.mean()) - beta * float(benchmark.mean())
    both = float(np.sqrt((own * own).sum())) * float(np.sqrt(squares))
    active = returns - benchmark
    return {
        "alpha": alpha * SESSIONS_PER_YEAR,
        "beta": beta,
        "correlation": shared / both if market_varies and varies else _NAN,
        "tracking_error": deviation(active) * _ROOT,
        "information_ratio": sharpe_ratio(active),
        "benchmark_return": growth(benchmark),
    }


def rolling(returns: FloatVector, sessions: int) -> tuple[FloatVector, FloatVector]:
    """Return Sharpe ratio and volatility, a year, of the last `sessions` returns.

    Parameters
    ----------
    returns : ndarray of shape (n,)
    sessions
        At least 2.

    Returns
    -------
    sharpe, volatility : ndarray of shape (n,)
        NaN before there are as many; the ratio also where they do not vary.

    Examples
    --------
    >>> sharpe, volatility = rolling(np.array([0.0, 0.01, 0.02]), 3)
    >>> round(float(sharpe[-1] / 252**0.5), 9), float(sharpe[0])
    (1.0, nan)
    """
    n = len(returns)
    ratio, width = np.full(n, _NAN), np.full(n, _NAN)
    if n >= sessions:
        windows: FloatPanel = np.lib.stride_tricks.sliding_window_view(
            returns, sessions
        )
        mean, each = windows.mean(axis=1), windows.std(axis=1, ddof=1)
        varies = each > 1e-14 * np.maximum(np.abs(mean), 1.0)
        width[sessions - 1 :] = each * _ROOT
        ratio[sessions - 1 :] = np.where(
            varies, mean / np.where(varies, each, 1.0) * _ROOT, _NAN
        )
    return ratio, width
