"""Orders paired into round trips: from nothing held to nothing held, by symbol."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakebt.backtest.costs import BPS
from lakebt.sessions import is_close, session_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from lakebt._typing import FloatVector, IntVector
    from lakebt.backtest.settlement import Flows
    from lakebt.strategy.trading import TradedStrategy

_ZERO = 1e-9
"""Shares of less, as a part of the most that were held, are rounding."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Moves:
    """What changed a position, or paid for it; every vector is (n_moves,)."""

    column: IntVector
    session: IntVector
    part: IntVector
    shares: FloatVector
    paid: FloatVector
    cash: FloatVector
    costs: FloatVector
    is_order: IntVector

    def at(self, rows: IntVector) -> _Moves:
        return _Moves(
            **{one.name: getattr(self, one.name)[rows] for one in fields(self)}
        )


def round_trips(run: TradedStrategy) -> pd.DataFrame:
    """Return a row per round trip; see `lakebt.Run.round_trips`."""
    moves = _moves(run)
    moves = moves.at(np.lexsort((moves.part, moves.session, moves.column)))
    after = _running(moves)
    before = after - moves.shares
    most = np.zeros(len(run.window.symbols))
    np.maximum.at(most, moves.column, np.maximum(np.abs(after), np.abs(before)))
    little = _ZERO * most[moves.column]
    after = np.where(np.abs(after) <= little, 0.0, after)
    before = np.where(np.abs(before) <= little, 0.0, before)
    moves, before, after = _without_turns(moves, before, after)
    is_held = (before != 0.0) | (after != 0.0)
    moves, before, after = (
        moves.at(np.flatnonzero(is_held)),
        before[is_held],
        after[is_held],
    )
    trip = np.cumsum(before == 0.0) - 1
    return _table(run, moves, trip=trip, after=after)


def _moves(run: TradedStrategy) -> _Moves:
    """Return flows, which come before the open, and orders."""
    orders, flows, costs = run.orders, run.book.flows, run.terms.costs
    has_other = flows.other >= 0
    fees = orders.traded * ((costs.commission_bps + costs.half_spread_bps) * BPS)
    n_flows, n_other, n_orders = len(flows.session), int(has_other.sum()), len(orders)
    none = np.zeros(n_flows + n_other)
    parts = {
        "column": (flows.column, flows.other[has_other], orders.column),
        "session": (
            run.window.first + flows.session,
            run.window.first + flows.session[has_other],
            session_of(orders.row),
        ),
        "part": (
            np.zeros(n_flows, dtype=np.int64),
            np.ones(n_other, dtype=np.int64),
            np.where(is_close(orders.row), 3, 2),
        ),
        "shares": (
            np.where(_is_first(flows), flows.after - flows.before, 0.0),
            flows.received[has_other],
            orders.size,
        ),
        "paid": (none, orders.size * orders.price),
        "cash": (flows.cash, np.zeros(n_other + n_orders)),
        "costs": (none, fees + orders.impact),
        "is_order": (
            np.zeros(n_flows + n_other, dtype=np.int64),
            np.ones(n_orders, dtype=np.int64),
        ),
    }
    return _Moves(**{name: np.concatenate(each) for name, each in parts.items()})


def _is_first(flows: Flows) -> npt.NDArray[np.bool_]:
    """Return whether each is its symbol's first of a day: each tells of the same."""
    first: npt.NDArray[np.bool_] = np.zeros(len(flows), dtype=bool)
    if len(flows):
        pairs = np.column_stack([flows.session, flows.column])
        first[np.unique(pairs, axis=0, return_index=True)[1]] = True
    return first


def _running(moves: _Moves) -> FloatVector:
    """Return the shares held after each move, by column."""
    total = np.cumsum(moves.shares)
    starts = np.flatnonzero(np.diff(moves.column, prepend=-1))
    base = np.concatenate([[0.0], total])[starts]
    lengths = np.diff(np.append(starts, len(total)))
    running: FloatVector = total - np.repeat(base, lengths)
    return running


def _without_turns(
    moves: _Moves, before: FloatVector, after: FloatVector
) -> tuple[_Moves, FloatVector, FloatVector]:
    """Part each move from long to short, or back, at nothing held."""
    turns = before * after < 0.0
    rows = np.repeat(np.arange(len(turns)), np.where(turns, 2, 1))
    is_second = np.append(False, rows[1:] == rows[:-1])
    is_first = np.append(is_second[1:], False)
    starts = np.where(is_second, 0.0, before[rows])
    ends = np.where(is_first, 0.0, after[rows])
    whole = moves.shares[rows]
    share = np.where(
        turns[rows],
        np.abs(ends - starts) / np.where(whole == 0.0, 1.0, np.abs(whole)),
        1.0,
    )
    parted = moves.at(rows)
    return (
        _Moves(
            column=parted.column,
            session=parted.session,
            part=parted.part,
            shares=np.where(turns[rows], ends - starts, whole),
            paid=parted.paid * share,
            cash=parted.cash * share,
            costs=parted.costs * share,
            is_order=parted.is_order,
        ),
        starts,
        ends,
    )


def _table(
    run: TradedStrategy, moves: _Moves, *, trip: IntVector, after: FloatVector
) -> pd.DataFrame:
    n = int(trip[-1]) + 1 if len(trip) else 0
    first = np.flatnonzero(np.diff(trip, prepend=-1))
    last = np.append(first[1:], len(trip))[:n] - 1
    closes = pd.DataFrame(run.window.prices[1::2]).ffill().to_numpy()[-1]
    column = moves.column[first]
    left = after[last]
    value = np.where(
        left != 0.0, left * np.where(left != 0.0, closes[column], 0.0), 0.0
    )

    def total(values: FloatVector) -> FloatVector:
        return np.bincount(trip, values, minlength=n).astype(np.float64)

    bought = total(np.maximum(moves.paid, 0.0))
    sold = total(np.maximum(-moves.paid, 0.0))
    cash, costs = total(moves.cash), total(moves.costs)
    profit = sold - bought + cash + value - costs
    is_long = after[first] > 0.0
    entered = np.where(is_long, bought, sold)
    is_open = left != 0.0
    end = run.window.first + run.window.n_sessions - 1
    exits = np.where(is_open, end, moves.session[last])
    days = pd.Series(run.days(exits)).where(~is_open)
    symbols = np.array(run.window.symbols, dtype=object)
    return pd.DataFrame(
        {
            "symbol": symbols[column],
            "side": np.where(is_long, "long", "short"),
            "entry_session": run.days(moves.session[first]),
            "exit_session": pd.DatetimeIndex(days).as_unit("us"),
            "n_sessions": exits - moves.session[first] + 1,
            "n_orders": total(moves.is_order.astype(np.float64)).astype(np.int64),
            "bought_usd": bought,
            "sold_usd": sold,
            "flows_usd": cash,
            "costs_usd": costs,
            "open_usd": value,
            "profit_usd": profit,
            "return": np.where(
                entered > 0.0, profit / np.where(entered > 0.0, entered, 1.0), np.nan
            ),
        }
    ).sort_values(["entry_session", "symbol"], kind="stable", ignore_index=True)
