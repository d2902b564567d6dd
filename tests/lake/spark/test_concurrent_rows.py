"""What others published since a publisher looked, found out without Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from lakebt.lake.committing import fold
from lakebt.lake.committing.staging_branch import StagingBranch
from lakebt.lake.spark import concurrent_rows as meanwhile
from lakebt.lake.spark.concurrent_rows import added, have_none_of
from lakebt.lake.tables.schemas import PRICES
from tests.engines.engine import iceberg
from tests.lake.frames import AS_OF, bars

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

    from pyiceberg.table import Table

    from lakebt.lake import Lake

pytestmark = pytest.mark.lake

DAYS = ("2022-08-08", "2022-08-09", "2022-08-10")


def publish(lake: Lake, path: Path, days: tuple[str, ...]) -> list[Table]:
    """Publish a release a day, and return the table as it was after each."""
    found = []
    for number, day in enumerate(days):
        rows = {"prices": bars(days=(day,))}
        lake.publish(rows, release=f"D{number}", as_of=AS_OF)
        found.append(iceberg(path, "prices"))
    return found


def branch_of(lake: Lake, table: Table) -> StagingBranch:
    """Take a table's files for those of a branch."""
    files = [task.file for task in table.scan().plan_files()]
    return StagingBranch(
        storage=lake._storage,  # noqa: SLF001
        name="of-the-test",
        table=table,
        snapshot_id=head(table),
        files=files,
    )


def head(table: Table) -> int:
    """Return the snapshot at the head."""
    assert table.metadata.current_snapshot_id is not None
    return table.metadata.current_snapshot_id


def sessions(table: Table, since: int | None) -> set[dt.date] | None:
    """Return the sessions of what was added."""
    rows = added(table, PRICES, since=since)
    return None if rows is None else set(rows.to_pandas()["session"])


def test_what_was_added_is_what_came_after_a_head(lake: Lake, path: Path) -> None:
    first, second, third = publish(lake, path, DAYS)
    days = [pd.Timestamp(day).date() for day in DAYS]

    assert sessions(third, head(third)) == set()
    assert sessions(third, head(second)) == {days[2]}
    assert sessions(third, head(first)) == {*days[1:]}
    assert sessions(third, None) == {*days}


def test_what_was_folded_counts_as_added(
    lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fold, "LIMIT", 2)
    tables = publish(lake, path, DAYS)

    assert len(list(tables[2].scan().plan_files())) <= 2
    found = sessions(tables[2], head(tables[1]))
    assert found is not None
    assert found >= {pd.Timestamp(DAYS[2]).date()}


def test_an_earlier_head_that_is_gone_tells_nothing(lake: Lake, path: Path) -> None:
    (only,) = publish(lake, path, DAYS[:1])

    assert added(only, PRICES, since=1) is None


def test_too_many_rows_are_not_read(
    lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = publish(lake, path, DAYS[:2])
    count = len(bars(days=DAYS[:1]))

    monkeypatch.setattr(meanwhile, "MOST_ROWS", count)
    assert sessions(second, head(first)) is not None
    monkeypatch.setattr(meanwhile, "MOST_ROWS", count - 1)
    assert sessions(second, head(first)) is None


def test_rows_are_compared_by_key_and_clock(lake: Lake, path: Path) -> None:
    first, second, third = publish(lake, path, DAYS)
    since_first = added(third, PRICES, since=head(first))
    since_second = added(third, PRICES, since=head(second))
    nothing = added(third, PRICES, since=head(third))
    assert since_first is not None
    assert since_second is not None
    assert nothing is not None

    assert have_none_of(branch_of(lake, first), since_first, PRICES)
    assert not have_none_of(branch_of(lake, second), since_first, PRICES)
    assert have_none_of(branch_of(lake, second), since_second, PRICES)
    assert not have_none_of(branch_of(lake, third), since_second, PRICES)
    assert have_none_of(branch_of(lake, third), nothing, PRICES)


def test_a_later_vintage_of_the_same_bar_is_another_row(lake: Lake, path: Path) -> None:
    (first,) = publish(lake, path, DAYS[:1])
    later = bars(days=DAYS[:1]).assign(known_at=pd.Timestamp("2022-08-20T01:00Z"))
    lake.publish({"prices": later}, release="later", as_of=AS_OF)
    rows = added(iceberg(path, "prices"), PRICES, since=head(first))

    assert rows is not None
    assert len(rows) == len(later)
    assert have_none_of(branch_of(lake, first), rows, PRICES)
