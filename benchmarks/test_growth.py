"""One more day, and any day, after a year of daily releases.

`python benchmarks/growth.py 2520` does so after ten, and says what it takes up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import lakebt
from benchmarks.conftest import SMALL
from benchmarks.growth import SYMBOLS, days

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd
    from pytest_benchmark.fixture import BenchmarkFixture

YEAR, ROUNDS = (10, 5) if SMALL else (252, 20)

Day = tuple["pd.DataFrame", "pd.Timestamp"]


@pytest.fixture(scope="module")
def story() -> Iterator[Day]:
    """A year of days, and those that are measured."""
    return days(YEAR + ROUNDS, ticks=False)


@pytest.fixture(scope="module")
def daily(story: Iterator[Day], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lake of a year of daily releases."""
    path = tmp_path_factory.mktemp("growth") / "lake"
    lake = lakebt.Lake.open(path)
    for number in range(YEAR):
        bars, known = next(story)
        lake.publish({"prices": bars}, release=f"D{number}", as_of=known)
    return path


@pytest.mark.benchmark(group="a day of 500 bars, after a year of them")
def test_publish_a_day(
    benchmark: BenchmarkFixture, story: Iterator[Day], daily: Path
) -> None:
    lake = lakebt.Lake.open(daily, create=False)
    names: list[str] = []

    def publish(bars: pd.DataFrame, known: pd.Timestamp) -> None:
        names.append(f"E{len(names)}")
        lake.publish({"prices": bars}, release=names[-1], as_of=known)

    benchmark.pedantic(publish, setup=lambda: (next(story), {}), rounds=ROUNDS)

    assert lake.releases()["name"].tolist()[-len(names) :] == names


@pytest.mark.benchmark(group="open and read a release, after a year of them")
@pytest.mark.parametrize(
    "number", [0, YEAR // 2, YEAR - 1], ids=["first", "middle", "last"]
)
def test_open_and_read(benchmark: BenchmarkFixture, daily: Path, number: int) -> None:
    def read() -> pd.DataFrame:
        lake = lakebt.Lake.open(daily, create=False)
        return lake.at(f"D{number}").panel("close")

    panel = benchmark.pedantic(read, rounds=10, warmup_rounds=1)

    assert panel.shape == (number + 1, SYMBOLS)
    assert panel.notna().to_numpy().all()
