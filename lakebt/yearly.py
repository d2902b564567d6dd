"""One rule, year by year."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakebt.analysis.surface import surface
from lakebt.analysis.years import clustered_mean
from lakebt.backtest.costs import BPS

if TYPE_CHECKING:
    from lakebt.result import Result

COLUMNS = {
    "year": "int64",
    "n_events": "int64",
    "n_dates": "int64",
    "mean_bps": "float64",
    "se_bps": "float64",
    "sharpe": "float64",
    "sharpe_se": "float64",
}


def by_year(result: Result, *, entry: str, exit_: str) -> pd.DataFrame:
    """Return what one rule earned in each year; see `lakebt.Result.by_year`."""
    traded = result.traded(entry, exit_)
    if not len(traded.first):
        return pd.DataFrame({name: pd.Series(dtype=d) for name, d in COLUMNS.items()})
    plan, column = result.schedule, result.exits.index(exit_)
    is_entry = plan.entry == result.entries.index(entry)
    at = (np.flatnonzero(is_entry & result.cells.traded[:, column]), column)
    dates = np.array([event.date for event in plan.events], dtype="datetime64[D]")
    days = dates[plan.event[at[0]]]
    calendar = days.astype("datetime64[Y]").astype(np.int64) + 1970
    years, group = np.unique(calendar, return_inverse=True)
    mean, error = clustered_mean(result.cells.net[at], group=group, date=traded.date)
    found = surface(
        replace(traded, rule=group), n_rules=len(years), pooling=result.study.pooling
    )
    return pd.DataFrame(
        {
            "year": years,
            "n_events": found.n_events,
            "n_dates": found.n_dates,
            "mean_bps": mean / BPS,
            "se_bps": error / BPS,
            "sharpe": found.sharpe,
            "sharpe_se": found.standard_error,
        }
    )
