"""Writing data files: Parquet by Arrow itself, lean, with what Iceberg wants to know.

Of a day of 500 bars pyiceberg's own writer makes a file half of which is overhead: a
second copy of the schema, and a dictionary of numbers that do not repeat. Where every
day is a release, each such file is kept for good, so it is written with what pays only.
Field ids are in the Parquet schema as the specification has them.
"""

from __future__ import annotations

import contextlib
import functools
import math
import secrets
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.io.pyarrow import (
    _determine_partitions,
    compute_statistics_plan,
    data_file_statistics_from_parquet_metadata,
    parquet_path_to_id_mapping,
    schema_to_pyarrow,
)
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.schema import Schema
from pyiceberg.table import TableProperties
from pyiceberg.typedef import Record

from lakebt.lake.storage.avro_writer import check_version
from lakebt.lake.storage.clustering import GROUP_ROWS, clustered, is_clustered
from lakebt.lake.storage.durability import sync
from lakebt.lake.storage.fingerprint import OPEN, named, wrote
from lakebt.lake.storage.remote_failures import is_silent
from lakebt.lake.tables.arrow import pc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pyiceberg.io.pyarrow import StatisticsCollector
    from pyiceberg.partitioning import PartitionKey
    from pyiceberg.table import Table
    from pyiceberg.types import NestedField

    from lakebt.lake.tables.schemas import TableSpec


FILE_ROWS = 5_000_000
"""Most rows of one file."""

_GROUP_ROWS = 131_072
"""Rows per row group: a year of 500 bars a day is read without the other nine."""

_DENSE_ROWS = 60_000
"""Up to here a file is compressed at leisure. Of more it would hold a publisher up."""

_REPEATS = 8
"""Rows for each value from which a dictionary pays."""

_SAMPLE_ROWS = 8_192
"""Rows sampled: where most of their values differ, not all are counted."""


def write_files(
    table: Table, rows: pa.Table, spec: TableSpec | None = None
) -> list[DataFile]:
    """Write `rows` as data files that belong to no snapshot yet.

    Parameters
    ----------
    table
        Whose schema, partitions and place they are written for.
    rows
        Normalised, in the order in which they are to lie, unless they are clustered.
    spec
        What the table holds. Only of the columns that it is sorted by are smallest and
        largest values kept; of all where it is None.

    Raises
    ------
    LakeError
        If somebody made the table one of a format version that is not written.

    Notes
    -----
    If one cannot be written, none is left behind, unless it is for a store that does
    not answer.
    """
    check_version(table)
    places: list[str] = []
    files = []
    group_rows = _GROUP_ROWS
    if is_clustered(table):
        rows, group_rows = clustered(rows), GROUP_ROWS
    try:
        for whole, key in _partitions(table, rows):
            for part in _slices(whole):
                content, footer = content_of(
                    table.schema(), part, spec, group_rows=group_rows
                )
                places.append(_place(table, content, key))
                _put(table, content, places[-1])
                file = _data_file(
                    table, footer, key, spec, place=places[-1], size=content.size
                )
                files.append(file)
    except BaseException as error:  # no room for the next one, for instance
        if is_silent(error):  # and would be waited for again
            raise
        with contextlib.suppress(OSError):
            for place in places:
                with contextlib.suppress(FileNotFoundError):
                    table.io.delete(place)
        raise
    return files


def place_file(table: Table, content: pa.Buffer, spec: TableSpec) -> DataFile:
    """Write a file that `content_of` made elsewhere, for a table without partitions.

    It belongs to no snapshot yet. If it cannot be written, it is not left behind.
    """
    footer = pq.read_metadata(pa.BufferReader(content))
    place = _place(table, content, None)
    try:
        _put(table, content, place)
    except BaseException as error:  # no room for it, for instance
        if not is_silent(error):
            with contextlib.suppress(OSError):
                table.io.delete(place)
        raise
    return _data_file(table, footer, None, spec, place=place, size=content.size)


def _place(table: Table, content: pa.Buffer, key: PartitionKey | None) -> str:
    """Return where a file with some content is to lie."""
    name = f"{secrets.token_hex(8)}-{OPEN}.parquet"
    return named(table.location_provider().new_data_location(name, key), content)


def _partitions(
    table: Table, rows: pa.Table
) -> Iterator[tuple[pa.Table, PartitionKey | None]]:
    spec = table.spec()
    if spec.is_unpartitioned():
        yield rows, None
        return
    for part in _determine_partitions(spec, table.schema(), rows):
        yield part.arrow_table_partition, part.partition_key


def _slices(rows: pa.Table) -> Iterator[pa.Table]:
    """Cut into parts of the same size, as few as may be."""
    count = max(1, math.ceil(len(rows) / FILE_ROWS))
    size = math.ceil(len(rows) / count)
    for start in range(0, len(rows), max(size, 1)):
        yield rows.slice(start, size)


def content_of(
    schema: Schema,
    rows: pa.Table,
    spec: TableSpec | None,
    *,
    group_rows: int = _GROUP_ROWS,
) -> tuple[pa.Buffer, pq.FileMetaData]:
    """Return the content of a file with some rows of a table, and its footer."""
    sorted_by = None if spec is None else spec.order
    return packed(_numbered(rows, schema), sorted_by, group_rows=group_rows)


