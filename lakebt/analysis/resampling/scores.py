"""The scores of events under many rules, summed by announcement date."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lakebt.analysis.clusters import combined
from lakebt.analysis.event_series import held_of, sessions_of
from lakebt.analysis.pooling import Aggregate
from lakebt.analysis.resampling.blocks import calendar_blocks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lakebt._typing import BoolVector, FloatPanel, FloatVector, IntVector
    from lakebt.analysis.pooling import Pooling
    from lakebt.analysis.traded_events import Traded


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """The scores of events under many rules, summed by announcement date.

    Attributes
    ----------
    sums, counts : ndarray of shape (n_dates, n_rules)
        Sum of the scores, as fractions of capital, and number of events. Zero where a
        rule has none.
    session : ndarray of shape (n_dates,)
        Number of each date's session, ascending.
    longest
        The longest hold of any event under any rule, in sessions.
    overlaps : ndarray of shape (n_rules,)
        Whether events of different dates are open in one session.
    two_way : ndarray of shape (n_rules,)
        Variance of the sum of the scores, by date and by session; NaN without overlap.
    n_sessions : ndarray of shape (n_rules,)
        Sessions in which an event is open; 0 without overlap.
    """

    sums: FloatPanel
    counts: FloatPanel
    session: IntVector
    longest: int
    overlaps: BoolVector
    two_way: FloatVector
    n_sessions: IntVector

    @property
    def length(self) -> int:
        """Sessions of a block of the calendar: twice the longest hold."""
        return 2 * max(self.longest, 1)

    @cached_property
    def block(self) -> IntVector:
        """The block of each date, codes from 0."""
        return calendar_blocks(self.session, length=self.length)

    @cached_property
    def n_blocks(self) -> IntVector:
        """How many blocks each rule has events in, shape (n_rules,)."""
        blocks = [np.unique(self.block[has]) for has in (self.counts > 0.0).T]
        return np.array([len(each) for each in blocks], dtype=np.int64)


def scores_of(
    rules: Iterable[tuple[Traded, FloatVector]],
    *,
    session: IntVector,
    n_rules: int,
    pooling: Pooling,
) -> Scores:
    """Return the scores of the events of many rules.

    Parameters
    ----------
    rules
        For each rule its events by date, and the net return of each over its trade, as
        fractions. Dates are numbers in `session`.
    session : ndarray of shape (n_dates,)
        Number of each date's session, ascending.
    n_rules
        The number of rules.
    pooling
        The score of an event is its net return (pooled), or what it adds to the
        portfolio: the sum of its daily returns, each times its share of the capital
        (calendar).
    """
    n_dates, longest = len(session), 0
    sums, counts = np.zeros((n_dates, n_rules)), np.zeros((n_dates, n_rules))
    overlaps = np.zeros(n_rules, dtype=np.bool_)
    variance = np.full(n_rules, np.nan)
    n_sessions = np.zeros(n_rules, dtype=np.int64)
    for rule, (events, net) in enumerate(rules):
        if not len(net):
            continue
        slope, weight = _shares(events, pooling)
        score = (
            net if pooling.how is Aggregate.POOLED else _added(events, weight, slope)
        )
        counts[:, rule] = np.bincount(events.date, minlength=n_dates)
        sums[:, rule] = np.bincount(events.date, score, minlength=n_dates)
        longest = max(longest, int(events.n_returns.max()))
        scores = _two_way(events, score, weight, slope)
        if scores is not None:
            overlaps[rule] = True
            variance[rule], n_sessions[rule] = scores
    return Scores(
        sums=sums,
        counts=counts,
        session=session,
        longest=longest,
        overlaps=overlaps,
        two_way=variance,
        n_sessions=n_sessions,
    )


def _shares(events: Traded, pooling: Pooling) -> tuple[FloatVector, FloatVector]:
    """Return what a unit of weight is of the capital in each session, and weights."""
    from lakebt.analysis.calendar import portfolio  # noqa: PLC0415 - numba takes 0.4 s

    if pooling.how is Aggregate.POOLED:
        length = int((events.first + events.n_returns).max() - events.first.min())
        return np.ones(length), np.ones(len(events.first))
    arguments = held_of(events, pooling)
    _, _, weights, n_open, *_ = portfolio(*arguments)
    share = np.minimum(1.0, pooling.max_weight * n_open)
    return share / np.where(n_open > 0, weights, 1.0), arguments[6]


def _added(events: Traded, weight: FloatVector, slope: FloatVector) -> FloatVector:
    from lakebt.analysis.influence import weighted_sums  # noqa: PLC0415 - numba

    added: FloatVector = weighted_sums(*sessions_of(events), weight, slope)
    return added


def _two_way(
    events: Traded, score: FloatVector, weight: FloatVector, slope: FloatVector
) -> tuple[float, int] | None:
    """Return the variance of the sum of scores, and sessions; None without overlap."""
    from lakebt.analysis.influence import overlap, squares  # noqa: PLC0415 - numba

    if not overlap(events.first, events.n_returns, events.date):
        return None
    # What a score is more than the mean is spread over its sessions as it was earned.
    rest = score - score.sum() / len(score) - _added(events, weight, slope)
    by_date, by_session, by_both, n_sessions, n_pairs = squares(
        *sessions_of(events),
        events.date,
        weight,
        rest / events.n_returns,
        np.zeros(len(slope)),
        slope,
        0.0,
    )
    n_dates = len(np.unique(events.date))
    variance = combined(
        (by_date, n_dates), (by_session, n_sessions), (by_both, n_pairs)
    )
    return variance, n_sessions
