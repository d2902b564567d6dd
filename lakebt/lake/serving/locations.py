"""Where the files of a table may lie, and which settings a client may not make.

Whatever reads a table's metadata (the server, engines, `lakebt retain`) reads, writes
and deletes the files it names. So everything a client adds to it is checked.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lakebt.lake.serving.errors import ForbiddenError
from lakebt.lake.storage.fingerprint import HOMES
from lakebt.lake.tables.schemas import EXCHANGE, LAYOUT, LAYOUT_NEEDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyiceberg.table.metadata import TableMetadata

    from lakebt.lake.serving.names import Warehouse


PLACES = ("write.data.path", "write.metadata.path", "write.object-storage.path")
"""Properties that say where files are written."""

CODE = ("py-io-impl", "write.py-location-provider.impl")
"""Properties that name a class, which pyiceberg imports, here and in every reader."""


_OF_THE_PLACE = (
    "how the lake is laid out, and where it lay, is said where it lies, with `lakebt "
    "upgrade` and `lakebt move`"
)

GIVEN_HERE = {
    EXCHANGE: "the calendar of the lake cannot be changed from afar. Days on which its "
    "exchange was closed are added where the lake lies, with lakebt: "
    "Lake.open(PATH, closed=[...])",
    **dict.fromkeys((LAYOUT, LAYOUT_NEEDS, HOMES), _OF_THE_PLACE),
}
"""Properties that only the place of a lake may set, and the words for a refusal."""


def check_files(
    metadata: TableMetadata,
    warehouse: Warehouse,
    *,
    home: str | None,
    before: TableMetadata | None = None,
) -> None:
    """Check the files and locations that a client adds to metadata.

    Parameters
    ----------
    metadata
        As it would be.
    warehouse
    home
        The default location of the table; None if it is registered.
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
    for kind, path in _named(metadata):
        if (kind, path) in known:
            continue
        if is_lakes:
            warehouse.check_in_table(path, location, what=kind)
        else:
            warehouse.check(path, what=kind)
    if home is None:
        for entry in metadata.metadata_log:
            warehouse.check(entry.metadata_file, what="metadata-log")


def _check_location(location: str, warehouse: Warehouse, *, home: str | None) -> None:
    """Check the location of a table; one of the lake's keeps its default.

    Raises
    ------
    ForbiddenError
        If it would be elsewhere.
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
    metadata: TableMetadata, warehouse: Warehouse, before: Mapping[str, str]
) -> None:
    """Check the properties that are new.

    Raises
    ------
    ForbiddenError
        If one names code, or a location elsewhere.
    """
    for key, value in metadata.properties.items():
        if before.get(key) == value:
            continue
        if key in CODE:
            msg = f"property {key} cannot be set: it names code that others would run"
            raise ForbiddenError(msg)
        if key in PLACES:
            warehouse.check(value, what=key)


def _named(metadata: TableMetadata) -> Iterator[tuple[str, str]]:
    """Give the files that metadata names, each with its kind."""
    for snapshot in metadata.snapshots:
        yield "manifest-list", snapshot.manifest_list
    for statistics in metadata.statistics:
        yield "statistics-path", statistics.statistics_path
    for partitions in metadata.partition_statistics:
        yield "statistics-path", partitions.statistics_path


def make_folders(metadata: TableMetadata) -> None:
    """Make the folders of a table on a disk: DuckDB does not."""
    folder = Path(urlsplit(metadata.location).path)
    for name in ("data", "metadata"):
        with contextlib.suppress(OSError):
            (folder / name).mkdir(parents=True, exist_ok=True)
