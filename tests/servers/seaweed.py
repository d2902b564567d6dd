"""SeaweedFS: an object store, and a REST catalog of Iceberg tables in it."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import TYPE_CHECKING, Any

import pyarrow.fs as pafs
import pytest
import requests

from tests.programs import program
from tests.servers.running import PATIENCE_SECONDS, steady_ports, wait_until
from tests.servers.shared import guarded, shared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

BUCKET = "warehouse"
REGION = "us-east-1"


@dataclass
class Seaweed:
    """SeaweedFS, in a folder of its own.

    Attributes
    ----------
    folder, binary
    ports
        What it listens on, by what for.
    key_id, secret
        Of who may do everything.
    process
        None while it is stopped.
    """

    folder: Path
    binary: str
    ports: Mapping[str, int]
    key_id: str
    secret: str
    process: Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """Where it speaks S3."""
        return f"http://127.0.0.1:{self.ports['s3.port']}"

    @property
    def catalog(self) -> str:
        """Where its REST catalog is."""
        return f"http://127.0.0.1:{self.ports['s3.port.iceberg']}"

    @property
    def keys(self) -> dict[str, str]:
        """What the usual chain of credentials begins with."""
        return {
            "AWS_ACCESS_KEY_ID": self.key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_REGION": REGION,
        }

    def start(self, begin: Callable[..., Popen[Any]] = Popen) -> None:
        """Start it, and wait until it answers.

        Parameters
        ----------
        begin
            Begins a process, as `subprocess.Popen` does.
        """
        log = (self.folder / "log").open("ab")
        with log:
            self.process = begin(
                [
                    *(self.binary, "mini", f"-dir={self.folder / 'data'}"),
                    *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-bucket={BUCKET}"),
                    *("-webdav=false", "-admin.ui=false", "-master.telemetry=false"),
                    "-s3.autoCreateBucket=false",
                    "-volume.max=400",  # each bucket takes some
                    *(f"-{name}={port}" for name, port in self.ports.items()),
                ],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                # Of two processors, its parts look for work that the other has.
                env={**os.environ, **self.keys, "GOMAXPROCS": "1"},
            )
        process = self.process
        if not wait_until(self._answers, alive=lambda: process.poll() is None):
            pytest.fail((self.folder / "log").read_text(encoding="utf-8"))

    def _answers(self) -> bool:
        try:
            with requests.Session() as session:
                session.trust_env = False
                catalog = session.get(f"{self.catalog}/v1/config", timeout=5)
            # After a restart it answers before it can keep anything.
            with self.files().open_output_stream(f"{BUCKET}/is-ready") as file:
                file.write(b"yes")
        except OSError:
            return False
        return catalog.ok

    def files(self) -> pafs.S3FileSystem:
        """Return its files, as any other program sees them."""
        return pafs.S3FileSystem(
            access_key=self.key_id,
            secret_key=self.secret,
            endpoint_override=self.endpoint,
            region=REGION,
        )

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Stop it, cutting every connection."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(how)
            self.process.wait(timeout=PATIENCE_SECONDS)
            self.process = None

    def table_bucket(self) -> str:
        """Make an empty catalog, and return where it is."""
        import boto3  # type: ignore[import-untyped]  # noqa: PLC0415 - may be missing

        name = f"lake-{secrets.token_hex(4)}"
        client = boto3.client(
            "s3tables",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=self.key_id,
            aws_secret_access_key=self.secret,
        )
        try:
            client.create_table_bucket(name=name)
        finally:
            client.close()
        return f"s3://{name}"


def seaweed_in(folder: Path) -> Seaweed:
    """Return a SeaweedFS that is not started yet, or skip."""
    beside = Path(sys.executable).with_name("weed")  # where PyPI's package has it
    names = (
        *("s3.port", "s3.port.grpc", "s3.port.iceberg", "s3.port.lance"),
        *("master.port", "master.port.grpc", "filer.port", "filer.port.grpc"),
        *("volume.port", "volume.port.grpc", "admin.port", "admin.port.grpc"),
    )
    return Seaweed(
        folder=folder,
        binary=str(beside) if beside.exists() else program("weed"),
        ports=dict(zip(names, steady_ports(len(names)), strict=True)),
        key_id=f"AKIA{secrets.token_hex(8).upper()}",
        secret=secrets.token_hex(20),
    )


@contextlib.contextmanager
def seaweedfs() -> Iterator[Seaweed]:
    """Run a SeaweedFS that may be stopped, or skip."""
    server = seaweed_in(Path(tempfile.mkdtemp(prefix="lakebt-seaweedfs-")))
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.folder)


def shared_seaweedfs() -> Seaweed:
    """Return the SeaweedFS of the run, which goes on to its end, or skip."""

    def start(folder: Path) -> dict[str, Any]:
        server = seaweed_in(folder)
        server.start(partial(guarded, folder))
        return {
            "binary": server.binary,
            "ports": server.ports,
            "key_id": server.key_id,
            "secret": server.secret,
        }

    return Seaweed(folder=Path(), **shared("seaweedfs", start))
