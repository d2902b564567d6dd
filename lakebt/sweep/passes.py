"""Passes: studies of a sweep that are computed together, at several levels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from lakebt.backtest.levels import Level
from lakebt.inputs.roles import Decides
from lakebt.study.arguments import GRID
from lakebt.study.chunks import ChunkedPlan, Chunks, is_chunked
from lakebt.study.engines import ENGINES
from lakebt.study.lookup import Lookup
from lakebt.values.keys import content_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from lakebt.backtest.costs import CostModel
    from lakebt.events.schedule import Schedule
    from lakebt.prices.history import PriceHistory
    from lakebt.study.cells import Cells
    from lakebt.study.scope import Scope
    from lakebt.study.summary import Planned
    from lakebt.sweep.grid import Point


T = TypeVar("T")


class Memory:
    """The last schedule and prices: the next study often differs in little."""

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self._last: dict[str, tuple[Any, Any]] = {}

    def schedule(self, scope: Scope) -> Schedule:
        """Return the guard's decisions for a study.

        Raises
        ------
        LookAheadError
            Under ``on_look_ahead="raise"``.
        """
        key = self._key(scope, Decides.ORDERS)
        return self._kept("schedule", key, lambda: scope.schedule)

    def history(self, scope: Scope) -> PriceHistory:
        """Return the prices of a study.

        Raises
        ------
        InvalidArgumentError
            If its hedge has none.
        """
        plan = self.schedule(scope)
        key = but_for_rules(scope, Decides.ORDERS | Decides.PRICES)
        return self._kept("history", key, lambda: scope.history(plan))

    def trade(self, scope: Scope, levels: Sequence[Level]) -> list[Cells]:
        """Return the figures of each cell of a study at each level, in one pass."""
        plan, history = self.schedule(scope), self.history(scope)
        return ENGINES[self.engine](plan, history, scope.arguments, levels, None)

    def plan(self, part: Pass) -> Schedule | ChunkedPlan:
        """Return the guard's decisions for a pass, in chunks if it has many events.

        Raises
        ------
        LookAheadError
            Under ``on_look_ahead="raise"``.
        """
        scope = part.scope
        if not is_chunked(scope):
            return self.schedule(scope)
        key = self._key(scope, Decides.ORDERS)
        chunks, arguments = self._chunks(part), scope.arguments
        return self._kept(
            "plan", key, lambda: chunks.plan(arguments.entries, arguments.exits)
        )

    def together(self, part: Pass) -> tuple[Planned, list[Cells]]:
        """Return the cells of all events of a pass, at each of its levels."""
        plan, levels = self.plan(part), list(part.studies)
        if isinstance(plan, ChunkedPlan):
            return self._chunks(part).trade(plan, levels, engine=self.engine)
        return plan, self.trade(part.scope, levels)

    def _chunks(self, part: Pass) -> Chunks:
        decides = Decides.ORDERS | Decides.PRICES | Decides.BOOKS
        key = but_for_rules(part.scope, decides)
        return self._kept("chunks", key, lambda: Chunks(part.whole or part.scope))

    def check_priced(self, scope: Scope, cells: Cells) -> None:
        """Raise an error for a cell that lacks a price.

        Parameters
        ----------
        scope
            What was traded, with all its events at once.
        cells
            What it came to at one of its levels.

        Raises
        ------
        UntradeableError
            Under ``missing="raise"``, for the first by event.
        """
        if scope.arguments.missing == "raise":
            plan, history = self.schedule(scope), self.history(scope)
            Lookup(scope.arguments, plan, cells, history).raise_unpriced()

    def check_all_priced(self, whole: Pass) -> None:
        """Stop on a cell that lacked a price, when all chunks and blocks were traded.

        Raises
        ------
        UntradeableError
            As `check_priced` does.
        """
        scope = whole.scope
        if scope.arguments.missing == "raise" and is_chunked(scope):
            self._chunks(whole).raise_unpriced()

    def book_key(self, scope: Scope) -> object:
        """Return a key that is equal for studies that differ only in their levels.

        They may differ in how their events become one series, too.
        """
        return self._key(scope, Decides.BOOKS)

    @staticmethod
    def _key(scope: Scope, decides: Decides) -> tuple[int, str]:
        return id(scope.view), content_key(scope.arguments.plain(decides))

    def _kept(self, what: str, key: object, make: Callable[[], T]) -> T:
        if what in self._last and self._last[what][0] == key:
            kept: T = self._last[what][1]
            return kept
        self._last.pop(what, None)  # before the next is made: they are large
        value = make()
        self._last[what] = (key, value)
        return value


BLOCK = 500_000
"""Cells of one level, of all events, that are held in memory at once: some 100 MB."""

AT_ONCE = 4_000_000
"""Cells, of all events and levels together, that are held in memory at once."""

ALONE = 1_000
"""A cell that is traded by itself takes as long as so many in a pass, at least: what is
finished must not wait for hours of others."""


@dataclass(frozen=True, kw_only=True, eq=False)
class StudyAtCost:
    """One study of a point, under one of its costs.

    Attributes
    ----------
    point
    scope
        Of the entries and exits that are missing.
    costs
    """

    point: Point
    scope: Scope
    costs: CostModel

    @property
    def n_cells(self) -> int:
        """The number of cells."""
        return len(self.scope.arguments.entries) * len(self.scope.arguments.exits)


@dataclass(frozen=True, kw_only=True, eq=False)
class Pass:
    """Studies whose trades differ only in their level.

    Attributes
    ----------
    scope
        Of one of them.
    studies : dict of Level to list of StudyAtCost
        Those of one level differ in how their events become one series.
    whole : Scope or None
        Of a block: with the entries of the others, too.
    """

    scope: Scope
    studies: dict[Level, list[StudyAtCost]] = field(default_factory=dict)
    whole: Scope | None = None

    @property
    def n_studies(self) -> int:
        """The number of studies."""
        return sum(map(len, self.studies.values()))

    @property
    def entries(self) -> tuple[str, ...]:
        """The entry rules that are run, as written."""
        return tuple(map(str, self.scope.arguments.entries))

    def blocks(self) -> list[Pass]:
        """Split it into passes whose entries fit into memory at one level.

        What stops at the first fact that is missing is in one block unless its events
        are in chunks, which know the first of all: see `Memory.check_all_priced`.
        """
        arguments = self.scope.arguments
        across = max(self.scope.n_events * len(arguments.exits), 1)
        width = max(BLOCK // across, 1)
        entries, exits = arguments.entries, arguments.exits
        chunked = is_chunked(self.scope)
        if width >= len(entries) or (stops(self.scope) and not chunked):
            return [self]
        scope = self.scope.with_grid(entries, exits)
        if not chunked:
            _ = scope.decided_on  # once for all blocks, which are gone after them
        return [
            Pass(
                scope=scope.with_grid(entries[at : at + width], exits),
                studies=self.studies,
                whole=scope,
            )
            for at in range(0, len(entries), width)
        ]

    def parts(self, plan: Schedule | ChunkedPlan, engine: str) -> Iterator[Pass]:
        """Split it into passes of as many levels as are computed at once."""
        n_alone = plan.n_apart if engine == "event" else plan.n_planned
        size = plan.size + ALONE * n_alone
        count = max(AT_ONCE // max(size, 1), 1)
        levels = list(self.studies)
        for start in range(0, len(levels), count):
            some = levels[start : start + count]
            studies = {level: self.studies[level] for level in some}
            yield Pass(scope=self.scope, studies=studies, whole=self.whole)


def but_for_rules(scope: Scope, decides: Decides) -> tuple[int, str]:
    """Return a key that is equal for studies that differ only in entries and exits.

    Which changes there are does not depend on the rules that they are traded by.
    """
    plain = scope.arguments.plain(decides)
    others = {name: value for name, value in plain.items() if name not in GRID}
    return id(scope.view), content_key(others)


def stops(scope: Scope) -> bool:
    """Whether the first fact or price that is missing stops the study."""
    return scope.stops


def passes(
    points: Iterable[Point], *, known: frozenset[str], memory: Memory
) -> list[Pass]:
    """Return the passes that some points still need.

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
    by_book: dict[object, Pass] = {}
    for point in points:
        missing = point.missing(known)
        if missing is None:
            continue
        scope = point.only(missing)
        one = by_book.setdefault(memory.book_key(scope), Pass(scope=scope))
        for costs in missing.costs:
            level = Level.of(costs, scope.arguments.sizing)
            study = StudyAtCost(point=point, scope=scope, costs=costs)
            one.studies.setdefault(level, []).append(study)
    return list(by_book.values())
