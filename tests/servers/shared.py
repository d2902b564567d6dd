"""Servers that all processes of one run of the tests share, and that end with it.

Whoever needs one first starts it; what it is, the others read in a file. Beside each
server a shell waits on a pipe that only the process of the run itself holds open: when
that ends, however it does, the shell ends the server and removes its folder.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.servers.running import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

WHERE = "LAKEBT_TEST_SERVERS"
"""The variable by which the processes of a run find its folder."""

GUARD = '"$@" & read -r _; kill -9 $!; wait; rm -rf "$0"'
"""Starts a server whose folder it is given first, and ends it when its input does."""

BY_ITSELF = '"$@"; rm -rf "$0"'
"""Starts one that ends by itself when its input does."""

_STARTED: list[subprocess.Popen[Any]] = []
"""What this process has started, and does not wait for."""


class Run:
    """What the processes of one run share, as long as it lasts.

    Attributes
    ----------
    folder
        Where its servers are.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="lakebt-servers-"))
        os.mkfifo(self.folder / "lasts")
        self._held = os.open(self.folder / "lasts", os.O_RDWR)
        os.environ[WHERE] = str(self.folder)

    def end(self) -> None:
        """End its servers, and wait until they are gone."""
        os.close(self._held)
        gone = wait_until(
            lambda: not list(self.folder.glob("*/guarded")), alive=lambda: True
        )
        assert gone, f"a server in {self.folder} does not end"
        shutil.rmtree(self.folder, ignore_errors=True)


def shared(name: str, start: Callable[[Path], Mapping[str, Any]]) -> dict[str, Any]:
    """Return what is told of a server, which is started if nobody has.

    Parameters
    ----------
    name
    start
        Given a folder of the server's own, starts it with `guarded`, waits until it
        answers, and returns what others must know of it.
    """
    run = Path(os.environ[WHERE])
    told = run / f"{name}.json"
    with (run / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=run))
            told.write_text(json.dumps(start(folder)), encoding="utf-8")
        found: dict[str, Any] = json.loads(told.read_text(encoding="utf-8"))
    return found


def guarded(
    folder: Path, command: Sequence[str], *, by: str = GUARD, **options: Any
) -> subprocess.Popen[Any]:
    """Start a server that ends with the run, in whose folder its own one lies.

    Parameters
    ----------
    folder, command
    by
        What ends it: `GUARD` or `BY_ITSELF`.
    options
        Of `subprocess.Popen`.
    """
    (folder / "guarded").touch()
    with (folder.parent / "lasts").open("rb", buffering=0) as lasts:
        process = subprocess.Popen(
            ["/bin/sh", "-c", by, str(folder), *command],
            stdin=lasts,
            start_new_session=True,  # Ctrl-C ends the run, and that the server
            **options,
        )
    _STARTED.append(process)
    return process
