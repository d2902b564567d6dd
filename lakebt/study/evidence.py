"""What a study's result proves: its numbers held against chance, and against time."""

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
    """What a result says to a sceptic."""

    traded: TradedStudy

    def significance(
        self,
        draws: int = 10_000,
        *,
        seed: int = 0,
        alternative: str = "greater",
        alpha: float = 0.05,
    ) -> Significance:
        """Judge every rule as one of all that were tried.

        Parameters
        ----------
        draws
            How many draws of blocks, and of signs. The smallest p-value is
            ``1 / (draws + 1)``.
        seed
            Of the draws, from 0 to 2**64 - 1. The same seed gives the same bits on any
            number of threads.
        alternative
            ``"greater"``: that a rule earns money; ``"less"``, or ``"two-sided"``.
        alpha
            The chance, of the whole family, that anything is claimed where nothing is
            true.

        Returns
        -------
        Significance
            Its ``sentence`` says what may be said; ``table()`` has a row per rule,
            ``mask()`` what is claimed, ``null`` what the best comes to by chance.

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
        """Study what the study's own changes returned around their events.

        Parameters
        ----------
        windows
            Pairs of rules; of the jump, the way to ED, that day, and what follows, if
            not given.
        market
            What stands for the market: the hedge, or SPY, if not given.
        model, estimation, minimum, draws, seed
            As `lakebt.EventStudy` takes them.

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
            If no change has a price in any window.
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
        """Return what one rule earned in its parts.

        By year, by cause, by third of volatility; without each announcement date; with
        and without the overnight jump; with and without what has no estimation window.
        All of changes, each for itself, before costs.

        Returns
        -------
        Stability
            Its ``summary()`` says it in words; ``table()`` has all parts,
            ``without_date()`` a row per date left out.

        Raises
        ------
        UnknownNameError
            If the study has no such entry or exit.

        Notes
        -----
        The parts are found by looking at the same data again: a part that stands out is
        one of many that could have.
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
        """Return what one rule earns as more money is put into it.

        Parameters
        ----------
        entry, exit
            Of the rule.
        sizes_usd
            What each event starts with, in USD, ascending.

        Returns
        -------
        DataFrame
            A row per size, ``size_usd``: ``n_events`` that are traded and
            ``n_too_large`` that are not (`CostModel.max_participation`); ``mean_bps``,
            the net mean per event, and ``impact_bps``, what size cost of it, in basis
            points of capital; ``sharpe`` with ``sharpe_low`` and ``sharpe_high``;
            ``median_participation`` and ``max_participation`` of the entries, as parts
            of the volume of a day. ``.attrs["break_even_usd"]`` is the capital at which
            the mean is gone: infinite if size costs nothing, 0 if there is no mean.

        Raises
        ------
        InvalidArgumentError
            If the sizes are not positive and ascending, or the study's costs have no
            impact.
        UnknownNameError
            If the study has no such entry or exit.

        Notes
        -----
        A mean is ``a - b sqrt(size)``, since an order pays the root of its size: of the
        events that are traded at the least size, ``(a / b)**2`` breaks even.
        """
        return capacity(self.traded, entry=entry, exit_=exit, sizes_usd=sizes_usd)

    def stats(
        self,
        *,
        entry: str,
        exit: str,  # noqa: A002 - the surface's name
        benchmark: str | pd.Series[float] | None = None,
    ) -> pd.DataFrame:
        """Return what the calendar portfolio of one rule came to, a row per number.

        Parameters
        ----------
        entry, exit, benchmark
            As `tear_sheet` takes them.

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
        """Return what the calendar portfolio of one rule came to.

        Also of a pooled study it is that portfolio: the one a person could hold.

        Parameters
        ----------
        entry, exit
            Of the rule.
        benchmark
            A symbol that has prices, whose returns are from close to close with its
            dividends; or returns of every session, as fractions. The hedge, or SPY, if
            not given, where it has a price in each of them; else none.

        Returns
        -------
        TearSheet
            All its numbers are NaN where the rule has no traded event.

        Raises
        ------
        InvalidArgumentError
            If the benchmark has no prices, or no return of a session.
        UnknownNameError
            If the study has no such entry or exit.
        """
        from lakebt.report.tear_sheet import TearSheet  # noqa: PLC0415 - when asked

        return TearSheet(
            sheet_data(self.traded, entry=entry, exit_=exit, benchmark=benchmark)
        )

    def by_year(self, *, entry: str, exit: str) -> pd.DataFrame:  # noqa: A002 - the surface's name
        """Return what one rule earned in each year.

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
