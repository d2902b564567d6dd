"""Paths by group add up to the path of all; other dates know nothing of an event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import lakebt
from lakebt.sources.simulated import simulated_market

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> lakebt.Result:
    market = simulated_market(
        seed=3, n_events=30, spacing=15, before=90, after=60, jump_bps=400
    )
    path: Path = tmp_path_factory.mktemp("paths") / "lake"
    lake = lakebt.Lake.open(path)
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    return lakebt.Study(
        lake.at("R1"), index="SIM", entries=["AD+1@open"], exits=["+1"], hedge="MKT"
    ).run(record=False)


@pytest.mark.parametrize("by", ["year", "cause", "index"])
def test_groups_add_up_to_all(result: lakebt.Result, by: str) -> None:
    whole = result.paths(before=4, after=6)
    parts = result.paths(by=by, before=4, after=6)

    parts = parts[parts["label"] != "MD"].dropna(subset=["mean_bps"])
    whole = whole[whole["label"] != "MD"].set_index(["x", "side"])
    total = (
        parts.assign(sum=parts["mean_bps"] * parts["n"])
        .groupby(["x", "side"])[["sum", "n"]]
        .sum()
    )
    assert len(total) == len(whole)
    aligned = total.reindex(whole.index)
    np.testing.assert_allclose(
        aligned["sum"] / aligned["n"], whole["mean_bps"], atol=1e-8
    )
    assert (aligned["n"] == whole["n"]).all()
    assert {"AD-4", "ED+6"} <= set(parts["label"])
    if by == "year":
        assert set(parts["group"]) == {str(day.year) for day in result.events()["date"]}


def test_without_a_group_paths_are_as_they_were(result: lakebt.Result) -> None:
    assert result.paths().columns[0] == "x"
    assert {"AD-10", "ED+20"} <= set(result.paths()["label"])
    with pytest.raises(lakebt.LakebtError, match="unknown group 'colour'"):
        result.paths(by="colour")
    with pytest.raises(lakebt.LakebtError, match="before must not be negative"):
        result.paths(by="year", before=-1)


def test_a_planted_jump_is_at_no_other_date(result: lakebt.Result) -> None:
    found = result.placebo(200, seed=1, before=2, after=3)

    rows = found[(found["label"] == "AD+1 open") & (found["side"] == "addition")]
    (row,) = rows.to_dict("records")
    assert row["observed_bps"] == pytest.approx(400, abs=120)
    assert abs(row["mean_bps"]) < 30
    assert row["high_bps"] < row["observed_bps"]
    assert row["p_value"] == pytest.approx(1 / 201)
    whole = result.paths(before=2, after=3)
    own = whole[(whole["label"] == "AD+1 open") & (whole["side"] == "addition")]
    if not found.attrs["n_left_out"]:
        assert row["observed_bps"] == pytest.approx(own["mean_bps"].iloc[0], abs=1e-8)
    with pytest.raises(lakebt.LakebtError, match="draws must be a whole number"):
        result.placebo(0)
    with pytest.raises(lakebt.LakebtError, match="seed must be a whole number"):
        result.placebo(10, seed=-1)


def test_groups_and_other_dates_are_drawn(result: lakebt.Result) -> None:
    groups = result.plot_paths(by="year", side="deletion")
    placebo = result.plot_placebo(50)

    years = set(result.paths(by="year")["group"])
    assert len(groups.data) == min(len(years), 8)
    assert len(placebo.data) == 4
    with pytest.raises(lakebt.LakebtError, match="no path of 'both'"):
        result.plot_paths(by="year", side="both")
    assert len(result.plot_paths(before=3, after=3).data) == 4
