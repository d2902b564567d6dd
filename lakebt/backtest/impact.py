"""Market impact: what a fill costs because of its size.

A fill of n shares costs coefficient x sigma x sqrt(n / volume) of its value, with sigma
and volume as known before the entry's deadline: for the exit, too, since nobody knows
at the entry what they will be.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from lakebt._typing import FloatVector

Amount = TypeVar("Amount", float, FloatVector)


def toll(size: Amount, sigma: Amount, volume: Amount) -> Amount:
    """Return what a fill costs, per USD of the price of a share and coefficient.

    Parameters
    ----------
    size : float or ndarray of shape (n,)
        Signed number of shares.
    sigma, volume : float or ndarray of shape (n,)
        As `lakebt.prices.liquidity.Liquidity` has them.

    Returns
    -------
    float or ndarray of shape (n,)
        ``sigma * sqrt(|size| / volume) * |size|``; NaN where the volume is unknown.

    Examples
    --------
    10,000 shares at 50 USD, of a million a day that move 2 % a day, for a coefficient
    of 1: 20 basis points of 500,000 USD.

    >>> import numpy as np
    >>> per_usd = toll(np.array([1e4]), np.array([0.02]), np.array([1e6]))
    >>> round(float(per_usd[0]) * 50.0, 6)
    1000.0
    """
    shares = np.abs(size)
    cost: Amount = sigma * np.sqrt(shares / volume) * shares
    return cost


def participation(size: Amount, volume: Amount) -> Amount:
    """Return a fill, or fills, as a part of the volume of a day."""
    part: Amount = np.abs(size) / volume
    return part
