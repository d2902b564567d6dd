"""Sweeps: the same numbers as one study after the other, and nothing is run twice."""

from __future__ import annotations

import itertools
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.lake.api.trials import trials_of
from lakebt.lake.trials import origin
from lakebt.reproduce.reproduction import reproduce
from lakebt.study.trials import rows_of
from lakebt.sweep import passes, recorder
from lakebt.sweep.passes import Memory
from lakebt.sweep.result import SweepResult
from lakebt.sweep.sweep import Sweep
from tests.forked import python
from tests.lake.trial_rows import trial as trial_row
from tests.nightly import IS_NIGHTLY
from tests.sweep.conftest import COSTS, ENTRIES, EXITS, fill

if TYPE_CHECKING:
    from pathlib import Path

    from lakebt.study.scope import Scope

pytestmark = pytest.mark.lake

GRID: dict[str, Any] = {"index": "SIM", "entries": ENTRIES, "exits": EXITS}
VARIED: dict[str, Any] = {
    "side": ["both", "additions"],
    "hedge": [None, "MKT"],
    "aggregate": ["pooled", "calendar"],
}
FIGURES = ["sharpe", "sharpe_se", "n_returns", "n_events", "gross_bps", "net_bps"]


@pytest.mark.slow
def test_every_combination_is_what_a_study_of_its_own_finds(
    market_lake: lakebt.Lake,
) -> None:
    views = [market_lake.at("R1"), market_lake.at("R2")]

    found = Sweep(views, costs=COSTS, name="all", **GRID, **VARIED).run().table()

    expected = []
    for view, side, hedge, how, cost in itertools.product(
        views, *VARIED.values(), COSTS
    ):
        study = lakebt.Study(
            view, side=side, hedge=hedge, aggregate=how, costs=cost, **GRID
        )
        expected.append(study.run(record=False).table())
    joined = pd.concat(expected, ignore_index=True)
    assert len(found) == 2 * 8 * 2 * 6
    pd.testing.assert_frame_equal(
        found[["entry", "exit", *FIGURES]], joined[["entry", "exit", *FIGURES]]
    )
    assert list(dict.fromkeys(found["release"])) == ["R1", "R2"]
    assert set(found["hedge"]) == {None, "MKT"}


def test_filters_periods_and_sizes_are_varied_too(market_lake: lakebt.Lake) -> None:
    view = market_lake.at("R1")
    dates = sorted(
        e.date
        for e in lakebt.Study(view, **GRID).run(record=False).traded.schedule.events
    )
    halves = [(dates[0], dates[3]), (str(dates[4]), str(dates[-1]))]
    where = [{}, {"side": ["addition"]}]

    sweep = Sweep(view, name="filters", period=halves, where=where, **GRID, hedge="MKT")
    found = sweep.run().table()

    counts = found.groupby(found["period"].map(str), sort=False)["n_events"].max()
    assert counts.tolist() == [4, 4]
    sized = Sweep(
        view, name="sizes", size=[(1, 3), (4, 4), (5, 9)], **GRID, hedge="MKT"
    )
    sizes = sized.run().table()
    counts = sizes.groupby(sizes["size"].map(str), sort=False)["n_events"].max()
    assert counts.tolist() == [0, 8, 0]  # each event has two legs on each side


def test_what_is_recorded_is_not_run_again(lake: lakebt.Lake) -> None:
    view = lake.at("R1")
    first = Sweep(view, costs=COSTS, **GRID)
    assert first.run().n_run == 12

    again = Sweep(view, costs=COSTS, **GRID).run()
    wider = Sweep(view, costs=COSTS, **{**GRID, "exits": [*EXITS, "3w"]}).run()
    dearer = lakebt.CostModel(half_spread_bps=9.0)
    charged = Sweep(view, costs=[*COSTS, dearer], **GRID).run()

    assert (again.n_run, wider.n_run, charged.n_run) == (0, 4, 6)
    assert len(wider.table()) == 16
    cells = lake.trials(where={"kind": "cell"})
    assert len(cells) == 12 + 4 + 6
    assert cells["trial_id"].is_unique
    study = lakebt.Study(view, costs=COSTS[1], **{**GRID, "exits": [*EXITS, "3w"]})
    result = study.run(record=False)
    (row,) = lake.trials(where={"trial_id": result.id}).to_dict("records")
    assert row["kind"] == "result"
    assert row["sharpe"] == np.nanmax(result.table()["sharpe"])
    assert row["digest"] == digest_of(result, lake)


