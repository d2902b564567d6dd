"""What was published stays, whatever is done to a lake, wherever it is.

All tests of a kind share one lake, and each leaves it as it was. Those that cannot are
in `test_publishing`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from lakebt.errors import BrokenReleaseError, ForeignCommitError, ReleaseExistsError
from lakebt.lake.keeping.reachable_files import Folders
from tests.behaviour.places import PLACES, Place, place_of
from tests.lake.crash import COLUMNS
from tests.lake.frames import AS_OF, bars, q1

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakebt.lake import Lake

pytestmark = [pytest.mark.lake, pytest.mark.slow]


@pytest.fixture(scope="module", params=PLACES)
def released(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """Three releases: prices in A, more of them in B, holdings in C."""
    folder = tmp_path_factory.mktemp(request.param)
    with place_of(request.param, request=request, folder=folder) as made:
        lake = made.open()
        lake.publish({"prices": bars()}, release="A", as_of=AS_OF)
        lake.publish({"prices": bars(symbols=("CCC",))}, release="B", as_of=AS_OF)
        lake.publish({"etf_holdings": q1()}, release="C", as_of=AS_OF)
        yield made


@pytest.fixture
def lake(released: Place) -> Lake:
    """The lake as a new process opens it."""
    lake = released.open()
    names = list(lake.releases()["name"])
    assert names == ["A", "B", "C"], "another test did not leave it as it was"
    return lake


def state(place: Place) -> dict[str, tuple[str, list[str]]]:
    """Return where the metadata of each table is, and all files in its folders."""
    tables = {name: place.table(name) for name in (*COLUMNS, "releases")}
    return {
        name: (table.metadata_location, sorted(Folders(table).files))
        for name, table in tables.items()
    }


# ------------------------------------------------------------------ what is published


def test_the_same_again_changes_nothing_and_other_rows_are_refused(
    lake: Lake, released: Place
) -> None:
    before = state(released)

    lake.publish({"etf_holdings": q1()}, release="C", as_of=AS_OF)
    other = {"etf_holdings": q1(fund="F9")}
    with pytest.raises(ReleaseExistsError, match="'C' comes with other rows"):
        lake.publish(other, release="C", as_of=AS_OF)
    with pytest.raises(ReleaseExistsError, match="differs from it in case only"):
        lake.publish({"etf_holdings": q1()}, release="c", as_of=AS_OF)

    assert state(released) == before
    assert lake.doctor().ok


def test_tables_that_were_not_published_are_carried_along(
    lake: Lake, released: Place
) -> None:
    view = lake.at("C")
    assert set(view.read("etf_holdings")["fund"]) == set(q1()["fund"])
    pd.testing.assert_frame_equal(view.read("prices"), lake.at("B").read("prices"))
    assert len(view.read("prices")) == 9
    prices = released.table("prices").metadata
    assert prices.refs["C"].snapshot_id == prices.refs["B"].snapshot_id


def test_a_table_written_by_somebody_else_stops_publication(
    lake: Lake, released: Place
) -> None:
    before = lake.at("C").read("etf_holdings")
    table = released.table("etf_holdings")
    table.append(table.scan().to_arrow())

    with pytest.raises(ForeignCommitError, match=r"etf_holdings.*lake.doctor"):
        lake.publish({"etf_holdings": q1(fund="F9")}, release="D", as_of=AS_OF)

    fresh = released.open()
    assert list(fresh.releases()["name"]) == ["A", "B", "C"]
    pd.testing.assert_frame_equal(fresh.at("C").read("etf_holdings"), before)
    fresh.roll_back("etf_holdings")
    fresh.retain()
    assert fresh.doctor().ok


# ----------------------------------------------------------------- what is found wrong


def test_what_others_did_is_found_and_cured(lake: Lake, released: Place) -> None:
    if released.is_guarded:
        pytest.skip("our own server lets nobody do it: tests/lake/serving")
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


def test_a_tag_that_was_moved_is_told_by_the_next_read(
    lake: Lake, released: Place
) -> None:
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

    lake.restore()
    assert len(lake.at("A").read("prices")) == 6
    assert lake.doctor().ok


def test_a_data_file_that_is_gone_is_told_by_the_next_read(
    lake: Lake, released: Place
) -> None:
    table = released.table("prices")
    scanned = table.scan(snapshot_id=table.metadata.refs["A"].snapshot_id)
    (task,) = scanned.plan_files()
    path = task.file.file_path
    with table.io.new_input(path).open() as file:
        held = file.read()
    table.io.delete(path)
    name = path.rsplit("/", maxsplit=1)[-1]

    lake = released.open()
    with pytest.raises(BrokenReleaseError, match=f"the file {name} is gone"):
        lake.at("A").read("prices")
    report = lake.doctor().frame()
    assert list(report["code"]) == ["file_gone"]
    assert name in report["problem"][0]

    with table.io.new_output(path).create() as again:
        again.write(held)
    assert lake.doctor().ok
