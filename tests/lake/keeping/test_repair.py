"""The cures: each leaves a healthy lake, or refuses and changes nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from pyiceberg.manifest import write_manifest_list
from pyiceberg.table.update import SetSnapshotRefUpdate
from pyiceberg.types import LongType

from lakebt.errors import (
    BrokenReleaseError,
    ForeignCommitError,
    InvalidArgumentError,
    InvalidDataError,
    LakeError,
    ReleaseExistsError,
    UnknownNameError,
)
from lakebt.lake import Lake
from lakebt.lake.storage.catalog import Storage
from tests.forked import python
from tests.lake.frames import AS_OF, bars, changes, clock, q1
from tests.lake.original import Original
from tests.lake.other_engines import files, foreign_catalog, foreign_table

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

pytestmark = pytest.mark.lake


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    """Two releases: A has prices, B has holdings too."""

    def make(path: Path) -> None:
        made = Lake.open(path, clock=clock)
        made.publish({"prices": bars()}, release="A", as_of=AS_OF)
        made.publish({"etf_holdings": q1()}, release="B", as_of=AS_OF)

    return Original(tmp_path_factory.mktemp("repair"), make)


@pytest.fixture
def path(original: Original) -> Path:
    """Where it is."""
    return original.restored()


@pytest.fixture
def lake(path: Path) -> Lake:
    return Lake.open(path, create=False, clock=clock)


def as_stored(path: Path, frame: pd.DataFrame) -> pa.Table:
    """Bars as another engine would write them: every column, in the table's types."""
    known = frame.assign(
        known_at=[f"{day} 20:00:00+00:00" for day in frame["session"]],
        retracted=False,
        volume=frame["volume"].astype("float64"),
    )
    with foreign_table(path, "prices") as table:
        schema = table.schema().as_arrow()
    columns = []
    for field in schema:
        values: Any = pa.array(known[field.name], from_pandas=field.name != "volume")
        if pa.types.is_timestamp(field.type):
            values = pa.compute.strptime(values, "%Y-%m-%d %H:%M:%S%z", "us")
        columns.append(values.cast(field.type))
    return pa.table(columns, schema=schema)


def append(path: Path, rows: pa.Table) -> None:
    with foreign_table(path, "prices") as table:
        table.append(rows)


def state(path: Path) -> set[Path]:
    return {file for file in path.rglob("*") if file.is_file()}


def test_rows_that_were_appended_become_a_release(lake: Lake, path: Path) -> None:
    append(path, as_stored(path, bars(symbols=("NEW",))))
    append(path, as_stored(path, bars(symbols=("OLD",))))

    made = lake.adopt(
        "prices", release="C", as_of=AS_OF, note="by spark", labels={"x": "1"}
    )

    assert (made.published, made.rows, made.sequence) == (("prices",), 6, 3)
    pin = made.pin("prices")
    assert pin is not None
    assert pin.rows == 12
    read = lake.at("C").read("prices")
    assert sorted(set(read["symbol"])) == ["AAA", "BBB", "NEW", "OLD"]
    assert len(lake.at("B").read("prices")) == 6
    assert lake.releases(labels={"x": "1"})["note"][0] == "by spark"
    with foreign_table(path, "prices") as table:
        assert table.metadata.refs["C"] == table.metadata.refs["main"].model_copy(
            update={"snapshot_ref_type": "tag"}
        )
    assert lake.doctor().ok
    lake.publish({"prices": bars(symbols=("ZZZ",))}, release="D", as_of=AS_OF)
    assert len(lake.at("D").read("prices")) == 15


def test_an_adopted_release_has_the_digest_it_would_have_had(
    lake: Lake, path: Path, tmp_path: Path
) -> None:
    twin = Lake.open(tmp_path / "twin", clock=clock)
    twin.publish({"prices": bars()}, release="A", as_of=AS_OF)
    twin.publish({"etf_holdings": q1()}, release="B", as_of=AS_OF)
    rows = as_stored(path, bars(symbols=("NEW",)))
    published = twin.publish({"prices": rows}, release="C", as_of=AS_OF)

    append(path, rows.take(pa.array([2, 0, 1])))
    adopted = lake.adopt("prices", release="C", as_of=AS_OF)

    assert adopted.digest == published.digest
    ours, theirs = adopted.pin("prices"), published.pin("prices")
    assert ours is not None
    assert theirs is not None
    assert (ours.digest, ours.rows, ours.earliest) == (
        theirs.digest,
        theirs.rows,
        theirs.earliest,
    )


