"""Gate 1: every order is decided on what was known before its own deadline.

A vintage of a change is in force from its `known_at` until the next one's. An order
belongs to the first vintage whose own deadline lies within its force; there is none
where the fact came too late, and the order is refused. What came after the deadline
neither refuses nor changes an order.
"""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from lakebt.errors import LookAheadError
from lakebt.events.fills import Clock, Fill, has_anchor
from lakebt.events.plan import Cell, Empty, Event, PlannedLeg, Reason, describe
from lakebt.events.rules import (
    Anchor,
    AnchorRule,
    Entry,
    Exit,
    SessionsLater,
    WeeksLater,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lakebt.facts import IndexChange, Vintage

OnLookAhead: TypeAlias = Literal["mask", "raise", "allow"]
ON_LOOK_AHEAD: tuple[OnLookAhead, ...] = get_args(OnLookAhead)

_NEVER = dt.datetime.max.replace(tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """A leg at its entry: the vintage in force, or why there is none.

    Attributes
    ----------
    history
        All vintages of the change, oldest first.
    at
        Which of them the entry belongs to.
    fill, empty
        One of the two.
    late
        Whether the vintage was not yet known (``allow``).
    """

    history: tuple[Vintage, ...]
    at: int
    fill: Fill | None = None
    empty: Empty | None = None
    late: bool = False

    @property
    def change(self) -> IndexChange:
        """The change as the entry knew it."""
        return self.history[self.at].change


def plan(
    vintages: Iterable[Vintage],
    *,
    entries: Sequence[Entry],
    exits: Sequence[Exit],
    clock: Clock,
    keep: Callable[[IndexChange], bool] = lambda _: True,
    on_look_ahead: OnLookAhead = "mask",
) -> tuple[Cell, ...]:
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

    Returns
    -------
    tuple of Cell
        By event (oldest first), entry and exit, both in the order given.

    Raises
    ------
    LookAheadError
        Under "raise", for the first order that needs a fact from after its deadline.
    """
    histories = _histories(vintages)
    cells: list[Cell] = []
    for entry in entries:
        for event, legs in _events(histories, entry, clock, keep, on_look_ahead):
            cells.extend(_cell(event, legs, entry, exit_, clock) for exit_ in exits)
    if on_look_ahead == "raise":
        _raise_first(cells)
    order = {str(rule): number for number, rule in enumerate(entries)}
    # A stable sort: within an event and an entry the exits keep their order.
    cells.sort(key=lambda c: (c.event.date, c.event.event_id, order[c.entry]))
    return tuple(cells)


def _raise_first(cells: Iterable[Cell]) -> None:
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


def known_from(rule: Exit, change: IndexChange) -> dt.datetime:
    """Return when all that `rule` needs of `change` was known."""
    if (
        isinstance(rule, AnchorRule)
        and rule.anchor is Anchor.MD
        and change.recorded is not None
    ):
        return max(change.known_at, change.recorded)
    return change.known_at


def _in_force_until(history: tuple[Vintage, ...], number: int) -> dt.datetime:
    if number + 1 < len(history):
        return history[number + 1].change.known_at
    return _NEVER


def enter(
    history: tuple[Vintage, ...], rule: Entry, clock: Clock, *, pretend: bool = False
) -> Entered | None:
    """Return a change's entry: its vintage and fill, or why there is none.

    Parameters
    ----------
    history
        The vintages of one change, oldest first.
    rule
        The entry.
    clock
        Sessions and lead.
    pretend
        Take the newest vintage where none was known in time.

    Returns
    -------
    Entered or None
        None if the change had been withdrawn by the deadline: there is nothing to
        trade and nothing to refuse.
    """
    empty: Empty | None = None
    told = 0
    hindsight: Entered | None = None
    for number, vintage in enumerate(history):
        change = vintage.change
        if vintage.retracted:
            continue
        fill = clock.anchored(rule, change)
        if fill is None:
            if empty is None:
                empty, told = _unresolved(rule, change), number
            continue
        known = known_from(rule, change)
        if known >= fill.deadline:
            empty = Empty(
                reason=Reason.LOOK_AHEAD,
                fact=_fact(rule, change),
                known_at=known,
                needed_by=fill.deadline,
            )
            told = number
            hindsight = Entered(history=history, at=number, fill=fill, late=True)
        elif fill.deadline <= _in_force_until(history, number):
            return Entered(history=history, at=number, fill=fill)
    if pretend and hindsight is not None:
        return hindsight
    if empty is None:
        return None
    return Entered(history=history, at=told, empty=empty)


def _unresolved(rule: Exit, change: IndexChange) -> Empty:
    if not has_anchor(rule, change):
        assert isinstance(rule, AnchorRule)  # noqa: S101 - the others have no anchor
        missing = {
            Anchor.AD: "announcement",
            Anchor.ED: "effective date",
            Anchor.MD: "holdings report",
        }[rule.anchor]
        return Empty(
            reason=Reason.NO_ANCHOR, fact=f"no {missing} of {describe(change)}"
        )
    return Empty(reason=Reason.NO_SESSION, fact=f"{rule} is not a session")


def _fact(rule: Exit, change: IndexChange) -> str:
    if isinstance(rule, AnchorRule) and rule.anchor is Anchor.MD:
        return f"the holdings report that shows {describe(change)}"
    return describe(change)


def _events(
    histories: Iterable[tuple[Vintage, ...]],
    entry: Entry,
    clock: Clock,
    keep: Callable[[IndexChange], bool],
    on_look_ahead: OnLookAhead,
) -> list[tuple[Event, list[Entered]]]:
    """Return the events as known at the deadline of `entry`, with their legs.

    Legs that enter on different sessions (their MD differs) are events of their own.
    """
    groups: dict[Event, list[Entered]] = {}
    for history in histories:
        leg = enter(history, entry, clock, pretend=on_look_ahead == "allow")
        if leg is not None and keep(leg.change):
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
                day = clock.sessions.date(row // 2)
                part = Event(
                    event_id=f"{event.event_id}@{day}",
                    index=event.index,
                    date=event.date,
                )
            events.append((part, by_row[row]))
    return events


def _cell(
    event: Event, legs: list[Entered], entry: Entry, exit_: Exit, clock: Clock
) -> Cell:
    """Return the cell of an event: its legs with their exits, or why it is empty."""
    refusals = [leg.empty for leg in legs if leg.empty is not None]
    fill = legs[0].fill
    if fill is None:
        first = min(refusals, key=lambda empty: empty.reason.rank)
        return Cell(
            event=event, entry=str(entry), exit=str(exit_), fill=None, empty=first
        )
    planned: list[PlannedLeg] = []
    empties: list[Empty] = []
    late = False
    for leg in legs:
        found = leave(leg, exit_, clock)
        if isinstance(found, Empty):
            empties.append(found)
        else:
            planned.append(found[0])
            late = late or leg.late or found[1]
    if empties:
        first = min(empties, key=lambda empty: empty.reason.rank)
        return Cell(
            event=event, entry=str(entry), exit=str(exit_), fill=fill, empty=first
        )
    return Cell(
        event=event,
        entry=str(entry),
        exit=str(exit_),
        fill=fill,
        legs=tuple(planned),
        late=late,
    )


def leave(leg: Entered, rule: Exit, clock: Clock) -> tuple[PlannedLeg, bool] | Empty:
    """Return where a leg leaves, or why it cannot.

    The exit follows the vintages from the entry's on: it is planned on the one in force
    and kept until a later one, known before the plan's deadline, moves it. A retraction
    carries no new date, so the plan stays. A correction whose own deadline had passed
    when it came moves the exit to the first fill that could still be reached: the
    position is there, and the order that opened it cannot be undone by what came later.

    Returns
    -------
    (PlannedLeg, late) or Empty
        `late` says that a fact from after the deadline was used, which only a leg that
        pretended at its entry does.
    """
    entry = leg.fill
    assert entry is not None  # noqa: S101 - the caller asks of legs that entered
    change = leg.change
    if isinstance(rule, SessionsLater | WeeksLater):
        fill = clock.from_entry(rule, entry)
        if fill is None:
            return Empty(reason=Reason.NO_SESSION, fact=f"{rule} is past the calendar")
        if fill.instant <= entry.instant:
            return _too_early(rule, fill, entry, clock)
        done = PlannedLeg(change=change, exit=fill, exit_known_at=change.known_at)
        return done, False
    return _follow(leg, entry, rule, clock)


def _follow(
    leg: Entered, entry: Fill, rule: Entry, clock: Clock
) -> tuple[PlannedLeg, bool] | Empty:
    planned: Fill | None = None
    known_at = leg.change.known_at
    refused: Empty | None = None
    late = False
    for number in range(leg.at, len(leg.history)):
        vintage = leg.history[number]
        change = vintage.change
        fill = None if vintage.retracted else clock.anchored(rule, change)
        if fill is not None:
            known = known_from(rule, change)
            if (
                number == leg.at
                and fill.instant <= entry.instant
                and known < entry.deadline
            ):
                return _too_early(rule, fill, entry, clock)
            if known < fill.deadline or (leg.late and fill.instant > entry.instant):
                late = known >= fill.deadline
                planned, known_at = fill, known
            elif planned is not None:
                planned, known_at = clock.first_after(known, rule.at), known
            else:
                refused = Empty(
                    reason=Reason.LOOK_AHEAD,
                    fact=_fact(rule, change),
                    known_at=known,
                    needed_by=fill.deadline,
                )
        elif not vintage.retracted and planned is None and refused is None:
            refused = _unresolved(rule, change)
        if planned is not None and planned.deadline <= _in_force_until(
            leg.history, number
        ):
            if planned.instant <= entry.instant:
                return _too_early(rule, planned, entry, clock)
            done = PlannedLeg(change=leg.change, exit=planned, exit_known_at=known_at)
            return done, late
    return refused or Empty(
        reason=Reason.NO_SESSION, fact=f"{rule} is past the calendar"
    )


def _too_early(rule: Exit, fill: Fill, entry: Fill, clock: Clock) -> Empty:
    left = clock.sessions.date(fill.session)
    entered = clock.sessions.date(entry.session)
    return Empty(
        reason=Reason.EXIT_BEFORE_ENTRY,
        fact=(
            f"{rule} is the {fill.at} of {left}, the entry the {entry.at} of {entered}"
        ),
    )
