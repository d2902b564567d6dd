"""A lake per test: it takes milliseconds to make, so nothing is mocked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lakebt.lake import Lake
from tests.lake.earnings import calendar, declare
from tests.lake.frames import AS_OF, bars, clock
from tests.lake.remote import Remote
from tests.servers import rest_catalogs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers import RestCatalogs


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the test's lake is."""
    return tmp_path / "lake"


@pytest.fixture
def lake(path: Path) -> Lake:
    """An empty lake whose clock says 2023-06-01."""
    return Lake.open(path, clock=clock)


@pytest.fixture
def published(lake: Lake) -> Lake:
    """A lake with prices in R0, and with a declared earnings calendar too in R1."""
    lake.publish({"prices": bars()}, release="R0", as_of=AS_OF)
    declare(lake)
    lake.publish({"earnings": calendar()}, release="R1", as_of=AS_OF)
    return lake


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> Iterator[RestCatalogs]:
    """Iceberg's own REST catalogs, in one process of Java."""
    assert pytestconfig.cache is not None
    with rest_catalogs(pytestconfig.cache.mkdir("rest-catalog")) as catalogs:
        yield catalogs


@pytest.fixture
def remote(
    servers: RestCatalogs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Remote]:
    """An empty lake in a catalog that is not SQL."""
    with servers.serve(tmp_path) as address:
        made = Remote(tmp_path)
        made.configure(monkeypatch, type="rest", uri=address)
        made.open(create=True)
        yield made
