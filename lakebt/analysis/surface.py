"""The Sharpe ratios of many rules at once, each with its standard error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from lakebt.analysis.pooling import Aggregate, Pooling, Weighting
from lakebt.analysis.sharpe import (
    CANCELLED,
    lo_standard_error,
    ratio_of_moments,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lakebt._typing import FloatVector, IntVector


@dataclass(frozen=True, kw_only=True, eq=False)
class Traded:
    """The events that were traded, under many rules; a row per event and rule.

    Attributes
    ----------
    rule, date : ndarray of shape (n,)
        Codes, from 0. Events that share a date are deleted together.
    first, n_returns, mean, m2, n_legs : ndarray of shape (n,)
        First session with exposure; number, mean and sum of squared deviations of the
        daily net returns; legs that were traded.
    start, final : ndarray of shape (n,)
        Where the daily returns before the last begin in `held`, and the last.
    held : ndarray of shape (n_held,)
    worth : ndarray of shape (n_held,), optional
        What was held at those closes, longs and shorts added up, as a multiple of what
        the event started with. Without it a calendar portfolio trades for nothing.
    fee : float
        Commission and spread, as a fraction of what is traded.
    """

    rule: IntVector
    date: IntVector
    first: IntVector
    n_returns: IntVector
    mean: FloatVector
    m2: FloatVector
    n_legs: IntVector
    start: IntVector
    final: FloatVector
    held: FloatVector
    worth: FloatVector | None = None
    fee: float = 0.0

    def of(self, rows: IntVector) -> Traded:
        """Return some rows."""
        return Traded(
            rule=self.rule[rows],
            date=self.date[rows],
            first=self.first[rows],
            n_returns=self.n_returns[rows],
            mean=self.mean[rows],
            m2=self.m2[rows],
            n_legs=self.n_legs[rows],
            start=self.start[rows],
            final=self.final[rows],
            held=self.held,
            worth=self.worth,
            fee=self.fee,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Surface:
    """What each rule comes to, arrays of shape (n_rules,).

    Attributes
    ----------
    sharpe, standard_error
        Per year; NaN with fewer than two returns, or none that vary.
    n_returns, n_events, n_dates
        What they rest on.
    mean, deviation
        Of the daily net returns, as fractions; the deviation has ddof 1.
    most_open, mean_open
        Of a calendar portfolio: the most events that are open at once, and their mean
        number over the sessions in which any is. 0 and NaN otherwise.
    reweighted
        Of a calendar portfolio: what its open events traded to keep their weights, each
        as a multiple of its share of the capital, mean per event. 0 otherwise.
    """

    sharpe: FloatVector
    standard_error: FloatVector
    n_returns: IntVector
    n_events: IntVector
    n_dates: IntVector
    mean: FloatVector
    deviation: FloatVector
    most_open: IntVector
    mean_open: FloatVector
    reweighted: FloatVector


def surface(traded: Traded, *, n_rules: int, pooling: Pooling) -> Surface:
    """Return the Sharpe ratio of each rule over its events.

    Parameters
    ----------
    traded
        In any order.
    n_rules
        Rules without a traded event have NaN.
    pooling
        How the events become one series.

    Returns
    -------
    Surface
        The standard error is Lo's with one announcement date, and the delete-one-date
        jackknife with more [1]_.

    References
    ----------
    .. [1] B. Efron and C. Stein (1981). "The jackknife estimate of variance". Annals of
       Statistics 9(3), 586-596.
    """
    order = np.lexsort((traded.date, traded.rule))
    cuts = np.searchsorted(traded.rule[order], np.arange(n_rules + 1))
    rules = (traded.of(order[cuts[n] : cuts[n + 1]]) for n in range(n_rules))
    return surface_of(rules, n_rules=n_rules, pooling=pooling)


def surface_of(rules: Iterable[Traded], *, n_rules: int, pooling: Pooling) -> Surface:
    """Return the Sharpe ratio of each rule; see `surface`.

    Parameters
    ----------
    rules
        The events of one rule after the other, each by date.
    n_rules
        The number of rules.
    pooling
        How the events become one series.
    """
    result = Surface(
        sharpe=np.full(n_rules, np.nan),
        standard_error=np.full(n_rules, np.nan),
        n_returns=np.zeros(n_rules, dtype=np.int64),
        n_events=np.zeros(n_rules, dtype=np.int64),
        n_dates=np.zeros(n_rules, dtype=np.int64),
        mean=np.full(n_rules, np.nan),
        deviation=np.full(n_rules, np.nan),
        most_open=np.zeros(n_rules, dtype=np.int64),
        mean_open=np.full(n_rules, np.nan),
        reweighted=np.zeros(n_rules),
    )
    for rule, events in enumerate(rules):
        if len(events.first):
            result.n_events[rule] = len(events.first)
            _fill(result, rule, events, pooling)
    return result


def _fill(result: Surface, rule: int, events: Traded, pooling: Pooling) -> None:
    is_new = np.append(True, events.date[1:] != events.date[:-1])
    dates = np.cumsum(is_new) - 1
    n_dates = int(dates[-1]) + 1
    if pooling.how is Aggregate.POOLED:
        count, mean, m2, parts = _pooled(events, np.flatnonzero(is_new))
    else:
        count, mean, m2, parts = _calendar(result, rule, events, dates, pooling)
    value = float(ratio_of_moments(count, mean, m2))
    result.n_returns[rule], result.n_dates[rule] = count, n_dates
    result.sharpe[rule], result.mean[rule] = value, mean
    if count > 1:
        result.deviation[rule] = np.sqrt(m2 / (count - 1))
    if np.isnan(value):
        return
    if parts is None:
        result.standard_error[rule] = lo_standard_error(value, count)
    else:
        result.standard_error[rule] = _jackknife(ratio_of_moments(*parts))


_Moments = tuple["IntVector", "FloatVector", "FloatVector"]


def _pooled(
    events: Traded, cuts: IntVector
) -> tuple[int, float, float, _Moments | None]:
    """Return the moments of the events joined, and those without each date."""
    counts = events.n_returns
    count = int(counts.sum())
    # Not `@`: BLAS adds more than 10,000 numbers in threads, and in their order.
    mean = float((counts * events.mean).sum()) / count
    apart = events.mean - mean  # sums of squares about the mean do not cancel
    sums = np.add.reduceat(counts * apart, cuts)
    squares = np.add.reduceat(events.m2 + counts * apart * apart, cuts)
    m2 = float(squares.sum())
    if len(cuts) < 2:
        return count, mean, m2, None
    left = count - np.add.reduceat(counts, cuts)
    left_sum, left_squares = sums.sum() - sums, m2 - squares
    left_mean = mean + left_sum / left
    left_m2 = left_squares - left_sum * left_sum / left
    # Where nearly all that varies is left out, the difference is rounding: what is left
    # is summed by itself.
    ends = np.append(cuts[1:], len(counts))
    for date in np.flatnonzero(left_m2 <= CANCELLED * m2).tolist():
        rest = np.ones(len(counts), dtype=bool)
        rest[cuts[date] : ends[date]] = False
        n, means = counts[rest], events.mean[rest]
        left_mean[date] = (n * means).sum() / left[date]
        apart = means - left_mean[date]
        left_m2[date] = (events.m2[rest] + n * apart * apart).sum()
    return count, mean, m2, (left, left_mean, left_m2)


def _calendar(
    result: Surface, rule: int, events: Traded, dates: IntVector, pooling: Pooling
) -> tuple[int, float, float, _Moments | None]:
    """Return the moments of the portfolio of open events, and those without a date."""
    from lakebt.analysis.calendar import portfolio, without_each_date  # noqa: PLC0415 - numba

    arguments = _held(events, pooling)
    _, total, weights, n_open, means, returns, reweighted = portfolio(*arguments)
    result.most_open[rule] = n_open.max()
    result.mean_open[rule] = n_open.sum() / np.count_nonzero(n_open)
    result.reweighted[rule] = reweighted.sum() / len(reweighted)
    mean = float(returns.mean())
    m2 = float(((returns - mean) ** 2).sum())
    n_dates = int(dates[-1]) + 1
    if n_dates < 2:
        return len(returns), mean, m2, None
    sums = total, weights, n_open, means, returns
    parts = without_each_date(*arguments, dates, n_dates, *sums)
    return len(returns), mean, m2, parts


_Portfolio: TypeAlias = (
    "tuple[IntVector, IntVector, IntVector, FloatVector, FloatVector, FloatVector, "
    "FloatVector, float, float]"
)


def _held(events: Traded, pooling: Pooling) -> _Portfolio:
    """Return what a portfolio is made of, as `lakebt.analysis.calendar` takes it."""
    by_leg = pooling.weighting is Weighting.LEG
    weight = events.n_legs.astype(np.float64) if by_leg else np.ones(len(events.first))
    worth = np.zeros(len(events.held)) if events.worth is None else events.worth
    return (
        *(events.first, events.n_returns, events.start, events.held, worth),
        *(events.final, weight, pooling.max_weight, events.fee),
    )


def calendar_returns(events: Traded, pooling: Pooling) -> tuple[int, FloatVector]:
    """Return the portfolio a person could hold: the mean of the open events.

    Parameters
    ----------
    events
        Of one rule, at least one.
    pooling
        Weighting and limit; `how` is not asked.

    Returns
    -------
    first : int
        Number of the first session.
    returns : ndarray of shape (n_sessions,)
        Zero in sessions without an open event; less what it cost to bring the open ones
        back to their weights before each session.
    """
    from lakebt.analysis.calendar import portfolio  # noqa: PLC0415 - numba takes 0.4 s

    first, _, _, _, _, returns, _ = portfolio(*_held(events, pooling))
    return int(first), returns


def _jackknife(values: FloatVector) -> float:
    replicates = values[~np.isnan(values)]
    count = len(replicates)
    if count < 2:
        return float("nan")
    spread = float(((replicates - replicates.mean()) ** 2).sum())
    return float(np.sqrt((count - 1) / count * spread))
