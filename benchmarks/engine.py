"""What a study costs from a cold process, and how that grows.

Makes simulated markets whose events overlap, and asks 55 entries x 24 exits of each in
processes of their own, from the start of the interpreter to the table of every metric:

    python -m benchmarks.engine                     # 1,000 events of four legs
    python -m benchmarks.engine --legs 40
    python -m benchmarks.engine --levels 10         # of costs
    python -m benchmarks.engine --growth            # 1 to 10,000 events, or `--events`
    python -m benchmarks.engine --compile           # numba, with its cache and without
    python -m benchmarks.engine --real ../shared/realdata       # 2,000 rules, recorded

Prints medians in seconds: of the whole process; of the processors' time that it took,
which a busy machine stretches less; and in another process of importing, of reading and
deciding, of trading every cell, of making the table. Then the backtests that were made,
nanoseconds of trading for each, peak memory in MB, and the machine's load when it
began. `--keep DIR` keeps the lakes for the next time. The parts come to the returns of
the whole, which is checked before.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

import lakebt
from lakebt.sources.prices import convert_prices
from lakebt.sources.rebalances import convert_rebalances
from lakebt.sources.simulated import simulated_market

if TYPE_CHECKING:
    from collections.abc import Sequence

ENTRIES = (
    *(f"AD+{n}@{at}" for n in range(1, 15) for at in ("open", "close")),
    *(f"ED{n:+}@{at}" for n in range(-4, 9) for at in ("open", "close")),
    "ED-5@close",
)
EXITS = (
    *(f"+{n}" for n in range(1, 11)),
    *(f"+{n}@open" for n in range(1, 11)),
    *("1w", "2w", "3w", "4w"),
)
GROWTH = (1, 10, 100, 1_000, 10_000)

# Two thousand rules for the real events: more exits, up to three months away.
REAL_ENTRIES = ENTRIES[:40]
REAL_EXITS = (*EXITS, *(f"+{n}" for n in range(11, 35)), "5w", "13w")

_COLD = """
import json, sys, time
began = time.perf_counter()
import lakebt
from benchmarks.processes import peak_mb
from lakebt.backtest.levels import Level
from lakebt.study.summary import Summary
from lakebt.study.engines import ENGINES
from lakebt.study.scope import Scope
told = json.loads(sys.argv[1])
view = lakebt.Lake.open(told["lake"], create=False).at("R1")
imported = time.perf_counter()
study = lakebt.Study(
    view, index=told["index"], entries=told["entries"], exits=told["exits"],
    hedge=told["hedge"], costs=lakebt.CostModel(commission_bps=1.0),
)
capital_usd = study.arguments.sizing.capital_usd
scope = Scope(view, study.arguments)
plan = scope.schedule
history = scope.history(plan)
decided = time.perf_counter()
costs = [
    lakebt.CostModel(commission_bps=1.0 + level, borrow_bps_per_year=50.0)
    for level in range(told["levels"])
]
levels = [Level.of(cost, study.arguments.sizing) for cost in costs]
traded = ENGINES["event"](plan, history, study.arguments, levels, None)
done = time.perf_counter()
frames = [
    Summary(
        plan, cells, costs=cost, capital_usd=capital_usd,
        pooling=study.arguments.pooling,
    ).surface()
    for cost, cells in zip(costs, traded)
]
shown = time.perf_counter()
print(json.dumps({
    "import": imported - began, "decide": decided - imported, "trade": done - decided,
    "table": shown - done, "backtests": int(sum(c.traded.sum() for c in traded)),
    "rules": len(frames[0]), "net": float(frames[0]["net_bps"].sum()), "MB": peak_mb(),
}))
"""

_WHOLE = """
import sys, json
import lakebt
told = json.loads(sys.argv[1])
view = lakebt.Lake.open(told["lake"], create=False).at("R1")
result = lakebt.Study(
    view, index=told["index"], entries=told["entries"], exits=told["exits"],
    hedge=told["hedge"],
    costs=lakebt.CostModel(
        commission_bps=1.0 + 0.01 * told["round"], borrow_bps_per_year=50.0
    ),
).run(record=told["record"])
frame = result.surface()
print(json.dumps({"rules": len(frame), "net": float(frame["net_bps"].sum())}))
"""

_FIRST_CALL = """
import time
began = time.perf_counter()
from lakebt.backtest import kernel
import numpy as np
from lakebt.backtest.engine import Book, run_book
from lakebt.backtest.costs import CostModel
from lakebt.backtest.levels import Level
from lakebt.sessions import Sessions
sessions = Sessions.of("XNYS")
one, flat = np.array([0, 1]), np.full(3, 10.0)
book = Book(
    opens=flat, marks=flat, missing=np.zeros(3, dtype=bool), base=np.array([-5_000]),
    size=np.ones(1), price=np.full(1, 10.0), start=one, entry_row=np.array([10_000]),
    exits=one, exit_row=np.array([10_003]),
)
ready = time.perf_counter()
level = Level(costs=CostModel(), gross=1.0, capital_usd=1e5)
run_book(book, levels=[level], sessions=sessions)
called = time.perf_counter()
from lakebt.analysis.calendar import portfolio, without_each_date
from lakebt.analysis.event_series import held_of
from lakebt.analysis.pooling import Aggregate, Pooling
from lakebt.analysis.traded_events import Traded
zeros, one_each, dates = np.zeros(2), np.ones(2, dtype=np.int64), np.array([0, 1])
events = Traded(
    rule=np.array([0, 0]), date=dates, first=np.array([5, 9]), n_returns=one_each,
    mean=zeros, m2=zeros, n_legs=one_each, start=np.array([0, 0]), final=zeros,
    held=zeros,
)
told = held_of(events, Pooling(how=Aggregate.CALENDAR))
_, *sums, _ = portfolio(*told)
without_each_date(*told, dates, 2, *sums)
print(called - ready, time.perf_counter() - called)
"""


def say(line: str) -> None:
    """Write a line that is read while the rest is still to come."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def simulated_lake(folder: Path, *, events: int, legs: int) -> Path:
    """Return a lake of events two sessions apart, or one if they are many."""
    lake = folder / f"{events}x{legs}"
    if not lake.exists():
        market = simulated_market(
            seed=1,
            n_events=events,
            n_additions=legs // 2,
            n_deletions=legs - legs // 2,
            n_members=1,
            spacing=2 if events <= 4_000 else 1,
            start=dt.date(1982, 1, 4),
            before=5,
            after=45,
        )
        made = lakebt.Lake.open(lake)
        made.publish(
            {"prices": market.prices, "index_changes": market.index_changes},
            release="R1",
            as_of=market.as_of,
        )
    return lake


