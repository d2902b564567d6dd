"""Which data files a scan reads, and what lies behind a snapshot.

A table that grows by a file a day has a manifest a day until they are folded. pyiceberg
works out anew for each, and for each list of them, how its columns are to be read. That
takes a millisecond, though those of a table all have the same. Here it is done once.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pyiceberg.avro.decoder import StreamingBinaryDecoder, new_decoder
from pyiceberg.avro.file import META_SCHEMA, AvroFile, AvroFileHeader
from pyiceberg.avro.resolver import construct_reader, resolve_reader
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.expressions.visitors import _InclusiveMetricsEvaluator
from pyiceberg.manifest import (
    DEFAULT_READ_VERSION,
    MANIFEST_ENTRY_SCHEMAS,
    MANIFEST_LIST_FILE_SCHEMAS,
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    PartitionFieldSummary,
    _inherit_from_manifest,
)
from pyiceberg.table import FileScanTask, ManifestGroupPlanner
from pyiceberg.typedef import Record
from pyiceberg.utils.concurrent import ExecutorFactory
from pyiceberg.utils.schema_conversion import AvroSchemaConversion

from lakebt.lake.storage.failures import parsing
from lakebt.lake.storage.fingerprint import NOTHING, digest_in, is_local, read_once
from lakebt.lake.storage.kept_files import Used, is_trusted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pyiceberg.avro.reader import Reader
    from pyiceberg.io import FileIO, InputFile
    from pyiceberg.schema import Schema
    from pyiceberg.table import DataScan


R = TypeVar("R", bound=Record)


@dataclass(frozen=True, eq=False)
class _Kind:
    """What a file of metadata holds, and as what it is read."""

    columns: Schema
    types: dict[int, Any]
    enums: dict[int, Any]


_ENTRIES = _Kind(
    MANIFEST_ENTRY_SCHEMAS[DEFAULT_READ_VERSION],
    {-1: ManifestEntry, 2: DataFile},
    {0: ManifestEntryStatus, 101: FileFormat, 134: DataFileContent},
)
_MANIFESTS = _Kind(
    MANIFEST_LIST_FILE_SCHEMAS[DEFAULT_READ_VERSION],
    {-1: ManifestFile, 508: PartitionFieldSummary},
    {517: ManifestContent},
)


def plan(chosen: DataScan, told: Mapping[str, str] = NOTHING) -> list[FileScanTask]:
    """Return what ``chosen.plan_files()`` does.

    Parameters
    ----------
    chosen
    told
        The digests of files whose names do not tell them.
    """
    snapshot = chosen.snapshot()
    catalog = chosen.catalog
    if snapshot is None or (catalog and catalog.supports_server_side_planning()):
        return list(chosen.plan_files())
    manifests = manifests_in(
        chosen.io, snapshot.manifest_list, told, are_kept=is_trusted()
    )
    if not chosen.options:
        files = _simply(manifests, chosen)
        if files is not None:
            return files
    planner = ManifestGroupPlanner(
        table_metadata=chosen.table_metadata,
        io=chosen.io,
        row_filter=chosen.row_filter,
        case_sensitive=chosen.case_sensitive,
        options=chosen.options,
    )
    return list(planner.plan_files(manifests))


def _simply(
    manifests: Sequence[ManifestFile], chosen: DataScan
) -> list[FileScanTask] | None:
    """Return the files that may have rows that are asked for, of a simple table.

    Returns
    -------
    list of FileScanTask or None
        None if others say which rows are deleted, or if it is partitioned, and rows are
        chosen: then whole manifests may be left out.
    """
    if any(each.content is not ManifestContent.DATA for each in manifests):
        return None
    metadata, condition, io = chosen.table_metadata, chosen.row_filter, chosen.io
    may_have: Callable[[DataFile], bool] = _has_rows
    if not isinstance(condition, AlwaysTrue):
        if not all(spec.is_unpartitioned() for spec in metadata.partition_specs):
            return None
        may_have = _InclusiveMetricsEvaluator(
            metadata.schema(), condition, chosen.case_sensitive
        ).eval

    def entries(manifest: ManifestFile) -> list[ManifestEntry]:
        return manifest.fetch_manifest_entry(io)

    # Only a store is worth threads: what is on a disk is read sooner than one wakes up.
    is_near = all(is_local(io, each.manifest_path) for each in manifests)
    spread = map if is_near else ExecutorFactory.get_or_create().map
    files = [e.data_file for some in spread(entries, manifests) for e in some]
    if any(file.content is not DataFileContent.DATA for file in files):
        return None
    return [FileScanTask(file, residual=condition) for file in files if may_have(file)]


def _has_rows(file: DataFile) -> bool:
    return file.record_count != 0


def manifests_in(
    io: FileIO,
    manifest_list: str,
    told: Mapping[str, str] = NOTHING,
    *,
    are_kept: bool = False,
) -> list[ManifestFile]:
    """Return the manifests that a manifest list names.

    Parameters
    ----------
    io, manifest_list
    told
        The digests of files whose names do not tell them.
    are_kept
        Whether their entries may be those that were read before.

    Raises
    ------
    ChangedFileError
        If it, or later one of them, is not what was written.
    """
    file = io.new_input(manifest_list)
    with parsing(), _Records[ManifestFile](file, _MANIFESTS, told) as records:
        manifests: list[ManifestFile] = []
        for record in records:
            manifest = _Manifest(*record._data)  # noqa: SLF001
            manifest.is_kept = are_kept
            manifest.told = told
            manifests.append(manifest)
        return manifests


def reached(
    io: FileIO, manifest_list: str, told: Mapping[str, str] = NOTHING
) -> list[str]:
    """Return a manifest list, its manifests, and the files that they say are live."""
    paths = [manifest_list]
    for manifest in manifests_in(io, manifest_list, told):
        paths.append(manifest.manifest_path)
        paths += [e.data_file.file_path for e in manifest.fetch_manifest_entry(io)]
    return paths


_HELD: Used[list[ManifestEntry]] = Used(10_000, largest=1_000)
"""Entries of manifests with content-addressed names, which therefore never change."""


class _Manifest(ManifestFile):
    """A manifest that is read like the one before it, if it has the same columns."""

    told: Mapping[str, str] = NOTHING
    is_kept: bool = False

    def fetch_manifest_entry(
        self,
        io: FileIO,
        discard_deleted: bool = True,  # noqa: FBT001, FBT002 - pyiceberg's own
    ) -> list[ManifestEntry]:
        path = self.manifest_path
        is_kept = self.is_kept and discard_deleted and digest_in(path) is not None
        if is_kept and (cached := _HELD.get(path)) is not None:
            return cached
        file = io.new_input(path)
        with parsing(), _Records[ManifestEntry](file, _ENTRIES, self.told) as entries:
            inherited = [
                _inherit_from_manifest(entry, self)
                for entry in entries
                if not discard_deleted or entry.status != ManifestEntryStatus.DELETED
            ]
        if is_kept:
            _HELD.keep_sized(path, inherited, len(inherited))
        return inherited


class _Records(AvroFile[R]):
    """The records of a file, read like those of the one before it."""

    def __init__(
        self, file: InputFile, kind: _Kind, told: Mapping[str, str] = NOTHING
    ) -> None:
        super().__init__(file, kind.columns)
        self._kind, self._told = kind, told

    def __enter__(self) -> Self:
        # The fast one reads wherever a length in the file sends it.
        content, is_known = read_once(self.input_file, self._told)
        self.decoder = (
            new_decoder(content) if is_known else StreamingBinaryDecoder(content)
        )
        self.header = _of_headers().read(self.decoder)
        self.reader = _reader(self.header.meta["avro.schema"], self._kind)
        return self


@functools.cache
def _of_headers() -> Reader:
    return construct_reader(META_SCHEMA, {-1: AvroFileHeader})


@functools.lru_cache(maxsize=256)
def _reader(columns: str, kind: _Kind) -> Reader:
    """Return how a file with these columns is read; it holds nothing of one."""
    written = AvroSchemaConversion().avro_to_iceberg(json.loads(columns))
    return resolve_reader(written, kind.columns, kind.types, kind.enums)
