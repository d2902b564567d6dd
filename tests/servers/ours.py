"""`lakebt serve`: in a thread of the tests' own process, and in one of its own."""

from __future__ import annotations

import atexit
import contextlib
import re
import secrets
import signal
import subprocess
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests
from pyiceberg.catalog.rest import RestCatalog

from tests.forked import python
from tests.lake.frames import clock
from tests.servers.running import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lakebt.lake.serving.gate import TokenFile
    from lakebt.lake.serving.service import Service
    from lakebt.lake.storage.catalog import Storage

    Log = list[str]


class Lent:
    """A server in a thread, which serves one lake after the other.

    It costs a quarter of a second to start one and to end it, and tests want hundreds.
    """

    def __init__(self) -> None:
        from lakebt.lake.serving import server as running  # noqa: PLC0415 - optional

        self._apps: dict[tuple[str | TokenFile | None, bool], tuple[Service, Any]] = {}
        self._app: Any = None
        self._n_running = 0
        self._listening = running.listen("127.0.0.1", 0)
        self.address = running.address(self._listening)
        self._server = running.server(self)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._listening],), daemon=True
        )
        self._thread.start()
        atexit.register(self.end)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Have the lake of now answer."""
        self._n_running += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._n_running -= 1

    def serve(
        self, storage: Storage, *, token: str | TokenFile | None, read_only: bool
    ) -> Log:
        """Serve another lake, and return the log of that."""
        from lakebt.lake.serving.app import make_routes  # noqa: PLC0415 - optional
        from lakebt.lake.serving.gate import gate_of  # noqa: PLC0415
        from lakebt.lake.serving.middleware import Middleware  # noqa: PLC0415
        from lakebt.lake.serving.service import Service  # noqa: PLC0415
        from lakebt.lake.serving.tokens import Token  # noqa: PLC0415

        asked = Token(token) if isinstance(token, str) else token
        gate = gate_of(asked, now=clock)
        if (token, read_only) not in self._apps:
            service = Service(storage)
            routes = make_routes(service, gate=gate, read_only=read_only)
            self._apps[token, read_only] = service, routes
        service, routes = self._apps[token, read_only]
        Service.__init__(service, storage)
        log: Log = []
        self._app = Middleware(
            routes, gate=gate, clock=clock, log=log.append, metrics=service.metrics
        )
        return log

    def wait(self) -> None:
        """Wait until every request is answered."""
        assert wait_until(lambda: not self._n_running, alive=self._thread.is_alive)

    def end(self) -> None:
        """End the thread."""
        self._server.should_exit = True
        self._thread.join(timeout=PATIENCE_SECONDS)
        self._listening.close()


_FREE: list[Lent] = []
"""The servers that serve nothing just now."""


@contextlib.contextmanager
def serving(
    storage: Storage, *, token: str | TokenFile | None = None, read_only: bool = False
) -> Iterator[tuple[str, Log]]:
    """Serve a lake in a thread of this process; gives its address, and its log."""
    server = _FREE.pop() if _FREE else Lent()
    try:
        yield server.address, server.serve(storage, token=token, read_only=read_only)
    finally:
        server.wait()
        _FREE.append(server)


@dataclass
class Served:
    """`lakebt serve` in a process of its own.

    Attributes
    ----------
    address, token
    log
        The file its access log goes to.
    process
    said
        What it printed when it started.
    """

    address: str
    token: str
    log: Path
    process: subprocess.Popen[str]
    said: list[str]

    def client(self, **properties: str) -> RestCatalog:
        """Open it as any program does."""
        asked = {"uri": self.address, "token": self.token, **properties}
        return RestCatalog("lake", **asked)

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request that no client would."""
        headers = {"Authorization": f"Bearer {self.token}"}
        headers |= options.pop("headers", {})
        url = f"{self.address}/v1/{path}"
        return requests.request(method, url, headers=headers, timeout=60, **options)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> str:
        """End it, and return what it printed at its end."""
        self.process.send_signal(how)
        return self.process.communicate(timeout=PATIENCE_SECONDS)[0]


@contextlib.contextmanager
def served(lake: Path, folder: Path, *options: str) -> Iterator[Served]:
    """Run `lakebt serve` on a lake, with a token of its own.

    Parameters
    ----------
    lake
    folder
        Where its token and its log go.
    options
        Of the command line.
    """
    token, log = secrets.token_hex(16), folder / "access.log"
    file = folder / "token"
    file.touch(mode=0o600)
    file.write_text(f"{token}\n", encoding="utf-8")
    with log.open("w") as errors:
        process = subprocess.Popen(
            [
                *python(),
                "-m",
                "lakebt",
                "serve",
                "--lake",
                str(lake),
                *("--port", "0", "--token-file", str(file), *options),
            ],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(4)]
    found = re.search(r" at (http://\S+)", said[0])
    assert found is not None, log.read_text(encoding="utf-8")
    made = Served(found[1], token, log, process, said)
    try:
        yield made
    finally:
        if process.poll() is None:
            made.stop()
        process.stdout.close()
