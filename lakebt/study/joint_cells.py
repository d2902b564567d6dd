"""Joining the results of parts of a study's events."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lakebt.study.cells import Cells

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    import numpy.typing as npt

    from lakebt._typing import FloatVector, IntVector
    from lakebt.events.plan import Event


PANELS = (
    *("reason", "late", "n_legs", "first", "n_returns", "mean", "m2", "gross", "net"),
    *("traded_usd", "borrow_usd", "impact_usd", "drawdown", "gaps", "final"),
    "held_start",
)
"""Arrays of `Cells` with a value for each cell."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Slots:
    """The parts of a `Schedule` that its summary needs.

    Attributes
    ----------
    entries, exits
        The grid.
    events : tuple of Event
        By date and name.
    event, entry : ndarray of shape (n_slots,)
        Positions in `events` and `entries`. Slots are sorted by both.
    """

    entries: Sequence[object]
    exits: Sequence[object]
    events: tuple[Event, ...]
    event: IntVector
    entry: IntVector


def joined(parts: Sequence[tuple[Slots, Cells]]) -> tuple[Slots, Cells]:
    """Join the results of parts of the events; see `Joining`.

    Parameters
    ----------
    parts
        At least one, in any order; no event in two of them.
    """
    joining = Joining(sum(len(slots.event) for slots, _ in parts))
    for slots, cells in parts:
        joining.add(slots, cells)
    return joining.done()


class Joining:
    """Joins the results of parts of the events, in the order of all events.

    The figures are those of one pass over all events, in the same order, to the bit:
    nothing is summed here. Each part may be forgotten as soon as it was added.

    Parameters
    ----------
    n_slots
        Of all parts together.
    """

    def __init__(self, n_slots: int) -> None:
        self._n_slots, self._filled = n_slots, 0
        self._panels: dict[str, npt.NDArray[Any]] = {}
        self._slots: list[Slots] = []
        self._held: list[FloatVector] = []
        self._worth: list[FloatVector] = []
        self._n_held = 0
        self._order: IntVector = np.zeros(0, dtype=np.int64)

    def add(self, slots: Slots, cells: Cells) -> None:
        """Add one part, whose events no other has."""
        where = slice(self._filled, self._filled + len(slots.event))
        for name in PANELS:
            panel = getattr(cells, name)
            if name not in self._panels:
                shape = self._n_slots, panel.shape[1]
                self._panels[name] = np.empty(shape, dtype=panel.dtype)
            self._panels[name][where] = panel
        self._panels["held_start"][where] += self._n_held
        self._filled = where.stop
        self._slots.append(slots)
        self._held.append(cells.held)
        self._worth.append(cells.worth)
        self._n_held += len(cells.held)

    def done(self) -> tuple[Slots, Cells]:
        """Return all of them together; no more is added then."""
        each, held, worth = self._slots, self._held, self._worth
        self._held, self._worth = [], []  # they are in the cells from then on
        events = [event for slots in each for event in slots.events]
        rank = np.arange(len(events))
        if not _are_in_order([slots.events for slots in each]):
            ranked = sorted(range(len(events)), key=lambda n: _place(events[n]))
            rank[ranked] = np.arange(len(events))
            events = [events[number] for number in ranked]
        before = np.cumsum([0] + [len(slots.events) for slots in each])
        event = np.concatenate(
            [
                rank[start + slots.event]
                for start, slots in zip(before.tolist(), each, strict=False)
            ]
        )
        entry = np.concatenate([slots.entry for slots in each])
        self._order = order = np.lexsort((entry, event))
        if (order[1:] < order[:-1]).any():
            for name in PANELS:
                self._panels[name] = self._panels[name][order]
        return (
            Slots(
                entries=each[0].entries,
                exits=each[0].exits,
                events=tuple(events),
                event=event[order],
                entry=entry[order],
            ),
            Cells(
                **self._panels,
                held=np.concatenate(held),
                worth=np.concatenate(worth),
            ),
        )

    def places(self) -> list[IntVector]:
        """Return where the slots of each part lie among all of them, once `done`."""
        place = np.zeros(len(self._order), dtype=np.int64)
        place[self._order] = np.arange(len(self._order))
        sizes = [len(slots.event) for slots in self._slots]
        return np.split(place, np.cumsum(sizes)[:-1])


def _are_in_order(parts: Sequence[tuple[Event, ...]]) -> bool:
    """Whether all events of each part come before those of the next."""
    some = [part for part in parts if part]
    return all(_place(a[-1]) < _place(b[0]) for a, b in itertools.pairwise(some))


def _place(event: Event) -> tuple[dt.date, str]:
    return event.date, event.event_id


def part_of(cells: Cells, place: IntVector) -> Cells:
    """Return the cells of some slots, whose returns are still among those of all.

    Parameters
    ----------
    cells
    place
        Of the slots, ascending. Nothing is copied where they lie side by side.
    """
    where: IntVector | slice = place
    if len(place) and place[-1] - place[0] == len(place) - 1:
        where = slice(int(place[0]), int(place[-1]) + 1)
    panels = {name: getattr(cells, name)[where] for name in PANELS}
    return Cells(**panels, held=cells.held, worth=cells.worth)
