"""Python processes that begin at once: forked from one that has imported everything.

A process costs a test two seconds, nearly all of it imports. `python` begins a
command line as ``sys.executable`` does, for ``-m`` and ``-c`` without options of the
interpreter: the process has the files, the folder and the environment that it was
given, and ends with the same status. Not for a test of what is imported, of an option
or a variable that Python reads when it starts, of another user; nor for one that kills
the process from outside and looks at once at what it left: it ends a moment after its
client.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


@functools.cache
def python() -> tuple[str, ...]:
    """Return how a command line begins; the first call starts what forks."""
    folder = tempfile.mkdtemp(prefix="fork-")
    place = f"{folder}/socket"
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.forked.server", place],
        cwd=HERE.parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    owner = os.getpid()

    def end() -> None:
        if os.getpid() == owner:
            server.communicate()
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    return (sys.executable, "-IS", str(HERE / "client.py"), place)
