"""What dividends and spin-offs took out of prices, as it was known before orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lakebt.prices.actions import ActionKind
from lakebt.prices.effects import per_bar_share
from lakebt.values.arrays import offsets, spans

if TYPE_CHECKING:
    from lakebt._typing import FloatVector, IntVector
    from lakebt.prices.actions import Action
    from lakebt.prices.history import PriceHistory


def payouts_known(
    history: PriceHistory,
    codes: IntVector,
    *,
    before: IntVector,
    since: IntVector,
    fills: IntVector,
) -> tuple[IntVector, IntVector, FloatVector]:
    """Return what was paid on shares after a session and up to a fill.

    Parameters
    ----------
    history
    codes : ndarray of shape (n,)
        Symbols, as `PriceHistory.codes` gives them; -1 has none.
    before : ndarray of shape (n,)
        Deadlines: microseconds since 1970 UTC, exclusive. What was told, or corrected,
        later does not count.
    since, fills : ndarray of shape (n,)
        Numbers of sessions: the first exclusive, the second inclusive.

    Returns
    -------
    starts : ndarray of shape (n + 1,)
        Where the payouts of each begin.
    session : ndarray of shape (n_payouts,)
        The newest of each first.
    value : ndarray of shape (n_payouts,)
        USD for one share held at the close before, as the bars count shares: the cash
        of a dividend; of a spin-off the last close of its shares before that day, else
        their first open. What the bars are adjusted for, or has no price that was
        known, is left out.
    """
    actions, nothing = history.actions, np.zeros(0, dtype=np.int64)
    paying = (ActionKind.CASH_DIVIDEND.code, ActionKind.SPIN_OFF.code)
    rows = np.flatnonzero(np.isin(actions.kind, paying))
    none = np.zeros(len(codes) + 1, dtype=np.int64), nothing, np.zeros(0)
    if not len(rows):
        return none
    span = len(history.sessions)
    own = history.codes(actions.symbols)[actions.symbol[rows]]
    key = own * span + actions.session[rows]
    order = np.argsort(key, kind="stable")
    rows, key = rows[order], key[order]
    lo = np.searchsorted(key, codes * span + since + 1)
    hi = np.searchsorted(key, codes * span + fills + 1)
    sizes = np.where(codes >= 0, np.maximum(hi - lo, 0), 0)
    if not sizes.any():  # mostly: of a share, few days in a year pay anything
        return none
    pair, row = np.repeat(np.arange(len(codes)), sizes), rows[spans(lo, sizes)]
    pair, row = _in_force(history, pair, row, before=before)
    distinct, place = np.unique(row, return_inverse=True)
    of_row = per_bar_share(history, actions.actions(distinct))
    value = np.full(len(row), np.nan)
    for number, at in enumerate(place.tolist()):
        if (action := of_row[at]) is not None:
            deadline = int(before[pair[number]])
            value[number] = _value(history, action, before=deadline)
    known = np.isfinite(value)
    pair, row, value = pair[known], row[known], value[known]
    newest = np.lexsort((-actions.session[row], pair))
    starts = offsets(np.bincount(pair, minlength=len(codes)))
    return starts, actions.session[row][newest], value[newest]


def _in_force(
    history: PriceHistory, pair: IntVector, row: IntVector, *, before: IntVector
) -> tuple[IntVector, IntVector]:
    """Return what was in force at each deadline: see `ActionHistory.in_force`."""
    actions = history.actions
    # A vintage that moved an action to another day is not among the rows of this one.
    every = np.argsort(actions.action, kind="stable")
    begins = np.searchsorted(actions.action[every], np.arange(len(actions.action_ids)))
    counts = np.bincount(actions.action, minlength=len(begins))
    pairs = np.unique(np.column_stack([pair, actions.action[row]]), axis=0)
    sizes = counts[pairs[:, 1]]
    of = np.repeat(pairs[:, 0], sizes)
    vintage = every[spans(begins[pairs[:, 1]], sizes)]
    known = actions.known_at[vintage] < before[of]
    of, vintage = of[known], vintage[known]
    order = np.lexsort((actions.known_at[vintage], actions.action[vintage], of))
    of, vintage = of[order], vintage[order]
    action = actions.action[vintage]
    is_last = np.append((np.diff(of) != 0) | (np.diff(action) != 0), True)
    is_last = is_last[: len(of)] & ~actions.retracted[vintage]
    of, vintage = of[is_last], vintage[is_last]
    span = np.int64(len(actions))
    inside = np.isin(of * span + vintage, pair * span + row)
    return of[inside], vintage[inside]


def _value(history: PriceHistory, action: Action, *, before: int) -> float:
    """Return what one share got, in USD, by prices known before an instant."""
    if action.kind is ActionKind.CASH_DIVIDEND:
        return action.cash
    code = history.codes([action.other])
    if code[0] < 0:
        return np.nan
    opened = int(history.sessions.instants("open")[action.session])
    close = history.closes_known(code, before=np.array([min(opened, before)]))[0]
    if np.isnan(close):
        own = slice(history.starts[code[0]], history.starts[code[0] + 1])
        known = (history.known_at[own] < before) & ~history.retracted[own]
        known &= history.session[own] >= action.session
        known &= np.isfinite(history.open[own])
        opens = history.open[own][known]
        close = opens[0] if len(opens) else np.nan
    return float(action.ratio * close)
