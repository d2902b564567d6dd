"""The tables of a run: weights, positions, orders and costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lakebt.backtest.costs import BPS
from lakebt.prices.actions import KINDS
from lakebt.sessions import is_close, session_of
from lakebt.values.reasons import Reason

if TYPE_CHECKING:
    from lakebt.strategy.trading import TradedStrategy


def weights(run: TradedStrategy) -> pd.DataFrame:
    """Return the target weights: decisions down (by session), symbols across."""
    return pd.DataFrame(
        run.targets.weights.copy(),
        index=run.days(session_of(run.targets.rows)),
        columns=list(run.window.symbols),
    )


def positions(run: TradedStrategy) -> pd.DataFrame:
    """Return the shares of the day held at the close: sessions down, symbols across."""
    return pd.DataFrame(
        run.book.positions.copy(),
        index=run.sessions(),
        columns=list(run.window.symbols),
    )


def cash(run: TradedStrategy) -> pd.Series:
    """Return the cash at the close by session, in USD, after all costs."""
    after_borrow = run.book.cash - np.cumsum(run.borrow)
    return pd.Series(after_borrow, index=run.sessions(), name="cash_usd")


def value(run: TradedStrategy) -> pd.Series:
    """Return what the portfolio is worth at the close by session, in USD."""
    after_borrow = run.book.value - np.cumsum(run.borrow)
    return pd.Series(after_borrow, index=run.sessions(), name="value_usd")


def orders(run: TradedStrategy) -> pd.DataFrame:
    """Return a row per fill; see `lakebt.Run.orders`."""
    filled, costs = run.orders, run.terms.costs
    deadlines = pd.DatetimeIndex(list(run.targets.deadlines)).as_unit("us")
    return pd.DataFrame(
        {
            "session": run.days(session_of(filled.row)),
            "at": np.where(is_close(filled.row), "close", "open"),
            "symbol": _symbols(run, filled.column),
            "side": np.where(filled.size > 0, "buy", "sell"),
            "size": np.abs(filled.size),
            "price": filled.price,
            "commission_usd": filled.traded * (costs.commission_bps * BPS),
            "spread_usd": filled.traded * (costs.half_spread_bps * BPS),
            "impact_usd": filled.impact,
            "weight": filled.weight,
            "deadline": deadlines[filled.decision],
        }
    )


def unfilled(run: TradedStrategy) -> pd.DataFrame:
    """Return a row per order that could not be filled; see `lakebt.Run.unfilled`."""
    return pd.DataFrame(
        {
            "session": run.days(session_of(run.unfilled.row)),
            "symbol": _symbols(run, run.unfilled.column),
            "weight": run.unfilled.weight,
            "reason": [str(Reason.of_code(code)) for code in run.unfilled.reason],
        }
    )


def flows(run: TradedStrategy) -> pd.DataFrame:
    """Return a row per corporate action of what was held; see `lakebt.Run.flows`."""
    rows = run.book.flows
    symbols = np.append(np.array(run.window.symbols, dtype=object), "")
    has_other = rows.other >= 0
    kinds = np.array([str(kind) for kind in KINDS], dtype=object)
    return pd.DataFrame(
        {
            "session": run.days(run.window.first + rows.session),
            "symbol": symbols[rows.column],
            "kind": kinds[rows.kind],
            "other": symbols[rows.other],
            "shares_before": rows.before,
            "shares_after": np.where(has_other, rows.received, rows.after),
            "cash_usd": rows.cash,
        }
    )


def paid(run: TradedStrategy) -> dict[str, float]:
    """Return what trading cost, by its kind: see `lakebt.Run.paid`."""
    traded = float(run.orders.traded.sum())
    costs = run.terms.costs
    return {
        "commission_usd": traded * costs.commission_bps * BPS,
        "spread_usd": traded * costs.half_spread_bps * BPS,
        "borrow_usd": float(run.borrow.sum()),
        "impact_usd": float(run.orders.impact.sum()),
    }


def _symbols(run: TradedStrategy, columns: Any) -> Any:
    return np.array(run.window.symbols, dtype=object)[columns]
