"""Inference on the Sharpe ratio of one series: standard error and probability.

Every ratio and benchmark here is per return, not per year: divide a yearly one by
``sqrt(252)`` first. Skewness and kurtosis are 0 and 3 for a normal series. Arguments
are numbers or arrays of one shape; NaN propagates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from lakebt._typing import FloatVector

    Numbers: TypeAlias = FloatVector | float


def sharpe_error(
    ratio: Numbers,
    n_returns: Numbers,
    *,
    skew: Numbers = 0.0,
    kurtosis: Numbers = 3.0,
    rho: Numbers = 0.0,
) -> FloatVector:
    r"""Return the standard error of a Sharpe ratio per return.

    .. math:: SE^2 = \frac{1}{T} \left( \frac{1+\rho}{1-\rho}
       - \frac{1+\rho+\rho^2}{1-\rho^2} \gamma_3 SR
       + \frac{1+\rho^2}{1-\rho^2} \frac{\gamma_4 - 1}{4} SR^2 \right)

    of returns that follow their predecessor with autocorrelation :math:`\rho` [1]_.
    With no skewness, kurtosis 3 and no autocorrelation it is that of Lo [2]_.

    Parameters
    ----------
    ratio, n_returns, skew, kurtosis, rho : number or ndarray of shape (n,)
        The ratio per return, the number of returns, and their moments: the kurtosis of
        a normal series is 3. Between -1 and 1: `rho`.

    Returns
    -------
    ndarray of shape (n,), or ()
        Per return. NaN where the moments cannot be those of one series.

    References
    ----------
    .. [1] M. Lopez de Prado, A. Lipton and V. Zoonekynd (2026). "How to use the Sharpe
       ratio", equation 3.
    .. [2] A. W. Lo (2002). "The statistics of Sharpe ratios". Financial Analysts
       Journal 58(4), 36-52.

    Examples
    --------
    >>> round(float(sharpe_error(0.5, 12)), 3)
    0.306
    >>> error = sharpe_error(0.036 / 0.079, 24, skew=-2.448, kurtosis=10.164, rho=0.2)
    >>> round(float(error), 3)
    0.379
    """
    value, r = np.asarray(ratio, dtype=np.float64), np.asarray(rho, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = (
            (1.0 + r) / (1.0 - r)
            - (1.0 + r + r * r) / (1.0 - r * r) * skew * value
            + (1.0 + r * r) / (1.0 - r * r) * (kurtosis - 1.0) / 4.0 * value * value
        ) / n_returns
        error: FloatVector = np.where(
            (np.abs(r) < 1.0) & (variance > 0.0) & np.isfinite(variance),
            np.sqrt(np.maximum(variance, 0.0)),
            np.nan,
        )[()]
    return error


def probabilistic_sharpe(
    ratio: Numbers,
    n_returns: Numbers,
    *,
    benchmark: Numbers = 0.0,
    skew: Numbers = 0.0,
    kurtosis: Numbers = 3.0,
    rho: Numbers = 0.0,
    at: Literal["benchmark", "ratio"] = "benchmark",
) -> FloatVector:
    r"""Return the probability that the true Sharpe ratio exceeds a benchmark.

    .. math:: PSR = \Phi \left( (SR - SR_0) / SE \right)

    Parameters
    ----------
    ratio, n_returns, benchmark, skew, kurtosis, rho : number or ndarray of shape (n,)
        As in `sharpe_error`.
    at
        Where the error is evaluated: at the ``benchmark`` [1]_, as in a test, or at the
        ``ratio`` with n - 1 returns, as first proposed [2]_.

    Returns
    -------
    ndarray of shape (n,), or ()
        Between 0 and 1.

    References
    ----------
    .. [1] M. Lopez de Prado, A. Lipton and V. Zoonekynd (2026). "How to use the Sharpe
       ratio".
    .. [2] D. H. Bailey and M. Lopez de Prado (2012). "The Sharpe ratio efficient
       frontier". Journal of Risk 15(2), 3-44.

    Examples
    --------
    >>> moments = {"skew": -2.448, "kurtosis": 10.164, "rho": 0.2}
    >>> round(float(probabilistic_sharpe(0.036 / 0.079, 24, **moments)), 3)
    0.966
    """
    from scipy.special import ndtr  # noqa: PLC0415 - scipy takes 0.1 s

    error = sharpe_error(
        benchmark if at == "benchmark" else ratio,
        n_returns if at == "benchmark" else n_returns - 1.0,
        skew=skew,
        kurtosis=kurtosis,
        rho=rho,
    )
    probability: FloatVector = ndtr((np.asarray(ratio) - benchmark) / error)
    return probability


def minimum_track_record(
    ratio: Numbers,
    *,
    benchmark: Numbers = 0.0,
    skew: Numbers = 0.0,
    kurtosis: Numbers = 3.0,
    rho: Numbers = 0.0,
    alpha: float = 0.05,
) -> FloatVector:
    r"""Return the number of returns a ratio needs to exceed a benchmark significantly.

    .. math:: T^* = T \cdot SE_0^2 \, \left( z_{1-\alpha} / (SR - SR_0) \right)^2

    with the error at the benchmark, which does not depend on T when multiplied by it
    [1]_.

    Parameters
    ----------
    ratio, benchmark, skew, kurtosis, rho : number or ndarray of shape (n,)
        As in `sharpe_error`.
    alpha
        One-sided.

    Returns
    -------
    ndarray of shape (n,), or ()
        In returns. Infinite where the ratio does not exceed the benchmark.

    References
    ----------
    .. [1] M. Lopez de Prado, A. Lipton and V. Zoonekynd (2026). "How to use the Sharpe
       ratio".

    Examples
    --------
    >>> moments = {"skew": -2.448, "kurtosis": 10.164, "rho": 0.2}
    >>> round(float(minimum_track_record(0.036 / 0.079, **moments)), 3)
    19.543
    """
    from scipy.special import ndtri  # noqa: PLC0415 - scipy takes 0.1 s

    error = sharpe_error(benchmark, 1.0, skew=skew, kurtosis=kurtosis, rho=rho)
    gain = np.asarray(ratio, dtype=np.float64) - benchmark
    with np.errstate(divide="ignore"):
        needed = (error * ndtri(1.0 - alpha) / gain) ** 2
    length: FloatVector = np.where(gain <= 0.0, np.inf, needed)[()]
    return length


def sharpe_power(
    ratio: Numbers,
    n_returns: Numbers,
    *,
    benchmark: Numbers = 0.0,
    skew: Numbers = 0.0,
    kurtosis: Numbers = 3.0,
    rho: Numbers = 0.0,
    alpha: float = 0.05,
) -> FloatVector:
    """Return the power of a test at `alpha` that the ratio exceeds a benchmark.

    The test rejects above ``benchmark + z(1 - alpha) * error``, with the error at the
    benchmark; the estimate has the error at the true ratio [1]_.

    Parameters
    ----------
    ratio, n_returns, benchmark, skew, kurtosis, rho : number or ndarray of shape (n,)
        As in `sharpe_error`; `ratio` is the true one.
    alpha
        One-sided.

    Returns
    -------
    ndarray of shape (n,), or ()
        Between 0 and 1.

    References
    ----------
    .. [1] M. Lopez de Prado, A. Lipton and V. Zoonekynd (2026). "How to use the Sharpe
       ratio".

    Examples
    --------
    >>> moments = {"skew": -2.448, "kurtosis": 10.164, "rho": 0.2}
    >>> round(1.0 - float(sharpe_power(0.5, 24, **moments)), 3)
    0.411
    """
    from scipy.special import ndtr, ndtri  # noqa: PLC0415 - scipy takes 0.1 s

    null = sharpe_error(benchmark, n_returns, skew=skew, kurtosis=kurtosis, rho=rho)
    spread = sharpe_error(ratio, n_returns, skew=skew, kurtosis=kurtosis, rho=rho)
    limit = benchmark + ndtri(1.0 - alpha) * null
    power: FloatVector = ndtr((np.asarray(ratio) - limit) / spread)
    return power
