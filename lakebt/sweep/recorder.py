"""Recording the finished trials of a sweep, before they are reported."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from lakebt.lake.api.trials import TrialStore


SECONDS = 0.5
"""How much work may wait for more, to be recorded in one commit."""


class Recorder:
    """Records finished trials in batches, and reports those that are recorded.

    A batch is recorded as soon as its trials took `SECONDS` to run, or have waited that
    long, so a trial that took minutes is recorded at once. A killed process loses what
    was running and at most that much more, but nothing that was reported as done.

    Parameters
    ----------
    store
        None to keep them in memory alone.
    total
        How many there are to do.
    notify : callable
        Called with those that are done and all of them.

    Attributes
    ----------
    kept : list of DataFrame
        Without a store, what was added.
    """

    def __init__(
        self,
        store: TrialStore | None,
        *,
        total: int,
        notify: Callable[[int, int], None],
    ) -> None:
        self._store, self._total, self._notify = store, total, notify
        self._done = self._count = 0
        self._waiting: list[pd.DataFrame] = []
        self._files: list[bytes] = []
        self._laid_out = ""
        self._worked = 0.0
        self._since = time.perf_counter()
        self.kept: list[pd.DataFrame] = []

    @property
    def patience(self) -> float | None:
        """Seconds until waiting trials must be recorded; None if none wait."""
        if not self._waiting and not self._files:
            return None
        waited = max(time.perf_counter() - self._since, self._worked)
        return max(SECONDS - waited, 0.0)

    def know(self, count: int) -> None:
        """Take note of trials that were recorded before."""
        self._done += count
        self._notify(self._done, self._total)

    def hush(self) -> None:
        """Stop reporting: the sweep is ending, perhaps because the callback raised."""
        self._notify = lambda _done, _total: None

    def add(self, rows: pd.DataFrame, *, count: int = 1) -> None:
        """Take finished trials, `count` of the total; their ``seconds`` say how long.

        Raises
        ------
        ConflictError
            If others kept recording first.
        LakeError
            If the lake cannot be written.
        """
        # A study's seconds are its last row's.
        self.put(rows, count=count, seconds=float(rows["seconds"].max()))
        self.record_if_due()

    def put(self, rows: pd.DataFrame, *, count: int, seconds: float) -> None:
        """Take finished trials, for `record_if_due` to record."""
        if self._store is None:
            self.kept.append(rows)
            self.know(count)
            return
        self._waiting.append(rows)
        self._take_note(count, seconds)

    def layout(self) -> str:
        """Return the columns of data files that it takes; none if it keeps rows.

        Raises
        ------
        LakeError
            If the lake cannot be written.
        """
        self._laid_out = "" if self._store is None else self._store.layout()
        return self._laid_out

    def put_file(self, content: bytes, *, count: int, seconds: float) -> None:
        """Take a data file of finished trials, made for what `layout` said."""
        self._files.append(content)
        self._take_note(count, seconds)

    def _take_note(self, count: int, seconds: float) -> None:
        self._count += count
        self._worked += seconds

    def recorded(self, ids: Sequence[str]) -> pd.DataFrame:
        """Return those of some trials that are recorded."""
        assert self._store is not None  # noqa: S101 - something was known
        return self._store.trials(where={"trial_id": list(ids)})

    def record_if_due(self) -> None:
        """Record and report waiting trials, if they have waited long enough.

        Raises
        ------
        ConflictError
            If others kept recording first.
        LakeError
            If the lake cannot be written.
        """
        if self.patience == 0.0:
            self.know(self._record())

    def _record(self) -> int:
        """Record what waits, and return how many of the total that is."""
        if self.patience is not None and self._store is not None:
            self._store.record_batch(self._waiting, self._files, self._laid_out)
        count = self._count
        self._waiting.clear()
        self._files.clear()
        self._count, self._worked = 0, 0.0
        self._since = time.perf_counter()
        return count

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        count = self._record()
        if kind is None and count:
            self.know(count)
