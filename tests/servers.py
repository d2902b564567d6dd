"""Servers that tests start for themselves, on loopback, and stop again."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from pyiceberg.catalog.rest import RestCatalog

from tests.conftest import PROMISED, program
from tests.lake.frames import clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakebt.lake.storage.catalog import Storage

REST = Path(__file__).parent / "lake" / "rest_catalog.xml"
"""What Iceberg's own REST catalog consists of."""

PATIENCE_SECONDS = 60.0


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


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


class RestCatalogs:
    """Iceberg's own REST catalog in one Java process, as many of them as are wanted."""

    def __init__(self, jars: Path) -> None:
        import pyspark  # noqa: PLC0415 - may be missing, and is slow
        from py4j.java_gateway import (  # type: ignore[import-untyped]  # noqa: PLC0415
            GatewayParameters,
            JavaGateway,
            launch_gateway,
        )

        ours = Path(pyspark.__file__).parent / "jars"
        hadoop = ("hadoop-client-api-", "hadoop-client-runtime-", "jcl-over-slf4j-")
        found = [str(jar) for jar in ours.iterdir() if jar.name.startswith(hadoop)]
        port, self._process = launch_gateway(
            jarpath=str(next(ours.glob("py4j-*.jar"))),
            classpath=":".join([f"{jars}/*", *found]),
            die_on_exit=True,
            return_proc=True,
        )
        self._gateway = JavaGateway(gateway_parameters=GatewayParameters(port=port))

    @contextlib.contextmanager
    def serve(self, folder: Path) -> Iterator[str]:
        """Serve a catalog whose tables lie in `folder`; gives its address."""
        java: Any = self._gateway.jvm
        properties = java.java.util.HashMap()
        properties.put("catalog-impl", "org.apache.iceberg.jdbc.JdbcCatalog")
        properties.put("uri", f"jdbc:sqlite:{folder / 'rest.db'}")
        properties.put("jdbc.schema-version", "V1")
        properties.put("warehouse", f"file://{folder / 'warehouse'}")
        iceberg, jetty = java.org.apache.iceberg, java.org.eclipse.jetty
        catalog = iceberg.CatalogUtil.buildIcebergCatalog(
            "behind", properties, java.org.apache.hadoop.conf.Configuration()
        )
        adapter = iceberg.rest.RESTCatalogAdapter(catalog)
        servlet = jetty.servlet.ServletHolder(iceberg.rest.RESTCatalogServlet(adapter))
        handler = jetty.servlet.ServletContextHandler()
        handler.addServlet(servlet, "/*")
        address = java.java.net.InetSocketAddress("127.0.0.1", 0)
        server = jetty.server.Server(address)
        server.setHandler(handler)
        server.start()
        try:
            yield f"http://127.0.0.1:{server.getURI().getPort()}"
        finally:
            server.stop()
            catalog.close()

    def close(self) -> None:
        """End the Java process."""
        self._gateway.shutdown()
        self._process.stdin.close()
        self._process.wait(timeout=PATIENCE_SECONDS)


@contextlib.contextmanager
def rest_catalogs(cache: Path) -> Iterator[RestCatalogs]:
    """Start the Java process behind REST catalogs, or skip.

    Parameters
    ----------
    cache
        Where the jars are kept, or are fetched to by the Ivy that comes with pyspark.
    """
    java = program("java")
    missing = None
    if importlib.util.find_spec("pyspark") is None:
        missing = "pyspark is not installed: pip install 'lakebt[spark]'"
    else:
        with (cache / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the tests run in several processes
            if not (cache / "complete").exists():
                missing = _fetch(java, cache)
    if missing is not None:
        (pytest.fail if "java" in PROMISED else pytest.skip)(missing)
    catalogs = RestCatalogs(cache / "jars")
    try:
        yield catalogs
    finally:
        catalogs.close()


def _fetch(java: str, cache: Path) -> str | None:
    """Fetch the jars; return why it failed, None if it did not."""
    found = importlib.util.find_spec("pyspark")
    assert found is not None
    assert found.origin is not None
    ivy = next((Path(found.origin).parent / "jars").glob("ivy-*.jar"))
    fetched = subprocess.run(
        [
            *(java, f"-Duser.home={cache}", "-jar", str(ivy), "-ivy", str(REST)),
            *("-cache", str(cache / "ivy"), "-types", "jar", "bundle", "-retrieve"),
            str(cache / "jars" / "[artifact]-[revision](-[classifier]).[ext]"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if fetched.returncode or "UNRESOLVED" in fetched.stdout:
        return "Iceberg's REST catalog could not be fetched"
    (cache / "complete").touch()
    return None


@contextlib.contextmanager
def serving(
    storage: Storage, *, token: str | None = None, read_only: bool = False
) -> Iterator[tuple[str, list[str]]]:
    """Serve a lake in a thread of this process; gives its address, and its log."""
    from lakebt.lake.serving import running  # noqa: PLC0415 - may be missing
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
                *(sys.executable, "-m", "lakebt", "serve", "--lake", str(lake)),
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
