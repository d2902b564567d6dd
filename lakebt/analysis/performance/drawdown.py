"""Falls of equity below its highest: how deep, since when and how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lakebt._typing import FloatVector, IntVector


def below_highest(returns: FloatVector) -> FloatVector:
    r"""Return how far equity lies below its highest so far.

    .. math:: D_t = \frac{E_t}{\max_{s \le t} E_s} - 1, \quad E_0 = 1

    Parameters
    ----------
    returns : ndarray of shape (n,)
        Fractions.

    Returns
    -------
    ndarray of shape (n,)
        Fractions, never above 0. NaN from a NaN on.

    References
    ----------
    .. [1] M. Magdon-Ismail and A. F. Atiya (2004). "Maximum drawdown". Risk Magazine
       17(10), 99-102.

    Examples
    --------
    >>> below_highest(np.array([-0.1, 0.25, -0.2])).round(12).tolist()
    [-0.1, 0.0, -0.2]
    """
    with np.errstate(over="ignore", invalid="ignore"):
        equity = np.cumprod(1.0 + returns)
        highest = np.maximum(np.maximum.accumulate(equity), 1.0)
        below: FloatVector = equity / highest - 1.0
    return below


def falls(below: FloatVector) -> tuple[IntVector, IntVector, IntVector]:
    """Return where each fall has its peak, its trough and its recovery.

    Parameters
    ----------
    below : ndarray of shape (n,)
        From `below_highest`.

    Returns
    -------
    peak, trough, recovery : ndarray of shape (n_falls,)
        Positions, in the order of time. The peak is the last session at the highest, -1
        where that is the start; the recovery the first at the highest again, n where
        there is none yet.

    Examples
    --------
    >>> found = falls(np.array([-0.1, -0.2, 0.0, -0.3]))
    >>> [each.tolist() for each in found]
    [[-1, 2], [1, 3], [2, 4]]
    """
    is_low = np.concatenate([[False], below < 0.0, [False]])
    starts = np.flatnonzero(is_low[1:] & ~is_low[:-1])
    ends = np.flatnonzero(~is_low[1:] & is_low[:-1])
    troughs = np.array(
        [
            start + int(below[start:end].argmin())
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        ],
        dtype=np.int64,
    )
    return starts - 1, troughs, ends
