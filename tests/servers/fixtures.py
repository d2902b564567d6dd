"""The servers of the tests: each at most once in a process, when it is first needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.servers import aws, postgres, rest_catalogs, seaweedfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Aws, Postgres, RestCatalogs, Seaweed


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """Debian's Postgres: whoever needs a database makes one."""
    with postgres() as running:
        yield running


@pytest.fixture(scope="session")
def seaweed_server() -> Iterator[Seaweed]:
    """A store of objects, and a catalog in it."""
    with seaweedfs() as running:
        yield running


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