def digest_of(result: lakebt.Result, lake: lakebt.Lake) -> str:
    """Return the digest of a result that was recorded at once."""
    result.record()
    return str(lake.trial(result.id)["digest"])


def test_a_study_that_was_run_by_hand_is_known_to_a_sweep(lake: lakebt.Lake) -> None:
    lakebt.Study(lake.at("R1"), **GRID).run()

    assert Sweep(lake.at("R1"), **GRID).run().n_run == 0


def test_everything_can_be_run_again_and_is_recorded_once(lake: lakebt.Lake) -> None:
    sweep = Sweep(lake.at("R1"), **GRID)
    sweep.run()

    again = sweep.run(resume=False)

    assert again.n_run == 6
    assert len(lake.trials(where={"kind": "cell"})) == 6


def test_without_recording_the_lake_stays_as_it_is(lake: lakebt.Lake) -> None:
    sweep = Sweep(lake.at("R1"), **GRID)

    kept = sweep.run(record=False)

    assert lake.trials().empty
    pd.testing.assert_frame_equal(kept.table(), sweep.run().table())


@pytest.fixture
def passes_made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many levels each pass had, in their order."""
    made: list[int] = []
    trade = Memory.trade

    def counted(memory: Memory, scope: Scope, levels: Any) -> Any:
        made.append(len(levels))
        return trade(memory, scope, levels)

    monkeypatch.setattr(Memory, "trade", counted)
    return made


SIZED: dict[str, Any] = {
    "gross": [0.3, 1.0, 1.7],
    "capital_usd": [1e5, 123_456.0],
    "side": ["both", "additions"],
    "aggregate": ["pooled", "calendar"],
}


def alone(view: lakebt.View, **asked: Any) -> pd.DataFrame:
    """Return the rows of a study of each combination, as it records them."""
    found = []
    for *chosen, cost in itertools.product(*SIZED.values(), COSTS):
        told = dict(zip(SIZED, chosen, strict=True))
        study = lakebt.Study(view, costs=cost, **told, **GRID)
        result = study.run(record=False, **asked)
        found.append(rows_of(result.traded, run_at=view.instant))
    return pd.concat(found, ignore_index=True).set_index("trial_id")


@pytest.mark.slow
def test_sizes_costs_and_ways_to_join_share_a_pass_and_change_no_bit(
    lake: lakebt.Lake, passes_made: list[int]
) -> None:
    view = lake.at("R1")
    sweep = Sweep(view, costs=COSTS, **SIZED, **GRID)

    found = sweep.run()

    assert passes_made == [3 * 2 * 2, 3 * 2 * 2]  # one for each side
    expected = alone(view)
    assert set(sweep.ids) == set(expected.index[expected["kind"] == "cell"])
    assert found.n_run == len(sweep) == 3 * 2 * 2 * 2 * 2 * 6
    told = lake.trials().set_index("trial_id")
    assert set(told.index) == set(expected.index)  # the results' rows as well
    asked = ["kind", "rule_id", "result_id", "rule", "costs", "digest", *FIGURES]
    pd.testing.assert_frame_equal(
        told.loc[expected.index, asked],
        expected[asked],
        check_exact=True,
        check_dtype=False,
    )
    same = told[told["kind"] == "result"].sample(3, random_state=0)
    for trial in same.index:
        assert reproduce(lake, trial).is_same


def test_sizes_that_do_not_fit_into_memory_take_more_passes_and_find_the_same(
    lake: lakebt.Lake, passes_made: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = Sweep(lake.at("R1"), costs=COSTS, gross=[0.3, 1.0, 1.7], **GRID)
    at_once = sweep.run(record=False)
    traded = lakebt.Study(lake.at("R1"), **GRID).run(record=False).traded
    n_cells = traded.schedule.reason.size
    monkeypatch.setattr(passes, "AT_ONCE", 4 * n_cells)

    parts = sweep.run(record=False)

    assert passes_made == [6, 4, 2]
    pd.testing.assert_frame_equal(at_once.table(), parts.table(), check_exact=True)


@pytest.mark.slow
def test_entries_that_do_not_fit_into_memory_are_run_in_blocks_and_find_the_same(
    lake: lakebt.Lake,
    tmp_path: Path,
    passes_made: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Their results are the same trials; what an interruption leaves out is run."""
    asked: dict[str, Any] = {**GRID, "hedge": [None, "MKT"], "costs": COSTS}
    Sweep(lake.at("R1"), **asked).run()
    at_once = lake.trials().set_index("trial_id")
    assert passes_made == [len(COSTS)] * 2
    passes_made.clear()
    other = fill(tmp_path / "other", n_events=4)
    sweep = Sweep(other.at("R1"), **asked)
    assert sweep.points[0].scope.n_events == 4  # each has several changes
    monkeypatch.setattr(passes, "BLOCK", 4 * len(EXITS))
    monkeypatch.setattr(recorder, "SECONDS", 0.0)

    def stop(done: int, total: int) -> None:
        if 0 < done < total:
            raise Stopped

    with pytest.raises(Stopped):
        sweep.run(progress=stop)
    assert passes_made == [len(COSTS)]  # of the first entry alone
    assert len(other.trials()) == len(EXITS)
    sweep.run()

    found = other.trials().set_index("trial_id")
    assert passes_made == [len(COSTS)] * (1 + 2 * len(ENTRIES))
    assert (at_once["kind"] == "result").sum() == 2 * len(COSTS)
    columns = ["kind", "rule_id", "result_id", "rule", "costs", "digest", *FIGURES]
    pd.testing.assert_frame_equal(
        at_once[columns], found.loc[at_once.index, columns], check_exact=True
    )
    assert len(found) == len(at_once)


