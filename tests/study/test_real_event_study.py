"""The real additions to the S&P 500, from the announcement to the effective date."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.sources.prices import convert_prices
from lakebt.sources.rebalances import convert_rebalances

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::lakebt.AuditWarning"),
]

JUMP, WAY = ("AD@close", "AD+1@open"), ("AD+1@open", "ED-1@close")


@pytest.fixture(scope="module")
def view(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> lakebt.View:
    changes = pd.read_csv(realdata / "events.csv", dtype=str, keep_default_na=False)
    lake = lakebt.Lake.open(tmp_path_factory.mktemp("real"))
    lake.publish(
        {
            "index_changes": convert_rebalances(changes).frame,
            "prices": convert_prices(
                pd.read_parquet(realdata / "prices.parquet")
            ).frame,
        },
        release="R1",
        as_of="2026-04-01T00:00:00Z",
    )
    return lake.at("R1")


def study(view: lakebt.View, model: str) -> lakebt.EventStudy:
    return lakebt.EventStudy(
        view,
        index="SP500",
        side="additions",
        where={"announced_quality": ["exact", "derived"]},
        model=model,
        windows=[JUMP, WAY],
    )


def test_one_window_by_everybodys_standard_method(view: lakebt.View) -> None:
    adjusted, model = study(view, "market_adjusted"), study(view, "market")
    tests = {
        name: each.tests().set_index(["window", "test"])
        for name, each in (("adjusted", adjusted), ("model", model))
    }
    of_way = {
        name: table.loc["AD+1@open to ED-1@close"] for name, table in tests.items()
    }
    jump = tests["adjusted"].loc["AD@close to AD+1@open"].loc["clustered t"]

    def of(name: str, test: str, *columns: str) -> list[float]:
        row = of_way[name].loc[test].to_dict()
        return [row[column] for column in columns]

    size = ("n", "n_dates", "estimate_bps", "statistic")
    assert of("adjusted", "cross-sectional t", *size) == pytest.approx(
        [242, 175, -49.0, -1.32], abs=0.05
    )
    assert of("adjusted", "clustered t", "statistic", "p") == pytest.approx(
        [-1.23, 0.22], abs=0.005
    )
    assert of("adjusted", "clustered t of CAR", *size) == pytest.approx(
        [217, 155, -16.5, -0.43], abs=0.05
    )
    assert of("model", "clustered t of CAR", *size) == pytest.approx(
        [217, 155, -91.4, -2.97], abs=0.05
    )
    assert of("model", "adjusted BMP", "statistic") == pytest.approx([-4.73], abs=0.005)
    assert of("adjusted", "adjusted BMP", "statistic", "p") == pytest.approx(
        [-2.96, 0.003], abs=0.005
    )
    assert jump["estimate_bps"] == pytest.approx(218.0, abs=0.05)
    assert jump["statistic"] == pytest.approx(9.29, abs=0.005)
    assert not jump["tradable"]

    left = adjusted.left_out()
    left = left[(left["window"] == "AD+1@open to ED-1@close")]
    left = left[left["missing"] == "estimation"]
    assert (len(left), left["over_bps"].mean()) == pytest.approx((25, -370), abs=0.5)

    said = model.summary()
    assert "The mean intercept is +13.2 bp a session" in said
    assert "Two answers: the typical stock fell (adjusted BMP t -4.73" in said
    assert (
        "Two answers: the typical stock fell (adjusted BMP t -2.96"
        in adjusted.summary()
    )
    assert "mean intercept" not in adjusted.summary()


def t_of(events: pd.DataFrame) -> tuple[float, float]:
    """Return the mean over the market, and t by announcement date, by its formula."""
    over = events["over_bps"]
    mean = float(over.mean())
    sums = (over - mean).groupby(events["announced"]).sum().to_numpy()
    error = float(np.sqrt((sums**2).sum() * len(sums) / (len(sums) - 1))) / len(over)
    return mean, mean / error


def test_the_window_in_its_parts(view: lakebt.View) -> None:
    events = study(view, "market_adjusted").events()
    events = events[events["window"] == "AD+1@open to ED-1@close"]
    year = events["announced"].dt.year

    assert t_of(events[year <= 2019]) == pytest.approx((-114.2, -4.33), abs=0.05)
    assert t_of(events[year >= 2020]) == pytest.approx((43.6, 0.50), abs=0.05)

    known = events[events["n_estimation"] > 0]
    rank = known["deviation_bps"].rank(method="first") - 1
    thirds = known["car_bps"].groupby(rank * 3 // len(known)).mean()
    assert thirds.tolist() == pytest.approx([-89.4, -80.2, 121.0], abs=0.05)


def test_two_dates_decide_how_sure_it_looks(view: lakebt.View) -> None:
    result = lakebt.Study(
        view,
        index="SP500",
        side="additions",
        where={"announced_quality": ["exact", "derived"]},
        hedge="SPY",
        entries=["AD+1@open"],
        exits=["ED-1@close"],
        missing="drop_leg",
    ).run(record=False)

    found = result.stability(entry="AD+1@open", exit="ED-1@close")

    whole = found.whole().iloc[0]
    figures = [float(whole[name]) for name in ("mean_bps", "t", "low_bps", "high_bps")]
    assert figures == pytest.approx([-49.0, -1.23, -127.3, 29.4], abs=0.05)
    left = found.without_date().set_index("date")["t"]
    assert [str(day) for day in found.dates_that_matter] == ["2020-11-16", "2021-03-12"]
    assert [left.min(), left.max()] == pytest.approx([-2.02, -0.96], abs=0.005)


def test_the_median_addition_gave_its_jump_back(view: lakebt.View) -> None:
    """S&P Dow Jones Indices (2021) published -0.04 % of 2011 to 2021."""
    found = lakebt.EventStudy(
        view,
        index="SP500",
        side="additions",
        where={"announced_quality": ["exact", "derived"]},
        windows=[("AD@close", "ED@close")],
    ).events()

    median = found[found["announced"].dt.year <= 2021]["over_bps"].median()

    assert median / 100 == pytest.approx(-0.15, abs=0.005)


def test_what_orders_of_each_size_would_have_paid(view: lakebt.View) -> None:
    """220 additions with 20 sessions before them: 9.3, 29.5 and 93.3 basis points."""
    result = lakebt.Study(
        view,
        index="SP500",
        side="additions",
        where={"announced_quality": ["exact", "derived"]},
        entries=[WAY[0]],
        exits=[WAY[1]],
        missing="drop_leg",
        costs=lakebt.CostModel(impact_at_open=1.0, impact_at_close=1.0),
    ).run(record=False)
    orders = result.orders()
    paid = orders["impact_usd"] / (orders["size"] * orders["price"])
    closes = view.panel("close")
    legs = orders.assign(paid=paid).groupby(["event_id", "symbol"])
    told = legs.agg({"paid": "sum", "weight": "max", "session": "min"})
    known = closes.notna().cumsum()
    sessions, symbols = told["session"], told.index.get_level_values("symbol")
    before = closes.index.get_indexer(pd.DatetimeIndex(sessions)) - 1
    counted = known.to_numpy()[before, closes.columns.get_indexer(symbols)]
    told = told[counted >= 20]

    each = told["paid"] * np.sqrt(1e5 / (told["weight"] * 100_000.0)) * 1e4

    assert len(each) == 220
    assert each.mean() == pytest.approx(9.33, abs=0.02)
    assert (each * np.sqrt(10.0)).mean() == pytest.approx(29.5, abs=0.1)
    assert (each * 10.0).mean() == pytest.approx(93.3, abs=0.2)
