"""The tables of a result: one row per event, leg, order, refusal or year."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakebt.analysis.event_series import calendar_returns
from lakebt.analysis.pooling import Aggregate
from lakebt.analysis.sharpe import ratio_of_moments
from lakebt.analysis.surface import surface
from lakebt.analysis.years import clustered_mean
from lakebt.backtest.costs import BPS
from lakebt.events.plan import days_of
from lakebt.sessions import half_session, is_close, session_of
from lakebt.study.summary import ratio_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy.typing as npt

    from lakebt._typing import IntVector
    from lakebt.analysis.traded_events import Traded
    from lakebt.backtest.trades import Trade
    from lakebt.events.clock import Clock
    from lakebt.study.block import Block
    from lakebt.study.single import CellResult
    from lakebt.study.trading import TradedStudy


def session_dates(rows: Sequence[int] | IntVector, clock: Clock) -> pd.DatetimeIndex:
    """Return the day of each half session."""
    numbers = session_of(np.asarray(rows, dtype=np.int64))
    return pd.DatetimeIndex(clock.sessions.days[numbers]).as_unit("us")


def at_names(rows: Sequence[int]) -> list[str]:
    """Return "open" or "close" for each half session."""
    return ["close" if is_close(row) else "open" for row in rows]


def deadlines(rows: Sequence[int], clock: Clock) -> pd.DatetimeIndex:
    """Return the UTC instant before which each half session's orders had to be sent."""
    micros = clock.deadlines(np.asarray(rows, dtype=np.int64))
    return pd.DatetimeIndex(micros.astype("datetime64[us]"), tz="UTC")


def instants(values: pd.Series) -> pd.Series:
    """Return instants as UTC; NaT where there is none."""
    return pd.to_datetime(values, utc=True).astype("datetime64[us, UTC]")


def events(study: TradedStudy) -> pd.DataFrame:
    """Return a row per traded event, entry and exit; see `lakebt.Result.events`."""
    frames = [_events(block, study) for block in study.blocks.pieces()]
    # Texts of no row would be of another type.
    frames = [frame for frame in frames if len(frame)] or frames[:1]
    if len(frames) == 1 and study.blocks.is_one:
        return frames[0]
    whole = pd.concat(frames, ignore_index=True)
    order = whole["event_id"].map(study.by_event.rank).argsort(kind="stable")
    return whole.iloc[order].reset_index(drop=True)


def _events(block: Block, study: TradedStudy) -> pd.DataFrame:
    plan, cells = block.schedule, block.cells
    costs, clock = study.arguments.costs, study.clock
    slots, exits = np.nonzero(cells.traded)
    event = plan.event[slots]
    causes = [
        ", ".join(sorted({study.causes.of(c) for c in plan.vintages(slot)}))
        for slot in range(len(plan))
    ]
    at = (slots, exits)
    count, mean, m2 = cells.n_returns[at], cells.mean[at], cells.m2[at]
    variance = m2 / np.where(count > 1, count - 1, np.nan)
    return pd.DataFrame(
        {
            "event_id": _names([e.event_id for e in plan.events])[event],
            "entry": _names(block.entries)[plan.entry[slots]],
            "exit": _names(study.exits)[exits],
            "date": pd.DatetimeIndex([e.date for e in plan.events]).as_unit("us")[
                event
            ],
            "entry_session": session_dates(plan.row[slots], clock),
            # Of the legs that were traded: one that was dropped may have left later.
            "exit_session": session_dates(
                half_session(cells.first[at] + cells.n_returns[at] - 1, "open"), clock
            ),
            "n_legs": cells.n_legs[at],
            "causes": _names(causes)[slots],
            "gross_return": cells.gross[at],
            "net_return": cells.net[at],
            "commission_usd": cells.traded_usd[at] * costs.commission_bps * BPS,
            "spread_usd": cells.traded_usd[at] * costs.half_spread_bps * BPS,
            "borrow_usd": cells.borrow_usd[at],
            "impact_usd": cells.impact_usd[at],
            "n_gaps": cells.gaps[at],
            "n_dropped": np.diff(plan.start)[slots] - cells.n_legs[at],
            "n_returns": count,
            "mean_bps": mean / BPS,
            "volatility_bps": np.sqrt(variance) / BPS,
            "sharpe": ratio_of_moments(count, mean, m2),
            "max_drawdown": cells.drawdown[at],
            "turnover": cells.traded_usd[at] / study.arguments.capital_usd,
        }
    )


