"""Reading a release: panels cold and warm, and the newest of 5 million vintages.

Cold is a fresh `Lake` with nothing in memory and no cache on disk, from opening it to
the frame. Beside it, the same files are read with Arrow and scattered with NumPy.
"""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from pyiceberg.catalog.sql import SqlCatalog

import lakebt
from benchmarks.conftest import COUNT, SYMBOLS, random_bars

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_benchmark.fixture import BenchmarkFixture

    from lakebt._typing import FloatPanel

AS_OF = "2025-02-01T00:00:00Z"

WANTED = ["session", "symbol", "close"]


def files_of(lake: Path) -> list[str]:
    """The data files at the head of the prices."""
    catalog = SqlCatalog("lake", uri=f"sqlite:///{lake}/catalog.db")
    tasks = catalog.load_table("quant.prices").scan().plan_files()
    found = [task.file.file_path.removeprefix("file://") for task in tasks]
    catalog.engine.dispose()
    return found


@pytest.fixture(scope="session")
def lake_of_many(bars: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same bars in 60 releases of different lengths."""
    path = tmp_path_factory.mktemp("bench") / "many"
    rng = np.random.default_rng(1)
    cuts = np.sort(rng.choice(np.arange(1, COUNT), 59, replace=False)) * SYMBOLS
    lake = lakebt.Lake.open(path)
    for number, part in enumerate(np.split(np.arange(len(bars)), cuts), start=1):
        tables = {"prices": bars.iloc[part]}
        lake.publish(tables, release=f"R{number}", as_of="2025-01-01T00:00:00Z")
    return path


def scattered(files: list[str]) -> FloatPanel:
    """Read one column of Parquet files and scatter it: sessions x symbols."""
    layout = ds.ParquetFileFormat(dictionary_columns={"symbol"})
    table = ds.dataset(files, format=layout).to_table(columns=WANTED)
    table = table.unify_dictionaries()
    symbol: Any = table["symbol"].combine_chunks()
    days, rows = np.unique(table["session"].to_numpy(), return_inverse=True)
    panel = np.full((len(days), len(symbol.dictionary)), np.nan)
    panel[rows, symbol.indices.to_numpy()] = table["close"].to_numpy()
    by_name = np.argsort(symbol.dictionary.to_pylist())
    ordered: FloatPanel = panel[:, by_name]
    return ordered


def panel_of(lake: Path) -> pd.DataFrame:
    """Open a lake, and its newest release, and read a panel."""
    return lakebt.Lake.open(lake, create=False).as_of(AS_OF).panel("close")


def compare_cold(
    benchmark: BenchmarkFixture, lake: Path, read: Callable[[], Any]
) -> None:
    expected = scattered(files_of(lake))

    panel = benchmark.pedantic(read, rounds=15, warmup_rounds=2)

    np.testing.assert_array_equal(np.asarray(panel), expected)
    benchmark.extra_info["files"] = len(files_of(lake))


@pytest.mark.benchmark(group="panel 500 x 2,520, cold, one bulk publish")
def test_cold_from_bulk(benchmark: BenchmarkFixture, lake_of_bars: Path) -> None:
    compare_cold(benchmark, lake_of_bars, functools.partial(panel_of, lake_of_bars))


@pytest.mark.benchmark(group="panel 500 x 2,520, cold, one bulk publish")
def test_parquet_and_scatter_from_bulk(
    benchmark: BenchmarkFixture, lake_of_bars: Path
) -> None:
    read = functools.partial(scattered, files_of(lake_of_bars))
    compare_cold(benchmark, lake_of_bars, read)


@pytest.fixture(scope="session")
def lake_of_actions(
    bars: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The same bars with a dividend a quarter and a split of every symbol."""
    symbols, days = bars["symbol"].unique(), bars["session"].unique()
    paid = pd.MultiIndex.from_product(
        [symbols, days[40::63]], names=["symbol", "ex_date"]
    ).to_frame(index=False)
    split = pd.DataFrame({"symbol": symbols, "ex_date": days[len(days) // 2]})
    actions = pd.concat(
        [
            paid.assign(kind="cash_dividend", cash=0.01),
            split.assign(kind="split", ratio=2.0),
        ]
    )
    path = tmp_path_factory.mktemp("bench") / "actions"
    lakebt.Lake.open(path).publish(
        {"prices": bars, "corporate_actions": actions},
        release="R1",
        as_of="2025-01-01T00:00:00Z",
    )
    return path


@pytest.mark.filterwarnings("ignore::lakebt.AuditWarning")
@pytest.mark.parametrize("adjusted", [None, "splits", "total_return"])
@pytest.mark.parametrize("folder", ["", "cache"], ids=["cold", "warm"])
@pytest.mark.benchmark(group="panel 500 x 2,520, adjusted as known, 20,500 actions")
def test_adjusted(
    benchmark: BenchmarkFixture,
    lake_of_actions: Path,
    monkeypatch: pytest.MonkeyPatch,
    adjusted: str | None,
    folder: str,
) -> None:
    if folder:
        monkeypatch.setenv("LAKEBT_CACHE", str(lake_of_actions.parent / folder))

    def read() -> pd.DataFrame:
        lake = lakebt.Lake.open(lake_of_actions, create=False)
        return lake.as_of(AS_OF).panel("close", adjusted=adjusted)

    panel = benchmark.pedantic(read, rounds=7, warmup_rounds=2)

    assert panel.shape == (COUNT, SYMBOLS)


@pytest.mark.benchmark(group="panel 500 x 2,520, cold, 60 publishes")
def test_cold_from_many(benchmark: BenchmarkFixture, lake_of_many: Path) -> None:
    compare_cold(benchmark, lake_of_many, functools.partial(panel_of, lake_of_many))


@pytest.mark.benchmark(group="panel 500 x 2,520, cold, 60 publishes")
def test_parquet_and_scatter_from_many(
    benchmark: BenchmarkFixture, lake_of_many: Path
) -> None:
    read = functools.partial(scattered, files_of(lake_of_many))
    compare_cold(benchmark, lake_of_many, read)


@pytest.fixture
def warm(
    lake_of_bars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> lakebt.View:
    """A view in a process that finds its panel on disk, and has not seen it yet."""
    monkeypatch.setenv("LAKEBT_CACHE", str(tmp_path))
    panel_of(lake_of_bars)
    return lakebt.Lake.open(lake_of_bars, create=False).as_of(AS_OF)


@pytest.mark.benchmark(group="panel 500 x 2,520, warm")
def test_warm(
    benchmark: BenchmarkFixture, warm: lakebt.View, lake_of_bars: Path
) -> None:
    panel = benchmark.pedantic(warm.panel, args=("close",), rounds=50, warmup_rounds=2)

    np.testing.assert_array_equal(panel.to_numpy(), scattered(files_of(lake_of_bars)))


@pytest.mark.benchmark(group="panel 500 x 2,520, warm")
def test_warm_and_summed(benchmark: BenchmarkFixture, warm: lakebt.View) -> None:
    """Mapped memory is read when it is used: here all of it."""
    total = benchmark.pedantic(
        lambda: np.nansum(warm.panel("close").to_numpy()), rounds=50, warmup_rounds=2
    )

    assert total > 0


@pytest.mark.benchmark(group="panel 500 x 2,520, warm")
def test_warm_in_a_new_process(
    benchmark: BenchmarkFixture, warm: lakebt.View, lake_of_bars: Path
) -> None:
    """Each round a fresh `Lake`, which checks the file whole before it believes it."""

    def fresh() -> tuple[tuple[lakebt.View, str], dict[str, object]]:
        lake = lakebt.Lake.open(lake_of_bars, create=False)
        return (lake.as_of(AS_OF), "close"), {}

    panel = benchmark.pedantic(lakebt.View.panel, setup=fresh, rounds=50)

    pd.testing.assert_frame_equal(panel, warm.panel("close"))


@pytest.fixture
def arctic(lake_of_bars: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """ArcticDB with the same frame; ``LAKEBT_ARCTIC`` is a Python that has it."""
    python = os.environ.get("LAKEBT_ARCTIC")
    if python is None:
        pytest.skip("LAKEBT_ARCTIC names no Python that has arcticdb")
    frame = panel_of(lake_of_bars)
    path = tmp_path / "frame.npz"
    days = frame.index.to_numpy()
    names = np.array(frame.columns.tolist())
    np.savez(path, values=frame.to_numpy(), days=days, symbols=names)
    script = str(Path(__file__).with_name("arctic.py"))
    with subprocess.Popen(
        [python, script, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.mark.benchmark(group="panel 500 x 2,520, warm")
def test_arcticdb(
    benchmark: BenchmarkFixture,
    arctic: subprocess.Popen[str],
    lake_of_bars: Path,
) -> None:
    """A read there, and a line there and back."""

    def read() -> tuple[float, float]:
        assert arctic.stdin is not None
        assert arctic.stdout is not None
        arctic.stdin.write("read\n")
        arctic.stdin.flush()
        took, total = arctic.stdout.readline().split()
        return float(took), float(total)

    _, total = benchmark.pedantic(read, rounds=50, warmup_rounds=5)

    assert total == pytest.approx(np.nansum(scattered(files_of(lake_of_bars))))
    inside = sorted(read()[0] for _ in range(50))
    benchmark.extra_info["median inside that process, ms"] = 1e3 * inside[25]


@pytest.fixture(scope="session")
def lake_of_five_million(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2,000 symbols x 2,520 sessions, and 2 % of the bars corrected."""
    path = tmp_path_factory.mktemp("bench") / "five"
    bars = random_bars(4 * SYMBOLS)
    lake = lakebt.Lake.open(path)
    lake.publish({"prices": bars}, release="R1", as_of="2025-01-01T00:00:00Z")
    rng = np.random.default_rng(3)
    some = np.sort(rng.choice(len(bars), len(bars) // 50, replace=False))
    corrected = bars.iloc[some].copy()
    for name in ("open", "high", "low", "close"):
        corrected[name] *= 1.01
    corrected["known_at"] = pd.Timestamp("2025-01-15T22:00:00Z")
    lake.publish({"prices": corrected}, release="R2", as_of=AS_OF)
    return path


GROUP = "newest of 5 million bars, 2 % corrected, to Arrow"


def ask(query: str) -> pa.Table:
    found = duckdb.sql(query)
    assert found is not None
    rows: pa.Table = found.to_arrow_table()
    return rows


def compare_newest(rows: pa.Table, lake: Path) -> None:
    """Check all rows, in whatever order, against the other of the two questions."""
    expected = ask(QUALIFY.format(files_of(lake)))
    order: Any = [("session", "ascending"), ("symbol", "ascending")]
    assert len(rows) == COUNT * 4 * SYMBOLS
    found = rows.select(WANTED).cast(expected.schema)
    assert found.sort_by(order).equals(expected.sort_by(order))


QUALIFY = """
    select session, symbol, close from read_parquet({}, hive_partitioning = false)
    where known_at <= '2025-02-01 00:00:00+00' qualify
    row_number() over (partition by symbol, session order by known_at desc) = 1
"""

ARG_MAX = """
    select session, symbol, arg_max(close, known_at) as close
    from read_parquet({}, hive_partitioning = false)
    where known_at <= '2025-02-01 00:00:00+00' group by symbol, session
"""


@pytest.mark.benchmark(group=GROUP)
def test_newest_by_a_view(
    benchmark: BenchmarkFixture, lake_of_five_million: Path
) -> None:
    def read() -> pa.Table:
        view = lakebt.Lake.open(lake_of_five_million, create=False).at("R2")
        return view.arrow("prices", columns=WANTED)

    rows = benchmark.pedantic(read, rounds=10, warmup_rounds=2)

    compare_newest(rows, lake_of_five_million)


@pytest.mark.benchmark(group=GROUP)
@pytest.mark.parametrize("query", [ARG_MAX, QUALIFY], ids=["arg_max", "qualify"])
def test_newest_by_duckdb(
    benchmark: BenchmarkFixture, lake_of_five_million: Path, query: str
) -> None:
    asked = query.format(files_of(lake_of_five_million))

    rows = benchmark.pedantic(ask, args=(asked,), rounds=5, warmup_rounds=1)

    compare_newest(rows, lake_of_five_million)


@pytest.mark.benchmark(group="newest of 5 million bars, 2 % corrected, to pandas")
def test_newest_by_a_view_to_pandas(
    benchmark: BenchmarkFixture, lake_of_five_million: Path
) -> None:
    def read() -> pd.DataFrame:
        view = lakebt.Lake.open(lake_of_five_million, create=False).at("R2")
        return view.read("prices", columns=WANTED)

    rows = benchmark.pedantic(read, rounds=10, warmup_rounds=2)

    assert len(rows) == COUNT * 4 * SYMBOLS
