"""The closes that orders are sized on, in the share units of their fills."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lakebt.prices.actions import ActionKind
from lakebt.values.arrays import offsets

if TYPE_CHECKING:
    from lakebt._typing import FloatVector, IntVector
    from lakebt.prices.history import PriceHistory


def sizing_closes(
    history: PriceHistory, codes: IntVector, *, before: IntVector, fills: IntVector
) -> FloatVector:
    """Return the newest closes known before orders, per share of the day of the fill.

    A split after the close and up to the fill divides it by its ratio if it was known
    before the order, and if the close is as it was traded. A dividend changes nothing,
    and neither does a spin-off: the number of shares stays.

    Parameters
    ----------
    history
    codes : ndarray of shape (n,)
        Symbols, as `PriceHistory.codes` gives them; of -1 the close is NaN.
    before : ndarray of shape (n,)
        Deadlines of the orders: microseconds since 1970 UTC, exclusive.
    fills : ndarray of shape (n,)
        Numbers of the sessions in which they are filled.

    Returns
    -------
    ndarray of shape (n,)
        NaN where no close was known.
    """
    rows = history.rows_known(codes, before=before)
    closes = np.full(len(codes), np.nan)
    has_close = rows >= 0
    if not has_close.any():
        return closes
    closes[has_close] = history.close[rows[has_close]]
    closed = np.where(has_close, history.session[np.maximum(rows, 0)], fills)
    pairs, starts, _, ratio = splits_known(
        history, codes, rows, before=before, since=closed, fills=fills
    )
    for number, pair in enumerate(pairs.tolist()):
        for own in ratio[starts[number] : starts[number + 1]].tolist():
            closes[pair] /= own
    return closes


def splits_known(
    history: PriceHistory,
    codes: IntVector,
    rows: IntVector,
    *,
    before: IntVector,
    since: IntVector,
    fills: IntVector,
) -> tuple[IntVector, IntVector, IntVector, FloatVector]:
    """Return the splits after a session and up to a fill that were known before it.

    Parameters
    ----------
    history
    codes, before, fills : ndarray of shape (n,)
        As `sizing_closes` takes them.
    rows : ndarray of shape (n,)
        The newest bar known of each, as `PriceHistory.rows_known` gives it: one that is
        adjusted has its splits in it.
    since : ndarray of shape (n,)
        Number of the session that a split comes after.

    Returns
    -------
    pairs : ndarray of shape (n_pairs,)
        Places in `codes` of those that have one, ascending.
    starts : ndarray of shape (n_pairs + 1,)
        Where the splits of each begin.
    session, ratio : ndarray of shape (n_splits,)
        The newest of each pair first.
    """
    actions = history.actions
    is_split = actions.kind == ActionKind.SPLIT.code
    nothing = np.zeros(0, dtype=np.int64)
    if not is_split.any():
        return nothing, np.zeros(1, dtype=np.int64), nothing, np.zeros(0)
    # Candidates by any vintage; whether it was in force is asked of those alone.
    span = len(history.sessions)
    of_bars = history.codes(actions.symbols)[actions.symbol]
    split = np.flatnonzero(is_split & (of_bars >= 0))
    keys = np.sort(of_bars[split] * span + actions.session[split])
    lo = np.searchsorted(keys, codes * span + since + 1)
    hi = np.searchsorted(keys, codes * span + fills + 1)
    pairs, known = [], []
    for pair in np.flatnonzero((rows >= 0) & (hi > lo)).tolist():
        if _basis_of_row(history, int(rows[pair])) != "raw":
            continue
        own = split[of_bars[split] == codes[pair]]
        splits = actions.in_force(before=int(before[pair]), among=own)
        session = actions.session[splits]
        splits = splits[(since[pair] < session) & (session <= fills[pair])]
        if len(splits):
            pairs.append(pair)
            known.append(splits[np.argsort(-actions.session[splits], kind="stable")])
    of_all = np.concatenate([nothing, *known])
    return (
        np.array(pairs, dtype=np.int64),
        offsets(np.array([len(splits) for splits in known], dtype=np.int64)),
        actions.session[of_all],
        actions.ratio[of_all],
    )


def _basis_of_row(history: PriceHistory, row: int) -> str:
    if len(history.row_basis):
        return history.basis[int(history.row_basis[row])]
    return history.basis[0] if history.basis else "raw"