def _names(texts: Sequence[str]) -> npt.NDArray[np.object_]:
    return np.array([*texts, ""], dtype=object)[:-1]


def legs(cells: Iterable[CellResult], study: TradedStudy) -> pd.DataFrame:
    """Return a row per leg known at the entry; see `lakebt.Result.legs`."""
    columns = (
        *("event_id", "entry", "exit", "symbol", "side"),
        *("entry_session", "exit_session", "entry_price", "exit_price"),
        *("price_return", "hedge_return", "weight", "cause"),
        *("dividend_return", "hedge_dividend_return", "ending"),
        *("borrow_cost", "hedge_borrow_cost"),
    )
    rows = study.in_order([row for done in cells for row in _legs(done, study)])
    return _dated(pd.DataFrame(rows, columns=list(columns)), study.clock)


def _legs(done: CellResult, study: TradedStudy) -> Iterator[dict[str, object]]:
    cell = done.cell
    if cell.fill is None:
        return
    weights, borrow = _weights(done.trade), done.borrow_costs(study.arguments.costs)
    nan = float("nan")
    for leg, quote in zip(cell.legs, done.quotes, strict=True):
        weight = weights.get((quote.symbol, str(quote.side)))
        hedge = done.hedge.get(quote.exit_row)
        row = {
            "event_id": cell.event.event_id,
            "entry": cell.entry,
            "exit": cell.exit,
            "symbol": quote.symbol,
            "side": str(quote.side),
            "entry_session": cell.fill.row,
            "exit_session": leg.exit.row,
            "cause": study.causes.of(leg.change),
        }
        if weight is not None:
            row |= {
                "entry_price": quote.entry_price,
                "exit_price": quote.exit_value,
                "price_return": quote.exit_value / quote.entry_price - 1.0,
                "hedge_return": hedge.exit_value / hedge.entry_price - 1.0
                if hedge is not None
                else nan,
                "weight": weight,
                "dividend_return": quote.dividends / quote.entry_price,
                "hedge_dividend_return": hedge.dividends / hedge.entry_price
                if hedge is not None
                else nan,
                "ending": quote.ending,
                "borrow_cost": borrow[quote.symbol, quote.side, quote.exit_row],
                "hedge_borrow_cost": borrow.get(
                    (hedge.symbol, None, quote.exit_row), 0.0
                )
                if hedge is not None
                else nan,
            }
        yield row


def _weights(trade: Trade | None) -> dict[tuple[str, str], float]:
    """Return the weight of each traded leg, by symbol and side."""
    if trade is None:
        return {}
    return {
        (position.symbol, str(position.side)): position.weight
        for position in trade.positions
        if position.side is not None
    }


def refused(cells: Iterable[CellResult], study: TradedStudy) -> pd.DataFrame:
    """Return a row per event and empty cell; see `lakebt.Result.refused`."""
    rows = [
        {
            "event_id": done.cell.event.event_id,
            "entry": done.cell.entry,
            "exit": done.cell.exit,
            "reason": str(done.empty.reason),
            "fact": done.empty.fact,
            "known_at": done.empty.known_at,
            "needed_by": done.empty.needed_by,
        }
        for done in cells
        if done.empty is not None
    ]
    columns = ("event_id", "entry", "exit", "reason", "fact", "known_at", "needed_by")
    frame = pd.DataFrame(study.in_order(rows), columns=list(columns))
    for column in ("known_at", "needed_by"):
        frame[column] = instants(frame[column])
    return frame


