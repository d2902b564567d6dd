"""Tables as a branch or a release has them, by a name with an @: ``prices@R1``.

This is for clients without branches and tags, such as DuckDB. It takes the current
snapshot from the history in the answer, and sends no other request. So the answer has
only one snapshot; and it names no metadata file, in which a client would find the head
of main.
"""

from __future__ import annotations

import contextlib
from threading import Lock
from typing import TYPE_CHECKING, Any

from pyiceberg.table.refs import MAIN_BRANCH, SnapshotRef, SnapshotRefType
from pyiceberg.table.snapshots import SnapshotLogEntry

from lakebt.errors import (
    BrokenReleaseError,
    InvalidArgumentError,
    ReleaseEndedError,
    UnknownNameError,
)
from lakebt.lake.reading.named_release import WHAT, named_release, pin_of
from lakebt.lake.serving.errors import BadRequestError, ForbiddenError, NoTableError
from lakebt.lake.serving.names import check_name
from lakebt.lake.storage.catalog import Storage
from lakebt.lake.tables.schemas import LEDGER, NAMESPACE, OURS

if TYPE_CHECKING:
    from pyiceberg.catalog.sql import SqlCatalog
    from pyiceberg.table.metadata import TableMetadata

    from lakebt.lake.serving.names import Namespace
    from lakebt.lake.serving.table_cache import TableCache


SIGN = "@"
"""Stands between a table and a branch or release of it."""


class References:
    """What names with an @ mean. Threads share it.

    Parameters
    ----------
    storage
        The lake. Reads do not use its cache, which belongs to the writer of the turn.
    catalog
    cache
    """

    def __init__(
        self, storage: Storage, catalog: SqlCatalog, cache: TableCache
    ) -> None:
        self._cache = cache
        self._lock = Lock()
        self._storage = Storage(
            catalog, name=storage.name, where=storage.where, address=storage.address
        )

    def split(self, namespace: Namespace, name: str) -> tuple[str, str] | None:
        """Return the table and the reference that a name means.

        None if it has no @, or is the name of a table that somebody called so before
        the @ meant anything.

        Raises
        ------
        BadRequestError
            If no table can be called so.
        """
        table, sign, reference = name.partition(SIGN)
        if not sign:
            return None
        with contextlib.suppress(BadRequestError):
            whole = check_name(name, what="table")
            if self._cache.pointer(namespace, whole) is not None:
                return None
        return check_name(table, what="table"), reference

    def check_own(self, namespace: Namespace, name: str) -> None:
        """Check that a name is not one that is only read.

        Raises
        ------
        ForbiddenError
            If it is.
        """
        if self.split(namespace, name) is None:
            return
        msg = (
            f"{name[:80]!a} is only read: after the {SIGN} stands a branch or a "
            f"release of a table. Publish onto a branch by lakebt publish --release "
            f"BRANCH.NAME; a table of your own has a name without {SIGN}"
        )
        raise ForbiddenError(msg)

    def load(self, namespace: Namespace, table: str, reference: str) -> TableMetadata:
        """Return the metadata of a table, as if its one snapshot were a reference's.

        Raises
        ------
        BadRequestError
            If it cannot be read by that name; it says why, and suggests names.
        NoTableError
            If there is no such table.
        """
        metadata = self._cache.load(namespace, table).metadata
        try:
            with self._lock:
                return self._of_lake(namespace, table, reference)
        except UnknownNameError as error:
            if (to := _refs(metadata).get(reference)) is not None:
                snapshot = metadata.snapshot_by_id(to)
                schema_id = None if snapshot is None else snapshot.schema_id
                return _of_one(metadata, to, schema_id)
            known = dict.fromkeys((*error.known, *_refs(metadata)))
            unknown = UnknownNameError(WHAT, reference, known)
            msg = f"table {table} cannot be read so: {unknown}"
        except (
            BrokenReleaseError,
            InvalidArgumentError,
            ReleaseEndedError,
        ) as error:
            msg = str(error)
        raise BadRequestError(msg)

    def has(self, namespace: Namespace, table: str, reference: str) -> bool:
        """Whether a table can be loaded by a reference."""
        with contextlib.suppress(BadRequestError, NoTableError):
            self.load(namespace, table, reference)
            return True
        return False

    def _of_lake(
        self, namespace: Namespace, table: str, reference: str
    ) -> TableMetadata:
        """Return a table of the lake as the ledger says a release has it.

        Raises
        ------
        UnknownNameError
            If it is none, or there is no such release.
        """
        if namespace != (NAMESPACE,) or table == LEDGER:
            raise UnknownNameError(WHAT, reference, ())
        release, tables = named_release(self._storage, reference)
        if table not in tables:
            raise UnknownNameError(WHAT, reference, ())
        pin = pin_of(release, table, tables)
        metadata = tables[table].metadata
        if pin is None:
            return _of_one(metadata, None, None)
        return _of_one(metadata, pin.snapshot_id, pin.schema_id)


def _refs(metadata: TableMetadata) -> dict[str, int]:
    """Return the branches and tags of a table, but for what is being published."""
    prefix = OURS.replace(".", "-")
    return {
        name: ref.snapshot_id
        for name, ref in metadata.refs.items()
        if not name.startswith(prefix) and f".{prefix}" not in name
    }


def _of_one(
    metadata: TableMetadata, snapshot_id: int | None, schema_id: int | None
) -> TableMetadata:
    """Return the metadata of a table that has one snapshot, or None, and no past.

    Parameters
    ----------
    metadata
    snapshot_id
    schema_id
        Whose columns it has; None for those of today.
    """
    snapshots = [s for s in metadata.snapshots if s.snapshot_id == snapshot_id]
    to = {"snapshot-id": snapshot_id, "type": SnapshotRefType.BRANCH}
    log = [
        SnapshotLogEntry.model_validate(
            {"snapshot-id": s.snapshot_id, "timestamp-ms": s.timestamp_ms}
        )
        for s in snapshots
    ]
    updates: dict[str, Any] = {
        "snapshots": snapshots,
        "current_snapshot_id": snapshot_id,
        "current_schema_id": metadata.current_schema_id
        if schema_id is None
        else schema_id,
        "refs": {MAIN_BRANCH: SnapshotRef.model_validate(to)} if snapshots else {},
        "snapshot_log": log,
        "metadata_log": [],
        "statistics": [],
        "partition_statistics": [],
    }
    return metadata.model_copy(update=updates)
