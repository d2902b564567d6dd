"""What the lakes of the suite hold: a small market, corrected, retracted, declared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.sources.simulated import simulated_market
from tests.lake.earnings import calendar, declare
from tests.lake.frames import holdings

if TYPE_CHECKING:
    from lakebt.lake import Lake

MARKET = simulated_market(seed=3, n_events=6, n_members=2)
FIRST = MARKET.index_changes.iloc[0]
CORRECTED = FIRST["symbol"], FIRST["effective"]
"""Symbol and session of the close that R2 raises by five per cent."""

RETRACTED = MARKET.index_changes.iloc[-1]["symbol"]
"""Of the change that R3 takes back."""

NAMES = ("R1", "R2", "R3", "R4", "R5")


def fill(lake: Lake) -> None:
    """Publish R1 to R5."""
    as_of = MARKET.as_of
    lake.publish(MARKET.tables, release="R1", as_of=as_of, note="a market")

    prices = MARKET.prices
    symbol, session = CORRECTED
    bar = prices[(prices["symbol"] == symbol) & (prices["session"] == session)].copy()
    bar[["open", "high", "low", "close"]] *= 1.05
    bar["known_at"] = as_of
    lake.publish({"prices": bar}, release="R2", as_of=as_of)

    change = MARKET.index_changes.tail(1).copy()
    change["known_at"], change["retracted"] = as_of, True
    lake.publish({"index_changes": change}, release="R3", as_of=as_of)

    declare(lake)
    earlier = {"US0000000001": "OLD", "US0000000002": "BOTH"}
    later = {"US0000000003": "NEW", "US0000000002": "BOTH"}
    known = "2010-06-01T12:00:00Z"
    tables = {
        "earnings": calendar(announced="2010-06-01T12:00:00Z", reports="2010-07-01"),
        "etf_holdings": holdings(earlier, "2010-03-31", known, fund="F"),
    }
    lake.publish(tables, release="R4", as_of=as_of)
    report = holdings(later, "2010-04-30", "2010-06-02T12:00:00Z", fund="F")
    lake.publish({"etf_holdings": report}, release="R5", as_of=as_of)
