"""The servers of the tests, each started when it is first needed.

SeaweedFS and Iceberg's catalogs at most once in a run, those that cost little, that are
emptied or stopped once in a process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.servers import aws, postgres, rest_catalogs, shared_seaweedfs
from tests.servers.shared import Run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Aws, Postgres, RestCatalogs, Seaweed

RUN = pytest.StashKey[Run]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin a run, unless this is a process that xdist has started for one."""
    if not hasattr(config, "workerinput"):
        config.stash[RUN] = Run()


@pytest.hookimpl(tryfirst=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """End the run, before the folder goes in which it is."""
    if RUN in config.stash:
        config.stash[RUN].end()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """Debian's Postgres: whoever needs a database makes one."""
    with postgres() as running:
        yield running


@pytest.fixture(scope="session")
def seaweed_server() -> Seaweed:
    """A store of objects, and a catalog in it."""
    return shared_seaweedfs()


@pytest.fixture(scope="session")
def aws_server() -> Iterator[Aws]:
    """Glue and S3, as moto has them."""
    with aws() as running:
        yield running


@pytest.fixture(scope="session")
def rest_servers(pytestconfig: pytest.Config) -> Iterator[RestCatalogs]:
    """Iceberg's own REST catalogs, in one process of Java."""
    assert pytestconfig.cache is not None
    with rest_catalogs(pytestconfig.cache.mkdir("rest-catalog")) as catalogs:
        yield catalogs
