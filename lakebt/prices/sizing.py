"""The closes that orders are sized on, in the share units of their fills."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lakebt.prices.actions import ActionKind

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
    found = rows >= 0
    closes[found] = history.close[rows[found]]
    actions = history.actions
    is_split = actions.kind == ActionKind.SPLIT.code
    if not is_split.any() or not found.any():
        return closes
    # Candidates by any vintage; whether it was in force is asked of those alone.
    span = len(history.sessions)
    of_bars = history.codes(actions.symbols)[actions.symbol]
    split = np.flatnonzero(is_split & (of_bars >= 0))
    keys = np.sort(of_bars[split] * span + actions.session[split])
    closed = np.where(found, history.session[np.maximum(rows, 0)], 0)
    lo = np.searchsorted(keys, codes * span + closed + 1)
    hi = np.searchsorted(keys, codes * span + fills + 1)
    for place in np.flatnonzero(found & (hi > lo)).tolist():
        if _basis_of_row(history, int(rows[place])) != "raw":
            continue
        own = split[of_bars[split] == codes[place]]
        since = actions.session
        for row in actions.in_force(before=int(before[place]), among=own).tolist():
            if closed[place] < since[row] <= fills[place]:
                closes[place] /= actions.ratio[row]
    return closes


def _basis_of_row(history: PriceHistory, row: int) -> str:
    if len(history.row_basis):
        return history.basis[int(history.row_basis[row])]
    return history.basis[0] if history.basis else "raw"
