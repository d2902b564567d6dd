"""Retention, doctor and cures through a catalog that changes one table at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lake.frames import AS_OF, bars, q1

if TYPE_CHECKING:
    from tests.lake.remote import Remote

pytestmark = pytest.mark.lake


@pytest.fixture
def released(remote: Remote) -> Remote:
    lake = remote.open()
    lake.publish({"prices": bars()}, release="A", as_of=AS_OF)
    lake.publish({"prices": bars(symbols=("CCC",))}, release="B", as_of=AS_OF)
    lake.publish({"etf_holdings": q1()}, release="C", as_of=AS_OF)
    return remote


def test_a_release_ends_and_its_files_go(released: Remote) -> None:
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


def test_what_others_did_is_found_and_cured(released: Remote) -> None:
    if released.is_ours:
        pytest.skip("our own server lets nobody do it")
    lake = released.open()
    table = released.table("prices")
    table.append(table.scan().to_arrow())
    table.manage_snapshots().remove_tag("A").commit()
    with table.transaction() as change:
        change.set_properties({"gc.enabled": "true"})

    found = lake.doctor().frame()
    assert sorted(found["code"]) == ["external_expiry", "foreign_commit", "tag_gone"]
    lake.roll_back("prices")
    lake.restore()

    assert lake.doctor().ok
    assert lake.retain().n_snapshots == 1
    assert len(lake.at("A").read("prices")) == 6
    assert lake.doctor().ok


def test_appended_rows_are_adopted(released: Remote) -> None:
    lake = released.open()
    table = released.table("prices")
    rows = table.scan().to_arrow().slice(0, 2)
    new = rows.set_column(
        rows.schema.get_field_index("symbol"), "symbol", [["N1", "N2"]]
    )
    table.append(new.cast(rows.schema))

    lake.adopt("prices", release="D", as_of=AS_OF)

    assert len(lake.at("D").read("prices")) == 11
    assert lake.doctor().ok
