"""How the events of one rule become one series, and what the error of its ratio is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from lakebt.analysis.pooling import Aggregate, Pooling, Weighting
from lakebt.analysis.ratio_error import NO_ERROR, jackknife, lo_error, two_way
from lakebt.analysis.sharpe import CANCELLED, ratio_of_moments
from lakebt.values.arrays import read_only

if TYPE_CHECKING:
    from collections.abc import Callable

    from lakebt._typing import FloatVector, IntVector
    from lakebt.analysis.ratio_error import RatioError
    from lakebt.analysis.traded_events import Traded


Moments: TypeAlias = "tuple[IntVector, FloatVector, FloatVector]"
"""Number of returns, their mean, and the sum of their squared deviations from it."""


Squares: TypeAlias = "tuple[float, float, float, int, int]"
"""Of influences, by date, by session, by both; numbers of sessions and of pairs."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Series:
    """The moments of the series of one rule, and what its error is made of.

    Attributes
    ----------
    count, mean, m2
        Of the daily returns.
    is_single
        Whether the returns are of one event.
    overlaps
        Whether events of different dates are open in one session.
    squares
        Gives sums of squares of influences, for a daily ratio and deviation.
    left
        Gives number, mean and squared deviations without each date.
    most_open, mean_open, reweighted
        See `lakebt.analysis.surface.Surface`.
    """

    count: int
    mean: float
    m2: float
    is_single: bool
    overlaps: bool
    squares: Callable[[float, float], Squares]
    left: Callable[[], Moments]
    most_open: int = 0
    mean_open: float = float("nan")
    reweighted: float = 0.0

    def error(self, value: float, n_dates: int, effective: float) -> RatioError:
        """Return the standard error of the ratio `value`."""
        if n_dates < 2:
            return lo_error(value, self.count) if self.is_single else NO_ERROR
        if not self.overlaps:
            return jackknife(ratio_of_moments(*self.left()), effective - 1.0)
        deviation = np.sqrt(self.m2 / (self.count - 1))
        *squares, n_sessions, n_pairs = self.squares(self.mean / deviation, deviation)
        return two_way(
            *squares,
            n_returns=self.count,
            n_dates=n_dates,
            n_sessions=n_sessions,
            n_pairs=n_pairs,
        )


def series_of(events: Traded, dates: IntVector, pooling: Pooling) -> Series:
    """Return the series of one rule.

    Parameters
    ----------
    events
        Of one rule, at least one, by date.
    dates : ndarray of shape (n_events,)
        Codes of their dates, from 0 without gaps.
    pooling
        How the events become one series.
    """
    if pooling.how is Aggregate.POOLED:
        return _pooled(events, dates)
    return _calendar(events, dates, pooling)


def _pooled(events: Traded, dates: IntVector) -> Series:
    """Return the events joined."""
    from lakebt.analysis.influence import overlap, squares  # noqa: PLC0415 - numba

    counts = events.n_returns
    count = int(counts.sum())
    # Not `@`: BLAS adds more than 10,000 numbers in threads, and in their order.
    mean = float((counts * events.mean).sum()) / count
    apart = events.mean - mean  # sums of squares about the mean do not cancel
    cuts = np.searchsorted(dates, np.arange(int(dates[-1]) + 1))
    sums = np.add.reduceat(counts * apart, cuts)
    parts = np.add.reduceat(events.m2 + counts * apart * apart, cuts)
    m2 = float(parts.sum())

    def influence(ratio: float, deviation: float) -> Squares:
        # of a return r with z = (r - mean) / deviation: z - ratio / 2 (z z - 1)
        centre, curve = mean / deviation, -0.5 * ratio
        length = int((events.first + counts).max() - events.first.min())
        return squares(
            *sessions_of(events),
            dates,
            np.ones(len(counts)),
            np.zeros(len(counts)),
            np.full(length, -centre + curve * (centre * centre - 1.0)),
            np.full(length, (1.0 - 2.0 * curve * centre) / deviation),
            curve / deviation**2,
        )

    return Series(
        count=count,
        mean=mean,
        m2=m2,
        is_single=len(counts) == 1,
        overlaps=len(cuts) > 1 and bool(overlap(events.first, counts, dates)),
        squares=influence,
        left=lambda: _left(events, cuts, sums, parts, mean),
    )


