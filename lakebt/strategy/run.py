"""`Run`: the returns, weights, orders and report of a strategy's backtest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakebt._messages import as_words
from lakebt.analysis.sharpe import lo_standard_error, sharpe_ratio
from lakebt.strategy import tables
from lakebt.strategy.report import contents, with_sheet
from lakebt.strategy.round_trips import round_trips
from lakebt.strategy.tear_sheet import DEFINITION, tear_sheet
from lakebt.strategy.trials import trial_id
from lakebt.values.text import signed

if TYPE_CHECKING:
    import os

    import pandas as pd

    from lakebt.analysis.sharpe_definition import SharpeDefinition
    from lakebt.lake.reading.view import View
    from lakebt.report.tear_sheet import TearSheet
    from lakebt.strategy.terms import Terms
    from lakebt.strategy.trading import TradedStrategy


class Run:
    """The run of a strategy: its returns, weights, orders and costs.

    Every table is a copy; changing it does not change the run.

    Attributes
    ----------
    traded : TradedStrategy
        Targets, prices, orders and book, for programs that need more than tables.
    is_recorded : bool
        Whether the run is recorded among the lake's trials.

    Examples
    --------
    >>> import tempfile
    >>> import lakebt
    >>> import pandas as pd
    >>> from lakebt.sources.simulated import simulated_market
    >>> class Market:
    ...     "Holds the market, whatever is known."
    ...
    ...     def target_weights(self, view):
    ...         return pd.Series({"MKT": 1.0})
    >>> market = simulated_market(seed=1, n_events=3)
    >>> directory = tempfile.TemporaryDirectory()
    >>> lake = lakebt.Lake.open(directory.name)
    >>> release = lake.publish(market.tables, release="R1", as_of=market.as_of)
    >>> run = lakebt.Backtest(
    ...     lake.at("R1"), Market, start="2010-02-01", end="2010-03-31"
    ... ).run(record=False)
    >>> run.orders()[["symbol", "side"]].head(1).values.tolist()
    [['MKT', 'buy']]
    >>> run.audited
    False
    >>> directory.cleanup()
    """

    def __init__(self, traded: TradedStrategy) -> None:
        self.traded = traded
        self.is_recorded = False

    @property
    def view(self) -> View:
        """The view that the backtest was given."""
        return self.traded.view

    @property
    def terms(self) -> Terms:
        """The arguments of the backtest."""
        return self.traded.terms

    @property
    def name(self) -> str:
        """The strategy's name."""
        return self.traded.name

    @property
    def engine(self) -> str:
        """The engine that kept its book: ``event`` or ``vectorbt``."""
        return self.traded.engine

    @property
    def audited(self) -> bool:
        """Whether the strategy had passed a look-ahead audit: see `Backtest.audit`."""
        return self.traded.audited

    @property
    def id(self) -> str:
        """Its id among the lake's trials: a digest of all that decides its numbers."""
        return trial_id(self.traded)

    @property
    def definition(self) -> SharpeDefinition:
        """The definition of the Sharpe ratio, in one line."""
        return DEFINITION

    def sharpe(self) -> float:
        """Return the Sharpe ratio per year; NaN with fewer than two returns."""
        return sharpe_ratio(self.traded.returns.to_numpy())

    def sharpe_se(self) -> float:
        """Return its standard error, by Lo (2002)."""
        return lo_standard_error(self.sharpe(), len(self.traded.returns))

    def stats(self, *, benchmark: str | pd.Series[float] | None = None) -> pd.DataFrame:
        """Return the performance statistics, a row per number; see `TearSheet.stats`.

        Parameters
        ----------
        benchmark
            As in `tear_sheet`.
        """
        return self.tear_sheet(benchmark=benchmark).stats()

    def tear_sheet(
        self, *, benchmark: str | pd.Series[float] | None = None
    ) -> TearSheet:
        """Return the tear sheet: performance in tables and figures.

        Parameters
        ----------
        benchmark
            A symbol with prices, whose returns are from close to close with dividends;
            or returns for every session of `returns`, as fractions. The default is SPY
            if it has a price in each session, else no benchmark.

        Returns
        -------
        TearSheet
            Its tables are frames, its figures are plotly's.

        Raises
        ------
        InvalidArgumentError
            If the benchmark has no prices, or lacks the return of a session.
        """
        return tear_sheet(self.traded, benchmark=benchmark)

    def returns(self) -> pd.Series:
        """Return the daily net returns by session, as fractions."""
        return self.traded.returns.copy()

    def equity(self) -> pd.Series:
        """Return the net equity by session; 1 before the first return."""
        return self.traded.returns.add(1.0).cumprod().rename("equity")

    def weights(self) -> pd.DataFrame:
        """Return the target weights: decisions down (by session), symbols across.

        Symbols that a position may turn into, as the child of a spin-off, have zeros.
        """
        return tables.weights(self.traded)

    def positions(self) -> pd.DataFrame:
        """Return the shares held at the close: sessions down, symbols across.

        In shares of that day, as a broker's statement would show them. Shares that came
        from a corporate action, as the child of a spin-off, have a column too.
        """
        return tables.positions(self.traded)

    def cash(self) -> pd.Series:
        """Return the cash at the close by session, in USD, after all costs.

        It includes dividends from their ``ex_date`` on.
        """
        return tables.cash(self.traded)

    def value(self) -> pd.Series:
        """Return the value of the portfolio at the close by session, in USD.

        It is the cash plus the positions at their last known closes, after all costs,
        from the first session of the period on.
        """
        return tables.value(self.traded)

    def orders(self) -> pd.DataFrame:
        """Return a row per fill.

        Returns
        -------
        DataFrame
            ``session``, ``at`` (open or close), ``symbol``, ``side`` (buy or sell),
            ``size`` (a positive number of shares), ``price``, ``commission_usd``,
            ``spread_usd``, ``impact_usd``, ``weight`` (the target, as a fraction of
            equity), and ``deadline``, the UTC instant before which the order had to be
            sent.
        """
        return tables.orders(self.traded)

    def round_trips(self) -> pd.DataFrame:
        """Return a row per round trip: from no position in a symbol to none again.

        An order that turns a long into a short ends one round trip and begins another.
        A spin-off begins a round trip of the child.

        Returns
        -------
        DataFrame
            ``symbol``; ``side`` (long or short); ``entry_session`` and
            ``exit_session``, NaT while it is open; ``n_sessions`` from one to the
            other, or to the end; ``n_orders``; ``bought_usd`` and ``sold_usd`` before
            costs; ``flows_usd``, dividends and cash of endings, negative if owed;
            ``costs_usd``, without borrow; ``open_usd``, the open position's value at
            the last close; ``profit_usd``, the sum of these; and ``return``, the profit
            over the amount bought for a long, or sold for a short, NaN if nothing was
            paid, as for the child of a spin-off. All profits add up to the profit of
            the run before borrow.
        """
        return round_trips(self.traded)

    def unfilled(self) -> pd.DataFrame:
        """Return a row per order that could not be filled.

        The position stayed as it was.

        Returns
        -------
        DataFrame
            ``session``, ``symbol`` and ``weight``, the target it did not reach, and
            ``reason``: ``no_price``; ``no_volume`` or ``too_large``, if the costs
            depend on volume; or ``no_borrow``, if no shares could be borrowed.
        """
        return tables.unfilled(self.traded)

    def flows(self) -> pd.DataFrame:
        """Return a row per corporate action of a position.

        Returns
        -------
        DataFrame
            ``session``, at whose open it happened; ``symbol``; ``kind``, as
            ``cash_dividend``; ``other``, the symbol of the shares received, else empty;
            ``shares_before``, held at the close before; ``shares_after``, the shares
            afterwards: of `other` if there is one, else of `symbol`; ``cash_usd``,
            negative if a short owed it.
        """
        return tables.flows(self.traded)

    def paid(self) -> dict[str, float]:
        """Return the total costs of trading by kind, in USD.

        The keys are ``commission_usd``, ``spread_usd``, ``borrow_usd`` and
        ``impact_usd``.
        """
        return tables.paid(self.traded)

    def to_vectorbt(self) -> Any:
        """Return the run as a ``vectorbt.Portfolio``.

        It has no borrow costs. Corporate actions are trades without fees, at the close
        before, in an extra row before the open; the column ``actions`` corrects the
        value of these trades to the cash that the actions paid. See
        `lakebt.Result.to_vectorbt` for the other rows and columns.
        """
        return self.traded.portfolio

    def report(self, path: str | os.PathLike[str]) -> None:
        """Write the report: one self-contained HTML file.

        Parameters
        ----------
        path
            Where; a file that is there is replaced.

        Raises
        ------
        InvalidArgumentError
            If the folder does not exist or cannot be written.
        """
        from lakebt.report.html import write_run_report  # noqa: PLC0415 - plotly is slow

        write_run_report(with_sheet(self.traded), path)

    @as_words
    def __repr__(self) -> str:
        return (
            f"Run({self.name}: Sharpe {signed(f'{self.sharpe():z.2f}')} "
            f"± {self.sharpe_se():.2f} over {len(self.traded.returns):,} sessions, "
            f"audited={self.audited})"
        )

    def _repr_html_(self) -> str:
        from lakebt.report.notebook import run_html  # noqa: PLC0415 - notebooks only

        return run_html(contents(self.traded))
