"""Running the studies of a sweep here: what is finished goes to the recorder."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

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

    from lakebt.study import Study
    from lakebt.sweep.grid import Point
    from lakebt.sweep.recorder import Recorder

AT_ONCE = 4_000_000
"""Cells, of all events and costs together, that are held in memory at once."""


def run_points(
    points: Sequence[Point],
    *,
    known: frozenset[str],
    recorder: Recorder,
    engine: str,
    clock: Callable[[], dt.datetime],
) -> int:
    """Run the cells that are not known yet.

    Parameters
    ----------
    points
    known
        Ids of the trials that are there already.
    recorder
        Takes what is finished, and is told how many cells were known.
    engine
    clock
        Tells when.

    Returns
    -------
    int
        How many cells were run.
    """
    memory = Memory(engine)
    run = 0
    for point in points:
        missing = point.missing(known)
        n_all = sum(map(len, point.ids))
        if missing is None:
            recorder.know(n_all)
            continue
        study = point.only(missing)
        n_each = len(study.entries) * len(study.exits)
        if n_known := n_all - n_each * len(missing.costs):
            recorder.know(n_known)
        for costs in _parts(study, missing.costs, memory):
            for rows in _run(study, costs, memory, point=point, now=clock):
                whole = rows
                if n_each < len(point.ids[0]):
                    whole = _completed(rows, point, recorder)
                recorder.add(_with_result(rows, whole, point=point), count=n_each)
                run += n_each
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


def _completed(rows: pd.DataFrame, point: Point, recorder: Recorder) -> pd.DataFrame:
    """Return all cells of a point under the costs of `rows`, in their order."""
    costs = rows["costs"].iloc[0]
    (ids,) = (
        ids
        for cost, ids in zip(point.costs, point.ids, strict=True)
        if canonical_json(costs_json(cost)) == costs
    )
    joined = pd.concat([recorder.recorded(ids), rows], ignore_index=True)
    return (
        joined.drop_duplicates("trial_id")
        .set_index("trial_id", drop=False)
        .loc[list(ids)]
    )
