"""A lake per test: it takes milliseconds to make, so nothing is mocked."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from lakebt.lake import Lake
from lakebt.lake.storage.catalog import open_path
from tests.lake.earnings import calendar, declare
from tests.lake.frames import AS_OF, bars, clock
from tests.lake.remote import Remote
from tests.servers import serving

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


@pytest.fixture(params=["iceberg", "lakebt"])
def remote(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Remote]:
    """An empty lake in a catalog that is not SQL: Iceberg's own server, and ours."""
    is_ours = request.param == "lakebt"
    with contextlib.ExitStack() as stack:
        if is_ours:
            storage = open_path(tmp_path, create=True)
            address, _ = stack.enter_context(serving(storage))
        else:
            servers: RestCatalogs = request.getfixturevalue("rest_servers")
            address = stack.enter_context(servers.serve(tmp_path))
        made = Remote(tmp_path, is_ours=is_ours)
        made.configure(monkeypatch, type="rest", uri=address)
        made.open(create=True)
        yield made
