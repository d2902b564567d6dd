"""A lake whose events were postponed, moved and withdrawn, and that lacks prices."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pandas as pd

import lakebt
from lakebt.sources.simulated import simulated_market
from lakebt.sweep.sweep import Sweep
from tests.nightly import IS_NIGHTLY

if TYPE_CHECKING:
    from pathlib import Path

    from lakebt.lake.reading.view import View

N_EVENTS = 12

ENTRIES = ["AD+1@open", "ED@close", "MD+1@open"]
EXITS = ["+1", "ED@close", "2w"]
COSTS = [
    lakebt.CostModel(),
    lakebt.CostModel(commission_bps=1.0, borrow_bps_per_year=80.0),
]
EVERYTHING: dict[str, Any] = {
    "side": ["both", "additions"],
    "hedge": [None, "MKT"],
    "missing": ["exclude", "drop_leg"],
    "gross": [0.3, 1.7],
    "capital_usd": [1e5, 123_456.0],
    "aggregate": ["pooled", "calendar"],
    "where": [{}, {"cause": ["discretionary"]}],
}
TOGETHER = ("gross", "aggregate")
"""What shares a pass: each sweep of `covering` has every value of these."""
WHERE_IT_RAN = ["run_at", "seconds", "snapshots"]


def fill(path: Path) -> lakebt.Lake:
    """Publish it."""
    market = simulated_market(seed=3, n_events=N_EVENTS, n_members=2)
    changes = market.index_changes.copy()
    changes["change_id"] = [f"C{number}" for number in range(len(changes))]
    changes["known_at"] = changes["announced"]
    changes["retracted"] = False
    changes.loc[6, "cause"] = "merger"
    changes.loc[20:23, "known_at"] += pd.Timedelta("30D")  # nobody knew in time
    postponed, moved, withdrawn = (changes.iloc[[n]].copy() for n in (1, 9, 17))
    for one, by in ((postponed, "1h"), (withdrawn, "26h")):
        one["known_at"] += pd.Timedelta(by)
    postponed["effective"] = changes["effective"].iloc[5]
    for name in ("announced", "effective"):  # it becomes a leg of another event
        moved[name] = changes[name].iloc[13]
    moved["known_at"] = changes["announced"].iloc[13]
    withdrawn["retracted"] = True
    changes = pd.concat([changes, postponed, moved, withdrawn], ignore_index=True)
    prices = market.prices
    lost = prices["symbol"].isin(["ADD0004", "DEL0009"]) & (prices.index % 3 == 0)
    lake = lakebt.Lake.open(path)
    lake.publish(
        {**market.tables, "index_changes": changes, "prices": prices[~lost]},
        release="R1",
        as_of=market.as_of,
    )
    return lake


def grid(view: View, **asked: Any) -> Sweep:
    """Return a sweep of nine rules and two costs, and of what is asked besides."""
    chosen = {"index": "SIM", "entries": ENTRIES, "exits": EXITS, **asked}
    return Sweep(view, costs=COSTS, **chosen)


def covering() -> list[dict[str, Any]]:
    """Return what six sweeps ask that have every pair of values of `EVERYTHING`.

    A column of six bits for each argument: three of the last five are set. Of two such
    columns some row has any pair of bits (Kleitman and Spencer, Discrete Mathematics 6,
    1973). By night it is one sweep that has all of them together.
    """
    if IS_NIGHTLY:
        return [EVERYTHING]
    apart = [name for name in EVERYTHING if name not in TOGETHER]
    columns = dict(zip(apart, itertools.combinations(range(1, 6), 3), strict=False))
    return [
        {
            name: values if name in TOGETHER else [values[row in columns[name]]]
            for name, values in EVERYTHING.items()
        }
        for row in range(6)
    ]


def in_order(rows: list[pd.DataFrame]) -> pd.DataFrame:
    """Return trials by their ids, without when and for how long they ran."""
    joined = pd.concat(rows, ignore_index=True).drop(columns=WHERE_IT_RAN)
    return joined.sort_values("trial_id").reset_index(drop=True)


def same(ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    """Compare trials to the last bit."""
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
