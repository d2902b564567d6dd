"""What goes wrong behind lakebt's back is found; a healthy lake has no finding."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import sqlite3
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyiceberg.manifest import DataFile, DataFileContent
from pyiceberg.table.update import SetSnapshotRefUpdate
from pyiceberg.types import LongType

from lakebt.errors import BrokenReleaseError, ForeignCommitError, LakeError
from lakebt.lake import Lake
from lakebt.lake.storage.catalog import Storage
from lakebt.lake.storage.reach import Walk
from tests.lake.frames import AS_OF, bars, changes, clock, q1
from tests.lake.original import Original
from tests.lake.other_engines import (
    Clock,
    data_of,
    files,
    foreign_catalog,
    foreign_table,
)

if TYPE_CHECKING:
    from lakebt.lake.keeping.findings import Finding

pytestmark = pytest.mark.lake


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    """Two releases: A has prices, B has holdings too."""

    def make(path: Path) -> None:
        made = Lake.open(path, clock=clock)
        made.publish({"prices": bars()}, release="A", as_of=AS_OF)
        more = bars(symbols=("CCC",))
        made.publish({"prices": more, "etf_holdings": q1()}, release="B", as_of=AS_OF)

    return Original(tmp_path_factory.mktemp("doctor"), make)


@pytest.fixture
def path(original: Original) -> Path:
    """Where it is."""
    return original.restored()


@pytest.fixture
def lake(path: Path) -> Lake:
    return Lake.open(path, create=False, clock=clock)


def only(lake: Lake, **options: Any) -> Finding:
    """The one thing that is wrong."""
    found = lake.doctor(**options)
    assert len(found) == 1, str(found)
    assert not found.ok
    return next(iter(found))


def age(path: Path) -> None:
    """Make every file of a lake old."""
    for file in path.rglob("*"):
        os.utime(file, (0, 0))


def test_a_healthy_lake_has_no_finding(lake: Lake, path: Path) -> None:
    age(path)
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}

    found = lake.doctor()

    assert found.ok
    assert list(found) == []
    assert str(found) == "lake lake is healthy"
    assert "files were not looked at" in str(lake.doctor(files=False))
    assert found.frame().empty
    assert "healthy" in found._repr_html_()
    after = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    assert before == after


def test_an_empty_lake_is_healthy(tmp_path: Path) -> None:
    assert Lake.open(tmp_path / "empty", clock=clock).doctor().ok


def test_a_diagnosis_is_a_frame_and_a_table(lake: Lake, path: Path) -> None:
    with foreign_table(path, "prices") as table:
        table.manage_snapshots().remove_tag("A").commit()

    found = lake.doctor()

    assert found.frame().to_dict(orient="records") == [
        {
            "code": "tag_gone",
            "table": "prices",
            "release": "A",
            "problem": "its tag is gone",
            "cure": f"lakebt doctor --lake {path} --restore",
        }
    ]
    assert str(found) == (
        "lake lake:\n[tag_gone] table prices, release A: its tag is gone. "
        f"Cure: lakebt doctor --lake {path} --restore"
    )
    assert f"lakebt doctor --lake {path} --restore" in found._repr_html_()


def test_a_moved_tag_is_told_by_the_next_read_too(lake: Lake, path: Path) -> None:
    with foreign_table(path, "prices") as table:
        head = table.metadata.refs["B"].snapshot_id
        table.manage_snapshots().create_tag(head, "A").commit()

    with pytest.raises(BrokenReleaseError, match=f"moved to snapshot {head}"):
        lake.at("A")
    finding = only(lake)
    assert (finding.code, finding.release) == ("tag_moved", "A")
    assert f"moved to snapshot {head}, the ledger says" in finding.problem


def test_a_tag_that_became_a_branch(lake: Lake, path: Path) -> None:
    with foreign_table(path, "prices") as table:
        first = table.metadata.refs["A"].snapshot_id
        table.manage_snapshots().create_branch(first, "A").commit()

    assert only(lake).code == "tag_retyped"


def test_a_snapshot_expired_by_hand_is_told_by_the_next_read_too(
    lake: Lake, path: Path
) -> None:
    with foreign_table(path, "prices") as table:
        first = table.metadata.refs["A"].snapshot_id
        table.manage_snapshots().remove_tag("A").commit()
        table.maintenance.expire_snapshots().by_id(first).commit()

    with pytest.raises(BrokenReleaseError, match=f"its snapshot {first} is gone"):
        lake.at("A")
    finding = only(lake)
    assert finding.code == "snapshot_gone"
    assert finding.problem == f"its snapshot {first} is gone"
    assert " --drop A --because 'its snapshot " in finding.cure

    lake.drop("A", because="another program expired it")
    assert lake.doctor().ok


def test_rows_appended_by_another_engine_are_told_by_the_next_publish_too(
    lake: Lake, path: Path
) -> None:
    with foreign_table(path, "prices") as table:
        rows = table.scan().to_arrow()
        table.append(rows, snapshot_properties={"engine-name": "spark"})
        table.append(rows.slice(0, 2), snapshot_properties={"engine-name": "spark"})

    with pytest.raises(ForeignCommitError, match=r"`lake.doctor\(\)` says by whom"):
        lake.publish({"index_changes": changes()}, release="C", as_of=AS_OF)
    finding = only(lake)
    assert finding.code == "foreign_commit"
    assert finding.problem == ("2 foreign commits by spark added 11 and deleted 0 rows")
    assert finding.cure.startswith(
        f"lakebt doctor --lake {path} --roll-back prices, or lakebt doctor --lake "
        f"{path} --adopt prices --release adopted_"
    )


def test_an_upsert_can_only_be_rolled_back(lake: Lake, path: Path) -> None:
    with foreign_table(path, "prices") as table:
        rows = table.scan().to_arrow().slice(0, 1)
        place = rows.schema.get_field_index("close")
        spoilt = rows.set_column(place, rows.schema.field("close"), pa.array([9.9]))
        table.upsert(spoilt, join_cols=["symbol", "session"])

    finding = only(lake)
    assert finding.code == "foreign_commit"
    assert "deleted" in finding.problem
    assert finding.cure == f"lakebt doctor --lake {path} --roll-back prices"


def test_a_head_that_was_set_back(lake: Lake, path: Path) -> None:
    with foreign_table(path, "prices") as table:
        first = table.metadata.refs["A"].snapshot_id
        table.manage_snapshots().set_current_snapshot(first).commit()

    finding = only(lake)
    assert finding.problem == "its head is not built on what the ledger says"


def test_rows_in_a_table_that_had_none(lake: Lake, path: Path) -> None:
    with foreign_table(path, "index_changes") as table:
        table.append(pa.Table.from_pylist([], schema=table.schema().as_arrow()))

    assert (only(lake).code, only(lake).table) == ("foreign_commit", "index_changes")


def test_a_ledger_that_something_else_wrote(lake: Lake, path: Path) -> None:
    with foreign_table(path, "releases") as ledger:
        ledger.delete("name = 'A'")

    finding = only(lake, files=False)
    assert (finding.code, finding.table) == ("foreign_commit", "releases")
    assert finding.cure == f"lakebt doctor --lake {path} --roll-back releases"


def test_a_stray_tag_and_one_that_no_engine_reads(lake: Lake, path: Path) -> None:
    with foreign_table(path, "prices") as table:
        head = table.metadata.refs["B"].snapshot_id
        table.manage_snapshots().create_tag(head, "20220930").create_tag(
            head, "b"
        ).commit()

    found = lake.doctor().frame()

    assert list(found["code"]) == ["stray_tag"] * 2 + ["unreadable_name"] * 2
    assert "ALTER TABLE quant.prices DROP TAG `20220930`" in found["cure"][0]
    assert found["problem"][2] == (
        "tag 20220930 is all digits: Spark takes it for a snapshot id"
    )
    assert found["problem"][3] == "tags B and b differ in case only"


def test_a_tag_of_a_release_that_ended(lake: Lake, path: Path) -> None:
    lake.drop("A", because="a test")
    with foreign_table(path, "prices") as table:
        head = table.metadata.refs["B"].snapshot_id
        table.manage_snapshots().create_tag(head, "A").commit()

    finding = only(lake)
    assert (finding.code, finding.cure) == ("stray_tag", f"lakebt retain --lake {path}")
    lake.retain()
    assert lake.doctor().ok


def test_columns_that_were_changed(lake: Lake, path: Path) -> None:
    with foreign_table(path, "prices") as table:
        table.update_schema().add_column("Close", LongType()).commit()
        table.update_schema().rename_column("volume", "the volume").commit()

    found = lake.doctor().frame()

    assert list(found["problem"]) == [
        "column 'the volume' needs quoting",
        "columns close and Close differ in case only",
        "its columns were changed: Close, the volume, volume",
    ]
    assert list(found["code"]) == ["unreadable_name"] * 2 + ["table_damaged"]


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"gc.enabled": "true"}, "gc.enabled true"),
        (
            {"history.expire.max-snapshot-age-ms": "1"},
            "history.expire.max-snapshot-age-ms 1",
        ),
    ],
)
def test_settings_by_which_others_expire(
    lake: Lake, path: Path, properties: dict[str, str], said: str
) -> None:
    with foreign_table(path, "prices") as table, table.transaction() as change:
        change.set_properties(properties)

    finding = only(lake)
    assert finding.code == "external_expiry"
    assert finding.problem == f"other engines may expire its snapshots: {said}"


def test_settings_that_are_gone(lake: Lake, path: Path) -> None:
    lost = ("gc.enabled", "write.metadata.delete-after-commit.enabled")
    with foreign_table(path, "prices") as table, table.transaction() as change:
        change.remove_properties(*lost, "write.metadata.previous-versions-max")

    found = lake.doctor().frame()

    assert list(found["code"]) == ["external_expiry", "settings_lost"]
    assert "gc.enabled not set" in found["problem"][0]
    assert lost[1] in found["problem"][1]


@pytest.mark.parametrize("ref", ["A", "main"])
def test_a_tag_or_branch_with_an_age(lake: Lake, path: Path, ref: str) -> None:
    with foreign_table(path, "prices") as table:
        to = table.metadata.refs[ref]
        update = SetSnapshotRefUpdate.model_validate(
            {
                "ref-name": ref,
                "snapshot-id": to.snapshot_id,
                "type": to.snapshot_ref_type,
                "max-ref-age-ms": 86_400_000,
            }
        )
        table.catalog.commit_table(table, (), (update,))

    finding = only(lake)
    assert finding.code == "external_expiry"
    assert "max-ref-age-ms 86400000" in finding.problem
    assert finding.cure == f"lakebt doctor --lake {path} --restore"


def test_format_version_3(lake: Lake, path: Path) -> None:
    """pyiceberg makes no such table, so its metadata is written by hand."""
    with foreign_table(path, "prices") as table:
        text = table.metadata.model_dump_json(exclude_none=True)
        newer = json.loads(text) | {"format-version": 3, "next-row-id": 0}
        old = table.metadata_location
    place = f"{old.rpartition('/')[0]}/00009-{uuid.uuid4()}.gz.metadata.json"
    location(place).write_bytes(gzip.compress(json.dumps(newer).encode()))
    with contextlib.closing(sqlite3.connect(path / "catalog.db")) as database:
        database.execute(
            "update iceberg_tables set metadata_location = ? where "
            "metadata_location = ?",
            (place, old),
        )
        database.commit()

    finding = only(lake, files=False)
    assert finding.code == "format_version"
    assert finding.problem == "it has format version 3, lakebt writes 2"
    before = {file for file in path.rglob("*") if file.is_file()}
    told = r"prices has format version 3, lakebt writes 2: nothing was changed\. lakebt"
    with pytest.raises(LakeError, match=told):
        lake.publish({"prices": bars(("2022-09-08",))}, release="R9", as_of=AS_OF)
    assert {file for file in path.rglob("*") if file.is_file()} == before


def test_a_table_that_was_dropped(lake: Lake, path: Path) -> None:
    with foreign_catalog(path) as catalog:
        catalog.drop_table("quant.etf_holdings")

    finding = only(lake)
    assert (finding.code, finding.table) == ("table_gone", "etf_holdings")
    assert finding.cure == "Restore the lake from a backup"


def test_a_table_that_was_made_again_keeps_the_files_that_could_save_it(
    lake: Lake, path: Path
) -> None:
    with foreign_catalog(path) as catalog:
        schema = catalog.load_table("quant.prices").schema()
        catalog.drop_table("quant.prices")
        properties = {
            "gc.enabled": "false",
            "write.metadata.delete-after-commit.enabled": "true",
            "write.metadata.previous-versions-max": "10",
        }
        catalog.create_table("quant.prices", schema, properties=properties)
    age(path)
    before = files(path, "prices")

    assert only(lake).code == "table_remade"
    lake.remove_orphans()
    assert files(path, "prices") == before


def location(path: str) -> Path:
    return Path(path.removeprefix("file://"))


def reached(path: Path, kind: str) -> Path:
    """The file of a kind that release A, and so B too, needs."""
    with foreign_table(path, "prices") as table:
        snapshot = table.metadata.snapshot_by_id(table.metadata.refs["A"].snapshot_id)
        assert snapshot is not None
        manifest = snapshot.manifests(table.io)[0]
        (entry,) = manifest.fetch_manifest_entry(table.io)
    paths = {
        "manifest list": snapshot.manifest_list,
        "manifest": manifest.manifest_path,
        "data file": entry.data_file.file_path,
    }
    return location(paths[kind])


@pytest.mark.parametrize("kind", ["manifest list", "manifest", "data file"])
def test_a_file_that_is_gone(lake: Lake, path: Path, kind: str) -> None:
    lost = reached(path, kind)
    lost.unlink()
    age(path)

    finding = only(lake)

    assert (finding.code, finding.release) == ("file_gone", "A")
    more = "" if kind == "manifest list" else "; 1 more release needs it"
    assert finding.problem == f"the {kind} {lost.name} is gone{more}"
    assert finding.cure.startswith("Restore the lake from a backup, or end the")
    assert lake.doctor(files=False).ok


def test_a_file_that_was_cut_short(lake: Lake, path: Path) -> None:
    data = reached(path, "data file")
    whole = data.read_bytes()
    data.write_bytes(whole[:100])

    finding = only(lake)
    assert finding.code == "file_damaged"
    assert f"has 100 bytes instead of {len(whole):,}" in finding.problem


def test_a_manifest_that_cannot_be_read(lake: Lake, path: Path) -> None:
    manifest = reached(path, "manifest")
    manifest.write_bytes(b"\0" * manifest.stat().st_size)

    finding = only(lake)
    assert finding.code == "file_damaged"
    assert "is damaged" in finding.problem


@pytest.mark.slow
def test_many_lost_files_are_told_once(tmp_path: Path) -> None:
    lake = Lake.open(tmp_path / "many", clock=clock)
    for number in range(13):
        frame = {"prices": bars(symbols=(f"S{number}",))}
        lake.publish(frame, release=f"R{number}", as_of=AS_OF)
    for file in files(tmp_path / "many", "prices"):
        if file.suffix == ".parquet":
            file.unlink()

    found = list(lake.doctor())

    assert len(found) == 11
    assert found[-1].problem == "3 more files are gone or damaged"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (DataFileContent.POSITION_DELETES, "positional_deletes"),
        (DataFileContent.EQUALITY_DELETES, "equality_deletes"),
    ],
)
def test_deletes_that_another_engine_wrote(
    lake: Lake, path: Path, content: DataFileContent, code: str
) -> None:
    """pyiceberg makes no such files, so a data file is added as if it were one."""
    with foreign_table(path, "prices") as table:
        data = next(iter(table.scan().plan_files())).file
        name = data.file_path.replace(".parquet", "-deletes.parquet")
        shutil.copy(location(data.file_path), location(name))
        file = DataFile.from_args(
            content=content,
            file_path=name,
            file_format=data.file_format,
            partition=data.partition,
            record_count=1,
            file_size_in_bytes=data.file_size_in_bytes,
        )
        file.spec_id = data.spec_id
        with (
            table.transaction() as change,
            change.update_snapshot().fast_append() as new,
        ):
            new.append_data_file(file)

    found = lake.doctor().frame()

    assert list(found["code"]) == ["foreign_commit", code]
    assert found["cure"][1] == f"lakebt doctor --lake {path} --roll-back prices"


def test_orphans_are_counted_when_they_are_a_day_old(lake: Lake, path: Path) -> None:
    now = Clock()
    lake = Lake.open(path, clock=now)
    folder = path / "warehouse/quant/prices"
    orphan = folder / "data/left-behind.parquet"
    orphan.write_bytes(b"12345")
    mine = folder / "data/notes.txt"
    mine.write_text("not lakebt's")
    (path / "warehouse/quant/prices/other").mkdir()
    (path / "warehouse/quant/prices/other/x.parquet").write_bytes(b"1")
    for file in (orphan, mine):
        os.utime(file, (now().timestamp(), now().timestamp()))

    now.pass_by(hours=24)
    assert lake.doctor().ok
    now.pass_by(seconds=1)
    finding = only(lake)
    assert finding.code == "orphan_files"
    assert finding.problem == "1 file (5 bytes) that nothing refers to"

    assert str(lake.remove_orphans()) == "table prices: 1 file, 5 bytes, are gone"
    assert not orphan.exists()
    assert mine.exists()
    assert (folder / "other/x.parquet").exists()
    assert lake.doctor().ok


@pytest.mark.parametrize("name", ["releases", "prices"])
def test_a_lake_too_broken_to_be_opened(lake: Lake, path: Path, name: str) -> None:
    with foreign_table(path, name) as table:
        lost = location(table.metadata_location)
    lost.unlink()

    with pytest.raises(LakeError, match=f"has lost the file {lost.name}"):
        Lake.open(path, create=False)

    broken = Lake.open(path, create=False, check=False, clock=clock)
    for doctor in (lake, broken):
        found = {(f.code, f.table) for f in doctor.doctor()}
        assert ("table_unreadable", name) in found
        told = str(doctor.doctor())
        assert lost.name in told
        assert "Cure: Restore the lake from a backup" in told


@pytest.mark.usefixtures("lake")
def test_a_ledger_whose_rows_are_gone(path: Path) -> None:
    for file in files(path, "releases"):
        if file.suffix == ".parquet":
            file.unlink()

    broken = Lake.open(path, create=False, clock=clock)
    finding = only(broken)
    assert (finding.code, finding.table) == ("ledger_unreadable", "releases")
    assert "has lost the file" in finding.problem


def test_a_ledger_that_was_dropped(lake: Lake, path: Path) -> None:
    with foreign_catalog(path) as catalog:
        catalog.drop_table("quant.releases")

    broken = Lake.open(path, create=False, check=False, clock=clock)
    for doctor in (lake, broken):
        finding = only(doctor)
        assert finding.code == "table_gone"
        assert finding.problem == "the ledger is gone"


def test_a_catalog_that_cannot_be_read(lake: Lake, path: Path) -> None:
    (path / "catalog.db").write_bytes(b"nothing like a database" * 100)

    finding = only(lake)
    assert finding.code == "lake_unreadable"
    assert "corrupt catalog.db" in finding.problem


def test_an_unfinished_publish_is_told(
    lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with foreign_table(path, "releases") as ledger:
        head = ledger.metadata.refs["main"].snapshot_id
        ledger.manage_snapshots().create_tag(head, "lakebt-unfinished").commit()
    with foreign_table(path, "prices") as table:
        head = table.metadata.refs["B"].snapshot_id
        table.append(table.scan().to_arrow(), branch="abandoned")
        left = table.metadata.refs["abandoned"].snapshot_id
        (
            table.manage_snapshots()
            .create_tag(left, f"lakebt-staged-2-{left}")
            .remove_branch("abandoned")
            .remove_tag("B")
            .commit()
        )

    found = lake.doctor().frame()

    assert list(found["code"]) == ["unfinished_publish"] * 2
    assert found["release"][0] == "B"
    assert "have yet to follow it in prices" in found["problem"][0]
    assert found["table"][1] == "prices"
    monkeypatch.setattr(Storage, "sql", None)
    lake.retain()
    assert lake.doctor().ok


def test_progress_is_told(lake: Lake) -> None:
    steps: list[tuple[int, int]] = []

    lake.doctor(progress=lambda done, total: steps.append((done, total)))

    assert steps
    assert all(0 <= done <= total for done, total in steps)


@pytest.mark.usefixtures("lake")
def test_a_walk_reaches_the_data_files_that_pyiceberg_plans(path: Path) -> None:
    with foreign_table(path, "prices") as table:
        by_walk = {
            file.name
            for file in Walk(table.io).reach(table.metadata.snapshots).values()
            if file.kind == "data file"
        }
        assert by_walk == data_of(table, "A") | data_of(table, "B")
