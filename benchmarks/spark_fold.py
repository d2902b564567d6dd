"""Many publications of many rows: their files folded in memory, and by Spark.

    python -m benchmarks.spark_fold 300000        # rows of each of 64 publications

The publication after them folds what is at the head. It runs twice, each time in a
process of its own, on a copy of the same lake. Then a new process reads the closes of
one symbol, and of all, from that release. Both give the same release, which is checked
before times are told. Seconds; memory is the peaks of all processes, in MB; starting
Spark is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

import lakebt
from benchmarks.processes import apart
from benchmarks.spark_publish import AS_OF, SETTINGS, bars, peak, say, some
from lakebt.lake.committing.fold import LIMIT
from lakebt.lake.tables.schemas import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Sequence

MODULE = "benchmarks.spark_fold"
THERE = 2_000_000
"""Bars of the first release."""


def corrections(count: int, number: int, *, there: int) -> pa.Table:
    """Return so many corrections of some bars, another vintage for each number."""
    rows = some(bars(there, corrected=True), count)
    later = np.timedelta64(1_000_000 * (number + 1), "us")
    known = rows.column("known_at").to_numpy() + later
    at = rows.column_names.index("known_at")
    kind: Any = pa.timestamp("us", "UTC")
    return rows.set_column(at, "known_at", pa.array(known, kind))


def run(engine: str, place: str, cache: str, count: int, there: int) -> dict[str, Any]:
    """Publish one more time, in this process, and say what it took."""
    lake = lakebt.Lake.open(place, create=False)
    if engine == "spark":
        session = lake.spark_session({**SETTINGS, "spark.jars.ivy": cache})
        session.sparkContext.setLogLevel("ERROR")
        lake = lakebt.Lake.open(place, create=False, spark=session)
    rows = corrections(count, LIMIT, there=there)
    begun = time.perf_counter()
    made = lake.publish({"prices": rows}, release="last", as_of=AS_OF)
    took = time.perf_counter() - begun
    table = lake._storage.catalog.load_table((NAMESPACE, "prices"))  # noqa: SLF001
    files = [task.file for task in table.scan().plan_files()]
    (pin,) = made.tables
    return {
        "seconds": took,
        "megabytes": peak(),
        "files": len(files),
        "largest": max(file.record_count for file in files),
        "digest": pin.digest,
    }


def read(place: str) -> dict[str, float]:
    """Read closes in this process, with nothing kept of them."""
    os.environ["LAKEBT_CACHE"] = "off"
    found = {}
    for what, symbols in (("one", ["S00007"]), ("all", None)):
        view = lakebt.Lake.open(place, create=False).at("last")
        begun = time.perf_counter()
        panel = view.panel("close", symbols=symbols)
        found[what] = time.perf_counter() - begun
        found[f"sum {what}"] = float(panel.to_numpy().sum())
    return found


def parser() -> argparse.ArgumentParser:
    """Return how the command line is read."""
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("rows", type=int, nargs="?", default=300_000)
    found.add_argument("--there", type=int, default=THERE, help="bars at first")
    found.add_argument("--cache", default=str(Path("~/.ivy2.5.2").expanduser()))
    found.add_argument("--publish", nargs=2, metavar=("ENGINE", "LAKE"))
    found.add_argument("--read", metavar="LAKE")
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Measure, and print a table."""
    asked = parser().parse_args(words)
    if asked.rows > asked.there:
        parser().error(f"{asked.rows:,} of {asked.there:,} bars cannot be corrected")
    if asked.publish:
        engine, place = asked.publish
        said = run(engine, place, asked.cache, asked.rows, asked.there)
        say(json.dumps(said))
        return
    if asked.read:
        say(json.dumps(read(asked.read)))
        return
    with tempfile.TemporaryDirectory() as directory:
        base = Path(directory) / "base" / "lake"
        lake = lakebt.Lake.open(base)
        lake.publish({"prices": bars(asked.there)}, release="first", as_of=AS_OF)
        for number in range(LIMIT - 1):
            rows = {"prices": corrections(asked.rows, number, there=asked.there)}
            lake.publish(rows, release=f"R{number}", as_of=AS_OF)
        seen, lines = set(), []
        for engine in ("memory", "spark"):
            # Where a lake lies is in its metadata: it is moved there and back.
            kept = Path(directory) / "kept"
            shutil.copytree(base, kept)
            told = [
                str(asked.rows),
                "--there",
                str(asked.there),
                "--cache",
                asked.cache,
            ]
            made = apart(MODULE, *told, "--publish", engine, str(base))
            closes = apart(MODULE, "--read", str(base))
            seen.add((made["digest"], closes["sum one"], closes["sum all"]))
            lines.append(
                f"| {engine} | {made['seconds']:.1f} | {made['megabytes']:,.0f} | "
                f"{made['files']} | {made['largest']:,} | {closes['one']:.2f} | "
                f"{closes['all']:.1f} |"
            )
            shutil.rmtree(base)
            kept.rename(base)
        if len(seen) > 1:
            sys.exit(f"the releases differ: {seen}")
        say("| folded by | seconds | MB | files | largest | one symbol | all |")
        say("|---|--:|--:|--:|--:|--:|--:|")
        say("\n".join(lines))


if __name__ == "__main__":
    main()
