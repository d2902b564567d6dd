"""A Spark session that has a lake's catalog: the user's own, or one made for it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakebt.errors import InvalidArgumentError, LakeError
from lakebt.lake.spark.conf import JARS, catalog_conf, spark_conf, spark_name
from lakebt.values.command_lines import install_extra

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyspark.sql import SparkSession

    from lakebt.lake.storage.catalog import Storage


_OLDEST_JAVA = 17
_EXTENSIONS = "spark.sql.extensions"
_LOOPBACK = "127.0.0.1"
_REDACTED = "(?i)secret|password|token|access[.-]?key|credential"
"""Settings whose values Spark hides in its user interface and logs."""


def attach(storage: Storage, session: object) -> SparkSession:
    """Return a session of its own on the user's Spark, which has the lake's catalog.

    What the user's session says of it stays as it is. His own session is not changed.

    Raises
    ------
    InvalidArgumentError
        If it is not a session.
    LakeError
        If Iceberg's Java library has no such catalog, or the session lacks Iceberg.
    """
    if not hasattr(session, "newSession"):
        msg = (
            f"spark must be a pyspark.sql.SparkSession, was {type(session).__name__}. "
            f"Make one with lake.spark_session(), or pass engine='spark'"
        )
        raise InvalidArgumentError(msg)
    own: SparkSession = session.newSession()
    running: Any = session
    extensions = running.conf.get(_EXTENSIONS, "") or ""
    if "iceberg" not in extensions.lower():
        msg = (
            f"the Spark session has no Iceberg: it was made without {_EXTENSIONS}. "
            f"Make it with all of lake.spark_conf(), when Spark starts"
        )
        raise LakeError(msg)
    own.conf.set("spark.sql.session.timeZone", "UTC")
    for name, value in catalog_conf(storage).items():
        setting = running.conf.get(name, None)
        own.conf.set(name, value if setting is None else setting)
    _check_jars(own, storage)
    return own


def _check_jars(session: SparkSession, storage: Storage) -> None:
    """Check that Spark has what it needs to open the lake's catalog.

    Raises
    ------
    LakeError
        If a jar is missing, or the catalog cannot be reached.
    """
    try:
        session.sql(f"SHOW NAMESPACES IN {spark_name(storage)}").collect()
    except Exception as error:  # noqa: BLE001 - whatever Java says
        text = str(error)
        cure = (
            f"Let Spark fetch it (spark.jars.packages as lake.spark_conf() has it), or "
            f"name its path in {JARS}"
        )
        if "catalog plugin class" in text or "ClassNotFound" in text:
            msg = f"Spark has no Iceberg: its jar is missing. {cure}"
        elif "No suitable driver" in text:
            msg = f"Spark has no driver for the catalog's database. {cure}"
        else:
            msg = f"{storage.where} cannot be used from Spark: {_line(text)}"
        raise LakeError(msg) from None


def _line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0] if lines else "it does not say why"


def make_session(storage: Storage, settings: Mapping[str, str]) -> SparkSession:
    """Start Spark with a lake's catalog, or take the one that runs.

    Parameters
    ----------
    storage
    settings
        Further ones, which win.

    Raises
    ------
    LakeError
        If pyspark, Java or a jar is missing; with the cure.
    """
    check_installed()
    import pyspark  # noqa: PLC0415 - an extra, and slow
    from pyspark.sql import SparkSession  # noqa: PLC0415

    chosen = {
        "spark.app.name": "lakebt",
        "spark.ui.showConsoleProgress": "false",
        "spark.redaction.regex": _REDACTED,
        **spark_conf(storage, spark_version=pyspark.__version__),
        **settings,
    }
    if _is_alone() and _master(settings).startswith("local"):  # nobody has to reach it
        for name in ("spark.driver.host", "spark.driver.bindAddress"):
            chosen.setdefault(name, _LOOPBACK)
    builder: Any = SparkSession.builder
    for name, value in chosen.items():
        builder = builder.config(name, value)
    with _workers_like_us():
        try:
            session: SparkSession = builder.getOrCreate()
        except Exception as error:  # noqa: BLE001 - whatever Java says, and pyspark
            raise LakeError(_explained(error)) from None
    return attach(storage, session)


def session_here(storage: Storage) -> SparkSession:
    """Return a session that computes: the lake's, that of this process, or a new one.

    Its Spark need not have the lake's catalog. Under ``spark-submit`` the session of
    that program is used.

    Raises
    ------
    LakeError
        If pyspark, Java or a jar is missing; with the cure.
    """
    if storage.spark is not None:
        return storage.spark
    check_installed()
    if _is_alone():
        storage.spark = make_session(storage, {})
        return storage.spark
    from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra, and slow

    with _workers_like_us():
        session: SparkSession = SparkSession.builder.getOrCreate()
    return session


def check_installed() -> None:
    """Check that there is what Spark needs.

    Raises
    ------
    LakeError
        If pyspark or Java is missing, or Java is too old.
    """
    if importlib.util.find_spec("pyspark") is None:
        msg = f"pyspark is not installed: {install_extra('spark')}"
        raise LakeError(msg)
    if "SPARK_REMOTE" in os.environ:
        return
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    cure = "Install Java 17 (Debian: apt install openjdk-17-jre-headless)"
    if java is None or not Path(java).exists():
        where = f"JAVA_HOME is {home}, which has no bin/java" if home else "not found"
        msg = f"Spark needs Java, {where}. {cure}, or set JAVA_HOME"
        raise LakeError(msg)
    answer = subprocess.run(  # noqa: S603 - the machine's own Java
        [java, "-version"], capture_output=True, text=True, check=False
    )
    version = re.search(r'version "(\d+)', answer.stderr)
    if version is not None and int(version.group(1)) < _OLDEST_JAVA:
        msg = f"Spark 4 needs Java 17 or newer, {java} is {version.group(1)}. {cure}"
        raise LakeError(msg)


def _master(settings: Mapping[str, str]) -> str:
    """Return where Spark will run, by what it looks at itself, the first that says."""
    master = settings.get("spark.master") or os.environ.get("MASTER")
    folder = os.environ.get("SPARK_CONF_DIR")
    if folder is None and "SPARK_HOME" in os.environ:
        folder = str(Path(os.environ["SPARK_HOME"]) / "conf")
    if master is None and folder is not None:
        file = Path(folder) / "spark-defaults.conf"
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        setting = re.search(r"^\s*spark\.master[\s=:]+(\S+)", text, re.MULTILINE)
        master = None if setting is None else setting.group(1)
    return master or "local[*]"


def _is_alone() -> bool:
    """Whether no Spark runs in this process, nor was this one started by it."""
    from pyspark import SparkContext  # noqa: PLC0415 - an extra, and slow

    is_submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    return SparkContext._active_spark_context is None and not is_submitted  # noqa: SLF001


@contextlib.contextmanager
def _workers_like_us() -> Iterator[None]:
    """Let Python workers on this machine be this interpreter, which has lakebt."""
    name = "PYSPARK_PYTHON"
    if name in os.environ:
        yield
        return
    os.environ[name] = sys.executable
    try:
        yield
    finally:
        del os.environ[name]


def _explained(error: Exception) -> str:
    """Say in one line why Spark did not start."""
    text = str(error)
    if (
        "unresolved dependency" in text
        or "Unresolved" in text
        or "JAVA_GATEWAY" in text
    ):
        return (
            f"Spark could not start, most likely because it could not fetch its jars. "
            f"Give it a way to Maven's repository (spark.jars.ivySettings), or the "
            f"jars' paths, with commas, in {JARS}"
        )
    return f"Spark could not start: {_line(text)}"
