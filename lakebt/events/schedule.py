"""Every cell of a study as columns, decided by the guard without prices.

`lakebt.events.orders` decides one order of one change. Here the same decisions are made
for many changes at once, wherever a change has a single vintage; a change that was
corrected goes through `orders` itself. `lakebt.events.guard.plan` is the reference: it
decides every cell alone, and ``tests/events/test_schedule.py`` holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from lakebt.events.changes import Changes
from lakebt.events.fills import resolve_exit
from lakebt.events.first_refusal import first_refused, look_ahead_of
from lakebt.events.guard import cell_of
from lakebt.events.orders import enter
from lakebt.events.slots import Slotting
from lakebt.values.arrays import offsets, spans
from lakebt.values.reasons import REASONS, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lakebt._typing import IntVector
    from lakebt.events.clock import Clock
    from lakebt.events.guard import OnLookAhead
    from lakebt.events.orders import Entered
    from lakebt.events.plan import Cell, Event
    from lakebt.events.rules import Entry, Exit
    from lakebt.facts import IndexChange, Vintage


CodePanel = npt.NDArray[np.int8]
RowPanel = npt.NDArray[np.int64]
BoolPanel = npt.NDArray[np.bool_]

_NO_REASON = np.int8(127)
"""Greater than every `Reason.code`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Schedule:
    """The cells of a study: an event under an entry is a *slot*, with exits across.

    Attributes
    ----------
    entries, exits
        The grid.
    clock
        Sessions and lead.
    pretend
        Whether an order may use a fact that was not yet known.
    changes : Changes
        What is decided on.
    events : tuple of Event
        By date and name.
    event, entry : ndarray of shape (n_slots,)
        Positions in `events` and `entries`. Slots are sorted by both.
    row : ndarray of shape (n_slots,)
        Half session of the entry; -1 where there is none.
    start : ndarray of shape (n_slots + 1,)
        Where each slot's legs begin, and where the last one's end.
    leg : ndarray of shape (n_legs,)
        Number of the change in `changes`.
    at : ndarray of shape (n_legs,)
        Which of its vintages the entry was decided on.
    exit_row : ndarray of shape (n_slots, n_exits)
        Half session in which the last leg leaves; -1 where the cell is empty.
    reason : ndarray of shape (n_slots, n_exits)
        Why a cell is empty: 0 where it is not, else `Reason.code`.
    apart : ndarray of shape (n_slots, n_exits)
        Whether the legs leave in different half sessions.
    late : ndarray of shape (n_slots, n_exits)
        Whether a fact that was not yet known changed the cell, be it that it is empty.
    """

    entries: tuple[Entry, ...]
    exits: tuple[Exit, ...]
    clock: Clock
    pretend: bool
    changes: Changes
    events: tuple[Event, ...]
    event: IntVector
    entry: IntVector
    row: IntVector
    start: IntVector
    leg: IntVector
    at: IntVector
    exit_row: RowPanel
    reason: CodePanel
    apart: BoolPanel
    late: BoolPanel

    def __len__(self) -> int:
        return len(self.event)

    @property
    def size(self) -> int:
        """The number of cells."""
        return self.reason.size

    @property
    def n_planned(self) -> int:
        """The number of cells that are not empty."""
        return int((self.reason == 0).sum())

    @property
    def n_apart(self) -> int:
        """The number of planned cells whose legs exit in different sessions."""
        return int((self.apart & (self.reason == 0)).sum())

    @cached_property
    def slot_of_leg(self) -> IntVector:
        """The slot of each leg, shape (n_legs,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.start))

    def vintages_of(self, legs: IntVector) -> tuple[IntVector, list[IndexChange]]:
        """Return the vintage that each of `legs` entered on.

        Returns
        -------
        ndarray of shape (n_legs,)
            Places in the list.
        list of IndexChange
            Each vintage once, by change and age.
        """
        histories = self.changes.histories
        most = max(map(len, histories), default=1)
        codes, vintages = pd.factorize(self.leg[legs] * most + self.at[legs], sort=True)
        return codes, [
            histories[number // most][number % most].change
            for number in vintages.tolist()
        ]

    @cached_property
    def _slots(self) -> dict[tuple[str, str], int]:
        return {
            (self.events[event].event_id, str(self.entries[entry])): slot
            for slot, (event, entry) in enumerate(
                zip(self.event.tolist(), self.entry.tolist(), strict=True)
            )
        }

    def slot(self, event_id: str, entry: str) -> int | None:
        """Return the slot of an event under an entry; None if there is none."""
        return self._slots.get((event_id, entry))

    def vintages(self, slot: int) -> tuple[IndexChange, ...]:
        """Return the changes of a slot's legs, as the entry knew them."""
        return tuple(
            self.changes.histories[leg][at].change
            for leg, at in zip(
                self.leg[self.start[slot] : self.start[slot + 1]].tolist(),
                self.at[self.start[slot] : self.start[slot + 1]].tolist(),
                strict=True,
            )
        )

    def cell(self, slot: int, exit_: int) -> Cell:
        """Return one cell in full, as the guard decides it alone."""
        cell = cell_of(
            self.events[self.event[slot]],
            self._entered(slot),
            self.entries[self.entry[slot]],
            self.exits[exit_],
            self.clock,
            pretend=self.pretend,
        )
        return replace(cell, late=bool(self.late[slot, exit_]))

    @cached_property
    def _last(self) -> list[tuple[int, list[Entered]]]:
        """The last slot that was looked up, and its legs, which its cells share."""
        return []

    def _entered(self, slot: int) -> list[Entered]:
        """Return the legs of a slot as they entered."""
        for known, entered in self._last:
            if known == slot:
                return entered
        rule = self.entries[self.entry[slot]]
        legs = (
            enter(self.changes.histories[leg], rule, self.clock, pretend=self.pretend)
            for leg in self.leg[self.start[slot] : self.start[slot + 1]].tolist()
        )
        entered = [leg for leg in legs if leg is not None]
        self._last[:] = [(slot, entered)]
        return entered

    def count_empty(self) -> pd.DataFrame:
        """Count the empty cells.

        Returns
        -------
        DataFrame
            A row per entry, exit and reason: ``n_events`` empty of ``n_total``.
        """
        return count_reasons(self, self.reason)


