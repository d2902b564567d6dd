"""From target weights by decision to orders, each sized on what was known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from lakebt._typing import FloatVector
    from lakebt.backtest.costs import CostModel
    from lakebt.backtest.window import PriceWindow
    from lakebt.history import PriceHistory


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Target weights, and the half session their orders are filled in.

    Attributes
    ----------
    row
        ``2 * session``, plus 1 for the close.
    deadline
        Before which the orders had to be sent, UTC.
    weights : ndarray of shape (n_symbols,)
        As fractions of equity.
    """

    row: int
    deadline: dt.datetime
    weights: FloatVector


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One fill of a strategy.

    Attributes
    ----------
    row
        Half session of the fill.
    symbol
    size
        Signed number of shares.
    price
    weight
        The target weight it moves towards.
    deadline
        UTC.
    """

    row: int
    symbol: str
    size: float
    price: float
    weight: float
    deadline: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfilled:
    """An order that had no price to be filled at, or to be sized on.

    Attributes
    ----------
    row, symbol, weight
        Of the order that was wanted.
    """

    row: int
    symbol: str
    weight: float


def rebalance(
    decisions: Sequence[Decision],
    *,
    history: PriceHistory,
    window: PriceWindow,
    costs: CostModel,
    capital_usd: float,
) -> tuple[list[Order], list[Unfilled]]:
    """Turn target weights into orders.

    Each decision takes the equity at the last closes known before its deadline and
    orders the difference between ``weight * equity / last close`` and what is held. A
    symbol without a price to fill at keeps its position, and the order is listed.

    Parameters
    ----------
    decisions
        In the order of time.
    history
        For the closes known at each deadline.
    window
        The prices to fill at; its symbols are the columns of the weights.
    costs, capital_usd
        The run's. Borrow paid before a decision is not taken off its equity here; it is
        a cash flow of the outcome.

    Returns
    -------
    orders, unfilled
    """
    symbols = window.symbols
    held = np.zeros(len(symbols))
    cash = capital_usd
    orders: list[Order] = []
    unfilled: list[Unfilled] = []
    for decision in decisions:
        known = np.array(
            [history.last_close(symbol, before=decision.deadline) for symbol in symbols]
        )
        row = window.row(decision.row)
        value = np.where(np.isnan(known), window.marks[row], known)
        equity = cash + float(held @ value)
        for column, symbol in enumerate(symbols):
            weight = float(decision.weights[column])
            if weight == 0.0 and held[column] == 0.0:
                continue
            price = window.price(symbol, decision.row)
            if not math.isfinite(price):
                unfilled.append(
                    Unfilled(row=decision.row, symbol=symbol, weight=weight)
                )
                continue
            size = weight * equity / value[column] - held[column]
            if size == 0.0:
                continue
            held[column] += size
            cash -= size * price + abs(size) * price * costs.proportional
            orders.append(
                Order(
                    row=decision.row,
                    symbol=symbol,
                    size=size,
                    price=price,
                    weight=weight,
                    deadline=decision.deadline,
                )
            )
    return orders, unfilled
