"""What pyiceberg 0.12 does, and what is therefore done here instead.

When one of these fails, upstream has changed: drop the workaround, keep the promise.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pyiceberg
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException, ValidationError
from pyiceberg.serializers import FromInputFile
from pyiceberg.table.update import RemoveSnapshotsUpdate
from pyiceberg.table.update.snapshot import ManageSnapshots

from lakebt.lake.committing import sql, stage
from lakebt.lake.storage import snapshots
from lakebt.lake.storage.datafiles import write_files
from lakebt.lake.storage.failures import LostRaceError
from lakebt.lake.storage.metadata import next_version, read, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyiceberg.manifest import ManifestFile
    from pyiceberg.table import Table
    from pyiceberg.table.metadata import TableMetadata

pytestmark = pytest.mark.lake

SCHEMA = pa.schema([pa.field("symbol", pa.string())])


def rows(*symbols: str) -> pa.Table:
    return pa.table({"symbol": list(symbols)}, schema=SCHEMA)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[SqlCatalog]:
    made = SqlCatalog("c", uri=f"sqlite:///{tmp_path}/c.db", warehouse=str(tmp_path))
    made.create_namespace("quant")
    yield made
    made.engine.dispose()


@pytest.fixture
def table(catalog: SqlCatalog) -> Table:
    made = catalog.create_table("quant.t", SCHEMA)
    made.append(rows("A"))
    return made


def head(table: Table) -> int:
    snapshot = table.current_snapshot()
    assert snapshot is not None
    return snapshot.snapshot_id


def staged(table: Table, symbol: str, tag: str) -> stage.Staged:
    files = write_files(table, rows(symbol))
    return stage.stage_append(table, files, tag=tag, summary={})


def publish(catalog: SqlCatalog, *changes: stage.Staged) -> None:
    with sql.turn(catalog) as session:
        sql.commit(session, catalog, changes)


def test_the_private_names_are_pinned() -> None:
    assert pyiceberg.__version__.startswith("0.12.")


def test_create_tag_moves_an_existing_tag_in_silence(table: Table) -> None:
    first = head(table)
    table.manage_snapshots().create_tag(first, "R1").commit()
    table.append(rows("B"))

    table.manage_snapshots().create_tag(head(table), "R1").commit()

    assert table.metadata.refs["R1"].snapshot_id != first


def test_create_branch_turns_a_tag_into_a_branch_in_silence(table: Table) -> None:
    table.manage_snapshots().create_tag(head(table), "R1").commit()

    table.manage_snapshots().create_branch(head(table), "R1").commit()

    assert table.metadata.refs["R1"].snapshot_ref_type == "branch"


def test_a_tag_set_with_an_append_is_lost_when_the_append_is_retried(
    catalog: SqlCatalog, table: Table
) -> None:
    late = catalog.load_table("quant.t")
    with late.transaction() as transaction:
        transaction.append(rows("B"))
        staged = transaction.table_metadata.current_snapshot()
        assert staged is not None
        ManageSnapshots(transaction).create_tag(staged.snapshot_id, "R1").commit()
        table.append(rows("C"))

    after = catalog.load_table("quant.t")
    assert set(after.scan().to_arrow()["symbol"].to_pylist()) == {"A", "B", "C"}
    assert "R1" not in after.metadata.refs


def test_the_strict_commit_adds_rows_and_tag_in_one_snapshot(
    catalog: SqlCatalog, table: Table
) -> None:
    change = staged(table, "B", "R1")

    publish(catalog, change)

    after = catalog.load_table("quant.t")
    assert head(after) == after.metadata.refs["R1"].snapshot_id == change.snapshot_id
    assert len(after.metadata.snapshots) == 2


def test_the_strict_commit_refuses_a_tag_that_is_there(
    catalog: SqlCatalog, table: Table
) -> None:
    publish(catalog, staged(table, "B", "R1"))
    again = catalog.load_table("quant.t")

    with pytest.raises(LostRaceError, match="tag R1 was created concurrently"):
        publish(catalog, staged(again, "C", "R1"))

    assert len(catalog.load_table("quant.t").scan().to_arrow()) == 2


def test_the_strict_commit_refuses_a_table_that_has_moved_on(
    catalog: SqlCatalog, table: Table
) -> None:
    change = staged(table, "B", "R1")
    catalog.load_table("quant.t").append(rows("C"))

    with pytest.raises(LostRaceError, match="t has moved on"):
        publish(catalog, change)

    after = catalog.load_table("quant.t")
    assert "R1" not in after.metadata.refs
    assert after.scan().to_arrow()["symbol"].to_pylist() == ["C", "A"]


def test_the_strict_commit_changes_every_table_or_none(
    catalog: SqlCatalog, table: Table
) -> None:
    other = catalog.create_table("quant.other", SCHEMA)
    changes = [staged(other, "B", "R1"), staged(table, "B", "R1")]
    catalog.load_table("quant.t").append(rows("C"))

    with pytest.raises(LostRaceError):
        publish(catalog, *changes)

    assert catalog.load_table("quant.other").current_snapshot() is None


def test_pyiceberg_reports_a_stale_pointer_by_an_exception(
    catalog: SqlCatalog, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own single-table commit checks the pointer too, by row count."""
    stale = catalog.load_table("quant.t")
    table.append(rows("B"))
    change = staged(stale, "C", "R1")
    load: Any = lambda _: stale  # noqa: E731 - as if loaded a moment before
    monkeypatch.setattr(catalog, "load_table", load)

    with pytest.raises(CommitFailedException, match="updated by another process"):
        catalog.commit_table(stale, change.requirements, change.updates)


