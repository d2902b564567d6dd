"""The outcome of each event of a study, over all rules together."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from lakebt.events.plan import days_of
from lakebt.values.arrays import spans
from lakebt.values.reasons import REASONS, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy.typing as npt

    from lakebt._typing import BoolVector, IntVector
    from lakebt.events.changes import Changes
    from lakebt.events.plan import Event
    from lakebt.events.schedule import Schedule
    from lakebt.facts import IndexChange
    from lakebt.study.block import Block

_NO_PRICE = Reason.NO_PRICE.code
_ONE_SIDED = Reason.ONE_SIDED.code

_FIGURES: dict[str, type] = {
    "runs": np.bool_,
    "judged": np.bool_,
    "unpriced": np.bool_,
    "one_sided": np.bool_,
    "last": np.int64,
    "n_legs": np.int64,
}


class ByEvent:
    """The outcome of each event, without its cells, which may be many.

    Attributes
    ----------
    n_cells, n_late : int
        Cells, and those that used a fact that was not yet known.
    reasons : ndarray of shape (n_reasons + 1,)
        Cells by `Reason.code`: those that were traded first.
    n_gaps, n_dropped : int
        Closes that were missing while cells held, and legs without a price.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._events: list[Event] = []
        self._met: dict[str, npt.NDArray[Any]] = {
            name: np.zeros(0, dtype=kind) for name, kind in _FIGURES.items()
        }
        self._vintages: dict[int, dict[int, IndexChange]] = {}
        self._taken: dict[int, tuple[Changes, IntVector]] = {}
        self.n_cells = self.n_late = self.n_gaps = self.n_dropped = 0
        self.reasons = np.zeros(len(REASONS) + 1, dtype=np.int64)

    def add(self, block: Block) -> None:
        """Add the outcomes of more cells, which are then dropped from memory."""
        plan, cells = block.schedule, block.cells
        numbers, traded = self._numbers, cells.traded
        for event in plan.events:
            if event.event_id not in numbers:
                numbers[event.event_id] = len(numbers)
                self._events.append(event)
        number = [numbers[event.event_id] for event in plan.events]
        place = np.array(number, dtype=np.int64)[plan.event]
        self._grow()
        judged = traded & ~cells.late
        legs = np.where(judged, cells.n_legs, 0).max(axis=1, initial=0)
        self._met["runs"][place[traded.any(axis=1)]] = True
        self._met["judged"][place[judged.any(axis=1)]] = True
        for name, code in (("unpriced", _NO_PRICE), ("one_sided", _ONE_SIDED)):
            self._met[name][place[(cells.reason == code).any(axis=1)]] = True
        np.maximum.at(self._met["last"], place, cells.reason.max(axis=1, initial=0))
        np.maximum.at(self._met["n_legs"], place, legs)
        self.n_cells += cells.reason.size
        self.n_late += int(cells.late.sum())
        self.reasons += np.bincount(cells.reason.ravel(), minlength=len(self.reasons))
        self.n_gaps += int(cells.gaps[traded].sum())
        n_legs = np.diff(plan.start)[:, None]
        self.n_dropped += int((n_legs - cells.n_legs)[traded].sum())

        self._take_vintages(plan, np.flatnonzero(traded.any(axis=1)), place)

    def _take_vintages(
        self, plan: Schedule, slots: IntVector, place: IntVector
    ) -> None:
        """Add the traded changes; each vintage of an event counts once."""
        changes, sizes = plan.changes, np.diff(plan.start)[slots]
        legs = spans(plan.start[slots], sizes)
        vintage = changes.vintage(plan.leg[legs], plan.at[legs])
        event = np.repeat(place[slots], sizes)
        # Entries mostly trade the same ones; what they decide on is one object then.
        if id(changes) not in self._taken:
            nobody = np.full(len(changes.vintages), -1, dtype=np.int64)
            self._taken[id(changes)] = changes, nobody
        _, taken = self._taken[id(changes)]
        fresh = np.flatnonzero(taken[vintage] != event)
        pairs = zip(event[fresh].tolist(), vintage[fresh].tolist(), strict=True)
        for number, which in sorted(set(pairs)):
            change = changes.vintages[which].change
            self._vintages.setdefault(number, {})[id(change)] = change
            taken[which] = number

    def _grow(self) -> None:
        if len(self._numbers) == len(self._met["runs"]):
            return
        for name, values in self._met.items():
            more = np.zeros(len(self._numbers) - len(values), dtype=values.dtype)
            self._met[name] = np.concatenate([values, more])

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """Every event that has a cell, by date and name. Nothing is added any more."""
        return tuple(sorted(self._events, key=lambda e: (e.date, e.event_id)))

    @cached_property
    def rank(self) -> dict[str, int]:
        """The place of each in `events`, by its name."""
        return {event.event_id: number for number, event in enumerate(self.events)}

    @cached_property
    def days(self) -> npt.NDArray[np.datetime64]:
        """The days of the events, each once, ascending."""
        return np.unique(days_of(self.events))

    @property
    def runs(self) -> BoolVector:
        """Whether any cell of each event was traded."""
        return self._in_order("runs")

    @property
    def judged(self) -> BoolVector:
        """Whether any cell of each event was traded on facts known in time."""
        return self._in_order("judged")

    @property
    def unpriced(self) -> BoolVector:
        """Whether any cell of each event lacks a price."""
        return self._in_order("unpriced")

    @property
    def one_sided(self) -> BoolVector:
        """Whether any cell of each event lacks a side."""
        return self._in_order("one_sided")

    @property
    def last(self) -> IntVector:
        """The reason of its cells that is reported last; 0 if all were traded."""
        return self._in_order("last")

    @property
    def n_legs(self) -> IntVector:
        """The most legs that any of its judged cells traded."""
        return self._in_order("n_legs")

    @property
    def traded(self) -> Iterator[Iterable[IndexChange]]:
        """The changes of each event that was traded, as its entries knew them."""
        for event in self.events:
            if vintages := self._vintages.get(self._numbers[event.event_id]):
                yield vintages.values()

    def _in_order(self, name: str) -> npt.NDArray[Any]:
        order = [self._numbers[event.event_id] for event in self.events]
        return self._met[name][np.array(order, dtype=np.int64)]