@pytest.mark.slow
def test_what_takes_long_is_not_run_together(
    lake: lakebt.Lake, passes_made: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = Sweep(lake.at("R1"), gross=[0.3, 1.7], engine="vectorbt", **GRID)
    monkeypatch.setattr(passes, "ALONE", 1_000_000)

    sweep.run()

    assert passes_made == [1, 1]


def test_a_wider_sweep_runs_the_sizes_and_the_exits_that_are_new(
    lake: lakebt.Lake, passes_made: list[int]
) -> None:
    view = lake.at("R1")
    Sweep(view, gross=[1.0, 1.7], **GRID).run()
    wider = {**GRID, "exits": [*EXITS, "3w"]}

    found = Sweep(view, gross=[0.3, 1.0, 1.7], **wider).run()

    # All exits of the new size; and of the two others, which share a pass, the new one.
    assert passes_made == [2, 1, 2]
    assert found.n_run == 8 + 2 * 2
    at_once = Sweep(view, gross=[0.3, 1.0, 1.7], **wider).run(record=False)
    pd.testing.assert_frame_equal(found.table(), at_once.table(), check_exact=True)


class Stopped(KeyboardInterrupt):
    """Ctrl-C."""


@pytest.mark.slow
def test_ctrl_c_loses_nothing_that_was_finished(
    lake: lakebt.Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "SECONDS", 0.0)  # each by itself
    sweep = Sweep(lake.at("R1"), **GRID, **VARIED)

    def stop(done: int, total: int) -> None:
        assert total == 48
        if done >= 18:
            raise Stopped

    with pytest.raises(Stopped):
        sweep.run(progress=stop)

    assert len(lake.trials(where={"kind": "cell"})) == 18
    assert sweep.run().n_run == 30


def test_rules_tried_are_counted_by_the_name_of_the_sweep(lake: lakebt.Lake) -> None:
    Sweep(lake.at("R1"), name="mine", costs=COSTS, **GRID).run()
    Sweep(lake.at("R2"), name="mine", costs=COSTS, **GRID).run()

    # The same rules on another release are no other rules.
    assert lake.count_trials(study="mine") == 12
    assert len(lake.trials(where={"kind": "cell"})) == 24


def test_trials_say_how_sure_they_are_and_older_ones_do_not() -> None:
    """What a lake has recorded without these columns is read as before."""
    told = (
        '{"sharpe_low":-1.5,"sharpe_high":2.5,"psr":0.7,"se_method":"two-way",'
        '"n_effective_dates":3.2}'
    )
    rows = pd.DataFrame(
        [
            trial_row(1, metrics=told, sharpe=0.5, sharpe_se=1.0),
            trial_row(2, metrics='{"n_gaps":0}', sharpe=0.4, sharpe_se=1.0),
        ]
    )

    found = SweepResult(
        ids=tuple(rows["trial_id"]),
        families=("SP500",),
        n_studies=1,
        n_run=0,
        kept=[rows],
        store=None,
    ).table()

    names = ["sharpe_low", "sharpe_high", "psr", "se_method", "n_effective_dates"]
    assert found[names].to_numpy().tolist()[0] == [-1.5, 2.5, 0.7, "two-way", 3.2]
    assert found[names].isna().to_numpy().tolist() == [[False] * 5, [True] * 5]
    assert found["psr"].dtype == np.float64


def test_the_best_are_shown_with_what_tells_them_apart(lake: lakebt.Lake) -> None:
    found = Sweep(lake.at("R1"), side=["both", "additions"], **GRID).run()

    best = found.best(3)

    assert list(best.columns)[:3] == ["entry", "exit", "side"]
    ranked = found.table()["sharpe"].sort_values(ascending=False)
    assert best["sharpe"].tolist() == ranked.head(3).tolist()
    assert "best of many" in found._repr_html_()
    assert repr(found) == "SweepResult(12 cells, 12 run now)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gros": [1.0]}, "unknown argument of a sweep 'gros'. Did you mean 'gross'"),
        ({"side": []}, "side is an empty list"),
        ({"costs": []}, "costs is an empty list"),
        ({"costs": [1.0]}, "costs must be CostModel values, one was 1.0"),
        ({"side": ["long"]}, "unknown side 'long'"),
        ({"period": [("2012-01-01", "2011-01-01")]}, "ends on 2011-01-01, before"),
        ({"period": [("2012-01-01",)]}, "period must be two dates"),
        ({"size": [(0, 3)]}, "size must run from at least 1"),
        ({"size": [(1.5, 3)]}, "size must be two whole numbers"),
        ({"engine": "zipline"}, "unknown engine 'zipline'"),
    ],
)
def test_bad_input_names_the_value(
    market_lake: lakebt.Lake, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        Sweep(market_lake.at("R1"), **{**GRID, **arguments})


def test_a_sweep_needs_views_of_one_lake(
    lake: lakebt.Lake, market_lake: lakebt.Lake
) -> None:
    with pytest.raises(ValueError, match="at least one view"):
        Sweep([], index="SIM")
    with pytest.raises(ValueError, match="must be of one lake"):
        Sweep([lake.at("R1"), market_lake.at("R1")], index="SIM")


def test_cells_that_other_code_ran_are_told(
    lake: lakebt.Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = Sweep(lake.at("R1"), **GRID)
    found = sweep.run()
    monkeypatch.setattr(origin, "code_version", lambda: "0.0.1+deadbeef")
    again = Sweep(lake.at("R1"), **GRID)
    other = SweepResult(
        ids=again.ids,
        families=again.families,
        n_studies=1,
        n_run=6,
        kept=[],
        store=trials_of(lake.at("R1")),
    )

    with pytest.raises(lakebt.LakebtError, match="6 of 6 cells are not among the tri"):
        other.table()
    assert len(found.table()) == 6


KILLED = """
import sys
import lakebt
from lakebt.sweep.sweep import Sweep
from tests.sweep.test_sweep import large
large(lakebt.Lake.open(sys.argv[1], create=False)).run()
print("finished")
"""


def large(lake: lakebt.Lake) -> Sweep:
    """Return a sweep of some seconds."""
    gross = [round(0.5 + 0.1 * number, 1) for number in range(12)]
    return Sweep(lake.at("R1"), gross=gross, **GRID, **VARIED)


@pytest.mark.slow
def test_a_sweep_that_is_killed_and_resumed_finds_the_same(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    lake = fill(tmp_path / "lake", n_events=4)
    written = tmp_path / "lake" / "warehouse" / "quant" / "trials" / "metadata"
    kills = 0
    n_kills = 9 if IS_NIGHTLY else 2
    for kill in range(n_kills + 1):
        process = subprocess.Popen(
            [*python(), "-c", KILLED, str(tmp_path / "lake")],
            stdout=subprocess.PIPE,
            text=True,
        )
        before = set(written.glob("*.json"))  # what a trial is recorded by
        deadline = time.monotonic() + 120
        while process.poll() is None and kill < n_kills:
            assert time.monotonic() < deadline
            if not before.issuperset(written.glob("*.json")):
                break
            time.sleep(0.02)
        if process.poll() is None and kill < n_kills:
            time.sleep(draw.uniform(0.0, 0.5))
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.communicate()

    again = large(lake).run()
    at_once = large(lake).run(record=False)

    assert kills >= 1
    assert again.n_run == 0
    pd.testing.assert_frame_equal(again.table(), at_once.table())
    assert lake.trials()["trial_id"].is_unique
