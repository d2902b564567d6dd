"""Publishing and reading 1.26 million bars, beside plain Parquet."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lakebt
from benchmarks.conftest import COUNT, SYMBOLS

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from pytest_benchmark.fixture import BenchmarkFixture

    from lakebt._typing import FloatPanel


ORDER: Any = [("session", "ascending"), ("symbol", "ascending")]


@pytest.mark.benchmark(group="publish 500 x 2,520 bars")
def test_publish(
    benchmark: BenchmarkFixture, bars: pd.DataFrame, tmp_path: Path
) -> None:
    names = itertools.count()

    def publish() -> lakebt.Lake:
        lake = lakebt.Lake.open(tmp_path / f"lake{next(names)}")
        lake.publish({"prices": bars}, release="R1", as_of="2025-01-01T00:00:00Z")
        return lake

    lake = benchmark.pedantic(publish, rounds=3)

    assert lake.releases()["rows"].tolist() == [len(bars)]


@pytest.mark.benchmark(group="publish 500 x 2,520 bars")
def test_sort_and_write_parquet(
    benchmark: BenchmarkFixture, bars: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "bars.parquet"

    def write() -> None:
        table = pa.Table.from_pandas(bars, preserve_index=False)
        pq.write_table(table.sort_by(ORDER), path, compression="zstd")

    benchmark.pedantic(write, rounds=3)

    assert pq.read_metadata(path).num_rows == len(bars)


def scattered(path: Path) -> FloatPanel:
    """Read one column of a Parquet file and scatter it: sessions x symbols."""
    columns = ["session", "symbol", "close"]
    table = pq.read_table(path, columns=columns, read_dictionary=["symbol"])
    symbol: Any = table["symbol"].combine_chunks()
    days, rows = np.unique(table["session"].to_numpy(), return_inverse=True)
    panel = np.full((len(days), len(symbol.dictionary)), np.nan)
    panel[rows, symbol.indices.to_numpy()] = table["close"].to_numpy()
    by_name = np.argsort(symbol.dictionary.to_pylist())
    ordered: FloatPanel = panel[:, by_name]
    return ordered


@pytest.fixture(scope="module")
def parquet(bars: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("parquet") / "bars.parquet"
    table = pa.Table.from_pandas(bars, preserve_index=False)
    pq.write_table(table.sort_by(ORDER), path, compression="zstd")
    return path


@pytest.mark.benchmark(group="panel 500 x 2,520, cold")
def test_panel_from_a_release(
    benchmark: BenchmarkFixture, lake_of_bars: Path, parquet: Path
) -> None:
    expected = scattered(parquet)

    def read() -> pd.DataFrame:
        return lakebt.Lake.open(lake_of_bars, create=False).at("R1").panel("close")

    panel = benchmark.pedantic(read, rounds=10, warmup_rounds=1)

    np.testing.assert_array_equal(panel.to_numpy(), expected)


@pytest.mark.benchmark(group="panel 500 x 2,520, cold")
def test_read_parquet_and_scatter(benchmark: BenchmarkFixture, parquet: Path) -> None:
    panel = benchmark.pedantic(scattered, args=(parquet,), rounds=10, warmup_rounds=1)

    assert panel.shape == (COUNT, SYMBOLS)
