"""A server that is killed, and started again where it was."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
from typing import TYPE_CHECKING, Self

from tests.forked import python
from tests.servers.running import PATIENCE_SECONDS, steady_ports, wait_until

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


class Mortal:
    """`lakebt serve` in a process of its own, always at one address.

    Parameters
    ----------
    lake
    log
        The file its errors and its access log go to.
    """

    def __init__(self, lake: Path, log: Path) -> None:
        (self._port,) = steady_ports(1)
        self._lake, self._log = lake, log
        self.address = f"http://127.0.0.1:{self._port}"
        self.token = secrets.token_hex(16)
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self.kill()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        with self._log.open("a") as errors:
            options = ("--lake", str(self._lake), "--port", str(self._port))
            self._process = subprocess.Popen(
                [*python(), "-m", "lakebt", "serve", *options],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, "LAKEBT_TOKEN": self.token},
            )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        assert "Serving" in said, self._log.read_text(encoding="utf-8")

    def kill(self) -> None:
        """Kill it with SIGKILL, whatever it is doing."""
        process, self._process = self._process, None
        assert process is not None
        process.kill()
        process.wait(timeout=PATIENCE_SECONDS)
        assert process.stdout is not None
        process.stdout.close()
        # It ends a moment after the client by which it was started.
        assert wait_until(lambda: not self._listens(), alive=lambda: True)

    def _listens(self) -> bool:
        with socket.socket() as asking:
            return asking.connect_ex(("127.0.0.1", self._port)) == 0
