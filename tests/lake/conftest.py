"""A lake per test: it takes milliseconds to make, so nothing is mocked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lakebt.lake import Lake
from tests.lake.earnings import calendar, declare
from tests.lake.frames import AS_OF, bars, clock

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
def published(lake: Lake) -> Lake:
    """A lake with prices in R0, and with a declared earnings calendar too in R1."""
    lake.publish({"prices": bars()}, release="R0", as_of=AS_OF)
    declare(lake)
    lake.publish({"earnings": calendar()}, release="R1", as_of=AS_OF)
    return lake
