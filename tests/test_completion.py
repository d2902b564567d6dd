"""What completion offers of the public classes: what users need, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

import lakebt
from lakebt.sources.simulated import simulated_market

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake

OFFERED = {
    "Lake": "adopt as_of at audit backup branch branches clashes cluster_prices "
    "count_trials declare diff doctor drop drop_branch duckdb_views "
    "erase erasures export import_ lineage move open "
    "publish rebase record releases remove_orphans restore retain roll_back settle "
    "spark_conf spark_read spark_session tables trial trial_ids trials upgrade",
    "View": "arrow as_of changes cutoff instant panel past_cutoff provenance read "
    "release sessions symbols vintages",
    "Study": "arguments hindsight plan refusals run upcoming view",
    "Result": "arguments best by_year capacity causes definition engine entries "
    "event_study events exits flows hindsight id "
    "is_point_in_time is_recorded legs orders paths placebo plot plot_events "
    "plot_paths plot_placebo plot_ridge plot_sharpe "
    "plot_years record refused report returns sharpe significance stability stats "
    "summary surface table tear_sheet to_vectorbt traded view",
    "Backtest": "audit audited decisions name run strategy terms view",
    "Run": "audited cash definition engine equity flows id is_recorded name orders "
    "paid positions report returns round_trips sharpe sharpe_se stats tear_sheet "
    "terms to_vectorbt traded unfilled value view weights",
}


class Hold:
    def target_weights(self, view: lakebt.View) -> pd.Series:  # noqa: ARG002 - whatever it knows
        return pd.Series({"MKT": 0.5})


def test_completion_offers_what_users_need(tmp_path: Path) -> None:
    market = simulated_market(seed=1, n_events=3)
    lake = lakebt.Lake.open(tmp_path / "lake")
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    view = lake.at("R1")
    study = lakebt.Study(view, index="SIM")
    backtest = lakebt.Backtest(view, Hold(), start="2010-04-01", end="2010-04-30")
    values = [lake, view, study, study.run(), backtest, backtest.run()]

    offered = {
        type(value).__name__: [name for name in dir(value) if not name.startswith("_")]
        for value in values
    }

    assert offered == {name: names.split() for name, names in OFFERED.items()}
