"""What the server can be asked, without HTTP: the words of a client, and answers."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from lakebt.errors import LakeError
from lakebt.lake.serving.commits import Change, Wanted, Writer
from lakebt.lake.serving.errors import (
    BadRequestError,
    NoNamespaceError,
    NoTableError,
    UnsupportedError,
    translated,
)
from lakebt.lake.serving.names import (
    Warehouse,
    check_name,
    check_namespace,
    namespace_of,
)
from lakebt.lake.serving.namespaces import Namespaces
from lakebt.lake.serving.table_cache import Shelf, told
from lakebt.lake.serving.updates import parsed_requirements, parsed_updates

if TYPE_CHECKING:
    from lakebt.lake.serving import requests as wire
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


class Service:
    """The catalog of one lake. Reading is done by any thread, writing by one."""

    def __init__(self, storage: Storage) -> None:
        catalog = storage.sql
        if catalog is None:
            msg = f"{storage.where} cannot be served: its catalog is not SQL"
            raise LakeError(msg)
        self.warehouse = Warehouse(str(catalog.properties["warehouse"]).rstrip("/"))
        self._shelf = Shelf(catalog)
        self._spaces = Namespaces(catalog, self.warehouse)
        self._writer = Writer(storage, catalog, self._shelf, self.warehouse)

    # ------------------------------------------------------------------- reading

    def config(self, *, read_only: bool) -> dict[str, Any]:
        """Return what a client asks first. Nothing in it is secret."""
        return {
            "defaults": {"warehouse": self.warehouse.address},
            "overrides": {},
            "endpoints": [*_READS, *(() if read_only else _WRITES)],
        }

    def namespaces(self, parent: str | None) -> dict[str, Any]:
        """List namespaces."""
        return {"namespaces": [list(name) for name in self._spaces.names(parent)]}

    def namespace(self, said: str) -> dict[str, Any]:
        """Return what is said about a namespace."""
        name = namespace_of(said)
        return {"namespace": list(name), "properties": self._spaces.properties(name)}

    def check_namespace(self, said: str) -> None:
        """Check that there is a namespace.

        Raises
        ------
        NoNamespaceError
            If there is none.
        """
        if not self._spaces.exists(namespace_of(said)):
            msg = f"Namespace does not exist: {said[:80]!a}"
            raise NoNamespaceError(msg)

    def tables(self, said: str) -> dict[str, Any]:
        """List tables."""
        space = namespace_of(said)
        names = self._spaces.tables(space)
        return {
            "identifiers": [{"namespace": list(space), "name": name} for name in names]
        }

    def table(self, said: str, name: str, *, snapshots: str) -> tuple[bytes, str]:
        """Return a table as JSON, and what tells this version of it from others."""
        place = _place(said, name)
        with translated():
            loaded = self._shelf.load(*place)
        mark = hashlib.sha256(f"{loaded.location} {snapshots}".encode()).hexdigest()
        body = loaded.named_only if snapshots == "refs" else loaded.answer
        return body, f'"{mark[:32]}"'

    def check_table(self, said: str, name: str) -> None:
        """Check that there is a table.

        Raises
        ------
        NoTableError
            If there is none.
        """
        with translated():
            is_there = self._shelf.pointer(*_place(said, name)) is not None
        if not is_there:
            msg = f"Table does not exist: {name[:80]!a}"
            raise NoTableError(msg)

    # ------------------------------------------------------------------- writing

    def create_namespace(self, asked: wire.NewNamespace) -> dict[str, Any]:
        """Make a namespace."""
        name = check_namespace(asked.namespace)
        self._spaces.create(name, asked.properties or {})
        return {"namespace": list(name), "properties": self._spaces.properties(name)}

    def drop_namespace(self, said: str) -> None:
        """Drop a namespace that is empty."""
        self._spaces.drop(namespace_of(said))

    def update_namespace(
        self, said: str, asked: wire.NamespaceChanges
    ) -> dict[str, list[str]]:
        """Change what is said about a namespace."""
        return self._spaces.update(
            namespace_of(said),
            removals=asked.removals or (),
            updates=asked.updates or {},
        )

    def create_table(self, said: str, asked: wire.NewTable) -> bytes:
        """Make a table, or, where that is asked, only say how it would be."""
        wanted = Wanted(
            namespace=namespace_of(said),
            name=check_name(asked.name, what="table"),
            location=asked.location,
            schema=asked.table_schema,
            partition_spec=asked.partition_spec,
            write_order=asked.write_order,
            properties=asked.properties or {},
        )
        if asked.stage_create:
            with translated():
                return told(self._writer.stage(wanted).metadata, None)
        return self._writer.create(wanted).answer

    def register(self, said: str, asked: wire.Registration) -> bytes:
        """Make a table of metadata that is there.

        Raises
        ------
        UnsupportedError
            If it shall take the place of another one.
        """
        if asked.overwrite:
            msg = (
                f"table {asked.name[:80]!a} is not overwritten: drop it, then register"
            )
            raise UnsupportedError(msg)
        name = check_name(asked.name, what="table")
        place = namespace_of(said)
        return self._writer.register(place, name, asked.metadata_location).answer

    def commit(self, said: str, name: str, asked: wire.TableChange) -> bytes:
        """Change a table."""
        return self._writer.commit([_change(_place(said, name), asked)])[0].answer

    def commit_together(self, asked: wire.Together) -> None:
        """Change several tables, all or none.

        Raises
        ------
        BadRequestError
            If one is not named.
        """
        changes = []
        for each in asked.table_changes:
            if each.identifier is None:
                msg = "each change of a transaction names its table: identifier"
                raise BadRequestError(msg)
            changes.append(_change(_named(each.identifier), each))
        if changes:
            self._writer.commit(changes)

    def drop_table(self, said: str, name: str, *, purge: bool) -> None:
        """Forget a table."""
        self._writer.drop(*_place(said, name), purge=purge)

    def rename_table(self, asked: wire.Renaming) -> None:
        """Give a table another name."""
        self._writer.rename(_named(asked.source), _named(asked.destination))


def _place(said: str, name: str) -> tuple[Namespace, str]:
    return namespace_of(said), check_name(name, what="table")


def _named(identifier: wire.Identifier) -> tuple[Namespace, str]:
    space = check_namespace(identifier.namespace)
    return space, check_name(identifier.name, what="table")


def _change(place: tuple[Namespace, str], asked: wire.TableChange) -> Change:
    return Change(
        namespace=place[0],
        name=place[1],
        requirements=parsed_requirements(asked.requirements),
        updates=parsed_updates(asked.updates),
    )