def group_rows_of(content: bytes) -> int | None:
    """Return how many rows the row groups of a file have; None if it is but one."""
    footer = pq.read_metadata(pa.BufferReader(content))
    return footer.row_group(0).num_rows if footer.num_row_groups > 1 else None


def packed(
    rows: pa.Table,
    sorted_by: Sequence[str] | None,
    *,
    group_rows: int | None = None,
) -> tuple[pa.Buffer, pq.FileMetaData]:
    """Return the content of a file with rows whose columns are numbered; its footer.

    Parameters
    ----------
    rows
    sorted_by
        The columns whose smallest and largest values are kept; of all where it is None.
    group_rows
        Rows of a row group, if not as many as where nothing is clustered.
    """
    target = pa.BufferOutputStream()
    writer = pq.ParquetWriter(
        target,
        rows.schema,
        compression="zstd",
        compression_level=9 if len(rows) <= _DENSE_ROWS else 3,
        use_dictionary=_repeating(rows),  # type: ignore[arg-type]  # or a list
        write_statistics=True if sorted_by is None else list(sorted_by),
        store_schema=False,
        write_page_checksum=True,
    )
    with writer:
        writer.write_table(rows, row_group_size=group_rows or _GROUP_ROWS)
    return target.getvalue(), writer.writer.metadata


def _put(table: Table, content: pa.Buffer, place: str) -> None:
    # The name is unique, so there is no need to ask the store whether it exists.
    with table.io.new_output(place).create(overwrite=True) as stream:
        target: Any = stream
        target.write(content)
    sync(table.io, place)
    wrote(table.io, place, memoryview(content).tobytes())


def _data_file(
    table: Table,
    footer: Any,
    key: PartitionKey | None,
    spec: TableSpec | None,
    *,
    place: str,
    size: int,
) -> DataFile:
    """Return what a manifest says of a file."""
    sorted_by = None if spec is None else spec.order
    return DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=place,
        file_format=FileFormat.PARQUET,
        partition=Record() if key is None else key.partition,
        file_size_in_bytes=size,
        sort_order_id=None,
        spec_id=table.spec().spec_id,
        equality_ids=None,
        key_metadata=None,
        **statistics(footer, table.schema(), sorted_by),
    )


def statistics(
    footer: Any, schema: Schema, sorted_by: Sequence[str] | None
) -> dict[str, Any]:
    """Return what a manifest says of the values in a file, by its names for that."""
    kept = None if sorted_by is None else tuple(sorted_by)
    plan, numbers = _wanted_statistics(schema.fields, kept)
    stats = data_file_statistics_from_parquet_metadata(
        parquet_metadata=footer,
        stats_columns=dict(plan),
        parquet_column_mapping=dict(numbers),
    )
    return stats.to_serialized_dict()


@functools.lru_cache(maxsize=64)
def _wanted_statistics(
    fields: tuple[NestedField, ...], sorted_by: tuple[str, ...] | None
) -> tuple[dict[int, StatisticsCollector], dict[str, int]]:
    """Return what is to be kept of each column, and the number of each path."""
    schema = Schema(*fields)
    plan = compute_statistics_plan(schema, _metrics(sorted_by))
    return plan, parquet_path_to_id_mapping(schema)


@functools.lru_cache(maxsize=64)
def _wanted_columns(fields: tuple[NestedField, ...]) -> pa.Schema:
    """Return columns as a file declares them, each with its number."""
    return schema_to_pyarrow(Schema(*fields), include_field_ids=True)


def _numbered(rows: pa.Table, schema: Schema) -> pa.Table:
    """Return `rows` in the schema's order, each column, and what is in it, numbered.

    A column that may be empty, and was added since the rows were read, is left out: no
    value is what a file says that lacks it.
    """
    fields = []
    for field in _wanted_columns(schema.fields):
        if field.nullable and field.name not in rows.column_names:
            continue
        column_type: Any = rows.schema.field(field.name).type
        is_nested = pa.types.is_nested(column_type)
        kind = field.type if is_nested else column_type
        fields.append(pa.field(field.name, kind, field.nullable, field.metadata))
    named = [field.name for field in fields]
    return rows.select(named).cast(pa.schema(fields))


def _repeating(rows: pa.Table) -> list[str]:
    """Return the columns whose values repeat so often that a dictionary is smaller."""
    return [
        field.name
        for field in rows.schema
        if not pa.types.is_nested(field.type)
        and not pa.types.is_boolean(field.type)
        and _repeats(rows.column(field.name))
    ]


def _repeats(values: Any) -> bool:
    for some in (values.slice(0, _SAMPLE_ROWS), values):
        least = 2 if len(some) < len(values) else _REPEATS
        if least * pc.count_distinct(some).as_py() > len(some):
            return False
    return True


def _metrics(sorted_by: Iterable[str] | None) -> dict[str, str]:
    """Return the table properties that say which statistics are kept."""
    if sorted_by is None:
        return {}
    prefix = TableProperties.METRICS_MODE_COLUMN_CONF_PREFIX
    kept = {f"{prefix}.{name}": "truncate(16)" for name in sorted_by}
    return {TableProperties.DEFAULT_WRITE_METRICS_MODE: "none", **kept}
