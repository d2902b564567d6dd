"""What it takes to judge many rules as one family, beside a plain loop of NumPy.

    python benchmarks/significance.py                     # 1,000 events, 5,000 rules
    python benchmarks/significance.py --dates 175 --draws 1000

Prints seconds by the clock and of processor, the megabytes at most, and a digest of
every p-value, the same on any number of threads. The peer is the same pairs of dates,
one draw after the other, each of all rules at once: what a person would write. It makes
fewer draws, and its seconds are scaled to as many.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import sys
import time
from typing import TYPE_CHECKING

import numpy as np

from lakebt.analysis.resampling.family import family_wise_p

if TYPE_CHECKING:
    from collections.abc import Callable

    from lakebt._typing import FloatPanel

PEER_DRAWS = 50


def made(n_dates: int, n_rules: int, n_events: int) -> tuple[FloatPanel, FloatPanel]:
    """Return sums by date of rules that depend on each other, and events by date."""
    draw = np.random.default_rng(0)
    date = np.concatenate(
        [np.arange(n_dates), draw.integers(0, n_dates, n_events - n_dates)]
    )
    counts = np.bincount(date, minlength=n_dates).astype(np.float64)
    common = draw.standard_t(4, size=(n_dates, 1))
    own = draw.normal(size=(n_dates, n_rules))
    sums = 0.01 * np.sqrt(counts)[:, None] * (common + own)
    return sums, np.repeat(counts[:, None], n_rules, axis=1)


def plain_loop(sums: FloatPanel, counts: FloatPanel, draws: int) -> FloatPanel:
    """Draw dates, and studentise every rule in each draw: no sums beforehand."""
    draw = np.random.default_rng(0)
    n, mean = len(sums), sums.sum(axis=0) / counts.sum(axis=0)
    found = np.empty((draws, sums.shape[1]))
    for row in range(draws):
        which = draw.integers(0, n, n)
        total, number = sums[which], counts[which]
        moved = total.sum(axis=0) / number.sum(axis=0)
        error = np.sqrt(n / (n - 1) * ((total - moved * number) ** 2).sum(axis=0))
        found[row] = (moved - mean) * number.sum(axis=0) / error
    return found


def timed(act: Callable[[], object]) -> tuple[object, float, float]:
    """Return what `act` returns, and its seconds by the clock and of processor."""
    clock, processor = time.perf_counter(), time.process_time()
    found = act()
    return found, time.perf_counter() - clock, time.process_time() - processor


def measure(n_dates: int, n_rules: int, n_events: int, draws: int) -> None:
    """Judge, and say what it took."""
    sums, counts = made(n_dates, n_rules, n_events)
    _, clock, processor = timed(lambda: plain_loop(sums, counts, PEER_DRAWS))
    scale = draws / PEER_DRAWS
    say("plain loop", clock * scale, processor * scale, f"from {PEER_DRAWS} draws")
    total = 0.0
    for how in ("pairs", "flips"):
        digest = hashlib.sha256()

        def judged(how: str = how) -> None:
            found = family_wise_p(
                sums, counts, draws=draws, how="pairs" if how == "pairs" else "flips"
            )
            for each in (found.p, found.p_family, found.maximum):
                digest.update(each.tobytes())  # noqa: B023 - called at once

        _, seconds, used = timed(judged)
        total += seconds
        say(how, seconds, used, digest.hexdigest()[:12])
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    sys.stdout.write(f"both {total:.1f} s, at most {memory:,.0f} MB\n")


def say(what: str, clock: float, processor: float, note: str) -> None:
    """Write a line."""
    sys.stdout.write(f"{what:10} {clock:8.1f} s {processor:8.1f} s of cpu   {note}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dates", type=int, default=1_000)
    parser.add_argument("--rules", type=int, default=5_000)
    parser.add_argument("--events", type=int, default=1_000)
    parser.add_argument("--draws", type=int, default=10_000)
    given = parser.parse_args()
    measure(given.dates, given.rules, given.events, given.draws)