KEYED = pa.table({"symbol": ["A"], "close": [1.0]}).schema


def keyed(**closes: float) -> pa.Table:
    return pa.table({"symbol": list(closes), "close": list(closes.values())}, KEYED)


def test_two_upserts_of_the_same_new_key_leave_it_twice(catalog: SqlCatalog) -> None:
    """Why there is no upsert here: a key is checked under the lock instead."""
    table = catalog.create_table("quant.keyed", KEYED)
    table.append(keyed(A=1.0))
    late = catalog.load_table("quant.keyed")

    table.upsert(keyed(B=2.0), ["symbol"])
    late.upsert(keyed(B=3.0), ["symbol"])

    found = catalog.load_table("quant.keyed").scan().to_arrow()
    assert found.sort_by("symbol")["symbol"].to_pylist() == ["A", "B", "B"]


def test_an_upsert_is_several_snapshots_and_the_first_lacks_rows(
    catalog: SqlCatalog,
) -> None:
    """Why a correction is a new row, and a release one snapshot per table."""
    table = catalog.create_table("quant.keyed", KEYED)
    table.append(keyed(A=1.0, B=2.0))
    before = len(table.metadata.snapshots)

    table.upsert(keyed(A=9.0, C=3.0), ["symbol"])

    made = table.metadata.snapshots[before:]
    assert len(made) == 3
    torn = table.scan(snapshot_id=made[0].snapshot_id).to_arrow()
    assert torn["symbol"].to_pylist() == ["B"]


def test_a_filter_on_an_old_snapshot_goes_by_the_names_of_today(
    catalog: SqlCatalog,
) -> None:
    """Why no column is ever renamed."""
    table = catalog.create_table("quant.keyed", KEYED)
    table.append(keyed(A=1.0))
    old = head(table)
    with table.update_schema() as change:
        change.rename_column("close", "price")

    read = table.scan(snapshot_id=old, row_filter="price > 0").to_arrow()
    assert read.column_names == ["symbol", "close"]
    with pytest.raises(ValueError, match="Could not find field with name close"):
        table.scan(snapshot_id=old, row_filter="close > 0").to_arrow()


def test_that_a_tag_is_absent_cannot_be_required_of_a_table_without_snapshots(
    catalog: SqlCatalog,
) -> None:
    """Why a table's first commit requires only that it has no head."""
    empty = catalog.create_table("quant.empty", SCHEMA)

    with pytest.raises(CommitFailedException, match="Table has no snapshots"):
        snapshots.at_ref("R1", None).validate(empty.metadata)
    snapshots.at_ref("main", None).validate(empty.metadata)


def parsed(metadata: TableMetadata) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(metadata.model_dump_json(exclude_none=True))
    return made


def changes_of(table: Table) -> dict[str, stage.Staged]:
    """One of each kind of change that is ever committed."""
    files = write_files(table, rows("B"))
    ledger = stage.stage_rewrite(table, rows("C"), summary={"said": "so"})
    expire = RemoveSnapshotsUpdate.model_validate({"snapshot-ids": [head(table)]})
    return {
        "append": stage.stage_append(table, files, tag="R1", summary={}),
        "tag": stage.stage_tag(table, tag="R1"),
        "rewrite": ledger,
        "expiry": replace(ledger, updates=(*ledger.updates, expire)),
    }


@pytest.mark.parametrize("kind", ["append", "tag", "rewrite", "expiry"])
def test_the_next_metadata_is_what_pyiceberg_would_have_made(
    catalog: SqlCatalog, table: Table, kind: str
) -> None:
    change = changes_of(table)[kind]
    given = (table, change.requirements, change.updates)

    made = next_version(catalog, *given)
    expected = catalog._update_and_stage_table(  # noqa: SLF001
        table, table.name(), change.requirements, change.updates
    )

    ours, theirs = parsed(made.metadata), parsed(expected.metadata)
    if kind == "tag":  # no snapshot gives its instant
        assert abs(ours.pop("last-updated-ms") - theirs.pop("last-updated-ms")) < 60_000
    assert ours == theirs
    assert made.metadata_location.endswith(".gz.metadata.json")
    places = [made.metadata_location, expected.metadata_location]
    assert [Path(place).name[:6] for place in places] == ["00002-", "00002-"]


