"""What a study's result proves: its numbers held against chance, and against time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.study.tables import by_year

if TYPE_CHECKING:
    import pandas as pd

    from lakebt.study.traded import TradedStudy


class Evidence:
    """What a result says to a sceptic."""

    traded: TradedStudy

    def by_year(self, *, entry: str, exit: str) -> pd.DataFrame:  # noqa: A002 - the surface's name
        """Return what one rule earned in each year.

        Returns
        -------
        DataFrame
            A row per year of the events' dates: ``n_events`` and ``n_dates``;
            ``mean_bps``, the mean net return per event in basis points of capital, with
            its standard error ``se_bps``, clustered by date (NaN with one date);
            ``sharpe`` and ``sharpe_se`` of that year's events, by the study's
            definition. Years without a traded event have no row.

        Raises
        ------
        UnknownNameError
            If the study has no such entry or exit.
        """
        return by_year(self.traded, entry=entry, exit_=exit)
