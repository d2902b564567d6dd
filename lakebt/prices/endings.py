"""Symbols that ended: what bears one's name afterwards is another share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakebt._typing import IntVector
    from lakebt.prices.actions import ActionHistory


def ended(actions: ActionHistory, codes: Mapping[str, int], *, span: int) -> IntVector:
    """Return from where to where the rows of symbols are of shares that had ended.

    Parameters
    ----------
    actions
    codes
        The numbers of the symbols that have rows.
    span
        Number of sessions.

    Returns
    -------
    ndarray of shape (n_spells, 2)
        ``code * span + session`` of the first, and of that after the last: the symbol
        came again.
    """
    ends, came = list[tuple[int, int]](), dict[str, list[int]]()
    for action in actions.final:
        came.setdefault(action.other, []).append(action.session)
    for action in actions.final:
        if action.kind.is_ending and action.symbol in codes:
            since = [s for s in came.get(action.symbol, ()) if s >= action.session]
            start = codes[action.symbol] * span
            ends.append((start + action.session, start + min(since, default=span)))
    return np.array(ends, dtype=np.int64).reshape(-1, 2)
