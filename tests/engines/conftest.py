"""Lakes for Spark and DuckDB to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lakebt.lake import Lake
from lakebt.lake.trials import fold as folding
from tests.lake.frames import clock
from tests.lake.trials import batch

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the test's lake is."""
    return tmp_path / "lake"


@pytest.fixture
def lake(path: Path) -> Lake:
    """An empty lake whose clock says 2023-06-01."""
    return Lake.open(path, clock=clock)


@pytest.fixture
def tried(lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lake with twenty trials of ten rules, some of them folded into one file."""
    monkeypatch.setattr(folding, "LIMIT", 4)
    for number in range(0, 20, 2):
        lake.record(batch([number, number + 1]))
    return path
