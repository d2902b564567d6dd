"""Small lakes for strategies: symbols that are nobody's, prices made to be read."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakebt import Lake
from lakebt.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from lakebt import View

NYSE = Sessions.of("XNYS")


def bars(
    symbol: str,
    first: str,
    last: str,
    *,
    price: Callable[[np.ndarray], np.ndarray] = lambda n: 50.0 + 0.0 * n,
) -> pd.DataFrame:
    """Bars whose four prices are one, a function of the sessions since `first`."""
    start = NYSE.on_or_after(dt.date.fromisoformat(first))
    end = NYSE.on_or_before(dt.date.fromisoformat(last))
    close = price(np.arange(end - start + 1, dtype=np.float64))
    return pd.DataFrame(
        {
            "symbol": symbol,
            "session": NYSE.days[start : end + 1].astype(object),
            **dict.fromkeys(("open", "high", "low", "close"), close),
            "volume": 1_000,
            "basis": "total_return",
        }
    )


def change(symbol: str, side: str, announced: object, effective: str) -> pd.DataFrame:
    """One row of ``index_changes``; `announced` is a date, or an aware instant."""
    if isinstance(announced, str):
        announced = dt.date.fromisoformat(announced)
    return pd.DataFrame(
        {
            "index": "SP500",
            "symbol": [symbol],
            "side": side,
            "announced": [announced],
            "effective": dt.date.fromisoformat(effective),
        }
    )


def report(symbols: list[str], date: str, known_at: str) -> pd.DataFrame:
    """One whole report of a fund that tracks the index."""
    return pd.DataFrame(
        {
            "fund": "FUND",
            "index": "SP500",
            "date": dt.date.fromisoformat(date),
            "isin": [f"ZZ{symbol:0>10}" for symbol in symbols],
            "symbol": symbols,
            "known_at": pd.Timestamp(known_at),
        }
    )


def publish(folder: Path, tables: Mapping[str, list[pd.DataFrame]]) -> View:
    """Publish frames as one release, known at the end of 2023."""
    lake = Lake.open(folder / "lake")
    lake.publish(
        {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()},
        release="R1",
        as_of="2023-12-31T00:00:00Z",
    )
    return lake.at("R1")


def before_open(day: str) -> str:
    """Return the deadline of an order at that day's open, as an instant."""
    opens = NYSE.instant(NYSE.on_or_after(dt.date.fromisoformat(day)), "open")
    return (opens - dt.timedelta(minutes=10, microseconds=1)).isoformat()
