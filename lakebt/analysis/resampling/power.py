"""Power: the smallest effect that would have been found, four times in five."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lakebt._typing import FloatVector

POWER = 0.8
"""The share of cases in which an effect of that size is found."""


def detectable(
    error: FloatVector, *, degrees: FloatVector, critical: FloatVector | float
) -> FloatVector:
    r"""Return the smallest effect that exceeds a critical value in 80 % of cases.

    The effect :math:`\delta \cdot SE` of which
    :math:`P(T_\nu(\delta) > c) = 0.8`, with :math:`T_\nu(\delta)` the noncentral
    t distribution [1]_.

    Parameters
    ----------
    error : ndarray of shape (n,)
        Standard errors, in the unit of the result.
    degrees : ndarray of shape (n,)
        Degrees of freedom of each; below 1 the result is NaN.
    critical
        What the statistic has to exceed.

    Returns
    -------
    ndarray of shape (n,)
        NaN where an error or a critical value is.

    References
    ----------
    .. [1] J. Cohen (1988). Statistical power analysis for the behavioral sciences, 2nd
       edition. Erlbaum, chapter 2.

    Examples
    --------
    Of the mean of 100 values whose standard deviation is 10:

    >>> from scipy import stats
    >>> effect = detectable(
    ...     np.array([1.0]), degrees=np.array([99.0]), critical=stats.t.ppf(0.95, 99)
    ... )
    >>> effect.round(3).tolist()
    [2.504]
    """
    from scipy.special import nctdtrinc  # noqa: PLC0415 - scipy takes 0.1 s

    values = np.broadcast_to(np.asarray(critical, dtype=np.float64), error.shape)
    is_known = ~np.isnan(error) & ~np.isnan(values) & (degrees >= 1.0)
    effect = np.full(error.shape, np.nan)
    shift = nctdtrinc(degrees[is_known], 1.0 - POWER, values[is_known])
    effect[is_known] = shift * error[is_known]
    return effect
