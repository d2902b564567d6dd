"""Python processes that begin at once: forked from one that has imported everything.

A process costs a test two seconds, nearly all of it imports. `python` begins a
command line as ``sys.executable`` does, for ``-m``, ``-c`` and a file, without options
of the interpreter: the process has the files, the folder and the environment that it
was given, and ends with the same status. `interpreter` is the same as one program, for
what asks where Python lies. Not for a test of what is imported, of an option or a
variable that Python reads when it starts, of another user; nor for one that kills the
process from outside and looks at once at what it left: it ends a moment after its
client.
"""

from __future__ import annotations

import atexit
import functools
import os
import shlex
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


@functools.cache
def python() -> tuple[str, ...]:
    """Return how a command line begins; the first call of a run starts what forks."""
    from tests.servers.shared import WHERE, Run, shared  # noqa: PLC0415 - imports this

    if WHERE not in os.environ:  # a program that is no test
        atexit.register(Run().end)
    place: str = shared("forked", _start)["place"]
    return (sys.executable, "-IS", str(HERE / "client.py"), place)


def _start(folder: Path) -> dict[str, str]:
    """Start what forks; return where it is asked."""
    from tests.servers.shared import BY_ITSELF, guarded  # noqa: PLC0415

    place = f"{folder}/socket"
    server = guarded(
        folder,
        [sys.executable, "-m", "tests.forked.server", place],
        by=BY_ITSELF,
        cwd=HERE.parents[1],
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    with server.stdout as said:
        assert said.readline() == b"ready\n"
    return {"place": place}


def interpreter(folder: Path) -> Path:
    """Write a program that takes the command line of a Python, and return its path."""
    made = folder / "python"
    made.write_text(f'#!/bin/sh\nexec {shlex.join(python())} "$@"\n', encoding="utf-8")
    made.chmod(0o755)
    return made
