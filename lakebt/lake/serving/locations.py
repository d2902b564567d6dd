"""Where the files of a table may lie, and which settings no client may give one.

Metadata names files, and who reads it reads, writes and deletes those: the server,
engines that trust it, `lakebt retain`. So what a client adds to it is looked at.
"""

from __future__ import annotations

import contextlib
import uuid
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pyiceberg.table.locations import load_location_provider

from lakebt.lake.serving.errors import ForbiddenError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyiceberg.table.metadata import TableMetadata

    from lakebt.lake.serving.names import Warehouse


PLACES = ("write.data.path", "write.metadata.path", "write.object-storage.path")
"""Properties that say where files go."""

CODE = ("py-io-impl", "write.py-location-provider.impl")
"""Properties that name a class, which pyiceberg imports: here, and at every reader."""


def check_files(
    metadata: TableMetadata,
    warehouse: Warehouse,
    *,
    home: str | None,
    before: TableMetadata | None = None,
) -> None:
    """Check what a client says about files, as far as it is new.

    Parameters
    ----------
    metadata
        As it would be.
    warehouse
    home
        Where the table lies unless somebody says otherwise. None if it is registered.
    before
        As it is; None if there is no such table.

    Raises
    ------
    ForbiddenError
        If a file would lie elsewhere than in the warehouse, or among the lake's own,
        or if a property names code.
    """
    location = metadata.location
    is_lakes = warehouse.is_lakes(home) if home is not None else False
    if before is None or before.location != location:
        _check_location(location, warehouse, home=home if is_lakes else None)
    _check_properties(metadata, warehouse, {} if before is None else before.properties)
    known = frozenset() if before is None else frozenset(_named(before))
    for what, path in _named(metadata):
        if (what, path) in known:
            continue
        if is_lakes:
            warehouse.check_in_table(path, location, what=what)
        else:
            warehouse.check(path, what=what)
    if home is None:
        for entry in metadata.metadata_log:
            warehouse.check(entry.metadata_file, what="metadata-log")


def _check_location(location: str, warehouse: Warehouse, *, home: str | None) -> None:
    """Check where a table is to lie; one of the lake's has a home that it keeps.

    Raises
    ------
    ForbiddenError
        If it would lie elsewhere.
    """
    if home is None:
        warehouse.check(location, what="location")
    elif location != home:
        msg = (
            f"a table in the lake's namespace lies in {home}, and its location stays "
            f"that, not {location[:200]!a}"
        )
        raise ForbiddenError(msg)


def _check_properties(
    metadata: TableMetadata, warehouse: Warehouse, held: Mapping[str, str]
) -> None:
    """Check the properties that are new.

    Raises
    ------
    ForbiddenError
        If one names code, or a place elsewhere.
    """
    for key, value in metadata.properties.items():
        if held.get(key) == value:
            continue
        if key in CODE:
            msg = f"property {key} cannot be set: it names code that others would run"
            raise ForbiddenError(msg)
        if key in PLACES:
            warehouse.check(value, what=key)


def _named(metadata: TableMetadata) -> Iterator[tuple[str, str]]:
    """Give the files that metadata names, each with what it is."""
    for snapshot in metadata.snapshots:
        yield "manifest-list", snapshot.manifest_list
    for statistics in metadata.statistics:
        yield "statistics-path", statistics.statistics_path
    for partitions in metadata.partition_statistics:
        yield "statistics-path", partitions.statistics_path


def make_folders(metadata: TableMetadata) -> None:
    """Make the folders of a table that lies on a disk: DuckDB does not."""
    place = Path(urlsplit(metadata.location).path)
    for name in ("data", "metadata"):
        with contextlib.suppress(OSError):
            (place / name).mkdir(parents=True, exist_ok=True)


def first_place(metadata: TableMetadata) -> str:
    """Return where the first metadata of a table is written to."""
    provider = load_location_provider(metadata.location, metadata.properties)
    return provider.new_metadata_location(f"00000-{uuid.uuid4()}.gz.metadata.json")
