"""What a process keeps that lives long: a notebook left open, or a service.

Each round publishes corrections, reads the release in a view, compares it with the one
before, tries a study and a strategy on it, records them, and opens the lake anew; the
oldest release is dropped when more than some live. Now and then it retains, and asks
the doctor.

    python -m benchmarks.soak               # 1,000 rounds
    python -m benchmarks.soak 200 --living 20

Prints a line each hundred rounds, or each tenth of all if they are fewer: MB of memory
that are resident, objects that the collector knows, open files, threads, entries of the
lake's cache, and seconds. Then whether memory after the last line is within 20 % of
that after the first, and the files are as many: if not, the script ends with 1.
"""

from __future__ import annotations

import argparse
import datetime as dt
import gc
import os
import sys
import tempfile
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

import lakebt
from lakebt.sources.simulated import SimulatedMarket, simulated_market

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROUNDS, LINE, LIVING = 1_000, 100, 60
AT_MOST = 1.2
EACH = dt.timedelta(hours=1, seconds=7)
"""Between two publications: never twice at the same time of day."""


class Half:
    """Half of capital in the market."""

    def target_weights(self, view: lakebt.View) -> pd.Series:  # noqa: ARG002
        return pd.Series({"MKT": 0.5})


@dataclass
class Life:
    """A process that uses one lake, round after round.

    Parameters
    ----------
    path
        Where the lake is made.
    living
        How many releases live, beside the first.
    """

    path: Path
    living: int
    market: SimulatedMarket = field(
        default_factory=lambda: simulated_market(seed=1, n_events=12, n_members=8)
    )
    names: deque[str] = field(default_factory=deque)
    done: int = 0

    def __post_init__(self) -> None:
        self.now = self.market.as_of + EACH
        self.lake = lakebt.Lake.open(self.path, clock=lambda: self.now)
        self.lake.publish(self.market.tables, release="R0", as_of=self.market.as_of)
        is_market = self.market.prices["symbol"] == self.market.market
        self.last = self.market.prices[is_market].tail(5)
        self.days = self.last["session"].iloc[[0, -1]].tolist()

    def round(self) -> None:
        """Publish, read, compare, try, record, drop."""
        before = f"R{self.done}"
        self.done += 1
        name = f"R{self.done}"
        self.now += EACH
        rows = self.last.assign(
            volume=1_000_000 + self.done, known_at=pd.Timestamp(self.now)
        )
        self.lake.publish({"prices": rows}, release=name, as_of=self.now)
        self.names.append(name)
        self.read(self.lake, name)
        self.read(lakebt.Lake.open(self.path, create=False), name)
        _ = self.lake.diff("prices", before, name).changed
        self.try_on(self.lake.at(name))
        if len(self.names) > self.living:
            self.lake.drop(self.names.popleft(), because="the soak")
        if self.done % 25 == 0:
            self.lake.retain()
            assert self.lake.doctor(files=False).ok

    def read(self, lake: lakebt.Lake, name: str) -> None:
        """Read what there is of a release."""
        view = lake.at(name)
        view.panel("close")
        view.changes(index=self.market.index)
        view.read("etf_holdings")
        lake.releases()

    def try_on(self, view: lakebt.View) -> None:
        """Try rules and a strategy, and record them."""
        study = lakebt.Study(
            view,
            index=self.market.index,
            entries=["AD+1@open"],
            exits=["ED-1@close", "+5@close"],
            hedge=self.market.market,
            aggregate="calendar",
        )
        study.run().record()
        start, end = self.days
        lakebt.Backtest(view, Half(), start=start, end=end, capital_usd=1e6).run()
        self.lake.trials(columns="trial_id")


def resident_mb() -> float:
    """Return how much memory the process holds."""
    gc.collect()
    told = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (text for text in told.splitlines() if text.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def files() -> int:
    """Return how many files the process has open."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def soak(life: Life, rounds: int, say: Callable[[str], object]) -> bool:
    """Live, print a line now and then, and return whether nothing grew."""
    each = min(LINE, max(1, rounds // 10))
    heads = ("rounds", "MB", "objects", "files", "threads", "cached", "seconds")
    say(" ".join(f"{head:>9}" for head in heads))
    started = time.perf_counter()
    seen = []
    for number in range(1, rounds + 1):
        life.round()
        if number % each == 0 or number == rounds:
            seen.append((resident_mb(), files()))
            kept = len(life.lake._cache)  # noqa: SLF001
            numbers = (
                *(number, seen[-1][0], len(gc.get_objects()), seen[-1][1]),
                *(threading.active_count(), kept, time.perf_counter() - started),
            )
            say(" ".join(f"{n:>9,.0f}" for n in numbers))
    (first_mb, first_files), (last_mb, last_files) = seen[0], seen[-1]
    say(
        f"memory {last_mb / first_mb:.2f} times that after {each:,} rounds, "
        f"{last_files - first_files:+} files"
    )
    return last_mb <= AT_MOST * first_mb and last_files <= first_files


def print_line(line: str) -> None:
    """Write a line that is read while the rest is still to come."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def parser() -> argparse.ArgumentParser:
    """Return how the command line is read."""
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("rounds", type=int, nargs="?", default=ROUNDS)
    found.add_argument("--living", type=int, default=LIVING, help="releases that live")
    return found


def main(words: Sequence[str] | None = None) -> int:
    """Live, and return 1 if anything grew."""
    asked = parser().parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LAKEBT_CACHE"] = str(Path(folder) / "cache")
        is_flat = soak(
            Life(Path(folder) / "lake", asked.living), asked.rounds, print_line
        )
    return int(not is_flat)


if __name__ == "__main__":
    sys.exit(main())
