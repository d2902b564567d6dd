"""Finished trials of an executor: one data file, ready to be committed, if many."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pandas as pd

from lakebt.lake.trials.finished_file import pack
from lakebt.sweep.spark.messages import FILE, ROWS, TRIALS, Done, pack_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakebt.sweep.trial_rows import TrialSpec

FILE_ROWS = 1_000
"""Trials from which on an executor makes a file of them. Of fewer it hands back rows,
which the driver joins: small files have to be folded sooner."""

MOST_ROWS = 20_000
"""Trials that are not held back for more."""


class Bundle:
    """Gathers the trials of studies, with their results, until they are handed back.

    Parameters
    ----------
    laid_out
        The columns of the lake's trials; none to hand back rows alone.
    fewest
        How many trials are worth a file.
    """

    def __init__(self, laid_out: str, *, fewest: int = FILE_ROWS) -> None:
        self._laid_out, self._fewest = laid_out, fewest
        self._number, self._cells, self._seconds = -1, 0, 0.0
        self._frames: list[pd.DataFrame] = []

    def take(
        self, number: int, spec: TrialSpec, rows: pd.DataFrame, *, seconds: float
    ) -> Iterator[Done]:
        """Add the cells of a study; yield what is not held back.

        Those of some entries alone: only the driver has the others.
        """
        if not spec.is_whole:
            yield Done(
                number=number,
                part=0,
                kind=ROWS,
                cells=len(rows),
                seconds=seconds,
                payload=pack_rows(rows),
            )
            return
        began = time.perf_counter()
        if not self._frames:
            self._number = number
        self._frames += [rows, spec.result(rows)]
        self._cells += len(rows)
        self._seconds += seconds + time.perf_counter() - began
        if self._cells >= MOST_ROWS:
            yield from self.handed()

    def handed(self) -> Iterator[Done]:
        """Yield what was held back, if anything was."""
        if not self._frames:
            return
        began = time.perf_counter()
        rows = pd.concat(self._frames, ignore_index=True)
        is_file = bool(self._laid_out) and len(rows) >= self._fewest
        payload = pack(rows, self._laid_out) if is_file else pack_rows(rows)
        yield Done(
            number=self._number,
            part=0,
            kind=FILE if is_file else TRIALS,
            cells=self._cells,
            seconds=self._seconds + time.perf_counter() - began,
            payload=payload,
        )
        self._frames, self._cells, self._seconds = [], 0, 0.0
