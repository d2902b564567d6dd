"""What it takes to judge many rules as one family, beside a plain loop of NumPy.

    python benchmarks/significance.py                     # 1,000 events, 5,000 rules
    python benchmarks/significance.py --dates 175 --draws 1000

Prints seconds by the clock and of processor, the megabytes at most, and a digest of
every p-value, the same on any number of threads. The peer is the same pairs of dates,
one draw after the other, each of all rules at once: what a person would write. It makes
fewer draws, and its seconds are scaled to as many. Of the same draws both come to the
same largest statistics, which is checked before.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.processes import forget_peak, peak_mb
from lakebt.analysis.resampling.draws import resamples
from lakebt.analysis.resampling.family import family_wise_p

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lakebt._typing import FloatPanel, IntVector

PEER_DRAWS, COMPARED = 50, 3


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


def drawn(n: int) -> Iterable[IntVector]:
    """Yield draws of dates."""
    draw = np.random.default_rng(0)
    for _ in range(PEER_DRAWS):
        yield draw.integers(0, n, n)


def plain_loop(
    sums: FloatPanel, counts: FloatPanel, draws: Iterable[IntVector]
) -> FloatPanel:
    """Studentise every rule in each draw of dates: no sums beforehand."""
    n, mean = len(sums), sums.sum(axis=0) / counts.sum(axis=0)
    found = []
    for which in draws:
        total, number = sums[which], counts[which]
        moved = total.sum(axis=0) / number.sum(axis=0)
        error = np.sqrt(n / (n - 1) * ((total - moved * number) ** 2).sum(axis=0))
        found.append((moved - mean) * number.sum(axis=0) / error)
    return np.array(found)


def compare(sums: FloatPanel, counts: FloatPanel) -> None:
    """Check that the peer and we come to the same of the same draws."""
    dates = np.arange(len(sums))
    times = resamples(0, 0, COMPARED, n=len(sums)).astype(np.int64)
    peer = plain_loop(sums, counts, (np.repeat(dates, each) for each in times))
    ours = family_wise_p(sums, counts, draws=COMPARED, seed=0, how="pairs")
    np.testing.assert_allclose(peer.max(axis=1), ours.maximum, rtol=1e-6)


def timed(act: Callable[[], object]) -> tuple[object, float, float]:
    """Return what `act` returns, and its seconds by the clock and of processor."""
    clock, processor = time.perf_counter(), time.process_time()
    found = act()
    return found, time.perf_counter() - clock, time.process_time() - processor


def measure(n_dates: int, n_rules: int, n_events: int, draws: int) -> None:
    """Judge, and say what it took."""
    sums, counts = made(n_dates, n_rules, n_events)
    compare(sums, counts)
    _, clock, processor = timed(lambda: plain_loop(sums, counts, drawn(n_dates)))
    scale = draws / PEER_DRAWS
    say("plain loop", clock * scale, processor * scale, f"from {PEER_DRAWS} draws")
    total = 0.0
    forget_peak()
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
    sys.stdout.write(f"both {total:.1f} s, at most {peak_mb():,.0f} MB\n")


def say(what: str, clock: float, processor: float, note: str) -> None:
    """Write a line."""
    sys.stdout.write(f"{what:10} {clock:8.1f} s {processor:8.1f} s of cpu   {note}\n")
    sys.stdout.flush()


def parser() -> argparse.ArgumentParser:
    """Return how the command line is read."""
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("--dates", type=int, default=1_000)
    found.add_argument("--rules", type=int, default=5_000)
    found.add_argument(
        "--events", type=int, default=1_000, help="one on each date, or more"
    )
    found.add_argument("--draws", type=int, default=10_000)
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Judge, and say what it took."""
    asked = parser().parse_args(words)
    if asked.events < asked.dates:
        parser().error(f"{asked.events:,} events cannot be on {asked.dates:,} dates")
    measure(asked.dates, asked.rules, asked.events, asked.draws)


if __name__ == "__main__":
    main()
