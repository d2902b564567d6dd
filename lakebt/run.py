"""What a strategy's backtest found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from lakebt.analysis.sharpe import lo_standard_error, sharpe_ratio
from lakebt.backtest.costs import BPS
from lakebt.commands import (
    cost_options,
    lead_option,
    only_changed,
    shell,
    view_options,
)
from lakebt.evidence import versions, view_banners, view_provenance
from lakebt.report.contents import RunContents

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from lakebt.backtest.rebalancing import Order, Unfilled
    from lakebt.strategy import Backtest

DEFINITION = (
    "mean / standard deviation (ddof 1) of daily net returns from the first session "
    "with exposure to the end, times sqrt(252), no risk-free rate taken off; "
    "standard error: Lo (2002)"
)


UNAUDITED = (
    "Not audited for look-ahead (audited=False): the strategy saw only what was known "
    "at each deadline, but no rerun on another future was made."
)


class Run:
    """The returns, weights and orders of one strategy.

    Attributes
    ----------
    backtest
        What was asked.
    audited
        Whether the strategy passed a look-ahead audit. None has run: always False.
    """

    audited = False

    def __init__(
        self,
        *,
        backtest: Backtest,
        weights: pd.DataFrame,
        orders: tuple[Order, ...],
        unfilled: tuple[Unfilled, ...],
        returns: pd.Series,
        portfolio: Any,
        paid: Mapping[str, float],
    ) -> None:
        self.backtest = backtest
        self._weights, self._orders, self._unfilled = weights, orders, unfilled
        self._returns, self._portfolio, self._paid = returns, portfolio, dict(paid)

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
        return self._weights.copy()

    def orders(self) -> pd.DataFrame:
        """Return a row per fill: `side` is buy or sell, `size` a positive number."""
        sessions = self.backtest.view.sessions
        costs = self.backtest.costs
        columns = [
            *("session", "at", "symbol", "side", "size", "price"),
            *("commission_usd", "spread_usd", "weight", "deadline"),
        ]
        rows = [
            (
                pd.Timestamp(sessions.date(order.row // 2)),
                "close" if order.row % 2 else "open",
                order.symbol,
                "buy" if order.size > 0 else "sell",
                abs(order.size),
                order.price,
                abs(order.size) * order.price * costs.commission_bps * BPS,
                abs(order.size) * order.price * costs.half_spread_bps * BPS,
                order.weight,
                pd.Timestamp(order.deadline),
            )
            for order in self._orders
        ]
        return pd.DataFrame(rows, columns=columns)

    def unfilled(self) -> pd.DataFrame:
        """Return a row per order that had no price and left its position as it was."""
        sessions = self.backtest.view.sessions
        rows = [
            (pd.Timestamp(sessions.date(order.row // 2)), order.symbol, order.weight)
            for order in self._unfilled
        ]
        return pd.DataFrame(rows, columns=["session", "symbol", "weight"])

    def paid(self) -> dict[str, float]:
        """Return what trading cost: commission_usd, spread_usd and borrow_usd."""
        return dict(self._paid)

    def to_vectorbt(self) -> Any:
        """Return the run as a ``vectorbt.Portfolio``; it lacks the borrow.

        See `lakebt.Result.to_vectorbt` for its rows and its column ``financing``.
        """
        return self._portfolio

    def _contents(self) -> RunContents:
        backtest = self.backtest
        name = type(backtest.strategy).__name__
        first = self._returns.index[0] - pd.Timedelta(days=1)
        equity = pd.concat([pd.Series([1.0], index=[first]), self.equity()])
        told = view_banners(backtest.view)
        if self._unfilled:
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
            costs=self._paid,
            definition=self.definition,
            banners=(UNAUDITED, *told),
            provenance={
                **view_provenance(backtest.view),
                "strategy": name,
                "period": f"{backtest.start} to {backtest.end}",
                "decisions": f"{backtest.rebalance}, filled at the {backtest.fill}",
                "costs": str(backtest.costs),
                "audited": str(self.audited),
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
            f"Run({type(self.backtest.strategy).__name__}: Sharpe {self.sharpe():.2f} "
            f"± {self.sharpe_se():.2f} over {len(self._returns):,} sessions, "
            f"audited={self.audited})"
        )

    def _repr_html_(self) -> str:
        from lakebt.report.tables import run_html  # noqa: PLC0415 - notebooks only

        return run_html(self._contents())
