"""What processes took, by Linux's account."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def apart(module: str, *arguments: str) -> dict[str, Any]:
    """Run a module in a process of its own, and return the JSON of its last line.

    Raises
    ------
    SystemExit
        If it fails; with what it said.
    """
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def peak_mb(pid: int | str = "self") -> float:
    """Return the most that a process had resident at once, in MB; 0 if it is gone.

    Not `ru_maxrss`: that is at least what its parent held when it was forked.
    """
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        for line in status.splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    return 0.0


def forget_peak() -> None:
    """Begin `peak_mb` of this process anew, where the system can do that."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def started_by(pid: int) -> dict[int, tuple[str, float]]:
    """Return the processes that one started, and that they did, in turn.

    Returns
    -------
    dict of int to (str, float)
        By number: what it is called, and the seconds of processor it took so far,
        itself and those it has waited for.
    """
    parents, found = {}, {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            told = (place / "stat").read_text(encoding="utf-8")
        except (OSError, ValueError):
            continue
        name = told.partition("(")[2].rpartition(")")[0]
        columns = told.rpartition(")")[2].split()
        number = int(place.name)
        parents[number] = int(columns[1])
        seconds = sum(map(int, columns[11:15])) / os.sysconf("SC_CLK_TCK")
        found[number] = (name, seconds)

    def is_below(number: int) -> bool:
        above = parents.get(number)
        while above is not None and above != pid:
            above = parents.get(above)
        return above == pid

    return {number: told for number, told in found.items() if is_below(number)}
