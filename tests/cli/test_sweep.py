"""`lakebt sweep`, `reproduce` and `explain`, as they are typed."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from lakebt.lake.lake import Lake
from lakebt.sources.simulated import simulated_market
from lakebt.values.keys import content_key
from tests.forked import python

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

pytestmark = pytest.mark.lake

FILE = """
name = "mine"
release = "SIM"
index = "SIM"
entries = ["AD+1@open", "ED@close"]
exits = ["+1", "1w"]

[grid]
side = ["both", "additions"]

[[costs]]
[[costs]]
commission_bps = 1.0
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake whose trials are this module's alone."""
    path = tmp_path_factory.mktemp("sweep") / "lake"
    market = simulated_market(seed=3, n_events=5, n_members=2)
    Lake.open(path).publish(market.tables, release="SIM", as_of=market.as_of)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "SWEEP.toml"
    path.write_text(FILE, encoding="utf-8")
    return path


def rows_of(text: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(text)
    return rows


def test_a_sweep_says_how_much_was_run_and_what_was_best(
    own: Path, file: Path, run: Run
) -> None:
    again = run("sweep", file, "--lake", own, "--again", "--best", 3)
    known = run("sweep", file, "--lake", own)

    assert "16 cells: 16 run now." in again.stdout
    assert "16 cells: 0 run now, 16 were recorded already." in known.stdout
    assert "the best of many" in " ".join(again.stdout.split())
    assert max(map(len, again.stdout.splitlines())) <= 80
    ids = re.findall(r"\b[0-9a-f]{10}\b", again.stdout)
    lake = Lake.open(own)
    table = lake.trials(where={"study": "mine", "kind": "cell"})
    ranked = table.sort_values("sharpe", ascending=False, kind="stable")
    assert set(ids) <= {trial[:10] for trial in ranked["trial_id"]}
    assert len(ids) == 3


def test_json_has_every_cell_of_a_sweep(own: Path, file: Path, run: Run) -> None:
    rows = rows_of(run("sweep", file, "--lake", own, "--json").stdout)

    assert len(rows) == 16
    assert {row["side"] for row in rows} == {"both", "additions"}
    assert {"sharpe", "n_events", "trial_id", "commission_bps"} <= set(rows[0])


STRATEGY = """
release = "SIM"
strategy = "mine.py:Mine"

[parameters]
share = {share}

[grid]
start = "2010-02-01"
end = "2010-03-31"
rebalance = "monthly"
"""

MINE = """
import pandas as pd


class Mine:
    def __init__(self, share=1.0):
        self._share = share

    def target_weights(self, view):
        return pd.Series({"MKT": self._share})
"""


def test_a_sweep_of_a_strategy_is_told_in_every_form(
    own: Path, tmp_path: Path, run: Run
) -> None:
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    files = {}
    for name, share in {"half": 0.5, "whole": "1", "both": "[0.5, 1.0]"}.items():
        files[name] = tmp_path / f"{name}.toml"
        files[name].write_text(STRATEGY.format(share=share), encoding="utf-8")

    half = run("sweep", files["half"], "--lake", own)
    run("sweep", files["whole"], "--lake", own, "--again")
    both = run("sweep", files["both"], "--lake", own)
    rows = rows_of(run("sweep", files["both"], "--lake", own, "--json").stdout)
    trials = run("trials", "--study", "Mine", "--lake", own)

    assert "1 backtest: 1 run now." in half.stdout
    assert "2 backtests: 0 run now, 2 were recorded already." in both.stdout
    assert "share 0.5" in both.stdout
    assert "share 1" in both.stdout
    assert max(map(len, both.stdout.splitlines())) <= 80
    assert [row["share"] for row in rows] == [0.5, 1]
    assert all(row["trial_id"][:10] in both.stdout for row in rows)
    assert "share=0.5" in trials.stdout
    assert "share=1" in trials.stdout


def test_what_a_sweep_of_the_other_kind_has_is_refused(
    own: Path, file: Path, tmp_path: Path, run: Run
) -> None:
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    other = tmp_path / "other.toml"
    text = STRATEGY.format(share="1")
    other.write_text(f'exits = ["+1"]\n{text}', encoding="utf-8")
    file.write_text(f"{FILE}\n[parameters]\nshare = 1", encoding="utf-8")

    for path, name in (
        (other, "exits is for a sweep of an index"),
        (file, "parameters is for a sweep of a strategy"),
    ):
        told = run("sweep", path, "--lake", own)
        assert told.exit_code == 1
        assert name in told.stderr


def test_a_trial_is_reproduced(own: Path, file: Path, run: Run) -> None:
    rows = rows_of(run("sweep", file, "--lake", own, "--json").stdout)

    shown = run("reproduce", rows[5]["trial_id"][:10], "--lake", own)
    bare = run("reproduce", rows[5]["trial_id"], "--lake", own, "--json")

    assert shown.exit_code == 0
    told = " ".join(shown.stdout.split())
    assert told.startswith(f"{rows[5]['trial_id'][:10]}: reproduced. ")
    assert rows_of(bare.stdout) == []


def test_a_trial_that_is_not_what_it_was_exits_with_1(
    own: Path, file: Path, run: Run
) -> None:
    run("sweep", file, "--lake", own)
    lake = Lake.open(own)
    row = lake.trials(where={"kind": "cell"}).iloc[[0]]
    changed = content_key("changed")
    lake.record(row.assign(trial_id=changed, net_bps=1234.5))

    shown = run("reproduce", changed, "--lake", own)
    bare = run("reproduce", changed, "--lake", own, "--json")

    assert shown.exit_code == bare.exit_code == 1
    assert "not reproduced. net_bps 1234.5 → " in " ".join(shown.stdout.split())
    assert [row["figure"] for row in rows_of(bare.stdout)] == ["net_bps"]


def test_two_trials_are_explained(own: Path, file: Path, run: Run) -> None:
    rows = rows_of(run("sweep", file, "--lake", own, "--json").stdout)
    free = [row for row in rows if row["entry"] == "AD+1@open" and row["exit"] == "1w"]
    first, last = free[0], free[-1]

    shown = run("explain", first["trial_id"], last["trial_id"], "--lake", own)
    steps = rows_of(
        run(
            "explain", first["trial_id"], last["trial_id"], "--lake", own, "--json"
        ).stdout
    )

    assert [step["what"] for step in steps] == ["start", "side", "commission_bps"]
    moved = sum(step["sharpe_moved"] for step in steps[1:])
    assert moved == pytest.approx(last["sharpe"] - first["sharpe"])
    assert "both → additions" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["reproduce", "nothex"], "trial 'nothex' is not an id"),
        (["reproduce", "ffffffff"], "there is no trial 'ffffffff'"),
        (["explain", "ffffffff", "eeeeee"], "there is no trial 'ffffffff'"),
        (["sweep", "nowhere.toml"], "sweep file nowhere.toml cannot be read"),
        (["sweep", "SWEEP.toml", "--engine", "moon"], "unknown engine 'moon'"),
    ],
)
def test_bad_input_is_one_line(
    own: Path, run: Run, words: list[str], message: str
) -> None:
    shown = run(*words, "--lake", own)

    assert shown.exit_code == 1
    assert message in shown.stderr
    assert len(shown.stderr.splitlines()) == 1


