"""Causes of index changes: the publisher's, or derived from corporate actions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.events.clock import OUTSIDE, anchor_session
from lakebt.events.rules import Anchor
from lakebt.prices.actions import ActionKind

if TYPE_CHECKING:
    from lakebt.facts import IndexChange
    from lakebt.prices.actions import ActionHistory
    from lakebt.sessions import Sessions


NEAR_SESSIONS = 5
"""An action this many sessions from the effective one, or fewer, is why."""

UNKNOWN = "unknown"
DERIVED_MARK = " (derived)"

_OF_SYMBOL = {
    ActionKind.MERGER: "merger",
    ActionKind.DELISTING: "failure",
    ActionKind.SPIN_OFF: "spin_off",
}


class Causes:
    """Finds the causes of changes, with the actions that a view knows.

    Parameters
    ----------
    actions
        Of the symbols of the changes.
    sessions
        That the actions count in.
    """

    def __init__(self, actions: ActionHistory, sessions: Sessions) -> None:
        self._sessions = sessions
        self._near: dict[str, list[tuple[int, str]]] = {}
        for action in actions.final:
            cause = _OF_SYMBOL.get(action.kind)
            if cause is None:
                continue
            names = [action.symbol]
            if action.kind is ActionKind.SPIN_OFF:
                names.append(action.other)
            for name in names:
                self._near.setdefault(name, []).append((action.session, cause))

    def of(self, change: IndexChange) -> str:
        """Return the cause of a change.

        Returns
        -------
        str
            What its publisher gave. Where that is empty, the cause that the nearest
            merger, delisting or spin-off of its symbol tells, marked "(derived)", if
            its `ex_date` is at most `NEAR_SESSIONS` from the effective session; else
            "unknown".
        """
        if change.cause:
            return change.cause
        nearby = self._near.get(change.symbol)
        effective = (
            anchor_session(Anchor.ED, change, self._sessions) if nearby else None
        )
        if not nearby or effective is None or effective == OUTSIDE:
            return UNKNOWN
        near = [
            (abs(session - effective), cause)
            for session, cause in nearby
            if abs(session - effective) <= NEAR_SESSIONS
        ]
        return f"{min(near)[1]}{DERIVED_MARK}" if near else UNKNOWN
