"""What keeps a lake in order knows the table of trials as the lake's own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyiceberg.types import StringType

from lakebt.errors import LakeError, UnknownNameError
from lakebt.lake import Lake
from tests.lake.crash import orphans
from tests.lake.frames import AS_OF, bars, clock
from tests.lake.other_engines import files, foreign_catalog, foreign_table
from tests.lake.trial_rows import batch

if TYPE_CHECKING:
    from pathlib import Path

    from lakebt.lake.keeping.findings import Finding

pytestmark = pytest.mark.lake

CURE = (
    "Restore the lake from a backup, or give up what was tried: drop the table "
    "quant.trials in any engine, and run it again"
)


def make_tried(path: Path) -> None:
    """Make a release, and three trials in two batches."""
    made = Lake.open(path, clock=clock)
    made.publish({"prices": bars()}, release="A", as_of=AS_OF)
    made.record(batch([0, 1]))
    made.record(batch([2]))


ORIGINALS = {"lake": make_tried}


def only(lake: Lake, **options: Any) -> Finding:
    """The one thing that is wrong."""
    found = lake.doctor(**options)
    assert len(found) == 1, str(found)
    return next(iter(found))


def append(path: Path) -> None:
    """Have another engine record a trial."""
    with foreign_table(path, "trials") as table:
        rows = table.scan().to_arrow().slice(0, 1)
        table.append(rows, snapshot_properties={"engine-name": "spark"})


def test_trials_are_neither_foreign_nor_orphans(lake: Lake, path: Path) -> None:
    for file in path.rglob("*"):
        os.utime(file, (0, 0))

    assert lake.doctor().ok
    assert lake.remove_orphans().done == ()
    assert lake.restore().done == ()
    assert lake.roll_back("trials").done == ()
    assert lake.retain().n_files == 0
    assert len(lake.trials()) == 3


@pytest.mark.parametrize("kind", ["parquet", "avro"])
def test_a_lost_file_is_found_with_its_cure(lake: Lake, path: Path, kind: str) -> None:
    """Of manifests only those that the head needs."""
    lost = {file for file in files(path, "trials") if file.suffix == f".{kind}"}
    held = {file: file.read_bytes() for file in lost}
    for file in lost:
        file.unlink()

    found = list(lake.doctor())
    assert found
    assert {(f.code, f.table, f.release) for f in found} == {
        ("file_gone", "trials", "")
    }
    assert {finding.cure for finding in found} == {CURE}
    with pytest.raises(LakeError, match=r"lake .* has lost the file .*\. Restore it"):
        Lake.open(path, clock=clock).trials()

    for file, content in held.items():
        file.write_bytes(content)
    assert lake.doctor().ok
    assert len(lake.trials()) == 3


def test_what_was_tried_can_be_given_up_and_recorded_anew(
    lake: Lake, path: Path
) -> None:
    for file in files(path, "trials"):
        file.unlink()
    with pytest.raises(LakeError, match="has lost the file"):
        lake.trials()
    with foreign_catalog(path) as catalog:
        catalog.drop_table("quant.trials")

    assert lake.trials().empty
    assert lake.trial_ids() == set()
    assert lake.record(batch([0, 1])) == 2
    assert list(Lake.open(path, clock=clock).trials()["n_returns"]) == [0, 1]
    assert lake.doctor().ok


def test_a_damaged_file_is_found_with_its_cure(lake: Lake, path: Path) -> None:
    file = next(f for f in files(path, "trials") if f.suffix == ".parquet")
    file.write_bytes(file.read_bytes()[:-10])

    finding = only(lake)

    assert (finding.code, finding.table) == ("file_damaged", "trials")
    assert finding.cure == CURE
    with pytest.raises(LakeError, match=r"lake .* has a damaged file"):
        Lake.open(path, clock=clock).trials()


def test_metadata_that_is_lost_is_found_and_hides_nothing_else(
    lake: Lake, path: Path
) -> None:
    with foreign_table(path, "prices") as table:
        table.manage_snapshots().remove_tag("A").commit()
    for file in (path / "warehouse/quant/trials").rglob("*.metadata.json"):
        file.unlink()

    found = {finding.table: finding for finding in lake.doctor()}

    assert set(found) == {"prices", "trials"}
    assert found["trials"].code == "table_unreadable"
    assert "it has lost the file" in found["trials"].problem
    assert found["trials"].cure == CURE
    assert lake.restore().done  # which it does not keep from its work
    assert only(lake).table == "trials"


@pytest.mark.slow
def test_what_another_engine_recorded_is_refused_found_and_rolled_back(
    lake: Lake, path: Path
) -> None:
    append(path)

    with pytest.raises(LakeError, match=r"table trials was written by spark.*doctor"):
        lake.record(batch([9]))
    finding = only(lake)
    assert (finding.code, finding.table) == ("foreign_commit", "trials")
    assert finding.problem == "1 foreign commit by spark added 1 and deleted 0 rows"
    assert finding.cure == f"lakebt doctor --lake {path} --roll-back trials"

    done = lake.roll_back("trials")

    assert done.done == (f"table trials: rolled back; {finding.problem}",)
    assert lake.doctor().ok
    assert sorted(lake.trials()["n_returns"]) == [0, 1, 2]
    assert lake.record(batch([2, 3])) == 1
    for number in range(4, 16):
        lake.record(batch([number]))
    assert sorted(lake.trials()["n_returns"]) == list(range(16))
    assert orphans(path) == set()  # theirs went with their snapshot


def test_what_came_before_the_first_trial_is_rolled_back_too(path: Path) -> None:
    lake = Lake.open(path, clock=clock)
    lake.record(batch([0]))
    with foreign_catalog(path) as catalog:
        schema = catalog.load_table("quant.trials").schema()
        catalog.drop_table("quant.trials")
        made = catalog.create_table("quant.trials", schema)
        made.append(pa.Table.from_pylist([], schema=schema.as_arrow()))

    assert {finding.code for finding in lake.doctor()} >= {"foreign_commit"}
    lake.roll_back("trials")
    lake.restore()

    assert lake.trials().empty
    assert lake.record(batch([1])) == 1
    assert list(lake.trials()["n_returns"]) == [1]


def test_settings_are_put_back(lake: Lake, path: Path) -> None:
    with foreign_table(path, "trials") as table, table.transaction() as change:
        change.set_properties({"gc.enabled": "true"})
        change.remove_properties("write.metadata.delete-after-commit.enabled")

    found = {finding.code: finding.table for finding in lake.doctor()}
    assert found == {"external_expiry": "trials", "settings_lost": "trials"}

    done = "table trials: its settings are as lakebt makes them"
    assert lake.restore().done == (done,)
    assert lake.doctor().ok


def test_columns_that_were_changed_are_put_back(lake: Lake, path: Path) -> None:
    with foreign_table(path, "trials") as table, table.update_schema() as change:
        change.add_column("opinion", StringType())

    assert lake.record(batch([7])) == 1  # it does no harm
    finding = only(lake)
    assert (finding.code, finding.problem) == (
        "table_damaged",
        "its columns were changed: opinion",
    )
    assert lake.roll_back("trials").done == (
        "table trials: its columns are as they were",
    )
    assert lake.doctor().ok
    assert len(lake.trials()) == 4


def test_there_is_nothing_to_roll_back_where_nothing_was_recorded(
    path: Path,
) -> None:
    with pytest.raises(UnknownNameError, match="unknown table 'trials'"):
        Lake.open(path, clock=clock).roll_back("trials")


def test_litter_of_trials_goes_when_it_is_old(lake: Lake, path: Path) -> None:
    litter = path / "warehouse/quant/trials/data/left.parquet"
    litter.write_bytes(b"PAR1")
    os.utime(litter, (0, 0))

    assert only(lake).code == "orphan_files"
    assert lake.remove_orphans().done == ("table trials: 1 file, 4 bytes, are gone",)
    assert lake.doctor().ok
