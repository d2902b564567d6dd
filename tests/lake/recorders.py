"""Recorders in processes of their own: all at once, or killed."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakebt.lake import Lake
from lakebt.lake.committing import sql
from lakebt.lake.trials import fold, record
from tests.forked import python
from tests.lake.frames import clock
from tests.lake.trial_rows import batch

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[2]

SIZE, STEP = 20, 10
"""Trials of a batch, and how many of them the next one lacks: the rest they share."""

MOMENTS = ("write_files", "stage_expiring", "commit", "swap", "tidy", "sweep")
"""What a recorder does one after the other."""


def numbers(place: int) -> range:
    """The trials of a batch."""
    return range(place * STEP, place * STEP + SIZE)


def open_lake(path: str | None) -> Lake:
    """Open the lake at `path`, or that of the catalog ``prod``."""
    if path is None:
        return Lake.open(catalog="prod", create=False, clock=clock)
    return Lake.open(path, create=False, clock=clock)


def start(path: str | None, *, recorders: int, batches: int) -> list[Any]:
    """Start recorders, each of which records all of the same batches in an order."""
    order = [*python(), "-m", "tests.lake.recorders", "record", str(batches)]
    place = [] if path is None else [path]
    return [
        subprocess.Popen(
            [*order, str(number), *place], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for number in range(recorders)
    ]


def ended(processes: Sequence[Any]) -> list[int]:
    """Wait for recorders, and return how many trials were new to each."""
    said = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return [int(each) for each in said]


def _record(batches: int, who: int, path: str | None) -> int:
    lake = open_lake(path)
    fold.LIMIT = 5
    places = list(range(batches))
    random.Random(who).shuffle(places)  # noqa: S311 - an order, not a secret
    return sum(lake.record(batch(numbers(p), engine=f"e{who}")) for p in places)


def _child(path: Path, moment: str | None, first: int, tell: int) -> None:
    """Record batches of ten, one after the other, until killed; never return."""
    try:
        lake = Lake.open(path, create=False, clock=clock)
        if moment is not None:
            place = sql if moment in {"commit", "swap", "tidy"} else record
            really = getattr(place, moment)

            def die(*arguments: Any, **named: Any) -> None:
                if moment != "commit":
                    really(*arguments, **named)
                os.kill(os.getpid(), signal.SIGKILL)

            setattr(place, moment, die)
        os.write(tell, b"ready\n")
        for place_ in itertools.count(first):
            lake.record(batch(range(place_ * 10, place_ * 10 + 10)))
            os.write(tell, b"done\n")
    finally:
        os._exit(1)


def _killed(path: Path, moment: str | None, first: int, delay_s: float) -> int:
    """Let a recorder run and die; return how many of its batches came back."""
    told, tell = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(told)
        _child(path, moment, first, tell)
    os.close(tell)
    with open(told, encoding="utf-8") as lines:  # noqa: PTH123 - of a pipe
        assert lines.readline() == "ready\n"
        if moment is None:
            time.sleep(delay_s)
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        done = len(lines.readlines())
    _, status = os.waitpid(process, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    return done


def _serve() -> None:
    """Carry out orders from standard input."""
    with tempfile.TemporaryDirectory() as folder:  # imports what is imported late
        Lake.open(folder, clock=clock).record(batch([0]))
    fold.LIMIT = 5
    for line in sys.stdin:
        order = json.loads(line)
        done = _killed(
            Path(order["path"]), order["moment"], order["first"], order["delay_s"]
        )
        sys.stdout.write(f"{done}\n")
        sys.stdout.flush()


class Doomed:
    """Records in processes that are killed."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [*python(), "-m", "tests.lake.recorders", "serve"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self, path: Path, *, first: int, moment: str | None = None, delay_s: float = 0
    ) -> int:
        """Record batches from `first` on until killed, at a moment or after a while.

        Returns
        -------
        int
            How many of them came back.
        """
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        order = {"path": str(path), "first": first, "moment": moment}
        self._server.stdin.write(f"{json.dumps({**order, 'delay_s': delay_s})}\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())

    def close(self) -> None:
        self._server.communicate()


if __name__ == "__main__":
    word, *rest = sys.argv[1:]
    if word == "serve":
        _serve()
    else:
        count, who, *where = rest
        result = _record(int(count), int(who), where[0] if where else None)
        sys.stdout.write(str(result))
