"""The performance of one rule's calendar portfolio: returns and holdings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakebt.analysis.event_series import calendar_returns
from lakebt.analysis.performance.portfolio import Held, Performance
from lakebt.analysis.pooling import Aggregate, Weighting
from lakebt.analysis.sharpe import SESSIONS_PER_YEAR
from lakebt.analysis.surface import surface
from lakebt.lake.reading.instrument_view import in_results
from lakebt.prices.benchmark import MARKET, benchmark_of
from lakebt.report.contents import Headline
from lakebt.report.sheet_data import SheetData

if TYPE_CHECKING:
    from lakebt._typing import FloatVector, IntVector
    from lakebt.analysis.traded_events import Traded
    from lakebt.report.contents import StudyContents
    from lakebt.study.trading import TradedStudy


def headline(study: TradedStudy, entry: str, exit_: str) -> Headline:
    """Return the Sharpe ratio of the calendar portfolio of one rule."""
    traded = study.traded(entry, exit_)
    pooled = surface(
        replace(traded, rule=np.zeros_like(traded.rule)),
        n_rules=1,
        pooling=replace(study.arguments.pooling, how=Aggregate.CALENDAR),
    )
    return Headline(
        sharpe=float(pooled.sharpe[0]),
        sharpe_se=float(pooled.standard_error[0]),
        n_returns=int(pooled.n_returns[0]),
    )


def with_sheet(
    contents: StudyContents, study: TradedStudy, rule: tuple[str, str]
) -> StudyContents:
    """Return a page's contents with the returns and the tear sheet of a rule."""
    return replace(
        contents,
        sheet=sheet_data(study, entry=rule[0], exit_=rule[1]),
        event_returns=event_returns(study, entry=rule[0], exit_=rule[1]),
    )


def event_returns(study: TradedStudy, *, entry: str, exit_: str) -> pd.Series:
    """Return the net return of each traded event of a rule, as fractions.

    Raises
    ------
    UnknownNameError
        If the study has no such entry or exit.
    """
    block = study.block(entry)
    plan, column = block.plan, block.column(exit_)
    slots = block.slots(entry)
    slots = slots[block.cells.traded[slots, column]].tolist()
    names = [plan.events[plan.event[slot]].event_id for slot in slots]
    values = [float(np.prod(1.0 + block.cells.returns(s, column))) - 1.0 for s in slots]
    return pd.Series(
        values, index=pd.Index(names, name="event_id"), name="net_return", dtype=float
    )


def sheet_data(
    study: TradedStudy,
    *,
    entry: str,
    exit_: str,
    benchmark: str | pd.Series[float] | None = None,
) -> SheetData:
    """Return the data of a rule's tear sheet."""
    return SheetData(
        performance=performance(study, entry=entry, exit_=exit_, benchmark=benchmark),
        title=f"{entry} to {exit_}",
    )


def performance(
    study: TradedStudy,
    *,
    entry: str,
    exit_: str,
    benchmark: str | pd.Series[float] | None = None,
) -> Performance:
    """Return the performance of one rule's calendar portfolio.

    Raises
    ------
    UnknownNameError
        If the study has no such entry or exit.
    InvalidArgumentError
        If the benchmark cannot be used.
    """
    traded = study.traded(entry, exit_)
    pooling = replace(study.arguments.pooling, how=Aggregate.CALENDAR)
    first, values = 0, np.zeros(0)
    if len(traded.first):
        first, values = calendar_returns(traded, pooling)
    days = study.clock.sessions.days[first : first + len(values)]
    index = pd.DatetimeIndex(days, name="session").as_unit("us")
    if isinstance(benchmark, str):
        (benchmark,) = in_results(study.view, study.view, [benchmark])
    benchmark_returns = benchmark_of(
        study.prices_of,
        benchmark,
        default=study.arguments.hedge or MARKET,
        index=index,
        first=first,
    )
    return Performance(
        returns=pd.Series(values, index=index, name="net_return"),
        sharpe_se=headline(study, entry, exit_).sharpe_se,
        definition=pooling.definition,
        benchmark=benchmark_returns,
        held=_held(study, traded, first=first, index=index),
    )


def _held(
    study: TradedStudy, traded: Traded, *, first: int, index: pd.DatetimeIndex
) -> Held:
    """Return the holdings of the portfolio: its open events, with their weights."""
    pooling, gross = study.arguments.pooling, study.arguments.sizing.gross
    starts, counts = traded.first - first, traded.n_returns
    weight = np.ones(len(starts))
    if pooling.weighting is Weighting.LEG:
        weight = traded.n_legs.astype(np.float64)
    total = _open(weight, starts, counts, len(index))
    number = _open(np.ones(len(starts)), starts, counts, len(index))
    share = np.minimum(1.0, pooling.max_weight * number)
    at_entry = share[starts] * weight / total[starts] if len(starts) else weight
    years = len(index) / SESSIONS_PER_YEAR
    # What came in goes out again.
    turnover = 2.0 * gross * float(at_entry.sum()) / years if years else float("nan")
    return Held(
        exposure=pd.Series(share * gross, index=index, name="exposure"),
        exposure_is=f"mean over sessions of the share of the open events, times the "
        f"gross of each at its entry, {gross:g}",
        turnover=turnover,
        turnover_is=f"each event's gross at its entry, {gross:g}, times its share "
        f"there, bought and sold again, a year; without what reweighting trades",
    )


def _open(
    weight: FloatVector, starts: IntVector, counts: IntVector, n: int
) -> FloatVector:
    """Return the sum over open events, session by session."""
    change = np.zeros(n + 1)
    np.add.at(change, starts, weight)
    np.add.at(change, starts + counts, -weight)
    return np.cumsum(change)[:n]
