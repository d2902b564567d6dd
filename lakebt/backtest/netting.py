"""Netting: positions on both sides of a symbol are summed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from lakebt._typing import FloatVector, IntVector


def net_sizes(
    slot: IntVector, symbol: IntVector, size: FloatVector
) -> tuple[IntVector, FloatVector]:
    """Sum the positions of each slot that hold a symbol on both sides.

    Parameters
    ----------
    slot, size : ndarray of shape (n_positions,)
        Signed numbers of shares.
    symbol : ndarray of shape (n_positions,)
        -1 where no other position can be on the other side.

    Returns
    -------
    kept : ndarray of shape (n_kept,)
        Places of the positions that are left, in their order.
    size : ndarray of shape (n_positions,)
        Of those on both sides, the first has the sum, which may be 0.

    Examples
    --------
    >>> kept, size = net_sizes(
    ...     np.array([0, 0, 1]), np.array([7, 7, 7]), np.array([3.0, -1.0, 5.0])
    ... )
    >>> kept.tolist(), size[kept].tolist()
    ([0, 2], [2.0, 5.0])
    """
    size, is_gone = size.copy(), np.zeros(len(size), dtype=bool)
    places = np.flatnonzero(symbol >= 0)
    pairs = pd.DataFrame({"slot": slot[places], "symbol": symbol[places]})
    several = places[pairs.duplicated(keep=False).to_numpy()]
    together: dict[tuple[int, int], list[int]] = {}
    for place in several.tolist():
        key = int(slot[place]), int(symbol[place])
        together.setdefault(key, []).append(place)
    for own in together.values():
        sizes = size[own]
        if (sizes < 0.0).any() and (sizes >= 0.0).any():
            size[own[0]] = sum(sizes.tolist())
            is_gone[own[1:]] = True
    return np.flatnonzero(~is_gone), size
