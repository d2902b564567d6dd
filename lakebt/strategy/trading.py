"""`TradedStrategy`: a strategy that was run, for tables, report and trials."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lakebt._messages import as_words
from lakebt.backtest.reference_book import order_book
from lakebt.lake.trials.origin import Origin
from lakebt.sessions import exposed_from

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakebt._typing import FloatVector
    from lakebt.backtest.book import Book
    from lakebt.backtest.rebalancing import Orders, Targets, Unfilled
    from lakebt.backtest.window import PriceWindow
    from lakebt.lake.reading.view import View
    from lakebt.strategy.terms import Terms


@dataclass(frozen=True, kw_only=True, eq=False)
class TradedStrategy:
    """A strategy that was run.

    Attributes
    ----------
    view
        What was known in the end.
    terms
        What was asked.
    name, parameters, source
        Of the strategy; `source` is its identity, a digest of its code and of
        everything it was made with; empty if it cannot be told from another one.
    target
        ``FILE.py:Name`` that makes it again, empty if nothing does.
    settings
        With which arguments, as ``lookback=126``.
    engine
        What kept its book.
    audited
        Whether it had passed a look-ahead audit.
    targets, window, orders, unfilled, book, borrow
        What it decided, the prices of its sessions, what was filled and what was not,
        what it held, and the borrow of each session in USD.
    """

    view: View
    terms: Terms
    name: str
    parameters: Mapping[str, Any]
    source: str
    target: str
    settings: tuple[str, ...]
    engine: str
    audited: bool
    targets: Targets
    window: PriceWindow
    orders: Orders
    unfilled: Unfilled
    book: Book
    borrow: FloatVector

    @as_words
    def __repr__(self) -> str:
        n = self.window.n_sessions
        return f"TradedStrategy({self.name}, {self.view!r}, {n:,} sessions)"

    @cached_property
    def returns(self) -> pd.Series:
        """Daily net returns, as fractions, from the first session with exposure."""
        value = self.book.value - np.cumsum(self.borrow)
        first = self.first - self.window.first
        # The first session of exposure starts from the capital, and bears what an order
        # at the close before it has paid.
        before = np.concatenate([[self.terms.capital_usd], value[first:-1]])
        return pd.Series(
            value[first:] / before[: len(value) - first] - 1.0,
            index=self.sessions()[first:],
            name="net_return",
        )

    @property
    def first(self) -> int:
        """The first session with exposure: the next one after an order at the close."""
        return exposed_from(int(self.orders.row.min()))

    def sessions(self) -> pd.DatetimeIndex:
        """Return the days of the run, whether or not something was held."""
        first = self.window.first
        return self.days(np.arange(first, first + self.window.n_sessions))

    def days(self, sessions: Any) -> pd.DatetimeIndex:
        """Return the days of sessions, by their numbers."""
        days = self.window.sessions.days[np.asarray(sessions)]
        return pd.DatetimeIndex(days, name="session").as_unit("us")

    @cached_property
    def origin(self) -> Origin:
        """The release, code and engine that it was run with."""
        return Origin.of(self.view, engine=self.engine, tables=None)

    @cached_property
    def portfolio(self) -> Any:
        """The same orders as a ``vectorbt.Portfolio``."""
        return order_book(
            self.orders,
            window=self.window,
            costs=self.terms.costs,
            capital_usd=self.terms.capital_usd,
            flows=self.book.flows,
        )
