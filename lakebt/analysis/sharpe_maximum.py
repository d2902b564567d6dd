"""The best Sharpe ratio of many trials, and how much of it is chance.

Trials are different rules whose returns were seen, not runs of one rule. Ratios are per
return, as in `lakebt.analysis.sharpe_inference`, unless said to be yearly.
"""

from __future__ import annotations

import math

import numpy as np

from lakebt.analysis.sharpe_inference import probabilistic_sharpe
from lakebt.errors import InvalidArgumentError


def expected_maximum_sharpe(n_trials: float, variance: float) -> float:
    r"""Return the expected best ratio of trials without skill.

    .. math:: SR_0 = \sqrt{V} \left( (1-\gamma) \Phi^{-1}(1 - 1/N)
       + \gamma \Phi^{-1}(1 - e^{-1}/N) \right)

    with Euler's :math:`\gamma = 0.5772` [1]_.

    Parameters
    ----------
    n_trials
        At least 1; of one trial it is 0.
    variance
        Of the ratios of the trials.

    Returns
    -------
    float
        In the unit of the square root of `variance`; NaN where that is.

    Raises
    ------
    InvalidArgumentError
        If there is no trial, or the variance is negative.

    References
    ----------
    .. [1] D. H. Bailey and M. Lopez de Prado (2014). "The deflated Sharpe ratio".
       Journal of Portfolio Management 40(5), 94-107.

    Examples
    --------
    >>> round(expected_maximum_sharpe(100, 0.5 / 250), 4)
    0.1132
    """
    from scipy.special import ndtri  # noqa: PLC0415 - scipy takes 0.1 s

    if not n_trials >= 1:
        msg = f"n_trials must be at least 1, was {n_trials!r}: count every rule tried"
        raise InvalidArgumentError(msg)
    if variance < 0.0:
        msg = f"variance must not be negative, was {variance!r}"
        raise InvalidArgumentError(msg)
    if n_trials == 1:
        return 0.0
    gamma = float(np.euler_gamma)
    extreme = (1.0 - gamma) * float(ndtri(1.0 - 1.0 / n_trials)) + gamma * float(
        ndtri(1.0 - 1.0 / (n_trials * math.e))
    )
    return math.sqrt(variance) * extreme


def error_of_maximum(n_trials: int, variance: float) -> float:
    """Return the standard deviation of the best ratio of independent trials.

    It is that of the largest of N normal numbers, by quadrature of its density [1]_.

    Parameters
    ----------
    n_trials
        At least 1.
    variance
        Of the ratios of the trials.

    Returns
    -------
    float
        In the unit of the square root of `variance`.

    References
    ----------
    .. [1] M. Lopez de Prado, A. Lipton and V. Zoonekynd (2026). "How to use the Sharpe
       ratio".

    Examples
    --------
    >>> round(error_of_maximum(10, 0.1), 3)
    0.186
    """
    from scipy.special import ndtr  # noqa: PLC0415 - scipy takes 0.1 s

    # The density is 0 to 1e-30 beyond 12; equal steps are exact for what vanishes so.
    z = np.linspace(-12.0, 12.0, 4_801)
    density = np.exp(-z * z / 2.0) * n_trials * ndtr(z) ** (n_trials - 1)
    density /= density.sum()
    mean = float((density * z).sum())
    spread = float((density * (z - mean) ** 2).sum())
    return math.sqrt(variance * spread)


def deflated_sharpe(
    ratio: float,
    n_returns: int,
    *,
    n_trials: float,
    variance: float,
    skew: float = 0.0,
    kurtosis: float = 3.0,
) -> float:
    """Return the probability that the best of many trials is not chance alone.

    It is `probabilistic_sharpe` against `expected_maximum_sharpe`, with the error at
    the ratio itself and n - 1 returns [1]_. It assumes independent returns. For events
    that share dates or sessions it is not a valid test, and lakebt shows one beside it.

    Parameters
    ----------
    ratio
        The best, per return.
    n_returns
        Of the best.
    n_trials, variance
        Number of rules tried, and the variance of their ratios per return.
    skew, kurtosis
        Of the returns of the best: a normal series has 0 and 3.

    Returns
    -------
    float
        Between 0 and 1; NaN where a number given is.

    References
    ----------
    .. [1] D. H. Bailey and M. Lopez de Prado (2014). "The deflated Sharpe ratio".
       Journal of Portfolio Management 40(5), 94-107.

    Examples
    --------
    >>> best = {"n_trials": 100, "variance": 0.5 / 250, "skew": -3, "kurtosis": 10}
    >>> round(deflated_sharpe(2.5 / 250**0.5, 1_250, **best), 4)
    0.9004
    """
    return float(
        probabilistic_sharpe(
            ratio,
            n_returns,
            benchmark=expected_maximum_sharpe(n_trials, variance),
            skew=skew,
            kurtosis=kurtosis,
            at="ratio",
        )
    )


def deflated_by_maximum(ratio: float, *, n_trials: int, variance: float) -> float:
    """Return the deflated Sharpe ratio with the error of the maximum itself.

    This is the later proposal [1]_: the best ratio is compared with the distribution of
    the largest of N, and the moments of its returns do not matter.

    Parameters
    ----------
    ratio
        The best, per return.
    n_trials, variance
        Number of rules tried, and the variance of their ratios per return.

    Returns
    -------
    float
        Between 0 and 1; NaN where a number given is, or the trials do not vary.

    References
    ----------
    .. [1] M. Lopez de Prado, A. Lipton and V. Zoonekynd (2026). "How to use the Sharpe
       ratio".

    Examples
    --------
    >>> round(deflated_by_maximum(0.036 / 0.079, n_trials=10, variance=0.1), 2)
    0.41
    """
    from scipy.special import ndtr  # noqa: PLC0415 - scipy takes 0.1 s

    expected = expected_maximum_sharpe(n_trials, variance)
    error = error_of_maximum(n_trials, variance)
    return float(ndtr((ratio - expected) / error)) if error > 0.0 else float("nan")


def minimum_backtest_length(n_trials: float, expected: float = 1.0) -> float:
    r"""Return the years of data below which unskilled trials reach a yearly ratio.

    .. math:: MinBTL = \left( E[\max_N] / SR \right)^2

    Parameters
    ----------
    n_trials
        At least 1.
    expected
        The best yearly ratio that would be taken seriously, above 0.

    Returns
    -------
    float
        Years.

    Raises
    ------
    InvalidArgumentError
        If there is no trial, or `expected` is not above 0.

    References
    ----------
    .. [1] D. H. Bailey, J. M. Borwein, M. Lopez de Prado and Q. J. Zhu (2014).
       "Pseudo-mathematics and financial charlatanism". Notices of the American
       Mathematical Society 61(5), 458-471.

    Examples
    --------
    >>> round(minimum_backtest_length(45), 2)
    5.0
    """
    if not expected > 0.0:
        msg = f"expected must be above 0, was {expected!r}"
        raise InvalidArgumentError(msg)
    return (expected_maximum_sharpe(n_trials, 1.0) / expected) ** 2