def _dated(frame: pd.DataFrame, clock: Clock) -> pd.DataFrame:
    """Turn half sessions into days."""
    for column in ("entry_session", "exit_session"):
        frame[column] = session_dates(frame[column].to_list(), clock)
    return frame


COLUMNS = {
    "year": "int64",
    "n_events": "int64",
    "n_dates": "int64",
    "mean_bps": "float64",
    "se_bps": "float64",
    "sharpe": "float64",
    "sharpe_se": "float64",
    "sharpe_low": "float64",
    "sharpe_high": "float64",
    "psr": "float64",
    "se_method": "object",
    "n_effective_dates": "float64",
}


def by_year(study: TradedStudy, *, entry: str, exit_: str) -> pd.DataFrame:
    """Return the earnings of one rule by year; see `lakebt.Result.by_year`."""
    traded = study.traded(entry, exit_)
    if not len(traded.first):
        return pd.DataFrame({name: pd.Series(dtype=d) for name, d in COLUMNS.items()})
    block = study.block(entry)
    plan, column, slots = (
        block.plan,
        block.column(exit_),
        block.slots(entry),
    )
    at = (slots[block.cells.traded[slots, column]], column)
    dates = days_of(plan.events)
    days = dates[plan.event[at[0]]]
    calendar = days.astype("datetime64[Y]").astype(np.int64) + 1970
    years, group = np.unique(calendar, return_inverse=True)
    mean, error = clustered_mean(block.cells.net[at], group=group, date=traded.date)
    by_year_surface = surface(
        replace(traded, rule=group), n_rules=len(years), pooling=study.arguments.pooling
    )
    return pd.DataFrame(
        {
            "year": years,
            "n_events": by_year_surface.n_events,
            "n_dates": by_year_surface.n_dates,
            "mean_bps": mean / BPS,
            "se_bps": error / BPS,
            **ratio_columns(by_year_surface),
            "n_effective_dates": by_year_surface.n_effective_dates,
        }
    )


def causes(study: TradedStudy) -> pd.Series:
    """Return how many of the traded events have a leg of each cause."""
    counts: Counter[str] = Counter()
    for vintages in study.by_event.traded:
        counts.update(sorted({study.causes.of(change) for change in vintages}))
    return pd.Series(counts, dtype="int64", name="n_events").rename_axis("cause")


def returns(study: TradedStudy, *, entry: str, exit_: str) -> pd.Series:
    """Return the daily net returns of one rule; see `lakebt.Result.returns`."""
    traded = study.traded(entry, exit_)
    if study.arguments.aggregate is Aggregate.CALENDAR:
        return _calendar_returns(study, traded)
    days, block = study.clock.sessions.days, study.block(entry)
    column, slots = block.column(exit_), block.slots(entry)
    slots = slots[block.cells.traded[slots, column]]
    parts = [block.cells.returns(slot, column) for slot in slots.tolist()]
    counts = traded.n_returns
    starts = np.repeat(traded.first, counts)
    within = np.arange(len(starts)) - np.repeat(np.cumsum(counts) - counts, counts)
    names = np.array([e.event_id for e in block.plan.events], dtype=object)
    index = pd.MultiIndex.from_arrays(
        [
            np.repeat(names[block.plan.event[slots]], counts),
            pd.DatetimeIndex(days[starts + within]).as_unit("us"),
        ],
        names=["event_id", "session"],
    )
    joined = np.concatenate(parts) if parts else np.zeros(0)
    return pd.Series(joined, index=index, name="net_return")


def _calendar_returns(study: TradedStudy, traded: Traded) -> pd.Series:
    first, series = 0, np.zeros(0)
    if len(traded.first):
        first, series = calendar_returns(traded, study.arguments.pooling)
    days = study.clock.sessions.days[first : first + len(series)]
    index = pd.DatetimeIndex(days, name="session").as_unit("us")
    return pd.Series(series, index=index, name="net_return")
