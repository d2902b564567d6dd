"""Events, and their cells and legs as objects; an empty cell has its reason."""

from __future__ import annotations

import html
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lakebt._messages import as_words
from lakebt.instants import EPOCH
from lakebt.values.text import count

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from lakebt._typing import DateVector
    from lakebt.events.clock import Fill
    from lakebt.facts import IndexChange
    from lakebt.sessions import Sessions
    from lakebt.values.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Empty:
    """Why one cell of one event is empty.

    Attributes
    ----------
    reason
    fact
        What was missing, in words.
    known_at, needed_by
        UTC; None where time has nothing to do with it.
    """

    reason: Reason
    fact: str
    known_at: dt.datetime | None = None
    needed_by: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """All changes of one index with the same announcement and effective session.

    Attributes
    ----------
    event_id
        ``INDEX:announced:effective``, dates at the exchange; ``-`` where there is none.
    index
    date
        The day the event is counted under: of the announcement, else the effective
        date, else the day it was known.
    """

    event_id: str
    index: str
    date: dt.date

    @classmethod
    def of(cls, change: IndexChange, sessions: Sessions) -> Event:
        """Return the event that `change` belongs to."""
        announced = change.announced and sessions.day(change.announced)
        effective = change.effective
        if effective is not None and sessions.covers(effective):
            effective = sessions.date(sessions.on_or_after(effective))
        date, days = announced or effective, f"{announced or '-'}:{effective or '-'}"
        if date is None:
            date = sessions.day(change.known_at)
            known = change.known_at.isoformat(timespec="seconds")
            days = f"known:{known.removesuffix('+00:00')}Z"
        return cls(event_id=f"{change.index}:{days}", index=change.index, date=date)


def days_of(events: Sequence[Event]) -> DateVector:
    """Return the day of each event; NumPy itself reads dates a dozen times as slowly.

    Examples
    --------
    >>> import datetime as dt
    >>> days_of([Event(event_id="SIM:-:-", index="SIM", date=dt.date(2022, 9, 2))])
    array(['2022-09-02'], dtype='datetime64[D]')
    """
    ordinals = (event.date.toordinal() for event in events)
    since = np.fromiter(ordinals, np.int64, len(events)) - EPOCH.toordinal()
    return since.astype("datetime64[D]")


class Events:
    """The events of many changes, each made once.

    Parameters
    ----------
    sessions
        The calendar that events are told apart by.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._made: dict[tuple[str, dt.datetime | None, dt.date | None], Event] = {}

    def of(self, change: IndexChange) -> Event:
        """Return the event that a change belongs to; see `Event.of`."""
        if change.announced is None and change.effective is None:
            return Event.of(change, self._sessions)
        days = change.index, change.announced, change.effective
        if (event := self._made.get(days)) is None:
            event = self._made[days] = Event.of(change, self._sessions)
        return event


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedLeg:
    """One leg of a cell: the change as known at the entry, and where it leaves.

    Attributes
    ----------
    change, exit_change
        The vintages that the entry and the exit were decided on.
    exit
        Decided on the vintage in force at its own deadline.
    entry_known_at, exit_known_at
        When the facts that the entry and the exit were decided on were known, UTC.
    """

    change: IndexChange
    exit_change: IndexChange
    exit: Fill
    entry_known_at: dt.datetime
    exit_known_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One event under one entry and one exit rule.

    Attributes
    ----------
    event
    entry, exit
        The rules as written.
    fill
        Of the entry; None where the cell is empty for want of one.
    legs
        Empty where the cell is.
    empty
        None where the cell can be tried.
    late
        Whether a fact that was not yet known changed it (``on_look_ahead="allow"``),
        be it that it is empty.
    """

    event: Event
    entry: str
    exit: str
    fill: Fill | None
    legs: tuple[PlannedLeg, ...] = ()
    empty: Empty | None = None
    late: bool = False


class Plan(tuple[Cell, ...]):
    """The cells of a plan, by event, entry and exit: a tuple with a readable repr."""

    __slots__ = ()

    @as_words
    def __repr__(self) -> str:
        events = count(len({cell.event.event_id for cell in self}), "event")
        empty = Counter(str(c.empty.reason) for c in self if c.empty is not None)
        reasons = ", ".join(f"{number:,} {why}" for why, number in empty.most_common())
        tried = len(self) - empty.total()
        return (
            f"Plan({count(len(self), 'cell')} of {events}: {tried:,} can be tried"
            f"{f', {reasons}' if reasons else ''})"
        )

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>"


def describe(change: IndexChange, sessions: Sessions) -> str:
    """Return the change in words, for errors and tables; days at the exchange."""
    if change.announced is not None:
        source = f"announced {sessions.day(change.announced)}"
    elif change.effective is not None:
        source = f"effective {change.effective}"
    else:
        source = "shown by holdings"
    return f"{change.side} {change.symbol} ({change.index}), {source}"
