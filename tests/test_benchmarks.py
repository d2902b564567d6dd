"""What `make bench` measures runs, and agrees with what it is measured beside."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_every_benchmark_runs_and_compares_values() -> None:
    """Each once, and small. What `test_process.py` times is run by `tests/cli`."""
    once = ("--benchmark-disable", "--ignore=benchmarks/test_process.py")
    mine = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "benchmarks", "-q", *once],
        cwd=ROOT,
        env={**mine, "LAKEBT_SMALL_BENCHMARKS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
