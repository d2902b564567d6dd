"""Where the files of a table may lie, and which settings no client may give one.

Metadata names files, and who reads it reads, writes and deletes those: the server,
engines that trust it, `lakebt retain`. So what a client adds to it is looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyiceberg.table.locations import load_location_provider

from lakebt.lake.serving.refusals import ForbiddenError

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
    if not is_lakes and (before is None or before.location != location):
        warehouse.check(location, what="location")
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


def first_place(metadata: TableMetadata) -> str:
    """Return where the first metadata of a table is written to."""
    provider = load_location_provider(metadata.location, metadata.properties)
    return provider.new_table_metadata_file_location()