def test_a_study_says_how_it_is_reproduced(own: Path, run: Run) -> None:
    words = ("--release", "SIM", "--index", "SIM", "--lake", own)
    shown = run("study", *words, "--period", "2010-01-01,2010-12-31", "--size", "1,9")

    (name,) = re.findall(r"lakebt reproduce --lake \S+ ([0-9a-f]{10})", shown.stdout)
    again = run("reproduce", name, "--lake", own)
    assert again.exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--period", "2010"], "--period '2010' must be two values"),
        (["--period", "2010-01-01,x"], "period 'x' is not a date"),
        (["--size", "1,many"], "--size '1,many' must be two whole numbers"),
        (["--weighting", "cap"], "unknown weighting 'cap'"),
        (["--weighting", "leg"], "pass --aggregate calendar too"),
        (["--max-weight", "1.5"], "--max-weight must be at most 1"),
    ],
)
def test_bad_filters_are_one_line(
    own: Path, run: Run, words: list[str], message: str
) -> None:
    shown = run("study", "--release", "SIM", "--index", "SIM", "--lake", own, *words)

    assert shown.exit_code == 1
    assert message in shown.stderr


@pytest.mark.slow
def test_ctrl_c_says_that_the_same_command_goes_on(tmp_path: Path) -> None:
    market = simulated_market(seed=3, n_events=5, n_members=2)
    Lake.open(tmp_path / "lake").publish(
        market.tables, release="SIM", as_of=market.as_of
    )
    n_studies = 1_500  # they take seconds, and are recorded every half of one
    gross = ", ".join(f"{0.5 + 0.001 * number:.3f}" for number in range(n_studies))
    file = tmp_path / "SWEEP.toml"
    file.write_text(FILE.replace("[grid]", f"[grid]\ngross = [{gross}]"))
    command = [*python(), "-m", "lakebt", "sweep", str(file)]
    command += ["--lake", str(tmp_path / "lake")]

    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    lake = Lake.open(tmp_path / "lake")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and lake.trials(columns="trial_id").empty:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)

    assert process.returncode == 130
    assert told.strip().splitlines()[-1] == (
        "Interrupted. What was finished is recorded: the same command goes on."
    )
    assert "Traceback" not in told
    n_done = len(lake.trials(where={"kind": "cell"}))
    assert 0 < n_done < 8 * n_studies
