"""The returns of a rule year by year, to see whether it was one lucky year."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lakebt._typing import FloatVector, IntVector


def clustered_mean(
    values: FloatVector, *, group: IntVector, date: IntVector
) -> tuple[FloatVector, FloatVector]:
    r"""Return the mean of each group, and its standard error by date.

    .. math:: SE = \frac{1}{n} \sqrt{\frac{G}{G - 1}
       \sum_{g=1}^G \left( \sum_{i \in g} (x_i - \bar x) \right)^2}

    over the :math:`G` dates of a group: values of one date count as one draw [1]_. With
    one value a date it is the standard deviation (ddof 1) over :math:`\sqrt n`.

    Parameters
    ----------
    values : ndarray of shape (n,)
        NaN propagates.
    group, date : ndarray of shape (n,)
        Codes; groups from 0 on, each at least once.

    Returns
    -------
    mean, standard_error : ndarray of shape (n_groups,)
        The error of a group of one date is NaN.

    References
    ----------
    .. [1] A. C. Cameron and D. L. Miller (2015). "A practitioner's guide to cluster-
       robust inference". Journal of Human Resources 50(2), 317-372, section II.

    Examples
    --------
    >>> mean, error = clustered_mean(
    ...     np.array([1.0, 2.0, 3.0]),
    ...     group=np.array([0, 0, 0]),
    ...     date=np.array([0, 1, 2]),
    ... )
    >>> mean.tolist(), (error * 3**0.5).round(12).tolist()
    ([2.0], [1.0])
    """
    count = np.bincount(group)
    mean = np.bincount(group, values) / count
    pairs, place = np.unique(
        np.column_stack([group, date]), axis=0, return_inverse=True
    )
    sums = np.bincount(place.ravel(), values - mean[group])
    of = pairs[:, 0]
    n_dates = np.bincount(of)
    squares = np.bincount(of, sums**2)
    several = n_dates > 1
    error = np.full(len(count), np.nan)
    error[several] = (
        np.sqrt(n_dates[several] / (n_dates[several] - 1.0) * squares[several])
        / count[several]
    )
    return mean, error
