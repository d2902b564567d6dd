"""The order of one change: the vintage that it rests on, or why there is none.

A vintage of a change is in force from its `known_at` until the next one's. An order
belongs to the first vintage whose own deadline lies within its force.

`lakebt.events.fills` decides the same for many changes at once, those with a single
vintage: change both or neither. ``tests/events/test_schedule.py`` holds them together.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakebt.events.clock import Clock, Fill, anchor_day, has_anchor
from lakebt.events.plan import Empty, PlannedLeg, describe
from lakebt.events.rules import (
    Anchor,
    AnchorRule,
    DateRule,
    Entry,
    Exit,
    SessionsLater,
    WeeksLater,
)
from lakebt.instants import TICK
from lakebt.values.reasons import Reason

if TYPE_CHECKING:
    from lakebt.facts import IndexChange, Vintage
    from lakebt.sessions import Sessions


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
    known_at
        When all that the entry needs was known, UTC; None without a fill.
    late
        Whether the vintage was not yet known (``allow``).
    """

    history: tuple[Vintage, ...]
    at: int
    fill: Fill | None = None
    empty: Empty | None = None
    known_at: dt.datetime | None = None
    late: bool = False

    @property
    def vintage(self) -> Vintage:
        """The version of the change that the entry belongs to."""
        return self.history[self.at]

    @property
    def change(self) -> IndexChange:
        """The change as the entry knew it."""
        return self.vintage.change

    @property
    def told(self) -> Vintage:
        """The vintage for filters, without columns known later.

        That is before the order's deadline; of a late order when its fact was known. An
        order without a date is not decided: there, all that the view knows is told.
        """
        if self.fill is not None and not self.late:
            return self.vintage.before(self.fill.deadline)
        known_at = self.known_at if self.empty is None else self.empty.known_at
        return (
            self.vintage if known_at is None else self.vintage.before(known_at + TICK)
        )


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
    empty_at = 0
    hindsight: Entered | None = None
    # In the order of `known_at`. A vintage that was replaced before its own deadline
    # has no effect: the order was not sent yet, and follows the next vintage.
    for number, vintage in enumerate(history):
        change = vintage.change
        if vintage.retracted:
            continue
        fill = clock.anchored(rule, change)
        if fill is None:
            if empty is None:
                empty, empty_at = _unresolved(rule, change, clock.sessions), number
            continue
        known = known_from(rule, change)
        if known >= fill.deadline:
            empty = _late(rule, change, known, fill, clock.sessions)
            empty_at = number
            hindsight = Entered(
                history=history, at=number, fill=fill, known_at=known, late=True
            )
        elif fill.deadline <= _in_force_until(history, number):
            return Entered(history=history, at=number, fill=fill, known_at=known)
    if pretend and hindsight is not None:
        return hindsight
    if empty is None:
        return None
    return Entered(history=history, at=empty_at, empty=empty)


def _unresolved(rule: Exit, change: IndexChange, sessions: Sessions) -> Empty:
    if not has_anchor(rule, change):
        assert isinstance(rule, AnchorRule)  # noqa: S101 - the others have no anchor
        missing = {
            Anchor.AD: "announcement",
            Anchor.ED: "effective date",
            Anchor.MD: "holdings report",
        }[rule.anchor]
        return Empty(
            reason=Reason.NO_ANCHOR,
            fact=f"no {missing} of {describe(change, sessions)}",
        )
    fact = f"{rule} is not a session"
    day: dt.date | None = None
    if isinstance(rule, DateRule):
        day = rule.date
    elif isinstance(rule, AnchorRule):
        day = anchor_day(rule.anchor, change, sessions)
        fact = f"{describe(change, sessions)}: {rule} is not a session"
    if day is not None and not sessions.covers(day):
        fact += f", {day} is outside the calendar of {sessions.exchange}"
    return Empty(reason=Reason.NO_SESSION, fact=fact)


def _fact(rule: Exit, change: IndexChange, sessions: Sessions) -> str:
    if isinstance(rule, AnchorRule) and rule.anchor is Anchor.MD:
        return f"the holdings report that shows {describe(change, sessions)}"
    return describe(change, sessions)