def test_pyiceberg_copies_the_whole_metadata_deeply(
    catalog: SqlCatalog, table: Table
) -> None:
    change = changes_of(table)["tag"]
    made = catalog._update_and_stage_table(  # noqa: SLF001
        table, table.name(), change.requirements, change.updates
    )

    assert made.metadata.snapshots[0] is not table.metadata.snapshots[0]
    ours = next_version(catalog, table, change.requirements, change.updates)
    assert ours.metadata.snapshots[0] is table.metadata.snapshots[0]


def test_what_is_written_is_read_by_pyiceberg_and_back(
    catalog: SqlCatalog, table: Table, tmp_path: Path
) -> None:
    file, other = (tmp_path / f"0000{n}-x.gz.metadata.json" for n in (1, 2))
    made = next_version(catalog, table, (), changes_of(table)["append"].updates)
    write(made.metadata, table.io, f"file://{file}")

    theirs = FromInputFile.table_metadata(table.io.new_input(f"file://{file}"))
    assert theirs == made.metadata
    assert read(table.io, f"file://{file}") is made.metadata
    other.write_bytes(file.read_bytes())
    assert read(table.io, f"file://{other}") == theirs


def test_what_is_read_back_is_what_lies_there_not_what_was_written(
    table: Table, tmp_path: Path
) -> None:
    file = tmp_path / "00001-x.gz.metadata.json"
    write(table.metadata, table.io, f"file://{file}")
    said = gzip.decompress(file.read_bytes())
    file.write_bytes(gzip.compress(said.replace(b"format-version", b"format-verse")))

    with pytest.raises(ValidationError, match="Missing format-version"):
        read(table.io, f"file://{file}")


def test_metadata_that_is_not_gzipped_is_read_too(table: Table) -> None:
    assert table.metadata_location.endswith(".metadata.json")
    assert not table.metadata_location.endswith(".gz.metadata.json")
    assert read(table.io, table.metadata_location) == table.metadata


def test_a_manifest_says_what_pyiceberg_would_have_said(
    catalog: SqlCatalog, table: Table
) -> None:
    ours = staged(table, "B", "R")
    publish(catalog, ours)
    table.refresh()
    table.append(rows("B"))
    manifests = {m.added_snapshot_id: m for m in heads_manifests(table)}
    both = [manifests[ours.snapshot_id], manifests[head(table)]]

    content = [local(manifest.manifest_path).read_bytes() for manifest in both]
    assert [b'"doc"' in head for head in content] == [False, True]
    assert len(content[0]) < len(content[1]) - 500
    shown = []
    for manifest in both:
        (entry,) = manifest.fetch_manifest_entry(table.io)
        said = {name: getattr(entry.data_file, name) for name in WRITTEN}
        shown.append({"status": entry.status, **said})
    assert shown[0] == shown[1]


WRITTEN = (
    *("content", "file_format", "record_count", "value_counts", "null_value_counts"),
    *("lower_bounds", "upper_bounds", "split_offsets", "sort_order_id", "spec_id"),
)
"""What a data file's entry says that does not depend on its name and its bytes."""


def heads_manifests(table: Table) -> list[ManifestFile]:
    snapshot = table.current_snapshot()
    assert snapshot is not None
    return snapshot.manifests(table.io)


def local(place: str) -> Path:
    return Path(urlsplit(place).path)


def test_pyiceberg_keeps_the_manifest_of_what_an_overwrite_deleted(
    catalog: SqlCatalog, table: Table
) -> None:
    for symbol in "BCDE":
        (old,) = table.scan().plan_files()
        with table.transaction() as change, change.update_snapshot().overwrite() as it:
            it.delete_data_file(old.file)
            it.append_data_file(*write_files(table, rows(symbol)))

    dropped = [m for m in heads_manifests(table) if m.deleted_files_count]
    assert len(dropped) > 1
    for symbol in "FGHI":
        table = catalog.load_table("quant.t")
        publish(catalog, stage.stage_rewrite(table, rows(symbol), summary={}))
    table = catalog.load_table("quant.t")
    assert len([m for m in heads_manifests(table) if m.deleted_files_count]) == 1
    assert table.scan().to_arrow()["symbol"].to_pylist() == ["I"]
    assert len(table.metadata.snapshots) <= stage.KEPT


def test_pyiceberg_writes_the_schema_into_a_data_file_once_more(table: Table) -> None:
    (theirs,) = table.scan().plan_files()
    (ours,) = write_files(table, rows("A"))

    blobs = [
        (pq.read_metadata(local(file.file_path)).metadata or {}).get(b"ARROW:schema")
        for file in (theirs.file, ours)
    ]
    assert blobs[0] is not None
    assert blobs[1] is None
    assert pq.read_schema(local(ours.file_path)).field("symbol").metadata == {
        b"PARQUET:field_id": b"1"
    }
