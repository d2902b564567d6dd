"""Iceberg's own REST catalog, as it comes from its authors, in Java."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import subprocess
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.programs import program
from tests.servers.running import QUICK, skip, wait_until
from tests.servers.shared import guarded, shared

if TYPE_CHECKING:
    from collections.abc import Iterator

REST = Path(__file__).with_name("rest_catalog.xml")
"""What Iceberg's own REST catalog consists of."""


FORK = "-Djdk.lang.Process.launchMechanism=VFORK"
"""Starts `chmod`, which it does for each file that it writes, without a helper."""


class RestCatalogs:
    """Iceberg's own REST catalog in one Java process, as many of them as are wanted.

    Parameters
    ----------
    port
        Where the Java process takes orders.
    """

    def __init__(self, port: int) -> None:
        from py4j.java_gateway import (  # type: ignore[import-untyped]  # noqa: PLC0415
            GatewayParameters,
            JavaGateway,
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
        files = java.org.apache.hadoop.conf.Configuration()
        # Without sums of each file, for which it starts two more processes.
        files.set("fs.file.impl", "org.apache.hadoop.fs.RawLocalFileSystem")
        iceberg, jetty = java.org.apache.iceberg, java.org.eclipse.jetty
        catalog = iceberg.CatalogUtil.buildIcebergCatalog("behind", properties, files)
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
        """Give up the connection; the Java process goes on."""
        self._gateway.close()


@contextlib.contextmanager
def rest_catalogs(cache: Path) -> Iterator[RestCatalogs]:
    """Give the REST catalogs of the run, or skip.

    Parameters
    ----------
    cache
        Where the jars are kept, or are fetched to by the Ivy that comes with pyspark.
    """
    java = program("java")
    missing = None
    if importlib.util.find_spec("pyspark") is None:
        missing = "pyspark is not installed: pip install '.[spark]'"
    else:
        with (cache / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the tests run in several processes
            if not (cache / "complete").exists():
                missing = _fetch(java, cache)
    if missing is not None:
        skip("java", missing)
    told = shared("rest", partial(_start, java, cache / "jars"))
    catalogs = RestCatalogs(**told)
    try:
        yield catalogs
    finally:
        catalogs.close()


def _start(java: str, jars: Path, folder: Path) -> dict[str, int]:
    """Start the Java process; return where it takes orders."""
    ours = _jars_of_pyspark()
    used = ("py4j-", "hadoop-client-api-", "hadoop-client-runtime-", "jcl-over-slf4j-")
    found = [str(jar) for jar in ours.iterdir() if jar.name.startswith(used)]
    path = ":".join([*found, f"{jars}/*"])
    said = folder / "said"
    with said.open("wb") as out, (folder / "log").open("wb") as log:
        process = guarded(
            folder,
            [java, *QUICK, FORK, "-classpath", path, "py4j.GatewayServer", "0"],
            stdout=out,
            stderr=log,
        )
    if not wait_until(
        lambda: said.read_bytes().endswith(b"\n"),
        alive=lambda: process.poll() is None,
    ):
        pytest.fail((folder / "log").read_text(encoding="utf-8"))
    return {"port": int(said.read_text("ascii"))}


def _jars_of_pyspark() -> Path:
    found = importlib.util.find_spec("pyspark")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "jars"


def _fetch(java: str, cache: Path) -> str | None:
    """Fetch the jars; return why it failed, None if it did not."""
    ivy = next(_jars_of_pyspark().glob("ivy-*.jar"))
    fetched = subprocess.run(
        [
            *(java, *QUICK, f"-Duser.home={cache}", "-jar", str(ivy)),
            *("-ivy", str(REST)),
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
