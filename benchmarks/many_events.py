"""What a sweep of many events under 1,320 rules holds, and how long it takes.

    python -m benchmarks.many_events 1000 10000

prints a line of JSON for each number of events: seconds by the clock and of processor,
and the most that was resident at once, in MB, of a process of its own. With ``--whole``
each sweep is run in one block with all events at once, too, and the figures of all
trials are compared to the bit before times are told. ``--entries`` takes the first so
many of the 66: a block of 100,000 events has one, so that memory is the same.

With ``--study`` it is one `lakebt.Study` instead, of which the surface, the rows of the
trials and what is told of one rule are asked: the digest is of them all.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import json
import sys
import tempfile
import time
from pathlib import Path

import lakebt
from benchmarks.processes import apart, peak_mb
from benchmarks.spark import digest, fill
from lakebt.study import chunks, scope
from lakebt.study.trials import rows_of
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


def sweep(view: lakebt.View, n_entries: int) -> tuple[int, str]:
    """Run the sweep, in memory alone, and return its cells and their digest."""
    found = lakebt.Sweep(
        view, index="SIM", entries=ENTRIES[:n_entries], exits=EXITS
    ).run(record=False, progress=lambda _done, _total: None)
    return len(found), digest(found)


def study(view: lakebt.View, n_entries: int) -> tuple[int, str]:
    """Run the study, ask it, and return its cells and the digest of what it says."""
    found = lakebt.Study(
        view, index="SIM", entries=ENTRIES[:n_entries], exits=EXITS
    ).run(record=False)
    rows = rows_of(found.traded, run_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    best = found.best or (found.entries[0], found.exits[0])
    event = found.returns(entry=best[0], exit=best[1]).index[0][0]
    said = [
        rows.drop(columns="seconds").to_csv(),
        found.surface().to_csv(),
        found.summary(),
        found.returns(entry=best[0], exit=best[1]).to_csv(),
        found.legs(event=event).to_csv(),
        found.causes().to_csv(),
    ]
    key = hashlib.blake2b("\n".join(said).encode(), digest_size=16)
    return len(rows) - 1, key.hexdigest()


def run(path: str, asked: argparse.Namespace) -> dict[str, object]:
    """Run one of them here."""
    if asked.whole:
        passes.BLOCK = chunks.MANY = scope.MOST_CELLS = sys.maxsize
    view = lakebt.Lake.open(path, create=False).at("R1")
    began, cpu = time.perf_counter(), time.process_time()
    cells, key = (study if asked.study else sweep)(view, asked.entries)
    took = time.perf_counter() - began, time.process_time() - cpu
    return {
        "whole": asked.whole,
        "cells": cells,
        "seconds": round(took[0], 1),
        "processor": round(took[1], 1),
        "peak_mb": round(peak_mb()),
        "digest": key,
    }


def main() -> None:
    """Measure each number of events."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", type=int, nargs="*", default=[1000, 10_000])
    parser.add_argument("--whole", action="store_true", help="in one block, too")
    parser.add_argument("--study", action="store_true", help="one study, no sweep")
    parser.add_argument("--entries", type=int, default=len(ENTRIES))
    parser.add_argument(
        "--lake", help="the one that is run on, by a process of its own"
    )
    asked = parser.parse_args()
    if asked.lake:
        sys.stdout.write(f"{json.dumps(run(asked.lake, asked))}\n")
        return
    for n_events in asked.events:
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "lake")
            fill(Path(path), n_events)
            how = [[], ["--whole"]] if asked.whole else [[]]
            own = ["--lake", path, "--entries", str(asked.entries)]
            own += ["--study"] if asked.study else []
            runs = [apart("benchmarks.many_events", *own, *h) for h in how]
            if len({found["digest"] for found in runs}) > 1:
                sys.exit(f"the trials of {n_events:,} events differ")
            for found in runs:
                sys.stdout.write(f"{json.dumps({'events': n_events, **found})}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
