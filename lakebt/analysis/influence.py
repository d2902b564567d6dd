"""Influences added up by date, by session and by both, for errors two ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lakebt.values.compilation import compiled

if TYPE_CHECKING:
    from lakebt._typing import FloatVector, IntVector


@compiled
def overlap(first: IntVector, count: IntVector, date: IntVector) -> bool:
    """Return whether events of different dates are open in one session.

    Parameters
    ----------
    first, count, date : ndarray of shape (n_events,)
        First session with exposure, number of sessions, and code of the date,
        ascending.
    """
    # Windows mostly come date after date: where all do, there is nothing to look for.
    before, until, is_apart = first.min(), first.min(), True
    for event in range(len(first)):
        if event and date[event] != date[event - 1]:
            before = until
        is_apart = is_apart and first[event] >= before
        until = max(until, first[event] + count[event])
    if is_apart:
        return False
    begin = first.min()
    held_by = np.full((first + count).max() - begin, -1, dtype=np.int64)
    for event in range(len(first)):
        at = first[event] - begin
        for t in range(at, at + count[event]):
            if held_by[t] >= 0 and held_by[t] != date[event]:
                return True
            held_by[t] = date[event]
    return False


@compiled
def weighted_sums(
    first: IntVector,
    count: IntVector,
    start: IntVector,
    held: FloatVector,
    final: FloatVector,
    weight: FloatVector,
    slope: FloatVector,
) -> FloatVector:
    """Return each event's sum of returns, each times its weight and a session's slope.

    Parameters
    ----------
    first, count, start, held, final
        As `lakebt.analysis.calendar.portfolio` takes them.
    weight : ndarray of shape (n_events,)
    slope : ndarray of shape (n_sessions,)
        From the first session with exposure on.
    """
    begin = first.min()
    sums = np.zeros(len(first))
    for event in range(len(first)):
        at, last = first[event] - begin, count[event] - 1
        for t in range(count[event]):
            value = held[start[event] + t] if t < last else final[event]
            sums[event] += weight[event] * slope[at + t] * value
    return sums


@compiled
def squares(
    first: IntVector,
    count: IntVector,
    start: IntVector,
    held: FloatVector,
    final: FloatVector,
    date: IntVector,
    weight: FloatVector,
    shift: FloatVector,
    constant: FloatVector,
    slope: FloatVector,
    curve: float,
) -> tuple[float, float, float, int, int]:
    """Return the squares of sums of influences, by date, by session and by both.

    An event's return r in session t has the influence
    ``weight * (constant[t] + slope[t] * r + curve * r * r) + shift``.

    Parameters
    ----------
    first, count, start, held, final
        As `lakebt.analysis.calendar.portfolio` takes them.
    date : ndarray of shape (n_events,)
        Codes, ascending.
    weight, shift : ndarray of shape (n_events,)
    constant, slope : ndarray of shape (n_sessions,)
        From the first session with exposure on.
    curve

    Returns
    -------
    by_date, by_session, by_both : float
    n_sessions, n_pairs : int
        Sessions in which an event is open, and pairs of a date and such a session.
    """
    begin, length = first.min(), len(constant)
    total, own = np.zeros(length), np.zeros(length)
    is_open = np.zeros(length, dtype=np.bool_)
    is_own = np.zeros(length, dtype=np.bool_)
    n_pairs = 0
    by_date, by_both, of_date = 0.0, 0.0, 0.0
    lo, hi = length, 0
    for event in range(len(first)):
        at, last = first[event] - begin, count[event] - 1
        for t in range(count[event]):
            value = held[start[event] + t] if t < last else final[event]
            line = constant[at + t] + slope[at + t] * value + curve * value * value
            influence = weight[event] * line + shift[event]
            total[at + t] += influence
            own[at + t] += influence
            of_date += influence
            is_open[at + t] = True
            is_own[at + t] = True
        lo, hi = min(lo, at), max(hi, at + count[event])
        if event + 1 == len(first) or date[event + 1] != date[event]:
            for t in range(lo, hi):
                by_both += own[t] * own[t]
                own[t] = 0.0
                n_pairs += int(is_own[t])
                is_own[t] = False
            by_date += of_date * of_date
            of_date, lo, hi = 0.0, length, 0
    n_sessions = int(is_open.sum())
    return by_date, (total * total).sum(), by_both, n_sessions, n_pairs
