"""Fills of one rule for many changes at once, or the reasons without one.

The same decisions as `lakebt.events.orders`, made at once for all changes that have a
single vintage; those that were corrected are decided there, one at a time. The two must
agree: ``tests/events/test_schedule.py`` holds one against the other, cell by cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lakebt.events.orders import Entered, enter, leave
from lakebt.events.plan import Empty
from lakebt.events.rules import Anchor, AnchorRule, DateRule, SessionsLater, WeeksLater
from lakebt.sessions import half_session, session_of
from lakebt.values.reasons import Reason

if TYPE_CHECKING:
    from lakebt._typing import IntVector
    from lakebt.events.changes import Changes
    from lakebt.events.clock import Clock
    from lakebt.events.rules import Entry, Exit


_NO_ANCHOR = Reason.NO_ANCHOR.code
_NO_SESSION = Reason.NO_SESSION.code
_LOOK_AHEAD = Reason.LOOK_AHEAD.code
_EXIT_BEFORE_ENTRY = Reason.EXIT_BEFORE_ENTRY.code


@dataclass(frozen=True, kw_only=True, eq=False)
class Resolved:
    """The entries under one rule, a row for each change that may be in an event.

    Attributes
    ----------
    leg : ndarray of shape (n,)
        Number of the change; ascending.
    at : ndarray of shape (n,)
        Which of its vintages.
    event : ndarray of shape (n,)
        Code of its event.
    row : ndarray of shape (n,)
        Half session of the fill; -1 where there is none.
    reason : ndarray of shape (n,)
        Why there is none: `Reason.code`, else 0.
    late : ndarray of shape (n,)
        Whether a fact was used that was not yet known.
    corrected : tuple of (int, Entered)
        The place of each change with several vintages, with its decision in full.
    """

    leg: IntVector
    at: IntVector
    event: IntVector
    row: IntVector
    reason: npt.NDArray[np.int8]
    late: npt.NDArray[np.bool_]
    corrected: tuple[tuple[int, Entered], ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Entries:
    """Legs that have entered, as an exit needs them.

    Attributes
    ----------
    leg, row, late : ndarray of shape (n_legs,)
        Number of the change, half session of its entry, whether that was late.
    corrected : tuple of (int, Entered)
        The place of each leg with several vintages, with its decision.
    """

    leg: IntVector
    row: IntVector
    late: npt.NDArray[np.bool_]
    corrected: tuple[tuple[int, Entered], ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Exits:
    """The exits under one rule, for each leg.

    Attributes
    ----------
    row : ndarray of shape (n_legs,)
        Half session; -1 where there is none.
    reason : ndarray of shape (n_legs,)
        Why there is none: `Reason.code`, else 0.
    late : ndarray of shape (n_legs,)
        Whether the entry or the exit used a fact that was not yet known.
    """

    row: IntVector
    reason: npt.NDArray[np.int8]
    late: npt.NDArray[np.bool_]


def resolve_entry(
    changes: Changes, rule: Entry, clock: Clock, *, pretend: bool
) -> Resolved:
    """Return every change's entry, or why there is none; see `orders.enter`."""
    row, reason = _anchored(changes, rule, clock, np.arange(len(changes.simple)))
    # A row of -1 has no deadline; `late` is False there.
    deadline = clock.deadlines(row)
    late = (row >= 0) & (_known_from(changes, rule) >= deadline)
    if not pretend:
        reason = np.where(late, np.int8(_LOOK_AHEAD), reason)
        row = np.where(late, -1, row)
        late = np.zeros_like(late)
    several: list[tuple[int, Entered]] = []
    for number in changes.corrected:
        leg = enter(changes.histories[number], rule, clock, pretend=pretend)
        if leg is not None and changes.keep(leg.told):
            several.append((number, leg))
    numbers = np.array([number for number, _ in several], dtype=np.int64)
    legs = np.concatenate([changes.simple, numbers])
    order = np.argsort(legs)
    position = np.empty(len(legs), dtype=np.int64)
    position[order] = np.arange(len(legs))

    def joined(single: npt.NDArray[Any], others: list[int]) -> npt.NDArray[Any]:
        return np.concatenate([single, np.array(others, dtype=single.dtype)])[order]

    return Resolved(
        leg=legs[order],
        at=joined(np.zeros_like(row), [leg.at for _, leg in several]),
        event=joined(
            changes.event,
            [changes.event_code(leg.change) for _, leg in several],
        ),
        row=joined(
            row, [-1 if leg.fill is None else leg.fill.row for _, leg in several]
        ),
        reason=joined(
            reason,
            [0 if leg.empty is None else leg.empty.reason.code for _, leg in several],
        ),
        late=joined(late, [leg.late for _, leg in several]),
        corrected=tuple(
            (int(position[len(changes.simple) + n]), leg)
            for n, (_, leg) in enumerate(several)
        ),
    )


