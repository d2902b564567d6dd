"""Sharpe ratios of autocorrelated returns: errors, and the yearly scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lakebt._typing import FloatVector


def autocorrelation(values: FloatVector) -> float:
    """Return the autocorrelation at lag 1, with one mean for both terms.

    Examples
    --------
    >>> autocorrelation(np.array([1.0, -1.0, 1.0, -1.0]))
    -0.75
    """
    apart = values - values.mean()
    return float((apart[1:] * apart[:-1]).sum() / (apart * apart).sum())


def error_of_mean(influence: FloatVector, *, lags: int | None = None) -> float:
    r"""Return the standard error of the mean of autocorrelated values.

    .. math:: SE^2 = \frac{1}{T^2} \left( \sum_t v_t^2 + 2 \sum_{k=1}^{m}
       \left( 1 - \tfrac{k}{m + 1} \right) \sum_t v_t v_{t-k} \right)

    Parameters
    ----------
    influence : ndarray of shape (n,)
        With mean zero. NaN propagates.
    lags
        :math:`m`; by default :math:`4 (T / 100)^{2/9}`, rounded down [2]_.

    Returns
    -------
    float
        In the unit of `influence`.

    References
    ----------
    .. [1] W. K. Newey and K. D. West (1987). "A simple, positive semi-definite,
       heteroskedasticity and autocorrelation consistent covariance matrix".
       Econometrica 55(3), 703-708.
    .. [2] W. K. Newey and K. D. West (1994). "Automatic lag selection in covariance
       matrix estimation". Review of Economic Studies 61(4), 631-653.

    Examples
    --------
    >>> round(error_of_mean(np.array([1.0, -1.0, 1.0, -1.0]), lags=1), 3)
    0.25
    """
    n = len(influence)
    depth = int(4.0 * (n / 100.0) ** (2.0 / 9.0)) if lags is None else lags
    total = float((influence * influence).sum())
    for lag in range(1, min(depth, n - 1) + 1):
        weight = 1.0 - lag / (depth + 1.0)
        total += 2.0 * weight * float((influence[lag:] * influence[:-lag]).sum())
    return float(np.sqrt(total)) / n


def lo_serial_error(returns: FloatVector, *, lags: int | None = None) -> float:
    """Return the error of a Sharpe ratio of autocorrelated returns.

    The method is that of Lo (2002) [1]_: mean and variance are estimated together by
    the method of moments, with the covariance of Newey and West, and the delta method.

    Parameters
    ----------
    returns : ndarray of shape (n,)
        Not all equal. NaN propagates.
    lags
        As in `error_of_mean`.

    Returns
    -------
    float
        Per return, as the ratio is.

    References
    ----------
    .. [1] A. W. Lo (2002). "The statistics of Sharpe ratios". Financial Analysts
       Journal 58(4), 36-52.

    Examples
    --------
    >>> round(lo_serial_error(np.array([0.0, 0.01, 0.02, 0.01]), lags=0), 3)
    0.612
    """
    apart = returns - returns.mean()
    variance = float((apart * apart).mean())
    ratio = float(returns.mean()) / variance**0.5
    influence = apart / variance**0.5 - ratio / 2.0 * (apart * apart / variance - 1.0)
    return error_of_mean(influence, lags=lags)


def eta(q: int, autocorrelations: FloatVector) -> float:
    r"""Return the factor from a ratio per return to that of the sum of `q` returns.

    .. math:: \eta(q) = q \Big/ \sqrt{q + 2 \sum_{k=1}^{q-1} (q - k) \rho_k}

    which is :math:`\sqrt q` without autocorrelation [1]_.

    Parameters
    ----------
    q
        At least 1.
    autocorrelations : ndarray of shape (n_lags,)
        From lag 1; 0 beyond the last, and those from lag `q` on are not used.

    Returns
    -------
    float
        NaN where they cannot be those of one series: the sum would not vary.

    References
    ----------
    .. [1] A. W. Lo (2002). "The statistics of Sharpe ratios". Financial Analysts
       Journal 58(4), 36-52.

    Examples
    --------
    >>> round(eta(12, np.array([])), 2), round(eta(12, 0.2 ** np.arange(1, 12)), 2)
    (3.46, 2.88)
    """
    used = np.asarray(autocorrelations, dtype=np.float64)[: q - 1]
    weights = q - np.arange(1.0, len(used) + 1.0)
    spread = q + 2.0 * float((weights * used).sum())
    return q / spread**0.5 if spread > 0.0 else float("nan")
