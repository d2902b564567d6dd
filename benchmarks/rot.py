"""Change files of a lake behind its back, and count the answers that are wrong.

Run from the top of the repository: ``python -m benchmarks.rot 200``. Of each kind of
file (data, manifests, lists, metadata, ledger, trials, kept panels) one is altered so
many times: bits and bytes flip, files are exchanged, come from an older state, are cut
or zeroed. Each time all is read again as by a process that has seen nothing of it. An
answer that is neither the one from before nor an error of lakebt's is silent, and ends
the run with 1. So does a lake that does not give its answers once the file is mended.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from lakebt.errors import LakebtError
from lakebt.lake import Lake
from tests.lake.frames import clock
from tests.lake.rot import KINDS, altered, answers, kept_panels, make

if TYPE_CHECKING:
    from collections.abc import Sequence

SEED = 20220902


def count(folder: Path, kind: str, truth: list[str], *, times: int) -> Counter[str]:
    """Alter files of a kind, and count what came of it."""
    draw = random.Random(f"{SEED} {kind}")  # noqa: S311 - of no secret
    seen = Counter[str]()
    for _ in range(times):
        with altered(folder, kind, draw) as how:
            try:
                same = answers(folder / "lake") == truth
            except LakebtError:
                seen["told"] += 1
            else:
                seen["same" if same else "silent"] += 1
                if not same:
                    sys.stdout.write(f"  silent: {kind}, {how}\n")
            try:
                lake = Lake.open(folder / "lake", create=False, clock=clock)
                found = not lake.doctor().ok
            except LakebtError:
                found = True
            seen["seen by the doctor"] += found
        if answers(folder / "lake") != truth:
            sys.stdout.write(f"  wrong once it was mended: {kind}, {how}\n")
            seen["silent"] += 1
    return seen


def parser() -> argparse.ArgumentParser:
    """Return how the command line is read."""
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("times", type=int, nargs="?", default=200, help="of each kind")
    return found


def main(words: Sequence[str] | None = None) -> int:
    """Run, print a line a kind, and return 1 if an answer was wrong."""
    times: int = parser().parse_args(words).times
    wrong = 0
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        truth = make(folder)
        with kept_panels(folder):
            for kind in KINDS:
                began = time.perf_counter()
                seen = count(folder, kind, truth, times=times)
                wrong += seen["silent"]
                sys.stdout.write(
                    f"{kind}: {times} alterations, {seen['told']} told, {seen['same']} "
                    f"without effect on what was read, {seen['silent']} silent; the "
                    f"doctor saw {seen['seen by the doctor']}; "
                    f"{time.perf_counter() - began:.0f} s\n"
                )
                sys.stdout.flush()
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
