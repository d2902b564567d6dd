"""A sweep: a grid of rules, costs, sizing and filters, on one release or several."""

from __future__ import annotations

import html
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lakebt._messages import as_words
from lakebt.backtest.costs import CostModel
from lakebt.errors import InvalidArgumentError
from lakebt.inputs.checks import check_function, check_switch, one_of
from lakebt.lake.api.spark import ENGINES as WHERE
from lakebt.lake.api.spark import session_of
from lakebt.lake.api.trials import trials_of
from lakebt.lake.reading.view import View
from lakebt.report.progress import bar
from lakebt.study.arguments import ENTRIES, EXITS
from lakebt.study.engines import ENGINES
from lakebt.sweep.grid import points
from lakebt.sweep.local import run_points
from lakebt.sweep.recorder import Recorder
from lakebt.sweep.result import SweepResult
from lakebt.sweep.strategies import run_tasks, tasks
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lakebt.facts import IndexChange
    from lakebt.sweep.grid import Point
    from lakebt.sweep.strategies import Task


class Sweep:
    """All combinations of arguments of studies or backtests; each one is recorded.

    Parameters
    ----------
    views : View or sequence of View
        Releases of one lake, each as known at its instant.
    index, changes
        As for `lakebt.Study`: one of the two.
    entries, exits : sequence of str
        The grid of each study.
    strategy : class or str, optional
        Instead of an index: your own strategy, as a class in a file or as
        ``FILE.py:Name``. Each combination is a backtest, in a pool of processes.
    parameters : mapping, optional
        The strategy's parameters, each as one value or as a list of values to try.
    costs : CostModel or sequence of CostModel
        The cost models. Every cell is computed with each of them, in one pass.
    name : str, optional
        The family, by which `Lake.count_trials` counts. The default is the index.
    **varied
        Any other argument of `lakebt.Study`, as one value or as a list of values:
        ``side=["both", "additions"]``, ``hedge=[None, "SPY"]``, ``where=[{"cause":
        ["discretionary"]}, {}]``, ``period=[("2010-01-01", "2014-12-31"), ...]``,
        ``size=[(1, 2), (3, 40)]``. With a strategy, arguments of `lakebt.Backtest`.

    Raises
    ------
    InvalidArgumentError
        If an argument cannot be used; the message names it and the cure.
    UnknownNameError
        If a name is unknown.

    Examples
    --------
    >>> import tempfile
    >>> from lakebt.lake.lake import Lake
    >>> from lakebt.sources.simulated import simulated_market
    >>> market = simulated_market(seed=1, n_events=5)
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     lake = Lake.open(directory)
    ...     _ = lake.publish(market.tables, release="R1", as_of=market.as_of)
    ...     sweep = Sweep(lake.at("R1"), index="SIM", side=["both", "additions"])
    ...     found = sweep.run()
    ...     len(sweep), len(found.table()), len(lake.trials(where={"kind": "cell"}))
    (40, 40, 40)
    """

    def __init__(
        self,
        views: View | Sequence[View],
        *,
        index: str | None = None,
        changes: Sequence[IndexChange] | None = None,
        entries: Sequence[str] = ENTRIES,
        exits: Sequence[str] = EXITS,
        strategy: object = None,
        parameters: Mapping[str, object] | None = None,
        costs: CostModel | Sequence[CostModel] | None = None,
        name: str | None = None,
        engine: str = "event",
        **varied: Any,
    ) -> None:
        self.views = (views,) if isinstance(views, View) else tuple(views)
        if not self.views:
            msg = "a sweep needs at least one view: pass lake.at(release)"
            raise InvalidArgumentError(msg)
        if len({str(trials_of(view).address) for view in self.views}) > 1:
            msg = "the views of a sweep must be of one lake, which records its trials"
            raise InvalidArgumentError(msg)
        self.engine = one_of(engine, ENGINES, what="engine")
        charged = each_cost(costs)
        common: dict[str, Any] = {"varied": varied, "engine": self.engine, "name": name}
        self.points: tuple[Point, ...] = ()
        self.tasks: tuple[Task, ...] = ()
        if strategy is None:
            self.points = points(
                self.views,
                index=index,
                changes=changes,
                entries=entries,
                exits=exits,
                costs=charged,
                **common,
            )
            return
        if index is not None or changes is not None:
            msg = "pass index= or changes= (a study's sweep) or strategy=, not both"
            raise InvalidArgumentError(msg)
        self.tasks = tasks(
            self.views,
            strategy=strategy,
            parameters=parameters or {},
            costs=charged,
            **common,
        )

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The trial id of every cell, in the order of the grid, each once."""
        every = [i for point in self.points for ids in point.ids for i in ids]
        every += [task.trial_id for task in self.tasks]
        return tuple(dict.fromkeys(every))

    @property
    def _n_cells(self) -> int:
        """The number of cells, run or known; repeated ones count each time."""
        return sum(len(i) for p in self.points for i in p.ids) + len(self.tasks)

    @property
    def families(self) -> tuple[str, ...]:
        """The families: the names by which the lake's trials are counted."""
        names = [point.family for point in self.points]
        return tuple(dict.fromkeys([*names, *(task.study for task in self.tasks)]))

    def __len__(self) -> int:
        return len(self.ids)

    def run(
        self,
        *,
        engine: str = "local",
        record: bool = True,
        resume: bool = True,
        workers: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> SweepResult:
        """Run the trials that the lake does not have yet, and record them.

        Finished trials are recorded at once, or together with those of the next half
        second. After an interruption of any kind, run the sweep again: only the missing
        trials run.

        Parameters
        ----------
        engine : {"local", "spark"}
            Where the sweep runs, as in `lakebt.Lake.open`; the sweep's own `engine`
            decides how orders are traded. On Spark, executors open the lake by its
            address, and this process, the driver, records. A trial has the same figures
            to the bit wherever it runs, so one engine can finish what another began.
        record
            Whether to record the trials. If False, all of them run, and the results are
            kept in memory only.
        resume
            Whether to skip trials that are recorded already.
        workers
            The number of processes that run strategies. The default is the number of
            processors. With 1 they run in this process. Spark uses its own.
        progress
            Called with the number of recorded trials and their total. The default is a
            bar with rate and time left, in a terminal or a notebook, if the sweep takes
            over two seconds.

        Returns
        -------
        SweepResult
            Its cells, in the order of the grid.

        Raises
        ------
        ConflictError
            If other writers kept recording first.
        InvalidArgumentError
            If a strategy fails. The message has the file, the line and the error.
        LakeError
            If the lake cannot be written, or Spark cannot run it.
        LookAheadError
            Under ``on_look_ahead="raise"``.
        UnknownNameError
            If there is no such engine.
        UntradeableError
            Under ``missing="raise"``, if a leg has no price; or if a strategy never
            holds a position.
        """
        check_function("progress", progress)
        check_switch("record", record)
        check_switch("resume", resume)
        one_of(engine, WHERE, what="engine")
        if engine == "spark" and workers is not None:
            msg = (
                f"workers={workers} are processes of this machine, and Spark has "
                f"executors of its own: leave it out, or pass engine='local'"
            )
            raise InvalidArgumentError(msg)
        store = trials_of(self.views[0])
        known = store.trial_ids() if record and resume else set[str]()
        unit = "backtests" if self.tasks else "cells"
        with (
            bar("Sweeping", unit=unit, notify=progress) as step,
            Recorder(
                store if record else None, total=self._n_cells, notify=step
            ) as recorder,
        ):
            common: dict[str, Any] = {
                "known": frozenset(known),
                "recorder": recorder,
                "clock": store.clock,
            }
            if engine == "spark":
                n_run = self._run_on_spark(common)
            elif self.tasks:
                n_run = run_tasks(self.tasks, workers=workers, **common)
            else:
                n_run = run_points(self.points, engine=self.engine, **common)
        return SweepResult(
            ids=self.ids,
            families=self.families,
            n_studies=len(self.points),
            n_run=n_run,
            kept=recorder.kept,
            store=store if record else None,
        )

    def _run_on_spark(self, common: dict[str, Any]) -> int:
        from lakebt.sweep.spark import driver as spark  # noqa: PLC0415 - an extra, and slow

        session = session_of(self.views[0])
        if self.tasks:
            return spark.run_tasks(self.tasks, session=session, **common)
        return spark.run_points(
            self.points, engine=self.engine, session=session, **common
        )

    @as_words
    def __repr__(self) -> str:
        releases = ", ".join(repr(view.release) for view in self.views)
        if self.tasks:
            return f"Sweep({count(len(self), 'backtest')}, {releases})"
        many = count(len(self.points), "study", many="studies")
        return f"Sweep({many}, {count(len(self), 'cell')}, {releases})"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>"


def each_cost(costs: CostModel | Sequence[CostModel] | None) -> tuple[CostModel, ...]:
    """Return the costs of a sweep, at least one.

    Raises
    ------
    InvalidArgumentError
        If there is none, or one is not a `CostModel`.
    """
    if costs is None or isinstance(costs, CostModel):
        return (CostModel() if costs is None else costs,)
    for cost in costs:
        if not isinstance(cost, CostModel):
            msg = f"costs must be CostModel values, one was {cost!r}"
            raise InvalidArgumentError(msg)
    if not costs:
        msg = "costs is an empty list: give at least one CostModel"
        raise InvalidArgumentError(msg)
    return tuple(costs)
