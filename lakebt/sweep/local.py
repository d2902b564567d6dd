"""Running the studies of a sweep here, and recording what is finished as it goes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from lakebt.lookup import Lookup
from lakebt.summary import Summary
from lakebt.sweep.memory import Memory
from lakebt.tried import cell_rows, result_id, result_row

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator, Sequence

    from lakebt.lake.trials.ledger import TrialLedger
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
        missing = [
            number for number, ids in enumerate(point.ids) if not known.issuperset(ids)
        ]
        done += sum(map(len, point.ids)) - sum(len(point.ids[n]) for n in missing)
        progress(done, total)
        for part in _parts(point, missing, memory):
            for rows in _run(point, part, memory, now=clock):
                recorder.add(rows)
                done += len(rows) - 1
                run += len(rows) - 1
                progress(done, total)
    return run


def _parts(
    point: Point, missing: Sequence[int], memory: Memory
) -> Iterator[Sequence[int]]:
    """Yield the levels of costs in parts that fit into memory together."""
    if not missing:
        return
    n_cells = max(memory.schedule(point.study).reason.size, 1)
    size = max(AT_ONCE // n_cells, 1)
    for start in range(0, len(missing), size):
        yield missing[start : start + size]


def _run(
    point: Point,
    levels: Sequence[int],
    memory: Memory,
    *,
    now: Callable[[], dt.datetime],
) -> Iterator[pd.DataFrame]:
    """Yield the rows of a study under some of its costs."""
    started = time.perf_counter()
    study = point.study
    costs = [point.costs[number] for number in levels]
    traded = memory.cells(study, costs)
    if study.missing == "raise":
        plan, history = memory.schedule(study), memory.history(study)
        Lookup(study, plan, traded[0], history).raise_unpriced()
    for cost, cells in zip(costs, traded, strict=True):
        summary = Summary(
            memory.schedule(study),
            cells,
            costs=cost,
            capital_usd=study.sizing.capital_usd,
            pooling=study.pooling,
        )
        arguments = point.arguments(cost)
        told: dict[str, Any] = {
            "arguments": arguments,
            "origin": point.origin,
            "run_at": now(),
            "seconds": (time.perf_counter() - started) / len(costs),
        }
        rows = cell_rows(
            summary,
            costs=cost,
            study=point.family,
            result=result_id(arguments, point.origin),
            **told,
        )
        yield pd.concat([rows, result_row(rows, **told)], ignore_index=True)
