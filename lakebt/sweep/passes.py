"""Which studies of a sweep are worked out together: one pass at several levels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lakebt.backtest.levels import Level

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lakebt.backtest.costs import CostModel
    from lakebt.events.schedule import Schedule
    from lakebt.study import Study
    from lakebt.sweep.grid import Point
    from lakebt.sweep.memory import Memory

AT_ONCE = 4_000_000
"""Cells, of all events and levels together, that are held in memory at once."""

ALONE = 1_000
"""A cell that is traded by itself takes as long as so many in a pass, at least: what is
finished must not wait for hours of others."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """One study of a point, under one of its costs.

    Attributes
    ----------
    point
    study
        Of the entries and exits that are missing.
    costs
    """

    point: Point
    study: Study
    costs: CostModel

    @property
    def n_cells(self) -> int:
        """How many cells that are."""
        return len(self.study.entries) * len(self.study.exits)


@dataclass(frozen=True, kw_only=True, eq=False)
class Pass:
    """Studies that differ in nothing that their trades are made of, but for the level.

    Attributes
    ----------
    study
        One of them.
    asked : dict of Level to list of Asked
        Those of one level differ in how their events become one series.
    """

    study: Study
    asked: dict[Level, list[Asked]] = field(default_factory=dict)

    @property
    def n_asked(self) -> int:
        """How many studies it serves."""
        return sum(map(len, self.asked.values()))

    def parts(self, plan: Schedule, engine: str) -> Iterator[Pass]:
        """Yield it in passes of so many levels as are to be worked out at once."""
        is_alone = plan.reason == 0
        if engine == "event":
            is_alone &= plan.apart
        size = plan.reason.size + ALONE * int(is_alone.sum())
        count = max(AT_ONCE // max(size, 1), 1)
        levels = list(self.asked)
        for start in range(0, len(levels), count):
            some = levels[start : start + count]
            yield Pass(
                study=self.study, asked={level: self.asked[level] for level in some}
            )


def passes(
    points: Iterable[Point], *, known: frozenset[str], memory: Memory
) -> list[Pass]:
    """Return what has to be run of some points.

    Parameters
    ----------
    points
    known
        Ids of the trials that are there already.
    memory
        Knows what trades are made of.

    Returns
    -------
    list of Pass
        In the order of the points.
    """
    found: dict[object, Pass] = {}
    for point in points:
        missing = point.missing(known)
        if missing is None:
            continue
        study = point.only(missing)
        one = found.setdefault(memory.book_key(study), Pass(study=study))
        for costs in missing.costs:
            level = Level.of(costs, study.sizing)
            asked = Asked(point=point, study=study, costs=costs)
            one.asked.setdefault(level, []).append(asked)
    return list(found.values())
