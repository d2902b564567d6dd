"""The range of sessions whose prices a study needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.events.clock import OUTSIDE, anchor_session
from lakebt.events.rules import AnchorRule, DateRule, SessionsLater, WeeksLater
from lakebt.sessions import session_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakebt.events.changes import Changes
    from lakebt.events.rules import Anchor, Exit
    from lakebt.events.schedule import Schedule
    from lakebt.study.scope import Scope


_PER_WEEK = 5


def reach(scope: Scope) -> tuple[int, int]:
    """Return the first and the last session that orders of a study may be filled in.

    Whatever vintage of a change an order is decided on. Nothing is decided for it, so
    `reached` may still find an order beyond: the caller looks.

    Returns
    -------
    first, last : int
        Numbers of sessions, inclusive.
    """
    arguments, far = scope.arguments, len(scope.clock.sessions) - 1
    rules = (*arguments.entries, *arguments.exits)
    named = {rule.anchor for rule in rules if isinstance(rule, AnchorRule)}
    of_anchor = {anchor: _sessions(scope, anchor) for anchor in sorted(named)}
    entered = [
        session
        for rule in arguments.entries
        for session in _fixed(scope, rule, of_anchor)
    ]
    if not entered:
        return 0, far
    left = [max(entered)]
    for rule in arguments.exits:
        if isinstance(rule, SessionsLater):
            left.append(max(entered) + rule.sessions)
        elif isinstance(rule, WeeksLater):
            left.append(max(entered) + _PER_WEEK * rule.weeks + 1)
        else:
            left += _fixed(scope, rule, of_anchor)
    return max(min(entered), 0), min(max(left), far)


def reached(plan: Schedule) -> tuple[int, int]:
    """Return the first and the last session of a schedule's orders; 0, -1 of none."""
    entered = plan.row >= 0
    if not entered.any():
        return 0, -1
    first = session_of(int(plan.row[entered].min()))
    last = session_of(int(plan.exit_row[entered].max(initial=-1)))
    return first, max(first, last)


def _fixed(
    scope: Scope, rule: Exit, of_anchor: dict[Anchor, list[int]]
) -> Iterator[int]:
    """Yield the least and the greatest session of a rule that no entry moves."""
    if isinstance(rule, AnchorRule):
        yield from (session + rule.offset for session in of_anchor[rule.anchor])
    elif isinstance(rule, DateRule):
        session = scope.clock.dated(rule.date)
        if session is not None:
            yield session


def _sessions(scope: Scope, anchor: Anchor) -> list[int]:
    """Return the least and the greatest session that an anchor has; [] without one."""
    changes: Changes = scope.decided_on
    single = changes.anchors(anchor)
    there = single[(single >= 0) & (single != OUTSIDE)]
    bounds = [int(there.min()), int(there.max())] if len(there) else []
    for number in changes.corrected:
        for vintage in changes.histories[number]:
            session = anchor_session(anchor, vintage.change, scope.clock.sessions)
            if session is not None and session != OUTSIDE:
                bounds.append(session)
    return [min(bounds), max(bounds)] if bounds else []
