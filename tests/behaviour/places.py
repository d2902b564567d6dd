"""Where a lake can be: in each kind of catalog, with its files here or in a store.

A test is given a `Place` and need not know which. A further kind is a function in
`PLACES` that gives what pyiceberg is configured with: a server of ours that speaks
Iceberg's REST protocol, say, is ``rest_at(address)``.
"""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyiceberg.catalog.sql import SqlCatalog

from lakebt.lake import Lake
from lakebt.lake.storage.catalog import open_path
from tests.lake.frames import clock
from tests.lake.remote import Remote, unpooled
from tests.servers.ours import serving
from tests.servers.seaweed import BUCKET, REGION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import pytest
    from pyiceberg.catalog import Catalog

    from lakebt.lake.storage.catalog import Storage
    from tests.servers import Aws, Postgres, RestCatalogs, Seaweed


@dataclass(frozen=True, kw_only=True)
class Place(Remote):
    """An empty lake, in this process and in those it starts.

    Attributes
    ----------
    kind
        A key of `PLACES`.
    properties
        What pyiceberg is configured with for the catalog ``prod``; of an embedded lake
        nothing.
    keys
        What the usual chain of AWS credentials begins with; nothing where files are
        local.
    """

    kind: str
    properties: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    _others: list[Catalog] = field(default_factory=list, init=False)

    @property
    def path(self) -> Path | None:
        """The directory of an embedded lake; None for the catalog ``prod``."""
        return None if self.properties else self.folder / "lake"

    @property
    def is_guarded(self) -> bool:
        """Whether nobody can harm its releases: `lakebt serve` serves it."""
        return self.kind == "served"

    @property
    def is_sql(self) -> bool:
        """Whether all tables change in one transaction."""
        return self.properties.get("type", "sql") == "sql"

    @property
    def is_local(self) -> bool:
        """Whether its files are on this machine's disk."""
        return not self.keys

    def storage_properties(self) -> dict[str, str]:
        """Return the properties with which another engine finds its files."""
        said = {
            name: v for name, v in self.properties.items() if name.startswith("s3.")
        }
        return {**said, "warehouse": self.properties.get("warehouse", "")}

    def open(self, *, create: bool = False) -> Lake:
        """Open it as a new process would."""
        if self.path is None:
            return super().open(create=create)
        return Lake.open(self.path, create=create, clock=clock)

    def storage(self) -> Storage:
        if self.path is None:
            return super().storage()
        return open_path(self.path, create=False)

    def catalog(self) -> Catalog:
        """Return its catalog as one other program has opened it."""
        if not self._others:
            self._others.append(self._opened())
        return self._others[0]

    def _opened(self) -> Catalog:
        if self.path is None:
            return super().catalog()
        database = self.path / "catalog.db"
        warehouse = f"file://{self.path}/warehouse"
        made = SqlCatalog("lake", uri=f"sqlite:///{database}", warehouse=warehouse)
        return unpooled(made)


class Servers:
    """The servers behind the places, each started when a test first needs it."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._of = request.getfixturevalue

    @property
    def postgres(self) -> Postgres:
        server: Postgres = self._of("postgres_server")
        return server

    @property
    def rest(self) -> RestCatalogs:
        server: RestCatalogs = self._of("rest_servers")
        return server

    @property
    def seaweed(self) -> Seaweed:
        server: Seaweed = self._of("seaweed_server")
        return server

    @property
    def aws(self) -> Aws:
        server: Aws = self._of("aws_server")
        return server


def rest_at(address: str, **properties: str) -> dict[str, str]:
    """Return how pyiceberg is told of a REST catalog."""
    return {"type": "rest", "uri": address, **properties}


def at(endpoint: str) -> dict[str, str]:
    """Return how pyiceberg is told of a store; without a region it asks Amazon."""
    return {"s3.endpoint": endpoint, "s3.region": REGION}


def _embedded(_: Servers, __: Path) -> Iterator[dict[str, Any]]:
    yield {}


def _postgres(servers: Servers, folder: Path) -> Iterator[dict[str, Any]]:
    uri = servers.postgres.uri(servers.postgres.database())
    yield {"properties": {"uri": uri, "warehouse": f"file://{folder}/warehouse"}}


def _rest(servers: Servers, folder: Path) -> Iterator[dict[str, Any]]:
    with servers.rest.serve(folder) as address:
        yield {"properties": rest_at(address)}


def _served(_: Servers, folder: Path) -> Iterator[dict[str, Any]]:
    with serving(open_path(folder / "lake", create=True)) as (address, _log):
        yield {"properties": rest_at(address)}


def _sqlite_s3(servers: Servers, folder: Path) -> Iterator[dict[str, Any]]:
    store = servers.seaweed
    properties = {
        "uri": f"sqlite:///{folder}/catalog.db",
        "warehouse": f"s3://{BUCKET}/{secrets.token_hex(4)}",
        **at(store.endpoint),
    }
    yield {"properties": properties, "keys": store.keys}


def _seaweedfs(servers: Servers, _: Path) -> Iterator[dict[str, Any]]:
    store = servers.seaweed
    properties = rest_at(
        store.catalog,
        credential=f"{store.key_id}:{store.secret}",
        **{"oauth2-server-uri": f"{store.catalog}/v1/oauth/tokens"},
        warehouse=store.table_bucket(),
        **at(store.endpoint),
    )
    yield {"properties": properties, "keys": store.keys}


def _glue(servers: Servers, _: Path) -> Iterator[dict[str, Any]]:
    account, store = servers.aws, servers.seaweed  # moto's own S3 is slow
    account.reset()
    properties = {
        "type": "glue",
        "warehouse": f"s3://{BUCKET}/{secrets.token_hex(4)}",
        "glue.endpoint": account.endpoint,
        "glue.region": REGION,
        **at(store.endpoint),
    }
    yield {"properties": properties, "keys": store.keys}


PLACES: dict[str, Callable[[Servers, Path], Iterator[dict[str, Any]]]] = {
    "embedded": _embedded,
    "postgres": _postgres,
    "rest": _rest,
    "served": _served,
    "sqlite-s3": _sqlite_s3,
    "seaweedfs": _seaweedfs,
    "glue": _glue,
}
"""How each kind is made: given the servers and an empty folder."""


@contextlib.contextmanager
def place_of(
    kind: str, *, request: pytest.FixtureRequest, folder: Path
) -> Iterator[Place]:
    """Make an empty lake of a kind."""
    import pytest  # noqa: PLC0415 - programs that tests start import this module, too

    made = contextlib.contextmanager(PLACES[kind])
    with (
        made(Servers(request), folder) as found,
        pytest.MonkeyPatch.context() as patch,
    ):
        place = Place(folder=folder, kind=kind, **found)
        for name, value in place.keys.items():
            patch.setenv(name, value)
        place.configure(patch, **place.properties)
        place.open(create=True)
        yield place
