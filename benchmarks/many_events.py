"""What a sweep of many events under 1,320 rules holds, and how long it takes.

    python -m benchmarks.many_events 1000 10000

prints a line of JSON for each number of events: seconds by the clock and of processor,
and the most that was resident at once, in MB, of a process of its own. With ``--whole``
each sweep is run in one block with all events at once, too, and the figures of all
trials are compared to the bit before times are told. ``--entries`` takes the first so
many of the 66: a block of 100,000 events has one, so that memory is the same.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import lakebt
from benchmarks.processes import apart, peak_mb
from benchmarks.spark import digest, fill
from lakebt.study import chunks
from lakebt.sweep import passes

ENTRIES = [
    f"{when}@{at}"
    for when in (
        *(f"AD+{n}" for n in range(1, 12)),
        *(f"ED-{n}" for n in range(5, 0, -1)),
        "ED",
        *(f"ED+{n}" for n in range(1, 17)),
    )
    for at in ("open", "close")
]
EXITS = [f"+{n}" for n in range(1, 21)]


def run(path: str, *, whole: bool, n_entries: int) -> dict[str, object]:
    """Run the sweep here, in memory alone."""
    if whole:
        passes.BLOCK = chunks.MANY = sys.maxsize
    sweep = lakebt.Sweep(
        lakebt.Lake.open(path, create=False).at("R1"),
        index="SIM",
        entries=ENTRIES[:n_entries],
        exits=EXITS,
    )
    began, cpu = time.perf_counter(), time.process_time()
    found = sweep.run(record=False, progress=lambda _done, _total: None)
    took = time.perf_counter() - began, time.process_time() - cpu
    return {
        "whole": whole,
        "cells": len(found),
        "seconds": round(took[0], 1),
        "processor": round(took[1], 1),
        "peak_mb": round(peak_mb()),
        "digest": digest(found),
    }


def main() -> None:
    """Measure each number of events."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", type=int, nargs="*", default=[1000, 10_000])
    parser.add_argument("--whole", action="store_true", help="in one block, too")
    parser.add_argument("--entries", type=int, default=len(ENTRIES))
    parser.add_argument(
        "--lake", help="the one that is run on, by a process of its own"
    )
    asked = parser.parse_args()
    if asked.lake:
        found = run(asked.lake, whole=asked.whole, n_entries=asked.entries)
        sys.stdout.write(f"{json.dumps(found)}\n")
        return
    for n_events in asked.events:
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "lake")
            fill(Path(path), n_events)
            how = [[], ["--whole"]] if asked.whole else [[]]
            own = ["--lake", path, "--entries", str(asked.entries)]
            runs = [apart("benchmarks.many_events", *own, *h) for h in how]
            if len({found["digest"] for found in runs}) > 1:
                sys.exit(f"the trials of {n_events:,} events differ")
            for found in runs:
                sys.stdout.write(f"{json.dumps({'events': n_events, **found})}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
