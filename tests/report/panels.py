"""A study of events that overlap, and how tests read the panel of its page."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from selenium.webdriver.common.by import By

import lakebt
from lakebt.sources.simulated import simulated_market

if TYPE_CHECKING:
    from pathlib import Path

    from tests.report.browser import Page

MARKET = "MKT"
GRID: dict[str, Any] = {
    "entries": ["AD@close", "AD+1@open", "AD+2@close", "ED-1@close"],
    "exits": ["+0", "+3", "1w", "ED-1@close", "ED+2@open", "MD@close"],
}
COSTS = lakebt.CostModel(
    commission_bps=1.5, half_spread_bps=2.0, borrow_bps_per_year=300.0
)


def corrected(prices: pd.DataFrame) -> pd.DataFrame:
    """Return every seventh bar a little higher, as known four days later."""
    rows = prices[prices["symbol"] != MARKET].iloc[::7].copy()
    rows[["open", "high", "low", "close"]] *= 1.001
    later = pd.to_datetime(rows["session"]).dt.tz_localize("America/New_York")
    return rows.assign(known_at=later + pd.Timedelta("4D17h"))


def postponed(changes: pd.DataFrame) -> pd.DataFrame:
    """Return one leg of every third event with a later date, as known two days on."""
    rows = changes.iloc[::12].copy()
    rows["effective"] = [day + dt.timedelta(days=7) for day in rows["effective"]]
    return rows.assign(known_at=rows["announced"] + pd.Timedelta("2D"))


def with_both_sides(changes: pd.DataFrame) -> pd.DataFrame:
    """Add changes of symbols that are on the other side too, and of the hedge."""
    added = changes[changes["side"] == "addition"].iloc[::9]
    hedge = changes[changes["side"] == "addition"].iloc[4::11]
    rows = [changes, added.assign(side="deletion"), hedge.assign(symbol=MARKET)]
    return pd.concat(rows, ignore_index=True)


def overlapping_events(path: Path) -> lakebt.View:
    """Overlapping events, with missing bars, corrections and no round prices."""
    market = simulated_market(
        seed=11, n_events=24, n_members=2, before=12, after=90, spacing=4
    )
    rng = np.random.default_rng(4)
    prices = market.prices
    kept = (prices["symbol"] == MARKET) | (rng.random(len(prices)) > 0.02)
    prices = prices[kept]
    odd = prices["symbol"].str.endswith(("3", "7"))
    columns = ["open", "high", "low", "close"]
    prices.loc[odd, columns] = prices.loc[odd, columns] / 3.0
    lake = lakebt.Lake.open(path)
    changes = with_both_sides(market.index_changes)
    tables = {**market.tables, "prices": prices, "index_changes": changes}
    lake.publish(tables, release="R1", as_of=market.as_of)
    lake.publish(
        {
            "prices": corrected(prices),
            "index_changes": postponed(market.index_changes),
        },
        release="R2",
        as_of=market.as_of,
    )
    return lake.at("R2")


def show(page: Page, result: lakebt.Result, entry: str, exit_: str) -> None:
    place = f"{result.entries.index(entry)}, {result.exits.index(exit_)}"
    page.run(f"lakebt.panel.show({place})")


def named(frame: pd.DataFrame) -> list[Any]:
    """Return the rows of a frame, their values by name."""
    return list(frame.itertuples())


def text(page: Page, name: str) -> str:
    return page.driver.find_element(By.ID, name).text


def cells(name: str) -> str:
    """Return the script of what stands in a table, row by row."""
    return (
        f"[...document.querySelectorAll('#{name} tbody tr')]"
        f".map(row => [...row.cells].map(cell => cell.textContent))"
    )


def rows(page: Page, name: str) -> list[list[str]]:
    found: list[list[str]] = page.run(f"return {cells(name)}")
    return found