def real_lake(folder: Path, realdata: Path) -> Path:
    """Return a lake of the real S&P 500 events."""
    lake = folder / "real"
    if not lake.exists():
        events = pd.read_csv(realdata / "events.csv", dtype=str, keep_default_na=False)
        prices = pd.read_parquet(realdata / "prices.parquet")
        tables = {
            "index_changes": convert_rebalances(events).frame,
            "prices": convert_prices(prices).frame,
        }
        lakebt.Lake.open(lake).publish(
            tables, release="R1", as_of="2026-04-01T00:00:00Z"
        )
    return lake


def cpu_of_children() -> float:
    """Return the processors' time of all processes that have ended, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run_cold(code: str, told: dict[str, Any]) -> tuple[float, float, dict[str, Any]]:
    """Return a process's wall and processors' seconds, and what it prints."""
    began, used = time.perf_counter(), cpu_of_children()
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(told)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "LAKEBT_CACHE": "off"},
    )
    wall, cpu = time.perf_counter() - began, cpu_of_children() - used
    return wall, cpu, json.loads(done.stdout)


def question(lake: Path, *, levels: int = 1, **asked: Any) -> dict[str, Any]:
    """Return what a process is asked."""
    return {
        "lake": str(lake),
        "index": "SIM",
        "entries": ENTRIES,
        "exits": EXITS,
        "hedge": None,
        "levels": levels,
        "record": False,
        "round": 0,
        **asked,
    }


def show(name: str, told: dict[str, Any], *, rounds: int) -> None:
    """Run a question a few times, and print a line of medians."""
    load = os.getloadavg()[0]
    code = _WHOLE if told["levels"] == 1 else _COLD  # a study has one level
    whole = [run_cold(code, {**told, "round": number}) for number in range(rounds)]
    parts = [run_cold(_COLD, told)[2] for _ in range(rounds)]
    if len({(found["rules"], found["net"]) for found in (whole[0][2], *parts)}) > 1:
        sys.exit("what is timed in parts comes to something else than the whole")
    middle = {name: statistics.median(p[name] for p in parts) for name in parts[0]}
    each = middle["trade"] / max(middle["backtests"], 1) * 1e9
    say(
        f"{name:>20}{statistics.median(wall for wall, _, _ in whole):9.2f}"
        f"{statistics.median(cpu for _, cpu, _ in whole):9.2f}{middle['import']:9.2f}"
        f"{middle['decide']:9.2f}{middle['trade']:9.2f}{middle['table']:9.2f}"
        f"{int(middle['backtests']):13,}{each:9.1f}{middle['MB']:8.0f}{load:7.1f}"
    )


def show_compile(rounds: int) -> None:
    """Print the first calls of the compiled functions, in milliseconds."""

    def call(cache: str) -> list[float]:
        done = subprocess.run(
            [sys.executable, "-c", _FIRST_CALL],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "NUMBA_CACHE_DIR": cache},
        )
        return [1e3 * float(part) for part in done.stdout.split()]

    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        first = [call(f"{folder}/{number}") for number in range(rounds)]
        again = [call(f"{folder}/0") for _ in range(rounds)]
    for name, times in (("nothing cached", first), ("cached", again)):
        engine, calendar = map(statistics.median, zip(*times, strict=True))
        say(
            f"{name:>20}: engine {engine:,.0f} ms, calendar {calendar:,.0f} ms "
            f"(load {load:.1f})"
        )


def parser() -> argparse.ArgumentParser:
    """Return how the command line is read."""
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("--events", type=int, help="1,000; 10,000 at most of growth")
    found.add_argument("--legs", type=int, default=4)
    found.add_argument("--levels", type=int, default=1)
    found.add_argument("--growth", action="store_true")
    found.add_argument("--compile", action="store_true")
    found.add_argument("--real", type=Path)
    found.add_argument("--rounds", type=int, default=5)
    found.add_argument("--keep", type=Path)
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Read the command line, and measure."""
    asked = parser().parse_args(words)
    if asked.compile:
        show_compile(asked.rounds)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        say(
            f"{'':>20}{'process':>9}{'cpu':>9}{'import':>9}{'decide':>9}{'trade':>9}{'table':>9}"
            f"{'backtests':>13}{'ns each':>9}{'MB':>8}{'load':>7}"
        )
        if asked.real is not None:
            rules: dict[str, Any] = {"entries": REAL_ENTRIES, "exits": REAL_EXITS}
            lake = real_lake(folder, asked.real)
            told = question(lake, index="SP500", hedge="SPY", record=True, **rules)
            show("real", told, rounds=asked.rounds)
            return
        most = asked.events or (GROWTH[-1] if asked.growth else 1_000)
        grown = [events for events in GROWTH if events <= most]
        for events in grown if asked.growth else [most]:
            lake = simulated_lake(folder, events=events, legs=asked.legs)
            name = f"{events:,} x {asked.legs} legs x {asked.levels}"
            show(name, question(lake, levels=asked.levels), rounds=asked.rounds)


if __name__ == "__main__":
    main()
