"""A lake in every kind of place, and the servers behind them: once per process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.behaviour.content import fill
from tests.behaviour.places import PLACES, Place, place_of
from tests.servers import aws, postgres, rest_catalogs, seaweedfs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers import Aws, Postgres, RestCatalogs, Seaweed


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An empty lake of each kind."""
    with place_of(request.param, request=request, folder=tmp_path) as made:
        yield made


@pytest.fixture(scope="module", params=PLACES)
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """A lake of each kind that is only read: it holds `tests.behaviour.content`."""
    folder = tmp_path_factory.mktemp(request.param)
    with place_of(request.param, request=request, folder=folder) as made:
        fill(made.open())
        yield made


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture(scope="session")
def seaweed_server() -> Iterator[Seaweed]:
    with seaweedfs() as running:
        yield running


@pytest.fixture(scope="session")
def aws_server() -> Iterator[Aws]:
    with aws() as running:
        yield running


@pytest.fixture(scope="session")
def rest_servers(pytestconfig: pytest.Config) -> Iterator[RestCatalogs]:
    assert pytestconfig.cache is not None
    with rest_catalogs(pytestconfig.cache.mkdir("rest-catalog")) as catalogs:
        yield catalogs
