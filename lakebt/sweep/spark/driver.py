"""A sweep on Apache Spark: executors run it, the driver records it.

A task is a pass over some events, or one backtest. Tasks go out in waves, a Spark job
each, several at once so that no core waits for the end of a wave. What a wave brings
back, rows or finished data files, is recorded by the driver before the next one is
awaited. So nothing is recorded twice, even if Spark runs a task twice, and a killed
driver loses only the waves that were running.
"""

from __future__ import annotations

import math
import secrets
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from lakebt.errors import LakebtError, LakeError
from lakebt.lake.spark.shared_reads import with_executors
from lakebt.lake.trials.origin import code_version
from lakebt.sweep.local import Gathered
from lakebt.sweep.passes import Memory, passes
from lakebt.sweep.spark import bundle as bundling
from lakebt.sweep.spark.messages import (
    CUT,
    ERROR,
    FILE,
    ROWS,
    Done,
    unpack_error,
    unpack_rows,
)
from lakebt.sweep.spark.pieces import place_of, portions
from lakebt.sweep.spark.rounds import Rounds
from lakebt.sweep.spark.tasks import (
    SCHEMA,
    Script,
    Sent,
    do_backtests,
    do_works,
    join_parts,
)

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Sequence

    from pyspark.sql import DataFrame, SparkSession

    from lakebt.lake.reading.view import View
    from lakebt.sweep.grid import Point
    from lakebt.sweep.recorder import Recorder
    from lakebt.sweep.spark.pieces import Unit
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
    todo = passes(points, known=known, memory=Memory(engine))
    context = context_of(session)
    cores = int(context.defaultParallelism)

    def share(view: View) -> View | None:
        return with_executors(view, session, opened=place_of(view).view)

    cut = portions(
        todo, engine=engine, cores=cores, known=known, parts=parts, share=share
    )
    recorder.know(sum(len(i) for point in points for i in point.ids) - cut.n_cells)
    sent = Broadcasts(context, cut.prices)

    def job(units: Sequence[Unit]) -> DataFrame:
        works = [work for unit in units for work in unit.works]
        sent_along = Sent(
            code=code_version(),
            run_at=clock(),
            laid_out=laid_out,
            fewest=bundling.FILE_ROWS,
        )
        do_some = partial(do_works, works, sent.by_key, sent_along)
        frame = _tasks(session, len(works), do_some)
        if units[0].is_whole:
            return frame
        wanted = {n: cut.specs[n] for work in works for n, _ in work.specs}
        count = min(len(wanted), PER_CORE * cores)
        shuffled = frame.repartition(count, "number")
        ordered = shuffled.sortWithinPartitions("number", "part")
        return ordered.mapInArrow(partial(join_parts, wanted, sent_along), SCHEMA)

    laid_out = recorder.layout() if cut.units else ""
    gathered = Gathered(recorder, cut.studies)

    rounds = Rounds(cut, sent=sent.get, send=sent.put)

    def take(done: Done) -> None:
        if done.kind == CUT:
            rounds.take(done)
        elif done.kind == ROWS:
            study, rows = cut.studies[done.number], unpack_rows(done.payload)
            gathered.take(study, rows, place=done.number)
        else:
            _put(recorder, done)

    try:
        for units in rounds:
            for some in _alike(units):
                Waves(context, job=job, take=take, recorder=recorder).run(some)
    finally:
        sent.destroy()
    return cut.n_cells


def _alike(units: Sequence[Unit]) -> tuple[list[Unit], list[Unit]]:
    """Return units that are of all events, and those whose parts have to be joined."""
    whole = [unit for unit in units if unit.is_whole]
    return whole, [unit for unit in units if not unit.is_whole]


class Broadcasts:
    """What is sent to every executor once, by its key.

    Parameters
    ----------
    context
        Spark's.
    packed
        What is sent at first; nothing is left in it.
    """

    def __init__(self, context: Any, packed: dict[str, bytes]) -> None:
        self._context = context
        self.by_key: dict[str, Any] = {}
        for key in list(packed):
            self.put(key, packed.pop(key))

    def put(self, key: str, packed: bytes) -> None:
        """Send something."""
        self.by_key[key] = self._context.broadcast(packed)

    def get(self, key: str) -> bytes:
        """Return what was sent."""
        packed: bytes = self.by_key[key].value
        return packed

    def destroy(self) -> None:
        """Delete it everywhere."""
        for broadcast in self.by_key.values():
            broadcast.destroy()


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
        sent_along = Sent(code=code_version(), run_at=clock())
        return _tasks(
            session, len(tasks), partial(do_backtests, tasks, scripts, sent_along)
        )

    take = partial(_put, recorder)
    Waves(context_of(session), job=job, take=take, recorder=recorder).run(missing)
    return len(missing)


