"""Running the studies of a sweep here, and recording what is finished as it goes."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Self

import pandas as pd

from lakebt.arguments import costs_json
from lakebt.backtest.costs import CostModel
from lakebt.content import canonical_json
from lakebt.lookup import Lookup
from lakebt.summary import Summary
from lakebt.sweep.memory import Memory
from lakebt.tried import cell_rows, result_id, result_row

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator, Sequence

    from lakebt.lake.trials.ledger import TrialLedger
    from lakebt.study import Study
    from lakebt.sweep.grid import Point

AT_ONCE = 4_000_000
"""Cells, of all events and costs together, that are held in memory at once."""

SECONDS = 1.0
"""How long finished trials wait for others, to be recorded in one commit."""


class Recorder:
    """Records finished trials in batches, and what is left when it is closed.

    Parameters
    ----------
    ledger
        None to keep them in memory alone.
    """

    def __init__(self, ledger: TrialLedger | None) -> None:
        self._ledger = ledger
        self._waiting: list[pd.DataFrame] = []
        self._since = time.perf_counter()
        self.kept: list[pd.DataFrame] = []

    def add(self, rows: pd.DataFrame) -> None:
        """Take finished trials."""
        if self._ledger is None:
            self.kept.append(rows)
            return
        self._waiting.append(rows)
        if time.perf_counter() - self._since >= SECONDS:
            self.flush()

    def completed(self, rows: pd.DataFrame, point: Point) -> pd.DataFrame:
        """Return all cells of a point under the costs of `rows`, in their order."""
        costs = rows["costs"].iloc[0]
        (ids,) = (
            ids
            for cost, ids in zip(point.costs, point.ids, strict=True)
            if canonical_json(costs_json(cost)) == costs
        )
        assert self._ledger is not None  # noqa: S101 - something was known
        known = self._ledger.trials(where={"trial_id": list(ids)})
        joined = pd.concat([known, rows], ignore_index=True)
        return (
            joined.drop_duplicates("trial_id")
            .set_index("trial_id", drop=False)
            .loc[list(ids)]
        )

    def flush(self) -> None:
        """Record what waits."""
        if self._waiting and self._ledger is not None:
            self._ledger.record(pd.concat(self._waiting, ignore_index=True))
            self._waiting.clear()
        self._since = time.perf_counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.flush()


def run_points(
    points: Sequence[Point],
    *,
    known: frozenset[str],
    recorder: Recorder,
    engine: str,
    clock: Callable[[], dt.datetime],
    progress: Callable[[int, int], None],
) -> int:
    """Run the cells that are not known yet.

    Parameters
    ----------
    points
    known
        Ids of the trials that are there already.
    recorder
        Takes what is finished.
    engine
    clock
        Tells when.
    progress
        Called with the cells that are done, those that were known included, and all.

    Returns
    -------
    int
        How many cells were run.
    """
    memory = Memory(engine)
    total = sum(len(ids) for point in points for ids in point.ids)
    done = run = 0
    for point in points:
        missing = point.missing(known)
        n_all = sum(map(len, point.ids))
        if missing is None:
            done += n_all
            progress(done, total)
            continue
        study = point.only(missing)
        n_each = len(study.entries) * len(study.exits)
        done += n_all - n_each * len(missing.costs)
        for costs in _parts(study, missing.costs, memory):
            for rows in _run(study, costs, memory, point=point, now=clock):
                whole = rows
                if n_each < len(point.ids[0]):
                    whole = recorder.completed(rows, point)
                recorder.add(_with_result(rows, whole, point=point))
                done += n_each
                run += n_each
                progress(done, total)
    return run


def _parts(
    study: Study, costs: Sequence[CostModel], memory: Memory
) -> Iterator[Sequence[CostModel]]:
    """Yield the levels of costs in parts that fit into memory together."""
    n_cells = max(memory.schedule(study).reason.size, 1)
    size = max(AT_ONCE // n_cells, 1)
    for start in range(0, len(costs), size):
        yield costs[start : start + size]


def _run(
    study: Study,
    costs: Sequence[CostModel],
    memory: Memory,
    *,
    point: Point,
    now: Callable[[], dt.datetime],
) -> Iterator[pd.DataFrame]:
    """Yield the rows of a study's cells, for each of some costs."""
    started = time.perf_counter()
    plan = memory.schedule(study)
    traded = memory.cells(study, costs)
    if study.missing == "raise":
        Lookup(study, plan, traded[0], memory.history(study)).raise_unpriced()
    for cost, cells in zip(costs, traded, strict=True):
        summary = Summary(
            plan,
            cells,
            costs=cost,
            capital_usd=study.sizing.capital_usd,
            pooling=study.pooling,
        )
        grid = {name: study.arguments[name] for name in ("entries", "exits")}
        arguments = point.arguments(cost)
        yield cell_rows(
            summary,
            arguments={**arguments, **grid},
            costs=cost,
            origin=point.origin,
            study=point.family,
            result=result_id(arguments, point.origin),
            run_at=now(),
            seconds=(time.perf_counter() - started) / len(costs),
        )


def _with_result(
    rows: pd.DataFrame, whole: pd.DataFrame, *, point: Point
) -> pd.DataFrame:
    """Return cells, and the row of the result that `whole` has all cells of."""
    charged = json.loads(rows["costs"].iloc[0])
    row = result_row(
        whole,
        arguments=point.arguments(CostModel(**charged)),
        origin=point.origin,
        run_at=rows["run_at"].iloc[0],
        seconds=float(rows["seconds"].sum()),
    )
    return pd.concat([rows, row], ignore_index=True)
