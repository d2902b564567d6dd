"""Writing manifests and lists of them, whose schemas are worked out once.

pyiceberg translates the schema of each file that it writes, and looks up anew how its
records are written by it. That takes several times as long as to write them, and those
of a table are all alike.
"""

from __future__ import annotations

import functools
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pyiceberg.avro.codecs import AVRO_CODEC_KEY, CODEC_MAPPING_ICEBERG_TO_AVRO
from pyiceberg.avro.file import (
    _SCHEMA_KEY,
    MAGIC,
    META_SCHEMA,
    SYNC_SIZE,
    AvroFileHeader,
    AvroOutputFile,
)
from pyiceberg.avro.resolver import construct_writer, resolve_writer
from pyiceberg.manifest import (
    DEFAULT_READ_VERSION,
    MANIFEST_LIST_FILE_SCHEMAS,
    ManifestFile,
    ManifestListWriterV2,
    data_file_with_partition,
    manifest_entry_schema_with_data_file,
)
from pyiceberg.schema import Schema
from pyiceberg.table import TableProperties
from pyiceberg.typedef import StructProtocol, TableVersion
from pyiceberg.types import NestedField, StructType
from pyiceberg.utils.schema_conversion import AvroSchemaConversion

from lakebt.errors import LakeError

if TYPE_CHECKING:
    from typing import Self

    from pyiceberg.avro.writer import Writer
    from pyiceberg.io import OutputFile
    from pyiceberg.table import Table


D = TypeVar("D", bound=StructProtocol)

VERSION: TableVersion = 2
"""The format version of which they are."""

_NEVER_SET = frozenset({"equality_ids", "key_metadata", "nan_value_counts"})
"""Optional fields of a data file that say nothing about ours."""


def check_version(table: Table) -> None:
    """Refuse a table of which lakebt writes no snapshots.

    Raises
    ------
    LakeError
        If its format version is another one.
    """
    if table.format_version != VERSION:
        name = table.name()[-1]
        msg = (
            f"{name} has format version {table.format_version}, lakebt writes "
            f"{VERSION}: nothing was changed. lakebt doctor tells what helps"
        )
        raise LakeError(msg)


@dataclass(frozen=True)
class Layout:
    """How the records of a file are written; it holds nothing of one.

    Attributes
    ----------
    head : str
        Their schema, as the head of the file has it.
    writer
        Writes one.
    """

    head: str
    writer: Writer


class RecordFile(AvroOutputFile[D]):
    """A file of records that are written by a layout.

    Parameters
    ----------
    output_file, metadata
        As pyiceberg's own has them.
    layout
    """

    def __init__(
        self, output_file: OutputFile, layout: Layout, metadata: dict[str, str]
    ) -> None:
        self.output_file, self.metadata = output_file, metadata
        self.sync_bytes = os.urandom(SYNC_SIZE)
        self.writer, self._head = layout.writer, layout.head

    def _write_header(self) -> None:
        named = self.metadata.get(
            AVRO_CODEC_KEY, TableProperties.WRITE_AVRO_COMPRESSION_DEFAULT
        )
        codec = CODEC_MAPPING_ICEBERG_TO_AVRO.get(named) or named
        properties = {**self.metadata, _SCHEMA_KEY: self._head, AVRO_CODEC_KEY: codec}
        header = AvroFileHeader(MAGIC, properties, self.sync_bytes)
        _of_headers().write(self.encoder, header)


class ListWriter(ManifestListWriterV2):
    """Writes a list of manifests."""

    def __enter__(self) -> Self:
        self._writer = RecordFile[ManifestFile](
            self._output_file, _of_lists(), self._meta
        )
        self._writer.__enter__()
        return self


@functools.lru_cache(maxsize=64)
def layout_of_entries(partition: StructType) -> Layout:
    """Return how the entries of a manifest are written, without documentation.

    Parameters
    ----------
    partition
        The type of the partitions that its files are of.
    """
    written, held = (
        _of_entries(version, partition) for version in (VERSION, DEFAULT_READ_VERSION)
    )
    return _layout(undocumented(written), held, "manifest_entry")


def _of_entries(version: TableVersion, partition: StructType) -> Schema:
    file = data_file_with_partition(partition, version)
    return manifest_entry_schema_with_data_file(version, file)


@functools.cache
def _of_lists() -> Layout:
    written, held = (
        MANIFEST_LIST_FILE_SCHEMAS[version]
        for version in (VERSION, DEFAULT_READ_VERSION)
    )
    return _layout(written, held, "manifest_file")


@functools.cache
def _of_headers() -> Writer:
    return construct_writer(META_SCHEMA)


def _layout(written: Schema, held: Schema, name: str) -> Layout:
    """Return how records are written by a schema that are held by another."""
    avro = AvroSchemaConversion().iceberg_to_avro(written, schema_name=name)
    return Layout(json.dumps(avro), resolve_writer(held, written))


def undocumented(schema: Schema) -> Schema:
    """Return the schema of a manifest without documentation and what is never set."""
    return Schema(*_undocumented(schema.fields))


def _undocumented(fields: tuple[NestedField, ...]) -> list[NestedField]:
    kept = []
    for field in fields:
        if field.name in _NEVER_SET:
            continue
        kind: Any = field.field_type
        if isinstance(kind, StructType):
            kind = StructType(*_undocumented(kind.fields))
        kept.append(field.model_copy(update={"doc": None, "field_type": kind}))
    return kept
