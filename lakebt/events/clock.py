"""Resolves a rule and a change to a session, its instant and its deadline."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

import numpy as np

from lakebt.errors import InvalidArgumentError
from lakebt.events.rules import (
    Anchor,
    AnchorRule,
    DateRule,
    Entry,
    Exit,
    SessionsLater,
    WeeksLater,
)
from lakebt.inputs.durations import parse_duration
from lakebt.instants import TICK
from lakebt.sessions import half_session, is_close, session_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt._typing import IntVector
    from lakebt.facts import IndexChange
    from lakebt.sessions import At, Sessions


OUTSIDE = 1 << 40
"""The session of a date outside the calendar: no offset leads back from it."""

_LONGEST_LEAD = dt.timedelta(days=30)


def lead_text(lead: dt.timedelta) -> str:
    """Return a lead as it is written, so that `parse_lead` reads the same one back.

    Examples
    --------
    >>> [lead_text(parse_lead(text)) for text in ("10min", "90s", "601s", "1us")]
    ['10min', '1.5min', '601s', '1us']
    """
    # Minutes with six digits are what earlier versions recorded: where they are exact
    # they stay, for the text is part of a trial's id.
    minutes = f"{lead.total_seconds() / 60:g}min"
    try:
        if parse_lead(minutes) == lead:
            return minutes
    except InvalidArgumentError:  # as 1.7e-08min, which is not a duration
        pass
    microseconds = lead // TICK
    if microseconds % 1_000_000 == 0:
        return f"{microseconds // 1_000_000}s"
    return f"{microseconds}us"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """Where in time an order is filled, and when it had to be sent.

    Attributes
    ----------
    session
        Number of the session.
    at
        Its open or its close.
    instant
        Of the fill, UTC.
    deadline
        The fill less the lead; what is known from here on comes too late.
    """

    session: int
    at: At
    instant: dt.datetime
    deadline: dt.datetime

    @property
    def row(self) -> int:
        """The half session."""
        return half_session(self.session, self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The exchange's sessions and the lead an order needs.

    Attributes
    ----------
    sessions
        The exchange calendar.
    min_lead
        Time between the deadline of an order and its fill.
    """

    sessions: Sessions
    min_lead: dt.timedelta

    def fill(self, session: int, at: At) -> Fill | None:
        """Return the fill in a session; None where the calendar has no such session."""
        if not 0 <= session < len(self.sessions):
            return None
        instant = self.sessions.instant(session, at)
        return Fill(
            session=session, at=at, instant=instant, deadline=instant - self.min_lead
        )

    def deadlines(self, rows: IntVector) -> IntVector:
        """Return when the orders of half sessions had to be sent.

        Parameters
        ----------
        rows : ndarray of shape (n,)
            Half sessions; of -1 the answer has no meaning.

        Returns
        -------
        ndarray of shape (n,)
            Microseconds since 1970 UTC.
        """
        session = session_of(np.maximum(rows, 0))
        opens, closes = self.sessions.instants("open"), self.sessions.instants("close")
        fills = np.where(is_close(rows), closes[session], opens[session])
        deadlines: IntVector = fills - self.min_lead // TICK
        return deadlines

    def first_after(self, instant: dt.datetime, at: At) -> Fill | None:
        """Return the first fill `at` open or close with a deadline after `instant`."""
        day = self.sessions.day(instant + self.min_lead)
        if not self.sessions.covers(day):
            return None
        number = self.sessions.on_or_before(day)
        for session in range(number, number + 3):
            fill = self.fill(session, at)
            if fill is None or fill.deadline > instant:
                return fill
        return None

    def anchored(self, rule: Entry, change: IndexChange) -> Fill | None:
        """Return the fill of a rule that counts from a change or has its own date.

        Returns None if the change lacks the anchor, or the date is not a session or
        outside the calendar.
        """
        if isinstance(rule, DateRule):
            number = self.dated(rule.date)
            return None if number is None else self.fill(number, rule.at)
        anchor = anchor_session(rule.anchor, change, self.sessions)
        return None if anchor is None else self.fill(anchor + rule.offset, rule.at)

    def dated(self, day: dt.date) -> int | None:
        """Return the number of the session on a day; None if there is none."""
        return self.sessions.number(day) if self.sessions.covers(day) else None

    def from_entry(self, rule: SessionsLater | WeeksLater, entry: Fill) -> Fill | None:
        """Return the fill of an exit that counts from the entry."""
        if isinstance(rule, SessionsLater):
            return self.fill(entry.session + rule.sessions, rule.at)
        day = self.sessions.date(entry.session) + dt.timedelta(weeks=rule.weeks)
        if not self.sessions.covers(day):
            return None
        return self.fill(self.sessions.on_or_after(day), rule.at)


def parse_lead(value: str | dt.timedelta) -> dt.timedelta:
    """Return the time between the deadline of an order and its fill.

    Raises
    ------
    InvalidArgumentError
        If `value` is no duration, a number without a unit, negative, or longer than 30
        days.

    Examples
    --------
    >>> parse_lead("10min")
    datetime.timedelta(seconds=600)
    """
    lead = parse_duration(value, what="min_lead")
    if not (dt.timedelta(0) <= lead <= _LONGEST_LEAD):
        msg = f"min_lead must be between 0 and 30 days, was {value!r}"
        raise InvalidArgumentError(msg)
    return lead


def has_anchor(rule: Exit, change: IndexChange) -> bool:
    """Whether `change` has the date that `rule` counts from."""
    if not isinstance(rule, AnchorRule):
        return True
    match rule.anchor:
        case Anchor.AD:
            return change.announced is not None
        case Anchor.ED:
            return change.effective is not None
        case Anchor.MD:
            return change.recorded is not None
        case _:
            assert_never(rule.anchor)


def anchor_session(
    anchor: Anchor, change: IndexChange, sessions: Sessions
) -> int | None:
    """Return the number of the session that an anchor names.

    AD is the last session on or before the day of the announcement where the exchange
    is, so a release on a Saturday has AD = Friday. ED is the first session on or after
    the effective date. MD is, as AD, that of the first report to show the change.

    Returns None where the change lacks the date, and `OUTSIDE` where the calendar does.
    """
    day = anchor_day(anchor, change, sessions)
    if day is None:
        return None
    if not sessions.covers(day):
        return OUTSIDE
    if anchor is Anchor.ED:
        return sessions.on_or_after(day)
    return sessions.on_or_before(day)


def anchor_sessions(
    anchor: Anchor, changes: Sequence[IndexChange], sessions: Sessions
) -> IntVector:
    """Return `anchor_session` of many changes; -1 where it is None."""
    days = np.array(
        [anchor_day(anchor, change, sessions) for change in changes],
        dtype="datetime64[D]",
    )
    is_first = anchor is Anchor.ED
    number = np.searchsorted(sessions.days, days, "left" if is_first else "right")
    number -= not is_first
    is_outside = (days < sessions.days[0]) | (days > sessions.days[-1])
    return np.where(np.isnat(days), -1, np.where(is_outside, OUTSIDE, number))


def anchor_day(
    anchor: Anchor, change: IndexChange, sessions: Sessions
) -> dt.date | None:
    """Return the day of an anchor at the exchange; None without one."""
    match anchor:
        case Anchor.AD:
            return change.announced and sessions.day(change.announced)
        case Anchor.ED:
            return change.effective
        case Anchor.MD:
            return change.recorded and sessions.day(change.recorded)
        case _:
            assert_never(anchor)
