"""A process that is forked is as one that Python starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.forked import interpreter, python

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

STARTS: dict[str, Callable[[], Sequence[str]]] = {
    "forked": python,
    "started": lambda: (sys.executable,),
}

WAITING = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"


@pytest.fixture(params=STARTS)
def begin(request: pytest.FixtureRequest) -> Sequence[str]:
    """How the command line of a process begins."""
    start: Sequence[str] = STARTS[request.param]()
    return start


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("print(sys.argv, sys.stdin.read())", 0, "['-c', 'a', 'b c'] given\n"),
        ("print(os.getcwd() == os.environ['THERE'])", 0, "True\n"),
        ("print('HOME' in os.environ, __name__)", 0, "False __main__\n"),
        ("sys.exit(3)", 3, ""),
        ("print('kept', end=''); sys.exit('why')", 1, "kept"),
        ("import atexit; atexit.register(print, 'last')", 0, "last\n"),
        ("1 / 0", 1, ""),
        ("os.kill(os.getpid(), 9)", -9, ""),
        ("os.kill(os.getpid(), 15)", -15, ""),
        ("raise KeyboardInterrupt", -2, ""),
    ],
)
def test_it_gets_what_it_is_given_and_ends_as_it_would(
    begin: Sequence[str], tmp_path: Path, code: str, status: int, said: str
) -> None:
    done = subprocess.run(
        [*begin, "-c", f"import os, sys; {code}", "a", "b c"],
        input="given",
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"THERE": str(tmp_path)},
    )

    assert (done.returncode, done.stdout) == (status, said)
    assert ("ZeroDivisionError" in done.stderr) == (code == "1 / 0")
    assert ("why" in done.stderr) == ("why" in code)


def test_a_module_is_run(begin: Sequence[str]) -> None:
    command = [*begin, "-m", "lakebt", "--version"]

    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert said.startswith("lakebt ")


def test_all_processes_of_a_run_are_forked_from_one() -> None:
    ask = "from tests.forked import python; print(python()[-1])"

    said = subprocess.run(
        [*python(), "-c", ask], capture_output=True, text=True, check=True
    ).stdout

    assert said == f"{python()[-1]}\n"


@pytest.mark.parametrize("is_forked", [True, False])
def test_a_file_is_run_by_what_has_the_path_of_a_python(
    tmp_path: Path, *, is_forked: bool
) -> None:
    (tmp_path / "beside.py").write_text("n = 7", encoding="utf-8")
    file = tmp_path / "some.py"
    code = "import beside, sys; print(sys.argv[1:], beside.n, __name__, __file__)"
    file.write_text(code, encoding="utf-8")
    begin = interpreter(tmp_path) if is_forked else sys.executable
    command = [begin, str(file), "a", "b c"]

    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert said == f"['a', 'b c'] 7 __main__ {file}\n"


def test_a_signal_that_is_blocked_here_reaches_what_is_forked() -> None:
    command = [*python(), "-c", WAITING]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            assert process.stdout is not None
            assert int(process.stdout.readline())
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == -signal.SIGINT
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_it_ends_when_it_is_told_to(begin: Sequence[str], number: int) -> None:
    command = [*begin, "-c", WAITING]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        there = int(process.stdout.readline())
        process.send_signal(number)
        assert process.wait(timeout=60) == -number

    deadline = time.monotonic() + 60
    while is_alive(there):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_alive(process: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
