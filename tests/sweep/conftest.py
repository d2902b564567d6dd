"""A small lake with two releases, the second of which corrects one close."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import lakebt
from lakebt.sources.simulated import simulated_market

if TYPE_CHECKING:
    from pathlib import Path

ENTRIES = ["AD+1@open", "ED@close"]
EXITS = ["+1", "1w", "2w"]
COSTS = [
    lakebt.CostModel(),
    lakebt.CostModel(commission_bps=1.0, borrow_bps_per_year=80.0),
]


def fill(path: Path, *, n_events: int = 8) -> lakebt.Lake:
    """Publish a simulated market, and a correction of one of its closes."""
    market = simulated_market(seed=3, n_events=n_events, n_members=2)
    lake = lakebt.Lake.open(path)
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    first = market.index_changes.iloc[0]
    bars = market.prices[market.prices["symbol"] == first["symbol"]]
    corrected = bars[bars["session"] == first["effective"]].copy()
    for column in ("open", "high", "low", "close"):
        corrected[column] *= 1.05
    corrected["known_at"] = market.as_of
    lake.publish({"prices": corrected}, release="R2", as_of=market.as_of)
    return lake


@pytest.fixture(scope="session")
def market_lake(tmp_path_factory: pytest.TempPathFactory) -> lakebt.Lake:
    """A lake that tests may add trials to, under names of their own."""
    return fill(tmp_path_factory.mktemp("sweep") / "lake")


@pytest.fixture
def lake(tmp_path: Path) -> lakebt.Lake:
    """A lake without trials."""
    return fill(tmp_path / "lake", n_events=4)
