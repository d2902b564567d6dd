"""From target weights to orders, sized on what each decision knew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lakebt.backtest.beliefs import Account, Beliefs
from lakebt.backtest.impact import Depth
from lakebt.backtest.shorts import Shorts
from lakebt.instants import EPOCH, TICK
from lakebt.prices.borrow import is_refused
from lakebt.sessions import session_of
from lakebt.values.reasons import Reason

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    import numpy.typing as npt

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
    impact
        What its size costs, in USD.
    """

    row: IntVector
    decision: IntVector
    column: IntVector
    size: FloatVector
    price: FloatVector
    weight: FloatVector
    impact: FloatVector

    def __len__(self) -> int:
        return len(self.row)

    @property
    def traded(self) -> FloatVector:
        """The value that each order traded, in USD; never negative."""
        amount: FloatVector = np.abs(self.size) * self.price
        return amount


@dataclass(frozen=True, kw_only=True, eq=False)
class Unfilled:
    """Orders that could not be filled; every vector is (n_unfilled,).

    Attributes
    ----------
    row, column, weight
        Of the order that was wanted.
    reason
        Why: `lakebt.values.reasons.Reason.code`.
    """

    row: IntVector
    column: IntVector
    weight: FloatVector
    reason: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.row)


def rebalance(
    targets: Targets,
    *,
    history: PriceHistory,
    window: PriceWindow,
    costs: CostModel,
    capital_usd: float,
    delisting_return: float | None = None,
) -> tuple[Orders, Unfilled]:
    """Turn target weights into orders.

    Each decision takes the equity at the last closes known before its deadline, less
    the borrow of every session up to its own, and orders the difference between
    ``weight * equity / last close`` and what is held. A symbol without a price to fill
    at keeps its position, and the order is listed; so does one that is too large for
    the market, or of which no volume is known where the costs depend on it, and one
    that sells short what could not be borrowed, as known by then. A difference that is
    only rounding is not an order.

    All of it is in the share units of the fill, as far as they are known: a split known
    before the deadline, and effective after the close and by the fill, divides the
    close and multiplies what is held. What is held, and the cash, have had every action
    known by then; a dividend that is not yet out of the close counts once.

    Parameters
    ----------
    targets
        In the order of time.
    history
        For the closes known at each deadline.
    window
        The prices to fill at; its symbols are the columns of the weights.
    costs, capital_usd, delisting_return
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
    impact = np.zeros_like(weights)
    reason = np.zeros(weights.shape, dtype=np.int8)
    before = [(at - EPOCH) // TICK for at in targets.deadlines]
    depth = Depth.of(
        history,
        history.codes(window.symbols),
        before=np.array(before, dtype=np.int64),
        rows=targets.rows,
        costs=costs,
    )
    refused = None
    if len(history.borrow):
        refused = is_refused(
            history.borrow,
            window.symbols,
            before=np.array(before, dtype=np.int64),
            fills=session_of(targets.rows),
        )
    account = _account(
        targets,
        history=history,
        window=window,
        costs=costs,
        capital_usd=capital_usd,
        delisting_return=delisting_return,
    )
    for number, weight in enumerate(weights):
        account.reach(number)
        shares = account.shares
        price, worth = account.prices(number, values[number])
        # Nowhere `@`: BLAS adds in the order of its threads, and of the processor.
        equity = account.cash + float((shares * worth).sum())
        is_wanted = (weight != 0.0) | (shares != 0.0)
        reason[number, is_wanted & ~is_priced[number]] = Reason.NO_PRICE.code
        size = weight * equity / price - shares
        is_order = (
            is_wanted & is_priced[number] & (np.abs(size) > ROUNDING * abs(shares))
        )
        size[~is_order] = 0.0
        if depth is not None:
            unfit = depth.unfit(number, size)
            reason[number] = np.where(unfit > 0, unfit, reason[number])
            size[unfit > 0] = 0.0
        if refused is not None:
            withheld = refused[number] & (weight < 0.0) & (size < 0.0)
            reason[number, withheld] = Reason.NO_BORROW.code
            size[withheld] = 0.0
        if depth is not None:
            impact[number] = depth.paid(number, size, amounts[number])
        traded = size * amounts[number]
        fees = float(np.abs(traded).sum()) * costs.proportional
        if depth is not None:
            fees += float(impact[number].sum())
        account.fill(size, float(traded.sum()) + fees)
        sizes[number] = size
    decision, column = np.nonzero(sizes)
    orders = Orders(
        row=targets.rows[decision],
        decision=decision,
        column=column,
        size=sizes[decision, column],
        price=prices[decision, column],
        weight=weights[decision, column],
        impact=impact[decision, column],
    )
    decision, column = np.nonzero(reason)
    unfilled = Unfilled(
        row=targets.rows[decision],
        column=column,
        weight=weights[decision, column],
        reason=reason[decision, column],
    )
    return orders, unfilled


def _account(
    targets: Targets,
    *,
    history: PriceHistory,
    window: PriceWindow,
    costs: CostModel,
    capital_usd: float,
    delisting_return: float | None,
) -> Account:
    """Return the account that tracks shares and cash between decisions."""
    before = np.array([(at - EPOCH) // TICK for at in targets.deadlines], np.int64)
    shorts = Shorts(history, window=window, costs=costs, before=before)
    sessions = session_of(targets.rows) - window.first
    if not len(history.actions):
        return Account(
            len(window.symbols),
            sessions=sessions,
            capital_usd=capital_usd,
            shorts=shorts,
        )
    return Beliefs(
        history,
        window=window,
        deadlines=targets.deadlines,
        sessions=sessions,
        capital_usd=capital_usd,
        shorts=shorts,
        delisting_return=delisting_return,
    )