def test_rows_in_a_table_that_had_none_become_a_release(tmp_path: Path) -> None:
    path = tmp_path / "lake"
    lake = Lake.open(path, clock=clock)
    append(path, as_stored(path, bars()))

    lake.adopt("prices", release="A", as_of=AS_OF)

    assert len(lake.at("A").read("prices")) == 6
    assert lake.doctor().ok


def refused(lake: Lake, path: Path, error: type[Exception], match: str) -> None:
    """Adoption is refused, changes nothing, and rolling back is the way out."""
    before = state(path)
    with pytest.raises(error, match=match):
        lake.adopt("prices", release="C", as_of=AS_OF)
    assert state(path) == before
    assert list(lake.releases()["name"]) == ["A", "B"]
    lake.roll_back("prices")
    assert lake.doctor().ok
    lake.publish({"prices": bars(symbols=("NEW",))}, release="C", as_of=AS_OF)
    assert len(lake.at("C").read("prices")) == 9


def test_rows_that_break_a_rule_are_not_adopted(lake: Lake, path: Path) -> None:
    append(path, as_stored(path, bars(symbols=("NEW",), high=1.0)))

    refused(lake, path, InvalidDataError, "prices: .*high")


def test_rows_known_after_the_cutoff_are_not_adopted(lake: Lake, path: Path) -> None:
    append(path, as_stored(path, bars(("2023-01-04",), ("NEW",))))

    refused(lake, path, InvalidDataError, "known_at after")


@pytest.mark.parametrize("volume", [1_000, 7])
def test_rows_that_are_there_already_are_not_adopted(
    lake: Lake, path: Path, volume: int
) -> None:
    append(path, lake_rows := as_stored(path, bars(volume=volume)))
    assert len(lake_rows) == 6

    match = r"6 of the rows that were appended are in the lake already \(the first: sym"
    refused(lake, path, InvalidDataError, match)


def test_a_value_written_in_another_way_is_not_adopted(lake: Lake, path: Path) -> None:
    append(path, as_stored(path, bars(symbols=("NEW",), volume=np.nan)))
    with foreign_table(path, "prices") as table:
        volumes = table.scan().to_arrow()["volume"]
    assert pa.compute.is_nan(volumes).to_pylist().count(True) == 3

    refused(lake, path, InvalidDataError, "lakebt writes in another way: NaN")


def test_a_commit_that_deleted_is_not_adopted(lake: Lake, path: Path) -> None:
    with foreign_table(path, "prices") as table:
        table.delete("symbol = 'AAA'")
        table.append(as_stored(path, bars(symbols=("NEW",))))

    refused(lake, path, LakeError, "2 foreign commits .* deleted .* not only an append")


def test_a_commit_that_lies_about_appending_is_not_adopted(
    lake: Lake, path: Path
) -> None:
    """What counts is which files are there, not what the summary says."""
    with foreign_table(path, "prices") as table:
        head = table.current_snapshot()
        assert head is not None
        with table.transaction() as change:
            change.append(as_stored(path, bars(symbols=("NEW",))))
        only_new = table.current_snapshot()
        assert only_new is not None
        lists = [only_new.manifests(table.io)[0]]
    with foreign_table(path, "prices") as table:
        output = table.io.new_output(only_new.manifest_list)
        with write_manifest_list(
            2,
            output,
            only_new.snapshot_id,
            head.snapshot_id,
            only_new.sequence_number,
            "null",
        ) as writer:
            writer.add_manifests(lists)

    refused(lake, path, LakeError, "rows that were there were deleted or rewritten")


