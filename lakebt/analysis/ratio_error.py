r"""The standard error of a Sharpe ratio over events: two ways, or without each date.

Events of one date share what happens after it, and events that are open in one session
share what happens in it. Where windows of different dates overlap, the influence
function of the ratio,

.. math:: \psi = \frac{r - m}{s}
   - \frac{SR}{2} \left( \frac{(r - m)^2}{s^2} - 1 \right),

is added up by date, by session, and by both; the variance is the sum of the squares of
the first two less that of the third [1]_, each times :math:`G / (G - 1)` with its own
number :math:`G` of clusters, and never less than clustered one way; t has one degree of
freedom less than the smaller number of dates and sessions. Where they do not overlap,
it is the jackknife that deletes one date after the other [2]_, and t has
:math:`(\sum n)^2 / \sum n^2 - 1` degrees of freedom [3]_, n the events of each date.
Of one event it is Lo's. Several events of one date have none, joined or in a portfolio:
one date says nothing about others, and Lo's would reject a third of true nulls.

References
----------
.. [1] A. C. Cameron, J. B. Gelbach and D. L. Miller (2011). "Robust inference with
   multiway clustering". Journal of Business and Economic Statistics 29(2), 238-249.
.. [2] B. Efron and C. Stein (1981). "The jackknife estimate of variance". Annals of
   Statistics 9(3), 586-596.
.. [3] A. V. Carter, K. T. Schnepel and D. G. Steigerwald (2017). "Asymptotic behavior
   of a t-test robust to cluster heterogeneity". Review of Economics and Statistics
   99(4), 698-709.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lakebt.analysis.clusters import combined
from lakebt.analysis.sharpe import SESSIONS_PER_YEAR, lo_standard_error

if TYPE_CHECKING:
    from lakebt._typing import FloatVector


class ErrorMethod(enum.StrEnum):
    """How a standard error was computed."""

    TWO_WAY = "two-way"
    JACKKNIFE = "jackknife"
    LO = "lo"
    NONE = ""


@dataclass(frozen=True, kw_only=True)
class RatioError:
    """The standard error of a Sharpe ratio, per year.

    Attributes
    ----------
    value
        NaN where there is none.
    degrees
        Degrees of freedom of its t; NaN where there is no error, or no interval.
    method
        How it was computed.
    """

    value: float
    degrees: float
    method: ErrorMethod


NO_ERROR = RatioError(value=float("nan"), degrees=float("nan"), method=ErrorMethod.NONE)


def two_way(
    by_date: float,
    by_session: float,
    by_both: float,
    *,
    n_returns: int,
    n_dates: int,
    n_sessions: int,
    n_pairs: int,
) -> RatioError:
    """Return the error of a ratio from squares of its influences.

    Parameters
    ----------
    by_date, by_session, by_both
        Sums of squares, see `lakebt.analysis.influence.squares`.
    n_returns
        How many returns the ratio is of.
    n_dates, n_sessions, n_pairs
        The clusters.
    """
    variance = combined(
        (by_date, n_dates), (by_session, n_sessions), (by_both, n_pairs)
    )
    if not variance > 0.0:
        return NO_ERROR
    value = np.sqrt(SESSIONS_PER_YEAR * variance) / n_returns
    fewest = min(n_dates, n_sessions)
    return RatioError(
        value=float(value), degrees=fewest - 1.0, method=ErrorMethod.TWO_WAY
    )


def lo_error(value: float, n_returns: int) -> RatioError:
    """Return the error of the ratio of one event alone."""
    return RatioError(
        value=lo_standard_error(value, n_returns),
        degrees=n_returns - 1.0,
        method=ErrorMethod.LO,
    )


def lo_interval(value: float, n_returns: int) -> dict[str, float]:
    """Return the interval of the ratio of one series by Lo's error, with t of n - 1.

    Parameters
    ----------
    value
        The ratio, per year; NaN propagates.
    n_returns
        How many returns it is of, one after the other.

    Returns
    -------
    dict of str to float
        ``sharpe_low`` and ``sharpe_high``, 95 %, and ``psr``, the probability that the
        true ratio is above 0. NaN with fewer than two returns.

    Examples
    --------
    >>> {name: round(x, 2) for name, x in lo_interval(1.0, 253).items()}
    {'sharpe_low': -0.97, 'sharpe_high': 2.97, 'psr': 0.84}
    """
    from scipy.special import stdtr, stdtrit  # noqa: PLC0415 - scipy takes 0.1 s

    error = lo_error(value, n_returns) if n_returns > 1 else NO_ERROR
    reach = float(stdtrit(error.degrees, 0.975)) * error.value
    return {
        "sharpe_low": value - reach,
        "sharpe_high": value + reach,
        "psr": float(stdtr(error.degrees, value / error.value)),
    }


def jackknife(values: FloatVector, degrees: float) -> RatioError:
    """Return the error of a ratio from its values without each date.

    Parameters
    ----------
    values : ndarray of shape (n_dates,)
        NaN where it is not defined: left out.
    degrees
        Of freedom, of its t.
    """
    replicates = values[~np.isnan(values)]
    count = len(replicates)
    if count < 2:
        return NO_ERROR
    spread = float(((replicates - replicates.mean()) ** 2).sum())
    value = float(np.sqrt((count - 1) / count * spread))
    return RatioError(value=value, degrees=degrees, method=ErrorMethod.JACKKNIFE)
