"""Lists, makes, changes and drops namespaces, but not the lake's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.lake.serving.errors import (
    BadRequestError,
    ForbiddenError,
    NotEmptyError,
    translated,
)
from lakebt.lake.serving.names import namespace_of
from lakebt.lake.tables.schemas import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyiceberg.catalog.sql import SqlCatalog

    from lakebt.lake.serving.names import Namespace, Warehouse


_EXISTS = "exists"
"""The property that marks a namespace without any other in a SQL catalog."""


class Namespaces:
    """The namespaces of a catalog."""

    def __init__(self, catalog: SqlCatalog, warehouse: Warehouse) -> None:
        self._catalog, self._warehouse = catalog, warehouse

    def names(self, parent: str | None) -> list[Namespace]:
        """Return the namespaces at the top, or directly below `parent`, sorted."""
        above = namespace_of(parent) if parent else ()
        with translated():
            return sorted(map(tuple, self._catalog.list_namespaces(above)))

    def tables(self, namespace: Namespace) -> list[str]:
        """Return the names of its tables, sorted."""
        with translated():
            return sorted(name[-1] for name in self._catalog.list_tables(namespace))

    def exists(self, namespace: Namespace) -> bool:
        """Whether there is such a namespace."""
        with translated():
            return self._catalog.namespace_exists(namespace)

    def properties(self, namespace: Namespace) -> dict[str, str]:
        """Return the properties of a namespace."""
        with translated():
            properties = dict(self._catalog.load_namespace_properties(namespace))
        properties.pop(_EXISTS, None)
        return properties

    def create(self, namespace: Namespace, properties: Mapping[str, str]) -> None:
        """Make a namespace."""
        self._check(namespace, properties)
        with translated():
            self._catalog.create_namespace(namespace, {**properties, _EXISTS: "true"})

    def drop(self, namespace: Namespace) -> None:
        """Drop a namespace that is empty.

        Raises
        ------
        ForbiddenError
            If it is the lake's.
        NotEmptyError
            If it holds namespaces, or tables.
        """
        if namespace == (NAMESPACE,):
            msg = f"namespace {NAMESPACE} is the lake's, and cannot be dropped"
            raise ForbiddenError(msg)
        with translated():
            if below := self._catalog.list_namespaces(namespace):
                name = ".".join(namespace)
                msg = f"Namespace {name} is not empty: it holds {'.'.join(below[0])}"
                raise NotEmptyError(msg)
            self._catalog.drop_namespace(namespace)

    def update(
        self,
        namespace: Namespace,
        *,
        removals: Iterable[str],
        updates: Mapping[str, str],
    ) -> dict[str, list[str]]:
        """Change the properties of a namespace, and return which were changed.

        Raises
        ------
        BadRequestError
            If a property is to be both set and removed.
        """
        gone = set(removals)
        if both := sorted(gone & updates.keys()):
            msg = f"property {both[0]!a} cannot be both set and removed"
            raise BadRequestError(msg)
        self._check(namespace, updates)
        with translated():
            done = self._catalog.update_namespace_properties(
                namespace, gone - {_EXISTS}, {**updates, _EXISTS: "true"}
            )
        return {
            "removed": sorted(done.removed),
            "updated": sorted(set(done.updated) - {_EXISTS}),
            "missing": sorted({*done.missing, *(gone & {_EXISTS})}),
        }

    def _check(self, namespace: Namespace, properties: Mapping[str, str]) -> None:
        """Check the properties that a client sets.

        Raises
        ------
        BadRequestError
            If one is too long, or the catalog's own.
        ForbiddenError
            If its tables would lie elsewhere.
        """
        for key, value in properties.items():
            if not key or len(key) > 255 or len(value) > 1000 or key == _EXISTS:
                msg = (
                    f"property {key[:80]!a}: a key has 1 to 255 characters and is not "
                    f"{_EXISTS!r}, a value has at most 1000"
                )
                raise BadRequestError(msg)
        if (location := properties.get("location")) is None:
            return
        if namespace == (NAMESPACE,):
            msg = f"namespace {NAMESPACE} is the lake's: its location stays"
            raise ForbiddenError(msg)
        self._warehouse.check(location, what="location")
