"""What it takes to keep a lake of many releases: the doctor, and ending half of them.

Publishes a day of 500 bars per release, every other one for 30 days, and prints how
long each of these takes, in seconds, and what is on the disk before and after:

    python benchmarks/keeping.py 2520
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import lakebt
from benchmarks.growth import days, sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def timed(what: str, do: Callable[[], object]) -> None:
    """Do something, and print how long it took and what it said."""
    started = time.perf_counter()
    said = str(do()).splitlines()[0]
    sys.stdout.write(f"{what:<28} {time.perf_counter() - started:8.2f} s  {said}\n")
    sys.stdout.flush()


def run(count: int, path: Path) -> None:
    """Publish, look, end half of it, and look again."""
    now = [dt.datetime(2026, 1, 1, tzinfo=dt.UTC)]
    lake = lakebt.Lake.open(path, clock=lambda: now[0])
    for number, (bars, known) in enumerate(days(count, ticks=False)):
        lake.publish(
            {"prices": bars},
            release=f"D{number:05}",
            as_of=known,
            retain_days=30 if number % 2 else None,
        )

    def disk() -> str:
        on_disk, _, files = sizes(path)
        return f"{on_disk:,.0f} MB in {files:,} files"

    def opened() -> lakebt.Lake:
        return lakebt.Lake.open(path, create=False, clock=lambda: now[0])

    timed(f"{count:,} releases", disk)
    timed("doctor --fast", lambda: opened().doctor(files=False))
    timed("doctor", lambda: opened().doctor())
    timed("retain, nothing due", lambda: opened().retain())
    now[0] += dt.timedelta(days=30)
    timed("retain --dry-run, half due", lambda: opened().retain(dry_run=True))
    timed("retain, half due", lambda: opened().retain())
    timed(f"{count - count // 2:,} releases left", disk)
    timed("doctor", lambda: opened().doctor())
    timed("drop one", lambda: opened().drop("D00000", because="measured"))


def parser() -> argparse.ArgumentParser:
    """Return how the command line is read."""
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("count", type=int, help="how many releases, 2520 for ten years")
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Publish and measure."""
    asked = parser().parse_args(words)
    os.environ["LAKEBT_CACHE"] = "off"
    with tempfile.TemporaryDirectory() as folder:
        run(asked.count, Path(folder) / "lake")


if __name__ == "__main__":
    main()
