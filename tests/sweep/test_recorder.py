"""What somebody was told is finished is recorded, whoever kills what ran it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from lakebt.lake.api.trials import trials_of
from lakebt.sweep.recorder import SECONDS, Recorder
from lakebt.sweep.sweep import Sweep
from tests.forked import python
from tests.lake.trial_rows import trial
from tests.nightly import IS_NIGHTLY
from tests.sweep.conftest import COSTS, ENTRIES, EXITS, fill
from tests.sweep.mine import Trend

if TYPE_CHECKING:
    from pathlib import Path

    import lakebt

pytestmark = pytest.mark.lake


def rows(number: int, *, seconds: float) -> pd.DataFrame:
    return pd.DataFrame([{**trial(number), "seconds": seconds}])


class TrialSpec:
    """Who is told, and looks into the lake at that moment."""

    def __init__(self, lake: lakebt.Lake) -> None:
        self.lake = lake
        self.calls: list[tuple[int, int, int]] = []

    def __call__(self, done: int, total: int) -> None:
        self.calls.append((done, total, len(self.lake.trial_ids())))


def recorder_of(lake: lakebt.Lake, told: TrialSpec) -> Recorder:
    return Recorder(trials_of(lake.at("R1")), total=9, notify=told)


def test_what_took_long_is_recorded_at_once_and_then_told(lake: lakebt.Lake) -> None:
    told = TrialSpec(lake)

    with recorder_of(lake, told) as recorder:
        recorder.add(rows(1, seconds=SECONDS / 10))
        assert told.calls == []
        recorder.add(rows(2, seconds=60.0))
        assert told.calls == [(2, 9, 2)]
        assert recorder.patience is None
        recorder.add(rows(3, seconds=SECONDS / 10))

    assert told.calls == [(2, 9, 2), (3, 9, 3)]


def test_what_took_a_moment_waits_no_longer_than_it_may(lake: lakebt.Lake) -> None:
    told = TrialSpec(lake)

    with recorder_of(lake, told) as recorder:
        recorder.add(rows(1, seconds=0.0))
        patience = recorder.patience
        assert patience is not None
        assert 0.0 < patience <= SECONDS
        time.sleep(patience)
        recorder.record_if_due()

        assert told.calls == [(1, 9, 1)]


def test_who_stops_the_sweep_is_told_nothing_more(lake: lakebt.Lake) -> None:
    told = TrialSpec(lake)

    def stop() -> None:
        with recorder_of(lake, told) as recorder:
            recorder.add(rows(1, seconds=0.0))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()

    assert told.calls == []
    assert len(lake.trial_ids()) == 1


def test_a_sweep_tells_of_all_it_has_recorded_and_knew(lake: lakebt.Lake) -> None:
    grid: dict[str, Any] = {"index": "SIM", "entries": ENTRIES, "exits": EXITS}
    Sweep(lake.at("R1"), **grid).run()
    told: list[tuple[int, int]] = []

    sweep = Sweep(lake.at("R1"), side=["both", "additions"], costs=COSTS, **grid)
    found = sweep.run(progress=lambda done, total: told.append((done, total)))

    assert found.n_run == 18
    assert told[0] == (6, 24)
    assert told[-1] == (24, 24)
    assert told == sorted(told)


# --- killed ---------------------------------------------------------------------------

KILLED = """
import multiprocessing, os, signal, sys
import lakebt
from lakebt.sweep import recorder
from tests.sweep import test_recorder

place, what, seconds, moment, method, file = sys.argv[1:]
recorder.SECONDS = float(seconds)
context = multiprocessing.get_context(method)
multiprocessing.get_context = lambda _: context


def tell(done, total):
    os.write(1, b"%d %d\\n" % (done, total))
    if 0 <= int(moment) <= done:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sweep = getattr(test_recorder, what)(lakebt.Lake.open(place, create=False))
    sweep.run(workers=2, progress=tell)
