"""Buy the index members that rose over the past year, short those that fell.

Thesis
    Winners of the past 3 to 12 months go on winning for a while, and losers losing
    [1]_. The last month is left out: over so short a time returns reverse [2]_.
Trade
    Monthly. Members are ranked by their return from `formation` sessions ago to `skip`
    sessions ago; half of capital long the best `share` of them, half short the worst,
    equal weight within a side.
Fails when
    A falling market turns: the losers, which are short, then rise most [3]_. When
    turnover and borrow cost more than the spread earns. When prices are raw: a split
    reads as a crash, and dividends are missing. When the membership is thin: members
    are those of the newest holdings report known, which may be five months old,
    brought up to date with the changes known since; without any report there are only
    the additions on record.

References
----------
.. [1] N. Jegadeesh and S. Titman (1993). "Returns to buying winners and selling losers:
   Implications for stock market efficiency". Journal of Finance 48(1), 65-91.
.. [2] N. Jegadeesh (1990). "Evidence of predictable behavior of security returns".
   Journal of Finance 45(3), 881-898.
.. [3] K. Daniel and T. J. Moskowitz (2016). "Momentum crashes". Journal of Financial
   Economics 122(2), 221-247.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from lakebt import Side

if TYPE_CHECKING:
    import datetime as dt

    from lakebt import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Momentum:
    """The strategy's parameters: everything a run may vary, and nothing else.

    Attributes
    ----------
    index
        Among whose members.
    formation, skip
        Sessions back to the first and to the last price of the return that is ranked.
    share
        Of the ranked members, on each side.
    """

    index: str = "SP500"
    formation: int = 252
    skip: int = 21
    share: float = 0.1

    def target_weights(self, view: View) -> pd.Series:
        """Return symbol → weight; nothing where too few members can be ranked.

        A member without a close at either end of the return, or on the last session
        known, is not ranked.
        """
        today = pd.Timestamp(view.instant).tz_convert("America/New_York").date()
        now = view.sessions.on_or_before(today)
        first = view.sessions.date(now - self.formation - 1)
        closes = view.panel("close", start=first)
        closes = closes.loc[:, closes.columns.isin(members(view, self.index, today))]
        if len(closes) <= self.formation:
            return pd.Series(dtype="float64")
        closes = closes.loc[:, closes.iloc[-1].notna()]
        past = closes.iloc[-1 - self.skip] / closes.iloc[-1 - self.formation]
        ranked = past.dropna().sort_values(kind="stable").index
        count = int(len(ranked) * self.share)
        if not 0 < count <= len(ranked) // 2:
            return pd.Series(dtype="float64")
        losers = dict.fromkeys(ranked[:count], -0.5 / count)
        return pd.Series(losers | dict.fromkeys(ranked[-count:], 0.5 / count))


def members(view: View, index: str, today: dt.date) -> frozenset[str]:
    """Return the members of an index on a day, as far as the view knows them."""
    report = view.read("etf_holdings", where={"index": index})
    # What has expired stands under an earlier date. Without a report this is NaT, and
    # every change came after it.
    newest = report["date"].max()
    held = set(report["symbol"][report["date"] == newest].dropna())
    changes = [
        (change.effective, change.known_at, change.side, change.symbol)
        for change in view.changes(index=index)
        if change.effective is not None and change.effective <= today
    ]
    for effective, _, side, symbol in sorted(changes):
        if pd.Timestamp(effective) <= newest:
            continue
        if side is Side.ADDITION:
            held.add(symbol)
        else:
            held.discard(symbol)
    return frozenset(held)
