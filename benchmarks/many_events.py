"""What a sweep of many events under 1,320 rules holds, and how long it takes.

    python -m benchmarks.many_events 1000 10000

prints a line of JSON for each number of events: seconds by the clock and of processor,
and the most that was resident at once, in MB, of a process of its own. With ``--whole``
each sweep is run in one block with all events at once, too, and the figures of all
trials are compared to the bit before times are told; with ``--together`` in blocks of
entries, of which each has all events and their prices at once. ``--entries`` takes the
first so many of the 66: a block of 100,000 events has one, so that memory is the same.

With ``--study`` it is one `lakebt.Study` instead, of which the surface, the rows of the
trials and what is told of one rule are asked: the digest is of them all. With
``--questions`` each is a line of its own, with what the process took until then and
held for it, and `orders` of the rule, `paths`, `significance` and a page are asked too.
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
from typing import TYPE_CHECKING

import lakebt
from benchmarks.processes import apart, forget_peak, peak_mb
from benchmarks.spark import digest, fill
from lakebt.study import chunks, scope
from lakebt.study.trials import rows_of
from lakebt.sweep import passes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
    return len(rows) - 1, key_of("\n".join(said))


def key_of(said: str) -> str:
    """Return what differs where anything that was said does."""
    return hashlib.blake2b(said.encode(), digest_size=16).hexdigest()


def questions(view: lakebt.View, n_entries: int) -> Iterator[tuple[str, str]]:
    """Run the study, and yield each question, when it is answered, with what it said.

    Trials and a page name the code that ran: they are equal of the same code alone.
    """
    found = lakebt.Study(
        view, index="SIM", entries=ENTRIES[:n_entries], exits=EXITS
    ).run(record=False)
    yield "run", found.summary()
    best = found.best or (found.entries[0], found.exits[0])
    rule = {"entry": best[0], "exit": best[1]}
    yield "table", found.table().to_csv()
    rows = rows_of(found.traded, run_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    yield "trials", rows.drop(columns="seconds").to_csv()
    yield "returns of a rule", found.returns(**rule).to_csv()
    yield "orders of a rule", found.orders(**rule).to_csv()
    event = found.traded.by_event.events[0].event_id
    yield "legs of an event", found.legs(event=event).to_csv()
    yield "paths", found.paths().to_csv()
    judged = found.significance(1_999)
    yield "significance", judged.table().to_csv()
    del judged
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        found.report(page)
        yield "page", page.read_text()


def run(path: str, asked: argparse.Namespace) -> dict[str, object]:
    """Run one of them here."""
    if asked.whole or asked.together:
        chunks.MANY = sys.maxsize
    if asked.whole:
        passes.BLOCK = scope.MOST_CELLS = sys.maxsize
    view = lakebt.Lake.open(path, create=False).at("R1")
    if asked.questions:
        began, cpu = time.perf_counter(), time.process_time()
        told = []
        for name, said in questions(view, asked.entries):
            line = {"asked": name, **took(began, cpu), "digest": key_of(said)}
            told.append(line)
            del said  # before the next is asked
            forget_peak()
        keys = [str(line["digest"]) for line in told]
        return {"how": _how(asked), "told": told, "digest": key_of(" ".join(keys))}
    began, cpu = time.perf_counter(), time.process_time()
    cells, key = (study if asked.study else sweep)(view, asked.entries)
    return {"how": _how(asked), "cells": cells, **took(began, cpu), "digest": key}


def _how(asked: argparse.Namespace) -> str:
    """Say what is in memory at once."""
    if asked.whole:
        return "whole"
    return "events together" if asked.together else "in parts"


def took(began: float, cpu: float) -> dict[str, float]:
    """Return seconds by the clock and of processor since then, and the peak in MB."""
    return {
        "seconds": round(time.perf_counter() - began, 1),
        "processor": round(time.process_time() - cpu, 1),
        "peak_mb": round(peak_mb()),
    }


def parser() -> argparse.ArgumentParser:
    """Return how the command line is read."""
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("events", type=int, nargs="*", default=[1000, 10_000])
    found.add_argument("--whole", action="store_true", help="in one block, too")
    found.add_argument(
        "--together", action="store_true", help="in blocks with all events, too"
    )
    found.add_argument("--study", action="store_true", help="one study, no sweep")
    found.add_argument("--questions", action="store_true", help="each of a study")
    found.add_argument("--entries", type=int, default=len(ENTRIES))
    found.add_argument("--lake", help="the one that is run on, by a process of its own")
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Measure each number of events."""
    asked = parser().parse_args(words)
    if asked.lake:
        sys.stdout.write(f"{json.dumps(run(asked.lake, asked))}\n")
        return
    for n_events in asked.events:
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "lake")
            fill(Path(path), n_events)
            how: list[list[str]] = [[]]
            how += [["--whole"]] if asked.whole else []
            how += [["--together"]] if asked.together else []
            own = ["--lake", path, "--entries", str(asked.entries)]
            own += ["--study"] if asked.study else []
            own += ["--questions"] if asked.questions else []
            runs = [apart("benchmarks.many_events", *own, *h) for h in how]
            if len({found["digest"] for found in runs}) > 1:
                sys.exit(f"the trials of {n_events:,} events differ")
            for found in runs:
                told = found.pop("told", [{}])
                for each in told:
                    line = {"events": n_events, **found, **each}
                    sys.stdout.write(f"{json.dumps(line)}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
