"""The requests of a catalog, without HTTP: from bodies to answers."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from lakebt.errors import LakeError
from lakebt.lake.publishing import release_request
from lakebt.lake.serving.branch_writer import Branches
from lakebt.lake.serving.commits import Change, Creation, Writer
from lakebt.lake.serving.errors import (
    BadRequestError,
    NoNamespaceError,
    NoTableError,
    UnsupportedError,
    translated,
)
from lakebt.lake.serving.metrics import Metrics
from lakebt.lake.serving.middleware import LARGEST_RELEASE_BYTES
from lakebt.lake.serving.names import (
    Warehouse,
    check_name,
    check_namespace,
    namespace_of,
)
from lakebt.lake.serving.namespaces import Namespaces
from lakebt.lake.serving.references import References
from lakebt.lake.serving.release_writer import Releases
from lakebt.lake.serving.table_cache import TableCache, load_result
from lakebt.lake.serving.updates import parsed_requirements, parsed_updates

if TYPE_CHECKING:
    from lakebt.lake.serving import requests
    from lakebt.lake.serving.names import Namespace
    from lakebt.lake.storage.catalog import Storage


_READS = (
    "GET /v1/{prefix}/namespaces",
    "GET /v1/{prefix}/namespaces/{namespace}",
    "HEAD /v1/{prefix}/namespaces/{namespace}",
    "GET /v1/{prefix}/namespaces/{namespace}/tables",
    "GET /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "HEAD /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "POST /v1/{prefix}/namespaces/{namespace}/tables/{table}/metrics",
)

_WRITES = (
    "POST /v1/{prefix}/namespaces",
    "DELETE /v1/{prefix}/namespaces/{namespace}",
    "POST /v1/{prefix}/namespaces/{namespace}/properties",
    "POST /v1/{prefix}/namespaces/{namespace}/tables",
    "POST /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "DELETE /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "POST /v1/{prefix}/namespaces/{namespace}/register",
    "POST /v1/{prefix}/tables/rename",
    "POST /v1/{prefix}/transactions/commit",
)

_OFFERED = {
    release_request.OFFERED: release_request.VERSION,
    release_request.BRANCHES: release_request.VERSION,
    release_request.LARGEST: str(LARGEST_RELEASE_BYTES),
}
"""What lakebt finds in the configuration, and other clients overlook."""


class Service:
    """The catalog of one lake. Any thread may read, one at a time may write."""

    def __init__(self, storage: Storage) -> None:
        catalog = storage.sql
        if catalog is None:
            msg = f"{storage.where} cannot be served: its catalog is not SQL"
            raise LakeError(msg)
        self.warehouse = Warehouse(str(catalog.properties["warehouse"]).rstrip("/"))
        self._cache = TableCache(catalog)
        self.address = storage.address
        self._references = References(storage, catalog, self._cache)
        self._spaces = Namespaces(catalog, self.warehouse)
        self._writer = Writer(storage, catalog, self._cache, self.warehouse)
        self.metrics = Metrics()
        self.releases = Releases(storage, lost=self.metrics.lost)
        self.branches = Branches(storage)

    # ------------------------------------------------------------------- reading

    def config(self, *, read_only: bool) -> dict[str, Any]:
        """Return the configuration, which a client asks first. It has no secret."""
        return {
            "defaults": {
                "warehouse": self.warehouse.address,
                **({} if read_only else _OFFERED),
            },
            "overrides": {},
            "endpoints": [*_READS, *(() if read_only else _WRITES)],
        }

    def namespaces(self, parent: str | None) -> dict[str, Any]:
        """List namespaces."""
        return {"namespaces": [list(name) for name in self._spaces.names(parent)]}

    def namespace(self, path: str) -> dict[str, Any]:
        """Return the properties of a namespace."""
        name = namespace_of(path)
        return {"namespace": list(name), "properties": self._spaces.properties(name)}

    def check_namespace(self, path: str) -> None:
        """Check that there is a namespace.

        Raises
        ------
        NoNamespaceError
            If there is none.
        """
        if not self._spaces.exists(namespace_of(path)):
            msg = f"Namespace does not exist: {path[:80]!a}"
            raise NoNamespaceError(msg)

    def tables(self, path: str) -> dict[str, Any]:
        """List tables."""
        namespace = namespace_of(path)
        names = self._spaces.tables(namespace)
        return {
            "identifiers": [
                {"namespace": list(namespace), "name": name} for name in names
            ]
        }

    def table(self, path: str, name: str, *, snapshots: str) -> tuple[bytes, str]:
        """Return a table as JSON, and the entity tag of this version."""
        namespace = namespace_of(path)
        with translated():
            if (named := self._references.split(namespace, name)) is not None:
                read = load_result(self._references.load(namespace, *named), None)
                return read, f'"{hashlib.sha256(read).hexdigest()[:32]}"'
            loaded = self._cache.load(namespace, check_name(name, what="table"))
        etag = hashlib.sha256(f"{loaded.location} {snapshots}".encode()).hexdigest()
        body = loaded.refs_only if snapshots == "refs" else loaded.answer
        return body, f'"{etag[:32]}"'

    def check_table(self, path: str, name: str) -> None:
        """Check that there is a table.

        Raises
        ------
        NoTableError
            If there is none.
        """
        namespace = namespace_of(path)
        with translated():
            if (named := self._references.split(namespace, name)) is not None:
                is_there = self._references.has(namespace, *named)
            else:
                whole = check_name(name, what="table")
                is_there = self._cache.pointer(namespace, whole) is not None
        if not is_there:
            msg = f"Table does not exist: {name[:80]!a}"
            raise NoTableError(msg)

    # ------------------------------------------------------------------- writing

    def create_namespace(self, request: requests.NewNamespace) -> dict[str, Any]:
        """Make a namespace."""
        name = check_namespace(request.namespace)
        self._spaces.create(name, request.properties or {})
        return {"namespace": list(name), "properties": self._spaces.properties(name)}

    def drop_namespace(self, path: str) -> None:
        """Drop a namespace that is empty."""
        self._spaces.drop(namespace_of(path))

    def update_namespace(
        self, path: str, request: requests.NamespaceChanges
    ) -> dict[str, list[str]]:
        """Change the properties of a namespace."""
        return self._spaces.update(
            namespace_of(path),
            removals=request.removals or (),
            updates=request.updates or {},
        )

    def create_table(self, path: str, request: requests.NewTable) -> bytes:
        """Make a table; one that is staged is only described."""
        namespace, name = self._written(namespace_of(path), request.name)
        creation = Creation(
            namespace=namespace,
            name=name,
            location=request.location,
            schema=request.table_schema,
            partition_spec=request.partition_spec,
            write_order=request.write_order,
            properties=request.properties or {},
        )
        if request.stage_create:
            with translated():
                return load_result(self._writer.stage(creation).metadata, None)
        return self._writer.create(creation).answer

    def register(self, path: str, request: requests.Registration) -> bytes:
        """Make a table of metadata that is there.

        Raises
        ------
        UnsupportedError
            If it is to replace another one.
        """
        if request.overwrite:
            table = request.name[:80]
            msg = f"table {table!a} is not overwritten: drop it, then register"
            raise UnsupportedError(msg)
        namespace, name = self._written(namespace_of(path), request.name)
        return self._writer.register(namespace, name, request.metadata_location).answer

    def commit(self, path: str, name: str, request: requests.TableChange) -> bytes:
        """Change a table."""
        return self._writer.commit(
            [_change(self._written(namespace_of(path), name), request)]
        )[0].answer

    def commit_together(self, request: requests.Transaction) -> None:
        """Change several tables, all or none.

        Raises
        ------
        BadRequestError
            If one is not named.
        """
        changes = []
        for change in request.table_changes:
            if change.identifier is None:
                msg = "each change of a transaction names its table: identifier"
                raise BadRequestError(msg)
            changes.append(_change(self._named(change.identifier), change))
        if changes:
            self._writer.commit(changes)

    def drop_table(self, path: str, name: str, *, purge: bool) -> None:
        """Forget a table."""
        self._writer.drop(*self._written(namespace_of(path), name), purge=purge)

    def rename_table(self, request: requests.Renaming) -> None:
        """Give a table another name."""
        self._writer.rename(
            self._named(request.source), self._named(request.destination)
        )

    def _written(self, namespace: Namespace, name: str) -> tuple[Namespace, str]:
        """Return a table that is to be made or changed."""
        with translated():
            self._references.check_own(namespace, name)
        return namespace, check_name(name, what="table")

    def _named(self, identifier: requests.Identifier) -> tuple[Namespace, str]:
        return self._written(check_namespace(identifier.namespace), identifier.name)


def _change(table: tuple[Namespace, str], request: requests.TableChange) -> Change:
    return Change(
        namespace=table[0],
        name=table[1],
        requirements=parsed_requirements(request.requirements),
        updates=parsed_updates(request.updates),
    )
