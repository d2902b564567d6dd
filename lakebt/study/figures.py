"""The figures of a study's result."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lakebt.study.average_paths import market, paths, placebo
from lakebt.study.report import contents
from lakebt.study.tables import by_year
from lakebt.study.tear_sheet import event_returns

if TYPE_CHECKING:
    import pandas as pd

    from lakebt.study.trading import TradedStudy


class Figures:
    """The methods of a result that draw plotly figures."""

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
        """Return the distribution of the events' net returns as a plotly figure.

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
        events = event_returns(
            self.traded, entry=entry or best[0], exit_=exit or best[1]
        )
        return distribution_figure(events, noun="event")

    def paths(
        self, *, by: str | None = None, before: int = 10, after: int = 20
    ) -> pd.DataFrame:
        """Return the average cumulative return over the market in event time.

        Parameters
        ----------
        by
            How to group the changes: by ``"year"`` of the announcement, by ``"cause"``,
            or by another column of the changes.
        before, after
            The number of sessions before AD and after ED.

        Returns
        -------
        DataFrame
            A row per point and side, in the order of time: ``x`` in sessions, 0 at AD;
            its ``label``, as AD+1 open; ``side``; ``mean_bps``, and its 95 % interval
            ``low_bps`` and ``high_bps``, in basis points of the price at AD; and ``n``,
            the number of legs. A last row ``MD`` says where holdings showed it. With
            `by`, one after the other for each ``group``, all on the same axis; what
            has no such word is in ``not told``.

        Raises
        ------
        InvalidArgumentError
            If `before` or `after` is no number of sessions.
        UnknownNameError
            If changes cannot be told apart by that.
        """
        return paths(self.traded, by=by, before=before, after=after)

    def placebo(
        self, draws: int = 500, *, seed: int = 0, before: int = 10, after: int = 20
    ) -> pd.DataFrame:
        """Return the average path of the same changes at random other dates.

        In each draw all changes of an announcement date move by the same number of
        sessions, to where each has its whole window among its prices and away from the
        windows of its symbol's true changes. Lengths from AD to ED stay.

        Parameters
        ----------
        draws
            How many.
        seed
            Of the dates.
        before, after
            Sessions before AD and after ED: the window.

        Returns
        -------
        DataFrame
            A row per point and side: ``x``, ``label`` and ``side`` as in `paths`;
            ``mean_bps`` over the draws, and ``low_bps`` and ``high_bps``, between which
            95 % of them lie; ``observed_bps``, of the same changes at their own dates;
            ``p_value``, the part of draws at least as far from their mean as that, the
            true dates counted as one; ``n``, the changes that moved, and ``draws``.
            ``.attrs`` has ``n_left_out``, the changes that had nowhere to go.

        Raises
        ------
        InvalidArgumentError
            If an argument cannot be used.
        """
        return placebo(self.traded, draws=draws, seed=seed, before=before, after=after)

    def plot_paths(
        self,
        *,
        by: str | None = None,
        side: str | None = None,
        before: int = 10,
        after: int = 20,
    ) -> Any:
        """Return the average path of an event as a plotly figure.

        Parameters
        ----------
        by, before, after
            As in `paths`. Of more than eight groups the largest are drawn.
        side
            The one whose groups are drawn; ``"addition"`` where there is one, if not
            given. Without `by` both are.
        """
        from lakebt.report.charts import (  # noqa: PLC0415 - plotly is slow
            groups_figure,
            path_figure,
        )

        if by is None:
            curves = paths(self.traded, before=before, after=after)
            return path_figure(replace(contents(self.traded), path=curves))
        curves = paths(self.traded, by=by, before=before, after=after)
        return groups_figure(curves, side=side, market=market(self.traded))

    def plot_placebo(
        self, draws: int = 500, *, seed: int = 0, before: int = 10, after: int = 20
    ) -> Any:
        """Return the path of events beside that at other dates as a plotly figure.

        Parameters
        ----------
        draws, seed, before, after
            As in `placebo`.
        """
        from lakebt.report.charts import placebo_figure  # noqa: PLC0415 - plotly is slow

        path = self.placebo(draws, seed=seed, before=before, after=after)
        return placebo_figure(path, market=market(self.traded))

    def plot_sharpe(self) -> Any:
        """Return every rule's Sharpe ratio with its interval as a plotly figure.

        Raises
        ------
        InvalidArgumentError
            If every cell is empty.
        """
        from lakebt.report.charts import sharpe_figure  # noqa: PLC0415 - plotly is slow

        return sharpe_figure(self.traded.table)