def count_reasons(schedule: Schedule, reason: CodePanel) -> pd.DataFrame:
    """Count empty cells by entry, exit and reason; see `Schedule.count_empty`."""
    rows = []
    for number, entry in enumerate(schedule.entries):
        codes = reason[schedule.entry == number]
        for column, exit_ in enumerate(schedule.exits):
            counts = np.bincount(codes[:, column], minlength=len(REASONS) + 1)
            rows += [
                (
                    str(entry),
                    str(exit_),
                    str(Reason.of_code(code)),
                    int(count),
                    len(codes),
                )
                for code, count in enumerate(counts.tolist())
                if code and count
            ]
    columns = ["entry", "exit", "reason", "n_events", "n_total"]
    return pd.DataFrame(rows, columns=columns)


def schedule(
    vintages: Iterable[Vintage],
    *,
    entries: Sequence[Entry],
    exits: Sequence[Exit],
    clock: Clock,
    keep: Callable[[Vintage], bool] = lambda _: True,
    on_look_ahead: OnLookAhead = "mask",
    size: tuple[int, int] | None = None,
    asks_derived: bool = True,
) -> Schedule:
    """Resolve every order of every event and decide it at its own deadline.

    Parameters
    ----------
    vintages
        Every vintage known to the view, in any order.
    entries, exits
        The grid.
    clock
        Sessions and lead.
    keep
        The study's filter; asked of the vintage in force at the entry.
    on_look_ahead
        What to do with an order that needs a later fact: leave its cell empty
        ("mask"), stop ("raise"), or pretend ("allow").
    size
        Keep the slots with this many legs, from and to; those that were known in time.
    asks_derived
        Whether `keep` may look at columns of `lakebt.facts.DERIVED`.

    Returns
    -------
    Schedule

    Raises
    ------
    LookAheadError
        Under "raise", for the first order that needs a fact from after its deadline: of
        the first entry that has one, in the oldest event.
    """
    changes = Changes(vintages, clock=clock, keep=keep, asks_derived=asks_derived)
    return schedule_of(
        changes,
        entries=entries,
        exits=exits,
        clock=clock,
        on_look_ahead=on_look_ahead,
        size=size,
    )


