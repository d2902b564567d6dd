"""From the weights of all decisions to orders, and to the book."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lakebt.backtest.book import borrow_by_session
from lakebt.backtest.rebalancing import Targets, rebalance
from lakebt.backtest.targets import lined_up
from lakebt.backtest.window import PriceWindow
from lakebt.errors import InvalidArgumentError, UntradeableError
from lakebt.lake.reading.instrument_view import price_history
from lakebt.prices.effects import effects, per_bar_share

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from lakebt._typing import FloatPanel, FloatVector
    from lakebt.backtest.book import Book, Bookkeeper
    from lakebt.backtest.rebalancing import Orders, Unfilled
    from lakebt.events.clock import Fill
    from lakebt.lake.reading.view import View
    from lakebt.prices.history import PriceHistory
    from lakebt.strategy.terms import Terms


@dataclass(frozen=True, kw_only=True, eq=False)
class Execution:
    """The orders, fills and book of a run's decisions.

    Attributes
    ----------
    targets, window, orders, unfilled, book, borrow
        What was decided, the prices of its sessions, what was filled and what was not,
        what was held, and the borrow of each session in USD.
    """

    targets: Targets
    window: PriceWindow
    orders: Orders
    unfilled: Unfilled
    book: Book
    borrow: FloatVector


def execute(
    decided: Sequence[pd.Series],
    *,
    view: View,
    fills: Sequence[Fill],
    first: int,
    last: int,
    terms: Terms,
    keep: Bookkeeper,
) -> Execution:
    """Trade the weights of decisions.

    Parameters
    ----------
    decided
        The weights of each.
    view
        What is known in the end.
    fills
        Of the decisions.
    first, last
        Sessions of the run, inclusive.
    terms
        The run's.
    keep
        What keeps its book.

    Raises
    ------
    InvalidArgumentError
        If a symbol that was to be held has no prices.
    UntradeableError
        If no position was held, equity reached zero, or a position became something
        without a value.
    """
    symbols, weights = lined_up(decided)
    history = price_history(view, symbols)
    symbols, weights = _priced(symbols, weights, history, release=view.release)
    symbols, weights = _with_others(symbols, weights, history, first=first, last=last)
    targets = Targets(
        rows=np.array([fill.row for fill in fills], dtype=np.int64),
        deadlines=[fill.deadline for fill in fills],
        weights=weights,
    )
    window = PriceWindow.of(history, symbols, first=first, last=last)
    orders, unfilled = rebalance(
        targets,
        history=history,
        window=window,
        costs=terms.costs,
        capital_usd=terms.capital_usd,
        delisting_return=terms.delisting_return,
    )
    if not len(orders):
        msg = (
            f"the strategy held nothing in {len(targets.rows)} decisions"
            f"{f'; {len(unfilled)} orders were not filled' if len(unfilled) else ''}"
        )
        raise UntradeableError(msg)
    final = per_bar_share(
        history, history.actions.final, delisting_return=terms.delisting_return
    )
    book = keep(
        orders,
        window=window,
        costs=terms.costs,
        capital_usd=terms.capital_usd,
        effects=effects(final),
    )
    borrow = borrow_by_session(book, window=window, costs=terms.costs)
    equity = book.value - np.cumsum(borrow)
    if (ruined := np.flatnonzero(equity <= 0.0)).size:
        day = view.sessions.date(first + int(ruined[0]))
        msg = f"equity reached zero on {day}: lower the weights"
        raise UntradeableError(msg)
    return Execution(
        targets=targets,
        window=window,
        orders=orders,
        unfilled=unfilled,
        book=book,
        borrow=borrow,
    )


def _priced(
    symbols: tuple[str, ...],
    weights: FloatPanel,
    history: PriceHistory,
    *,
    release: str,
) -> tuple[tuple[str, ...], FloatPanel]:
    """Leave out symbols without prices that no decision holds.

    Raises
    ------
    InvalidArgumentError
        If one was to be held.
    """
    is_priced = np.array([symbol in history for symbol in symbols], dtype=bool)
    for place in np.flatnonzero(~is_priced & weights.any(axis=0)).tolist():
        msg = (
            f"{symbols[place]!r} has no prices in release {release!r}"
            f"{f' ({about})' if (about := history.about.get(symbols[place])) else ''}: "
            f"publish them, or leave it out of the weights"
        )
        raise InvalidArgumentError(msg)
    return tuple(s for s in symbols if s in history), weights[:, is_priced]


def _with_others(
    symbols: tuple[str, ...],
    weights: FloatPanel,
    history: PriceHistory,
    *,
    first: int,
    last: int,
) -> tuple[tuple[str, ...], FloatPanel]:
    """Add the symbols that positions may turn into; no decision names them."""
    wanted = [s for s, own in zip(symbols, weights.T, strict=True) if own.any()]
    come = history.actions.successors(wanted, first=first + 1, last=last)
    if come <= set(symbols):
        return symbols, weights
    wider = tuple(sorted({*symbols, *come}))
    panel = np.zeros((len(weights), len(wider)))
    panel[:, [wider.index(symbol) for symbol in symbols]] = weights
    return wider, panel