def _put(recorder: Recorder, done: Done) -> None:
    """Hand over trials that are to be recorded as they are."""
    count, seconds = done.cells, done.seconds
    if done.kind == FILE:
        recorder.put_file(done.payload, count=count, seconds=seconds)
    else:
        recorder.put(unpack_rows(done.payload), count=count, seconds=seconds)


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


def _tasks(session: SparkSession, count: int, do_one: Callable[..., Any]) -> DataFrame:
    """Return what each of so many tasks gives, each in a partition of its own."""
    return session.range(0, count, 1, count).mapInArrow(do_one, SCHEMA)


T = TypeVar("T")

SECONDS = 1.5
"""How long a wave should take, which bounds what a killed driver loses."""

LANES = 32
"""Waves at once, at most: each is a thread of the driver's."""


Wave = tuple[int, list[Done]]
"""How many units it was of, and what they brought."""


class Waves(Generic[T]):
    """Runs units of work in waves of about `SECONDS`.

    Parameters
    ----------
    context
        Spark's.
    job : callable
        Returns the DataFrame that does some units: rows of `Done`.
    take : callable
        Is handed what was done.
    recorder
        Is asked in between whether what waits is to be recorded.
    """

    def __init__(
        self,
        context: Any,
        *,
        job: Callable[[Sequence[T]], Any],
        take: Callable[[Done], None],
        recorder: Recorder,
    ) -> None:
        self._context, self._job, self._take = context, job, take
        self._recorder = recorder
        self._cores = int(context.defaultParallelism)
        self._lanes = min(self._cores + 1, LANES)
        self._fewest = math.ceil(self._cores / (self._lanes - 1))
        self._size = self._fewest
        self._tag = f"lakebt-{secrets.token_hex(6)}"
        self._errors: list[tuple[int, LakebtError]] = []

    def run(self, units: Sequence[T]) -> None:
        """Run units of work, in their order.

        Raises
        ------
        LakeError
            If Spark cannot run them.
        LakebtError
            The first of what executors handed back; all that was on its way is taken.
        """
        left = list(units)
        running: set[Future[Wave]] = set()
        with ThreadPoolExecutor(self._lanes) as pool:
            try:
                while running or left:
                    while left and len(running) < self._lanes:
                        some, left = left[: self._size], left[self._size :]
                        running.add(pool.submit(self._wave, some))
                    patience = self._recorder.patience
                    ready, running = wait(running, patience, FIRST_COMPLETED)
                    for wave in ready:
                        self._taken(wave.result())
                    self._recorder.record_if_due()
                    left = [] if self._errors else left
            except BaseException:
                self._stop(running)
                raise
        if self._errors:
            raise min(self._errors, key=lambda one: one[0])[1]

    def _wave(self, some: Sequence[T]) -> Wave:
        """Run a Spark job, in a thread of its own.

        Raises
        ------
        LakeError
            If Spark fails.
        LakebtError
            If the driver does.
        """
        self._context.addJobTag(self._tag)
        try:
            table = self._job(some).toArrow()
        except LakebtError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever Java says, and pyspark
            raise LakeError(explained(error)) from None
        return len(some), [Done(**row) for row in table.to_pylist()]

    def _taken(self, wave: Wave) -> None:
        """Hand over what a wave brought, and choose how large the next one is."""
        count, items = wave
        for done in items:
            if done.kind == ERROR:
                self._errors.append((done.number, unpack_error(done.payload)))
            else:
                self._take(done)
        spent = sum(done.seconds for done in items) / count
        fits = int(SECONDS * self._cores / (self._lanes * max(spent, 1e-3)))
        self._size = min(max(fits, self._fewest), 4 * self._size)

    def _stop(self, running: set[Future[Wave]]) -> None:
        """Cancel what runs, and take what came before that."""
        self._recorder.hush()
        self._context.cancelJobsWithTag(self._tag)
        for wave in running:
            if wave.exception() is None:
                for done in wave.result()[1]:
                    if done.kind != ERROR:
                        self._take(done)


def explained(error: Exception) -> str:
    """Say in one line why a job failed."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    named_lines = [line for line in lines if "Error: " in line or "Exception: " in line]
    first = (named_lines or lines or [type(error).__name__])[0]
    return (
        f"Spark could not run the sweep: {first}. What was finished is recorded: run "
        f"it again"
    )
