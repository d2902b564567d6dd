"""The figures of a study's result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakebt.study.report import contents
from lakebt.study.tables import by_year
from lakebt.study.tear_sheet import event_returns

if TYPE_CHECKING:
    from lakebt.study.traded import TradedStudy


class Figures:
    """What a result draws; each figure is plotly's."""

    traded: TradedStudy

    def plot(self) -> Any:
        """Return the surface as a plotly figure."""
        from lakebt.report.charts import surface_figure  # noqa: PLC0415 - plotly is slow

        return surface_figure(contents(self.traded))

    def plot_ridge(self) -> Any:
        """Return the best exit of each entry as a plotly figure.

        Raises
        ------
        InvalidArgumentError
            If every cell is empty.
        """
        from lakebt.report.charts import ridge_figure  # noqa: PLC0415 - plotly is slow

        return ridge_figure(contents(self.traded))

    def plot_years(self, *, entry: str | None = None, exit: str | None = None) -> Any:  # noqa: A002 - the surface's name
        """Return the mean net return of each year as a plotly figure.

        Parameters
        ----------
        entry, exit
            Of the rule; those of the best by default.

        Raises
        ------
        UnknownNameError
            If the study has no such entry or exit.
        InvalidArgumentError
            If the rule has no traded event.
        """
        from lakebt.report.charts import years_figure  # noqa: PLC0415 - plotly is slow

        best = self.traded.best or (self.traded.entries[0], self.traded.exits[0])
        rule = (entry or best[0], exit or best[1])
        return years_figure(
            by_year(self.traded, entry=rule[0], exit_=rule[1]), rule=rule
        )

    def plot_events(self, *, entry: str | None = None, exit: str | None = None) -> Any:  # noqa: A002 - the surface's name
        """Return how the net returns of events are distributed as a plotly figure.

        Parameters
        ----------
        entry, exit
            Of the rule; those of the best by default.

        Raises
        ------
        UnknownNameError
            If the study has no such entry or exit.
        InvalidArgumentError
            If the rule has no traded event.
        """
        from lakebt.report.charts import (  # noqa: PLC0415 - plotly is slow
            distribution_figure,
        )

        best = self.traded.best or (self.traded.entries[0], self.traded.exits[0])
        found = event_returns(
            self.traded, entry=entry or best[0], exit_=exit or best[1]
        )
        return distribution_figure(found, noun="event")

    def plot_paths(self) -> Any:
        """Return the average path of an event as a plotly figure."""
        from lakebt.report.charts import path_figure  # noqa: PLC0415 - plotly is slow

        return path_figure(contents(self.traded))

    def plot_sharpe(self) -> Any:
        """Return every rule's Sharpe ratio with its interval as a plotly figure.

        Raises
        ------
        InvalidArgumentError
            If every cell is empty.
        """
        from lakebt.report.charts import sharpe_figure  # noqa: PLC0415 - plotly is slow

        return sharpe_figure(self.traded.table)
