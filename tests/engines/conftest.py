"""Lakes for Spark and DuckDB to read."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from lakebt.lake import Lake
from lakebt.lake.trials import fold as folding
from tests.lake.frames import AS_OF, bars, clock
from tests.lake.trial_rows import batch
from tests.servers import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyspark.sql import SparkSession

    from tests.servers import Served


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the test's lake is."""
    return tmp_path / "lake"


@pytest.fixture
def lake(path: Path) -> Lake:
    """An empty lake whose clock says 2023-06-01."""
    return Lake.open(path, clock=clock)


@pytest.fixture
def sparked(path: Path, shared_spark: SparkSession) -> Lake:
    """A lake opened with Spark, whose clock says 2023-06-01."""
    return Lake.open(path, clock=clock, spark=shared_spark)


@pytest.fixture
def tried(lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lake with twenty trials of ten rules, some of them folded into one file."""
    monkeypatch.setattr(folding, "LIMIT", 4)
    for number in range(0, 20, 2):
        lake.record(batch([number, number + 1]))
    return path


@contextlib.contextmanager
def two_releases_served(folder: Path) -> Iterator[Served]:
    """Serve a lake with two releases, which lies in a folder."""
    path = folder / "lake"
    lake = Lake.open(path, clock=clock)
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    lake.publish({"prices": bars(("2022-09-07",))}, release="R2", as_of=AS_OF)
    with served(path, folder) as made:
        yield made


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    """A server of a lake with two releases."""
    with two_releases_served(tmp_path) as made:
        yield made