def _left(
    events: Traded, cuts: IntVector, sums: FloatVector, parts: FloatVector, mean: float
) -> Moments:
    """Return the moments of the events joined, without each date."""
    counts, m2 = events.n_returns, float(parts.sum())
    left = counts.sum() - np.add.reduceat(counts, cuts)
    left_sum, left_squares = sums.sum() - sums, m2 - parts
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
    return left, left_mean, left_m2


def _calendar(events: Traded, dates: IntVector, pooling: Pooling) -> Series:
    """Return the portfolio of open events."""
    from lakebt.analysis.calendar import portfolio, without_each_date  # noqa: PLC0415 - numba
    from lakebt.analysis.influence import overlap, squares  # noqa: PLC0415 - numba

    arguments = held_of(events, pooling)
    _, total, weights, n_open, means, returns, reweighted = portfolio(*arguments)
    mean = float(returns.mean())
    m2 = float(((returns - mean) ** 2).sum())
    n_dates = int(dates[-1]) + 1

    def influence(ratio: float, deviation: float) -> Squares:
        # A session's influence is that of its return R: with z = (R - mean) / deviation
        # z - ratio / 2 (z z - 1). R is the mean of what the open events earn, less what
        # the portfolio pays: each has its share of the influence, linear in its return.
        weight = arguments[6]
        share = np.minimum(1.0, pooling.max_weight * n_open)
        z = (returns - mean) / deviation
        per_return = (1.0 - 0.5 * ratio * z) / deviation
        to_all = (returns - means - mean) * per_return + 0.5 * ratio
        of_weight = 1.0 / np.where(n_open > 0, weights, 1.0)
        by_date, by_session, by_both, n_sessions, n_pairs = squares(
            *sessions_of(events),
            dates,
            weight,
            np.zeros(len(weight)),
            to_all * of_weight,
            share * per_return * of_weight,
            0.0,
        )
        idle = to_all[n_open == 0]
        nobodys = float((idle * idle).sum())
        return (
            *(by_date + nobodys, by_session + nobodys, by_both + nobodys),
            *(n_sessions + len(idle), n_pairs + len(idle)),
        )

    return Series(
        count=len(returns),
        mean=mean,
        m2=m2,
        is_single=len(events.first) == 1,
        overlaps=n_dates > 1 and bool(overlap(events.first, events.n_returns, dates)),
        squares=influence,
        left=lambda: without_each_date(
            *arguments, dates, n_dates, total, weights, n_open, means, returns
        ),
        most_open=int(n_open.max()),
        mean_open=n_open.sum() / np.count_nonzero(n_open),
        reweighted=reweighted.sum() / len(reweighted),
    )


def sessions_of(
    events: Traded,
) -> tuple[IntVector, IntVector, IntVector, FloatVector, FloatVector]:
    """Return the sessions of events and their returns, as compiled code takes them."""
    held = read_only(events.held)
    return events.first, events.n_returns, events.start, held, events.final


_Portfolio: TypeAlias = (
    "tuple[IntVector, IntVector, IntVector, FloatVector, FloatVector, FloatVector, "
    "FloatVector, float, float]"
)


def held_of(events: Traded, pooling: Pooling) -> _Portfolio:
    """Return what a portfolio is made of, as `lakebt.analysis.calendar` takes it."""
    by_leg = pooling.weighting is Weighting.LEG
    weight = events.n_legs.astype(np.float64) if by_leg else np.ones(len(events.first))
    worth = np.zeros(len(events.held)) if events.worth is None else events.worth
    return (
        *(events.first, events.n_returns, events.start, read_only(events.held), worth),
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

    first, _, _, _, _, returns, _ = portfolio(*held_of(events, pooling))
    return int(first), returns
