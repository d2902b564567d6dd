"""`TearSheet`: the performance of a portfolio in tables and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakebt._messages import printable
from lakebt.errors import InvalidArgumentError

if TYPE_CHECKING:
    import pandas as pd

    from lakebt.report.sheet_data import SheetData


class TearSheet:
    """The performance of one portfolio.

    A strategy's run has one (`lakebt.Run.tear_sheet`), and so has the calendar
    portfolio of any rule of a study (`lakebt.Result.tear_sheet`).

    Every table is a copy; every figure is plotly's.

    Attributes
    ----------
    title : str
        The name of the portfolio.

    Examples
    --------
    >>> import tempfile
    >>> import lakebt
    >>> from lakebt.sources.simulated import simulated_market
    >>> market = simulated_market(seed=1, n_events=3)
    >>> directory = tempfile.TemporaryDirectory()
    >>> lake = lakebt.Lake.open(directory.name)
    >>> release = lake.publish(market.tables, release="R1", as_of=market.as_of)
    >>> result = lakebt.Study(
    ...     lake.at("R1"), index="SIM", entries=["AD+1@open"], exits=["1w"]
    ... ).run(record=False)
    >>> sheet = result.tear_sheet(entry="AD+1@open", exit="1w", benchmark="MKT")
    >>> sheet.stats().loc[["n_returns", "time_held"], "unit"].tolist()
    ['sessions', 'fraction']
    >>> sheet.by_month().columns[-1]
    'year'
    >>> directory.cleanup()
    """

    def __init__(self, data: SheetData) -> None:
        self._data, self._performance = data, data.performance
        self.title = data.title

    # --- tables ----------------------------------------------------------------------

    def numbers(self) -> dict[str, float]:
        """Return every number of `stats` by its name, without its definition."""
        return self._performance.numbers()

    def stats(self) -> pd.DataFrame:
        """Return a row per number.

        Returns
        -------
        DataFrame
            Indexed by ``statistic``: ``value``, NaN if undefined; its ``unit``,
            ``definition`` and ``source``; and ``when``, its session, NaT if it covers
            all sessions. Of the returns: ``total_return``, ``cagr``, ``volatility``,
            ``sharpe`` with its error ``sharpe_se``, ``sortino``, ``calmar``,
            ``max_drawdown`` with ``drawdown_fall`` and ``drawdown_length``,
            ``best_day``, ``worst_day``, ``best_month``, ``worst_month``, ``hit_rate``,
            ``skew``, ``kurtosis``, ``n_returns``; of the positions: ``turnover``,
            ``exposure``, ``time_held``; and with a benchmark: ``alpha``, ``beta``,
            ``correlation``, ``tracking_error``, ``information_ratio``,
            ``benchmark_return``.
        """
        return self._performance.stats()

    def by_year(self) -> pd.DataFrame:
        """Return a row per calendar year that has a session.

        Returns
        -------
        DataFrame
            Indexed by ``year``: ``total_return``, ``max_drawdown`` (within the year),
            ``best_day`` and ``worst_day`` as fractions; ``volatility`` and ``sharpe``
            per year, NaN with fewer than two returns; ``n_returns``; and with a
            benchmark ``benchmark_return``. Partial years are not scaled up.
        """
        return self._performance.by_year()

    def by_month(self) -> pd.DataFrame:
        """Return the return of each month: years down; 1 to 12 and ``year`` across.

        Returns
        -------
        DataFrame
            Fractions, compounded; NaN without a session.
        """
        return self._performance.by_month()

    def drawdowns(self, most: int = 10) -> pd.DataFrame:
        """Return the deepest falls of equity, the deepest first.

        Parameters
        ----------
        most
            The largest number of rows.

        Returns
        -------
        DataFrame
            ``depth`` as a fraction below 0; ``peak``, NaT if that is the start;
            ``trough``; ``recovery``, NaT if there is none yet; and the number of
            sessions from peak to trough (``n_fall``), and from peak to recovery or to
            the end (``n_sessions``).
        """
        return self._performance.drawdowns(most)

    def curves(self, sessions: int = 126) -> pd.DataFrame:
        """Return the curves of the figures by session.

        Parameters
        ----------
        sessions
            The number of sessions in a rolling window, at least 2.

        Returns
        -------
        DataFrame
            ``equity``, 1 before the first session; ``drawdown``, a fraction;
            ``rolling_sharpe`` and ``rolling_volatility`` per year, NaN until the window
            is full; with a benchmark its ``benchmark`` equity; and ``exposure``.

        Raises
        ------
        InvalidArgumentError
            If `sessions` is not a whole number of at least 2.
        """
        return self._performance.curves(sessions)

    def returns(self) -> pd.Series:
        """Return the daily net returns by session, as fractions."""
        return self._performance.returns.copy()

    def weights(self) -> pd.DataFrame | None:
        """Return each symbol's share of the value at the close; None for a study.

        Returns
        -------
        DataFrame
            Sessions down, symbols across; shorts are negative.
        """
        weights = self._data.weights
        return None if weights is None else weights.copy()

    # --- figures ---------------------------------------------------------------------

    def plot_equity(self, *, log: bool = False) -> Any:
        """Return equity with its drawdown below; a button changes its scale.

        Parameters
        ----------
        log
            Whether equity begins on a logarithmic scale.
        """
        from lakebt.report.charts import growth_figure  # noqa: PLC0415 - plotly is slow

        return growth_figure(self._curves(), benchmark=self.benchmark, log=log)

    def plot_months(self) -> Any:
        """Return the returns of months and years as a heat map."""
        from lakebt.report.charts import months_figure  # noqa: PLC0415 - plotly is slow

        self._curves()
        return months_figure(self.by_month())

    def plot_rolling(self, sessions: int = 126) -> Any:
        """Return Sharpe ratio and volatility of the last sessions.

        Parameters
        ----------
        sessions
            The number of sessions in a window, at least 2.
        """
        from lakebt.report.charts import rolling_figure  # noqa: PLC0415 - plotly is slow

        return rolling_figure(self._curves(sessions), sessions=sessions)

    def plot_returns(self) -> Any:
        """Return how daily returns are distributed, beside a normal distribution."""
        from lakebt.report.charts import (  # noqa: PLC0415 - plotly is slow
            distribution_figure,
        )

        self._curves()
        return distribution_figure(self._performance.returns, noun="session")

    def plot_exposure(self) -> Any:
        """Return the exposure by session."""
        from lakebt.report.charts import exposure_figure  # noqa: PLC0415 - plotly is slow

        return exposure_figure(self._curves()["exposure"])

    def plot_positions(self, most: int = 10) -> Any:
        """Return the largest positions, by their mean weight over all sessions.

        Parameters
        ----------
        most
            The largest number of positions.

        Raises
        ------
        InvalidArgumentError
            If the tear sheet is of a study, whose positions change with its events.
        """
        from lakebt.report.charts import largest_figure  # noqa: PLC0415 - plotly is slow

        if self._data.weights is None:
            msg = (
                f"{self.title} holds events one after the other: its positions are in "
                f"result.legs()"
            )
            raise InvalidArgumentError(msg)
        return largest_figure(self._data.weights, most=most)

    def plots(self) -> dict[str, Any]:
        """Return every figure by its name, in the order of a report."""
        figures = {
            "equity": self.plot_equity(),
            "months": self.plot_months(),
            "rolling": self.plot_rolling(),
            "returns": self.plot_returns(),
            "exposure": self.plot_exposure(),
        }
        if self._data.weights is not None:
            figures["positions"] = self.plot_positions()
        return figures

    @property
    def benchmark(self) -> str:
        """The name of the benchmark; empty without one."""
        return self._data.benchmark

    def _curves(self, sessions: int = 126) -> pd.DataFrame:
        """Return what is drawn.

        Raises
        ------
        InvalidArgumentError
            If there is nothing.
        """
        curves = self._performance.curves(sessions)
        if curves.empty:
            msg = f"{self.title} has no return to draw: nothing was traded"
            raise InvalidArgumentError(msg)
        return curves

    def __repr__(self) -> str:
        from lakebt.report.sheet_words import in_words  # noqa: PLC0415 - when shown

        return f"TearSheet({printable(self.title)})\n{in_words(self.stats())}"

    def _repr_html_(self) -> str:
        from lakebt.report.notebook import sheet_html  # noqa: PLC0415 - notebooks only

        return sheet_html(self.stats(), self.by_month(), title=self.title)
