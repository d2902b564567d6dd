"""Many events, some at a time: their prices come from the release as they are needed.

All of them at once would be prices of gigabytes. What is decided on some events does
not depend on others, so that each has the figures that it has among all, to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakebt.lake.reading.instrument_view import (
    has_bars_apart,
    price_history,
    prices_between,
)
from lakebt.prices.cut_off import CutOffError
from lakebt.prices.spill import Spill, with_whole
from lakebt.study.engines import ENGINES
from lakebt.study.joint_cells import Joining, Slots
from lakebt.study.order_reach import reach, reached

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt.backtest.levels import Level
    from lakebt.events.rules import Entry, Exit
    from lakebt.events.schedule import Schedule
    from lakebt.prices.history import PriceHistory
    from lakebt.study.cells import Cells
    from lakebt.study.scope import Scope


MANY = 20_000
"""Changes up to which all prices are in memory at once."""

CHANGES = 10_000
"""Changes of a chunk of more."""

BEFORE = 21
"""Sessions before the first order in which the last close is looked for at first."""


def is_chunked(scope: Scope) -> bool:
    """Whether the events of a study are taken in chunks.

    What stops at the first fact that is missing is not: it is to be the first of all.
    Neither is what needs prices of all sessions: see `has_bars_apart`, and where a
    delisting returns something on its last close.
    """
    return (
        scope.n_changes > MANY
        and not scope.stops
        and scope.arguments.delisting_return is None
        and has_bars_apart(scope.view)
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class ChunkedPlan:
    """What the guard decided, of one chunk after the other.

    Attributes
    ----------
    schedules : tuple of Schedule
    """

    schedules: tuple[Schedule, ...]

    @property
    def size(self) -> int:
        """How many cells that are."""
        return sum(plan.size for plan in self.schedules)

    @property
    def n_planned(self) -> int:
        """How many of them are not empty."""
        return sum(plan.n_planned for plan in self.schedules)

    @property
    def n_apart(self) -> int:
        """How many of those have legs that leave apart."""
        return sum(plan.n_apart for plan in self.schedules)


class Chunks:
    """The events of a study in chunks by date.

    Parameters
    ----------
    scope
        Under all rules that will be asked for; others are answered, and may read prices
        again.
    """

    def __init__(self, scope: Scope) -> None:
        scope.check_hedge()
        count = -(-scope.n_changes // CHANGES)
        parts = scope.parts(count)
        symbols = sorted({symbol for part in parts for symbol in part.symbols()})
        self.chunks = tuple(Chunk(part, symbols) for part in parts)

    def plan(self, entries: Sequence[Entry], exits: Sequence[Exit]) -> ChunkedPlan:
        """Return every order under some rules."""
        return ChunkedPlan(
            schedules=tuple(each.schedule(entries, exits) for each in self.chunks)
        )

    def trade(
        self, plan: ChunkedPlan, levels: Sequence[Level], *, engine: str
    ) -> tuple[Slots, list[Cells]]:
        """Return what each cell comes to at each level, of all events together.

        Raises
        ------
        LakebtError
            If prices could not be written to a temporary file.
        """
        n_slots = sum(map(len, plan.schedules))
        together = [Joining(n_slots) for _ in levels]
        for chunk, own in zip(self.chunks, plan.schedules, strict=True):
            slots = Slots(
                entries=own.entries,
                exits=own.exits,
                events=own.events,
                event=own.event,
                entry=own.entry,
            )
            traded = chunk.trade(own, levels, engine=engine)
            for joining, cells in zip(together, traded, strict=True):
                joining.add(slots, cells)
            del traded, cells  # before the next chunk is traded
        found = [joining.done() for joining in together]
        return found[0][0], [cells for _, cells in found]


class Chunk:
    """Some events of a study, and a temporary file with their prices.

    Parameters
    ----------
    scope
        Of these events, under all rules that will be asked for.
    symbols
        Those of all events.
    """

    def __init__(self, scope: Scope, symbols: Sequence[str]) -> None:
        self.scope, self._symbols = scope, symbols
        self._spill: Spill | None = None
        self._read = 0, -1

    def schedule(self, entries: Sequence[Entry], exits: Sequence[Exit]) -> Schedule:
        """Return what the guard decides of its events under some rules."""
        _ = self.scope.decided_on  # once for all rules
        return self.scope.with_grid(entries, exits).schedule

    def trade(
        self, plan: Schedule, levels: Sequence[Level], *, engine: str
    ) -> list[Cells]:
        """Return what each cell comes to, at each level."""
        spill = self._prices(plan, levels)
        while True:
            try:
                with spill.opened() as history:
                    return ENGINES[engine](
                        plan, history, self.scope.arguments, levels, None
                    )
            except CutOffError as error:
                spill = self._completed(spill, error.symbols)

    def _prices(self, plan: Schedule, levels: Sequence[Level]) -> Spill:
        """Return the prices, read if they are not there or end too early."""
        first, last = reached(plan)
        if self._spill is not None and self._read[0] <= first <= last <= self._read[1]:
            return self._spill
        if self._spill is not None and last < first:
            return self._spill
        sessions = [
            2 * level.costs.impact_sessions
            for level in levels
            if level.costs.asks_volume
        ]
        least, most = reach(self.scope)
        if last >= first:
            least, most = min(least, first), max(most, last)
        self._read = max(least - max(sessions, default=0), 0), most
        from_, to = max(self._read[0] - BEFORE, 0), most
        self._spill = Spill(self._between(from_, to))
        return self._spill

    def _between(self, first: int, last: int) -> PriceHistory:
        own = self.scope.symbols()
        return prices_between(self.scope.view, own, (first, last), beside=self._symbols)

    def _completed(self, spill: Spill, symbols: Sequence[str]) -> Spill:
        """Return prices with all bars of some symbols."""
        whole = price_history(self.scope.view, sorted(symbols))
        with spill.opened() as history:
            self._spill = Spill(with_whole(history, whole))
        return self._spill
