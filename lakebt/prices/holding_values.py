"""Compiled: what shares were worth from their entries on, for many of them at once."""

from __future__ import annotations

from math import isnan, nan
from typing import TYPE_CHECKING

import numpy as np

from lakebt.values.compilation import compiled

if TYPE_CHECKING:
    from lakebt._typing import FloatVector, IntVector


@compiled
def fill_values(  # noqa: C901, PLR0915 - one loop, in one place for speed
    code: IntVector,
    entered: IntVector,
    start: IntVector,
    span: int,
    bar_start: IntVector,
    bar_session: IntVector,
    bar_open: FloatVector,
    bar_close: FloatVector,
    key: IntVector,
    kept: FloatVector,
    paid: FloatVector,
    first_other: IntVector,
    other: IntVector,
    received: FloatVector,
    rate_key: IntVector,
    rate: FloatVector,
    opens: FloatVector,
    closes: FloatVector,
    marks: FloatVector,
    cash: FloatVector,
    unlent: FloatVector,
    lent: FloatVector,
) -> None:
    """Fill in what each share was worth; see `lakebt.prices.holding.Worth`.

    Parameters
    ----------
    code, entered : ndarray of shape (n_windows,)
        Symbols and sessions of the entries.
    start : ndarray of shape (n_windows + 1,)
        Where each window begins.
    span
        Number of sessions of the calendar.
    bar_start : ndarray of shape (n_symbols + 1,)
        Where each symbol's bars begin.
    bar_session, bar_open, bar_close : ndarray of shape (n_bars,)
        By symbol and session.
    key : ndarray of shape (n_effects,)
        ``symbol * span + session``, ascending.
    kept, paid : ndarray of shape (n_effects,)
        Of a share: what is left of it, and the cash; NaN where that is not known.
    first_other : ndarray of shape (n_effects + 1,)
        Where its shares of others begin.
    other, received : ndarray of shape (n_others,)
        Symbols, and shares of each.
    rate_key, rate : ndarray of shape (n_rates,)
        Borrow rates, as `lakebt.prices.borrow.Rates` has them.
    opens, closes, marks, cash : ndarray of shape (n_values,)
        To be filled in.
    unlent, lent : ndarray of shape (n_values,)
        To be filled in, too, if there are rates: the marks of what has no rate, and the
        others, each times its rate.
    """
    # Working space for all that a share can turn into, made once.
    room = len(bar_start)
    part, shares = np.empty(room, np.int64), np.empty(room)
    row, effect = np.empty(room, np.int64), np.empty(room, np.int64)
    last, ahead = np.empty(room), np.empty(room)
    sessions = np.empty(room, np.int64)
    new, n_new = np.empty(len(other) + 1, np.int64), np.empty(len(other) + 1)
    for window in range(len(code)):
        lo, length = start[window], start[window + 1] - start[window]
        n_parts, got = 0, 0.0
        come = 1
        new[0], n_new[0] = code[window], 1.0
        for t in range(length):
            session = entered[window] + t
            if t > 0:
                come = 0
                for p in range(n_parts):
                    at = effect[p]
                    if shares[p] == 0.0:
                        continue
                    sought = part[p] * span + session
                    while at < len(key) and key[at] < sought:
                        at += 1
                    effect[p] = at
                    if at == len(key) or key[at] != sought:
                        continue
                    got += shares[p] * paid[at]
                    for o in range(first_other[at], first_other[at + 1]):
                        new[come], n_new[come] = other[o], shares[p] * received[o]
                        come += 1
                    shares[p] *= kept[at]
                    if kept[at] != 0.0:
                        last[p] /= kept[at]  # it is of a share before the split
            # Shares that come are added when everything of that day is done.
            for c in range(come):
                p = 0
                while p < n_parts and part[p] != new[c]:
                    p += 1
                if p < n_parts:
                    shares[p] += n_new[c]
                    continue
                n_parts += 1
                part[p], shares[p] = new[c], n_new[c]
                effect[p] = np.searchsorted(key, part[p] * span + entered[window])
                sessions[p] = np.searchsorted(rate_key, part[p] * span + session)
                own = bar_session[bar_start[part[p]] : bar_start[part[p] + 1]]
                at = bar_start[part[p]] + np.searchsorted(own, entered[window])
                end = bar_start[part[p] + 1]
                last[p], ahead[p] = nan, 0.0
                ahead_at = at
                while ahead_at < end and (
                    bar_session[ahead_at] < entered[window] + length
                ):
                    if not isnan(bar_open[ahead_at]):
                        ahead[p] = bar_open[ahead_at]
                        break
                    ahead_at += 1
                while at < end and bar_session[at] < session:
                    if not isnan(bar_close[at]):
                        last[p] = bar_close[at]
                    at += 1
                row[p] = at
            opened, closed, marked = 0.0, 0.0, 0.0
            plain, rated = 0.0, 0.0
            for p in range(n_parts):
                at = row[p]
                end = bar_start[part[p] + 1]
                while at < end and bar_session[at] < session:
                    at += 1
                own_open, own_close = nan, nan
                if at < end and bar_session[at] == session:
                    own_open, own_close = bar_open[at], bar_close[at]
                    at += 1
                row[p] = at
                if not isnan(own_close):
                    last[p] = own_close
                if shares[p] != 0.0:
                    opened += shares[p] * own_open
                    closed += shares[p] * own_close
                    mark = shares[p] * (ahead[p] if isnan(last[p]) else last[p])
                    marked += mark
                    while sessions[p] < len(rate_key) and (
                        rate_key[sessions[p]] < part[p] * span + session
                    ):
                        sessions[p] += 1
                    if (
                        sessions[p] < len(rate_key)
                        and rate_key[sessions[p]] == part[p] * span + session
                    ):
                        rated += mark * rate[sessions[p]]
                    else:
                        plain += mark
            if isnan(got):
                opens[lo + t], closes[lo + t], cash[lo + t] = nan, nan, 0.0
            else:
                opens[lo + t], closes[lo + t], cash[lo + t] = opened, closed, got
            marks[lo + t] = marked
            if len(rate_key):
                unlent[lo + t], lent[lo + t] = plain, rated
