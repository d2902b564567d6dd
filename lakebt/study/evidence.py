"""The statistical evidence of a study's result: significance, stability, capacity."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from lakebt.prices.benchmark import MARKET
from lakebt.study.capacity import SIZES_USD, capacity
from lakebt.study.report import chance_of
from lakebt.study.tables import by_year
from lakebt.study.tear_sheet import sheet_data

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from lakebt.report.contents import Chance
    from lakebt.report.tear_sheet import TearSheet
    from lakebt.study.event_study import EventStudy
    from lakebt.study.hindsight import Hindsight
    from lakebt.study.significance import Significance
    from lakebt.study.stability import Stability
    from lakebt.study.trading import TradedStudy


class Evidence:
    """The methods of a result that test it."""

    traded: TradedStudy

    def significance(
        self,
        draws: int = 10_000,
        *,
        seed: int = 0,
        alternative: str = "greater",
        alpha: float = 0.05,
    ) -> Significance:
        """Test every rule, corrected for the number of rules that were tried.

        Parameters
        ----------
        draws
            The number of draws of blocks, and of signs. The smallest p-value is
            ``1 / (draws + 1)``.
        seed
            The seed of the draws, from 0 to 2**64 - 1. The same seed gives the same
            bits on any number of threads.
        alternative
            ``"greater"``: a rule earns money; ``"less"``, or ``"two-sided"``.
        alpha
            The family-wise error rate: the probability of any claim if no rule has an
            effect.

        Returns
        -------
        Significance
            ``sentence`` sums up the result; ``table()`` has a row per rule, ``mask()``
            the rules that are claimed, ``null`` the best ratio by chance.

        Raises
        ------
        InvalidArgumentError
            If an argument cannot be used.
        UnknownNameError
            If there is no such alternative.
        """
        from lakebt.study.significance import Significance  # noqa: PLC0415 - when asked

        return Significance(
            self.traded, draws=draws, seed=seed, alternative=alternative, alpha=alpha
        )

    def hindsight(self) -> Hindsight:
        """Run the same rules with look-ahead; see `Study.hindsight`."""
        from lakebt.study.hindsight import Hindsight  # noqa: PLC0415 - when asked

        return Hindsight(self.traded.scope, engine=self.traded.engine)

    def event_study(
        self,
        windows: Sequence[tuple[str, str]] | None = None,
        *,
        market: str | None = None,
        model: str = "market_adjusted",
        estimation: tuple[int, int] = (-260, -30),
        minimum: int = 100,
        draws: int = 9_999,
        seed: int = 0,
    ) -> EventStudy:
        """Run an event study of the study's own changes.

        Parameters
        ----------
        windows
            Pairs of rules. The default is the jump, the way to ED, that day, and the
            days after.
        market
            The symbol that stands for the market. The default is the hedge, or SPY.
        model, estimation, minimum, draws, seed
            As in `lakebt.EventStudy`.

        Returns
        -------
        EventStudy
            Of the changes of the study, before any rule.

        Raises
        ------
        InvalidArgumentError
            If an argument cannot be used.
        UnknownNameError
            If there is no such model.
        UntradeableError
            If no change has prices in any window.
        """
        from lakebt.study.event_study import WINDOWS, EventStudy  # noqa: PLC0415 - when asked

        hedge = self.traded.arguments.hedge
        return EventStudy.of(
            self.traded.scope,
            market=market or hedge or MARKET,
            model=model,
            estimation=estimation,
            minimum=minimum,
            windows=WINDOWS if windows is None else windows,
            draws=draws,
            seed=seed,
        )

    def stability(self, *, entry: str, exit: str) -> Stability:  # noqa: A002 - the surface's name
        """Return the earnings of one rule in parts of its changes.

        The parts are: by year, by cause and by third of volatility; without each
        announcement date; with and without the overnight jump; with and without changes
        that lack an estimation window. Each change counts by itself, before costs.

        Returns
        -------
        Stability
            ``summary()`` is a text; ``table()`` has all parts, and ``without_date()``
            a row per date left out.

        Raises
        ------
        UnknownNameError
            If the study has no such entry or exit.

        Notes
        -----
        The parts come from the same data: with so many parts, one may stand out by
        chance.
        """
        from lakebt.study.stability import Stability  # noqa: PLC0415 - when asked

        return Stability(self.traded, entry=entry, exit_=exit)

    def capacity(
        self,
        *,
        entry: str,
        exit: str,  # noqa: A002 - the surface's name
        sizes_usd: Sequence[float] = SIZES_USD,
    ) -> pd.DataFrame:
        """Return the earnings of one rule by the amount of capital.

        Parameters
        ----------
        entry, exit
            The rule.
        sizes_usd
            Capital of each event at its start, in USD, ascending.

        Returns
        -------
        DataFrame
            A row per size, ``size_usd``: the number of events that are traded
            (``n_events``) and too large (``n_too_large``, by
            `CostModel.max_participation`); ``mean_bps``, the net mean per event, and
            ``impact_bps``, the impact costs in it, in basis points of capital;
            ``sharpe`` with ``sharpe_low`` and ``sharpe_high``;
            ``median_participation`` and ``max_participation`` of the entries, as parts
            of a day's volume. ``.attrs["break_even_usd"]`` is the capital at which the
            mean is zero: infinite without impact costs, 0 if the mean is not positive.

        Raises
        ------
        InvalidArgumentError
            If the sizes are not positive and ascending, or the study's costs have no
            impact.
        UnknownNameError
            If the study has no such entry or exit.

        Notes
        -----
        Impact costs grow with the square root of size, so the mean is ``a - b
        sqrt(size)``. For the events traded at the least size, ``(a / b)**2`` breaks
        even.
        """
        return capacity(self.traded, entry=entry, exit_=exit, sizes_usd=sizes_usd)

    def stats(
        self,
        *,
        entry: str,
        exit: str,  # noqa: A002 - the surface's name
        benchmark: str | pd.Series[float] | None = None,
    ) -> pd.DataFrame:
        """Return the performance statistics of one rule's calendar portfolio.

        Parameters
        ----------
        entry, exit, benchmark
            As in `tear_sheet`.

        Returns
        -------
        DataFrame
            See `TearSheet.stats`.
        """
        return self.tear_sheet(entry=entry, exit=exit, benchmark=benchmark).stats()

    def tear_sheet(
        self,
        *,
        entry: str,
        exit: str,  # noqa: A002 - the surface's name
        benchmark: str | pd.Series[float] | None = None,
    ) -> TearSheet:
        """Return the tear sheet of one rule's calendar portfolio.

        A pooled study has the tear sheet of that portfolio, too: it is the one that can
        be held.

        Parameters
        ----------
        entry, exit
            The rule.
        benchmark
            A symbol with prices, whose returns are from close to close with dividends;
            or returns for every session, as fractions. The default is the hedge, or
            SPY, if it has a price in each session, else no benchmark.

        Returns
        -------
        TearSheet
            All numbers are NaN if the rule has no traded event.

        Raises
        ------
        InvalidArgumentError
            If the benchmark has no prices, or lacks the return of a session.
        UnknownNameError
            If the study has no such entry or exit.
        """
        from lakebt.report.tear_sheet import TearSheet  # noqa: PLC0415 - when asked

        return TearSheet(
            sheet_data(self.traded, entry=entry, exit_=exit, benchmark=benchmark)
        )

    def by_year(self, *, entry: str, exit: str) -> pd.DataFrame:  # noqa: A002 - the surface's name
        """Return the earnings of one rule by year.

        Returns
        -------
        DataFrame
            A row per year of the events' dates: ``n_events`` and ``n_dates``;
            ``mean_bps``, the mean net return per event in basis points of capital, with
            its standard error ``se_bps``, clustered by date (NaN with one date);
            ``sharpe`` and ``sharpe_se`` of that year's events, by the study's
            definition, with ``sharpe_low``, ``sharpe_high``, ``psr``, ``se_method`` and
            ``n_effective_dates`` as in `table`. Years without a traded event have no
            row.

        Raises
        ------
        UnknownNameError
            If the study has no such entry or exit.
        """
        return by_year(self.traded, entry=entry, exit_=exit)

    @functools.cached_property
    def _chance(self) -> Chance:
        """What a page and a notebook say of it: seconds, where rules are a thousand."""
        return chance_of(self.traded)
