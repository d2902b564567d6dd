"""How few announcement dates are too few: where a Sharpe ratio is shown, it is said."""

from __future__ import annotations

FEW_DATES = 10
"""Announcement dates below which no error can be trusted, and no rule is the best."""

FEW = "\N{DAGGER}"
"""Follows a Sharpe ratio that rests on so few."""

NOTE = f"{FEW} fewer than {FEW_DATES} announcement dates: no error can be trusted"


def mark(n_dates: float) -> str:
    """Return what follows a Sharpe ratio over so many dates: nothing, or a dagger.

    Parameters
    ----------
    n_dates
        0 where there are no events, as under a strategy of one's own: then nothing.

    Examples
    --------
    >>> mark(9) == FEW, mark(10), mark(0)
    (True, '', '')
    """
    return FEW if 0 < n_dates < FEW_DATES else ""
