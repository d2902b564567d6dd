"""What the calendar portfolio of a rule came to, held against slow sums of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.sources.simulated import simulated_market
from lakebt.study.report import contents

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake

RULE = {"entry": "AD+1@open", "exit": "2w"}


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> lakebt.View:
    """Events about three sessions apart."""
    market = simulated_market(
        seed=5, n_events=8, n_members=1, spacing=3, before=10, after=30
    )
    path: Path = tmp_path_factory.mktemp("sheet") / "lake"
    lake = lakebt.Lake.open(path)
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    return lake.at("R1")


def run(view: lakebt.View, **asked: Any) -> lakebt.Result:
    rules: dict[str, Any] = {"entries": ["AD@close", "AD+1@open"], "exits": ["2w"]}
    return lakebt.Study(view, index="SIM", **{**rules, "hedge": "MKT", **asked}).run(
        record=False
    )


@pytest.mark.parametrize(
    "asked",
    [{}, {"max_weight": 0.3, "gross": 1.5}, {"weighting": "leg"}],
    ids=["events", "limited", "legs"],
)
def test_it_is_the_calendar_portfolio(view: lakebt.View, asked: dict[str, Any]) -> None:
    result = run(view, aggregate="calendar", **asked)

    found = result.stats(**RULE)["value"]

    row = result.table().set_index(["entry", "exit"]).loc[("AD+1@open", "2w"), :]
    assert found["sharpe"] == row["sharpe"]
    assert found["sharpe_se"] == row["sharpe_se"]
    assert found["n_returns"] == row["n_returns"]
    returns = result.returns(**RULE)
    total = float(np.prod(1.0 + returns.to_numpy())) - 1.0
    assert found["total_return"] == pytest.approx(total)


@pytest.mark.parametrize("weighting", ["event", "leg"])
def test_exposure_and_turnover_are_sums_over_events(
    view: lakebt.View, weighting: str
) -> None:
    result = run(
        view, aggregate="calendar", max_weight=0.3, gross=1.5, weighting=weighting
    )
    events = result.events().query("entry == 'AD+1@open'")
    days = result.returns(**RULE).index
    opened = {}
    for event in events.to_dict("records"):
        start = days.tolist().index(pd.Timestamp(event["entry_session"]))
        weight = event["n_legs"] if weighting == "leg" else 1
        opened[event["event_id"]] = (start, start + event["n_returns"], weight)
    exposure, turnover = [], 0.0
    for at in range(len(days)):
        held = [one for one in opened.values() if one[0] <= at < one[1]]
        share = min(1.0, 0.3 * len(held))
        exposure.append(1.5 * share)
        total = sum(weight for _, _, weight in held)
        turnover += sum(
            2 * 1.5 * share * weight / total for start, _, weight in held if start == at
        )

    found = result.tear_sheet(**RULE)

    assert found.curves()["exposure"].tolist() == pytest.approx(exposure)
    assert found.numbers()["turnover"] == pytest.approx(turnover * 252 / len(days))
    assert found.numbers()["time_held"] == np.mean(np.array(exposure) > 0)


def test_a_pooled_study_has_that_of_the_curve_it_draws(view: lakebt.View) -> None:
    result = run(view)
    told = contents(result.traded)

    found = result.stats(**RULE)["value"]

    assert told.headline is not None
    assert found["sharpe"] == told.headline.sharpe
    assert found["sharpe_se"] == told.headline.sharpe_se
    assert found["total_return"] == pytest.approx(told.equity.iloc[-1] - 1.0)
    assert found["benchmark_return"] == pytest.approx(
        float(np.prod(1.0 + _market(view, told.equity.index[1:]).to_numpy())) - 1.0
    )


def _market(view: lakebt.View, days: pd.Index) -> pd.Series:
    bars = view.read("prices", where={"symbol": "MKT"})
    closes = pd.Series(bars["close"].to_numpy(), pd.DatetimeIndex(bars["session"]))
    return closes.sort_index().pct_change().reindex(days)


def test_a_rule_without_events_has_no_number(view: lakebt.View) -> None:
    sheet = run(view).tear_sheet(entry="AD@close", exit="2w")

    numbers = sheet.stats()["value"]
    assert numbers.drop("n_returns").isna().all()
    assert sheet.by_month().empty
    assert "Sharpe ratio" in repr(sheet)
    with pytest.raises(lakebt.LakebtError, match="nothing was traded"):
        sheet.plot_equity()
    with pytest.raises(lakebt.LakebtError, match="unknown entry"):
        run(view).stats(entry="AD+9@open", exit="2w")


def test_it_has_figures_and_no_positions(view: lakebt.View) -> None:
    sheet = run(view).tear_sheet(**RULE)

    assert list(sheet.plots()) == ["equity", "months", "rolling", "returns", "exposure"]
    with pytest.raises(lakebt.LakebtError, match=r"result\.legs"):
        sheet.plot_positions()


@pytest.mark.slow
def test_the_page_has_the_sheet_of_the_best_rule(
    view: lakebt.View, tmp_path: Path
) -> None:
    result = run(view)
    result.report(tmp_path / "study.html")

    page = (tmp_path / "study.html").read_text(encoding="utf-8")
    for name in ("growth", "months", "rolling", "returns", "exposure", "events"):
        assert f'id="{name}-figure"' in page


def test_returns_of_events_are_drawn_once_each(view: lakebt.View) -> None:
    result = run(view)

    bars, _ = result.plot_events(**RULE).data

    net = result.events().query("entry == 'AD+1@open'")["net_return"]
    assert sum(bars.y) == len(net)
    low, high = bars.x[0] - bars.width / 2, bars.x[-1] + bars.width / 2
    assert (low, high) == pytest.approx((net.min(), net.max()))
    with pytest.raises(lakebt.LakebtError, match="nothing was traded"):
        result.plot_events(entry="AD@close")
