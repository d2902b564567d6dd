"""The returns of a symbol that others are held against, as the market."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakebt.errors import InvalidArgumentError
from lakebt.prices.total_return import ReturnPrices

if TYPE_CHECKING:
    from collections.abc import Callable

    from lakebt._typing import FloatVector
    from lakebt.prices.history import PriceHistory

MARKET = "SPY"
"""What stands for the market where nothing else is named."""


def benchmark_of(
    read: Callable[[str], PriceHistory],
    asked: str | pd.Series[float] | None,
    *,
    default: str,
    index: pd.Index,
    first: int,
) -> pd.Series[float] | None:
    """Return a benchmark's returns; None where none is named and there is no default.

    Parameters
    ----------
    read
        Gives the prices of a symbol.
    asked
        A symbol, or returns; None for the default where that has every session.
    default
    index
        Days of the sessions.
    first
        Number of the first.

    Raises
    ------
    InvalidArgumentError
        If the one asked for has no prices, or is neither.
    """
    if isinstance(asked, pd.Series):
        return asked
    if asked is not None and not isinstance(asked, str):
        msg = f"benchmark must be a symbol or a series of returns, was {asked!r}"
        raise InvalidArgumentError(msg)
    name = default if asked is None else asked
    history = read(name)
    if name not in history:
        if asked is None:
            return None
        msg = (
            f"benchmark {name!r} has no prices here: publish them, or give its "
            f"returns as a series"
        )
        raise InvalidArgumentError(msg)
    last = first + len(index) - 1
    values = daily_returns(history, name, first=first, last=last)
    if asked is None and not np.isfinite(values).all():
        return None
    return pd.Series(values, index=index, name=name)


def daily_returns(
    history: PriceHistory, symbol: str, *, first: int, last: int
) -> FloatVector:
    """Return a symbol's returns from close to close, with its dividends.

    Parameters
    ----------
    history
        Its prices, as they are in force now.
    symbol
    first, last
        Numbers of the first and the last session, inclusive.

    Returns
    -------
    ndarray of shape (n_sessions,)
        Fractions; NaN where a close is missing, or the one before.
    """
    before = max(first - 1, 0)
    prices = ReturnPrices(history).window([symbol], before, last)
    closes = prices[1::2, 0]
    changes: FloatVector = closes[1:] / closes[:-1] - 1.0
    missing = np.full(last - first + 1 - len(changes), np.nan)
    return np.concatenate([missing, changes])
