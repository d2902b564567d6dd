"""Which data files a scan reads.

A table that grows by a file a day has a manifest a day until they are folded. pyiceberg
works out anew for each how its columns are to be read, which takes a millisecond,
though all of a table's manifests have the same columns. Here that is done once.
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any, Self

from pyiceberg.avro.decoder import new_decoder
from pyiceberg.avro.file import AvroFile
from pyiceberg.avro.resolver import resolve_reader
from pyiceberg.manifest import (
    DEFAULT_READ_VERSION,
    MANIFEST_ENTRY_SCHEMAS,
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    _inherit_from_manifest,
)
from pyiceberg.table import ManifestGroupPlanner
from pyiceberg.utils.schema_conversion import AvroSchemaConversion

if TYPE_CHECKING:
    from pyiceberg.avro.reader import Reader
    from pyiceberg.io import FileIO
    from pyiceberg.table import DataScan, FileScanTask

_COLUMNS = MANIFEST_ENTRY_SCHEMAS[DEFAULT_READ_VERSION]
_TYPES: dict[int, Any] = {-1: ManifestEntry, 2: DataFile}
_ENUMS: dict[int, Any] = {0: ManifestEntryStatus, 101: FileFormat, 134: DataFileContent}


def plan(chosen: DataScan) -> list[FileScanTask]:
    """Return what ``chosen.plan_files()`` does."""
    snapshot = chosen.snapshot()
    catalog = chosen.catalog
    if snapshot is None or (catalog and catalog.supports_server_side_planning()):
        return list(chosen.plan_files())
    planner = ManifestGroupPlanner(
        table_metadata=chosen.table_metadata,
        io=chosen.io,
        row_filter=chosen.row_filter,
        case_sensitive=chosen.case_sensitive,
        options=chosen.options,
    )
    manifests = snapshot.manifests(chosen.io)
    return list(planner.plan_files([_Manifest(*m._data) for m in manifests]))  # noqa: SLF001


class _Manifest(ManifestFile):
    """A manifest that is read like the one before it, if it has the same columns."""

    def fetch_manifest_entry(
        self,
        io: FileIO,
        discard_deleted: bool = True,  # noqa: FBT001, FBT002 - pyiceberg's own
    ) -> list[ManifestEntry]:
        with _Entries(io.new_input(self.manifest_path), _COLUMNS) as entries:
            return [
                _inherit_from_manifest(entry, self)
                for entry in entries
                if not discard_deleted or entry.status != ManifestEntryStatus.DELETED
            ]


class _Entries(AvroFile[ManifestEntry]):
    def __enter__(self) -> Self:
        with self.input_file.open() as file:
            self.decoder = new_decoder(file.read())
        self.header = self._read_header()
        self.reader = _reader(self.header.meta["avro.schema"])
        return self


@functools.lru_cache(maxsize=256)
def _reader(columns: str) -> Reader:
    """Return how a manifest with these columns is read; it holds nothing of one."""
    written = AvroSchemaConversion().avro_to_iceberg(json.loads(columns))
    return resolve_reader(written, _COLUMNS, _TYPES, _ENUMS)
