"""A release is trusted only while it is what the ledger says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from lakebt.errors import BrokenReleaseError
from tests.lake.frames import Q1_KNOWN, Q3_KNOWN, q1, q3

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyiceberg.table import Table

    from lakebt.lake import Lake

pytestmark = pytest.mark.lake


@pytest.fixture
def table(lake: Lake, path: Path) -> Iterator[Table]:
    """The holdings as another program sees them, after two releases."""
    lake.publish({"etf_holdings": q1()}, release="Q1", as_of=Q1_KNOWN)
    lake.publish({"etf_holdings": q3()}, release="Q3", as_of=Q3_KNOWN)
    catalog = SqlCatalog("lake", uri=f"sqlite:///{path}/catalog.db")
    yield catalog.load_table("quant.etf_holdings")
    catalog.engine.dispose()


def snapshot(table: Table, tag: str) -> int:
    return table.metadata.refs[tag].snapshot_id


def test_a_tag_that_was_moved_is_found(lake: Lake, table: Table) -> None:
    table.manage_snapshots().create_tag(snapshot(table, "Q3"), "Q1").commit()

    match = r"'Q1' cannot be trusted: table etf_holdings: its tag was moved to snapshot"
    with pytest.raises(BrokenReleaseError, match=match):
        lake.at("Q1")
    assert len(lake.at("Q3").read("etf_holdings")) == 3


def test_a_tag_that_was_removed_is_found(lake: Lake, table: Table) -> None:
    table.manage_snapshots().remove_tag("Q1").commit()

    with pytest.raises(BrokenReleaseError, match="its tag is gone"):
        lake.at("Q1")
    with pytest.raises(BrokenReleaseError, match="its tag is gone"):
        lake.diff("etf_holdings", "Q1", "Q3")


def test_a_tag_that_was_turned_into_a_branch_is_found(lake: Lake, table: Table) -> None:
    table.manage_snapshots().create_branch(snapshot(table, "Q1"), "Q1").commit()

    with pytest.raises(BrokenReleaseError, match="its tag was replaced by a branch"):
        lake.at("Q1")


def test_a_snapshot_that_was_expired_is_found(lake: Lake, table: Table) -> None:
    gone = snapshot(table, "Q1")
    table.manage_snapshots().remove_tag("Q1").commit()
    table.maintenance.expire_snapshots().by_id(gone).commit()

    with pytest.raises(BrokenReleaseError, match=f"its snapshot {gone} is gone"):
        lake.at("Q1")


def test_a_table_that_was_dropped_is_found(lake: Lake, table: Table) -> None:
    table.catalog.drop_table("quant.etf_holdings")

    with pytest.raises(BrokenReleaseError, match="the table is gone"):
        lake.at("Q3")


def test_a_table_that_was_made_again_is_found(lake: Lake, table: Table) -> None:
    schema = table.schema()
    table.catalog.drop_table("quant.etf_holdings")
    table.catalog.create_table(
        "quant.etf_holdings", schema, location=f"{table.location()}_again"
    )

    with pytest.raises(BrokenReleaseError, match="was dropped and made again"):
        lake.as_of(Q3_KNOWN)


def test_a_file_that_is_gone_is_found_when_it_is_read(
    lake: Lake, table: Table, path: Path
) -> None:
    first = next(iter(table.scan().use_ref("Q1").plan_files())).file.file_path
    name = first.rsplit("/", maxsplit=1)[-1]
    (path / "warehouse/quant/etf_holdings/data" / name).unlink()

    view = lake.at("Q3")

    with pytest.raises(BrokenReleaseError, match=f"the file {name} is gone"):
        view.read("etf_holdings")
