"""One study under one of its costs, as plain values, and its rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakebt.analysis.pooling import parse_pooling
from lakebt.backtest.costs import CostModel
from lakebt.backtest.levels import Level
from lakebt.study.arguments import one_writing
from lakebt.study.summary import Summary
from lakebt.study.trials import cell_rows, result_row

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    import pandas as pd

    from lakebt.analysis.pooling import Pooling
    from lakebt.lake.trials.origin import Origin
    from lakebt.study.cells import Cells
    from lakebt.study.summary import Planned
    from lakebt.sweep.passes import StudyAtCost


@dataclass(frozen=True, kw_only=True, eq=False)
class TrialSpec:
    """The arguments of one study, under one of its costs.

    Attributes
    ----------
    arguments
        Of the whole study, its costs among them; see `lakebt.study.arguments`.
    entries, exits : tuple of str
        Those that are run.
    origin
        What it is run on, and by what.
    family
        What is searched.
    """

    arguments: Mapping[str, Any]
    entries: tuple[str, ...]
    exits: tuple[str, ...]
    origin: Origin
    family: str

    @classmethod
    def of(cls, study: StudyAtCost, entries: tuple[str, ...]) -> TrialSpec:
        """Return the spec of a study in a sweep, under some of its entries."""
        return cls(
            arguments=study.point.arguments(study.costs),
            entries=entries,
            exits=tuple(map(str, study.scope.arguments.exits)),
            origin=study.point.origin,
            family=study.point.family,
        )

    @property
    def is_whole(self) -> bool:
        """Whether every cell of the study is run."""
        grid = self.arguments["entries"], self.arguments["exits"]
        return (list(self.entries), list(self.exits)) == tuple(map(list, grid))

    @property
    def costs(self) -> CostModel:
        """The costs."""
        return CostModel(**self.arguments["costs"])

    @property
    def level(self) -> Level:
        """Its costs, and how large its positions are."""
        gross, capital_usd = self.arguments["gross"], self.arguments["capital_usd"]
        return Level(costs=self.costs, gross=gross, capital_usd=capital_usd)

    @property
    def pooling(self) -> Pooling:
        """How its events become one series."""
        names = ("aggregate", "weighting", "max_weight")
        return parse_pooling(*(self.arguments[name] for name in names))

    def rows(
        self, plan: Planned, cells: Cells, *, run_at: dt.datetime, seconds: float
    ) -> pd.DataFrame:
        """Return the trials' rows of the cells that were run.

        Parameters
        ----------
        plan, cells
            What was decided, and what each cell came to.
        run_at, seconds
            When, and for how long.
        """
        costs = self.costs
        summary = Summary(
            plan,
            cells,
            costs=costs,
            capital_usd=self.arguments["capital_usd"],
            pooling=self.pooling,
        )
        grid = {"entries": list(self.entries), "exits": list(self.exits)}
        return cell_rows(
            summary,
            arguments={**self.arguments, **grid},
            costs=costs,
            origin=self.origin,
            study=self.family,
            result=self.origin.result_id(one_writing(self.arguments)),
            run_at=run_at,
            seconds=seconds,
        )

    def result(self, cells: pd.DataFrame) -> pd.DataFrame:
        """Return the row of the study's result, of the rows of all its cells."""
        return result_row(
            cells,
            arguments=self.arguments,
            origin=self.origin,
            run_at=cells["run_at"].iloc[0],
            seconds=float(cells["seconds"].sum()),
        )
