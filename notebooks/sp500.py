"""The S&P 500's changes, real where the data is here and simulated where it is not."""

from __future__ import annotations

import datetime as dt
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakebt import AuditWarning, Lake
from lakebt.sources.prices import convert_prices
from lakebt.sources.rebalances import convert_rebalances
from lakebt.sources.simulated import simulated_market

if TYPE_CHECKING:
    from pathlib import Path

    from lakebt import Result, View

DATED = ["exact", "derived"]
"""Qualities of an announcement date that a test of days can rest on."""

_BPS = 1e4


@dataclass(frozen=True, kw_only=True, eq=False)
class Market:
    """What the notebook runs on.

    Attributes
    ----------
    source : str
        In words.
    told : tuple of str
        What was converted and what was dropped, a line per table.
    view : View
    index, hedge : str
    """

    source: str
    told: tuple[str, ...]
    view: View
    index: str
    hedge: str


def open_market(folder: Path, *, data: Path | None) -> Market:
    """Publish real data, or without it a simulated market, into a lake in `folder`."""
    lake = Lake.open(folder)
    if data is None:
        market = simulated_market(seed=2024, n_events=120)
        lake.publish(market.tables, release="SIMULATED", as_of=market.as_of)
        return Market(
            source="a simulated market with a planted effect (no real data here)",
            told=tuple(
                f"{name}: {len(rows):,} rows" for name, rows in market.tables.items()
            ),
            view=lake.at("SIMULATED"),
            index=market.index,
            hedge=market.market,
        )
    changes = convert_rebalances(pd.read_csv(data / "events.csv"))
    prices = convert_prices(pd.read_parquet(data / "prices.parquet"))
    last = prices.frame["session"].max()
    with warnings.catch_warnings(record=True) as heard:  # what the audits found odd
        warnings.simplefilter("always", AuditWarning)
        lake.publish(
            {"index_changes": changes.frame, "prices": prices.frame},
            release="SP500_ALL",
            as_of=dt.datetime.combine(last, dt.time(22), tzinfo=dt.UTC),
        )
    return Market(
        source="real changes and real prices",
        told=(
            changes.summary(),
            prices.summary(),
            *(str(warning.message) for warning in heard),
        ),
        view=lake.at("SP500_ALL"),
        index="SP500",
        hedge="SPY",
    )


def over_hedge(result: Result) -> pd.DataFrame:
    r"""Return what the legs earned over the hedge, as price returns, and its t.

    Returns
    -------
    DataFrame
        A row per entry and exit that was traded: ``mean_bps``; ``t``, as if every leg
        were a draw of its own; ``t_by_date``, where legs announced on one day are one
        draw [1]_; ``n_legs`` and ``n_dates``.

    References
    ----------
    .. [1] A. C. Cameron and D. L. Miller (2015). "A practitioner's guide to
       cluster-robust inference". Journal of Human Resources 50(2), 317-372.
    """
    dates = result.events().drop_duplicates("event_id").set_index("event_id")["date"]
    legs = result.legs().dropna(subset=["price_return", "hedge_return"])
    legs["excess"] = legs["price_return"] - legs["hedge_return"]
    rows = []
    for (entry, exit_), group in legs.groupby(["entry", "exit"], sort=False):
        excess = group["excess"].to_numpy()
        n, mean = len(excess), excess.mean()
        off = (group["excess"] - mean).groupby(group["event_id"].map(dates)).sum()
        n_dates = len(off)
        by_date = np.sqrt(n_dates / (n_dates - 1) * (off**2).sum()) / n
        rows.append(
            {
                "entry": entry,
                "exit": exit_,
                "mean_bps": _BPS * mean,
                "t": mean / (excess.std(ddof=1) / np.sqrt(n)),
                "t_by_date": mean / by_date,
                "n_legs": n,
                "n_dates": n_dates,
            }
        )
    return pd.DataFrame(rows)


def empty_by_reason(result: Result) -> pd.DataFrame:
    """Return how many events each entry cannot trade under any exit, by reason."""
    cells = result.refused().groupby(["event_id", "entry"], sort=False)["reason"]
    reasons = cells.first()[cells.size() == len(result.exits)].reset_index()
    counts = pd.crosstab(reasons["entry"], reasons["reason"])
    return counts.reindex(result.entries, fill_value=0)
