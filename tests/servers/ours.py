"""`lakebt serve`: in a thread of the tests' own process, and in one of its own."""

from __future__ import annotations

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
from tests.servers.running import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lakebt.lake.storage.catalog import Storage


@contextlib.contextmanager
def serving(
    storage: Storage, *, token: str | None = None, read_only: bool = False
) -> Iterator[tuple[str, list[str]]]:
    """Serve a lake in a thread of this process; gives its address, and its log."""
    from lakebt.lake.serving import server as running  # noqa: PLC0415 - may be missing
    from lakebt.lake.serving.app import make_app  # noqa: PLC0415
    from lakebt.lake.serving.tokens import Token  # noqa: PLC0415

    log: list[str] = []
    app = make_app(
        storage,
        token=None if token is None else Token(token),
        read_only=read_only,
        clock=clock,
        log=log.append,
    )
    with running.listen("127.0.0.1", 0) as listening:
        server = running.server(app)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield running.address(listening), log
        finally:
            server.should_exit = True
            thread.join(timeout=PATIENCE_SECONDS)
            assert not thread.is_alive()


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
