"""Buy what the index adds, short what it deletes.

Thesis
    Index funds must trade by the close before the effective session. Anyone who reads
    the announcement can trade first, so prices should move between the two [1]_,
    though the effect has faded [2]_.
Trade
    From the session after the announcement, for `hold` sessions; decide daily, or
    changes are missed. Half of capital long all additions of these sessions, half
    short all deletions, equal weight within a side.
Fails when
    The change was guessed before it was announced, or other traders bid it up before
    the first open that can be traded. When a deletion is a takeover, whose price no
    longer moves. When one side is empty: an unpaired side is a bet on the market, and
    is not taken.

References
----------
.. [1] A. Shleifer (1986). "Do demand curves for stocks slope down?". Journal of
   Finance 41(3), 579-590.
.. [2] R. Greenwood and M. Sammon (2025). "The disappearing index effect". Journal of
   Finance 80(2), 657-698.
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
class IndexRebalance:
    """The strategy's parameters: everything a run may vary, and nothing else.

    Attributes
    ----------
    index
        Whose changes are traded.
    hold
        Sessions that a change is held, the first after its announcement included.
    """

    index: str = "SP500"
    hold: int = 20

    def target_weights(self, view: View) -> pd.Series:
        """Return symbol → weight; nothing where a side is empty.

        A symbol without a close on the session before cannot be sized, and is left out.
        """
        sessions = view.sessions
        now = sessions.on_or_before(_day(view.instant))
        priced = view.panel("close", start=sessions.date(now - 1)).columns
        held: dict[Side, set[str]] = {Side.ADDITION: set(), Side.DELETION: set()}
        for change in view.changes(index=self.index):
            if change.announced is None or change.symbol not in priced:
                continue
            age = now - sessions.on_or_before(_day(change.announced))
            if 0 < age <= self.hold:
                held[change.side].add(change.symbol)
        longs, shorts = held[Side.ADDITION], held[Side.DELETION]
        if not (longs and shorts):
            return pd.Series(dtype="float64")
        weights = dict.fromkeys(sorted(longs), 0.5 / len(longs))
        for symbol in sorted(shorts):
            weights[symbol] = weights.get(symbol, 0.0) - 0.5 / len(shorts)
        return pd.Series(weights)


def _day(instant: dt.datetime) -> dt.date:
    """Return the calendar day in New York."""
    return pd.Timestamp(instant).tz_convert("America/New_York").date()
