"""Errors of figures whose parts move together: within a date, and within a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lakebt._typing import FloatVector, IntVector


def effective_number(counts: FloatVector | IntVector) -> float:
    r"""Return how many clusters of one size these are worth.

    .. math:: G^* = \left( \sum_g n_g \right)^2 / \sum_g n_g^2

    Parameters
    ----------
    counts : ndarray of shape (n_clusters,)
        Events of each announcement date. Zeros count for nothing.

    Returns
    -------
    float
        Between 1 and the number of clusters, which it is where all are of one size; 0
        without an event.

    References
    ----------
    .. [1] A. V. Carter, K. T. Schnepel and D. G. Steigerwald (2017). "Asymptotic
       behavior of a t-test robust to cluster heterogeneity". Review of Economics and
       Statistics 99(4), 698-709.

    Examples
    --------
    >>> effective_number(np.array([2, 2, 2])), effective_number(np.array([8, 1, 1]))
    (3.0, 1.5151515151515151)
    """
    sizes = np.asarray(counts, dtype=np.float64)
    squares = float((sizes * sizes).sum())
    return float(sizes.sum()) ** 2 / squares if squares > 0.0 else 0.0


def two_way_variance(
    values: FloatVector, *, date: IntVector, session: IntVector
) -> float:
    r"""Return the variance of a sum whose terms share dates, sessions, or both.

    .. math:: V = c_D \sum_d S_d^2 + c_T \sum_t S_t^2 - c_{DT} \sum_{d,t} S_{dt}^2,
       \qquad c_G = G / (G - 1)

    over the sums :math:`S` of the terms of a date, of a session, and of a date in a
    session [1]_. Terms that share neither may not move together. The difference is not
    always positive: `combined` says what then stands in its place.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Terms with mean zero, as an influence function has them. NaN propagates.
    date, session : ndarray of shape (n,)
        Codes.

    Returns
    -------
    float
        NaN with fewer than two dates, or two sessions.

    References
    ----------
    .. [1] A. C. Cameron, J. B. Gelbach and D. L. Miller (2011). "Robust inference with
       multiway clustering". Journal of Business & Economic Statistics 29(2), 238-249.

    Examples
    --------
    Two dates in each of two sessions:

    >>> two_way_variance(
    ...     np.array([3.0, 0.0, 0.0, -3.0]),
    ...     date=np.array([0, 0, 1, 1]),
    ...     session=np.array([0, 1, 0, 1]),
    ... )
    48.0
    """
    of_date, of_session = np.unique(date), np.unique(session)
    at_date = np.searchsorted(of_date, date)
    at_session = np.searchsorted(of_session, session)
    pairs, at_both = np.unique(
        at_date * len(of_session) + at_session, return_inverse=True
    )
    squares = [
        float((np.bincount(at, values) ** 2).sum())
        for at in (at_date, at_session, at_both)
    ]
    return combined(
        (squares[0], len(of_date)),
        (squares[1], len(of_session)),
        (squares[2], len(pairs)),
    )


_Way = tuple[float, int]


def combined(date: _Way, session: _Way, both: _Way) -> float:
    """Return a two-way variance from sums of squares, each with its clusters.

    Parameters
    ----------
    date, session, both : tuple of (float, int)
        Sum of the squared sums of each cluster, and the number of clusters.

    Returns
    -------
    float
        Never below the variance clustered one way, by date or by session: the
        difference comes out too small, even negative, by chance [1]_. With 20 dates of
        uneven sizes every 10 sessions and holds of 20 it alone rejects 9.6 % of true
        nulls, so 4.8 %. NaN with fewer than two dates, or two sessions.

    References
    ----------
    .. [1] J. G. MacKinnon, M. O. Nielsen and M. D. Webb (2024). "Jackknife inference
       with two-way clustering". Queen's Economics Department Working Paper 1516.
    """
    if min(date[1], session[1]) < 2:
        return float("nan")
    by_date, by_session, by_both = (
        squares * number / (number - 1.0) for squares, number in (date, session, both)
    )
    return max(by_date + by_session - by_both, by_date, by_session)
