"""One stated definition of the Sharpe ratio, and its standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lakebt._typing import FloatVector, IntVector


SESSIONS_PER_YEAR = 252

CANCELLED = 1e-6
"""Of a sum of squares, what subtraction leaves of it with too few digits."""

_ROUNDING = 1e-14
"""A daily deviation of less, as a fraction, is that of the arithmetic."""


def sharpe_ratio(returns: FloatVector) -> float:
    r"""Return the annualised Sharpe ratio of daily returns.

    .. math:: SR = \sqrt{252} \, \bar r / s

    Parameters
    ----------
    returns : ndarray of shape (n_sessions,)
        Fractions. NaN is an error of the caller and propagates.

    Returns
    -------
    float
        NaN with fewer than two returns, or where they do not vary.

    References
    ----------
    .. [1] W. F. Sharpe (1994). "The Sharpe ratio". Journal of Portfolio Management
       21(1), 49-58.

    Examples
    --------
    Mean 1 %, standard deviation 1 %:

    >>> round(sharpe_ratio(np.array([0.0, 0.01, 0.02])), 4) == round(252**0.5, 4)
    True
    """
    if len(returns) < 2:
        return float("nan")
    mean = float(returns.mean())
    return float(
        ratio_of_moments(len(returns), mean, float(((returns - mean) ** 2).sum()))
    )


def ratio_of_moments(
    count: IntVector | int, mean: FloatVector | float, m2: FloatVector | float
) -> FloatVector:
    """Return annualised Sharpe ratios from the moments of daily returns.

    Parameters
    ----------
    count, mean, m2 : number or ndarray of shape (n,)
        Number of returns, their mean, and the sum of their squared deviations from it.

    Returns
    -------
    ndarray of shape (n,), or ()
        NaN with fewer than two returns, or where they do not vary.

    Examples
    --------
    >>> float(ratio_of_moments(3, 0.01, 0.0002)).__round__(4)
    15.8745
    """
    number, average = np.asarray(count), np.asarray(mean, dtype=np.float64)
    spread = np.maximum(m2, 0.0) / np.maximum(number - 1, 1)
    deviation = np.sqrt(spread)
    # A constant series deviates by rounding alone: that of equity over equity, less 1.
    varies = (number > 1) & (deviation > _ROUNDING * np.maximum(np.abs(average), 1.0))
    ratio: FloatVector = np.where(
        varies,
        average / np.where(varies, deviation, 1.0) * np.sqrt(SESSIONS_PER_YEAR),
        np.nan,
    )
    return ratio


def lo_standard_error(value: float, n_returns: int) -> float:
    r"""Return the standard error of a Sharpe ratio of independent returns.

    .. math:: SE = \sqrt{252} \sqrt{(1 + SR_d^2 / 2) / n}

    with :math:`SR_d` the daily ratio [1]_.

    Parameters
    ----------
    value
        Annualised.
    n_returns
        Number of daily returns.

    Returns
    -------
    float
        Annualised; NaN where `value` is.

    References
    ----------
    .. [1] A. W. Lo (2002). "The statistics of Sharpe ratios". Financial Analysts
       Journal 58(4), 36-52, equation 9.

    Examples
    --------
    >>> round(lo_standard_error(0.0, 252), 12)
    1.0
    """
    if n_returns < 2 or np.isnan(value):
        return float("nan")
    daily = value / np.sqrt(SESSIONS_PER_YEAR)
    return float(np.sqrt(SESSIONS_PER_YEAR * (1.0 + daily**2 / 2.0) / n_returns))
