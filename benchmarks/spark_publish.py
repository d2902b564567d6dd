"""Corrections published into many rows: Spark against the embedded path.

    python -m benchmarks.spark_publish 5000000 50000            # rows there, rows new
    python -m benchmarks.spark_publish 5000000 50000 500000 5000000
    python -m benchmarks.spark_publish 20000000 20000000 --driver-memory 2g

Each publish runs in a process of its own, into a copy of the same lake, from the same
Parquet file. Both give the same release, which is checked before times are told.
Seconds, from the first call of lakebt to the release; starting Spark is a column of its
own. Memory is the most that was resident at once, in MB, of the process and of all that
it started (Java, Python workers), each by its own peak.
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
import pyarrow.parquet as pq

import lakebt
from benchmarks.processes import apart, peak_mb, started_by
from lakebt.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Sequence

AS_OF = "2021-01-01T00:00:00Z"
SYMBOLS = 2_000
SETTINGS = {"spark.master": "local[2]", "spark.driver.memory": "6g"}
"""How Spark is started, unless it is told otherwise."""


def say(line: str) -> None:
    """Write a line that is read while the rest is still to come."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def bars(count: int, *, corrected: bool = False) -> pa.Table:
    """Return bars of 2,000 symbols, the last sessions of 2020 and before it.

    Corrections are of a tenth of a per mille of the price, known a month later, and
    spread over all sessions.
    """
    calendar = Sessions.of("XNYS")
    last = int(calendar.numbers(np.array(["2020-11-02"], "datetime64[D]"))[0])
    n_sessions = -(-count // SYMBOLS)
    rng = np.random.default_rng(1)
    walk = rng.normal(0, 0.01, (n_sessions, SYMBOLS)).cumsum(axis=0)
    close = np.round(50 * np.exp(walk), 4).reshape(-1)[:count]
    number = np.repeat(np.arange(last - n_sessions + 1, last + 1), SYMBOLS)[:count]
    names = np.array([f"S{each:05d}" for each in range(SYMBOLS)])
    known = calendar.instants("close")[number].astype("datetime64[us]")
    if corrected:
        close = np.round(close * 1.0001, 4)
        known += np.timedelta64(30, "D")
    symbol = np.tile(names, n_sessions)[:count]
    columns: dict[str, Any] = {
        "symbol": symbol,
        "session": calendar.days[number].astype("datetime64[D]"),
        "open": close,
        "high": np.round(close * 1.01, 4),
        "low": np.round(close * 0.99, 4),
        "close": close,
        "volume": np.full(count, 1e6),
        "basis": np.full(count, "raw"),
        "known_at": pa.array(known, pa.timestamp("us")).cast(pa.timestamp("us", "UTC")),
    }
    return pa.table(columns)


def some(rows: pa.Table, count: int) -> pa.Table:
    """Return so many rows, evenly spread."""
    at = np.linspace(0, len(rows) - 1, count).astype(np.int64)
    return rows.take(np.unique(at))


def run(
    engine: str, place: str, file: str, more: dict[str, str]
) -> dict[str, float | str]:
    """Publish a file, in this process, and say what it took."""
    started = time.perf_counter()
    lake = lakebt.Lake.open(place, create=False)
    starting = 0.0
    if engine == "spark":
        session = lake.spark_session({**SETTINGS, **more})
        session.sparkContext.setLogLevel("ERROR")
        starting = time.perf_counter() - started
        rows: Any = session.read.parquet(file)
    else:
        rows = pq.read_table(file)
    begun = time.perf_counter()
    made = lake.publish({"prices": rows}, release="R2", as_of=AS_OF)
    took = time.perf_counter() - begun
    if engine == "memory":
        took = time.perf_counter() - started
    (pin,) = made.tables
    return {
        "seconds": took,
        "starting": starting,
        "megabytes": peak(),
        "digest": pin.digest,
        "rows": float(pin.rows),
    }


def peak() -> float:
    """Return the peaks of this process and of all that it started, in MB."""
    return peak_mb() + sum(map(peak_mb, started_by(os.getpid())))


def parser() -> argparse.ArgumentParser:
    """Return how the command line is read."""
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("there", type=int, nargs="?", default=5_000_000)
    found.add_argument("new", type=int, nargs="*", default=[50_000])
    found.add_argument("--cache", default=str(Path("~/.ivy2.5.2").expanduser()))
    found.add_argument("--driver-memory", default=SETTINGS["spark.driver.memory"])
    found.add_argument("--one", nargs=3, metavar=("ENGINE", "LAKE", "FILE"))
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Measure, and print a table."""
    asked = parser().parse_args(words)
    if max(asked.new) > asked.there:
        parser().error(
            f"{max(asked.new):,} of {asked.there:,} rows cannot be corrected"
        )
    if asked.one:
        engine, place, file = asked.one
        more = {
            "spark.jars.ivy": asked.cache,
            "spark.driver.memory": asked.driver_memory,
        }
        say(json.dumps(run(engine, place, file, more)))
        return
    say("| rows there | new | engine | seconds | Spark's start | MB |")
    say("|--:|--:|---|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        base = folder / "base" / "lake"
        lakebt.Lake.open(base).publish(
            {"prices": bars(asked.there)}, release="R1", as_of=AS_OF
        )
        for count in asked.new:
            source = folder / f"new-{count}.parquet"
            pq.write_table(some(bars(asked.there, corrected=True), count), source)
            digests, lines = set(), []
            for engine in ("memory", "spark"):
                # Where a lake lies is in its metadata: it is moved there and back.
                kept = folder / "kept"
                shutil.copytree(base, kept)
                told = ["--cache", asked.cache, "--driver-memory", asked.driver_memory]
                told += ["--one", engine, str(base), str(source)]
                found = apart("benchmarks.spark_publish", *told)
                digests.add(found["digest"])
                lines.append(
                    f"| {asked.there:,} | {count:,} | {engine} | "
                    f"{found['seconds']:.1f} | {found['starting']:.1f} | "
                    f"{found['megabytes']:,.0f} |"
                )
                shutil.rmtree(base)
                kept.rename(base)
            if len(digests) > 1:
                sys.exit(f"the releases differ: {digests}")
            say("\n".join(lines))


if __name__ == "__main__":
    main()
