"""Round trips: by hand from a run's orders, and adding up to what it made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.sources.simulated import simulated_market
from tests.strategy.test_backtest_actions import ACTIONS, ASKED, Equal, publish

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.lake,
    pytest.mark.filterwarnings("ignore::lakebt.errors.AuditWarning"),
]

COSTS = lakebt.CostModel(
    commission_bps=2.0, half_spread_bps=1.0, borrow_bps_per_year=90
)


class Turns:
    """Long, then short, then nothing of one member; another is held throughout."""

    def __init__(self) -> None:
        self.weights = iter([0.5, 0.4, -0.5, -0.3, 0.0, 0.0, 0.3, 0.3])

    def target_weights(self, view: lakebt.View) -> pd.Series:  # noqa: ARG002 - whatever it knows
        return pd.Series({"MEM0001": next(self.weights, 0.2), "MEM0002": 0.3})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> lakebt.Run:
    market = simulated_market(seed=4, n_events=4, n_members=4, before=12, after=110)
    path: Path = tmp_path_factory.mktemp("trips") / "lake"
    lake = lakebt.Lake.open(path)
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    return lakebt.Backtest(
        lake.at("R1"),
        Turns(),
        start="2010-02-01",
        end="2010-06-30",
        rebalance="weekly",
        costs=COSTS,
    ).run(record=False)


def made(run: lakebt.Run) -> float:
    """What a run made before borrow."""
    return (
        float(run.value().iloc[-1]) + run.paid()["borrow_usd"] - run.terms.capital_usd
    )


def test_a_turn_ends_one_and_begins_another(run: lakebt.Run) -> None:
    trips = run.round_trips()

    mine = trips[trips["symbol"] == "MEM0001"]
    assert mine["side"].tolist() == ["long", "short", "long"]
    assert mine["exit_session"].isna().tolist() == [False, False, True]
    orders = run.orders()
    own = orders[orders["symbol"] == "MEM0001"].reset_index(drop=True)
    # Bought, less, turned, less, ended, begun again.
    assert mine["n_orders"].tolist()[:2] == [3, 3]
    assert mine["entry_session"].tolist()[:2] == [own["session"][0], own["session"][2]]
    assert mine["exit_session"].tolist()[:2] == [own["session"][2], own["session"][4]]
    held = float(own["size"][0] - own["size"][1])
    long, short = mine.to_dict("records")[:2]
    assert long["bought_usd"] == pytest.approx(own["size"][0] * own["price"][0])
    assert long["sold_usd"] == pytest.approx(
        own["size"][1] * own["price"][1] + held * own["price"][2]
    )
    assert short["sold_usd"] == pytest.approx((own["size"][2] - held) * own["price"][2])
    assert long["profit_usd"] == pytest.approx(
        long["sold_usd"] - long["bought_usd"] - long["costs_usd"]
    )
    assert long["return"] == pytest.approx(long["profit_usd"] / long["bought_usd"])
    assert (trips[trips["symbol"] == "MEM0002"]["n_orders"] > 5).all()


def test_they_add_up_to_what_the_run_made(run: lakebt.Run) -> None:
    trips, orders = run.round_trips(), run.orders()

    assert trips["profit_usd"].sum() == pytest.approx(made(run), abs=1e-6)
    usd = orders["size"] * orders["price"]
    assert trips["bought_usd"].sum() == pytest.approx(
        usd[orders["side"] == "buy"].sum()
    )
    assert trips["sold_usd"].sum() == pytest.approx(usd[orders["side"] == "sell"].sum())
    fees = orders[["commission_usd", "spread_usd", "impact_usd"]].to_numpy().sum()
    assert trips["costs_usd"].sum() == pytest.approx(fees)
    closed = trips[trips["exit_session"].notna()]
    assert (closed["open_usd"] == 0.0).all()


def test_they_add_up_through_splits_dividends_children_and_endings(
    tmp_path: Path,
) -> None:
    view = publish(tmp_path / "lake", ACTIONS)
    run = lakebt.Backtest(
        view, Equal(), costs=COSTS, delisting_return=-0.3, **ASKED
    ).run(record=False)

    trips = run.round_trips()

    assert trips["profit_usd"].sum() == pytest.approx(made(run), abs=1e-6)
    by_symbol = trips.groupby("symbol").agg(
        {"flows_usd": "sum", "n_orders": "sum", "entry_session": "min"}
    )
    assert {"SPLIT", "PAYS", "PARENT", "CHILD", "GONE"} == set(by_symbol.index)
    dividends = run.flows().groupby("symbol")["cash_usd"].sum()
    assert by_symbol["flows_usd"]["PAYS"] == pytest.approx(dividends["PAYS"])
    child = trips[trips["symbol"] == "CHILD"].iloc[0]
    assert str(child["entry_session"])[:10] == "2021-05-10"
    assert child["bought_usd"] == 0.0
    assert np.isnan(child["return"])
    # A split of a price alone makes nothing.
    split = trips[trips["symbol"] == "SPLIT"]
    assert split["profit_usd"].sum() == pytest.approx(
        -split["costs_usd"].sum(), abs=1e-6
    )
