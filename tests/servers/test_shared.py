"""Servers of a run are shared, and end with it, whoever was killed."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.forked import python
from tests.servers.running import wait_until
from tests.servers.shared import BY_ITSELF, WHERE, Run, guarded, shared

if TYPE_CHECKING:
    from collections.abc import Iterator

NEEDS = """
import sys, time
from tests.servers.test_shared import sleeper
print(sleeper(), flush=True)
sys.stdin.read()
"""
"""A process of a run, which needs the server."""

RUNS = f"""
from tests.servers.shared import Run
run = Run()
print(run.folder)
{NEEDS}
"""
"""A run of its own, which needs it too."""


def sleeper() -> int:
    """Return the number of the process of a server that does nothing."""

    def start(folder: Path) -> dict[str, int]:
        told = folder / "number"
        command = ["sh", "-c", f'echo $$ > "{told}"; exec sleep 1000']
        quiet = subprocess.DEVNULL
        guarded(folder, command, stdout=quiet, stderr=quiet)
        assert wait_until(
            lambda: told.exists() and bool(told.read_text("ascii")), alive=lambda: True
        )
        return {"number": int(told.read_text("ascii"))}

    return int(shared("sleeper", start)["number"])


def servers(folder: Path) -> list[Path]:
    """Return the folders of what a run has tried to start."""
    return [path for path in folder.iterdir() if path.is_dir()]


def lives(number: int) -> bool:
    """Say whether a process has not ended; init may not have been told yet."""
    try:
        state = Path(f"/proc/{number}/stat").read_text("ascii").rpartition(")")[2]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state.split()[0] != "Z"


def process(program: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    command = [*python(), "-c", program]
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)


def said(begun: subprocess.Popen[str]) -> str:
    assert begun.stdout is not None
    return begun.stdout.readline().strip()


def kill(begun: subprocess.Popen[str]) -> None:
    begun.kill()
    begun.communicate()
    assert begun.returncode == -signal.SIGKILL


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """A run within that of the tests, which goes on to have what forks."""
    python()
    monkeypatch.setenv(WHERE, os.environ[WHERE])
    made = Run()
    yield made
    if made.folder.exists():
        made.end()


def test_a_server_outlives_who_started_it_and_ends_with_the_run(run: Run) -> None:
    first = process(NEEDS)
    number = int(said(first))
    kill(first)
    second = process(NEEDS)

    assert int(said(second)) == number == sleeper()
    assert lives(number)
    kill(second)
    assert lives(number)

    run.end()

    assert not lives(number)
    assert not run.folder.exists()


def test_a_run_that_is_killed_leaves_no_server(run: Run) -> None:
    other = process(RUNS)
    folder, number = Path(said(other)), int(said(other))
    assert folder != run.folder
    assert number != sleeper()  # two runs at once do not share
    assert lives(number)

    kill(other)

    assert wait_until(lambda: not lives(number), alive=lambda: True)
    assert wait_until(lambda: not servers(folder), alive=lambda: True)
    assert lives(sleeper())


def test_a_server_that_ends_by_itself_is_waited_for(run: Run) -> None:
    told = run.folder / "told"
    ends = f'cat; sleep 0.2; echo ended > "{told}"'

    def start(folder: Path) -> dict[str, str]:
        guarded(folder, ["sh", "-c", ends], by=BY_ITSELF)
        return {}

    shared("reader", start)
    kept = told.open("w+")
    with kept:
        run.end()
        assert kept.read() == "ended\n"


def test_who_fails_to_start_one_leaves_the_next_to_do_it(run: Run) -> None:
    def fails(folder: Path) -> dict[str, int]:
        raise OSError(folder.name)

    with pytest.raises(OSError, match="sleeper-"):
        shared("sleeper", fails)

    assert lives(sleeper())
    assert len(servers(run.folder)) == 2
