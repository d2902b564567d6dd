"""Sweeps over a strategy's parameters: the same as one backtest after the other."""

from __future__ import annotations

import itertools
import multiprocessing
import multiprocessing.util
import subprocess
import sys
import tempfile
import time
from concurrent.futures import as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import lakebt
from lakebt.lake.api.trials import trials_of
from lakebt.reproduce.reproduction import reproduce
from lakebt.sweep import recorder, strategies
from lakebt.sweep.sweep import Sweep
from lakebt.sweep.toml import read_toml, sweep_from
from tests.sweep.conftest import COSTS, fill
from tests.sweep.mine import FREE, Failing, Gated, Trend

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from concurrent.futures import Future

pytestmark = pytest.mark.lake

FILE = Path(__file__).parent / "mine.py"
PERIOD: dict[str, Any] = {"start": "2010-02-01", "end": "2010-06-30"}
LOOKBACKS, WEIGHTS, HOW_OFTEN = [5, 20], [0.5, 1.0], ["weekly", "monthly"]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> lakebt.Lake:
    return fill(tmp_path_factory.mktemp("strategies") / "lake", n_events=6)


def sweep(lake: lakebt.Lake, **asked: Any) -> Sweep:
    return Sweep(
        lake.at("R1"),
        strategy=Trend,
        parameters={"lookback": LOOKBACKS, "weight": WEIGHTS},
        rebalance=HOW_OFTEN,
        costs=COSTS,
        **{**PERIOD, **asked},
    )


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the processes of a pool come of one that has imported what they need.

    They are sent the same as one that imports it itself, as in the tests of scripts and
    of who is killed.
    """
    with monkeypatch.context() as patch:  # its folder outlives that of the tests
        patch.setattr(tempfile, "tempdir", "/tmp")  # noqa: S108 - and goes at the end
        multiprocessing.util.get_temp_dir()
    context: Any = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["lakebt.sweep.strategies", "tests.sweep.mine"])
    monkeypatch.setattr(multiprocessing, "get_context", lambda _: context)


@pytest.mark.slow
@pytest.mark.usefixtures("forked")
def test_every_combination_is_what_a_backtest_of_its_own_finds(tmp_path: Path) -> None:
    lake = fill(tmp_path / "lake", n_events=6)

    found = sweep(lake).run(workers=2)
    alone = sweep(lake).run(workers=1, record=False)

    expected = [
        lakebt.Backtest(
            lake.at("R1"),
            Trend(lookback=lookback, weight=weight),
            rebalance=how_often,
            costs=cost,
            **PERIOD,
        )
        .run(record=False)
        .sharpe()
        for lookback, weight, how_often, cost in itertools.product(
            LOOKBACKS, WEIGHTS, HOW_OFTEN, COSTS
        )
    ]
    table = found.table()
    assert found.n_run == len(table) == 16
    assert table["sharpe"].tolist() == expected
    assert alone.table()["sharpe"].tolist() == expected
    assert table["lookback"].tolist() == [5] * 8 + [20] * 8
    assert sweep(lake).run().n_run == 0
    assert lake.count_trials(study="Trend") == 16
    assert {"lookback", "weight", "rebalance"} <= set(found.best(2).columns)


@pytest.mark.slow
@pytest.mark.usefixtures("forked")
def test_what_runs_when_somebody_stops_it_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "SECONDS", 0.0)  # each by itself
    lake = fill(tmp_path / "lake", n_events=6)
    gate = tmp_path / "gate"
    running: list[int] = []

    def stop(done: int, total: int) -> None:
        assert total == 12
        if done >= 2:
            while not Gated(gate=str(gate)).begun.exists():
                time.sleep(0.01)
            raise KeyboardInterrupt

    def open_gate(left: Collection[Future[pd.DataFrame]]) -> Iterator[Any]:
        running.append(len(left))  # the rest was cancelled
        gate.touch()
        return as_completed(left)

    monkeypatch.setattr(strategies, "as_completed", open_gate)
    lookbacks = list(range(FREE - 1, FREE + 11))
    gated = Sweep(
        lake.at("R1"),
        strategy=Gated,
        parameters={"lookback": lookbacks, "gate": str(gate)},
        rebalance="monthly",
        **PERIOD,
    )

    with pytest.raises(KeyboardInterrupt):
        gated.run(workers=2, progress=stop)

    n_kept = len(lake.trials())
    assert running[0] >= 1
    assert n_kept == 2 + running[0] < 12
    again = gated.run(workers=1)
    assert again.n_run == 12 - n_kept
    assert len(again.table()) == 12


def test_a_run_by_hand_is_known_to_the_sweep(lake: lakebt.Lake) -> None:
    strategy = Trend(lookback=7)
    backtest = lakebt.Backtest(lake.at("R1"), strategy, rebalance="weekly", **PERIOD)
    run = backtest.run()
    assert run.is_recorded

    one = Sweep(
        lake.at("R1"),
        strategy=f"{FILE}:Trend",
        parameters={"lookback": 7},
        rebalance="weekly",
        **PERIOD,
    )

    assert one.run().n_run == 0
    assert one.run().table()["sharpe"].tolist() == [run.sharpe()]


def test_a_backtest_is_reproduced_with_its_strategy(lake: lakebt.Lake) -> None:
    strategy = Trend(lookback=9)
    run = lakebt.Backtest(lake.at("R1"), strategy, costs=COSTS[1], **PERIOD).run()
    rows = lake.trials(where={"kind": "backtest"})
    rule = rows["rule"].str.contains('"lookback":9,')
    (trial,) = rows.loc[rule, "trial_id"]
    assert run.id == trial

    found = reproduce(lake, run.id, strategy=f"{FILE}:Trend")

    assert found.is_same, str(found)
    assert found.moved.empty


def test_another_file_of_the_same_strategy_is_told(
    lake: lakebt.Lake, tmp_path: Path
) -> None:
    lakebt.Backtest(lake.at("R1"), Trend(lookback=11), **PERIOD).run()
    rows = lake.trials(where={"kind": "backtest"})
    (trial,) = rows.loc[rows["rule"].str.contains('"lookback":11,'), "trial_id"]
    other = tmp_path / "mine.py"
    text = FILE.read_text(encoding="utf-8")
    other.write_text(text.replace("> closes.iloc[-1 -", "< closes.iloc[-1 -"))

    found = reproduce(lake, trial, strategy=f"{other}:Trend")

    assert not found.is_same
    assert "the strategy's file" in str(found)


def test_a_strategy_that_fails_is_named_with_file_and_line(lake: lakebt.Lake) -> None:
    failing = Sweep(lake.at("R1"), strategy=Failing, **PERIOD)

    with pytest.raises(
        ValueError,
        match=r"mine\.py, line \d+, in target_weights: RuntimeError",
    ):
        failing.run(workers=1)


def test_a_file_says_what_python_says(lake: lakebt.Lake, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(FILE.read_text(encoding="utf-8"))
    (tmp_path / "SWEEP.toml").write_text(
        """