def test_a_changed_schema_is_not_adopted(lake: Lake, path: Path) -> None:
    rows = as_stored(path, bars(symbols=("NEW",)))
    with foreign_table(path, "prices") as table:
        table.update_schema().add_column("vwap", LongType()).commit()
        table.append(rows)

    refused(lake, path, LakeError, "cannot be adopted: its columns were changed")


def test_nothing_to_adopt_is_said(lake: Lake) -> None:
    with pytest.raises(InvalidArgumentError, match="there is nothing to adopt"):
        lake.adopt("prices", release="C", as_of=AS_OF)
    with pytest.raises(UnknownNameError, match="unknown table or branch 'price'"):
        lake.adopt("price", release="C", as_of=AS_OF)


def test_adoption_needs_a_free_name_and_no_other_foreign_commit(
    lake: Lake, path: Path
) -> None:
    append(path, as_stored(path, bars(symbols=("NEW",))))
    with pytest.raises(ReleaseExistsError, match="'A' already exists"):
        lake.adopt("prices", release="A", as_of=AS_OF)

    with foreign_table(path, "etf_holdings") as table:
        table.append(table.scan().to_arrow())
    with pytest.raises(ForeignCommitError, match="etf_holdings was written"):
        lake.adopt("prices", release="C", as_of=AS_OF)


def test_a_table_is_rolled_back_and_publication_goes_on(lake: Lake, path: Path) -> None:
    with foreign_table(path, "prices") as table:
        table.overwrite(table.scan().to_arrow().slice(0, 2))

    done = lake.roll_back("prices")

    assert str(done).startswith("table prices: rolled back; 2 foreign commits")
    lake.publish({"prices": bars(symbols=("NEW",))}, release="C", as_of=AS_OF)
    assert len(lake.at("C").read("prices")) == 9
    assert lake.doctor().ok


def test_a_table_that_had_no_rows_has_none_again(tmp_path: Path) -> None:
    path = tmp_path / "lake"
    lake = Lake.open(path, clock=clock)
    append(path, as_stored(path, bars()))

    lake.roll_back("prices")

    assert lake.doctor().ok
    lake.publish({"prices": bars(symbols=("NEW",))}, release="A", as_of=AS_OF)
    assert len(lake.at("A").read("prices")) == 3
    assert lake.retain().n_snapshots == 1
    assert lake.doctor().ok


def test_a_head_that_was_set_back_is_set_forward(lake: Lake, path: Path) -> None:
    lake.publish({"prices": bars(symbols=("NEW",))}, release="C", as_of=AS_OF)
    with foreign_table(path, "prices") as table:
        first = table.metadata.refs["A"].snapshot_id
        table.manage_snapshots().set_current_snapshot(first).commit()

    lake.roll_back("prices")

    assert lake.doctor().ok


def test_the_ledger_is_rolled_back(lake: Lake, path: Path) -> None:
    with foreign_table(path, "releases") as ledger:
        ledger.delete("name = 'A'")
    assert list(lake.releases()["name"]) == ["B"]

    assert "table releases: rolled back" in str(lake.roll_back("releases"))

    assert list(lake.releases()["name"]) == ["A", "B"]
    assert lake.doctor().ok
    lake.publish({"index_changes": changes()}, release="C", as_of=AS_OF)
    assert lake.doctor().ok


def test_columns_are_rolled_back(lake: Lake, path: Path) -> None:
    with foreign_table(path, "prices") as table:
        table.update_schema().add_column("vwap", LongType()).commit()

    assert str(lake.roll_back("prices")) == "table prices: its columns are as they were"

    assert lake.doctor().ok
    lake.publish({"prices": bars(symbols=("NEW",))}, release="C", as_of=AS_OF)


def test_where_nothing_is_wrong_nothing_is_done(lake: Lake, path: Path) -> None:
    before = state(path)

    for done in (lake.roll_back("prices"), lake.restore(), lake.remove_orphans()):
        assert str(done) == "There was nothing to do."

    assert state(path) == before
    with pytest.raises(UnknownNameError, match="unknown table 'price'"):
        lake.roll_back("price")