def leave(
    leg: Entered, rule: Exit, clock: Clock, *, pretend: bool = False
) -> tuple[PlannedLeg, bool] | Empty:
    """Return the exit of a leg, or why it has none.

    The exit follows the vintages from the entry's on: it is planned on the one in force
    and kept until a later one, known before the plan's deadline, moves it. A retraction
    carries no new date, so the plan stays. A correction whose own deadline had passed
    when it came moves the exit to the first fill that could still be reached: the
    position is there, and the order that opened it cannot be undone by what came later.

    Parameters
    ----------
    leg
        One that has entered.
    rule
        The exit.
    clock
        Sessions and lead.
    pretend
        Take the newest vintage where none was known in time.

    Returns
    -------
    (PlannedLeg, late) or Empty
        `late` says that a fact from after the deadline was used.
    """
    entry = leg.fill
    assert entry is not None  # noqa: S101 - the caller asks of legs that entered
    if isinstance(rule, SessionsLater | WeeksLater):
        fill = clock.from_entry(rule, entry)
        if fill is None:
            return Empty(reason=Reason.NO_SESSION, fact=f"{rule} is past the calendar")
        if fill.instant <= entry.instant:
            return _too_early(rule, fill, entry, clock)
        return _planned(leg, fill, leg.change, known_at=leg.known_at), False
    return _follow(leg, entry, rule, clock, pretend=pretend)


def _follow(
    leg: Entered, entry: Fill, rule: Entry, clock: Clock, *, pretend: bool
) -> tuple[PlannedLeg, bool] | Empty:
    # "Exit before entry" is the reason only if the entry could know it. If it could
    # not, the exit's date was known too late, which is look-ahead.
    first, known = clock.anchored(rule, leg.change), known_from(rule, leg.change)
    was_known = leg.late or known < entry.deadline
    if first is not None and first.instant <= entry.instant and was_known:
        return _too_early(rule, first, entry, clock)
    planned: Fill | None = None
    refused: Empty | None = None
    hindsight: tuple[Fill, IndexChange, dt.datetime] | None = None
    decided = leg.change
    for number in range(leg.at, len(leg.history)):
        vintage = leg.history[number]
        fill = None if vintage.retracted else clock.anchored(rule, vintage.change)
        if fill is not None:
            learned = known_from(rule, vintage.change)
            if learned < fill.deadline:
                planned, known, decided = fill, learned, vintage.change
            elif (
                planned is not None
            ):  # known too late for its own date: fill as soon as possible
                planned, known = clock.first_after(learned, rule.at), learned
                decided = vintage.change
            else:
                refused = _late(rule, vintage.change, learned, fill, clock.sessions)
                if fill.instant > entry.instant:
                    hindsight = fill, vintage.change, learned
        elif not vintage.retracted and planned is None and refused is None:
            refused = _unresolved(rule, vintage.change, clock.sessions)
        # A planned exit is sent if nothing newer is known by its deadline.
        until = _in_force_until(leg.history, number)
        if planned is not None and planned.deadline <= until:
            return _planned(leg, planned, decided, known_at=known), False
    if pretend and hindsight is not None:
        fill, decided, known = hindsight
        return _planned(leg, fill, decided, known_at=known), True
    return refused or Empty(
        reason=Reason.NO_SESSION, fact=f"{rule} is past the calendar"
    )


def _late(
    rule: Exit,
    change: IndexChange,
    known: dt.datetime,
    fill: Fill,
    sessions: Sessions,
) -> Empty:
    return Empty(
        reason=Reason.LOOK_AHEAD,
        fact=_fact(rule, change, sessions),
        known_at=known,
        needed_by=fill.deadline,
    )


def _planned(
    leg: Entered, fill: Fill, decided: IndexChange, *, known_at: dt.datetime | None
) -> PlannedLeg:
    assert leg.known_at is not None  # noqa: S101 - a leg that entered
    return PlannedLeg(
        change=leg.change,
        exit_change=decided,
        exit=fill,
        entry_known_at=leg.known_at,
        exit_known_at=known_at or leg.known_at,
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
