"""The figures of each rule of a study, block by block of entries."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakebt.analysis.resampling.scores import scores_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from lakebt._typing import BoolVector, FloatVector
    from lakebt.analysis.pooling import Pooling
    from lakebt.analysis.resampling.scores import Scores
    from lakebt.analysis.traded_events import Traded
    from lakebt.sessions import Sessions
    from lakebt.study.block import OfAllEvents
    from lakebt.study.entry_blocks import Blocks

_LAST = "is_point_in_time"
"""The last column of a table; a surface has more."""


class Rules:
    """The rules of a study, an entry and an exit each, in the order of the grid.

    Each block is asked when something is asked of all, unless it was added before.

    Parameters
    ----------
    blocks
        Of the study.
    pooling
        How the events become one series.
    """

    def __init__(self, blocks: Blocks, pooling: Pooling) -> None:
        self._blocks, self._pooling = blocks, pooling
        self._surfaces: list[pd.DataFrame] = []
        self._digests: list[str] = []

    def add(self, block: OfAllEvents) -> None:
        """Add the figures of the next block, which is then dropped from memory."""
        self._surfaces.append(block.summary.surface())
        self._digests += block.summary.digests()

    def surface(self) -> pd.DataFrame:
        """Return a row per rule with every figure; see `lakebt.Result.surface`."""
        return self._surface.copy()

    def table(self) -> pd.DataFrame:
        """Return a row per rule; see `lakebt.Result.table`."""
        return self._surface.loc[:, :_LAST].copy()

    @cached_property
    def _surface(self) -> pd.DataFrame:
        parts = self._surfaces or [b.summary.surface() for b in self._blocks]
        self._surfaces = []
        return pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]

    def digests(self) -> list[str]:
        """Return a digest per rule, of the figures of every event to the last bit."""
        if not self._digests:
            self._digests = [d for b in self._blocks for d in b.summary.digests()]
        return self._digests

    @property
    def is_late(self) -> BoolVector:
        """Whether each rule used a fact that was not yet known."""
        return ~self._surface[_LAST].to_numpy(dtype=bool)

    def scores(self, sessions: Sessions, *, days: npt.NDArray[np.datetime64]) -> Scores:
        """Return the scores of the events of each rule that could be traded.

        Parameters
        ----------
        sessions
        days
            Of all events, each once, ascending.
        """
        return scores_of(
            self._judged(days),
            session=np.searchsorted(sessions.days, days).astype(np.int64),
            n_rules=len(self._surface),
            pooling=self._pooling,
        )

    def _judged(
        self, days: npt.NDArray[np.datetime64]
    ) -> Iterator[tuple[Traded, FloatVector]]:
        for block in self._blocks:
            yield from block.summary_on(days).judged_by_rule()
            del block  # before the next is made
