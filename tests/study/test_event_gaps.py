"""What an event study leaves out, or empty, and does not let spoil the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.sources.simulated import simulated_market

if TYPE_CHECKING:
    from pathlib import Path

    from lakebt.sources.simulated import SimulatedMarket

JUMP, WAY = ("AD@close", "AD+1@open"), ("AD+1@open", "ED-1@close")
STILL = "ADD0003"
OHLC = ("open", "high", "low", "close")
CLUSTERED = {
    *("clustered t", "sign flips", "block flips", "Ibragimov-Mueller"),
    *("clustered t of CAR", "clustered BMP", "sign flips of SCAR"),
}


@pytest.fixture(scope="module")
def market() -> SimulatedMarket:
    """Twelve announcements of two additions each, that jump by 3 %."""
    return simulated_market(seed=5, n_events=12, jump_bps=300, n_members=2)


def asked(view: lakebt.View, **given: Any) -> lakebt.EventStudy:
    arguments: dict[str, Any] = {
        "index": "SIM",
        "side": "additions",
        "market": "MKT",
        "estimation": (-55, -5),
        "minimum": 40,
        "windows": [JUMP, WAY],
    }
    return lakebt.EventStudy(view, **{**arguments, **given})


def test_a_stock_that_did_not_move_is_left_out_alone(
    market: SimulatedMarket, tmp_path: Path
) -> None:
    prices = market.tables["prices"].copy()
    announced = market.tables["index_changes"].set_index("symbol")["announced"][STILL]
    still = (prices["symbol"] == STILL) & (
        pd.to_datetime(prices["session"]) < pd.Timestamp(announced.date())
    )
    prices.loc[still, list(OHLC)] = 100.0
    lake = lakebt.Lake.open(tmp_path)
    lake.publish({**market.tables, "prices": prices}, release="R1", as_of=market.as_of)
    study = asked(lake.at("R1"), model="market", windows=[WAY])
    left, tests = study.left_out(), study.tests().set_index("test")

    assert left["symbol"].tolist() == [STILL]
    assert left["reason"].tolist() == [f"{STILL} did not move before the announcement"]
    assert not left["over_bps"].isna().any()
    assert tests.loc["adjusted BMP", "n"] == 23
    assert tests.loc["clustered t", "n"] == 24
    assert not tests["statistic"].drop("Ibragimov-Mueller").isna().any()


def test_one_date_leaves_what_was_estimated_before(
    market: SimulatedMarket, tmp_path: Path
) -> None:
    lake = lakebt.Lake.open(tmp_path)
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    view = lake.at("R1")
    changes = view.changes(index="SIM")
    first = min(c.announced for c in changes if c.announced is not None)
    study = asked(
        view,
        index=None,
        changes=[change for change in changes if change.announced == first],
        windows=[JUMP],
    )
    tests = study.tests().set_index("test")

    assert (tests["n_dates"] == 1).all()
    assert set(tests.index[tests["p"].isna()]) >= CLUSTERED
    assert not np.isnan(tests["p"].to_dict()["adjusted BMP"])
    assert tests.loc["adjusted BMP", "holds"] is True
    undefined = tests[tests["p"].isna()]["holds"]
    assert {type(each) for each in undefined} == {str}, "what says nothing holds not"
    assert "no error can be trusted" in study.summary()
