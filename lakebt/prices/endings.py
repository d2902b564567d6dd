"""Symbols that ended: what bears one's name afterwards is another share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lakebt._typing import BoolVector
    from lakebt.prices.history import PriceHistory


def is_stale(history: PriceHistory) -> BoolVector:
    """Return whether each row is of a symbol that had ended, and has not come again."""
    stale = np.zeros(len(history.symbol), dtype=bool)
    span, ends, came = len(history.sessions), [], dict[str, list[int]]()
    for action in history.actions.final:
        came.setdefault(action.other, []).append(action.session)
    for action in history.actions.final:
        if action.kind.is_ending and action.symbol in history:
            since = [s for s in came.get(action.symbol, ()) if s >= action.session]
            start = int(history.codes([action.symbol])[0]) * span
            ends += [start + action.session, start + min(since, default=span)]
    if not ends:
        return stale
    keys = history.symbol * span + history.session
    places = np.searchsorted(keys, np.array(ends, dtype=np.int64))
    for first, after in places.reshape(-1, 2).tolist():
        stale[first:after] = True
    return stale
