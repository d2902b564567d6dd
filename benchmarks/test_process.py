"""Whole processes: importing lakebt beside pandas, and the demo."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture


def run(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


@pytest.mark.benchmark(group="import")
@pytest.mark.parametrize(
    "code",
    [
        "import pandas",
        "import lakebt",
        "import lakebt; lakebt.Lake, lakebt.Study, lakebt.Backtest, lakebt.View",
    ],
    ids=["pandas", "lakebt", "lakebt and all it names"],
)
def test_import(benchmark: BenchmarkFixture, code: str) -> None:
    benchmark.pedantic(run, args=("-c", code), rounds=7, warmup_rounds=1)


@pytest.mark.benchmark(group="demo")
def test_demo(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    out = tmp_path / "demo"

    benchmark.pedantic(run, args=("-m", "lakebt", "demo", "--out", str(out)), rounds=3)

    assert (out / "report.html").is_file()
