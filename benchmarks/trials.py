"""What a batch of trials costs after ten of them, a hundred, a thousand.

Records batches, for real, and prints a line at 10, 100, 1,000 and 10,000 of them:

    python benchmarks/trials.py 1000                # of 1,320 cells each
    python benchmarks/trials.py 1000 --trials 1     # of one backtest each

Times are in milliseconds: of a batch the median, the ninth of ten and the longest since
the line before (each fold is in one of them); of a record that finds all of its trials
there already, of the ids of all trials, the count of rules, and one trial by the first
digits of its id, each in a lake opened anew. Then how many files lie in the table's
folder, and how many MB they are.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import lakebt
from lakebt.values.keys import content_key
from tests.lake.trial_rows import batch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

CELLS = 1_320
MARKS = (10, 100, 1_000, 10_000)


def say(line: str) -> None:
    """Write a line that is read while the rest is still to come."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def made(place: int, first: pd.DataFrame) -> pd.DataFrame:
    """Return a batch like the first, of other trials."""
    numbers = range(len(first))
    return first.assign(
        trial_id=[content_key(["trial", place, number]) for number in numbers],
        digest=[content_key(["digest", place, number]) for number in numbers],
    )


def ms(act: Callable[[], object]) -> float:
    """Return how many milliseconds something takes."""
    begin = time.perf_counter()
    act()
    return (time.perf_counter() - begin) * 1e3


def anew(path: Path, last: pd.DataFrame) -> list[float]:
    """Return what a lake that was opened anew takes to know what is there."""
    asked = last["trial_id"].iloc[0][:16]

    acts: list[Callable[[lakebt.Lake], object]] = [
        lambda lake: lake.record(last),
        lambda lake: lake.trial_ids(),
        lambda lake: lake.count_trials(study="SP500"),
        lambda lake: lake.trial(asked),
    ]
    return [ms(partial(act, lakebt.Lake.open(path, create=False))) for act in acts]


def measure(batches: int, trials: int) -> None:
    """Record, and say what it took."""
    first = batch(range(trials))
    say("batches   median   p90   max |  again   ids  rules   one |  files  MB")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lake"
        lake = lakebt.Lake.open(path)
        took: list[float] = []
        for place in range(1, batches + 1):
            rows = made(place, first)
            took.append(ms(partial(lake.record, rows)))
            if place in {*MARKS, batches}:
                kept = path / "warehouse/quant/trials"
                files = [file for file in kept.rglob("*") if file.is_file()]
                n_bytes = sum(file.stat().st_size for file in files)
                times = np.quantile(took, [0.5, 0.9, 1.0])
                said = "".join(f"{each:7.0f}" for each in times)
                known = "".join(f"{each:7.0f}" for each in anew(path, rows))
                say(f"{place:7,} {said} |{known} |{len(files):6,}{n_bytes / 1e6:6.1f}")
                took.clear()


def parser() -> argparse.ArgumentParser:
    """Return how the command line is read."""
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("batches", type=int)
    found.add_argument("--trials", type=int, default=CELLS, help="in each batch")
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Record and measure."""
    asked = parser().parse_args(words)
    measure(asked.batches, asked.trials)


if __name__ == "__main__":
    main()
