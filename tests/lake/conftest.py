"""A lake per test: it takes milliseconds to make, so nothing is mocked."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from lakebt.lake import Lake
from lakebt.lake.storage.catalog import open_path
from tests.lake.crash import publish
from tests.lake.earnings import calendar, declare
from tests.lake.frames import AS_OF, bars, clock
from tests.lake.original import Original
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


@contextlib.contextmanager
def served_at(
    folder: Path, kind: str, *, request: pytest.FixtureRequest
) -> Iterator[Remote]:
    """Serve the lake in a folder, an empty one where there is none."""
    is_ours = kind == "lakebt"
    with contextlib.ExitStack() as stack:
        if is_ours:
            address, _ = stack.enter_context(serving(open_path(folder, create=True)))
        else:
            servers: RestCatalogs = request.getfixturevalue("rest_servers")
            address = stack.enter_context(servers.serve(folder))
        made = Remote(folder, is_ours=is_ours)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        # Step by step, as clients publish that know no better, or have too much.
        made.configure(patch, type="rest", uri=address, **{"lakebt.releases": "no"})
        yield made


KINDS = ["iceberg", "lakebt"]
"""Catalogs that are not SQL: Iceberg's own server, and ours."""


@pytest.fixture(scope="session")
def originals() -> dict[tuple[str, int], Original]:
    """Lakes in such catalogs, by kind and number of releases; see `given_back`."""
    return {}


@contextlib.contextmanager
def given_back(request: pytest.FixtureRequest, *, releases: int) -> Iterator[Remote]:
    """Serve a lake of the kind that a test asks for, as it was when it was made."""
    kind: str = request.param
    made = request.getfixturevalue("originals")

    def fill(empty: Remote) -> None:
        lake = empty.open(create=True)
        for number in range(1, releases + 1):
            publish(lake, number)

    def make(folder: Path) -> None:
        folder.mkdir()
        with served_at(folder, kind, request=request) as empty:
            fill(empty)

    if kind == "iceberg":
        # A second server on its SQLite file fails under several writers at once.
        folder = request.getfixturevalue("tmp_path_factory").mktemp(kind)
        with served_at(folder, kind, request=request) as fresh:
            fill(fresh)
            yield fresh
        return
    if (kind, releases) not in made:
        place = request.getfixturevalue("tmp_path_factory").mktemp(kind)
        made[kind, releases] = Original(place, make)
    folder = made[kind, releases].restored()
    with served_at(folder, kind, request=request) as again:
        yield again


@pytest.fixture(params=KINDS)
def remote(request: pytest.FixtureRequest) -> Iterator[Remote]:
    """An empty lake in a catalog that is not SQL."""
    with given_back(request, releases=0) as made:
        yield made


@pytest.fixture(params=KINDS)
def begun(request: pytest.FixtureRequest) -> Iterator[Remote]:
    """A lake in a catalog that is not SQL, with ``R1`` of `tests.lake.crash`."""
    with given_back(request, releases=1) as made:
        yield made
