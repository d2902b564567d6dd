"""What the servers of the tests have in common."""

from __future__ import annotations

import contextlib
import secrets
import socket
import time
from typing import TYPE_CHECKING

import pytest

from tests.programs import PROMISED

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_SECONDS = 60.0

QUICK = (
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-XX:+UnlockDiagnosticVMOptions",  # allows the next, and comes before it
    "-XX:-BytecodeVerificationRemote",
    "-XX:MetaspaceSize=256m",
    "-XX:ReservedCodeCacheSize=240m",
)
"""Options of a Java that lives for minutes: it compiles once, in haste and on trust,
keeps what it compiled, and is not looked through for garbage whenever it has loaded
some more classes."""


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def steady_ports(count: int) -> list[int]:
    """Return ports that no connection is given by chance while a server starts.

    Linux gives connections those from 32768 on.
    """
    found: list[int] = []
    while len(found) < count:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as tried, contextlib.suppress(OSError):
            tried.bind(("127.0.0.1", port))
            if port not in found:
                found.append(port)
    return found


def wait_until(ready: Callable[[], bool], *, alive: Callable[[], bool]) -> bool:
    """Wait until a server is ready; say whether it is, or died, or took too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not ready():
        if time.monotonic() > deadline or not alive():
            return False
        time.sleep(0.05)
    return True


def skip(promise: str, why: str) -> None:
    """Skip for want of something, or fail if ``LAKEBT_REQUIRE`` promised it."""
    (pytest.fail if promise in PROMISED else pytest.skip)(why)
