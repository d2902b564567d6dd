"""Means of groups with their intervals, and what each date adds to one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lakebt.analysis.years import clustered_mean

if TYPE_CHECKING:
    from lakebt._typing import FloatVector, IntVector


@dataclass(frozen=True, kw_only=True, eq=False)
class Means:
    """Means, each with its error by date; arrays of one length.

    Attributes
    ----------
    mean, error
        The error is NaN with one date.
    n_dates
    """

    mean: FloatVector
    error: FloatVector
    n_dates: IntVector

    @property
    def t(self) -> FloatVector:
        """The mean over its error; NaN where that is missing or zero."""
        has_one = self.error > 0.0
        t: FloatVector = np.full(len(self.mean), np.nan)
        np.divide(self.mean, self.error, out=t, where=has_one)
        return t

    @property
    def half_width(self) -> FloatVector:
        r"""Half of the 95 % interval: the quantile of t with G - 1 degrees of freedom.

        NaN where the error is missing.
        """
        from scipy.special import stdtrit  # noqa: PLC0415 - scipy takes 0.1 s

        degrees = np.where(self.n_dates > 1, self.n_dates - 1.0, np.nan)
        quantile: FloatVector = stdtrit(degrees, 0.975)
        return quantile * self.error


def grouped_means(values: FloatVector, *, group: IntVector, date: IntVector) -> Means:
    """Return the mean of each group; see `clustered_mean`.

    Parameters
    ----------
    values : ndarray of shape (n,)
    group, date : ndarray of shape (n,)
        Codes; groups from 0 on, each at least once.

    Examples
    --------
    >>> found = grouped_means(
    ...     np.array([1.0, 2.0, 3.0]),
    ...     group=np.array([0, 0, 0]),
    ...     date=np.array([0, 1, 2]),
    ... )
    >>> found.t.round(4).tolist(), found.half_width.round(4).tolist()
    ([3.4641], [2.4841])
    """
    mean, error = clustered_mean(values, group=group, date=date)
    pairs = np.unique(np.column_stack([group, date]), axis=0)
    return Means(mean=mean, error=error, n_dates=np.bincount(pairs[:, 0]))


def without_each_date(
    values: FloatVector, *, date: IntVector
) -> tuple[IntVector, Means]:
    r"""Return the mean of all values but those of one date, for each date.

    With :math:`S_h` and :math:`n_h` the sum and number of a date's values, around the
    mean of all, the squares of the other dates' sums around their own mean are

    .. math:: \sum_{h \ne g} (S_h - n_h m)^2 = \sum_{h \ne g} S_h^2 - 2 m
       \sum_{h \ne g} S_h n_h + m^2 \sum_{h \ne g} n_h^2.

    Parameters
    ----------
    values : ndarray of shape (n,)
    date : ndarray of shape (n,)
        Codes.

    Returns
    -------
    date : ndarray of shape (n_dates,)
        The one that is left out, ascending.
    Means
        A mean for each of them. None with a single date.

    Examples
    --------
    >>> date, found = without_each_date(
    ...     np.array([1.0, 2.0, 9.0]), date=np.array([5, 6, 7])
    ... )
    >>> date.tolist(), found.mean.round(12).tolist(), found.error.round(12).tolist()
    ([5, 6, 7], [5.5, 5.0, 1.5], [3.5, 4.0, 0.5])
    """
    dates, at = np.unique(date, return_inverse=True)
    number = len(dates)
    if number < 2:
        nothing = np.zeros(0)
        none = np.zeros(0, dtype=np.int64)
        return none, Means(mean=nothing, error=nothing, n_dates=none)
    centre = float(values.mean())
    size = np.bincount(at).astype(np.float64)
    total = np.bincount(at, values - centre)
    left = size.sum() - size
    mean = (total.sum() - total) / left
    squares, products, sizes = (
        part.sum() - part for part in (total * total, total * size, size * size)
    )
    around = np.maximum(squares - 2.0 * mean * products + mean * mean * sizes, 0.0)
    # What is left of rounding is no error: dates that are all alike have none.
    around[around < 1e-13 * (squares + mean * mean * sizes)] = 0.0
    error = np.full(number, np.nan)
    if number > 2:
        others = number - 1.0
        error = np.sqrt(others / (others - 1.0) * around) / left
    n_dates = np.full(number, number - 1, dtype=np.int64)
    return dates, Means(mean=centre + mean, error=error, n_dates=n_dates)
