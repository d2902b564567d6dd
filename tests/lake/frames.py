"""Small, valid frames for each table, to be spoilt by the tests."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = dt.datetime(2023, 6, 1, 12, tzinfo=dt.UTC)
AS_OF = "2022-12-31T00:00:00Z"
Q1_KNOWN, Q3_KNOWN = "2022-05-27T17:54:03Z", "2022-11-28T20:50:55Z"


def clock() -> dt.datetime:
    """The present, as far as these tests are concerned."""
    return NOW


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).astimezone(dt.UTC)


def bars(
    days: tuple[str, ...] = ("2022-09-01", "2022-09-02", "2022-09-06"),
    symbols: tuple[str, ...] = ("AAA", "BBB"),
    **columns: Any,
) -> pd.DataFrame:
    """Bars that close at 10, 11, ... in the order of the rows."""
    rows = [(s, dt.date.fromisoformat(d)) for d in days for s in symbols]
    close = 10.0 + np.arange(len(rows), dtype="float64")
    frame = pd.DataFrame(
        {
            "symbol": [symbol for symbol, _ in rows],
            "session": [session for _, session in rows],
            "open": close - 0.5,
            "high": close + 1,
            "low": close - 1,
            "close": close,
            "volume": 1_000,
            "basis": "raw",
        }
    )
    return frame.assign(**columns) if columns else frame


def changes(**columns: Any) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "index": "SP500",
            "symbol": ["NEW", "OLD"],
            "side": ["addition", "deletion"],
            "announced": dt.date(2022, 9, 2),
            "effective": dt.date(2022, 9, 19),
        }
    )
    return frame.assign(**columns)


def holdings(
    symbols: Mapping[str, str | None],
    date: str,
    known_at: str,
    *,
    fund: str = "IVV",
    **columns: Any,
) -> pd.DataFrame:
    """A report: symbol by ISIN."""
    frame = pd.DataFrame(
        {
            "fund": fund,
            "date": dt.date.fromisoformat(date),
            "isin": list(symbols),
            "symbol": pd.Series(list(symbols.values()), dtype="str"),
            "known_at": pd.Timestamp(known_at),
            "weight_pct": 50.0,
        }
    )
    return frame.assign(**columns) if columns else frame


def q1(**columns: Any) -> pd.DataFrame:
    held = {"US0000000001": "OLD", "US0000000002": "BOTH"}
    return holdings(held, "2022-03-31", Q1_KNOWN).assign(**columns)


def q3(**columns: Any) -> pd.DataFrame:
    held = {"US0000000003": "NEW", "US0000000002": "BOTH"}
    return holdings(held, "2022-09-30", Q3_KNOWN).assign(**columns)