release = "R1"
strategy = "mine.py:Trend"

[parameters]
lookback = [5, 20]
weight = [0.5, 1.0]

[grid]
start = "2010-02-01"
end = "2010-06-30"
rebalance = ["weekly", "monthly"]
""",
        encoding="utf-8",
    )

    read = sweep_from(
        read_toml(tmp_path / "SWEEP.toml"),
        open_view=lambda name, at: lake.at(name, as_of=at),
    )

    told = [{**task.parameters, **task.arguments} for task in read.tasks]
    same = [{**task.parameters, **task.arguments} for task in sweep(lake).tasks[::2]]
    assert told == same
    assert len(read) == 8
    assert {task.study for task in read.tasks} == {"Trend"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strategy": Trend()}, "is not a class: a sweep makes one"),
        ({"strategy": pd.Series}, "has no 'Series'|not a class with a method"),
        ({"parameters": {"hold": [1]}}, "unexpected keyword argument 'hold'"),
        ({"index": "SIM"}, "not both"),
        ({"exits_": ["+1"]}, "unknown argument of a sweep over a strategy 'exits_'"),
        ({"strategy": "nowhere.py:Trend"}, r"nowhere\.py does not exist"),
    ],
)
def test_bad_input_names_what_is_wrong(
    lake: lakebt.Lake, arguments: dict[str, Any], message: str
) -> None:
    asked = {"strategy": Trend, **PERIOD, **arguments}
    with pytest.raises(ValueError, match=message):
        Sweep(lake.at("R1"), **asked)


SCRIPT = """
import lakebt

lake = lakebt.Lake.open({lake!r})
view = lake.at("R1")
lookback = [31, 32, 33]
period = {{"start": "2010-02-01", "end": "2010-06-30"}}
lakebt.Sweep(
    view, strategy={strategy}, parameters={{"lookback": lookback}}, **period
).run(workers=2)
"""


def test_a_file_that_sweeps_its_own_strategy_as_it_is_read_is_told(
    lake: lakebt.Lake, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    text = SCRIPT.format(lake=path_of(lake), strategy=repr(f"{script}:Trend"))
    script.write_text(text, encoding="utf-8")

    with pytest.raises(ValueError, match=r"script\.py starts a sweep while it is"):
        lakebt.Sweep(lake.at("R1"), strategy=f"{script}:Trend", **PERIOD)


@pytest.mark.slow
def test_a_script_without_a_guard_is_told_in_one_line(
    lake: lakebt.Lake, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    text = SCRIPT.format(lake=path_of(lake), strategy=repr(f"{FILE}:Trend"))
    script.write_text(text, encoding="utf-8")

    ended = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=False
    )

    assert ended.returncode == 1
    assert ended.stderr.count("Traceback") == 1
    last = ended.stderr.strip().splitlines()[-1]
    assert "a process that ran a backtest of this sweep ended" in last
    assert 'if __name__ == "__main__":' in last


def path_of(lake: lakebt.Lake) -> str:
    return str(trials_of(lake.at("R1")).address["path"])
