"""The changes of a study, as columns where a change has a single vintage."""

from __future__ import annotations

import datetime as dt
import itertools
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lakebt.events.clock import anchor_session
from lakebt.events.plan import Event
from lakebt.instants import EPOCH, TICK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lakebt._typing import IntVector
    from lakebt.events.clock import Clock
    from lakebt.events.rules import Anchor
    from lakebt.facts import IndexChange, Vintage


_BEGINNING = dt.datetime.min.replace(tzinfo=dt.UTC)
_NEVER_SHOWN = np.iinfo(np.int64).min


class Changes:
    """The changes a study decides on, with their vintages.

    Parameters
    ----------
    vintages
        In any order.
    clock
        Sessions and lead.
    keep
        The study's filter.
    asks_derived
        Whether the filter looks at columns that are known later than their vintage.

    Attributes
    ----------
    histories : tuple of tuple of Vintage
        By change, each oldest first. A change of which the filter drops every vintage
        that does not withdraw it is left out: no order can be of it.
    simple : ndarray of shape (n_single,)
        Numbers of the changes with a single vintage, of which the filter says the same
        at every deadline; the arrays below are of those.
    corrected : list of int
        Numbers of the others, which are decided one order at a time.
    event : ndarray of shape (n_single,)
        Place in `events`.
    """

    def __init__(
        self,
        vintages: Iterable[Vintage],
        *,
        clock: Clock,
        keep: Callable[[Vintage], bool],
        asks_derived: bool = True,
    ) -> None:
        self.keep = keep
        self._asks_derived = asks_derived
        self._clock = clock
        ordered = sorted(vintages, key=lambda v: (v.change_id, v.change.known_at))
        groups = [
            tuple(group)
            for _, group in itertools.groupby(ordered, key=lambda v: v.change_id)
        ]
        told = [(group, self._verdicts(group)) for group in groups]
        kept = [(group, verdicts) for group, verdicts in told if True in verdicts]
        self.histories = tuple(group for group, _ in kept)
        is_simple = np.array([len(verdicts) == 1 for _, verdicts in kept], dtype=bool)
        self.simple: IntVector = np.flatnonzero(is_simple)
        self.corrected = np.flatnonzero(~is_simple).tolist()
        self._codes: dict[Event, int] = {}
        self._ranks: IntVector = np.empty(0, dtype=np.int64)
        self.event: IntVector = np.array(
            [self.event_code(change) for change in self._single], dtype=np.int64
        )

    def _verdicts(self, history: tuple[Vintage, ...]) -> set[bool]:
        """Return what the filter may say of a change, at one deadline or another."""
        told = [vintage for vintage in history if not vintage.retracted]
        verdicts = {self.keep(vintage) for vintage in told}
        if self._asks_derived:
            verdicts |= {self.keep(vintage.before(_BEGINNING)) for vintage in told}
        # Of one that was corrected another vintage is in force at another deadline.
        return verdicts if len(history) == 1 and told else verdicts | {False}

    @property
    def events(self) -> tuple[Event, ...]:
        """Every event met so far."""
        return tuple(self._codes)

    @property
    def ranks(self) -> IntVector:
        """The place of every event met so far by date, then by name."""
        if len(self._ranks) != len(self._codes):
            events = self.events
            order = sorted(
                range(len(events)), key=lambda n: (events[n].date, events[n].event_id)
            )
            self._ranks = np.empty(len(events), dtype=np.int64)
            self._ranks[order] = np.arange(len(events))
        return self._ranks

    def event_code(self, change: IndexChange) -> int:
        """Return the place of the event that a vintage belongs to."""
        event = Event.of(change, self._clock.sessions)
        return self._codes.setdefault(event, len(self._codes))

    @cached_property
    def _single(self) -> list[IndexChange]:
        return [self.histories[number][0].change for number in self.simple.tolist()]

    @cached_property
    def known(self) -> IntVector:
        """When each single vintage was known, microseconds since 1970 UTC."""
        return np.array([_micros(c.known_at) for c in self._single], dtype=np.int64)

    @cached_property
    def recorded(self) -> IntVector:
        """When holdings first showed each; the smallest number where none has."""
        return np.array(
            [
                _NEVER_SHOWN if c.recorded is None else _micros(c.recorded)
                for c in self._single
            ],
            dtype=np.int64,
        )

    def anchors(self, anchor: Anchor) -> IntVector:
        """Return the session an anchor names for each single vintage, -1 for none."""
        if anchor not in self._anchors:
            sessions = self._clock.sessions
            numbers = [
                anchor_session(anchor, change, sessions) for change in self._single
            ]
            self._anchors[anchor] = np.array(
                [-1 if number is None else number for number in numbers], dtype=np.int64
            )
        return self._anchors[anchor]

    @cached_property
    def _anchors(self) -> dict[Anchor, IntVector]:
        return {}

    @cached_property
    def place(self) -> IntVector:
        """The place of each change among those with a single vintage, -1 for others."""
        places = np.full(len(self.histories), -1, dtype=np.int64)
        places[self.simple] = np.arange(len(self.simple))
        return places


def _micros(instant: dt.datetime) -> int:
    return (instant - EPOCH) // TICK
