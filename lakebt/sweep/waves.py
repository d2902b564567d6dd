"""Jobs of Spark's in waves: several at once, and what each brings back as it comes."""

from __future__ import annotations

import math
import secrets
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from lakebt.errors import LakebtError, LakeError
from lakebt.sweep.handed import ERROR, ROWS, Done, unpack_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lakebt.sweep.recorder import Recorder

T = TypeVar("T")

SECONDS = 1.5
"""How long a wave should take: as much as somebody who kills the driver may lose."""

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
        count, found = wave
        for done in found:
            if done.kind == ERROR:
                self._errors.append((done.number, unpack_error(done.payload)))
            else:
                self._take(done)
        spent = sum(done.seconds for done in found) / count
        fits = int(SECONDS * self._cores / (self._lanes * max(spent, 1e-3)))
        self._size = min(max(fits, self._fewest), 4 * self._size)

    def _stop(self, running: set[Future[Wave]]) -> None:
        """Cancel what runs, and take what came before that."""
        self._recorder.hush()
        self._context.cancelJobsWithTag(self._tag)
        for wave in running:
            if wave.exception() is None:
                for done in wave.result()[1]:
                    if done.kind == ROWS:
                        self._take(done)


def explained(error: Exception) -> str:
    """Say in one line why a job failed."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if "Error: " in line or "Exception: " in line]
    first = (told or lines or [type(error).__name__])[0]
    return (
        f"Spark could not run the sweep: {first}. What was finished is recorded: run "
        f"it again"
    )
