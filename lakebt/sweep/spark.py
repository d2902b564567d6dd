"""A sweep on Apache Spark: executors run it, the driver records it.

A task is a pass over some events, or one backtest. Tasks go out in waves, a Spark job
each, several at once so that no core waits for the end of a wave. What a wave brings
back is recorded by the driver before the next one is awaited: so nothing is recorded
twice, whatever Spark runs twice, and whoever kills the driver loses the waves that were
on their way.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from lakebt.errors import LakeError
from lakebt.sweep.local import with_result
from lakebt.sweep.memory import Memory
from lakebt.sweep.passes import passes
from lakebt.sweep.portions import portions
from lakebt.sweep.scripts import Script
from lakebt.sweep.shipping import unpack_rows
from lakebt.sweep.spark_tasks import SCHEMA, Sent, do_backtests, do_works, join_parts
from lakebt.sweep.waves import Waves
from lakebt.tried import code_version

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Sequence

    from pyspark.sql import DataFrame, SparkSession

    from lakebt.sweep.grid import Point
    from lakebt.sweep.handed import Done
    from lakebt.sweep.portions import Portions, Unit
    from lakebt.sweep.recorder import Recorder
    from lakebt.sweep.strategies import Task

PER_CORE = 2
"""Processes for each core, at most, that join what parts of the events came to."""


def run_points(
    points: Sequence[Point],
    *,
    known: frozenset[str],
    recorder: Recorder,
    engine: str,
    clock: Callable[[], dt.datetime],
    session: SparkSession,
    parts: int | None = None,
) -> int:
    """Run the cells that are not known yet; see `lakebt.sweep.local.run_points`.

    Parameters
    ----------
    points, known, recorder, engine, clock
        As there.
    session
        Where it runs.
    parts
        Of the events; chosen by their number if None.

    Raises
    ------
    LakeError
        If Spark cannot run it, or an executor has other code.
    LakebtError
        What it would raise locally.
    """
    asked = passes(points, known=known, memory=Memory(engine))
    context = context_of(session)
    cores = int(context.defaultParallelism)
    cut = portions(asked, engine=engine, cores=cores, known=known, parts=parts)
    recorder.know(sum(len(i) for point in points for i in point.ids) - cut.n_cells)
    sent = {key: context.broadcast(p) for key, p in cut.prices.items()}
    cut.prices.clear()

    def job(units: Sequence[Unit]) -> DataFrame:
        works = [work for unit in units for work in unit.works]
        told = Sent(code=code_version(), run_at=clock())
        frame = _tasks(session, len(works), partial(do_works, works, sent, told))
        if units[0].is_whole:
            return frame
        wanted = {n: cut.told[n] for work in works for n, _ in work.told}
        count = min(len(wanted), PER_CORE * cores)
        shuffled = frame.repartition(count, "number")
        ordered = shuffled.sortWithinPartitions("number", "part")
        return ordered.mapInArrow(partial(join_parts, wanted, told), SCHEMA)

    gathered = _Gathered(cut, recorder)
    try:
        whole = [unit for unit in cut.units if unit.is_whole]
        parted = [unit for unit in cut.units if not unit.is_whole]
        for units in (whole, parted):
            Waves(context, job=job, take=gathered.take, recorder=recorder).run(units)
    finally:
        for broadcast in sent.values():
            broadcast.destroy()
    return cut.n_cells


def run_tasks(
    asked: Sequence[Task],
    *,
    known: frozenset[str],
    recorder: Recorder,
    clock: Callable[[], dt.datetime],
    session: SparkSession,
) -> int:
    """Run the backtests that are not known; see `lakebt.sweep.strategies.run_tasks`.

    Raises
    ------
    LakeError
        If Spark cannot run it, or an executor has other code.
    LakebtError
        What it would raise locally.
    """
    missing = [task for task in asked if task.trial_id not in known]
    recorder.know(len(asked) - len(missing))
    targets = dict.fromkeys(task.target for task in missing)
    scripts = {target: Script.of(target) for target in targets}

    def job(tasks: Sequence[Task]) -> DataFrame:
        told = Sent(code=code_version(), run_at=clock())
        return _tasks(session, len(tasks), partial(do_backtests, tasks, scripts, told))

    def take(done: Done) -> None:
        recorder.add(unpack_rows(done.payload))

    Waves(context_of(session), job=job, take=take, recorder=recorder).run(missing)
    return len(missing)


def context_of(session: SparkSession) -> Any:
    """Return the context of a session: its driver is here.

    Raises
    ------
    LakeError
        If it is one of Spark Connect, whose context is elsewhere.
    """
    try:
        return session.sparkContext
    except Exception:  # noqa: BLE001 - whatever pyspark calls it
        msg = (
            "a sweep needs a Spark session whose driver is this process, and this one "
            "is of Spark Connect. Start the sweep by spark-submit"
        )
        raise LakeError(msg) from None


class _Gathered:
    """Hands the rows that come back to the recorder, and a study's when it is whole."""

    def __init__(self, cut: Portions, recorder: Recorder) -> None:
        self._cut, self._recorder = cut, recorder
        self._numbers: dict[int, list[int]] = {}
        for number, asked in enumerate(cut.asked):
            self._numbers.setdefault(id(asked), []).append(number)
        self._rows: dict[int, pd.DataFrame] = {}

    def take(self, done: Done) -> None:
        """Take the rows of one study, or of some of its entries."""
        asked = self._cut.asked[done.number]
        numbers = self._numbers[id(asked)]
        rows = unpack_rows(done.payload)
        self._rows[done.number] = rows
        if all(number in self._rows for number in numbers):
            whole = [self._rows.pop(number) for number in numbers]
            every = pd.concat(whole, ignore_index=True)
            full = with_result(every, asked.point, self._recorder)
            rows = pd.concat([rows, full.iloc[len(every) :]], ignore_index=True)
        n_cells = len(self._cut.told[done.number].entries) * len(asked.study.exits)
        self._recorder.add(rows, count=n_cells)


def _tasks(session: SparkSession, count: int, do_one: Callable[..., Any]) -> DataFrame:
    """Return what each of so many tasks gives, each in a partition of its own."""
    return session.range(0, count, 1, count).mapInArrow(do_one, SCHEMA)