def schedule_of(
    changes: Changes,
    *,
    entries: Sequence[Entry],
    exits: Sequence[Exit],
    clock: Clock,
    on_look_ahead: OnLookAhead = "mask",
    size: tuple[int, int] | None = None,
) -> Schedule:
    """Resolve every order of changes that may be decided under other rules, too.

    Parameters
    ----------
    changes
        Made with the same `clock`.
    entries, exits, clock, on_look_ahead, size
        As `schedule` takes them.

    Raises
    ------
    LookAheadError
        As `schedule` does.
    """
    pretend = on_look_ahead == "allow"
    plan = _decided(changes, entries, exits, clock, size, pretend=pretend)
    if pretend:
        masked = _decided(changes, entries, exits, clock, size, pretend=False)
        plan = replace(plan, late=_differs(plan, masked))
    if on_look_ahead == "raise":
        first = first_refused(plan.reason, plan.entry)
        if first is not None:
            error = look_ahead_of(plan.cell(*first))
            raise error
    return plan


def _decided(
    changes: Changes,
    entries: Sequence[Entry],
    exits: Sequence[Exit],
    clock: Clock,
    size: tuple[int, int] | None,
    *,
    pretend: bool,
) -> Schedule:
    """Return every cell, without marks for late facts."""
    slots = Slotting(changes, entries, clock, pretend=pretend).in_order(size)
    shape = (len(slots.event), len(exits))
    exit_row = np.full(shape, -1, dtype=np.int64)
    reason = np.zeros(shape, dtype=np.int8)
    apart = np.zeros(shape, dtype=bool)
    reason[:] = slots.reason[:, None]
    entered = np.flatnonzero(slots.row >= 0)
    if len(entered):
        legs = slots.legs_of(entered)
        starts = offsets(np.diff(slots.start)[entered])[:-1]
        for column, rule in enumerate(exits):
            left = resolve_exit(changes, legs, rule, clock, pretend=pretend)
            # One leg that cannot exit empties the cell. The reason is the first one of
            # its legs: the smallest code that is not 0.
            codes = np.where(left.reason == 0, _NO_REASON, left.reason)
            first = np.minimum.reduceat(codes, starts)
            empty = first < _NO_REASON
            last = np.maximum.reduceat(left.row, starts)
            reason[entered, column] = np.where(empty, first, 0)
            exit_row[entered, column] = np.where(empty, -1, last)
            apart[entered, column] = ~empty & (
                np.minimum.reduceat(left.row, starts) != last
            )
    return Schedule(
        entries=tuple(entries),
        exits=tuple(exits),
        clock=clock,
        pretend=pretend,
        changes=changes,
        events=slots.events,
        event=slots.event,
        entry=slots.entry,
        row=slots.row,
        start=slots.start,
        leg=slots.leg,
        at=slots.at,
        exit_row=exit_row,
        reason=reason,
        apart=apart,
        late=np.zeros(shape, dtype=bool),
    )


def _differs(plan: Schedule, masked: Schedule) -> BoolPanel:
    """Return which cells differ from those decided on facts known in time.

    Whatever a late fact did, it shows in this: no way of it has to be thought of.
    """
    of = [
        masked.slot(plan.events[event].event_id, str(plan.entries[entry]))
        for event, entry in zip(plan.event.tolist(), plan.entry.tolist(), strict=True)
    ]
    other = np.array([-1 if slot is None else slot for slot in of], dtype=np.int64)
    differs = np.ones(plan.reason.shape, dtype=bool)
    both = np.flatnonzero(other >= 0)
    both = both[plan.row[both] == masked.row[other[both]]]
    twin = other[both]
    size = np.diff(plan.start)[both]
    has_moved = size != np.diff(masked.start)[twin]
    alike, of_alike = np.flatnonzero(~has_moved), size[~has_moved]
    plan_rows = spans(plan.start[both[alike]], of_alike)
    masked_rows = spans(masked.start[twin[alike]], of_alike)
    for name in ("leg", "at"):
        moved = getattr(plan, name)[plan_rows] != getattr(masked, name)[masked_rows]
        has_moved[np.repeat(alike, of_alike)[moved]] = True
    is_other = plan.exit_row[both] != masked.exit_row[twin]
    is_other |= (plan.apart[both] != masked.apart[twin]) | has_moved[:, None]
    # An empty cell has only its reason.
    is_other &= plan.reason[both] == 0
    differs[both] = is_other | (plan.reason[both] != masked.reason[twin])
    return differs
