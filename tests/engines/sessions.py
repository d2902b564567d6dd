"""Spark for the tests: one Java process for all tests of a run."""

from __future__ import annotations

import functools
import importlib.util
import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import ROOT
from tests.engines.engine import CATALOG, settings
from tests.forked import interpreter
from tests.programs import PROMISED, program
from tests.servers.running import QUICK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyspark.sql import SparkSession

JARS = "LAKEBT_SPARK_JARS"
"""Paths of the jars, with commas, for a machine that may not fetch them."""

MORE = (
    "org.postgresql:postgresql:42.7.7",
    "org.apache.iceberg:iceberg-aws-bundle:1.12.0",
)
"""What lakes need that are not in a directory."""


def configuration(folder: Path, cache: Path) -> dict[str, str]:
    """Return how Spark is started: as the page says, on loopback, leaving no trace."""
    java = {
        "java.io.tmpdir": str(folder),
        "derby.system.home": str(folder),
        "user.home": str(folder),
    }
    asked = {
        name: value
        for name, value in settings(folder).items()
        if not name.startswith(CATALOG)
    }
    asked["spark.jars.packages"] = ",".join((asked["spark.jars.packages"], *MORE))
    if jars := os.environ.get(JARS):
        del asked["spark.jars.packages"]
        asked["spark.jars"] = jars
    return asked | {
        "spark.master": "local[2,4]",  # a task may fail thrice, as on a cluster
        "spark.app.name": "lakebt",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": " ".join(
            [*QUICK, *(f"-D{name}={value}" for name, value in java.items())]
        ),
        "spark.jars.ivy": str(cache),
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.broadcast.compress": "false",
        "spark.shuffle.compress": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.ui.explainMode": "simple",  # nobody reads a plan
        "spark.python.daemon.module": "tests.engines.daemon",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
    }


@pytest.fixture(scope="session")
def shared_spark(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[SparkSession]:
    """Spark, without a lake. The jars are fetched once, into pytest's own cache."""
    program("java")
    if importlib.util.find_spec("pyspark") is None:
        missing = "pyspark is not installed: pip install '.[spark]'"
        (pytest.fail if "java" in PROMISED else pytest.skip)(missing)
    from pyspark import SparkConf, SparkContext  # noqa: PLC0415 - may be missing
    from pyspark.sql import SparkSession  # noqa: PLC0415

    assert pytestconfig.cache is not None
    folder = tmp_path_factory.mktemp("spark")
    chosen = configuration(folder, pytestconfig.cache.mkdir("jars"))
    conf = SparkConf(loadDefaults=False).setAll(list(chosen.items()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        patch.setenv("PYSPARK_PYTHON", str(interpreter(folder)))
        patch.setenv("PYTHONPATH", str(ROOT))
        session = SparkSession.builder.config(conf=conf).getOrCreate()
    # Java looks for each class that is named here in hundreds of jars: once is enough.
    classes: Any = type(SparkContext._jvm)  # noqa: SLF001
    classes.__getattr__ = functools.cache(classes.__getattr__)
    yield session

    gateway: Any = SparkContext._gateway  # noqa: SLF001 - stop() leaves it running
    session.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait(timeout=60)