def test_what_is_gone_cannot_be_rolled_back_to(lake: Lake, path: Path) -> None:
    with foreign_catalog(path) as catalog:
        table = catalog.load_table("quant.prices")
        schema = table.schema()
        catalog.drop_table("quant.prices")
        catalog.create_table("quant.prices", schema)

    with pytest.raises(LakeError, match=r"is gone\. Restore the lake from a backup"):
        lake.roll_back("prices")


def test_tags_are_restored_whatever_happened_to_them(lake: Lake, path: Path) -> None:
    lake.publish({"prices": bars(symbols=("NEW",))}, release="C", as_of=AS_OF)
    lake.publish({"index_changes": changes()}, release="D", as_of=AS_OF)
    with foreign_table(path, "prices") as table:
        refs = table.metadata.refs
        (
            table.manage_snapshots()
            .create_tag(refs["C"].snapshot_id, "A")
            .remove_tag("B")
            .create_branch(refs["C"].snapshot_id, "C")  # where its tag was
            .create_tag(refs["D"].snapshot_id, "D", max_ref_age_ms=1)
            .commit()
        )
    for name in ("A", "B", "C"):
        with pytest.raises(BrokenReleaseError, match=f"'{name}' cannot be trusted"):
            lake.at(name)

    done = lake.restore()

    assert done.done == tuple(
        f"table prices: tag {name} is as the ledger says" for name in "ABCD"
    )
    assert [len(lake.at(name).read("prices")) for name in "ABCD"] == [6, 6, 9, 9]
    assert lake.doctor().ok


def test_settings_are_restored(lake: Lake, path: Path) -> None:
    with foreign_table(path, "prices") as table:
        with table.transaction() as change:
            change.set_properties(
                {
                    "gc.enabled": "true",
                    "history.expire.max-ref-age-ms": "1",
                    "write.metadata.delete-after-commit.enabled": "false",
                    "owner": "somebody",
                }
            )
        main = table.metadata.refs["main"]
        update = SetSnapshotRefUpdate.model_validate(
            {
                "ref-name": "main",
                "snapshot-id": main.snapshot_id,
                "type": "branch",
                "min-snapshots-to-keep": 1,
            }
        )
        table.catalog.commit_table(table, (), (update,))
    assert {f.code for f in lake.doctor()} == {"external_expiry", "settings_lost"}

    done = lake.restore()

    assert str(done) == "table prices: its settings are as lakebt makes them"
    assert lake.doctor().ok
    with foreign_table(path, "prices") as table:
        assert table.properties["owner"] == "somebody"


def test_orphans_need_an_hour(lake: Lake) -> None:
    with pytest.raises(InvalidArgumentError, match=r"at least 1, was 0\.5"):
        lake.remove_orphans(older_than_hours=0.5)


@pytest.mark.slow
def test_what_a_killed_publisher_left_is_removed_and_nothing_else(
    lake: Lake, path: Path
) -> None:
    kept = files(path)
    program = textwrap.dedent(
        """
        import os, signal, sys
        from lakebt.lake import Lake
        from lakebt.lake.committing import sql as commit
        from tests.lake.frames import AS_OF, bars, clock

        commit.commit = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        lake = Lake.open(sys.argv[1], clock=clock)
        frame = bars(symbols=("NEW",))
        lake.publish({"prices": frame}, release="C", as_of=AS_OF)
        """
    )
    killed = subprocess.run([*python(), "-c", program, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    left = files(path) - kept
    assert {file.suffix for file in left} == {".parquet", ".avro"}
    assert lake.doctor().ok  # they are young
    for file in path.rglob("*"):
        os.utime(file, (0, 0))
    assert {finding.code for finding in lake.doctor()} == {"orphan_files"}

    lake.remove_orphans()

    assert files(path) == kept
    assert lake.doctor().ok


def test_cures_work_where_a_catalog_is_not_sql(
    lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with foreign_table(path, "prices") as table:
        table.append(table.scan().to_arrow())
        table.manage_snapshots().remove_tag("A").commit()
    monkeypatch.setattr(Storage, "sql", None)

    lake.roll_back("prices")
    lake.restore()

    assert lake.doctor().ok
