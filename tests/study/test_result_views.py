"""What a result shows of itself: years, empty cells, and what its cells are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.errors import InvalidArgumentError, UnknownNameError
from lakebt.sources.simulated import simulated_market
from lakebt.study import empty_cells as emptiness
from lakebt.study.report import contents

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake

GRID: dict[str, Any] = {
    "entries": ["AD@close", "AD+1@open", "ED@close"],
    "exits": ["+1", "1w", "ED-1@close"],
}


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> lakebt.View:
    market = simulated_market(
        seed=5, n_events=30, n_members=2, before=12, after=80, spacing=30
    )
    path: Path = tmp_path_factory.mktemp("views") / "lake"
    lake = lakebt.Lake.open(path)
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    return lake.at("R1")


@pytest.fixture(scope="module")
def result(view: lakebt.View) -> lakebt.Result:
    costs = lakebt.CostModel(commission_bps=2.0, borrow_bps_per_year=100.0)
    return lakebt.Study(view, index="SIM", costs=costs, **GRID).run()


def test_each_year_is_the_mean_of_its_events(result: lakebt.Result) -> None:
    years = result.by_year(entry="AD+1@open", exit="1w")

    events = result.events()
    own = events[(events["entry"] == "AD+1@open") & (events["exit"] == "1w")]
    by_year = own.groupby(own["date"].dt.year)["net_return"]
    assert len(years) > 2
    assert years["year"].tolist() == list(by_year.groups)
    assert years["n_events"].tolist() == by_year.size().tolist()
    np.testing.assert_allclose(years["mean_bps"], by_year.mean() * 1e4)
    # Each of these events has a day of its own.
    np.testing.assert_allclose(years["se_bps"], by_year.sem() * 1e4)


def test_the_sharpe_of_a_year_is_that_of_its_events(
    result: lakebt.Result,
) -> None:
    years = result.by_year(entry="AD+1@open", exit="1w")

    returns = result.returns(entry="AD+1@open", exit="1w")
    dates = result.events().drop_duplicates("event_id").set_index("event_id")["date"]
    year = returns.index.get_level_values("event_id").map(dates.dt.year)
    by_year = returns.groupby(year)
    expected = by_year.mean() / by_year.std() * 252**0.5
    np.testing.assert_allclose(years["sharpe"], expected)
    assert (years["sharpe_se"] > 0).all()


def test_the_years_of_a_calendar_portfolio_are_of_its_kind(view: lakebt.View) -> None:
    study = lakebt.Study(view, index="SIM", aggregate="calendar", **GRID)
    result = study.run()

    years = result.by_year(entry="AD+1@open", exit="1w")

    assert years["n_events"].sum() == 30
    assert years["sharpe"].notna().all()


def test_a_rule_without_events_has_no_year(result: lakebt.Result) -> None:
    years = result.by_year(entry="AD@close", exit="1w")

    assert years.empty
    assert list(years) == list(result.by_year(entry="AD+1@open", exit="1w"))
    with pytest.raises(InvalidArgumentError, match="AD@close to 1w has no year"):
        result.plot_years(entry="AD@close", exit="1w")


def test_an_unknown_rule_is_told(result: lakebt.Result) -> None:
    with pytest.raises(UnknownNameError, match="unknown exit '9w'"):
        result.by_year(entry="AD+1@open", exit="9w")


def test_the_figures_are_of_the_best_by_default(result: lakebt.Result) -> None:
    assert result.best is not None
    years = result.by_year(entry=result.best[0], exit=result.best[1])

    drawn = result.plot_years().data[0]

    assert list(drawn.y) == years["mean_bps"].tolist()
    assert list(drawn.error_y.array) == years["se_bps"].tolist()
    assert len(result.plot_ridge().data) == 3


def test_empty_cells_are_counted_as_if_each_were_made(result: lakebt.Result) -> None:
    counted = emptiness.empty_rules(result.traded)

    refused = result.refused()
    keys = ["entry", "exit", "reason"]
    each = refused.groupby(keys)["event_id"].nunique()
    pd.testing.assert_series_equal(
        counted.set_index(keys)["n_events"].sort_index(),
        each.sort_index(),
        check_names=False,
    )
    first = refused.drop_duplicates(keys).set_index(keys)["fact"]
    told = counted.dropna(subset="fact").set_index(keys)["fact"]
    assert len(told) == 4, "AD@close to each exit, and ED@close to ED-1@close"
    assert told.to_dict() == first[told.index].to_dict()


def test_the_events_the_best_rule_leaves_out_are_listed(view: lakebt.View) -> None:
    # Notice differs: some events have left before they would enter.
    study = lakebt.Study(view, index="SIM", entries=["AD+7@open"], exits=["ED-1@close"])
    result = study.run()

    rows, counts = emptiness.left_out_events(result.traded)

    refused = result.refused()
    assert 0 < len(refused) < 30
    pd.testing.assert_frame_equal(rows, refused)
    assert counts == {"exit_before_entry": len(refused)}


def test_an_event_ends_with_the_last_leg_that_was_traded(
    tmp_path: Path,
) -> None:
    market = simulated_market(
        seed=5, n_events=1, n_members=2, before=12, after=80, n_additions=2
    )
    prices, changes = market.prices, market.index_changes
    lake = lakebt.Lake.open(tmp_path / "lake")
    without = {**market.tables, "prices": prices[prices["symbol"] != "ADD0001"]}
    lake.publish(without, release="R1", as_of=market.as_of)
    later = changes[changes["symbol"] == "ADD0001"].assign(
        effective=lambda rows: rows["effective"] + pd.Timedelta("7D"),
        known_at=lambda rows: rows["announced"] + pd.Timedelta("4D"),
    )
    lake.publish({"index_changes": later}, release="R2", as_of=market.as_of)
    study = lakebt.Study(
        lake.at("R2"),
        index="SIM",
        entries=["AD+1@open"],
        exits=["ED-1@close"],
        missing="drop_leg",
    )

    result = study.run()

    assert result.traded.schedule.apart.all(), (
        "the leg without prices would leave later"
    )
    (event,) = result.events().itertuples()
    assert event.exit_session == result.orders()["session"].max()


def test_only_the_first_events_of_a_reason_are_listed(
    view: lakebt.View, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emptiness, "LISTED", 7)
    study = lakebt.Study(view, index="SIM", entries=["AD@close"], exits=["+1", "1w"])

    shown = contents(study.run().traded)

    assert shown.n_refused == {"look_ahead": 30}
    assert len(shown.refused) == 7
    assert shown.refused["event_id"].is_monotonic_increasing


@pytest.mark.parametrize("missing", ["exclude", "drop_leg"])
def test_the_headline_is_the_sharpe_ratio_of_the_equity_beside_it(
    view: lakebt.View, missing: Any
) -> None:
    grid: dict[str, Any] = {"entries": ["AD+1@open"], "exits": ["+3", "2w"]}
    costs = lakebt.CostModel(commission_bps=2.0, half_spread_bps=3.0)
    study = lakebt.Study(view, index="SIM", missing=missing, costs=costs, **grid)
    shown = contents(study.run().traded)

    assert shown.headline is not None
    daily = shown.equity.pct_change().dropna()
    assert shown.headline.n_returns == len(daily)
    ratio = daily.mean() / daily.std() * np.sqrt(252)
    assert shown.headline.sharpe == pytest.approx(ratio, abs=1e-9)


def test_a_study_of_that_portfolio_needs_no_other_headline(view: lakebt.View) -> None:
    study = lakebt.Study(view, index="SIM", aggregate="calendar", entries=["AD+1@open"])

    assert contents(study.run().traded).headline is None


@pytest.mark.slow
def test_a_wide_grid_shows_a_part_of_itself(view: lakebt.View) -> None:
    entries = [f"AD+{k}@{at}" for k in range(1, 14) for at in ("open", "close")]
    exits = [f"+{k}" for k in range(1, 31)]
    result = lakebt.Study(view, index="SIM", entries=entries, exits=exits).run()

    shown = result._repr_html_()

    assert shown.count("<td") == 20 * 14
    assert "20 of 26 entries and 14 of 30 exits, the ones around the best" in shown
    assert "outline:2px solid" in shown, "the best is among them"
    assert len(shown) < 150_000