def resolve_exit(
    changes: Changes, legs: Entries, rule: Exit, clock: Clock, *, pretend: bool
) -> Exits:
    """Return the exit of each leg, or why it has none; see `orders.leave`."""
    if isinstance(rule, SessionsLater | WeeksLater):
        row, reason = _from_entry(rule, legs.row, clock)
        return Exits(row=row, reason=reason, late=legs.late)
    # Changes with corrections are computed here as if they were the first change with
    # one vintage, so that arrays keep their shape; they are overwritten below.
    place = changes.place[legs.leg]
    single = np.where(place >= 0, place, 0)
    if not len(changes.simple):  # nothing but corrected changes
        row = np.full(len(legs.leg), -1, dtype=np.int64)
        reason = np.zeros(len(legs.leg), dtype=np.int8)
        late = legs.late.copy()
    else:
        row, reason, late = _follow(changes, legs, rule, clock, single, pretend=pretend)
    for number, leg in legs.corrected:
        decision = leave(leg, rule, clock, pretend=pretend)
        if isinstance(decision, Empty):
            row[number], reason[number] = -1, decision.reason.code
            late[number] = False
        else:
            row[number], reason[number] = decision[0].exit.row, 0
            late[number] = leg.late or decision[1]
    return Exits(row=row, reason=reason, late=late)


def _follow(
    changes: Changes,
    legs: Entries,
    rule: Entry,
    clock: Clock,
    single: IntVector,
    *,
    pretend: bool,
) -> tuple[IntVector, npt.NDArray[np.int8], npt.NDArray[np.bool_]]:
    row, reason = _anchored(changes, rule, clock, single)
    known = _known_from(changes, rule)[single]
    # The same as `orders._follow` for one vintage: before the entry, if the entry could
    # know it; else late, if the date was known after the exit's own deadline.
    is_filled = row >= 0
    is_early = is_filled & (row <= legs.row)
    is_early &= legs.late | (known < clock.deadlines(legs.row))
    is_late = is_filled & ~is_early & (known >= clock.deadlines(row))
    pretended = is_late & (row > legs.row) & pretend
    reason = np.where(is_early, np.int8(_EXIT_BEFORE_ENTRY), reason)
    reason = np.where(is_late & ~pretended, np.int8(_LOOK_AHEAD), reason)
    return np.where(reason == 0, row, -1), reason, legs.late | pretended


def _anchored(
    changes: Changes, rule: Entry, clock: Clock, single: IntVector
) -> tuple[IntVector, npt.NDArray[np.int8]]:
    """Return the half session of a rule that counts from a change, or has a date."""
    count = len(clock.sessions)
    reason = np.zeros(len(single), dtype=np.int8)
    if isinstance(rule, DateRule):
        number = clock.dated(rule.date)
        if number is None:
            reason[:] = _NO_SESSION
            return np.full(len(single), -1, dtype=np.int64), reason
        fill = half_session(number, rule.at)
        return np.full(len(single), fill, dtype=np.int64), reason
    anchor = changes.anchors(rule.anchor)[single]
    session = anchor + rule.offset
    is_outside = (session < 0) | (session >= count)
    reason[is_outside] = _NO_SESSION
    reason[anchor < 0] = _NO_ANCHOR
    row = np.where(is_outside | (anchor < 0), -1, half_session(session, rule.at))
    return row, reason


def _from_entry(
    rule: SessionsLater | WeeksLater, entry_row: IntVector, clock: Clock
) -> tuple[IntVector, npt.NDArray[np.int8]]:
    sessions = clock.sessions
    entered = session_of(entry_row)
    if isinstance(rule, SessionsLater):
        session = entered + rule.sessions
    else:
        days = sessions.days[entered] + np.timedelta64(7 * rule.weeks, "D")
        session = np.searchsorted(sessions.days, days)
    row = half_session(session, rule.at)
    reason = np.where(row <= entry_row, np.int8(_EXIT_BEFORE_ENTRY), np.int8(0))
    reason[session >= len(sessions)] = _NO_SESSION
    return np.where(reason == 0, row, -1), reason


def _known_from(changes: Changes, rule: Entry) -> IntVector:
    """Return when all that `rule` needs of each single vintage was known."""
    if isinstance(rule, AnchorRule) and rule.anchor is Anchor.MD:
        return np.maximum(changes.known, changes.recorded)
    return changes.known
