"""A lake with two releases, served in a thread of this process."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import requests
from pyiceberg.catalog.rest import RestCatalog

from lakebt.lake import Lake
from lakebt.lake.publishing import release_request
from lakebt.lake.publishing.publication import prepare
from lakebt.lake.storage.catalog import open_path
from tests.lake.frames import AS_OF, NOW, bars, clock, q1
from tests.lake.original import Original
from tests.lake.remote import Remote
from tests.servers import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyiceberg.table import Table


@dataclass(frozen=True)
class House:
    """A served lake, and the clients that ask for it.

    Attributes
    ----------
    path
        Where the lake lies.
    address
        Of the server.
    log
        Its access log.
    """

    path: Path
    address: str
    log: list[str] = field(repr=False)

    def client(self) -> RestCatalog:
        """Open it as any program does."""
        return RestCatalog("lake", uri=self.address)

    def lake(self) -> Lake:
        """Open the lake without the server."""
        return Lake.open(self.path, create=False, clock=clock)

    def table(self, name: str = "quant.prices") -> Table:
        """Load a table from the server."""
        table: Table = self.client().load_table(name)
        return table

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request."""
        url = f"{self.address}/v1/{path}"
        return requests.request(method, url, timeout=60, **options)

    def commit(
        self,
        *updates: dict[str, Any],
        required: tuple[dict[str, Any], ...] = (),
        table: str = "quant/tables/prices",
    ) -> requests.Response:
        """Send a commit, word for word."""
        body = {"requirements": required, "updates": updates}
        return self.ask("POST", f"namespaces/{table}", json=body)


def error(answer: requests.Response) -> tuple[int, str, str]:
    """Return what an error says: its status, its name and its message."""
    told = answer.json()["error"]
    assert told["code"] == answer.status_code
    return answer.status_code, told["type"], told["message"]


@pytest.fixture(scope="session")
def two_releases(tmp_path_factory: pytest.TempPathFactory) -> Original:
    """A lake with releases R1 and R2 of two tables."""

    def make(path: Path) -> None:
        lake = Lake.open(path, clock=clock)
        both = {"prices": bars(), "etf_holdings": q1()}
        lake.publish(both, release="R1", as_of=AS_OF)
        lake.publish({"prices": bars(("2022-09-07",))}, release="R2", as_of=AS_OF)

    return Original(tmp_path_factory.mktemp("two-releases"), make)


@pytest.fixture
def house(two_releases: Original) -> Iterator[House]:
    """A served lake with releases R1 and R2 of two tables."""
    path = two_releases.restored()
    with serving(open_path(path, create=False)) as (address, log):
        yield House(path, address, log)


NEXT = {"prices": bars(("2022-09-08",))}
"""What R3 brings to that lake."""

URL = "lakebt/releases"


@pytest.fixture
def remote(house: House, monkeypatch: pytest.MonkeyPatch) -> Remote:
    """The same lake, as another process opens it: by the server alone."""
    made = Remote(house.path, is_ours=True)
    made.configure(monkeypatch, type="rest", uri=house.address)
    return made


def posts(house: House) -> list[str]:
    """Return the requests that change something, with their status.

    A line is logged when its answer has been sent, which may have come by then.
    """
    time.sleep(0.05)
    return [" ".join(line.split()[2:5]) for line in house.log if " POST " in line]


def body(lake: Lake, frames: Any = NEXT, release: str = "R3", **told: Any) -> bytes:
    """Return the request by which a lake would publish."""
    publication = prepare(
        frames,
        release=release,
        as_of=AS_OF,
        specs=lake._specs(),  # noqa: SLF001
        now=NOW,
        sessions=lake._sessions,  # noqa: SLF001
    )
    made = release_request.encoded(publication, now=NOW, told=told.get("told", ()))
    assert made is not None
    return made


def send(house: House, content: bytes, **headers: str) -> requests.Response:
    """Send a request that publishes."""
    kind = {"Content-Type": release_request.KIND, **headers}
    return house.ask("POST", URL, data=content, headers=kind)
