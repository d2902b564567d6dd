"""A sweep of 10,000 cells, killed at random and gone on with.

    python -m benchmarks.resume 10

Kills it so many times, at random instants, and runs it to its end; then compares its
table with that of one run that nobody interrupted, in a lake of its own. Prints a line
for each kill, and both times. A table that differs ends the script.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

import lakebt
from lakebt.sources.simulated import simulated_market

if TYPE_CHECKING:
    from collections.abc import Sequence

ENTRIES = [f"AD+{n}@{at}" for n in range(1, 6) for at in ("open", "close")]
EXITS = [*(f"+{n}" for n in range(1, 11)), "1w", "2w"]
GROSS = [0.5, 1.0, 1.5]
COSTS = [lakebt.CostModel(commission_bps=float(bps)) for bps in range(4)]

_RUN = """
import sys
import lakebt
from benchmarks.resume import sweep
sweep(lakebt.Lake.open(sys.argv[1], create=False)).run()
"""


def fill(path: Path) -> lakebt.Lake:
    """Publish a market of 100 events of four legs."""
    market = simulated_market(seed=5, n_events=100, n_members=2, spacing=6)
    lake = lakebt.Lake.open(path)
    tables = {name: market.tables[name] for name in ("prices", "index_changes")}
    lake.publish(tables, release="R1", as_of=market.as_of)
    return lake


def sweep(lake: lakebt.Lake) -> lakebt.Sweep:
    """Return a sweep of 120 rules, 4 costs, and 24 ways to size, filter and join."""
    return lakebt.Sweep(
        lake.at("R1"),
        index="SIM",
        entries=ENTRIES,
        exits=EXITS,
        costs=COSTS,
        gross=GROSS,
        side=["both", "additions"],
        hedge=[None, "MKT"],
        aggregate=["pooled", "calendar"],
        name="resume",
    )


def say(line: str) -> None:
    """Write a line that is read while the rest is still to come."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def parser() -> argparse.ArgumentParser:
    """Return how the command line is read."""
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("kills", type=int, default=10, nargs="?")
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    wanted: int = parser().parse_args(words).kills
    draw = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        whole, parts = Path(folder) / "whole", Path(folder) / "parts"
        lake = fill(whole)
        say(f"{len(sweep(lake)):,} cells")
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", _RUN, str(whole)], check=True)
        at_once = time.perf_counter() - began
        say(f"uninterrupted: {at_once:.1f} s")
        lake = fill(parts)
        began = time.perf_counter()
        for kill in range(wanted):
            process = subprocess.Popen([sys.executable, "-c", _RUN, str(parts)])
            time.sleep(draw.uniform(0.2, 0.6) * at_once)
            ended = process.poll() is not None
            process.send_signal(signal.SIGKILL)
            process.wait()
            done = len(lake.trials(where={"kind": "cell"}, columns=["trial_id"]))
            told = "it had ended" if ended else "killed"
            say(f"kill {kill + 1}: {told}, {done:,} cells are recorded")
        subprocess.run([sys.executable, "-c", _RUN, str(parts)], check=True)
        took = time.perf_counter() - began
        found = [sweep(lakebt.Lake.open(path)).run() for path in (whole, parts)]
        if any(result.n_run for result in found):
            sys.exit("cells were missing")
        tables = [result.table() for result in found]
        ours, theirs = (table.drop(columns="trial_id") for table in tables)
        pd.testing.assert_frame_equal(ours, theirs)
        ids = lake.trials(columns=["trial_id"])["trial_id"]
        if not ids.is_unique:
            sys.exit("a trial is there twice")
        say(f"killed {wanted} times and resumed: {took:.1f} s")
        say(
            f"the same table: {len(tables[0]):,} rows, {len(tables[0].columns)} columns"
        )


if __name__ == "__main__":
    main()
