"""The event engine's inner loop, compiled: one pass over the sessions of each slot.

A slot is an event under an entry: a number of shares of each leg, bought or sold once.
Its equity is linear in the prices, so the sessions from the entry to the last exit are
walked through once, with running sums; every exit and every level then takes a handful
of operations, whatever the number of legs. A level is what is charged, and how many
times the shares are held: equity is linear in those, too.
"""

from __future__ import annotations

from math import inf, isnan
from typing import TYPE_CHECKING

import numpy as np

from lakebt.values.compilation import compiled

if TYPE_CHECKING:
    import numpy.typing as npt

    from lakebt._typing import BoolVector, FloatPanel, FloatVector, IntVector

    CodePanel = npt.NDArray[np.int8]


TRADED, NO_PRICE, RUINED = 0, 1, 2
"""The status of a cell."""


@compiled
def run_slots(  # noqa: C901, PLR0915 - one loop, in one place for speed
    lo: int,
    hi: int,
    opens: FloatVector,
    marks: FloatVector,
    missing: BoolVector,
    cash: FloatVector,
    unlent: FloatVector,
    lent: FloatVector,
    base: IntVector,
    size: FloatVector,
    price: FloatVector,
    toll: FloatPanel,
    start: IntVector,
    entry_row: IntVector,
    last_row: IntVector,
    exits: IntVector,
    exit_row: IntVector,
    place: IntVector,
    days: IntVector,
    fee: FloatVector,
    borrow_per_day: FloatVector,
    toll_of: IntVector,
    impact_at: FloatPanel,
    scale: FloatVector,
    capital: FloatVector,
    basis: float,
    held_start: IntVector,
    held: FloatPanel,
    gross_worth: FloatVector,
    status: CodePanel,
    n_returns: IntVector,
    final: FloatPanel,
    mean: FloatPanel,
    m2: FloatPanel,
    gross: FloatVector,
    net: FloatPanel,
    borrow: FloatPanel,
    impact: FloatPanel,
    drawdown: FloatPanel,
    traded: FloatVector,
    gaps: IntVector,
) -> None:
    """Trade slots `lo` to `hi`, and write the figures of each of their cells.

    Parameters
    ----------
    lo, hi
        Slots from and to, the last exclusive.
    opens, marks, missing : ndarray of shape (n_bars,)
        Opens (NaN where there is no bar), closes with gaps filled, and whether the
        close was missing.
    cash : ndarray of shape (n_cash,)
        Cash that a share has paid so far, for the last `n_cash` of those bars; empty if
        no share pays any.
    unlent, lent : ndarray of shape (n_bars,)
        The marks of shares that pay a level's borrow rate, and the borrow in USD per
        share and calendar day of shares with a rate of their own, whatever the level;
        `lent` is empty if no share has one.
    base, size, price : ndarray of shape (n_positions,)
        The place of session 0 among each position's bars, its signed number of shares,
        the price of its entry.
    toll : ndarray of shape (n_tolls, n_positions)
        The impact of a position's fill, per USD of the share's price and unit of a
        coefficient: it grows with the number of shares to the power of 3/2. Without
        rows if no level has a coefficient; `impact` then stays as it is.
    start : ndarray of shape (n_slots + 1,)
        The first position of each slot.
    entry_row, last_row : ndarray of shape (n_slots,)
        Half sessions of the entry and of the last exit.
    exits : ndarray of shape (n_slots + 1,)
        The first cell of each slot.
    exit_row : ndarray of shape (n_cells,)
    place : ndarray of shape (n_cells,)
        The place of each cell's figures, from 0 to ``n_out - 1``.
    days : ndarray of shape (n_sessions,)
        Calendar days from the session before.
    fee, borrow_per_day : ndarray of shape (n_levels,)
        Fractions of traded notional, and of the short value per calendar day.
    toll_of : ndarray of shape (n_levels,)
        The row of `toll` that a level pays; -1 for none.
    impact_at : ndarray of shape (n_levels, 2)
        The level's coefficients, at the open and at the close.
    scale, capital : ndarray of shape (n_levels,)
        The multiple of `size` that is held, and the capital of each slot, in USD.
    basis
        The capital that `size` is computed for, in USD.
    held_start : ndarray of shape (n_slots,)
        The first of a slot's daily returns in `held`.
    held : ndarray of shape (n_levels, n_held)
        Daily net returns while the positions are held, from the first session.
    gross_worth : ndarray of shape (n_held,)
        The gross value of `size` at the closes of those sessions, longs plus shorts.
    status : ndarray of shape (n_levels, n_out)
    n_returns : ndarray of shape (n_out,)
    final, mean, m2, net, borrow, impact, drawdown : ndarray of shape (n_levels, n_out)
        The last session's return; the mean of the daily returns and the sum of their
        squared deviations from it; over the whole trade, the net return; the borrow in
        USD; the impact in USD; the worst drawdown as a fraction.
    gross, traded, gaps : ndarray of shape (n_out,)
        For `size` itself: the gross return as a fraction of `basis`, the USD bought and
        sold; and the number of missing closes while held.
    """
    # Working space for the longest slot is allocated once: to allocate it for each slot
    # would take longer than most slots do.
    longest = 1
    for slot in range(lo, hi):
        longest = max(longest, last_row[slot] // 2 - entry_row[slot] // 2 + 1)
    at_open, at_close = np.empty(longest), np.empty(longest)
    moved_open, moved_close = np.empty(longest), np.empty(longest)
    short, gap = np.empty(longest), np.empty(longest, dtype=np.int64)
    equity, owed, lowest = np.empty(longest), np.zeros(longest), np.empty(longest)
    total, squares = np.empty(longest), np.empty(longest)
    peak, worst = np.empty(longest), np.empty(longest)
    # Absent arrays are empty, not None: each None would be another signature, and the
    # compiler takes two to four seconds for each of eight.
    has_rates, n_tolls = len(lent) > 0, len(toll)
    rate_owed = np.empty(longest if has_rates else 0)
    toll_open = np.empty((n_tolls, longest))
    toll_close = np.empty((n_tolls, longest))
    toll_paid = np.empty(n_tolls)
    # Bars before this one pay no cash.
    plain = len(opens) - len(cash)
    share = 1.0 / np.arange(1.0, longest + 2.0)  # 1 / n
    per_basis = 1.0 / basis
    # Half sessions are numbered as in `lakebt.sessions`: opens even, closes odd. Its
    # functions are not compiled, so their arithmetic is written out here.
    for slot in range(lo, hi):
        entered = entry_row[slot] // 2
        skipped = entry_row[slot] % 2  # an entry at the close begins a session later
        length = last_row[slot] // 2 - entered + 1
        at_open[:length] = 0.0
        at_close[:length] = 0.0
        moved_open[:length] = 0.0
        moved_close[:length] = 0.0
        short[:length] = 0.0
        gap[:length] = 0
        invested, bought = 0.0, 0.0
        if has_rates:
            rate_owed[:length] = 0.0
        if n_tolls:
            toll_open[:, :length] = 0.0
            toll_close[:, :length] = 0.0
            toll_paid[:] = 0.0
        # Sums over the positions are the same for all exits and levels.
        for position in range(start[slot], start[slot + 1]):
            shares, paid = size[position], price[position]
            invested += shares * paid
            bought += abs(shares) * paid
            bar = base[position] + entered
            own_opens, own_marks = opens[bar : bar + length], marks[bar : bar + length]
            for t in range(length):
                at_open[t] += shares * own_opens[t]
                at_close[t] += shares * own_marks[t]
                moved_open[t] += abs(shares) * own_opens[t]
                moved_close[t] += abs(shares) * own_marks[t]
            if bar >= plain:
                own_cash = cash[bar - plain : bar - plain + length]
                for t in range(length):
                    at_open[t] += shares * own_cash[t]
                    at_close[t] += shares * own_cash[t]
            if shares < 0.0:
                if has_rates:
                    for t in range(length):
                        short[t] -= shares * unlent[bar + t]
                        rate_owed[t] -= shares * lent[bar + t]
                else:
                    for t in range(length):
                        short[t] -= shares * own_marks[t]
            for t in range(length):
                gap[t] += missing[bar + t]
            if n_tolls:
                for kind in range(n_tolls):
                    own_toll = toll[kind, position]
                    toll_paid[kind] += own_toll * paid
                    for t in range(length):
                        toll_open[kind, t] += own_toll * own_opens[t]
                        toll_close[kind, t] += own_toll * own_marks[t]
        for t in range(skipped, length):
            gross_worth[held_start[slot] + t - skipped] = moved_close[t]
        for t in range(1, length):
            gap[t] += gap[t - 1]  # from here on: missing closes up to this session
        for level in range(len(fee)):
            times, began = scale[level], capital[level]
            per_usd = 1.0 / began
            before_fees = began - times * invested
            paid_in = before_fees - times * bought * fee[level]
            kind, larger, entering, leaving = -1, 0.0, 0.0, 0.0
            if n_tolls:
                # A toll grows with shares to the power of 3/2, so `times` scales it so.
                kind, larger = toll_of[level], times * np.sqrt(times)
                if kind >= 0:
                    entering = larger * impact_at[level, skipped] * toll_paid[kind]
                    paid_in -= entering
            own_held = held[level, held_start[slot] :]
            # A session pays borrow on the short value of the close before, for each
            # calendar day since.
            if borrow_per_day[level] > 0.0 or has_rates:
                owed[0] = 0.0
                for t in range(1, length):
                    cost = borrow_per_day[level] * (times * short[t - 1])
                    if has_rates:
                        cost += times * rate_owed[t - 1]
                    owed[t] = owed[t - 1] + cost * days[entered + t]
            else:
                owed[:length] = 0.0
            for t in range(length):
                equity[t] = paid_in + times * at_close[t] - owed[t]
            # After an entry at the close, equity at that close is the whole capital, so
            # that the first return has the costs of the entry, as it has otherwise.
            if skipped:
                equity[0] = began
            else:
                own_held[0] = equity[0] / began - 1.0
            for t in range(1, length):
                own_held[t - skipped] = equity[t] / equity[t - 1] - 1.0
            # Deviations are taken from the first return, not from 0, where the squares
            # of nearly equal returns would cancel. Each session keeps its sums so far,
            # so that an exit can start from those of the session before it.
            shift = own_held[0] if length > skipped else 0.0
            sum_, sum_squares = 0.0, 0.0
            high, per_high, deep, low = began, per_usd, 0.0, inf
            for t in range(skipped, length):
                value = equity[t]
                apart = own_held[t - skipped] - shift
                sum_ += apart
                sum_squares += apart * apart
                if value > high:
                    high, per_high = value, 1.0 / value
                deep = max(deep, 1.0 - value * per_high)
                # A trade is ruined if its equity reaches zero, after or before costs.
                low = min(low, value, before_fees + times * at_close[t])
                total[t], squares[t] = sum_, sum_squares
                peak[t], worst[t], lowest[t] = per_high, deep, low
            # An exit replaces the mark of its own session by the price it got. That is
            # one more return after those of the sessions before it.
            for cell in range(exits[slot], exits[slot + 1]):
                out = place[cell]
                t = exit_row[cell] // 2 - entered
                unmarked = gap[t - 1] if t > 0 else 0
                if exit_row[cell] % 2:
                    received, moved = at_close[t], moved_close[t]
                    filled = gap[t] == unmarked  # a missing close has a mark, no fill
                else:
                    received, moved = at_open[t], moved_open[t]
                    filled = not isnan(received)
                if not filled:
                    status[level, out] = NO_PRICE
                    continue
                count = t - skipped + 1
                worth = times * received
                value = paid_in + worth - times * moved * fee[level] - owed[t]
                if n_tolls:
                    if kind >= 0:
                        at = exit_row[cell] % 2
                        tolled = toll_close[kind, t] if at else toll_open[kind, t]
                        leaving = larger * impact_at[level, at] * tolled
                        value -= leaving
                    impact[level, out] = entering + leaving
                low = min(value, before_fees + worth)
                if count > 1:
                    rate = value / equity[t - 1] - 1.0
                    apart = rate - shift
                    sum_, sum_squares = total[t - 1] + apart, squares[t - 1] + apart**2
                    mean[level, out] = shift + sum_ * share[count - 1]
                    spread = sum_squares - sum_ * sum_ * share[count - 1]
                    m2[level, out] = max(spread, 0.0)  # rounding may fall below zero
                    per_high, deep = peak[t - 1], worst[t - 1]
                    low = min(low, lowest[t - 1])
                else:
                    rate = value * per_usd - 1.0
                    mean[level, out], m2[level, out] = rate, 0.0
                    per_high, deep = per_usd, 0.0
                status[level, out] = RUINED if low <= 0.0 else TRADED
                final[level, out] = rate
                net[level, out] = value * per_usd - 1.0
                borrow[level, out] = owed[t]
                drawdown[level, out] = max(deep, 1.0 - value * per_high)
                n_returns[out] = count
                gross[out] = (received - invested) * per_basis
                traded[out] = bought + moved
                gaps[out] = unmarked
