"""Windows of shares to which something happened, one for all that share it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakebt.prices.windows import PriceWindows
from lakebt.values.arrays import offsets

if TYPE_CHECKING:
    from lakebt._typing import BoolVector, IntVector
    from lakebt.prices.borrow import Rates
    from lakebt.prices.effect_arrays import EffectArrays


def few_windows(
    arrays: EffectArrays,
    codes: IntVector,
    *,
    entered: IntVector,
    last: IntVector,
    has_close: BoolVector,
) -> tuple[tuple[IntVector, IntVector, IntVector], IntVector]:
    """Return the windows that many shares need, and which each one has.

    Shares bought between two actions of a symbol become the same from the second one
    on, and share a window from the first entry to the last exit. Where shares
    of others come, or the entry has no close, what fills gaps depends on the entry
    itself: it has a window of its own.

    Parameters
    ----------
    arrays
        What happened.
    codes, entered, last, has_close : ndarray of shape (n,)
        As `lakebt.prices.holding.Holdings.windows` takes them.

    Returns
    -------
    windows : tuple of ndarray of shape (n_windows,)
        Codes, first sessions and last ones.
    place : ndarray of shape (n,)
    """
    lo, hi = arrays.between(codes, entered, last)
    is_alone = ~has_close | (arrays.first_other[hi] > arrays.first_other[lo])
    alone = len(arrays.key) + (codes * arrays.span + entered) * arrays.span + last
    place, keys = pd.factorize(np.where(is_alone, alone, lo))
    whose, until = np.zeros((2, len(keys)), dtype=np.int64)
    first = np.full(len(keys), arrays.span, dtype=np.int64)
    whose[place] = codes
    np.minimum.at(first, place, entered)
    np.maximum.at(until, place, last)
    return (whose, first, until), place


def held_windows(
    arrays: EffectArrays,
    rates: Rates,
    codes: IntVector,
    entered: IntVector,
    last: IntVector,
) -> PriceWindows:
    """Return what `lakebt.prices.holding.Holding.worth` gives for many shares.

    Parameters
    ----------
    arrays, rates
        What happened, and what the symbols cost to borrow.
    codes, entered, last : ndarray of shape (n_windows,)
        Symbols with bars, and numbers of the sessions, inclusive.
    """
    from lakebt.prices.holding_values import fill_values  # noqa: PLC0415 - numba takes 0.4 s

    starts = offsets(last - entered + 1)
    opens, closes, marks, cash = (np.empty(starts[-1]) for _ in range(4))
    unlent, lent = (np.empty(starts[-1] if len(rates) else 0) for _ in range(2))
    fill_values(
        codes,
        entered,
        starts,
        arrays.span,
        *arrays.bars,
        arrays.key,
        arrays.kept,
        arrays.paid,
        arrays.first_other,
        arrays.other,
        arrays.received,
        rates.key,
        rates.rate,
        opens,
        closes,
        marks,
        cash,
        unlent,
        lent,
    )
    return PriceWindows(
        opens=opens,
        closes=closes,
        base=starts[:-1] - entered,
        starts=starts[:-1],
        cash=cash,
        held_marks=marks,
        unlent=unlent,
        lent=lent,
    )
