"""What a strategy's backtest found."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lakebt.analysis.sharpe import lo_standard_error, sharpe_ratio
from lakebt.backtest.costs import BPS
from lakebt.backtest.reference import order_book
from lakebt.events.clock import lead_option
from lakebt.report.contents import RunContents
from lakebt.report.provenance import (
    cost_options,
    only_changed,
    shell,
    versions,
    view_banners,
    view_options,
    view_provenance,
)
from lakebt.sessions import exposed_from, is_close, session_of

if TYPE_CHECKING:
    import os

    from lakebt._typing import FloatVector
    from lakebt.backtest.book import Book
    from lakebt.backtest.rebalancing import Orders, Targets, Unfilled
    from lakebt.backtest.window import PriceWindow
    from lakebt.strategy.backtest import Backtest


DEFINITION = (
    "mean / standard deviation (ddof 1) of daily net returns from the first session "
    "with exposure to the end, times sqrt(252), no risk-free rate taken off; "
    "standard error: Lo (2002)"
)


UNAUDITED = (
    "Not audited for look-ahead (audited=False): the strategy saw only what was known "
    "at each deadline, but no audit of it has passed."
)


class Run:
    """The returns, weights and orders of one strategy.

    Attributes
    ----------
    backtest
        What was asked.
    engine : str
        What kept its book: ``event`` or ``vectorbt``.
    audited : bool
        Whether the strategy had passed a look-ahead audit: see `Backtest.audit`.
    id : str
        Its id among the lake's trials: the key of all that decides its numbers.
    is_recorded : bool
        Whether it is among the lake's trials.
    """

    def __init__(
        self,
        *,
        backtest: Backtest,
        engine: str,
        targets: Targets,
        window: PriceWindow,
        orders: Orders,
        unfilled: Unfilled,
        book: Book,
        borrow: FloatVector,
    ) -> None:
        self.backtest, self.engine = backtest, engine
        self.audited, self.is_recorded = backtest.audited, False
        self.id = ""
        self._targets, self._window, self._book = targets, window, book
        self._orders, self._unfilled = orders, unfilled
        self._borrow = borrow
        self._returns = self._net_returns()

    def _net_returns(self) -> pd.Series:
        """Return the value of each session over the one before, from the first held."""
        value = self._book.value - np.cumsum(self._borrow)
        first = exposed_from(int(self._orders.row.min())) - self._window.first
        # The first session of exposure starts from the capital, and bears what an order
        # at the close before it has paid.
        before = np.concatenate([[self.backtest.capital_usd], value[first:-1]])
        return pd.Series(
            value[first:] / before[: len(value) - first] - 1.0,
            index=self._by_session()[first:],
            name="net_return",
        )

    def _by_session(self) -> pd.DatetimeIndex:
        first = self._window.first
        count = self._window.n_sessions
        days = self._window.sessions.days[first : first + count]
        return pd.DatetimeIndex(days, name="session").as_unit("us")

    def _decided(self, rows: Any) -> pd.DatetimeIndex:
        """Return the days of half sessions."""
        days = self._window.sessions.days[session_of(np.asarray(rows))]
        return pd.DatetimeIndex(days, name="session").as_unit("us")

    @property
    def definition(self) -> str:
        """What the Sharpe ratio is, in one line."""
        return DEFINITION

    def sharpe(self) -> float:
        """Return the Sharpe ratio per year; NaN with fewer than two returns."""
        return sharpe_ratio(self._returns.to_numpy())

    def sharpe_se(self) -> float:
        """Return its standard error, by Lo (2002)."""
        return lo_standard_error(self.sharpe(), len(self._returns))

    def returns(self) -> pd.Series:
        """Return the daily net returns by session, as fractions."""
        return self._returns.copy()

    def equity(self) -> pd.Series:
        """Return the net equity by session; 1 before the first return."""
        return self._returns.add(1.0).cumprod().rename("equity")

    def weights(self) -> pd.DataFrame:
        """Return the target weights: decisions down (by session), symbols across."""
        return pd.DataFrame(
            self._targets.weights.copy(),
            index=self._decided(self._targets.rows),
            columns=list(self._window.symbols),
        )

    def positions(self) -> pd.DataFrame:
        """Return the shares held at the close: sessions down, symbols across."""
        return pd.DataFrame(
            self._book.positions.copy(),
            index=self._by_session(),
            columns=list(self._window.symbols),
        )

    def cash(self) -> pd.Series:
        """Return the cash at the close by session, in USD, after all costs."""
        cash = self._book.cash - np.cumsum(self._borrow)
        return pd.Series(cash, index=self._by_session(), name="cash_usd")

    def value(self) -> pd.Series:
        """Return what the portfolio is worth at the close by session, in USD.

        Cash and positions at the last closes there are, after all costs, from the first
        session of the period on.
        """
        value = self._book.value - np.cumsum(self._borrow)
        return pd.Series(value, index=self._by_session(), name="value_usd")

    def orders(self) -> pd.DataFrame:
        """Return a row per fill: `side` is buy or sell, `size` a positive number."""
        orders, costs = self._orders, self.backtest.costs
        deadlines = pd.DatetimeIndex(list(self._targets.deadlines)).as_unit("us")
        return pd.DataFrame(
            {
                "session": self._decided(orders.row),
                "at": np.where(is_close(orders.row), "close", "open"),
                "symbol": self._names(orders.column),
                "side": np.where(orders.size > 0, "buy", "sell"),
                "size": np.abs(orders.size),
                "price": orders.price,
                "commission_usd": orders.traded * (costs.commission_bps * BPS),
                "spread_usd": orders.traded * (costs.half_spread_bps * BPS),
                "weight": orders.weight,
                "deadline": deadlines[orders.decision],
            }
        )

    def unfilled(self) -> pd.DataFrame:
        """Return a row per order that had no price and left its position as it was."""
        unfilled = self._unfilled
        return pd.DataFrame(
            {
                "session": self._decided(unfilled.row),
                "symbol": self._names(unfilled.column),
                "weight": unfilled.weight,
            }
        )

    def _names(self, columns: Any) -> Any:
        return np.array(self._window.symbols, dtype=object)[columns]

    def paid(self) -> dict[str, float]:
        """Return what trading cost: commission_usd, spread_usd and borrow_usd."""
        traded = float(self._orders.traded.sum())
        costs = self.backtest.costs
        return {
            "commission_usd": traded * costs.commission_bps * BPS,
            "spread_usd": traded * costs.half_spread_bps * BPS,
            "borrow_usd": float(self._borrow.sum()),
        }

    @cached_property
    def _portfolio(self) -> Any:
        return order_book(
            self._orders,
            window=self._window,
            costs=self.backtest.costs,
            capital_usd=self.backtest.capital_usd,
        )

    def to_vectorbt(self) -> Any:
        """Return the run as a ``vectorbt.Portfolio``; it lacks the borrow.

        See `lakebt.Result.to_vectorbt` for its rows and its column ``financing``.
        """
        return self._portfolio

    def _contents(self) -> RunContents:
        backtest = self.backtest
        name = backtest.name
        first = self._returns.index[0] - pd.Timedelta(days=1)
        equity = pd.concat([pd.Series([1.0], index=[first]), self.equity()])
        told = view_banners(backtest.view)
        if not self.audited:
            told.insert(0, UNAUDITED)
        if len(self._unfilled):
            told.append(
                f"{len(self._unfilled):,} orders had no price and were not filled."
            )
        return RunContents(
            title=name,
            sharpe=self.sharpe(),
            sharpe_se=self.sharpe_se(),
            n_returns=len(self._returns),
            equity=equity.rename("equity").rename_axis("session"),
            weights=self.weights(),
            costs=self.paid(),
            definition=self.definition,
            banners=tuple(told),
            provenance={
                **view_provenance(backtest.view),
                "strategy": name,
                "period": f"{backtest.start} to {backtest.end}",
                "decisions": f"{backtest.rebalance}, filled at the {backtest.fill}",
                "costs": str(backtest.costs),
                "audited": str(self.audited),
                "engine": self.engine,
                **versions(),
            },
            command=shell(
                {
                    **view_options(backtest.view),
                    "--start": str(backtest.start),
                    "--end": str(backtest.end),
                    "--rebalance": backtest.rebalance,
                    "--fill": backtest.fill,
                    **only_changed(
                        {
                            "--max-gross": (backtest.max_gross, 2.0),
                            "--capital-usd": (backtest.capital_usd, 100_000.0),
                            **cost_options(backtest.costs),
                            "--min-lead": (
                                lead_option(backtest.clock.min_lead),
                                "10min",
                            ),
                            "--engine": (self.engine, "event"),
                        }
                    ),
                },
                start=["lakebt", "backtest", f"FILE.py:{name}"],
            ),
        )

    def report(self, path: str | os.PathLike[str]) -> None:
        """Write the report: one self-contained HTML file.

        Raises
        ------
        InvalidArgumentError
            If the folder does not exist or cannot be written.
        """
        from lakebt.report.html import write_run_report  # noqa: PLC0415 - plotly is slow

        write_run_report(self._contents(), path)

    def __repr__(self) -> str:
        return (
            f"Run({self.backtest.name}: Sharpe {self.sharpe():.2f} "
            f"± {self.sharpe_se():.2f} over {len(self._returns):,} sessions, "
            f"audited={self.audited})"
        )

    def _repr_html_(self) -> str:
        from lakebt.report.notebook import run_html  # noqa: PLC0415 - notebooks only

        return run_html(self._contents())
