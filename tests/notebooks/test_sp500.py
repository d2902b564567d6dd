from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from scipy import stats

import lakebt
from lakebt.sources.simulated import simulated_market
from notebooks import sp500

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.lake]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> lakebt.Result:
    market = simulated_market(seed=5, n_events=8, n_additions=3, n_deletions=1)
    lake = lakebt.Lake.open(tmp_path_factory.mktemp("sp500") / "lake")
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    return lakebt.Study(
        lake.at("R1"),
        index=market.index,
        side="additions",
        hedge=market.market,
        entries=["AD@close", "AD+1@open"],
        exits=["AD+1@open", "ED-1@close"],
        on_look_ahead="allow",
    ).run()


def row_of(result: lakebt.Result, entry: str, exit_: str) -> dict[str, float]:
    rows = sp500.over_hedge(result)
    (row,) = rows[(rows["entry"] == entry) & (rows["exit"] == exit_)].to_dict("records")
    return {str(name): value for name, value in row.items()}


def test_the_mean_and_its_error_by_date_are_those_of_the_path(
    result: lakebt.Result,
) -> None:
    told = row_of(result, "AD@close", "AD+1@open")
    paths = result.paths()
    jump = paths[(paths["label"] == "AD+1 open") & (paths["side"] == "addition")]
    error = (jump["high_bps"] - jump["mean_bps"]).item() / stats.t.ppf(0.975, 7)

    assert told["mean_bps"] == pytest.approx(jump["mean_bps"].item(), rel=1e-12)
    assert told["t_by_date"] == pytest.approx(told["mean_bps"] / error, rel=1e-12)
    assert (told["n_legs"], told["n_dates"]) == (24, 8)


def test_t_takes_each_leg_for_a_draw(result: lakebt.Result) -> None:
    legs = result.legs()
    legs = legs[(legs["entry"] == "AD+1@open") & (legs["exit"] == "ED-1@close")]
    excess = legs["price_return"] - legs["hedge_return"]
    told = row_of(result, "AD+1@open", "ED-1@close")
    error = float(excess.std(ddof=1)) / 24**0.5

    assert len(excess) == 24
    assert told["t"] == pytest.approx(float(excess.mean()) / error, rel=1e-12)


def test_a_cell_without_legs_has_no_row(result: lakebt.Result) -> None:
    rows = sp500.over_hedge(result)

    assert ("AD+1@open", "AD+1@open") not in set(
        zip(rows["entry"], rows["exit"], strict=True)
    )
    assert len(rows) == 3


def test_empty_events_are_those_an_entry_cannot_trade_at_all(tmp_path: Path) -> None:
    market = simulated_market(seed=5, n_events=3, n_members=2)
    lake = lakebt.Lake.open(tmp_path / "lake")
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    result = lakebt.Study(
        lake.at("R1"),
        index=market.index,
        entries=["AD@close", "AD+1@open"],
        exits=["AD+1@open", "+1"],
    ).run()

    counts = sp500.empty_by_reason(result)

    assert counts.loc["AD@close", "look_ahead"] == 3
    assert counts.loc["AD+1@open"].sum() == 0
