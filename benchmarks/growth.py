"""What daily releases cost after the first hundred, the first thousand, ten years.

Publishes a day of 500 bars per release, for real, and prints a line at 100, 1,000,
2,520 and 10,000 of them:

    python benchmarks/growth.py 2520
    python benchmarks/growth.py 2520 --ticks     # prices in whole cents

Times are in milliseconds: of the last hundred publishes the median, and the longest
since the line before; of opening the lake and reading the closes of its newest release,
of one in the middle and of its first, each in a lake opened anew, the median of seven;
and of the newest in a process started anew, once, without the time to import lakebt but
with that of what it imports only then. Sizes are in MB: what the lake's directory takes
up on the disk, and the sum of its files' sizes; both also as multiples of a lake into
which the same rows were published at once.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

import lakebt
from lakebt.lake.storage import metadata as storing
from lakebt.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SYMBOLS = 500
READS = 7
MARKS = (100, 1_000, 2_520, 5_000, 10_000)
FIRST = dt.date(1985, 1, 2)

_COLD = """
import sys, time
import lakebt
started = time.perf_counter()
lakebt.Lake.open(sys.argv[1], create=False).at(sys.argv[2]).panel("close")
print(time.perf_counter() - started)
"""


def say(line: str) -> None:
    """Write a line that is read while the rest is still to come."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def days(count: int, *, ticks: bool) -> Iterator[tuple[pd.DataFrame, pd.Timestamp]]:
    """Yield the bars of one session after the other, and when they were known."""
    rng = np.random.default_rng(0)
    letters = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    names = {"".join(rng.choice(letters, n)) for n in rng.integers(2, 5, 4 * SYMBOLS)}
    symbols = sorted(names)[:SYMBOLS]
    sessions = Sessions.of("XNYS")
    first = sessions.on_or_after(FIRST)
    close = 50.0 * np.exp(rng.normal(0, 0.5, SYMBOLS))
    for number in range(first, first + count):
        close = close * np.exp(rng.normal(0, 0.015, SYMBOLS))
        open_ = close * np.exp(rng.normal(0, 0.005, SYMBOLS))
        beyond = np.exp(np.abs(rng.normal(0, 0.005, (2, SYMBOLS))))
        prices = pd.DataFrame(
            {
                "open": open_,
                "high": np.maximum(open_, close) * beyond[0],
                "low": np.minimum(open_, close) / beyond[1],
                "close": close,
            }
        )
        bars = prices.round(2) if ticks else prices
        bars.insert(0, "symbol", symbols)
        bars.insert(1, "session", sessions.date(number))
        bars["volume"] = np.round(rng.lognormal(14.0, 1.0, SYMBOLS))
        bars["basis"] = "raw"
        yield bars, pd.Timestamp(sessions.instant(number, "close"))


def sizes(path: Path) -> tuple[float, float, int]:
    """Return MB on the disk, MB in files, and the number of files."""
    found = [entry.lstat() for entry in (path, *path.rglob("*"))]
    on_disk = sum(entry.st_blocks * 512 for entry in found)
    files = [entry for entry in path.rglob("*") if entry.is_file()]
    return on_disk / 1e6, sum(f.stat().st_size for f in files) / 1e6, len(files)


def read_ms(path: Path, release: str) -> float:
    """Open the lake and read the closes of a release, remembering nothing of it.

    The median of a few times: the first has memory to ask for.
    """
    took = []
    for _ in range(READS):
        storing._WRITTEN.clear()  # noqa: SLF001
        started = time.perf_counter()
        lakebt.Lake.open(path, create=False).at(release).panel("close")
        took.append((time.perf_counter() - started) * 1000)
    return statistics.median(took)


def cold_ms(path: Path, release: str) -> float:
    """Do so in a process started anew."""
    done = subprocess.run(
        [sys.executable, "-c", _COLD, str(path), release],
        capture_output=True,
        check=True,
        text=True,
    )
    return float(done.stdout) * 1000


def bulk(count: int, *, ticks: bool, folder: Path) -> tuple[float, float, int]:
    """Return the size of a lake that got the same rows in one release."""
    parts = list(days(count, ticks=ticks))
    lake = lakebt.Lake.open(folder)
    rows = pd.concat([bars for bars, _ in parts])
    lake.publish({"prices": rows}, release="all", as_of=parts[-1][1])
    return sizes(folder)


def head_files(path: Path) -> int:
    """Return how many data files the newest release consists of."""
    storage = lakebt.Lake.open(path, create=False)._storage  # noqa: SLF001
    return len(list(storage.tables()["prices"].scan().plan_files()))


def run(count: int, *, ticks: bool, path: Path) -> None:
    """Publish day after day, and print a line at each mark."""
    heads = (
        *("releases", "publish", "longest", "newest", "middle", "first", "process"),
        *("head files", "files", "disk MB", "sizes MB", "x bulk", "x bulk sizes"),
    )
    say(" ".join(f"{head:>12}" for head in heads))
    lake = lakebt.Lake.open(path)
    took: list[float] = []
    names: list[str] = []
    for bars, known in days(count, ticks=ticks):
        name = f"D{len(names) + 1:05}"
        started = time.perf_counter()
        lake.publish(
            {"prices": bars}, release=name, as_of=known, labels={"kind": "daily"}
        )
        took.append((time.perf_counter() - started) * 1000)
        names.append(name)
        if len(names) in MARKS or len(names) == count:
            reads = [read_ms(path, names[n]) for n in (-1, len(names) // 2, 0)]
            disk, total, n_files = sizes(path)
            with tempfile.TemporaryDirectory(dir=path.parent) as other:
                once, in_files, _ = bulk(len(names), ticks=ticks, folder=Path(other))
            line = (
                *(statistics.median(took[-100:]), max(took), *reads),
                *(cold_ms(path, name), head_files(path), n_files, disk, total),
            )
            ratios = f"{disk / once:>12.2f} {total / in_files:>12.2f}"
            numbers = " ".join(f"{number:>12,.0f}" for number in line)
            say(f"{len(names):>12,} {numbers} {ratios}")
            took = []


def parser() -> argparse.ArgumentParser:
    """Return how the command line is read."""
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("count", type=int, help="how many releases, 2520 for ten years")
    found.add_argument("--ticks", action="store_true", help="prices in whole cents")
    found.add_argument("--keep", type=Path, help="a folder to leave the lake in")
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Publish and measure."""
    asked = parser().parse_args(words)
    # The cache of panels would answer the second reading.
    os.environ["LAKEBT_CACHE"] = "off"
    with tempfile.TemporaryDirectory() as folder:
        run(asked.count, ticks=asked.ticks, path=asked.keep or Path(folder) / "lake")


if __name__ == "__main__":
    main()
