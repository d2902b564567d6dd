"""The portfolio a person could hold: the events that are open, session by session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from lakebt._typing import FloatVector, IntVector


CANCELLED = 1e-6
"""Of a sum of squares, what subtraction leaves of it with too few digits."""

# No fast-math: the same bits everywhere.
compiled = njit(cache=True, nogil=True, error_model="numpy", fastmath=False)


@compiled
def portfolio(
    first: IntVector,
    count: IntVector,
    start: IntVector,
    held: FloatVector,
    final: FloatVector,
    weight: FloatVector,
    max_weight: float,
) -> tuple[int, FloatVector, FloatVector, IntVector, FloatVector]:
    """Return the weighted mean of the open events, and what it is made of.

    Parameters
    ----------
    first, count, start : ndarray of shape (n_events,)
        Each event's first session, its number of daily returns, and where those before
        the last begin in `held`.
    held : ndarray of shape (n_held,)
    final : ndarray of shape (n_events,)
        Each event's last daily return.
    weight : ndarray of shape (n_events,)
        Relative to the other open events.
    max_weight
        At most this share of the capital for each open event; the rest is cash.

    Returns
    -------
    begin : int
        The first session with exposure.
    total, weights : ndarray of shape (n_sessions,)
        Sums over the open events, of weight times return and of weight.
    n_open : ndarray of shape (n_sessions,)
    returns : ndarray of shape (n_sessions,)
        Zero where none is open.
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
    returns = np.zeros(length)
    for t in range(length):
        returns[t] = _mean(total[t], weights[t], n_open[t], max_weight)
    return begin, total, weights, n_open, returns


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
def without_each_date(
    first: IntVector,
    count: IntVector,
    start: IntVector,
    held: FloatVector,
    final: FloatVector,
    weight: FloatVector,
    max_weight: float,
    date: IntVector,
    n_dates: int,
) -> tuple[IntVector, FloatVector, FloatVector]:
    """Return number, mean and squared deviations of the series without each date.

    Parameters
    ----------
    first, count, start, held, final, weight, max_weight
        As for `portfolio`; sorted by `date`.
    date : ndarray of shape (n_events,)
        From 0 to ``n_dates - 1``, ascending, each at least once.
    n_dates
        At least two.

    Returns
    -------
    n, mean, m2 : ndarray of shape (n_dates,)
    """
    begin, total, weights, n_open, returns = portfolio(
        first, count, start, held, final, weight, max_weight
    )
    length = len(returns)
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
    changed = returns.copy()
    event = 0
    for number in range(n_dates):
        while event < len(first) and date[event] == number:
            _add(
                event, begin, first, count, start, held, final, weight,
                gone_total, gone_weights, gone_open,
            )  # fmt: skip
            event += 1
        left_sum, left_squares = sum_, squares
        for t in range(opens[number] - begin, ends[number] - begin):
            if gone_open[t]:
                value = _mean(
                    total[t] - gone_total[t],
                    weights[t] - gone_weights[t],
                    n_open[t] - gone_open[t],
                    max_weight,
                )
                before, after = returns[t] - centre, value - centre
                left_sum += after - before
                left_squares += after * after - before * before
                changed[t] = value
            gone_total[t], gone_weights[t], gone_open[t] = 0.0, 0.0, 0
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
        changed[opens[number] - begin : ends[number] - begin] = returns[
            opens[number] - begin : ends[number] - begin
        ]
    return n, mean, m2
