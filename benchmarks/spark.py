"""Sweeps on Spark: what they cost beside local ones, and what more cores would do.

    python -m benchmarks.spark cells 200000
    python -m benchmarks.spark events 1000 10000 100000
    python -m benchmarks.spark model

The first two print what they measured, a line of JSON each, which `spark_model.py` has
its constants from; the third prints what follows. Each run is a process of its own.
Cells are recorded, each run's in a lake of its own; of events there are few cells,
which are not. Trials are compared before times are told, and one that differs ends the
script.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

import lakebt
from benchmarks.processes import started_by
from benchmarks.spark_model import table
from lakebt.sessions import Sessions
from lakebt.sources.simulated import simulated_market

if TYPE_CHECKING:
    from collections.abc import Sequence

ENTRIES = [f"AD+{n}@{at}" for n in range(1, 6) for at in ("open", "close")]
EXITS = [f"+{n}" for n in range(1, 11)]
COSTS = 10
SIDES, HEDGES = ["both", "additions"], [None, "MKT"]
BOOKS = len(ENTRIES) * len(EXITS) * COSTS * len(SIDES) * len(HEDGES)
"""Cells of one size."""

_ONE_MARKET = 10_000
"""Events of one simulated market: each is announced in a session of its own."""

_RUN = """
import json, os, sys, time
began = time.perf_counter()
import lakebt
from benchmarks import spark as bench
from benchmarks.processes import peak_mb
told = json.loads(sys.argv[1])
session = None
if told["master"] != "local":
    session = bench.session(told["master"])
started = time.perf_counter()
lake = lakebt.Lake.open(told["lake"], create=False)
sweep = bench.sweep(lake, told["sizes"])
made, cpu = time.perf_counter(), time.process_time()
found = sweep.run(engine="spark" if session else "local", record=told["record"])
ran, cpu = time.perf_counter(), time.process_time() - cpu
if found.n_run < len(found):
    sys.exit("some of the trials were there before")
