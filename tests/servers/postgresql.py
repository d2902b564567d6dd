"""Debian's Postgres."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.programs import program
from tests.servers.running import PATIENCE_SECONDS, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Postgres:
    """Debian's Postgres, in a folder of its own.

    Attributes
    ----------
    folder, binaries
    port
    password
        Of the user ``lakebt``, who may do everything.
    process
        None while it is stopped.
    """

    folder: Path
    binaries: Path
    port: int
    password: str
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        log = (self.folder / "log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [
                    str(self.binaries / "postgres"),
                    *("-D", str(self.folder / "data"), "-k", str(self.folder)),
                    *("-h", "127.0.0.1", "-p", str(self.port)),
                    *("-c", "fsync=off", "-c", "max_connections=100"),
                ],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **_as_nobody(),
            )
        ready = [str(self.binaries / "pg_isready"), "-h", "127.0.0.1"]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while subprocess.run(
            [*ready, "-p", str(self.port)], capture_output=True, check=False
        ).returncode:
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.stop()
                pytest.fail((self.folder / "log").read_text(encoding="utf-8"))
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it, cutting every connection."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(how)
            self.process.wait(timeout=PATIENCE_SECONDS)
            self.process = None

    def uri(self, database: str) -> str:
        """Return where a database is, for SQLAlchemy."""
        who = f"lakebt:{self.password}"
        return f"postgresql+psycopg://{who}@127.0.0.1:{self.port}/{database}"

    def database(self) -> str:
        """Make an empty database, and return its name."""
        name = f"lake_{secrets.token_hex(4)}"
        subprocess.run(
            [
                str(self.binaries / "createdb"),
                *("-h", "127.0.0.1", "-p", str(self.port), "-U", "lakebt", name),
            ],
            env={"PGPASSWORD": self.password},
            check=True,
        )
        return name


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """Run a Postgres server, or skip."""
    # Debian keeps what a server consists of together, and out of the way.
    places = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/postgres")))
    found = places[-1] if places else program("postgres")
    # Not in pytest's folder: who runs the server may not enter it.
    folder = Path(tempfile.mkdtemp(prefix="lakebt-postgres-"))
    password = secrets.token_hex(8)
    server = Postgres(folder, Path(found).parent, free_port(), password)
    try:
        (folder / "password").write_text(password, encoding="utf-8")
        if user := _as_nobody().get("user"):
            for path in (folder, folder / "password"):
                shutil.chown(path, user)
        subprocess.run(
            [
                str(server.binaries / "initdb"),
                *("-D", str(folder / "data"), "-U", "lakebt", "-N", "-E", "UTF8"),
                *("-A", "scram-sha-256", f"--pwfile={folder / 'password'}"),
                "--locale=C",
            ],
            stdout=subprocess.DEVNULL,
            cwd=folder,
            check=True,
            **_as_nobody(),
        )
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def _as_nobody() -> dict[str, Any]:
    """Return what makes a process run as somebody else than root, if root it is."""
    if os.geteuid():
        return {}
    users = {entry.pw_name for entry in pwd.getpwall()}
    return {"user": "postgres" if "postgres" in users else "nobody"}
