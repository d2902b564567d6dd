"""Gate 1 of the guard: every order rests on facts known before its own deadline.

A vintage of a change is in force from its `known_at` until that of the next one. It
gives an order a date, and so a deadline. The order uses the first vintage that is in
force at the deadline it gives. If there is none, the fact came too late, and the order
is refused. Facts known after the deadline neither refuse nor change an order.

This module decides one order at a time, as objects; `lakebt.events.schedule` decides
all of them as columns, and is what a study runs. The two must agree in every cell:
``tests/events/test_schedule.py`` draws random changes and compares them.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from lakebt.errors import LookAheadError
from lakebt.events.orders import enter, leave
from lakebt.events.plan import Cell, Empty, Event, PlannedLeg
from lakebt.sessions import session_of
from lakebt.values.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lakebt.events.clock import Clock
    from lakebt.events.orders import Entered
    from lakebt.events.rules import Entry, Exit
    from lakebt.facts import Vintage


OnLookAhead: TypeAlias = Literal["mask", "raise", "allow"]
ON_LOOK_AHEAD: tuple[OnLookAhead, ...] = get_args(OnLookAhead)


def plan(
    vintages: Iterable[Vintage],
    *,
    entries: Sequence[Entry],
    exits: Sequence[Exit],
    clock: Clock,
    keep: Callable[[Vintage], bool] = lambda _: True,
    on_look_ahead: OnLookAhead = "mask",
) -> tuple[Cell, ...]:
    """Decide cell by cell; arguments and errors are those of `schedule`.

    Returns
    -------
    tuple of Cell
        By event (oldest first), entry and exit, both in the order given.
    """
    vintages = tuple(vintages)
    histories = _histories(vintages)
    cells: list[Cell] = []
    pretend = on_look_ahead == "allow"
    for entry in entries:
        for event, legs in _events(histories, entry, clock, keep, pretend=pretend):
            cells.extend(
                cell_of(event, legs, entry, exit_, clock, pretend=pretend)
                for exit_ in exits
            )
    if pretend:
        # Decide the same grid with facts known in time: cells that differ used a late
        # one.
        masked = plan(vintages, entries=entries, exits=exits, clock=clock, keep=keep)
        cells = _stamped(cells, masked)
    order = {str(rule): number for number, rule in enumerate(entries)}
    # Stable sorts: within an event and an entry the exits keep their order.
    cells.sort(key=lambda c: (c.event.date, c.event.event_id, order[c.entry]))
    if on_look_ahead == "raise":
        _raise_first(sorted(cells, key=lambda c: order[c.entry]))
    return tuple(cells)


def _stamped(cells: Iterable[Cell], masked: Iterable[Cell]) -> list[Cell]:
    """Mark the cells that a late fact changed: those that differ from `masked`."""

    def decided(cell: Cell) -> tuple[object, ...]:
        return cell.fill, cell.legs, cell.empty and cell.empty.reason

    in_time = {(c.event.event_id, c.entry, c.exit): decided(c) for c in masked}
    return [
        replace(
            cell,
            late=in_time.get((cell.event.event_id, cell.entry, cell.exit))
            != decided(cell),
        )
        for cell in cells
    ]


def _raise_first(cells: Iterable[Cell]) -> None:
    """Raise for the first cell that looks ahead.

    Raises
    ------
    LookAheadError
        If there is one.
    """
    for cell in cells:
        empty = cell.empty
        if empty is not None and empty.reason is Reason.LOOK_AHEAD:
            fact = f"{cell.entry} to {cell.exit} wanted {empty.fact}"
            raise LookAheadError(fact, empty.known_at, empty.needed_by)


def _histories(vintages: Iterable[Vintage]) -> list[tuple[Vintage, ...]]:
    """Group the vintages by change, each group oldest first."""
    ordered = sorted(vintages, key=lambda v: (v.change_id, v.change.known_at))
    return [
        tuple(group)
        for _, group in itertools.groupby(ordered, key=lambda v: v.change_id)
    ]


def _events(
    histories: Iterable[tuple[Vintage, ...]],
    entry: Entry,
    clock: Clock,
    keep: Callable[[Vintage], bool],
    *,
    pretend: bool,
) -> list[tuple[Event, list[Entered]]]:
    """Return the events as known at the deadline of `entry`, with their legs.

    Legs that enter on different sessions (their MD differs) are events of their own.
    """
    # The event of a change depends on its dates as the entry knew them, so two entries
    # may group the same changes differently.
    groups: dict[Event, list[Entered]] = {}
    for history in histories:
        leg = enter(history, entry, clock, pretend=pretend)
        if leg is not None and keep(leg.told):
            groups.setdefault(Event.of(leg.change, clock.sessions), []).append(leg)
    events: list[tuple[Event, list[Entered]]] = []
    for event, legs in groups.items():
        by_row: dict[int, list[Entered]] = {}
        for leg in legs:
            if leg.fill is not None:
                by_row.setdefault(leg.fill.row, []).append(leg)
        if not by_row:
            events.append((event, legs))
        for number, row in enumerate(sorted(by_row)):
            part = event
            if number:
                day = clock.sessions.date(session_of(row))
                part = Event(
                    event_id=f"{event.event_id}@{day}",
                    index=event.index,
                    date=event.date,
                )
            events.append((part, by_row[row]))
    return events


def cell_of(
    event: Event,
    legs: list[Entered],
    entry: Entry,
    exit_: Exit,
    clock: Clock,
    *,
    pretend: bool,
) -> Cell:
    """Return the cell of an event: its legs with their exits, or why it is empty."""
    # Legs of one event share the entry's fill, or none has a fill (see `_events`). An
    # event is traded whole, so one leg that cannot exit empties the cell.
    refusals = [leg.empty for leg in legs if leg.empty is not None]
    fill = legs[0].fill
    if fill is None:
        first = min(refusals, key=lambda empty: empty.reason.code)
        return Cell(
            event=event, entry=str(entry), exit=str(exit_), fill=None, empty=first
        )
    planned: list[PlannedLeg] = []
    empties: list[Empty] = []
    for leg in legs:
        decision = leave(leg, exit_, clock, pretend=pretend)
        if isinstance(decision, Empty):
            empties.append(decision)
        else:
            planned.append(decision[0])
    if empties:
        first = min(empties, key=lambda empty: empty.reason.code)
        return Cell(
            event=event, entry=str(entry), exit=str(exit_), fill=fill, empty=first
        )
    return Cell(
        event=event,
        entry=str(entry),
        exit=str(exit_),
        fill=fill,
        legs=tuple(planned),
    )
