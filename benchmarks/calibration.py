"""How often each test rejects what is true, and what that says of where it holds.

Writes `lakebt/analysis/calibration/rejections.csv`, which `holds` reads, and the page
`docs/calibration.md` from it:

    python benchmarks/calibration.py                      # 2,000 replications
    python benchmarks/calibration.py -n 400 --minutes 5   # what five minutes allow
    python benchmarks/calibration.py --only A1 C2
    python benchmarks/calibration.py -n 0                 # the page, of the table
    python benchmarks/calibration.py --markets 100        # claims in simulated markets

Every design gets its first hundreds before any gets more, the cheap ones first. What
was done is kept in a file of its own, so that a run that was stopped goes on; what was
done by other code, or of other designs, is done again. Replications come in hundreds,
and of a design that was left out stands what stood in the table. It tells the seconds
of processor, too: the clock is that of a machine which may have more to do.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import math
import os
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import lakebt
from lakebt.analysis.calibration.calibration_page import page
from lakebt.analysis.calibration.designs import DESIGNS
from lakebt.analysis.calibration.procedures import LEVEL, tried
from lakebt.report.progress import bar
from lakebt.sources.simulated import simulated_market

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "lakebt" / "analysis" / "calibration" / "rejections.csv"
PAGE = ROOT / "docs" / "calibration.md"

CHUNK = 100
ROUNDS = (400, 1_000, 2_000)
SEED = 20_261_129

Task = tuple[str, int]
Row = dict[str, Any]


def replicate(task: Task) -> Row:
    """Return how often each test rejects, in some replications of a design."""
    name, first = task
    begin = time.process_time()
    rejected: Counter[str] = Counter()
    missing: Counter[str] = Counter()
    for replication in range(first, first + CHUNK):
        found = tried(DESIGNS[name], seed=SEED, replication=replication)
        for test, p in found.items():
            rejected[test] += int(p <= LEVEL)
            missing[test] += int(math.isnan(p))
    return {
        "design": repr(DESIGNS[name]),
        "code": code(),
        "first": first,
        "seconds": time.process_time() - begin,
        "tests": {test: [rejected[test], missing[test]] for test in rejected},
    }


@cache
def code() -> str:
    """Return a digest of the code that is tried, and that tries it."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "lakebt" / "analysis").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def kept(path: Path) -> dict[Task, Row]:
    """Return what was done of the designs as they are, by the code as it is."""
    names = {repr(design): name for name, design in DESIGNS.items()}
    done = {}
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["design"] in names and row.get("code") == code():
                done[names[row["design"]], row["first"]] = row
    return done


def tasks(most: int, only: list[str]) -> Iterator[Task]:
    """Give what is to be done, some of every design before more of any."""
    begin = 0
    for end in sorted({min(end, most) for end in (*ROUNDS, most)}):
        for name in only or DESIGNS:
            for first in range(begin, end, CHUNK):
                yield name, first
        begin = max(begin, -(-end // CHUNK) * CHUNK)


def run(state: Path, todo: list[Task], *, processes: int, minutes: float) -> None:
    """Do what is to be done, as long as there is time."""
    until = time.monotonic() + 60.0 * minutes
    done, left = 0, iter(todo)
    with (
        ProcessPoolExecutor(processes) as pool,
        state.open("a", encoding="utf-8") as lines,
        bar("calibrating", unit="parts") as step,
    ):
        open_parts = {
            pool.submit(replicate, task)
            for task, _ in zip(left, range(processes), strict=False)
        }
        while open_parts:
            ready, open_parts = wait(open_parts, return_when=FIRST_COMPLETED)
            for part in ready:
                lines.write(json.dumps(part.result()) + "\n")
                lines.flush()
                done += 1
                step(done, len(todo))
                task = next(left, None)
                if task is not None and time.monotonic() < until:
                    open_parts.add(pool.submit(replicate, task))


def write_table(done: dict[Task, Row]) -> None:
    """Write how often each test rejected, a line per design and test.

    Of a design of which nothing was done stands what stood there.
    """
    head, *before = csv.reader(TABLE.read_text(encoding="utf-8").splitlines())
    lines: list[list[object]] = [[*head]]
    for name in DESIGNS:
        parts = [row["tests"] for (of, _), row in sorted(done.items()) if of == name]
        for test in parts[0] if parts else ():
            counts = [sum(tests[test][at] for tests in parts) for at in (0, 1)]
            lines.append([name, test, len(parts) * CHUNK, *counts])
        if not parts:
            lines += [[*line] for line in before if line[0] == name]
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(lines)


def claimed(seed: int, drift_bps: float) -> bool:
    """Return whether anything is claimed in a simulated market that jumps."""
    market = simulated_market(
        seed=seed,
        n_events=60,
        n_members=2,
        jump_bps=500.0,
        drift_bps=drift_bps,
        reversal_bps=0.0,
    )
    with tempfile.TemporaryDirectory() as folder:
        lake = lakebt.Lake.open(Path(folder) / "lake")
        lake.publish(market.tables, release="R1", as_of=market.as_of)
        result = lakebt.Study(
            lake.at("R1"),
            index="SIM",
            entries=["AD@close", "AD+1@open", "ED-1@close"],
            exits=["+1", "1w", "2w"],
        ).run(record=False)
        return bool(result.significance(999).mask().to_numpy().any())


def markets(n: int) -> None:
    """Tell in how many simulated markets something is claimed."""
    for drift_bps in (380.0, 0.0):
        claims = sum(claimed(seed, drift_bps) for seed in range(n))
        say(f"drift {drift_bps:g} bp: claims in {claims} of {n} markets")


def say(line: str) -> None:
    """Write a line that is read while the rest is still to come."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def parser() -> argparse.ArgumentParser:
    """Return how the command line is read."""
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("-n", type=int, default=ROUNDS[-1], help="replications")
    found.add_argument("--only", nargs="*", default=[], choices=list(DESIGNS))
    found.add_argument("--minutes", type=float, default=60.0)
    found.add_argument("--processes", type=int, default=2)
    found.add_argument(
        "--state",
        type=Path,
        default=Path(tempfile.gettempdir()) / "lakebt-calibration.jsonl",
    )
    found.add_argument("--markets", type=int, default=0)
    return found


def main(words: Sequence[str] | None = None) -> int:
    """Do what is left to be done, and write the table and the page."""
    given = parser().parse_args(words)
    if given.markets:
        markets(given.markets)
        return 0
    if given.n:
        done = kept(given.state)
        todo = [task for task in tasks(given.n, given.only) if task not in done]
        begin = time.monotonic()
        run(given.state, todo, processes=given.processes, minutes=given.minutes)
        done = kept(given.state)
        write_table(done)
        spent = sum(row["seconds"] for row in done.values()) / 60.0
        say(f"{(time.monotonic() - begin) / 60.0:.1f} minutes by the clock")
        say(f"{spent:.1f} minutes of one processor, for all that is kept")
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
