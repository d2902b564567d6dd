"""Parts of a study's events, joined, are the cells of all its events in one pass."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lakebt.events.plan import Event
from lakebt.study.cells import Cells
from lakebt.study.joint_cells import PANELS, Joining, Slots, joined

N_EVENTS, N_EXITS, HELD = 9, 3, 2
ENTRIES, EXITS = ("AD+1@open", "ED@close"), ("+1", "+2", "1w")


def whole() -> tuple[Slots, Cells]:
    """Events under two entries, the odd ones under one; no two figures are the same."""
    day = dt.date(2024, 1, 2)
    events = tuple(
        Event(event_id=f"SIM:{n}", index="SIM", date=day + dt.timedelta(days=n // 2))
        for n in range(N_EVENTS)  # two of each day: names decide
    )
    pairs = [(n, k) for n in range(N_EVENTS) for k in range(2 - n % 2)]
    event, entry = np.array(pairs).T
    size = len(pairs) * N_EXITS
    panels: dict[str, Any] = {
        name: (np.arange(size) + 1_000 * number).reshape(-1, N_EXITS)
        for number, name in enumerate(PANELS)
    }
    panels["held_start"] = (HELD * np.arange(size)).reshape(-1, N_EXITS)
    held = np.arange(HELD * size) / 7.0
    return (
        Slots(entries=ENTRIES, exits=EXITS, events=events, event=event, entry=entry),
        Cells(**panels, held=held, worth=-held),
    )


def part(slots: Slots, cells: Cells, events: list[int]) -> tuple[Slots, Cells]:
    """Some of the events, as they are traded without the others."""
    own = np.flatnonzero(np.isin(slots.event, events))
    start = cells.held_start[own]
    taken = (start.reshape(-1, 1) + np.arange(HELD)).reshape(-1)
    panels = {name: getattr(cells, name)[own] for name in PANELS}
    panels["held_start"] = HELD * np.arange(start.size).reshape(start.shape)
    return (
        replace(
            slots,
            events=tuple(slots.events[n] for n in events),
            event=np.searchsorted(events, slots.event[own]),
            entry=slots.entry[own],
        ),
        Cells(**panels, held=cells.held[taken], worth=cells.worth[taken]),
    )


def returns(cells: Cells) -> list[list[float]]:
    """Of every cell: where they lie is another matter."""
    starts = cells.held_start.reshape(-1).tolist()
    return [
        [*cells.held[start : start + HELD], *cells.worth[start : start + HELD]]
        for start in starts
    ]


CUTS = {
    "in order": [[0, 1, 2], [3, 4], [5, 6, 7, 8]],
    "the last first": [[5, 6, 7, 8], [3, 4], [0, 1, 2]],
    "one day in two parts": [[1, 2, 3, 4, 5, 6, 7, 8], [0]],
    "each between others": [[0, 3, 6], [2, 5, 8], [1, 4, 7]],
    "one of them empty": [[4, 5, 6, 7, 8], [], [0, 1, 2, 3]],
}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_in_whatever_order_parts_come_they_are_one_pass(cut: list[list[int]]) -> None:
    slots, cells = whole()

    together, found = joined([part(slots, cells, events) for events in cut])

    assert together.events == slots.events
    assert (together.entries, together.exits) == (ENTRIES, EXITS)
    np.testing.assert_array_equal(together.event, slots.event)
    np.testing.assert_array_equal(together.entry, slots.entry)
    for name in set(PANELS) - {"held_start"}:
        np.testing.assert_array_equal(getattr(found, name), getattr(cells, name), name)
    assert returns(found) == returns(cells)


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_each_part_is_told_where_its_slots_lie(cut: list[list[int]]) -> None:
    slots, cells = whole()
    joining = Joining(len(slots.event))
    for events in cut:
        joining.add(*part(slots, cells, events))
    joining.done()

    places = joining.places()

    assert len(places) == len(cut)
    for events, place in zip(cut, places, strict=True):
        np.testing.assert_array_equal(
            place, np.flatnonzero(np.isin(slots.event, events))
        )
