"""What others did to a lake that stops its keeper: the doctor says what, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lakebt.errors import LakeError
from lakebt.lake import Lake
from tests.lake.frames import AS_OF, bars, clock
from tests.lake.original import Original
from tests.lake.other_engines import (
    foreign_catalog,
    foreign_table,
    name_snapshot,
    wedge,
)
from tests.lake.trial_rows import batch

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    """A lake with R1 and R2."""

    def make(path: Path) -> None:
        made = Lake.open(path, clock=clock)
        made.publish({"prices": bars()}, release="R1", as_of=AS_OF)
        made.publish({"prices": bars(symbols=("Z",))}, release="R2", as_of=AS_OF)

    return Original(tmp_path_factory.mktemp("spoiled"), make)


@pytest.fixture
def path(original: Original) -> Path:
    """Where it is."""
    return original.restored()


@pytest.fixture
def lake(path: Path) -> Lake:
    return Lake.open(path, create=False, clock=clock)


def test_a_branch_on_a_list_that_is_gone_is_told_and_removing_it_is_the_cure(
    lake: Lake, path: Path
) -> None:
    there = f"file://{path}/warehouse/quant/prices/metadata/none.avro"
    number = wedge(path, "prices", there)
    name_snapshot(path, "prices", "mine", number, "branch")
    with pytest.raises(LakeError, match=r"none.avro of table prices is gone.*doctor"):
        lake.drop("R1", because="a test")

    (finding,) = lake.doctor()

    assert (finding.code, finding.table) == ("file_gone", "prices")
    assert "none.avro of branch mine is gone" in finding.problem
    assert finding.cure.endswith("ALTER TABLE quant.prices DROP BRANCH `mine`")
    with foreign_table(path, "prices") as table:
        table.manage_snapshots().remove_branch("mine").commit()
    assert [release.name for release in lake.drop("R1", because="a test").ended] == [
        "R1"
    ]
    assert lake.doctor().ok


def test_a_list_that_is_gone_of_no_branch_stops_nobody(lake: Lake, path: Path) -> None:
    wedge(path, "prices", f"file://{path}/warehouse/quant/prices/metadata/none.avro")

    assert lake.retain().n_snapshots == 1
    assert lake.doctor().ok


@pytest.mark.parametrize("table", ["prices", "releases"])
def test_the_last_sequence_number_is_told(lake: Lake, path: Path, table: str) -> None:
    with foreign_table(path, table) as held:
        head = held.metadata.current_snapshot()
        assert head is not None
    wedge(path, table, f"{head.manifest_list}.other", **{"sequence-number": 2**63 - 1})

    (finding,) = lake.doctor()

    assert (finding.code, finding.table) == ("sequence_spent", table)
    assert "9223372036854775807" in finding.problem


def test_a_branch_of_the_far_future_is_left_alone(lake: Lake, path: Path) -> None:
    there = f"file://{path}/warehouse/quant/prices/metadata/none.avro"
    number = wedge(path, "prices", there, **{"timestamp-ms": 2**62})
    name_snapshot(path, "prices", "lakebt-staging-x", number, "branch")

    assert {finding.code for finding in lake.doctor()} == {"file_gone"}
    lake.remove_orphans()


def test_a_table_of_others_in_the_place_of_the_trials_is_told(
    lake: Lake, path: Path
) -> None:
    with foreign_catalog(path) as catalog:
        schema = catalog.load_table("quant.prices").schema()
        catalog.create_table("quant.notes", schema)
        catalog.rename_table("quant.notes", "quant.trials")
    with pytest.raises(LakeError, match=r"not lakebt.s. Rename it"):
        lake.record(batch([1]))

    (finding,) = lake.doctor()

    assert (finding.code, finding.table) == ("table_damaged", "trials")
    assert "RENAME TO quant.other" in finding.cure
    with foreign_catalog(path) as catalog:
        catalog.rename_table("quant.trials", "quant.other")
    assert lake.record(batch([1])) == 1
    assert lake.doctor().ok
