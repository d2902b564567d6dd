"""Files of records are, byte for byte, those that pyiceberg writes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from pyiceberg.avro.file import AvroOutputFile
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    ManifestListWriterV2,
    data_file_with_partition,
    manifest_entry_schema_with_data_file,
)
from pyiceberg.typedef import Record
from pyiceberg.types import LongType, NestedField, StringType, StructType

from lakebt.lake.storage.avro_writer import (
    VERSION,
    ListWriter,
    RecordFile,
    layout_of_entries,
    undocumented,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pyiceberg.io import OutputFile

FUND = NestedField(field_id=1000, name="fund", field_type=StringType(), required=False)
YEAR = NestedField(field_id=1000, name="year", field_type=LongType(), required=False)
PARTITIONS = {
    "none": (StructType(), Record()),
    "by fund": (StructType(FUND), Record("SPY")),
    "by year": (StructType(YEAR), Record(2022)),
}


@pytest.fixture(autouse=True)
def same_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands between the blocks of a file is random but for this."""
    monkeypatch.setattr(os, "urandom", lambda count: b"m" * count)


@pytest.mark.parametrize("codec", ["gzip", "zstd", "null"])
@pytest.mark.parametrize("name", PARTITIONS)
def test_a_manifest_is_what_pyiceberg_writes_by_the_same_schema(
    name: str, codec: str, tmp_path: Path
) -> None:
    kind, partition = PARTITIONS[name]
    held = manifest_entry_schema_with_data_file(
        VERSION, data_file_with_partition(kind, VERSION)
    )
    metadata = {"avro.codec": codec, "content": "data"}

    with AvroOutputFile[ManifestEntry](
        output(tmp_path / "theirs"),
        file_schema=undocumented(held),
        record_schema=held,
        schema_name="manifest_entry",
        metadata=metadata,
    ) as file:
        file.write_block([entry(partition)])
    with RecordFile[ManifestEntry](
        output(tmp_path / "ours"), layout_of_entries(kind), metadata
    ) as file:
        file.write_block([entry(partition)])

    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


def test_a_list_of_manifests_is_what_pyiceberg_writes(tmp_path: Path) -> None:
    for name, kind in {"theirs": ManifestListWriterV2, "ours": ListWriter}.items():
        with kind(output(tmp_path / name), 7, None, 3, "deflate") as file:
            file.add_manifests([manifest()])

    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


def output(path: Path) -> OutputFile:
    return PyArrowFileIO().new_output(str(path))


def entry(partition: Record) -> ManifestEntry:
    file = DataFile.from_args(
        content=DataFileContent.DATA,
        file_path="file:///lake/prices/a.parquet",
        file_format=FileFormat.PARQUET,
        partition=partition,
        record_count=500,
        file_size_in_bytes=12_000,
        lower_bounds={1: b"AAPL"},
        upper_bounds={1: b"ZTS"},
    )
    return ManifestEntry.from_args(
        status=ManifestEntryStatus.ADDED, snapshot_id=7, data_file=file
    )


def manifest() -> ManifestFile:
    return ManifestFile.from_args(
        manifest_path="file:///lake/prices/m.avro",
        manifest_length=3_000,
        partition_spec_id=0,
        content=ManifestContent.DATA,
        sequence_number=-1,
        min_sequence_number=-1,
        added_snapshot_id=7,
        added_files_count=1,
        existing_files_count=0,
        deleted_files_count=0,
        added_rows_count=500,
        existing_rows_count=0,
        deleted_rows_count=0,
        partitions=None,
        key_metadata=None,
    )
