"""Running the studies of a sweep in this process."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import TYPE_CHECKING

import pandas as pd

from lakebt.backtest.costs import CostModel
from lakebt.study.chunks import is_chunked
from lakebt.study.trials import result_row
from lakebt.sweep.passes import Memory, passes, stops
from lakebt.sweep.trial_rows import TrialSpec
from lakebt.values.keys import canonical_json

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from lakebt.sweep.grid import Point
    from lakebt.sweep.passes import Pass, StudyAtCost
    from lakebt.sweep.recorder import Recorder


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
    to_run = passes(points, known=known, memory=memory)
    run = sum(
        one.n_cells for p in to_run for those in p.studies.values() for one in those
    )
    recorder.know(sum(len(ids) for point in points for ids in point.ids) - run)
    for whole in to_run:
        blocks = whole.blocks()
        studies = [one for those in whole.studies.values() for one in those]
        gathered = Gathered(recorder, studies * len(blocks))
        results: Iterator[tuple[StudyAtCost, pd.DataFrame, int]] = (
            (one, rows, number)
            for number, block in enumerate(blocks)
            for part in block.parts(memory.plan(block), engine)
            for one, rows in _run(part, memory, now=clock)
        )
        if stops(whole.scope):  # nothing of it is recorded if any of it stops
            results = iter(list(results))
            memory.check_all_priced(whole)
        for one, rows, number in results:
            gathered.take(one, rows, place=number)
    return run


class Gathered:
    """Hands finished cells to the recorder, and a study's own row when all are there.

    Parameters
    ----------
    recorder
    studies
        Each as often as it is run for some of its entries.
    """

    def __init__(self, recorder: Recorder, studies: Iterable[StudyAtCost]) -> None:
        self._recorder = recorder
        self._counts = Counter(map(id, studies))
        self._rows: dict[int, dict[int, pd.DataFrame]] = {}

    def take(self, study: StudyAtCost, rows: pd.DataFrame, *, place: int) -> None:
        """Take the cells of a study under some of its entries.

        Parameters
        ----------
        study, rows
        place
            Of these entries among the study's.
        """
        gathered = self._rows.setdefault(id(study), {})
        gathered[place] = rows
        n_cells = len(rows)
        if len(gathered) == self._counts[id(study)]:
            every = rows
            if len(gathered) > 1:
                whole = [gathered[number] for number in sorted(gathered)]
                every = pd.concat(whole, ignore_index=True)
            result = result_of(every, study.point, self._recorder)
            rows = pd.concat([rows, result], ignore_index=True)
            del self._rows[id(study)]
        self._recorder.add(rows, count=n_cells)


def _run(
    part: Pass, memory: Memory, *, now: Callable[[], dt.datetime]
) -> Iterator[tuple[StudyAtCost, pd.DataFrame]]:
    """Yield the rows of each study's cells."""
    started = time.perf_counter()
    plan, traded = memory.together(part)
    if not is_chunked(part.scope):  # of chunks the first is known after the last
        memory.check_priced(part.scope, traded[0])
    share = (time.perf_counter() - started) / part.n_studies
    for those, cells in zip(part.studies.values(), traded, strict=True):
        for one in those:
            began = time.perf_counter()
            spec = TrialSpec.of(one, part.entries)
            rows = spec.rows(plan, cells, run_at=now(), seconds=share)
            rows["seconds"] += (time.perf_counter() - began) / len(rows)
            yield one, rows


def result_of(rows: pd.DataFrame, point: Point, recorder: Recorder) -> pd.DataFrame:
    """Return the row of the result of cells, of which some may be recorded.

    Parameters
    ----------
    rows
        Cells of one study under one of its costs.
    point
        The study.
    recorder
        Has those that are not among them.
    """
    charged = json.loads(rows["costs"].iloc[0])
    whole = rows
    if len(rows) < len(point.ids[0]):
        whole = _completed(rows, point, recorder)
    return result_row(
        whole,
        arguments=point.arguments(CostModel(**charged)),
        origin=point.origin,
        run_at=rows["run_at"].iloc[0],
        seconds=float(rows["seconds"].sum()),
    )


def _completed(rows: pd.DataFrame, point: Point, recorder: Recorder) -> pd.DataFrame:
    """Return all cells of a point under the costs of `rows`, in their order."""
    costs = rows["costs"].iloc[0]
    (ids,) = (
        ids
        for cost, ids in zip(point.costs, point.ids, strict=True)
        if canonical_json(cost.plain()) == costs
    )
    joined = pd.concat([recorder.recorded(ids), rows], ignore_index=True)
    return (
        joined.drop_duplicates("trial_id")
        .set_index("trial_id", drop=False)
        .loc[list(ids)]
    )
