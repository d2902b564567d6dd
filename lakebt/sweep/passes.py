"""Which studies of a sweep are computed together: one pass at several levels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from lakebt.backtest.levels import Level
from lakebt.study.engines import ENGINES
from lakebt.values.keys import content_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from lakebt.backtest.costs import CostModel
    from lakebt.events.schedule import Schedule
    from lakebt.prices import PriceHistory
    from lakebt.study.cells import Cells
    from lakebt.study.study import Study
    from lakebt.sweep.grid import Point


T = TypeVar("T")

_DECIDE = (
    *("index", "changes", "entries", "exits", "where", "period", "size"),
    *("side", "on_look_ahead", "min_lead"),
)
"""Arguments that orders are decided by."""

_BOOK = (*_DECIDE, "hedge", "missing")
"""Arguments that books are made by. Costs, gross and capital are their levels."""


class Memory:
    """The last schedule and prices: the next study often differs in little."""

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self._last: dict[str, tuple[Any, Any]] = {}

    def schedule(self, study: Study) -> Schedule:
        """Return what the guard decides for a study.

        Raises
        ------
        LookAheadError
            Under ``on_look_ahead="raise"``.
        """
        key = self._key(study, _DECIDE)
        return self._kept("schedule", key, lambda: study.schedule)

    def history(self, study: Study) -> PriceHistory:
        """Return the prices of a study.

        Raises
        ------
        InvalidArgumentError
            If its hedge has none.
        """
        plan = self.schedule(study)
        key = self._key(study, (*_DECIDE, "hedge"))
        return self._kept("history", key, lambda: study.history(plan))

    def trade(self, study: Study, levels: Sequence[Level]) -> list[Cells]:
        """Return what each cell of a study comes to, at each level, in one pass."""
        plan, history = self.schedule(study), self.history(study)
        return ENGINES[self.engine](plan, history, study, levels, None)

    def book_key(self, study: Study) -> object:
        """Return what is equal for studies that differ in nothing but their levels.

        They may differ in how their events become one series, too.
        """
        return self._key(study, _BOOK)

    @staticmethod
    def _key(study: Study, names: tuple[str, ...]) -> tuple[int, str]:
        asked = {name: study.arguments.get(name) for name in names}
        return id(study.view), content_key(asked)

    def _kept(self, what: str, key: object, make: Callable[[], T]) -> T:
        if what in self._last and self._last[what][0] == key:
            kept: T = self._last[what][1]
            return kept
        self._last.pop(what, None)  # before the next is made: they are large
        made = make()
        self._last[what] = (key, made)
        return made


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