"""


def of_points(lake: lakebt.Lake) -> Sweep:
    """Return 576 cells."""
    return Sweep(
        lake.at("R1"),
        index="SIM",
        entries=ENTRIES,
        exits=EXITS,
        side=["both", "additions"],
        hedge=[None, "MKT"],
        capital_usd=[1e5 + number for number in range(12)],
        costs=COSTS,
    )


def of_strategies(lake: lakebt.Lake) -> Sweep:
    """Return 40 backtests."""
    return Sweep(
        lake.at("R1"),
        strategy=Trend,
        parameters={"lookback": list(range(2, 42))},
        start="2010-02-01",
        end="2010-06-30",
        rebalance="weekly",
    )


def start(
    lake: Path,
    what: str,
    *,
    seconds: float = 0.05,
    moment: int = -1,
    is_forked: bool = True,
) -> subprocess.Popen[str]:
    """Run a sweep that prints what it is told, and kills itself at a `moment`.

    It and its processes are forked, or import all they need, as a user's do. Its own
    are forked from a process without threads.
    """
    method = "forkserver" if is_forked else "spawn"
    told = [str(lake), what, str(seconds), str(moment), method, __file__]
    begin = python() if is_forked else (sys.executable,)
    return subprocess.Popen(
        [*begin, "-c", KILLED, *told], stdout=subprocess.PIPE, text=True
    )


def told_by(process: subprocess.Popen[str]) -> int:
    """Return how many were done as far as the process was told."""
    out, _ = process.communicate(timeout=300)
    lines = out.splitlines()
    return int(lines[-1].split()[0]) if lines else 0


ROUNDS = {"of_points": 2, "of_strategies": 1}
"""How often a sweep is killed at random; more often in the nightly profile."""
if IS_NIGHTLY:
    ROUNDS = {"of_points": 12, "of_strategies": 6}


def recorded(lake: lakebt.Lake) -> int:
    kinds = ["cell", "backtest"]
    return len(lake.trials(where={"kind": kinds}, columns=["trial_id"]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "moment"),
    [("of_points", 1), ("of_points", 100), ("of_strategies", 1), ("of_strategies", 9)],
)
def test_killed_the_moment_it_tells_it_has_lost_nothing_of_it(
    tmp_path: Path, what: str, moment: int
) -> None:
    lake = fill(tmp_path / "lake", n_events=4)

    process = start(tmp_path / "lake", what, moment=moment)
    told = told_by(process)

    assert process.returncode == -signal.SIGKILL
    assert moment <= told <= recorded(lake)


@pytest.mark.slow
@pytest.mark.parametrize(("what", "rounds"), ROUNDS.items())
def test_killed_at_any_moment_it_has_recorded_all_it_told(
    tmp_path: Path, what: str, rounds: int
) -> None:
    draw = np.random.default_rng(len(what))
    lake = fill(tmp_path / "lake", n_events=4)
    kills = 0
    for _ in range(rounds):
        process = start(tmp_path / "lake", what, seconds=draw.choice([0.0, 0.1]))
        assert process.stdout is not None
        told = int((process.stdout.readline() or "0").split()[0])
        time.sleep(draw.uniform(0.0, 0.7))
        kills += process.poll() is None
        process.send_signal(signal.SIGKILL)

        assert max(told, told_by(process)) <= recorded(lake)

    assert kills >= 1
    sweep = globals()[what](lake)
    left = len(sweep) - recorded(lake)
    assert sweep.run(workers=1).n_run == left
    assert lake.trials()["trial_id"].is_unique


@pytest.mark.slow
def test_the_processes_of_a_killed_sweep_end_too(tmp_path: Path) -> None:
    fill(tmp_path / "lake", n_events=4)

    process = start(tmp_path / "lake", "of_strategies", is_forked=False)
    assert process.stdout is not None
    while (line := process.stdout.readline()) and line.startswith("0 "):
        pass
    children = children_of(process.pid)
    process.kill()
    process.communicate()

    assert len(children) >= 2
    deadline = time.monotonic() + 30
    while any(map(is_running, children)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def children_of(pid: int) -> list[int]:
    """Return the processes that a process started, by Linux's own account."""
    tasks = f"/proc/{pid}/task/{pid}/children"
    if not os.path.exists(tasks):  # noqa: PTH110 - a file of the kernel's
        pytest.skip("no /proc here")
    with open(tasks, encoding="ascii") as told:  # noqa: PTH123 - the same
        return [int(child) for child in told.read().split()]


def is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as told:  # noqa: PTH123 - the same
            return told.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
