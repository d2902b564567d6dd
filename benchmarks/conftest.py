"""Data for the benchmarks: made from a seed, or the real files where they are."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.sessions import Sessions

# It runs in an environment of its own: make arctic.
collect_ignore = ["arctic.py"]

SMALL = "LAKEBT_SMALL_BENCHMARKS" in os.environ
"""Whether all is so small that times mean nothing: for who asks whether it runs."""

SYMBOLS, COUNT = (10, 120) if SMALL else (500, 2_520)
"""Symbols and sessions: the larger US companies over ten years."""


@pytest.fixture(autouse=True)
def cold(monkeypatch: pytest.MonkeyPatch) -> None:
    """No panel is kept; what is measured warm names a folder of its own.

    `tests.conftest` would keep panels, turn off the search for garbage and write into
    memory: nothing that is measured may import it.
    """
    assert "tests.conftest" not in sys.modules
    monkeypatch.setenv("LAKEBT_CACHE", "off")


@pytest.fixture(scope="session")
def bars() -> pd.DataFrame:
    """500 symbols x 2,520 sessions: 1.26 million bars."""
    return random_bars(SYMBOLS)


def random_bars(symbols: int) -> pd.DataFrame:
    """Bars of so many symbols over 2,520 sessions."""
    rng = np.random.default_rng(0)
    sessions = Sessions.of("XNYS")
    last = sessions.number(pd.Timestamp("2024-12-31").date())
    assert last is not None
    days = sessions.days[last - COUNT + 1 : last + 1]
    close = 50.0 * np.exp(np.cumsum(rng.normal(0, 0.015, (COUNT, symbols)), axis=0))
    open_ = close * np.exp(rng.normal(0, 0.005, close.shape))
    return pd.DataFrame(
        {
            "symbol": np.tile([f"S{n:04d}" for n in range(symbols)], COUNT),
            "session": np.repeat(days.astype("datetime64[us]"), symbols),
            "open": open_.ravel(),
            "high": np.maximum(open_, close).ravel(),
            "low": np.minimum(open_, close).ravel(),
            "close": close.ravel(),
            "volume": rng.integers(1_000, 1_000_000, close.size),
            "basis": "raw",
        }
    )


@pytest.fixture(scope="session")
def lake_of_bars(bars: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lake that holds them as one release."""
    path = tmp_path_factory.mktemp("bench") / "lake"
    lake = lakebt.Lake.open(path)
    lake.publish({"prices": bars}, release="R1", as_of="2025-01-01T00:00:00Z")
    return path


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real events and prices; skips where it is absent."""
    root = os.environ.get("LAKEBT_SHARED", str(Path(__file__).parents[2] / "shared"))
    folder = Path(root) / "realdata"
    if not (folder / "prices.parquet").is_file():
        pytest.skip(f"no {folder.name}/prices.parquet beside the project")
    return folder
