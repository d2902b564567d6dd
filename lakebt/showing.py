"""How a result shows itself: the report, the figures, and what a notebook prints."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from lakebt.evidence import study_contents
from lakebt.ingredients import ingredients

if TYPE_CHECKING:
    import os

    from lakebt.result import Result


class Shown:
    """What `lakebt.Result` can be looked at as."""

    def report(self, path: str | os.PathLike[str]) -> None:
        """Write the report: one self-contained HTML file.

        Raises
        ------
        InvalidArgumentError
            If the folder does not exist or cannot be written.
        """
        from lakebt.report.html import write_study_report  # noqa: PLC0415 - plotly is slow

        made_of = ingredients(self._result)
        whole = replace(study_contents(self._result), ingredients=made_of)
        write_study_report(whole, path)

    def plot(self) -> Any:
        """Return the surface as a plotly figure."""
        from lakebt.report.figures import surface_figure  # noqa: PLC0415 - plotly is slow

        return surface_figure(study_contents(self._result))

    def plot_ridge(self) -> Any:
        """Return the best exit of each entry as a plotly figure.

        Raises
        ------
        InvalidArgumentError
            If every cell is empty.
        """
        from lakebt.report.figures import ridge_figure  # noqa: PLC0415 - plotly is slow

        return ridge_figure(study_contents(self._result))

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
        from lakebt.report.figures import years_figure  # noqa: PLC0415 - plotly is slow

        result = self._result
        best = result.best or (result.entries[0], result.exits[0])
        rule = (entry or best[0], exit or best[1])
        return years_figure(result.by_year(entry=rule[0], exit=rule[1]), rule=rule)

    def plot_paths(self) -> Any:
        """Return the average path of an event as a plotly figure."""
        from lakebt.report.figures import path_figure  # noqa: PLC0415 - plotly is slow

        return path_figure(study_contents(self._result))

    @property
    def _result(self) -> Result:
        return cast("Result", self)

    def _repr_html_(self) -> str:
        from lakebt.report.tables import surface_html  # noqa: PLC0415 - notebooks only

        return surface_html(study_contents(self._result))
