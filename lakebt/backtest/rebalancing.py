"""From target weights by decision to orders, each sized on what was known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lakebt.sessions import session_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from lakebt._typing import FloatPanel, FloatVector, IntVector
    from lakebt.backtest.costs import CostModel
    from lakebt.backtest.window import PriceWindow
    from lakebt.prices.history import PriceHistory


ROUNDING = 1e-12
"""What is less than this part of what is held is rounding, and no order."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Targets:
    """Target weights by decision, and where in time their orders are filled.

    Attributes
    ----------
    rows : ndarray of shape (n_decisions,)
        The half session of each fill, rising; see `lakebt.sessions.half_session`.
    deadlines : sequence of datetime
        Before which the orders had to be sent, UTC.
    weights : ndarray of shape (n_decisions, n_symbols)
        As fractions of equity.
    """

    rows: IntVector
    deadlines: Sequence[dt.datetime]
    weights: FloatPanel


@dataclass(frozen=True, kw_only=True, eq=False)
class Orders:
    """The fills of a strategy, by decision and column; every vector is (n_orders,).

    Attributes
    ----------
    row
        Half session of the fill.
    decision, column
        Of which decision, for which symbol of the window.
    size
        Signed number of shares.
    price
        It was filled at.
    weight
        The target weight it moves towards.
    """

    row: IntVector
    decision: IntVector
    column: IntVector
    size: FloatVector
    price: FloatVector
    weight: FloatVector

    def __len__(self) -> int:
        return len(self.row)

    @property
    def traded(self) -> FloatVector:
        """What each order traded, in USD; never negative."""
        amount: FloatVector = np.abs(self.size) * self.price
        return amount


@dataclass(frozen=True, kw_only=True, eq=False)
class Unfilled:
    """Orders that had no price to be filled at; every vector is (n_unfilled,).

    Attributes
    ----------
    row, column, weight
        Of the order that was wanted.
    """

    row: IntVector
    column: IntVector
    weight: FloatVector

    def __len__(self) -> int:
        return len(self.row)


def borrow_charges(
    shares: FloatVector, held: slice, window: PriceWindow, costs: CostModel
) -> FloatVector:
    """Return what each session but the first of `held` pays for the shorts, in USD.

    Parameters
    ----------
    shares : ndarray of shape (n_symbols,)
        Held at the close of each of the sessions but the last.
    held
        Sessions, counted from the window's first.

    Returns
    -------
    ndarray of shape (n_held - 1,)
        The value of the shorts at the close before, times the calendar days since it,
        over 360.
    """
    closes = window.closes[held][:-1]
    value = np.einsum("ij,j->i", closes, np.clip(-shares, 0.0, None))
    days = np.diff(window.sessions.days[window.first :][held]).astype(np.int64)
    charges: FloatVector = costs.borrow_per_day * value * days
    return charges


def rebalance(
    targets: Targets,
    *,
    history: PriceHistory,
    window: PriceWindow,
    costs: CostModel,
    capital_usd: float,
) -> tuple[Orders, Unfilled]:
    """Turn target weights into orders.

    Each decision takes the equity at the last closes known before its deadline, less
    the borrow of every session up to its own, and orders the difference between
    ``weight * equity / last close`` and what is held. A symbol without a price to fill
    at keeps its position, and the order is listed. A difference that is only
    rounding is not an order.

    Parameters
    ----------
    targets
        In the order of time.
    history
        For the closes known at each deadline.
    window
        The prices to fill at; its symbols are the columns of the weights.
    costs, capital_usd
        The run's.

    Returns
    -------
    orders, unfilled
    """
    weights = targets.weights
    places = window.row(targets.rows)
    prices = window.prices[places]
    known = history.last_closes(window.symbols, before=targets.deadlines)
    values = np.where(np.isnan(known), window.marks[places], known)
    is_priced = np.isfinite(prices)
    amounts = np.where(is_priced, prices, 0.0)
    sizes = np.zeros_like(weights)
    is_unfilled = np.zeros(weights.shape, dtype=bool)
    shares = np.zeros(len(window.symbols))
    cash = capital_usd
    sessions = session_of(targets.rows) - window.first
    for number, weight in enumerate(weights):
        if number and costs.borrow_per_day > 0.0:
            held = slice(sessions[number - 1], sessions[number] + 1)
            cash -= float(borrow_charges(shares, held, window, costs).sum())
        # Nowhere `@`: BLAS adds in the order of its threads, and of the processor.
        equity = cash + float((shares * values[number]).sum())
        is_wanted = (weight != 0.0) | (shares != 0.0)
        is_unfilled[number] = is_wanted & ~is_priced[number]
        size = weight * equity / values[number] - shares
        is_order = (
            is_wanted & is_priced[number] & (np.abs(size) > ROUNDING * abs(shares))
        )
        size[~is_order] = 0.0
        shares += size
        traded = size * amounts[number]
        cash -= float(traded.sum()) + float(np.abs(traded).sum()) * costs.proportional
        sizes[number] = size
    decision, column = np.nonzero(sizes)
    orders = Orders(
        row=targets.rows[decision],
        decision=decision,
        column=column,
        size=sizes[decision, column],
        price=prices[decision, column],
        weight=weights[decision, column],
    )
    decision, column = np.nonzero(is_unfilled)
    unfilled = Unfilled(
        row=targets.rows[decision], column=column, weight=weights[decision, column]
    )
    return orders, unfilled
