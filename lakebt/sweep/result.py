"""`SweepResult`: a row per cell of a sweep, and the best of them."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from lakebt.backtest.costs import CostModel
from lakebt.errors import LakeError
from lakebt.study.trials import ERROR_FIGURES, FIGURES
from lakebt.values.few_dates import NOTE, mark
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt.lake.api.trials import TrialStore


FIGURES_SHOWN = ("sharpe", "sharpe_se", "n_events", "n_dates", "net_bps", "trial_id")
"""Of the best cells."""

BACKTEST_SHOWN = ("sharpe", "sharpe_se", "n_returns", "net_bps", "trial_id")
"""Of the best backtests of a strategy, which has no events."""


class SweepResult:
    """The cells of a sweep, in the order of its grid.

    Attributes
    ----------
    ids : tuple of str
        The trial id of every cell, in the order of the grid.
    n_run : int
        The number of cells that were run; the others were recorded already.
    """

    def __init__(
        self,
        *,
        ids: tuple[str, ...],
        families: tuple[str, ...],
        n_studies: int,
        n_run: int,
        kept: Sequence[pd.DataFrame],
        store: TrialStore | None,
    ) -> None:
        self.ids, self.n_run = ids, n_run
        self._families, self._n_studies = families, n_studies
        self._kept, self._store = kept, store

    @cached_property
    def _rows(self) -> pd.DataFrame:
        if self._store is None:
            rows = pd.concat(self._kept, ignore_index=True)
            rows = rows[rows["kind"] != "result"]
        else:
            kinds = ["cell", "backtest"]
            families = list(self._families)
            rows = self._store.trials(where={"kind": kinds, "study": families})
            if others := sorted({*self.ids} - {*rows["trial_id"]}):  # studies' own
                more = self._store.trials(where={"kind": kinds, "trial_id": others})
                rows = pd.concat([rows, more], ignore_index=True)
        rows = rows.drop_duplicates("trial_id").set_index("trial_id")
        lost = [trial for trial in self.ids if trial not in rows.index]
        if lost:
            msg = (
                f"{len(lost):,} of {len(self):,} cells are not among the trials "
                f"(the first: {lost[0]}): other code ran them, because a module was "
                f"changed meanwhile. Run the sweep again in a new process"
            )
            raise LakeError(msg)
        return rows.loc[list(self.ids)]

    @cached_property
    def _table(self) -> pd.DataFrame:
        rows = self._rows
        rules = [json.loads(text) for text in rows["rule"]]
        arguments = pd.DataFrame(
            [{**rule.pop("parameters", {}), **rule} for rule in rules], dtype=object
        ).drop(columns=["entry", "exit", "changes"], errors="ignore")
        first = ["study", "release", "as_of"]
        if self._n_studies:
            first += ["entry", "exit"]
        return pd.concat(
            [
                rows[first].reset_index(drop=True),
                arguments,
                rows[list(CostModel.RATES)].reset_index(drop=True),
                _other_terms(rows["costs"]),
                rows[list(FIGURES)].reset_index(drop=True),
                self._errors(rows),
                pd.Series(rows.index, name="trial_id"),
            ],
            axis="columns",
        )

    def _errors(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the errors in rows; none for rows from before they were recorded."""
        figures = [json.loads(text) for text in rows["metrics"]]
        columns = {
            name: [row.get(name) for row in figures]
            for name in ERROR_FIGURES
            if self._n_studies or any(name in row for row in figures)
        }
        numbers = [name for name in ERROR_FIGURES if name != "se_method"]
        frame = pd.DataFrame(columns if figures else {}, dtype=object)
        return frame.astype(dict.fromkeys(frame.columns.intersection(numbers), float))

    def table(self) -> pd.DataFrame:
        """Return a row per cell.

        Returns
        -------
        DataFrame
            The study's name, release and instant; every argument that can be varied;
            costs; the figures of `lakebt.Lake.trials`; ``sharpe_low``, ``sharpe_high``
            and ``psr``, for a study also ``se_method`` and ``n_effective_dates``, as in
            `lakebt.Result.table`, empty if the trial was recorded without them; and the
            ``trial_id``. A sweep that ran in parts gives the same table.
        """
        return self._table.copy()

    def best(self, n: int = 10) -> pd.DataFrame:
        """Return the `n` cells with the highest Sharpe ratio, and how they differ.

        They are the best of many: `Lake.count_trials` returns how many were tried.
        """
        order = self._table["sharpe"].sort_values(ascending=False, kind="stable").index
        ranked = self._table.loc[order].head(n)
        return ranked[self._telling()].reset_index(drop=True)

    def _telling(self) -> list[str]:
        """Return the columns in which its cells differ, and the figures."""
        figures = {*FIGURES, *ERROR_FIGURES, "trial_id"}
        arguments = [name for name in self._table.columns if name not in figures]
        varying = [
            name
            for name in arguments
            if name in {"entry", "exit"} or len(set(map(str, self._table[name]))) > 1
        ]
        return [*varying, *self.figures]

    @property
    def figures(self) -> tuple[str, ...]:
        """The figures that `best` shows."""
        return FIGURES_SHOWN if self._n_studies else BACKTEST_SHOWN

    @property
    def many(self) -> str:
        """The number of cells or backtests, with its noun."""
        return count(len(self), "cell" if self._n_studies else "backtest")

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"SweepResult({self.many}, {self.n_run:,} run now)"

    def _repr_html_(self) -> str:
        best = self.best()
        shown = best.to_html(index=False, border=0, float_format="{:.2f}".format)
        if "n_dates" in best and any(map(mark, best["n_dates"])):
            ratios = [
                f"{value:.2f}{mark(n)}"
                for value, n in zip(best["sharpe"], best["n_dates"], strict=True)
            ]
            shown = best.assign(sharpe=ratios).to_html(
                index=False, border=0, float_format="{:.2f}".format
            )
            shown += f"<p>{NOTE}.</p>"
        studies = count(self._n_studies, "study", many="studies")
        where = f" in {studies}" if self._n_studies else ""
        sentence = (
            f"{self.many}{where}, {self.n_run:,} run now, the others found among the "
            f"lake's trials. The highest Sharpe ratios, which are the best of many:"
        )
        return f"<p>{sentence}</p>{shown}"


def _other_terms(costs: pd.Series) -> pd.DataFrame:
    """Return the terms of costs that trials have no column of, if any cell has them."""
    models = [CostModel(**json.loads(text)) for text in costs]
    terms = {name for model in models for name in model.plain()}
    names = [name for name in CostModel.TERMS if name in terms - {*CostModel.RATES}]
    return pd.DataFrame(
        {name: [getattr(model, name) for model in models] for name in names},
        index=range(len(models)),
    )
