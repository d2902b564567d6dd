"""What pyiceberg 0.12 does, and what is therefore done here instead.

When one of these fails, upstream has changed: drop the workaround, keep the promise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyiceberg
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table.update.snapshot import ManageSnapshots

from lakebt.lake import commit
from lakebt.lake.catalog import LostRaceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyiceberg.table import Table

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


def stage(table: Table, symbol: str, tag: str) -> commit.Staged:
    files = commit.write_files(table, rows(symbol))
    return commit.stage_append(table, files, tag=tag, summary={})


def publish(catalog: SqlCatalog, *changes: commit.Staged) -> None:
    with commit.turn(catalog) as session:
        commit.commit(session, catalog, changes)


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
    change = stage(table, "B", "R1")

    publish(catalog, change)

    after = catalog.load_table("quant.t")
    assert head(after) == after.metadata.refs["R1"].snapshot_id == change.snapshot_id
    assert len(after.metadata.snapshots) == 2


def test_the_strict_commit_refuses_a_tag_that_is_there(
    catalog: SqlCatalog, table: Table
) -> None:
    publish(catalog, stage(table, "B", "R1"))
    again = catalog.load_table("quant.t")

    with pytest.raises(LostRaceError, match="tag R1 was created concurrently"):
        publish(catalog, stage(again, "C", "R1"))

    assert len(catalog.load_table("quant.t").scan().to_arrow()) == 2


def test_the_strict_commit_refuses_a_table_that_has_moved_on(
    catalog: SqlCatalog, table: Table
) -> None:
    change = stage(table, "B", "R1")
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
    changes = [stage(other, "B", "R1"), stage(table, "B", "R1")]
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
    change = stage(stale, "C", "R1")
    load: Any = lambda _: stale  # noqa: E731 - as if loaded a moment before
    monkeypatch.setattr(catalog, "load_table", load)

    with pytest.raises(CommitFailedException, match="updated by another process"):
        catalog.commit_table(stale, change.requirements, change.updates)
