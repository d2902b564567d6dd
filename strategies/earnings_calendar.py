"""Hold what is expected to report within the week, short what is not.

Thesis
    Stocks earn more in the days around their earnings announcements than on others: a
    premium for a risk that cannot be diversified while the news is out, or for the
    attention it draws [1]_ [2]_. The dates are known weeks ahead, so the trade needs no
    guess, only a calendar.
Trade
    Weekly. Of the names in the calendar, half of capital long those that are expected
    to report within `days` calendar days from the decision, half short the others that
    have a price, equal weight within a side.
Fails when
    The calendar was compiled afterwards: a date is only worth something if its
    `known_at` is when it was published. When dates move: firms that postpone have bad
    news more often than not [3]_, and the book holds them until it knows. When either
    side is empty, which is not traded; out of season it nearly always is. Turnover is
    the whole book every week, and costs may well be more than the premium.

References
----------
.. [1] A. Frazzini and O. Lamont (2007). "The earnings announcement premium and trading
   volume". NBER Working Paper 13090.
.. [2] P. Savor and M. Wilson (2016). "Earnings announcements and systematic risk".
   Journal of Finance 71(1), 83-138.
.. [3] T. Johnson and E. So (2018). "Time will tell: information in the timing of
   scheduled earnings news". Journal of Financial and Quantitative Analysis 53(6),
   2431-2464.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from lakebt import View


@dataclass(frozen=True, slots=True, kw_only=True)
class EarningsCalendar:
    """The strategy's parameters: everything a run may vary, and nothing else.

    Attributes
    ----------
    table
        A declared table with the columns ``symbol`` and ``reports``, a date.
    days
        Calendar days from the decision's own, which is the first of them.
    """

    table: str = "earnings"
    days: int = 7

    def target_weights(self, view: View) -> pd.Series:
        """Return symbol → weight; nothing where a side is empty.

        A name without a close on the last session known is left out.
        """
        instant = pd.Timestamp(view.instant).tz_convert("America/New_York")
        today = instant.tz_localize(None).normalize()
        calendar = view.read(self.table, columns=["symbol", "reports"])
        closes = view.panel("close", start=(today - pd.Timedelta(days=10)).date())
        traded = set(closes.columns[closes.iloc[-1].notna()]) if len(closes) else set()
        last = today + pd.Timedelta(days=self.days - 1)
        is_soon = calendar["reports"].between(today, last)
        soon = sorted(traded.intersection(calendar["symbol"][is_soon]))
        others = sorted(traded.intersection(calendar["symbol"]).difference(soon))
        if not soon or not others:
            return pd.Series(dtype="float64")
        weights = dict.fromkeys(soon, 0.5 / len(soon))
        return pd.Series(weights | dict.fromkeys(others, -0.5 / len(others)))
