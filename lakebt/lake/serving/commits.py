"""Changes tables of a catalog: a commit is made whole, or not at all.

It waits for `committing.sql.turn`, as an embedded publisher does. So nothing that was
checked can change before the commit, and a commit of several tables is one SQL
transaction. One thread at a time may call this.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from pyiceberg.catalog.sql import IcebergTables
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import StagedTable
from pyiceberg.table.metadata import TableMetadataUtil, new_table_metadata
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER, SortOrder
from pyiceberg.table.update import AssertCreate

from lakebt.lake.committing import sql
from lakebt.lake.serving.commit_rules import Guard, without_mark
from lakebt.lake.serving.errors import (
    BadRequestError,
    ExistsError,
    ForbiddenError,
    NoNamespaceError,
    NoTableError,
    UnsupportedError,
    translated,
)
from lakebt.lake.serving.locations import check_files, make_folders
from lakebt.lake.serving.pending_change import Pending
from lakebt.lake.serving.table_cache import Loaded
from lakebt.lake.serving.table_rules import check_updates
from lakebt.lake.serving.updates import as_specified, check, guarded, readable
from lakebt.lake.storage import creation, snapshots
from lakebt.lake.storage.metadata import first_version, next_version, place, write
from lakebt.lake.tables.schemas import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyiceberg.catalog.sql import SqlCatalog
    from pyiceberg.table.update import TableRequirement, TableUpdate

    from lakebt.lake.serving.names import Namespace, Warehouse
    from lakebt.lake.serving.table_cache import TableCache
    from lakebt.lake.storage.catalog import Storage


FORMATS = ("1", "2")
"""Format versions that pyiceberg writes."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """The requirements and updates of one table in a commit."""

    namespace: Namespace
    name: str
    requirements: Sequence[TableRequirement]
    updates: Sequence[TableUpdate]


@dataclass(frozen=True, kw_only=True)
class Creation:
    """A table that a client wants to be made."""

    namespace: Namespace
    name: str
    location: str | None
    schema: Mapping[str, Any]
    partition_spec: Mapping[str, Any] | None
    write_order: Mapping[str, Any] | None
    properties: Mapping[str, str]


class Writer:
    """Changes tables."""

    def __init__(
        self,
        storage: Storage,
        catalog: SqlCatalog,
        cache: TableCache,
        warehouse: Warehouse,
    ) -> None:
        self._catalog, self._cache, self._warehouse = catalog, cache, warehouse
        self._guard = Guard(storage, warehouse)

    def commit(self, changes: Sequence[Change]) -> list[Loaded]:
        """Change tables together, and return their new versions.

        Raises
        ------
        BadRequestError
            If a change makes no sense.
        ConflictError
            If a table is not as required.
        ForbiddenError
            If a release would be harmed.
        NoTableError
            If there is no such table.
        """
        names = [(*each.namespace, each.name) for each in changes]
        if twice := next((n for n in names if names.count(n) > 1), None):
            msg = f"table {'.'.join(twice)} is changed twice: put it into one change"
            raise BadRequestError(msg)
        return self._carry_out(lambda: [self._prepared(each) for each in changes])

    def create(self, creation: Creation) -> Loaded:
        """Make a table.

        Raises
        ------
        BadRequestError, ExistsError, ForbiddenError, NoNamespaceError
            If it cannot be made.
        """
        loaded = self._carry_out(
            lambda: [Pending(before=None, after=self.stage(creation))]
        )
        return loaded[0]

    def stage(self, creation: Creation) -> StagedTable:
        """Return a table as it would be made, without making it.

        Raises
        ------
        BadRequestError
            If it makes no sense.
        ExistsError, ForbiddenError, NoNamespaceError
            If it cannot be made.
        """
        self._check_free(creation.namespace, creation.name)
        home = self._home(creation.namespace, creation.name)
        location = (creation.location or home).rstrip("/")
        properties = dict(creation.properties)
        if properties.get("format-version", "2") not in FORMATS:
            version = properties["format-version"][:20]
            msg = f"format-version must be one of {', '.join(FORMATS)}, was {version!a}"
            raise BadRequestError(msg)

        def make() -> Any:
            spec, order = creation.partition_spec, creation.write_order
            metadata = new_table_metadata(
                schema=Schema.model_validate(creation.schema),
                partition_spec=(
                    PartitionSpec.model_validate(spec)
                    if spec
                    else UNPARTITIONED_PARTITION_SPEC
                ),
                sort_order=(
                    SortOrder.model_validate(order) if order else UNSORTED_SORT_ORDER
                ),
                location=location,
                properties=properties,
            )
            return TableMetadataUtil.parse_obj(metadata.model_dump())

        staged = self._staged(creation.namespace, creation.name, guarded(make))
        make_folders(staged.metadata)
        return staged

    def register(self, namespace: Namespace, name: str, location: str) -> Loaded:
        """Make a table of metadata that exists in the warehouse.

        Raises
        ------
        BadRequestError
            If it is not metadata, or names files elsewhere.
        ForbiddenError
            If it is in the lake's own namespace, or outside of the warehouse.
        """
        if namespace == (NAMESPACE,):
            msg = f"a table of the lake is made by lakebt, not registered as {name!r}"
            raise ForbiddenError(msg)
        what = "metadata-location"
        self._warehouse.check(location, what=what)
        if not location.endswith(".metadata.json"):
            msg = f"{what} {location[:200]!a} does not end with .metadata.json"
            raise BadRequestError(msg)
        metadata = guarded(lambda: self._cache.read(location))
        check_files(metadata, self._warehouse, home=None)
        self._warehouse.check_in_table(location, metadata.location, what=what)
        with translated(), sql.turn(self._catalog) as connection:
            self._check_free(namespace, name)
            creation.insert(connection, self._catalog, (*namespace, name), location)
        return Loaded(location, metadata)

    def drop(self, namespace: Namespace, name: str, *, purge: bool) -> None:
        """Remove a table from the catalog. Its files stay.

        Raises
        ------
        ForbiddenError
            If it is the lake's.
        NoTableError
            If there is none.
        UnsupportedError
            If its files are to be deleted.
        """
        with translated(), sql.turn(self._catalog) as connection:
            self._check_there(namespace, name)
            self._guard.check_stays(namespace, name, what="dropped")
            if purge:
                msg = (
                    f"table {name} is not purged: the server deletes no data files. "
                    f"Drop it without purge, and delete its folder"
                )
                raise UnsupportedError(msg)
            connection.execute(
                sa.delete(IcebergTables).where(*self._is(namespace, name))
            )

    def rename(
        self, source: tuple[Namespace, str], target: tuple[Namespace, str]
    ) -> None:
        """Give a table another name.

        Raises
        ------
        ForbiddenError
            If either of its names is the lake's.
        NoNamespaceError, NoTableError
            If the table, or the namespace it is to be in, is not there.
        """
        (namespace, name), (new_namespace, new_name) = source, target
        with translated(), sql.turn(self._catalog) as connection:
            self._check_there(namespace, name)
            self._guard.check_stays(namespace, name, what="renamed")
            if new_namespace == (NAMESPACE,) and (
                namespace != new_namespace or self._guard.protects(*target)
            ):
                msg = f"table {name} cannot become the lake's: use lakebt declare"
                raise ForbiddenError(msg)
            self._check_free(new_namespace, new_name)
            renamed = sa.update(IcebergTables).where(*self._is(namespace, name))
            connection.execute(
                renamed.values(
                    table_namespace=".".join(new_namespace), table_name=new_name
                )
            )

    def _is(self, namespace: Namespace, name: str) -> tuple[Any, ...]:
        """Return the conditions that select a table's row."""
        return (
            IcebergTables.catalog_name == self._catalog.name,
            IcebergTables.table_namespace == ".".join(namespace),
            IcebergTables.table_name == name,
        )

    def _carry_out(self, prepare: Any) -> list[Loaded]:
        """Prepare, check and commit changes in one turn."""
        written: list[Pending] = []
        may_be_there = False
        try:
            with translated(), sql.turn(self._catalog) as connection:
                changes = prepare()
                effective = [
                    change for change in self._guard.judge(changes) if change.changes
                ]
                for change in effective:
                    after = change.after
                    written.append(change)
                    write(after.metadata, after.io, after.metadata_location)
                for change in effective:
                    self._point(connection, change)
                may_be_there = True  # from here on the database decides
        except BaseException:
            for change in () if may_be_there else written:
                snapshots.delete_quietly(
                    change.after.io, [change.after.metadata_location]
                )
            raise
        applied = [
            (pending.before, pending.after)
            for pending in written
            if pending.before is not None
        ]
        with contextlib.suppress(Exception):  # it is done, whatever is left lying about
            sql.tidy(self._catalog, applied)
        return [
            Loaded(pending.after.metadata_location, pending.new) for pending in changes
        ]

    def _prepared(self, change: Change) -> Pending:
        """Return the version that a change makes of a table.

        Raises
        ------
        ExistsError
            If the table exists, and was to be made.
        NoTableError
            If it does not, and was to be changed.
        """
        namespace, name = change.namespace, change.name
        try:
            before = self._cache.table(namespace, name)
        except NoTableError:
            if not any(isinstance(r, AssertCreate) for r in change.requirements):
                raise
            return self._made(change)
        if any(isinstance(r, AssertCreate) for r in change.requirements):
            msg = f"Table already exists: {'.'.join(namespace)}.{name}"
            raise ExistsError(msg)
        check(change.requirements, before.metadata)
        if namespace == (NAMESPACE,):
            is_lakes = self._guard.protects(namespace, name)
            check_updates(name, before.metadata, change.updates, is_lakes=is_lakes)
        updates = without_mark(
            namespace, name, as_specified(change.updates, before.metadata)
        )
        after = guarded(lambda: next_version(self._catalog, before, (), updates))
        if after.metadata is before.metadata:
            unchanged = StagedTable(
                identifier=before.name(),
                metadata=before.metadata,
                metadata_location=before.metadata_location,
                io=before.io,
                catalog=self._catalog,
            )
            return Pending(before=before, after=unchanged)
        guarded(lambda: readable(after.metadata, updates))
        check_files(
            after.metadata,
            self._warehouse,
            home=self._home(namespace, name),
            before=before.metadata,
        )
        return Pending(before=before, after=after)

    def _made(self, change: Change) -> Pending:
        """Return a table that a commit makes."""
        self._check_free(change.namespace, change.name)
        updates = as_specified(change.updates, None)
        metadata = guarded(lambda: first_version(self._catalog, updates))
        after = self._staged(change.namespace, change.name, metadata)
        return Pending(before=None, after=after)

    def _staged(self, namespace: Namespace, name: str, metadata: Any) -> StagedTable:
        home = self._home(namespace, name)
        check_files(metadata, self._warehouse, home=home)
        catalog: Any = self._catalog
        return StagedTable(
            identifier=(*namespace, name),
            metadata=metadata,
            metadata_location=guarded(lambda: place(metadata)),
            io=self._cache.io(metadata.location),
            catalog=catalog,
        )

    def _home(self, namespace: Namespace, name: str) -> str:
        if namespace != (NAMESPACE,):
            properties = self._catalog.load_namespace_properties(namespace)
            if location := properties.get("location"):
                return f"{location.rstrip('/')}/{name}"
        return self._warehouse.home(namespace, name)

    def _check_there(self, namespace: Namespace, name: str) -> None:
        """Check that there is a table.

        Raises
        ------
        NoSuchTableError
            If there is none.
        """
        if self._cache.pointer(namespace, name) is None:
            msg = f"Table does not exist: {'.'.join(namespace)}.{name}"
            raise NoSuchTableError(msg)

    def _check_free(self, namespace: Namespace, name: str) -> None:
        """Check that a table of that name can be made.

        Raises
        ------
        ExistsError
            If there is one.
        NoNamespaceError
            If there is no such namespace.
        """
        if not self._catalog.namespace_exists(namespace):
            msg = f"Namespace does not exist: {'.'.join(namespace)}"
            raise NoNamespaceError(msg)
        if self._cache.pointer(namespace, name) is not None:
            msg = f"Table already exists: {'.'.join(namespace)}.{name}"
            raise ExistsError(msg)

    def _point(self, connection: sa.Connection, change: Pending) -> None:
        """Point a table at its new metadata; one that is made gets its row."""
        location = change.after.metadata_location
        if change.before is not None:
            sql.swap(connection, self._catalog, change.before, location)
        else:
            table = (*change.namespace, change.name)
            creation.insert(connection, self._catalog, table, location)
