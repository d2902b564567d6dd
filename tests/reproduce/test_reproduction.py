"""Results are evidence: run again, they are the same; where not, it is said why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import lakebt
from lakebt.errors import LedgerWarning
from lakebt.lake.api import trials as lake_trials
from lakebt.lake.reading.counterfactual import Alteration, altered
from lakebt.lake.trials import origin as origins
from lakebt.reproduce.reproduction import reproduce
from lakebt.sources.simulated import simulated_market
from lakebt.study import trials
from lakebt.study.arguments import Arguments
from lakebt.values.keys import content_key
from tests.nightly import IS_NIGHTLY
from tests.sweep.conftest import fill

pytestmark = pytest.mark.lake

GRID: dict[str, Any] = {
    "entries": ["AD@close", "AD+1@open", "MD+1@open"],
    "exits": ["+1", "ED@close", "2w"],
}


def cell_ids_of(result: lakebt.Result) -> list[tuple[str, str, str]]:
    asked = result.arguments
    return trials.cell_ids(asked.plain(), asked.costs, result.traded.origin)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> lakebt.Lake:
    return fill(tmp_path_factory.mktemp("reproduce") / "lake")


ASKED: dict[str, dict[str, Any]] = {
    "plain": {},
    "hedged": {"hedge": "MKT", "side": "additions", "gross": 1.75, "capital_usd": 2e6},
    "calendar": {"aggregate": "calendar", "weighting": "leg", "max_weight": 0.25},
    "where": {"where": {"side": "addition", "cause": None}, "hedge": "MKT"},
    "period": {"period": ("2010-01-01", "2010-06-30"), "size": (1, 40)},
    "allow": {"on_look_ahead": "allow", "min_lead": "90min", "missing": "drop_leg"},
    "costs": {
        "costs": lakebt.CostModel(
            commission_bps=0.7, half_spread_bps=3.1, borrow_bps_per_year=111.0
        )
    },
}

ENGINES = [
    *(("event", name) for name in ASKED),
    pytest.param("vectorbt", "hedged", marks=pytest.mark.slow),
]
"""vectorbt once: it takes seconds. In the nightly profile, with all that is asked."""
if IS_NIGHTLY:
    ENGINES += (("vectorbt", name) for name in ASKED if name != "hedged")


@pytest.mark.parametrize(("engine", "name"), ENGINES)
def test_a_result_and_its_cells_are_the_same_to_the_last_bit(
    lake: lakebt.Lake, engine: str, name: str
) -> None:
    asked = ASKED[name]
    if "where" in asked and "cause" in asked["where"]:
        asked = {**asked, "where": {"side": ["addition"]}}
    study = lakebt.Study(lake.at("R1"), index="SIM", **{**GRID, **asked})
    result = study.run(engine=engine)
    assert result.is_recorded

    whole = reproduce(lake, result.id)

    assert whole.is_same, str(whole)
    assert whole.moved.empty
    assert "the same to the last bit" in str(whole)
    cells = trials.cell_ids(
        study.arguments.plain(), study.arguments.costs, result.traded.origin
    )
    for _, _, trial in (cells[0], cells[4], cells[-1]):
        found = reproduce(lake, trial[:12])
        assert found.is_same, str(found)
        assert found.trial_id == trial


@pytest.mark.slow
def test_a_view_past_the_cutoff_and_one_before_it_are_opened_again(
    tmp_path: Path,
) -> None:
    market = simulated_market(seed=9, n_events=6, n_members=2)
    lake = lakebt.Lake.open(tmp_path / "lake")
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    middle = market.as_of - pd.Timedelta(days=60)
    later = market.as_of + pd.Timedelta(days=30)
    for view in (lake.at("R1", as_of=middle), lake.as_of(later)):
        result = lakebt.Study(view, index="SIM", **GRID).run()

        assert reproduce(lake, result.id).is_same
        row = lake.trial(result.id)
        assert row["as_of"] == pd.Timestamp(view.instant)


def test_changes_of_the_callers_own_are_kept_in_the_ledger(lake: lakebt.Lake) -> None:
    changes = lake.at("R1").changes(index="SIM")[:4]
    result = lakebt.Study(lake.at("R1"), changes=changes, **GRID).run()

    assert reproduce(lake, result.id).is_same
    assert lake.trial(result.id)["study"] == "SIM"


def tampered(lake: lakebt.Lake, **changed: Any) -> str:
    """Record a copy of a cell with other figures, and return its id."""
    study = lakebt.Study(lake.at("R1"), index="SIM", **GRID)
    result = study.run()
    ids = trials.cell_ids(
        study.arguments.plain(), study.arguments.costs, result.traded.origin
    )
    rows = lake.trials(where={"trial_id": [trial for _, _, trial in ids]})
    row = rows[rows["sharpe"].notna()].iloc[[0]].assign(**changed)
    row["trial_id"] = content_key({"tampered": sorted(changed)})
    assert lake.record(row) == 1
    return str(row["trial_id"].iloc[0])


def test_a_figure_that_differs_is_named_with_both_values(lake: lakebt.Lake) -> None:
    found = reproduce(lake, tampered(lake, sharpe=9.25))

    assert not found.is_same
    assert found.differences["figure"].tolist() == ["sharpe"]
    assert "not reproduced. sharpe 9.25 → " in str(found)
    assert "nothing that is recorded moved" in str(found)
    assert "<table" in found._repr_html_()


@pytest.mark.slow
def test_data_that_changed_is_not_laid_to_the_machine(lake: lakebt.Lake) -> None:
    """What is read now was read before: only the doctor compares all files anew."""
    trial = tampered(lake, n_returns=7)
    folder = Path(lake._storage.address["path"])  # noqa: SLF001
    file = max((folder / "warehouse/quant/etf_holdings/data").glob("*.parquet"))
    held = file.read_bytes()
    before = reproduce(lake, trial)
    file.write_bytes(held[:30] + bytes([held[30] ^ 1]) + held[31:])
    try:
        found = reproduce(lake, trial)
    finally:
        file.write_bytes(held)

    assert "nothing that is recorded moved" in str(before)
    assert found.moved["what"].tolist() == ["data of etf_holdings"]
    assert "the machine" not in str(found)


def test_an_event_that_differs_is_seen_though_no_figure_does(lake: lakebt.Lake) -> None:
    found = reproduce(lake, tampered(lake, digest="0" * 32))

    assert found.differences["figure"].tolist() == ["digest"]
    assert "The events differ" in str(found)


def test_what_moved_since_is_named(lake: lakebt.Lake) -> None:
    old = '{"numpy":"1.0.0","python":"3.11.0"}'

    found = reproduce(lake, tampered(lake, code_version="0.0.1", environment=old))

    assert found.is_same
    assert {"code", "numpy"} <= set(found.moved["what"])
    assert "Since then moved: " in str(found)
    assert f"code 0.0.1 → {origins.code_version()}" in str(found)


def test_a_strategy_cannot_be_run_from_its_name(lake: lakebt.Lake) -> None:
    trial = tampered(lake, kind="backtest", strategy="Momentum")

    with pytest.raises(ValueError, match=r"pass --strategy FILE\.py:Momentum"):
        reproduce(lake, trial)
    with pytest.raises(ValueError, match=r"pass --strategy FILE\.py:Momentum"):
        reproduce(lake, trial, strategy="mine.py:Other")


def test_an_unknown_trial_is_told(lake: lakebt.Lake) -> None:
    with pytest.raises(ValueError, match="there is no trial 'ffffff'"):
        reproduce(lake, "ffffff")


ARGUMENTS: dict[str, Any] = {
    "entries": ["AD+1@open"],
    "exits": ["+1"],
    "where": {"cause": ["discretionary"]},
    "period": ("2010-01-01", "2010-12-31"),
    "size": (1, 3),
    "side": "additions",
    "hedge": "MKT",
    "gross": 1.25,
    "capital_usd": 5e4,
    "missing": "drop_leg",
    "aggregate": "calendar",
    "on_look_ahead": "allow",
    "min_lead": "30min",
    "costs": lakebt.CostModel(half_spread_bps=1.0),
}


def ids(view: lakebt.View, engine: str = "event", **asked: Any) -> set[str]:
    study = lakebt.Study(
        view, index="SIM", **{**GRID, "entries": ["AD+1@open"], **asked}
    )
    origin = origins.Origin.of(view, engine=engine)
    cells = trials.cell_ids(study.arguments.plain(), study.arguments.costs, origin)
    return {trial for _, _, trial in cells}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_each_argument_makes_another_trial(lake: lakebt.Lake, name: str) -> None:
    if name in {"entries", "exits"}:  # the same rule in another grid is the same trial
        assert ids(lake.at("R1"), **{name: ARGUMENTS[name]}) <= ids(lake.at("R1"))
        return
    assert ids(lake.at("R1"), **{name: ARGUMENTS[name]}).isdisjoint(ids(lake.at("R1")))


def test_data_instant_engine_and_code_make_other_trials(
    lake: lakebt.Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = lake.at("R1")
    known = ids(view)
    earlier = view.as_of(view.instant - pd.Timedelta(days=1))

    assert ids(lake.at("R2")).isdisjoint(known)
    assert ids(earlier).isdisjoint(known)
    assert ids(view, engine="vectorbt").isdisjoint(known)
    london = lakebt.Lake(lake._storage, exchange="XLON", clock=lake._clock)  # noqa: SLF001
    assert ids(london.at("R1")).isdisjoint(known)
    assert ids(lake.at("R1")) == known
    monkeypatch.setattr(origins, "code_version", lambda: "0.0.1+deadbeef")
    assert ids(view).isdisjoint(known)


def test_what_only_refuses_makes_no_other_trial(lake: lakebt.Lake) -> None:
    assert ids(lake.at("R1"), max_gross=1.0) == ids(lake.at("R1"))


def test_a_study_is_made_again_from_its_arguments(lake: lakebt.Lake) -> None:
    study = lakebt.Study(lake.at("R1"), index="SIM", **ARGUMENTS)

    again = Arguments.read(study.arguments.plain())

    assert again == study.arguments


def test_a_lake_that_cannot_be_written_warns_and_gives_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = fill(tmp_path / "lake", n_events=3)
    study = lakebt.Study(lake.at("R1"), index="SIM", **GRID)

    def refuse(*_: object, **__: object) -> int:
        msg = "lake x cannot be written: make its directory writable"
        raise lakebt.LakebtError(msg)

    monkeypatch.setattr(lake_trials, "record", refuse)
    with pytest.warns(LedgerWarning, match="not recorded: lake x cannot be written"):
        result = study.run()

    assert not result.is_recorded
    assert result.sharpe().notna().any(axis=None)


def test_nothing_is_recorded_when_asked_not_to(tmp_path: Path) -> None:
    lake = fill(tmp_path / "lake", n_events=3)

    result = lakebt.Study(lake.at("R1"), index="SIM", **GRID).run(record=False)

    assert not result.is_recorded
    assert lake.trials().empty


@pytest.mark.slow
def test_nothing_of_a_made_up_future_is_recorded(tmp_path: Path) -> None:
    lake = fill(tmp_path / "lake", n_events=3)
    study = lakebt.Study(lake.at("R1"), index="SIM", **GRID)
    after = lake.at("R1").instant - pd.Timedelta(days=40)

    with altered(Alteration(after=after, seed=1)):
        result = lakebt.Study(lake.at("R1"), index="SIM", **GRID).run()
        assert not result.is_recorded
        assert lake.record(trials.rows_of(result.traded, run_at=after)) == 0

    assert lake.trials().empty
    assert study.run().is_recorded
