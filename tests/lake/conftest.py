"""A lake per test: it takes milliseconds to make, so nothing is mocked."""

from __future__ import annotations

import contextlib
import functools
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lakebt.lake import Lake
from lakebt.lake.storage.catalog import open_path
from tests.lake.crash import publish
from tests.lake.earnings import calendar, declare
from tests.lake.frames import AS_OF, bars, clock
from tests.lake.original import OpenOriginal, Original
from tests.lake.remote import Remote
from tests.servers import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import RestCatalogs


def make_empty(path: Path) -> None:
    """Make what `lake` is."""
    Lake.open(path, clock=clock)


def make_published(path: Path) -> None:
    """Make what `published` is."""
    lake = Lake.open(path, clock=clock)
    lake.publish({"prices": bars()}, release="R0", as_of=AS_OF)
    declare(lake)
    lake.publish({"earnings": calendar()}, release="R1", as_of=AS_OF)


def make_prices(path: Path) -> None:
    """Make a lake of one release, of prices."""
    lake = Lake.open(path, clock=clock)
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)


Maker = Callable[[Path], object]

ORIGINALS: dict[str, Maker] = {"lake": make_empty, "published": make_published}
"""By the name of the fixture that asks for it, what makes a lake, once in a run.

A file of tests that has more of them names them alike, and its own come first.
"""


@pytest.fixture(scope="session")
def original_of(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[Maker], Original]:
    """Gives what was made, whoever asked for it first."""
    return functools.cache(
        lambda make: Original(tmp_path_factory.mktemp(make.__name__), make)
    )


@pytest.fixture
def path(
    request: pytest.FixtureRequest,
    original_of: Callable[[Maker], Original],
    tmp_path: Path,
) -> Path:
    """Where the test's lake is; nothing is there if it asks for none."""
    makers = ORIGINALS | getattr(request.module, "ORIGINALS", {})
    for name, make in reversed(makers.items()):
        if name in request.fixturenames:
            return original_of(make).restored()
    return tmp_path / "lake"


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder that other users of the machine come to, unlike `tmp_path`."""
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory)


@pytest.fixture
def lake(path: Path) -> Lake:
    """An empty lake whose clock says 2023-06-01."""
    return Lake.open(path, clock=clock)


@pytest.fixture
def published(lake: Lake) -> Lake:
    """A lake with prices in R0, and with a declared earnings calendar too in R1."""
    return lake


KINDS = ["iceberg", "lakebt"]
"""Catalogs that are not SQL: Iceberg's own server, and ours."""


@contextlib.contextmanager
def configured(folder: Path, kind: str, address: str) -> Iterator[Remote]:
    """Have pyiceberg find the catalog that a server has at its address."""
    made = Remote(folder, is_ours=kind == "lakebt")
    with pytest.MonkeyPatch.context() as patch:
        # Step by step, as clients publish that know no better, or have too much.
        made.configure(patch, type="rest", uri=address, **{"lakebt.releases": "no"})
        yield made


@contextlib.contextmanager
def ours_at(folder: Path) -> Iterator[Remote]:
    """Serve the lake in a folder, an empty one where there is none."""
    with (
        serving(open_path(folder, create=True)) as (address, _),
        configured(folder, "lakebt", address) as made,
    ):
        yield made


class Originals:
    """Lakes that `lakebt serve` serves, each given back as it was when it was made.

    Parameters
    ----------
    places
        Where they lie.
    """

    def __init__(self, places: pytest.TempPathFactory) -> None:
        self._places, self._made = places, dict[int, Original]()

    @contextlib.contextmanager
    def given_back(self, *, releases: int) -> Iterator[Remote]:
        """Serve a lake with so many releases."""
        if releases not in self._made:
            place = self._places.mktemp("lakebt")
            self._made[releases] = Original(place, partial(self._make, releases))
        with ours_at(self._made[releases].restored()) as made:
            yield made

    def _make(self, releases: int, folder: Path) -> None:
        folder.mkdir()
        with ours_at(folder) as empty:
            fill(empty, releases)


class OtherOriginals:
    """Those that Iceberg's own server serves.

    Each has one as long as the process lives: a second one on the same SQLite file
    fails under several writers at once.
    """

    def __init__(self, places: pytest.TempPathFactory, servers: RestCatalogs) -> None:
        self._places, self._servers = places, servers
        self._made: dict[int, tuple[Original, str]] = {}
        self.open = contextlib.ExitStack()

    @contextlib.contextmanager
    def given_back(self, *, releases: int) -> Iterator[Remote]:
        """Give a lake with so many releases."""
        if releases not in self._made:
            self._made[releases] = self._make(releases)
        original, address = self._made[releases]
        with configured(original.restored(), "iceberg", address) as made:
            yield made

    def _make(self, releases: int) -> tuple[Original, str]:
        place = self._places.mktemp("iceberg")
        folder = place / "lake"
        folder.mkdir()
        address = self.open.enter_context(self._servers.serve(folder))

        def make(path: Path) -> None:
            with configured(path, "iceberg", address) as empty:
                fill(empty, releases)

        return OpenOriginal(place, make, database="rest.db"), address


def fill(empty: Remote, releases: int) -> None:
    """Publish so many releases of `tests.lake.crash`."""
    lake = empty.open(create=True)
    for number in range(1, releases + 1):
        publish(lake, number)


@pytest.fixture(scope="session")
def lakebt_originals(tmp_path_factory: pytest.TempPathFactory) -> Originals:
    """Lakes in a catalog of ours."""
    return Originals(tmp_path_factory)


@pytest.fixture(scope="session")
def iceberg_originals(
    tmp_path_factory: pytest.TempPathFactory, rest_servers: RestCatalogs
) -> Iterator[OtherOriginals]:
    """Lakes in Iceberg's own."""
    made = OtherOriginals(tmp_path_factory, rest_servers)
    with made.open:
        yield made


def given_back(
    request: pytest.FixtureRequest, *, releases: int
) -> contextlib.AbstractContextManager[Remote]:
    """Give a lake of the kind that a test asks for, as it was when it was made."""
    originals = request.getfixturevalue(f"{request.param}_originals")
    made: contextlib.AbstractContextManager[Remote] = originals.given_back(
        releases=releases
    )
    return made


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
