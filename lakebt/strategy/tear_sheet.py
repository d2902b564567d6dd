"""The performance of a strategy: returns, holdings and trades."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakebt.analysis.performance.portfolio import Held, Performance
from lakebt.analysis.sharpe import (
    SESSIONS_PER_YEAR,
    lo_standard_error,
    sharpe_ratio,
)
from lakebt.analysis.sharpe_definition import SharpeDefinition
from lakebt.lake.reading.instrument_view import in_results, price_history
from lakebt.prices.benchmark import MARKET, benchmark_of
from lakebt.report.sheet_data import SheetData
from lakebt.report.tear_sheet import TearSheet
from lakebt.sessions import session_of
from lakebt.strategy import tables

if TYPE_CHECKING:
    from lakebt.strategy.trading import TradedStrategy

DEFINITION = SharpeDefinition(
    of="daily net returns",
    window="the first session with exposure to the end",
    error="Lo (2002)",
)


def tear_sheet(
    run: TradedStrategy, *, benchmark: str | pd.Series[float] | None = None
) -> TearSheet:
    """Return what a run came to, as it is shown; see `lakebt.Run.tear_sheet`."""
    return TearSheet(sheet_data(run, benchmark=benchmark))


def sheet_data(
    run: TradedStrategy, *, benchmark: str | pd.Series[float] | None = None
) -> SheetData:
    """Return the data of a run's tear sheet."""
    return SheetData(
        performance=performance(run, benchmark=benchmark),
        title=run.name,
        weights=holdings(run),
    )


def performance(
    run: TradedStrategy, *, benchmark: str | pd.Series[float] | None = None
) -> Performance:
    """Return the performance of a run.

    Raises
    ------
    InvalidArgumentError
        If the benchmark cannot be used.
    """
    returns = run.returns
    if isinstance(benchmark, str):
        (benchmark,) = in_results(run.view, run.view, [benchmark])
    benchmark_returns = benchmark_of(
        lambda symbol: price_history(run.view, [symbol]),
        benchmark,
        default=MARKET,
        index=returns.index,
        first=run.first,
    )
    ratio = sharpe_ratio(returns.to_numpy())
    return Performance(
        returns=returns.copy(),
        sharpe_se=lo_standard_error(ratio, len(returns)),
        definition=DEFINITION,
        benchmark=benchmark_returns,
        held=_held(run),
    )


def holdings(run: TradedStrategy) -> pd.DataFrame:
    """Return each position's share of the portfolio's value at the close.

    Sessions down, symbols across; from the first session of the returns on. A position
    without a close is worth its last one.
    """
    window = run.window
    closes = pd.DataFrame(window.prices[1::2], index=run.sessions()).ffill()
    worth = run.book.positions * closes.to_numpy()
    # What is not held is worth nothing, whether or not it has a price.
    worth = np.where(run.book.positions != 0.0, worth, 0.0)
    value = tables.value(run).to_numpy()
    first = run.first - window.first
    return pd.DataFrame(
        worth[first:] / value[first:, None],
        index=run.sessions()[first:],
        columns=list(window.symbols),
    )


def _held(run: TradedStrategy) -> Held:
    """Return what the portfolio held and traded, session by session."""
    exposure = holdings(run).abs().sum(axis=1).rename("exposure")
    traded = np.zeros(run.window.n_sessions)
    np.add.at(traded, session_of(run.orders.row) - run.window.first, run.orders.traded)
    value = tables.value(run).to_numpy()
    before = np.concatenate([[run.terms.capital_usd], value[:-1]])
    years = len(run.returns) / SESSIONS_PER_YEAR
    return Held(
        exposure=exposure,
        exposure_is="mean over sessions of longs and shorts at the close, added up, "
        "over the value",
        turnover=float((traded / before).sum()) / years,
        turnover_is="bought and sold in each session over the value at the close "
        "before, added up, a year",
    )
