"""Loads tables: the pointer each time, the metadata only when the pointer moved."""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

from pyiceberg.io import load_file_io
from pyiceberg.table import Table

from lakebt.lake.serving.errors import NoTableError, UnavailableError
from lakebt.lake.storage.failures import explain
from lakebt.lake.storage.metadata import read
from lakebt.lake.storage.table_loader import pointer

if TYPE_CHECKING:
    from pyiceberg.catalog.sql import SqlCatalog
    from pyiceberg.io import FileIO
    from pyiceberg.table.metadata import TableMetadata


_KEPT = 64
"""Number of tables whose metadata is kept in memory."""


@dataclass(frozen=True)
class Loaded:
    """One version of a table.

    Attributes
    ----------
    location : str
        Of its metadata.
    metadata : pyiceberg.table.metadata.TableMetadata
    """

    location: str
    metadata: TableMetadata = field(repr=False)

    @cached_property
    def answer(self) -> bytes:
        """The body of the answer to a client that loads it."""
        return load_result(self.metadata, self.location)

    @cached_property
    def refs_only(self) -> bytes:
        """The same, with only the snapshots that a branch or tag names."""
        named = {ref.snapshot_id for ref in self.metadata.refs.values()}
        kept = [s for s in self.metadata.snapshots if s.snapshot_id in named]
        return load_result(
            self.metadata.model_copy(update={"snapshots": kept}), self.location
        )


def load_result(metadata: TableMetadata, location: str | None) -> bytes:
    """Return a table as JSON: what the specification calls a load-table result."""
    pointer = (
        b"" if location is None else b'"metadata-location":%s,' % _quoted(location)
    )
    body = metadata.model_dump_json(exclude_none=True).encode()
    return b'{%s"metadata":%s,"config":{}}' % (pointer, body)


def _quoted(text: str) -> bytes:
    return json.dumps(text).encode()


class TableCache:
    """The tables of a SQL catalog, of every namespace. Threads share it."""

    def __init__(self, catalog: SqlCatalog) -> None:
        self._catalog = catalog
        self._held: OrderedDict[str, Loaded] = OrderedDict()
        self._lock = Lock()
        self._reading: dict[tuple[str, ...], Lock] = {}

    def io(self, location: str) -> FileIO:
        """Return a reader of files with the catalog's settings, never a table's."""
        return load_file_io(dict(self._catalog.properties), location)

    def read(self, location: str) -> TableMetadata:
        """Read metadata that no table may have yet."""
        return read(self.io(location), location)

    def pointer(self, namespace: tuple[str, ...], name: str) -> str | None:
        """Return where the metadata of a table is, None if there is no such table."""
        return pointer(self._catalog, namespace, name)

    def load(self, namespace: tuple[str, ...], name: str) -> Loaded:
        """Load a table as it is now.

        Raises
        ------
        NoTableError
            If there is none.
        UnavailableError
            If its metadata cannot be read.
        """
        while True:
            location = self.pointer(namespace, name)
            if location is None:
                msg = f"Table does not exist: {'.'.join(namespace)}.{name}"
                raise NoTableError(msg)
            if (known := self._known(location)) is not None:
                return known
            try:
                loaded = self._read_by_one(namespace, name, location)
            except FileNotFoundError:
                # Ten commits may lie between reading a pointer and its file.
                if self.pointer(namespace, name) == location:
                    msg = f"table {name} has lost its metadata. Restore a backup"
                    raise UnavailableError(msg) from None
                continue
            except Exception as error:  # noqa: BLE001 - a damaged file can raise anything
                msg = f"table {name} {explain(error)}"
                raise UnavailableError(msg) from None
            return loaded

    def _known(self, location: str) -> Loaded | None:
        with self._lock:
            known = self._held.get(location)
            if known is not None:
                self._held.move_to_end(location)
            return known

    def _read_by_one(
        self, namespace: tuple[str, ...], name: str, location: str
    ) -> Loaded:
        """Read a version that is not cached, once for all simultaneous requests."""
        with self._lock:
            reading = self._reading.setdefault((*namespace, name), Lock())
        with reading:
            if (known := self._known(location)) is not None:
                return known
            loaded = Loaded(location, self.read(location))
            with self._lock:
                self._held[location] = loaded
                while len(self._held) > _KEPT:
                    self._held.popitem(last=False)
            return loaded

    def table(self, namespace: tuple[str, ...], name: str) -> Table:
        """Load a table to change it."""
        loaded = self.load(namespace, name)
        return Table(
            identifier=(*namespace, name),
            metadata=loaded.metadata,
            metadata_location=loaded.location,
            io=self.io(loaded.location),
            catalog=self._catalog,
        )
