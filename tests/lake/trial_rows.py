"""Trials made of numbers, so that whoever looks knows what must be there."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable

START = dt.datetime(2023, 6, 1, 12, tzinfo=dt.UTC)


def hex_of(*parts: object) -> str:
    """Return 32 hex digits that follow from some values."""
    text = "/".join(map(str, parts))
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def trial(number: int, **columns: Any) -> dict[str, Any]:
    """Return trial `number`. Two at a time are of one rule."""
    return {
        "trial_id": hex_of("trial", number),
        "kind": "cell",
        "study": "SP500",
        "rule_id": hex_of("rule", number // 2),
        "result_id": hex_of("result", number // 1000),
        "entry": "AD+1@open",
        "exit": f"+{number}",
        "strategy": None,
        "rule": f'{{"exit":"+{number}"}}',
        "commission_bps": 1.0,
        "half_spread_bps": 2.5,
        "borrow_bps_per_year": float("nan"),
        "costs": '{"commission_bps":1}',
        "release": "Q3_2022",
        "as_of": "2022-11-28T20:50:55Z",
        "snapshots": '{"prices":1}',
        "lake_uuid": None,
        "code_version": "0.1.0",
        "engine": "event",
        "environment": '{"python":"3.11"}',
        "run_at": START + dt.timedelta(seconds=number),
        "sharpe": number / 7,
        "sharpe_se": None,
        "n_returns": number,
        "n_events": 5,
        "n_dates": 4,
        "n_refused": 0,
        "n_untradeable": 1,
        "gross_bps": 10.0,
        "commission_cost_bps": 1.0,
        "spread_cost_bps": 2.0,
        "borrow_cost_bps": 0.0,
        "net_bps": 7.0,
        "mean_bps": 0.5,
        "volatility_bps": 90.0,
        "max_drawdown": 0.125,
        "turnover": 2.0,
        "metrics": "{}",
        "is_point_in_time": True,
        "digest": hex_of("digest", number),
        "seconds": 0.01,
        **columns,
    }


def batch(numbers: Iterable[int], **columns: Any) -> pd.DataFrame:
    """Return some trials."""
    return pd.DataFrame([trial(number, **columns) for number in numbers])
