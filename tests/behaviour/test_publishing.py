"""Publishing, declaring, keeping and recording: the same wherever a lake is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from pyiceberg.schema import Schema
from pyiceberg.types import NestedField, StringType

from lakebt.errors import (
    BrokenReleaseError,
    ForeignCommitError,
    InvalidArgumentError,
    ReleaseExistsError,
    TableExistsError,
)
from lakebt.lake.keeping.reachable_files import Folders
from tests.lake.crash import COLUMNS, expected, found, publish, tables
from tests.lake.earnings import COLUMNS as EARNINGS
from tests.lake.earnings import DECLARED, calendar, declare
from tests.lake.frames import AS_OF, bars, q1
from tests.lake.trial_rows import batch, trial

if TYPE_CHECKING:
    from lakebt.lake import Lake
    from tests.behaviour.places import Place

pytestmark = [pytest.mark.lake, pytest.mark.slow]


def state(place: Place) -> dict[str, tuple[str, list[str]]]:
    """Return where the metadata of each table is, and all files in its folders."""
    tables = {name: place.table(name) for name in COLUMNS}
    return {
        name: (table.metadata_location, sorted(Folders(table).files))
        for name, table in tables.items()
    }


# ------------------------------------------------------------------------- publishing


def test_releases_are_published_tagged_and_read(place: Place) -> None:
    lake = place.open()
    assert lake.releases().empty
    for number in (1, 2, 3):
        publish(lake, number)

    place.check_whole([1, 2, 3])
    tagged = place.table("etf_holdings").scan().use_ref("R2").to_arrow()
    assert set(tagged["fund"].to_pylist()) == {"F1", "F2"}
    name = "lake" if place.path is not None else "prod"
    assert lake.at("R2").provenance()["lake"] == name


def test_the_same_again_changes_nothing_and_other_rows_are_refused(
    place: Place,
) -> None:
    lake = place.open()
    publish(lake, 1)
    before = state(place)

    publish(place.open(), 1)
    with pytest.raises(ReleaseExistsError, match="'R1' comes with other rows"):
        lake.publish(tables(2), release="R1", as_of=AS_OF)
    with pytest.raises(ReleaseExistsError, match="differs from it in case only"):
        publish_as(lake, "r1")

    assert state(place) == before
    place.check_whole([1])


def publish_as(lake: Lake, name: str) -> None:
    lake.publish(tables(1), release=name, as_of=AS_OF)


def test_tables_that_were_not_published_are_carried_along(place: Place) -> None:
    lake = place.open()
    publish(lake, 1)
    lake.publish({"etf_holdings": q1(fund="F9")}, release="R9", as_of=AS_OF)

    view = place.open().at("R9")
    assert set(view.read("etf_holdings")["fund"]) == {"F1", "F9"}
    assert len(view.read("prices")) == len(expected(1)["prices"])
    prices = place.table("prices").metadata
    assert prices.refs["R9"].snapshot_id == prices.refs["R1"].snapshot_id


def test_a_table_written_by_somebody_else_stops_publication(place: Place) -> None:
    lake = place.open()
    publish(lake, 1)
    table = place.table("etf_holdings")
    table.append(table.scan().to_arrow())

    with pytest.raises(ForeignCommitError, match=r"etf_holdings.*lake.doctor"):
        publish(lake, 2)

    assert list(place.open().releases()["name"]) == ["R1"]
    assert found(place.open(), 1) == expected(1)


# -------------------------------------------------------------------------- declaring


def test_a_declared_table_is_published_corrected_and_given_a_column(
    place: Place,
) -> None:
    mine, theirs = place.open(), place.open()
    declare(mine)
    declare(theirs)
    first = {"earnings": calendar(), "prices": bars()}
    theirs.publish(first, release="R1", as_of=AS_OF)

    declare(mine, columns={**EARNINGS, "hour": "text?"})
    later = calendar(announced="2022-09-12T12:00:00Z", hour="amc").iloc[:1]
    theirs.publish({"earnings": later}, release="R2", as_of=AS_OF)

    view = mine.at("R2")
    assert list(view.vintages("earnings", ("AAA", "2022Q3"))["changed"]) == [
        (),
        ("announced", "hour"),
    ]
    assert list(view.read("earnings", where={"hour": "amc"})["symbol"]) == ["AAA"]
    assert mine.at("R1").read("earnings", where={"hour": "amc"}).empty
    assert dict(mine.tables().set_index("name")["rows"])["earnings"] == 3


def test_a_name_that_is_taken_is_refused(place: Place) -> None:
    lake = place.open()
    declare(lake)
    schema = Schema(NestedField(1, "text", StringType(), required=False))
    place.catalog().create_table(("quant", "notes"), schema=schema)

    others: dict[str, Any] = {"Earnings": "case only", "notes": "it is not lakebt's"}
    for name, why in others.items():
        with pytest.raises(TableExistsError, match=why):
            lake.declare(name, **DECLARED)
    with pytest.raises(TableExistsError, match=r"its key is \(symbol, period\), not"):
        declare(lake, key=["symbol"])
    assert "notes" not in set(lake.tables()["name"])


# ---------------------------------------------------------------------------- keeping


@pytest.fixture
def released(place: Place) -> Place:
    """Three releases: prices in A, more of them in B, holdings in C."""
    lake = place.open()
    lake.publish({"prices": bars()}, release="A", as_of=AS_OF)
    lake.publish({"prices": bars(symbols=("CCC",))}, release="B", as_of=AS_OF)
    lake.publish({"etf_holdings": q1()}, release="C", as_of=AS_OF)
    return place


def test_a_release_ends_and_its_files_go(released: Place) -> None:
    lake = released.open()
    assert lake.doctor().ok

    done = lake.drop("A", because="a test")

    assert [release.name for release in done.ended] == ["A"]
    assert (done.n_snapshots, done.n_files) == (1, 1)
    fresh = released.open()
    assert list(fresh.releases()["name"]) == ["B", "C"]
    assert [len(fresh.at(name).read("prices")) for name in "BC"] == [9, 9]
    assert set(released.table("prices").metadata.refs) == {"main", "B", "C"}
    assert fresh.doctor().ok
    fresh.publish({"prices": bars(symbols=("DDD",))}, release="D", as_of=AS_OF)
    assert len(fresh.at("D").read("prices")) == 12


def test_what_others_did_is_found_and_cured(released: Place) -> None:
    if released.is_guarded:
        pytest.skip("our own server lets nobody do it: tests/lake/serving")
    lake = released.open()
    table = released.table("prices")
    table.append(table.scan().to_arrow())
    table.manage_snapshots().remove_tag("A").commit()
    with table.transaction() as change:
        change.set_properties({"gc.enabled": "true"})

    report = lake.doctor().frame()
    assert sorted(report["code"]) == ["external_expiry", "foreign_commit", "tag_gone"]
    lake.roll_back("prices")
    lake.restore()

    assert lake.doctor().ok
    assert lake.retain().n_snapshots == 1
    assert len(lake.at("A").read("prices")) == 6
    assert lake.doctor().ok


def test_a_tag_that_was_moved_is_told_by_the_next_read(released: Place) -> None:
    if released.is_guarded:
        pytest.skip("our own server lets nobody do it: tests/lake/serving")
    table = released.table("prices")
    head = table.metadata.refs["B"].snapshot_id
    table.manage_snapshots().create_tag(head, "A").commit()

    lake = released.open()
    with pytest.raises(BrokenReleaseError, match=f"moved to snapshot {head}"):
        lake.at("A")
    assert list(lake.doctor().frame()["code"]) == ["tag_moved"]
    assert len(lake.at("B").read("prices")) == 9


def test_a_data_file_that_is_gone_is_told_by_the_next_read(released: Place) -> None:
    table = released.table("prices")
    scanned = table.scan(snapshot_id=table.metadata.refs["A"].snapshot_id)
    (task,) = scanned.plan_files()
    table.io.delete(task.file.file_path)
    name = task.file.file_path.rsplit("/", maxsplit=1)[-1]

    lake = released.open()
    with pytest.raises(BrokenReleaseError, match=f"the file {name} is gone"):
        lake.at("A").read("prices")
    report = lake.doctor().frame()
    assert list(report["code"]) == ["file_gone"]
    assert name in report["problem"][0]


def test_appended_rows_are_adopted(released: Place) -> None:
    lake = released.open()
    table = released.table("prices")
    rows = table.scan().to_arrow().slice(0, 2)
    column = rows.schema.get_field_index("symbol")
    new = rows.set_column(column, "symbol", [["N1", "N2"]])
    table.append(new.cast(rows.schema))

    lake.adopt("prices", release="D", as_of=AS_OF)

    assert len(lake.at("D").read("prices")) == 11
    assert lake.doctor().ok


# ----------------------------------------------------------------------------- trials


def test_trials_are_recorded_once_read_and_counted(place: Place) -> None:
    lake = place.open()
    assert lake.trials().empty

    assert lake.record(batch(range(20))) == 20
    assert place.open().record(batch(range(10, 30))) == 10  # half of them are there

    fresh = place.open()
    recorded = fresh.trials()
    assert sorted(recorded["n_returns"]) == list(range(30))
    assert fresh.count_trials(study="SP500") == 15  # two at a time are of one rule
    one = fresh.trial(trial(7)["trial_id"])
    assert one["sharpe"] == 1.0
    with pytest.raises(InvalidArgumentError, match="there is no trial '0000"):
        fresh.trial("0" * 32)
    assert fresh.doctor().ok
    pd.testing.assert_frame_equal(recorded, lake.trials())
