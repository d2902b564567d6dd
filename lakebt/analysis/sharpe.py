"""One stated definition of the Sharpe ratio, and its standard error."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from lakebt._typing import FloatVector, IntVector

SESSIONS_PER_YEAR = 252


class Aggregate(enum.StrEnum):
    """How the returns of many events become one series."""

    POOLED = "pooled"
    CALENDAR = "calendar"

    @property
    def definition(self) -> str:
        """The Sharpe ratio of this series, in one line."""
        joined = {
            Aggregate.POOLED: (
                "of the events joined, sessions with exposure only (the Sharpe while "
                "invested)"
            ),
            Aggregate.CALENDAR: (
                "of the equal-weighted mean of the open events, zero when none is, "
                "from the first session with exposure to the last exit"
            ),
        }[self]
        return (
            f"mean / standard deviation (ddof 1) of daily net returns {joined}, times "
            f"sqrt({SESSIONS_PER_YEAR}), no risk-free rate taken off; standard error: "
            f"delete-one-announcement-date jackknife, Lo (2002) where there is one date"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EventReturns:
    """The daily net returns of one event under one rule.

    Attributes
    ----------
    date
        Of the announcement; events that share it are deleted together.
    first
        Number of the first session.
    returns : ndarray of shape (n_sessions,)
        Fractions.
    """

    date: dt.date
    first: int
    returns: FloatVector


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharpe:
    """A Sharpe ratio with what it rests on.

    Attributes
    ----------
    value, standard_error
        Per year; NaN with fewer than two returns or none that vary.
    n_returns, n_events, n_dates
    """

    value: float
    standard_error: float
    n_returns: int
    n_events: int
    n_dates: int


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
    return _from_moments(
        len(returns), float(returns.mean()), float(returns.std(ddof=1))
    )


def _from_moments(count: int, mean: float, deviation: float) -> float:
    # A constant series deviates by rounding alone.
    if count < 2 or not deviation > 1e-14 * max(abs(mean), 1e-6):
        return float("nan")
    return float(mean / deviation * np.sqrt(SESSIONS_PER_YEAR))


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


def aggregate(events: Sequence[EventReturns], how: Aggregate) -> Sharpe:
    """Return the Sharpe ratio of many events, with its standard error.

    Parameters
    ----------
    events
        Those that were traded.
    how
        ``pooled`` or ``calendar``.

    Returns
    -------
    Sharpe
        The standard error is Lo's with one announcement date, and the
        delete-one-date jackknife with more [1]_.

    References
    ----------
    .. [1] B. Efron and C. Stein (1981). "The jackknife estimate of variance". Annals of
       Statistics 9(3), 586-596.
    """
    dates = sorted({event.date for event in events})
    series = join(events, how)
    value = sharpe_ratio(series)
    if len(dates) < 2:
        error = lo_standard_error(value, len(series))
    elif how is Aggregate.POOLED:
        error = _jackknife(_pooled_without(events, dates))
    else:
        error = _jackknife(_calendar_without(events, dates))
    return Sharpe(
        value=value,
        standard_error=error if not np.isnan(value) else float("nan"),
        n_returns=len(series),
        n_events=len(events),
        n_dates=len(dates),
    )


def join(events: Sequence[EventReturns], how: Aggregate) -> FloatVector:
    """Return the events' returns as the one series the Sharpe ratio is of.

    Returns
    -------
    ndarray of shape (n_returns,)
        Pooled: one event after the other. Calendar: see `calendar_returns`.
    """
    if not events:
        return np.zeros(0)
    if how is Aggregate.POOLED:
        return np.concatenate([event.returns for event in events])
    return calendar_returns(events)[1]


def calendar_returns(events: Sequence[EventReturns]) -> tuple[int, FloatVector]:
    """Return the portfolio a person could hold: the mean of the open events.

    Returns
    -------
    first : int
        Number of the first session.
    returns : ndarray of shape (n_sessions,)
        Zero in sessions without an open event.
    """
    first, total, count = _sums(events)
    returns: FloatVector = np.divide(
        total, count, out=np.zeros_like(total), where=count > 0
    )
    return first, returns


def _sums(events: Sequence[EventReturns]) -> tuple[int, FloatVector, IntVector]:
    first = min(event.first for event in events)
    last = max(event.first + len(event.returns) for event in events)
    total, count = np.zeros(last - first), np.zeros(last - first, dtype=np.int64)
    for event in events:
        window = slice(event.first - first, event.first - first + len(event.returns))
        total[window] += event.returns
        count[window] += 1
    return first, total, count


def _jackknife(values: Sequence[float]) -> float:
    replicates = np.array([value for value in values if not np.isnan(value)])
    count = len(replicates)
    if count < 2:
        return float("nan")
    spread = float(((replicates - replicates.mean()) ** 2).sum())
    return float(np.sqrt((count - 1) / count * spread))


def _pooled_without(
    events: Sequence[EventReturns], dates: Sequence[dt.date]
) -> list[float]:
    """Return the pooled ratio without each date, from running sums."""
    series = join(events, Aggregate.POOLED)
    centre = float(series.mean())  # sums of squares about it do not cancel
    place = {date: number for number, date in enumerate(dates)}
    sums = np.zeros((len(dates), 3))
    for event in events:
        centred = event.returns - centre
        sums[place[event.date]] += (
            len(centred),
            centred.sum(),
            (centred * centred).sum(),
        )
    ratios = []
    for count, total, squares in sums.sum(axis=0) - sums:
        if count < 2:
            ratios.append(float("nan"))
            continue
        variance = max((squares - total * total / count) / (count - 1), 0.0)
        ratios.append(
            _from_moments(int(count), centre + total / count, float(np.sqrt(variance)))
        )
    return ratios


def _calendar_without(
    events: Sequence[EventReturns], dates: Sequence[dt.date]
) -> list[float]:
    by_date: dict[dt.date, list[EventReturns]] = {date: [] for date in dates}
    for event in events:
        by_date[event.date].append(event)
    first, total, count = _sums(events)
    ratios = []
    for gone in by_date.values():
        left_total, left_count = total.copy(), count.copy()
        start, gone_total, gone_count = _sums(gone)
        window = slice(start - first, start - first + len(gone_total))
        left_total[window] -= gone_total
        left_count[window] -= gone_count
        open_ = np.flatnonzero(left_count)
        kept = slice(open_[0], open_[-1] + 1)  # the window shrinks with what is left
        returns = np.divide(
            left_total[kept],
            left_count[kept],
            out=np.zeros(kept.stop - kept.start),
            where=left_count[kept] > 0,
        )
        ratios.append(sharpe_ratio(returns))
    return ratios
