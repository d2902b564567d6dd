"""Kill publishers at random instants, and look at what they leave.

Run from the top of the repository: ``python -m benchmarks.crash 200``. Each release
goes into three tables; a lake takes 50 kills, then a new one does, so that instants
before, within and after a fold are among them. Any release that is torn, lost or not
read as it was published ends the run with an error.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from lakebt.lake import Lake
from tests.lake.crash import Publisher, check_whole, data_files, orphans, publish
from tests.lake.frames import clock

if TYPE_CHECKING:
    from collections.abc import Sequence

PER_LAKE = 50
SEED = 20220902


def kill(path: Path, publisher: Publisher, draw: random.Random, *, times: int) -> None:
    """Kill `times` publishers of the lake at `path`, and print what was found.

    Raises
    ------
    SystemExit
        If one ended by itself.
    """
    lake = Lake.open(path, clock=clock)
    publish(lake, 1)
    last, took_s, seen, most_files = 2, [publish(lake, 2)], Counter[str](), 0
    for _ in range(times):
        delay_s = draw.uniform(0.0, 2.0 * sum(took_s) / len(took_s))
        said = publisher.run(path, first=last + 1, delay_s=delay_s)
        if said["error"] is not None:
            raise SystemExit(": ".join(said["error"]))
        promised = last + len(said["done"])
        last = len(lake.releases())
        seen[{0: "absent", 1: "whole"}.get(last - promised, "torn")] += 1
        check_whole(path, last, read=[last, draw.randint(1, last)])
        # Completes what was interrupted, or finds that it is there.
        took_s = [*took_s, *said["done"], publish(lake, promised + 1)][-20:]
        last = promised + 1
        most_files = max(most_files, data_files(path, "prices"))
    check_whole(path, last, read=range(1, last + 1))
    left = orphans(path)
    size_kb = sum(Path(file).stat().st_size for file in left) // 1024
    sys.stdout.write(
        f"{times} kills, {last} releases read and compared: interrupted release "
        f"absent {seen['absent']}, whole {seen['whole']}, torn {seen['torn']}; "
        f"{len(left)} orphan files of {size_kb} KB; "
        f"at most {most_files} data files of prices; "
        f"a publish took {1000 * sum(took_s) / len(took_s):.0f} ms\n"
    )
    sys.stdout.flush()


def parser() -> argparse.ArgumentParser:
    """Return how the command line is read."""
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("kills", type=int, nargs="?", default=200)
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Kill so many, and print what was found of each lake."""
    kills: int = parser().parse_args(words).kills
    draw = random.Random(SEED)  # noqa: S311 - instants, not secrets
    with Publisher() as publisher:
        for first in range(0, kills, PER_LAKE):
            with tempfile.TemporaryDirectory() as directory:
                times = min(PER_LAKE, kills - first)
                kill(Path(directory) / "lake", publisher, draw, times=times)


if __name__ == "__main__":
    main()
