"""A sweep: a grid of rules, costs, sizing and filters, on one release or several."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from lakebt.backtest.costs import CostModel
from lakebt.choices import one_of
from lakebt.errors import InvalidArgumentError
from lakebt.lake.reading.view import View
from lakebt.lake.trials.ledger import ledger_of
from lakebt.progress import bar
from lakebt.study import ENTRIES, EXITS
from lakebt.sweep.found import SweepResult
from lakebt.sweep.grid import points
from lakebt.sweep.local import Recorder, run_points
from lakebt.trading import ENGINES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lakebt.facts import IndexChange
    from lakebt.sweep.grid import Point


class Sweep:
    """Every combination of what is given, over all events, each cell recorded.

    Parameters
    ----------
    views : View or sequence of View
        Releases of one lake, each as known at its instant.
    index, changes
        As for `lakebt.Study`: one of the two.
    entries, exits : sequence of str
        The grid of each study.
    costs : CostModel or sequence of CostModel
        Each cell is charged by each of them, in one pass.
    name : str, optional
        The family that is searched: what `Lake.count_trials` counts by. The index by
        default.
    **varied
        Any other argument of `lakebt.Study`, as one value or as a list of those to try:
        ``side=["both", "additions"]``, ``hedge=[None, "SPY"]``, ``where=[{"cause":
        ["discretionary"]}, {}]``, ``period=[("2010-01-01", "2014-12-31"), ...]``,
        ``size=[(1, 2), (3, 40)]``.

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
        costs: CostModel | Sequence[CostModel] | None = None,
        name: str | None = None,
        engine: str = "event",
        **varied: Any,
    ) -> None:
        self.views = (views,) if isinstance(views, View) else tuple(views)
        if not self.views:
            msg = "a sweep needs at least one view: pass lake.at(release)"
            raise InvalidArgumentError(msg)
        self.engine = one_of(engine, ENGINES, what="engine")
        if costs is None or isinstance(costs, CostModel):
            costs = [CostModel() if costs is None else costs]
        self.points: tuple[Point, ...] = points(
            self.views,
            index=index,
            changes=changes,
            entries=entries,
            exits=exits,
            costs=costs,
            varied=varied,
            engine=self.engine,
            name=name,
        )

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The trial id of every cell, in the order of the grid, each once."""
        every = (i for point in self.points for ids in point.ids for i in ids)
        return tuple(dict.fromkeys(every))

    def __len__(self) -> int:
        return len(self.ids)

    def run(
        self,
        *,
        record: bool = True,
        resume: bool = True,
        progress: Callable[[int, int], None] | None = None,
    ) -> SweepResult:
        """Run the cells that are not among the lake's trials yet.

        What is finished is recorded every second, and when the run is interrupted: run
        again, and only what is missing runs.

        Parameters
        ----------
        record
            Whether to record. If not, everything is run, and kept in memory alone.
        resume
            Whether to take what is recorded already as done.
        progress
            Called with the cells done and all of them. By default a bar with rate and
            time left, in a terminal and in a notebook, if it takes over two seconds.

        Returns
        -------
        SweepResult

        Raises
        ------
        ConflictError
            If others kept recording first.
        LakeError
            If the lake cannot be written.
        LookAheadError
            Under ``on_look_ahead="raise"``.
        UntradeableError
            Under ``missing="raise"``, if a leg has no price.
        """
        ledger = ledger_of(self.views[0])
        known = ledger.trial_ids() if record and resume else set[str]()
        with (
            bar("Sweeping", unit="cells", told=progress) as step,
            Recorder(ledger if record else None) as recorder,
        ):
            n_run = run_points(
                self.points,
                known=frozenset(known),
                recorder=recorder,
                engine=self.engine,
                clock=ledger.clock,
                progress=step,
            )
        return SweepResult(
            self, n_run=n_run, kept=recorder.kept, ledger=ledger if record else None
        )

    def __repr__(self) -> str:
        releases = ", ".join(repr(view.release) for view in self.views)
        return f"Sweep({len(self.points)} studies, {len(self):,} cells, {releases})"
