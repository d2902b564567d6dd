"""Many publications of many rows: their files folded in memory, and by Spark.

    python -m benchmarks.spark_fold 300000        # rows of each of 64 publications

The publication after them folds what is at the head. It runs twice, each time in a
process of its own, on a copy of the same lake; both give the same release, which is
checked. Then a new process reads the closes of one symbol, and of all, from that
release. Seconds; memory is the peaks of all processes, in MB; starting Spark is left
out.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import lakebt
from benchmarks.processes import apart
from benchmarks.spark_publish import AS_OF, SETTINGS, bars, peak, say, some
from lakebt.lake.committing.fold import LIMIT
from lakebt.lake.tables.schemas import NAMESPACE

MODULE = "benchmarks.spark_fold"
THERE = 2_000_000


def corrections(count: int, number: int) -> pa.Table:
    """Return so many corrections of some bars, another vintage for each number."""
    rows = some(bars(THERE, corrected=True), count)
    later = np.timedelta64(1_000_000 * (number + 1), "us")
    known = rows.column("known_at").to_numpy() + later
    at = rows.column_names.index("known_at")
    kind: Any = pa.timestamp("us", "UTC")
    return rows.set_column(at, "known_at", pa.array(known, kind))


def run(engine: str, place: str, cache: str, count: int) -> dict[str, Any]:
    """Publish one more time, in this process, and say what it took."""
    lake = lakebt.Lake.open(place, create=False)
    if engine == "spark":
        session = lake.spark_session({**SETTINGS, "spark.jars.ivy": cache})
        session.sparkContext.setLogLevel("ERROR")
        lake = lakebt.Lake.open(place, create=False, spark=session)
    rows = corrections(count, LIMIT)
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
    found = {}
    for what, symbols in (("one", ["S00007"]), ("all", None)):
        view = lakebt.Lake.open(place, create=False).at("last")
        begun = time.perf_counter()
        panel = view.panel("close", symbols=symbols)
        found[what] = time.perf_counter() - begun
        found[f"sum {what}"] = float(panel.to_numpy().sum())
    return found


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=int, nargs="?", default=300_000)
    parser.add_argument("--cache", default=str(Path("~/.ivy2.5.2").expanduser()))
    parser.add_argument("--publish", nargs=2, metavar=("ENGINE", "LAKE"))
    parser.add_argument("--read", metavar="LAKE")
    asked = parser.parse_args()
    if asked.publish:
        engine, place = asked.publish
        say(json.dumps(run(engine, place, asked.cache, asked.rows)))
        return
    if asked.read:
        say(json.dumps(read(asked.read)))
        return
    with tempfile.TemporaryDirectory() as directory:
        base = Path(directory) / "base" / "lake"
        lake = lakebt.Lake.open(base)
        lake.publish({"prices": bars(THERE)}, release="first", as_of=AS_OF)
        for number in range(LIMIT - 1):
            rows = {"prices": corrections(asked.rows, number)}
            lake.publish(rows, release=f"R{number}", as_of=AS_OF)
        say("| folded by | seconds | MB | files | largest | one symbol | all |")
        say("|---|--:|--:|--:|--:|--:|--:|")
        seen = set()
        for engine in ("memory", "spark"):
            # Where a lake lies is in its metadata: it is moved there and back.
            kept = Path(directory) / "kept"
            shutil.copytree(base, kept)
            told = [str(asked.rows), "--cache", asked.cache]
            made = apart(MODULE, *told, "--publish", engine, str(base))
            closes = apart(MODULE, "--read", str(base))
            seen.add((made["digest"], closes["sum one"], closes["sum all"]))
            say(
                f"| {engine} | {made['seconds']:.1f} | {made['megabytes']:,.0f} | "
                f"{made['files']} | {made['largest']:,} | {closes['one']:.2f} | "
                f"{closes['all']:.1f} |"
            )
            shutil.rmtree(base)
            kept.rename(base)
        assert len(seen) == 1, "the releases differ"


if __name__ == "__main__":
    main()
