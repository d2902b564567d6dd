"""Metadata that every engine reads: its times never go back, whatever the clock did."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest import mock

import pandas as pd
import pytest

from lakebt.lake import Lake
from lakebt.lake.storage.metadata import in_order
from tests.lake.frames import AS_OF, bars, clock
from tests.lake.other_engines import foreign_catalog, foreign_table

if TYPE_CHECKING:
    from pathlib import Path

    from pyiceberg.table.metadata import TableMetadata

pytestmark = pytest.mark.lake


def check_times(metadata: TableMetadata) -> None:
    """Check what Iceberg's Java refuses, without the minute that it allows."""
    for log in (metadata.metadata_log, metadata.snapshot_log):
        times = [entry.timestamp_ms for entry in log]
        assert times == sorted(times)
        assert metadata.last_updated_ms >= max(times, default=0)
    times = [snapshot.timestamp_ms for snapshot in metadata.snapshots]
    assert times == sorted(times)


@pytest.mark.slow
def test_a_clock_that_went_back_a_day_leaves_tables_that_spark_reads(
    lake: Lake, path: Path
) -> None:
    for name in ("R1", "R2", "R3"):
        lake.publish({"prices": bars(symbols=(name,))}, release=name, as_of=AS_OF)
    yesterday = lake.releases()["committed_at"].max() - pd.Timedelta(days=1)
    with mock.patch("time.time", return_value=yesterday.timestamp()):
        lake.publish({"prices": bars(symbols=("Z",))}, release="R4", as_of=AS_OF)
        lake.drop("R2", because="a test")
        lake.branch("mine", at="R1")

    with foreign_catalog(path) as catalog:
        for table in catalog.list_tables("quant"):
            check_times(catalog.load_table(table).metadata)


def test_a_table_whose_times_went_back_is_mended_by_the_next_commit(
    lake: Lake, path: Path
) -> None:
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    lake.publish({"prices": bars(symbols=("Y",))}, release="R2", as_of=AS_OF)
    with foreign_table(path, "prices") as table:
        metadata = table.metadata
    first, last = metadata.snapshot_log
    early = last.model_copy(update={"timestamp_ms": first.timestamp_ms - 90_000})
    told = {"snapshot_log": [first, early], "last_updated_ms": early.timestamp_ms}
    spoilt = metadata.model_copy(update=told)

    mended = in_order(spoilt, at_least=0)

    assert [e.timestamp_ms for e in mended.snapshot_log] == [first.timestamp_ms] * 2
    check_times(mended)
    assert in_order(metadata, at_least=0) is metadata
    assert Lake.open(path, create=False, clock=clock).doctor().ok
