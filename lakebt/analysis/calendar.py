"""The portfolio a person could hold: the events that are open, session by session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lakebt.analysis.sharpe import CANCELLED
from lakebt.values.compilation import compiled

if TYPE_CHECKING:
    from lakebt._typing import FloatVector, IntVector


@compiled
def portfolio(
    first: IntVector,
    count: IntVector,
    start: IntVector,
    held: FloatVector,
    worth: FloatVector,
    final: FloatVector,
    weight: FloatVector,
    max_weight: float,
    fee: float,
) -> tuple[
    int, FloatVector, FloatVector, IntVector, FloatVector, FloatVector, FloatVector
]:
    """Return the weighted mean of the open events, less the cost of keeping it so.

    Before each session every open event is brought back to its weight, at the close
    before. What an event trades to come and to go is in its own returns; what it trades
    because others come and go, and because it earned another return than they did, is
    charged here: the change of its share, times what it holds as a multiple of its
    equity.

    Parameters
    ----------
    first, count, start : ndarray of shape (n_events,)
        Each event's first session, its number of daily returns, and where those before
        the last begin in `held`.
    held, worth : ndarray of shape (n_held,)
        Daily net returns, and what was held at the close, as a multiple of what the
        event started with; longs and shorts added up.
    final : ndarray of shape (n_events,)
        Each event's last daily return.
    weight : ndarray of shape (n_events,)
        Relative to the other open events.
    max_weight
        At most this share of the capital for each open event; the rest is cash.
    fee
        Fraction of what is traded.

    Returns
    -------
    begin : int
        The first session with exposure.
    total, weights : ndarray of shape (n_sessions,)
        Sums over the open events, of weight times return and of weight.
    n_open : ndarray of shape (n_sessions,)
    means : ndarray of shape (n_sessions,)
        Of the open events' returns, weighted; zero where none is open.
    returns : ndarray of shape (n_sessions,)
        Less the reweighting before each session.
    reweighted : ndarray of shape (n_events,)
        What each event traded for it, each time as a multiple of its share of the
        portfolio.
    """
    begin = first.min()
    length = (first + count).max() - begin
    total, weights = np.zeros(length), np.zeros(length)
    n_open = np.zeros(length, dtype=np.int64)
    for event in range(len(first)):
        _add(
            event,
            begin,
            first,
            count,
            start,
            held,
            final,
            weight,
            total,
            weights,
            n_open,
        )
    means, share, drifted = np.zeros(length), np.zeros(length), np.zeros(length)
    per_share = np.zeros(length)
    for t in range(length):
        means[t] = _mean(total[t], weights[t], n_open[t], max_weight)
        share[t] = _share(weights[t], n_open[t], max_weight)
        drifted[t] = share[t] / (1.0 + means[t])
        per_share[t] = 1.0 / share[t] if n_open[t] else 0.0
    traded = np.zeros(length)
    reweighted = np.zeros(len(first))
    for event in range(len(first)):
        at, equity = first[event] - begin, 1.0
        for t in range(1, count[event]):
            growth = 1.0 + held[start[event] + t - 1]
            equity *= growth
            moved = abs(share[at + t] - drifted[at + t - 1] * growth)
            moved *= worth[start[event] + t - 1] / equity
            traded[at + t] += weight[event] * moved
            reweighted[event] += moved * per_share[at + t]
    returns = np.zeros(length)
    for t in range(length):
        returns[t] = _net(means[t], fee * traded[t])
    return begin, total, weights, n_open, means, returns, reweighted


@compiled
def _add(
    event: int,
    begin: int,
    first: IntVector,
    count: IntVector,
    start: IntVector,
    held: FloatVector,
    final: FloatVector,
    weight: FloatVector,
    total: FloatVector,
    weights: FloatVector,
    n_open: IntVector,
) -> None:
    at = first[event] - begin
    last = count[event] - 1
    for t in range(last):
        total[at + t] += weight[event] * held[start[event] + t]
        weights[at + t] += weight[event]
        n_open[at + t] += 1
    total[at + last] += weight[event] * final[event]
    weights[at + last] += weight[event]
    n_open[at + last] += 1


@compiled
def _mean(total: float, weight: float, n_open: int, max_weight: float) -> float:
    if n_open == 0:
        return 0.0
    return total / weight * min(1.0, max_weight * n_open)


@compiled
def _share(weight: float, n_open: int, max_weight: float) -> float:
    """Return the capital of an event for each unit of its weight."""
    if n_open == 0:
        return 0.0
    return min(1.0, max_weight * n_open) / weight


@compiled
def _net(mean: float, charged: float) -> float:
    """Return what is left of a mean when a share of the capital was paid before."""
    return mean - charged * (1.0 + mean)


@compiled
def without_each_date(  # noqa: C901, PLR0915 - one loop, in one place for speed
    first: IntVector,
    count: IntVector,
    start: IntVector,
    held: FloatVector,
    worth: FloatVector,
    final: FloatVector,
    weight: FloatVector,
    max_weight: float,
    fee: float,
    date: IntVector,
    n_dates: int,
    total: FloatVector,
    weights: FloatVector,
    n_open: IntVector,
    means: FloatVector,
    returns: FloatVector,
) -> tuple[IntVector, FloatVector, FloatVector]:
    """Return number, mean and squared deviations of the series without each date.

    Parameters
    ----------
    first, count, start, held, worth, final, weight, max_weight, fee
        As for `portfolio`; sorted by `date`.
    date : ndarray of shape (n_events,)
        From 0 to ``n_dates - 1``, ascending, each at least once.
    n_dates
        At least two.
    total, weights, n_open, means, returns : ndarray of shape (n_sessions,)
        As `portfolio` gave them.

    Returns
    -------
    n, mean, m2 : ndarray of shape (n_dates,)
    """
    begin, length = first.min(), len(returns)
    cut, who, grown, size = _staying(
        begin, first, count, start, held, worth, weight, date, length if fee > 0 else 0
    )
    share, drifted = np.zeros(length), np.zeros(length)
    if fee > 0.0:
        for t in range(length):
            share[t] = _share(weights[t], n_open[t], max_weight)
            drifted[t] = share[t] / (1.0 + means[t])
    own_mean, own_share, own_drifted = means.copy(), share.copy(), drifted.copy()
    changed = returns.copy()
    centre = returns.mean()
    sum_ = (returns - centre).sum()
    squares = ((returns - centre) ** 2).sum()
    opens = np.full(n_dates, begin + length)
    ends = np.full(n_dates, begin)
    for event in range(len(first)):
        opens[date[event]] = min(opens[date[event]], first[event])
        ends[date[event]] = max(ends[date[event]], first[event] + count[event])
    in_order_open, in_order_end = np.sort(opens), np.sort(ends)
    gone_total, gone_weights = np.zeros(length), np.zeros(length)
    gone_open = np.zeros(length, dtype=np.int64)
    n = np.zeros(n_dates, dtype=np.int64)
    mean, m2 = np.zeros(n_dates), np.zeros(n_dates)
    event = 0
    for number in range(n_dates):
        lo, hi = opens[number] - begin, ends[number] - begin
        while event < len(first) and date[event] == number:
            _add(
                event, begin, first, count, start, held, final, weight,
                gone_total, gone_weights, gone_open,
            )  # fmt: skip
            event += 1
        for t in range(lo, hi):
            if gone_open[t]:
                left_weight = weights[t] - gone_weights[t]
                left_open = n_open[t] - gone_open[t]
                own_mean[t] = _mean(
                    total[t] - gone_total[t], left_weight, left_open, max_weight
                )
                if fee > 0.0:
                    own_share[t] = _share(left_weight, left_open, max_weight)
                    own_drifted[t] = own_share[t] / (1.0 + own_mean[t])
        # What is traded before the first session after them is another, too.
        until = min(hi + 1, length) if fee > 0.0 else hi
        left_sum, left_squares = sum_, squares
        for t in range(lo, until):
            traded = 0.0
            if fee > 0.0 and t > 0:
                now, before = own_share[t], own_drifted[t - 1]
                for place in range(cut[t], cut[t + 1]):
                    if who[place] != number:
                        traded += size[place] * abs(now - before * grown[place])
            changed[t] = _net(own_mean[t], fee * traded)
            before, after = returns[t] - centre, changed[t] - centre
            left_sum += after - before
            left_squares += after * after - before * before
        # The series begins and ends with what is left; what falls away there is zero.
        left = (
            in_order_open[1] if opens[number] == in_order_open[0] else in_order_open[0]
        )
        right = (
            in_order_end[-2] if ends[number] == in_order_end[-1] else in_order_end[-1]
        )
        n[number] = right - left
        fallen = length - n[number]
        left_sum += fallen * centre
        left_squares -= fallen * centre * centre
        mean[number] = centre + left_sum / n[number]
        m2[number] = max(left_squares - left_sum * left_sum / n[number], 0.0)
        if m2[number] <= CANCELLED * squares:
            # Nearly all that varies is left out, and the difference is rounding.
            rest = changed[left - begin : right - begin]
            mean[number] = rest.mean()
            m2[number] = ((rest - mean[number]) ** 2).sum()
        for t in range(lo, until):
            gone_total[t], gone_weights[t], gone_open[t] = 0.0, 0.0, 0
            own_mean[t], own_share[t], own_drifted[t] = means[t], share[t], drifted[t]
            changed[t] = returns[t]
    return n, mean, m2


@compiled
def _staying(
    begin: int,
    first: IntVector,
    count: IntVector,
    start: IntVector,
    held: FloatVector,
    worth: FloatVector,
    weight: FloatVector,
    date: IntVector,
    length: int,
) -> tuple[IntVector, IntVector, FloatVector, FloatVector]:
    """Return the events that are open in each session and in the one before it.

    Returns
    -------
    cut : ndarray of shape (length + 1,)
        Where each session's events begin.
    who : ndarray of shape (n,)
        Their dates.
    grown, size : ndarray of shape (n,)
        1 and their return in the session before; and what they held after it, as a
        multiple of their equity and for each unit of share.
    """
    cut = np.zeros(length + 1, dtype=np.int64)
    if length:
        for event in range(len(first)):
            for t in range(1, count[event]):
                cut[first[event] - begin + t + 1] += 1
        for t in range(length):
            cut[t + 1] += cut[t]
    n = cut[length]
    who, grown, size = np.zeros(n, dtype=np.int64), np.zeros(n), np.zeros(n)
    filled = cut[:length].copy()
    if length:
        for event in range(len(first)):
            equity = 1.0
            for t in range(1, count[event]):
                place = filled[first[event] - begin + t]
                filled[first[event] - begin + t] += 1
                who[place] = date[event]
                grown[place] = 1.0 + held[start[event] + t - 1]
                equity *= grown[place]
                size[place] = weight[event] * worth[start[event] + t - 1] / equity
    return cut, who, grown, size