digest = bench.digest(found)
print(json.dumps({
    **told, "cells": len(found), "start": started - began, "ask": made - started,
    "run": ran - made, "driver_cpu": cpu, "digest": digest,
    **bench.spent(os.getpid()),
    "driver_mb": peak_mb(),
}))
"""


def fill(path: Path, n_events: int) -> None:
    """Publish events of four legs: markets side by side in one index."""
    days = Sessions.of("XNYS").days
    frames: list[dict[str, pd.DataFrame]] = []
    as_of = []
    for number, first in enumerate(range(0, n_events, _ONE_MARKET)):
        market = simulated_market(
            seed=number,
            n_events=min(_ONE_MARKET, n_events - first),
            n_members=2,
            spacing=1,
            before=5,
            after=30,
            start=pd.Timestamp("1985-01-02").date(),
        )
        prices, changes = market.prices.copy(), market.index_changes.copy()
        for frame in (prices, changes):
            is_market = frame["symbol"] == market.market
            frame["symbol"] = frame["symbol"].where(
                is_market, frame["symbol"] + f"_{number}"
            )
        if number:  # what is announced on one day is told apart by when it is effective
            prices = prices[prices["symbol"] != market.market]
            on = changes["announced"].dt.tz_localize(None).to_numpy("datetime64[D]")
            later = np.searchsorted(days.astype("datetime64[D]"), on) + 2 + number
            changes["effective"] = days[later].astype("datetime64[D]").astype(object)
        frames.append({"prices": prices, "index_changes": changes})
        as_of.append(market.as_of)
    tables = {
        name: pd.concat([frame[name] for frame in frames], ignore_index=True)
        for name in frames[0]
    }
    lakebt.Lake.open(path).publish(tables, release="R1", as_of=max(as_of))


def sweep(lake: lakebt.Lake, sizes: int) -> lakebt.Sweep:
    """Return 100 rules x 10 costs x 4 books, each in so many sizes; 20 cells for 0."""
    if not sizes:
        return lakebt.Sweep(
            lake.at("R1"),
            index="SIM",
            entries=ENTRIES[:2],
            exits=EXITS[:5],
            costs=[lakebt.CostModel(), lakebt.CostModel(commission_bps=1.0)],
        )
    return lakebt.Sweep(
        lake.at("R1"),
        index="SIM",
        entries=ENTRIES,
        exits=EXITS,
        costs=[lakebt.CostModel(commission_bps=float(bps)) for bps in range(COSTS)],
        gross=[0.5 + number / 100 for number in range(sizes)],
        side=SIDES,
        hedge=HEDGES,
    )


def session(master: str) -> Any:
    """Start Spark, with a heap for what is shuffled, and wait for its first task."""
    from pyspark.sql import SparkSession  # noqa: PLC0415 - not for local runs

    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder: Any = SparkSession.builder
    for name, value in {
        "spark.master": master,
        "spark.driver.memory": "4g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
    }.items():
        builder = builder.config(name, value)
    made = builder.getOrCreate()
    made.range(2).count()
    return made


def spent(pid: int) -> dict[str, float]:
    """Return the seconds of processor that Java and the Python workers took so far."""
    found = {"java_cpu": 0.0, "workers_cpu": 0.0}
    for name, seconds in started_by(pid).values():
        found["java_cpu" if name == "java" else "workers_cpu"] += seconds
    return found


def digest(found: Any) -> str:
    """Return what is equal for the same figures of the same trials, to the bit."""
    rows = found._rows  # noqa: SLF001 - the digests of the events are not in its table
    values = pd.util.hash_pandas_object(rows[["digest", "sharpe", "net_bps"]])
    return f"{int(np.bitwise_xor.reduce(values.to_numpy())):016x}"


def measure(lake: Path, master: str, sizes: int, *, record: bool) -> dict[str, Any]:
    """Run a sweep in a process of its own, and return what it tells."""
    told = {"lake": str(lake), "master": master, "sizes": sizes, "record": record}
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _RUN, json.dumps(told)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    whole = time.perf_counter() - began
    return {**found, "whole": whole, "load": os.getloadavg()[0]}


def compared(runs: list[dict[str, Any]]) -> None:
    """Print runs of one sweep; end if they did not find the same."""
    if len({run["digest"] for run in runs}) > 1:
        sys.exit(f"the trials differ: {[run['digest'] for run in runs]}")
    for run in runs:
        told = {n: round(v, 2) if isinstance(v, float) else v for n, v in run.items()}
        told["lake"] = Path(run["lake"]).name
        sys.stdout.write(f"{json.dumps(told)}\n")
    sys.stdout.flush()


def parser() -> argparse.ArgumentParser:
    """Return how the command line is read."""
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("what", choices=["cells", "events", "model"])
    found.add_argument("numbers", type=int, nargs="*")
    found.add_argument("--masters", default="local,local[1],local[2]")
    found.add_argument("--events", type=int, default=1_000)
    found.add_argument("--sizes", type=int, default=0)
    found.add_argument("--folder", type=Path)
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    asked = parser().parse_args(words)
    odd = [number for number in asked.numbers if number % BOOKS]
    if asked.what == "cells" and odd:
        parser().error(f"cells come in multiples of {BOOKS:,}, not {odd[0]:,}")
    if asked.what == "model":
        sys.stdout.write(table())
        return
    masters = asked.masters.split(",")
    with tempfile.TemporaryDirectory() as made:
        folder = asked.folder or Path(made)
        for number in asked.numbers:
            n_events = asked.events if asked.what == "cells" else number
            sizes = number // BOOKS if asked.what == "cells" else asked.sizes
            runs = []
            for master in masters:
                # A sweep that records needs a lake without its trials.
                record = asked.what == "cells"
                own = f"-{master.strip(']').replace('[', '-')}-{sizes}"
                lake = folder / f"{n_events}{own if record else ''}"
                if not lake.exists():
                    fill(lake, n_events)
                runs.append(measure(lake, master, sizes, record=record))
            compared(runs)


if __name__ == "__main__":
    main()
