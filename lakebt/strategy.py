"""Anybody's strategy: called once per decision with the view at its deadline."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
import pandas as pd

from lakebt.backtest.costs import BPS, CostModel
from lakebt.backtest.rebalancing import Decision, Order, Unfilled, rebalance
from lakebt.backtest.reference import order_book
from lakebt.backtest.weights import check_positive
from lakebt.backtest.window import PriceWindow
from lakebt.choices import one_of
from lakebt.errors import InvalidArgumentError, UntradeableError
from lakebt.events.fills import Clock, parse_lead
from lakebt.instants import TICK, parse_date
from lakebt.run import Run

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Sequence

    from lakebt._typing import FloatVector
    from lakebt.events.fills import Fill
    from lakebt.lake.reading.view import View
    from lakebt.sessions import At

_PERIODS: dict[str, Callable[[dt.date], Any]] = {
    "daily": lambda day: day,
    "weekly": lambda day: day.isocalendar()[:2],
    "monthly": lambda day: (day.year, day.month),
}


class Strategy(Protocol):
    """What `Backtest` runs: any object with this method."""

    def target_weights(self, view: View) -> pd.Series:
        """Return symbol → weight, as fractions of equity; what is left out is 0."""
        ...


class Backtest:
    """A strategy on what was known at each of its decisions.

    Parameters
    ----------
    view : View
        What is known in the end. Each decision sees it as of its own deadline.
    strategy
        An object with ``target_weights(view) -> Series``.
    start, end : str or date
        First and last day of the run, both inclusive.
    rebalance : {"daily", "weekly", "monthly"}
        A decision for the first session of each, from `start` on.
    fill : {"open", "close"}
        Where in that session the orders are filled.
    costs : CostModel
        Zero by default.
    max_gross : float
        The most that the absolute weights of a decision may sum to.
    capital_usd : float
        What the run starts with.
    min_lead : str or timedelta
        How long before its fill an order must be sent.

    Raises
    ------
    InvalidArgumentError
        If an argument cannot be used, or `end` is past what the view knows.
    """

    def __init__(
        self,
        view: View,
        strategy: Strategy,
        *,
        start: str | dt.date,
        end: str | dt.date,
        rebalance: str = "monthly",
        fill: str = "open",
        costs: CostModel | None = None,
        max_gross: float = 2.0,
        capital_usd: float = 100_000.0,
        min_lead: str | dt.timedelta = "10min",
    ) -> None:
        if not callable(getattr(strategy, "target_weights", None)):
            msg = (
                f"strategy {strategy!r} has no method target_weights(view): write one "
                f"that returns a Series, symbol → weight"
            )
            raise InvalidArgumentError(msg)
        check_positive("max_gross", max_gross)
        check_positive("capital_usd", capital_usd)
        self.view, self.strategy = view, strategy
        self.rebalance = one_of(rebalance, _PERIODS, what="rebalance")
        self.fill = cast("At", one_of(fill, ("open", "close"), what="fill"))
        self.costs = CostModel() if costs is None else costs
        self.max_gross, self.capital_usd = max_gross, capital_usd
        self.clock = Clock(sessions=view.sessions, min_lead=parse_lead(min_lead))
        self.start, self.end = (
            parse_date(start, what="start"),
            parse_date(end, what="end"),
        )
        self.first = view.sessions.on_or_after(self.start)
        self.last = view.sessions.on_or_before(self.end)
        if self.last < self.first:
            msg = f"no session from start {self.start} to end {self.end}"
            raise InvalidArgumentError(msg)
        if view.sessions.instant(self.last, "close") > view.instant:
            msg = (
                f"end {self.end} is past what the view knows "
                f"({view.instant.isoformat()}): "
                f"choose an earlier end, or a later release"
            )
            raise InvalidArgumentError(msg)

    def decisions(self) -> list[Fill]:
        """Return the fill of each decision: the first session of each period."""
        sessions = self.view.sessions
        period = _PERIODS[self.rebalance]
        fills = []
        before: Any = None
        for session in range(self.first, self.last + 1):
            now = period(sessions.date(session))
            if now != before:
                fill = self.clock.fill(session, self.fill)
                assert fill is not None  # noqa: S101 - between two sessions
                fills.append(fill)
            before = now
        return fills

    def run(self, *, progress: Callable[[int, int], None] | None = None) -> Run:
        """Ask the strategy for every decision, and trade its weights.

        Parameters
        ----------
        progress
            Called with the decisions made and their number, after each.

        Returns
        -------
        Run

        Raises
        ------
        InvalidArgumentError
            If the strategy returns something other than finite weights of symbols that
            have prices, or more gross exposure than `max_gross`.
        UntradeableError
            If it never holds anything, or its equity reaches zero.
        """
        fills = self.decisions()
        asked: list[pd.Series] = []
        for number, fill in enumerate(fills):
            view = self.view.as_of(fill.deadline - TICK)
            asked.append(self._checked(self.strategy.target_weights(view), fill))
            if progress is not None:
                progress(number + 1, len(fills))
        index = pd.DatetimeIndex(
            [pd.Timestamp(self.view.sessions.date(fill.session)) for fill in fills],
            name="session",
        )
        weights = pd.DataFrame(asked, index=index).fillna(0.0)
        weights = weights.reindex(sorted(weights.columns), axis="columns")
        return self._trade(weights, fills)

    def _checked(self, weights: object, fill: Fill) -> pd.Series:
        # Weights are the border to other people's code: say what is wrong with them.
        when = f"decision of {self.view.sessions.date(fill.session)}"
        if not isinstance(weights, pd.Series):
            msg = f"{when}: target_weights must return a Series, was {weights!r}"
            raise InvalidArgumentError(msg)
        for symbol, weight in weights.items():
            if not isinstance(symbol, str):
                msg = f"{when}: symbols must be text, one was {symbol!r}"
                raise InvalidArgumentError(msg)
            if not (
                isinstance(weight, int | float | np.number) and math.isfinite(weight)
            ):
                msg = f"{when}: the weight of {symbol} must be finite, was {weight!r}"
                raise InvalidArgumentError(msg)
        if weights.index.has_duplicates:
            twice = weights.index[weights.index.duplicated()][0]
            msg = f"{when}: {twice} is weighted twice"
            raise InvalidArgumentError(msg)
        gross = float(weights.abs().sum())
        if gross > self.max_gross * (1 + 1e-9):
            msg = (
                f"{when}: gross exposure {gross:g} is above max_gross "
                f"{self.max_gross:g}: scale the weights, or raise max_gross"
            )
            raise InvalidArgumentError(msg)
        return weights.astype(np.float64)

    def _trade(self, weights: pd.DataFrame, fills: Sequence[Fill]) -> Run:
        symbols = tuple(map(str, weights.columns))
        history = self.view.price_history(symbols)
        for symbol in symbols:
            if symbol not in history:
                msg = (
                    f"{symbol!r} has no prices in release {self.view.release!r}: "
                    f"publish them, or leave it out of the weights"
                )
                raise InvalidArgumentError(msg)
        window = PriceWindow.of(history, symbols, first=self.first, last=self.last)
        orders, unfilled = rebalance(
            [
                Decision(row=fill.row, deadline=fill.deadline, weights=row)
                for fill, row in zip(fills, weights.to_numpy(), strict=True)
            ],
            history=history,
            window=window,
            costs=self.costs,
            capital_usd=self.capital_usd,
        )
        if not orders:
            msg = (
                f"the strategy held nothing in {len(fills)} decisions"
                f"{f'; {len(unfilled)} orders had no price' if unfilled else ''}"
            )
            raise UntradeableError(msg)
        return self._run(weights, window, orders, unfilled)

    def _run(
        self,
        weights: pd.DataFrame,
        window: PriceWindow,
        orders: list[Order],
        unfilled: list[Unfilled],
    ) -> Run:
        portfolio = order_book(
            orders,
            window=window,
            costs=self.costs,
            capital_usd=self.capital_usd,
        )
        borrow = self._borrow(window, orders)
        equity = portfolio.value().to_numpy().reshape(-1)[1::2] - np.cumsum(borrow)
        if (ruined := np.flatnonzero(equity <= 0.0)).size:
            day = self.view.sessions.date(self.first + int(ruined[0]))
            msg = f"equity reached zero on {day}: lower the weights"
            raise UntradeableError(msg)
        exposed = (orders[0].row + 1) // 2 - self.first
        days = self.view.sessions.days[self.first + exposed : self.last + 1]
        before = np.concatenate([[self.capital_usd], equity[exposed:-1]])
        if exposed > 0:
            before[0] = self.capital_usd
        returns = pd.Series(
            equity[exposed:] / before - 1.0,
            index=pd.DatetimeIndex(days, name="session").as_unit("us"),
            name="net_return",
        )
        traded = sum(abs(order.size) * order.price for order in orders)
        return Run(
            backtest=self,
            weights=weights,
            orders=tuple(orders),
            unfilled=tuple(unfilled),
            returns=returns,
            portfolio=portfolio,
            paid={
                "commission_usd": traded * self.costs.commission_bps * BPS,
                "spread_usd": traded * self.costs.half_spread_bps * BPS,
                "borrow_usd": float(borrow.sum()),
            },
        )

    def _borrow(self, window: PriceWindow, orders: Sequence[Order]) -> FloatVector:
        """Return what each session pays for what was short at the close before."""
        count = self.last - self.first + 1
        held = np.zeros((count, len(window.symbols)))
        for order in orders:
            held[order.row // 2 - self.first :, window.columns[order.symbol]] += (
                order.size
            )
        short = (np.clip(-held, 0.0, None) * window.closes).sum(axis=1)
        days = np.diff(self.view.sessions.days[self.first : self.last + 1])
        charges = np.zeros(count)
        charges[1:] = self.costs.borrow_per_day * short[:-1] * days.astype(np.int64)
        return charges
