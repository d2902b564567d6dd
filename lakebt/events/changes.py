"""The changes of a study, as columns where a change has a single vintage."""

from __future__ import annotations

import itertools
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lakebt.events.clock import anchor_session
from lakebt.events.plan import Event
from lakebt.instants import EPOCH, TICK

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable

    from lakebt._typing import IntVector
    from lakebt.events.clock import Clock
    from lakebt.events.rules import Anchor
    from lakebt.facts import IndexChange, Vintage


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

    Attributes
    ----------
    histories : tuple of tuple of Vintage
        By change, each oldest first. A change that has one vintage which the filter
        drops, or which withdraws it, is left out: no order can be of it.
    simple : ndarray of shape (n_single,)
        Numbers of the changes with a single vintage; the arrays below are of those.
    corrected : list of int
        Numbers of the others.
    event : ndarray of shape (n_single,)
        Place in `events`.
    """

    def __init__(
        self,
        vintages: Iterable[Vintage],
        *,
        clock: Clock,
        keep: Callable[[Vintage], bool],
    ) -> None:
        self.keep = keep
        self._clock = clock
        ordered = sorted(vintages, key=lambda v: (v.change_id, v.change.known_at))
        groups = [
            tuple(group)
            for _, group in itertools.groupby(ordered, key=lambda v: v.change_id)
        ]
        self.histories = tuple(
            group
            for group in groups
            if len(group) > 1 or (not group[0].retracted and keep(group[0]))
        )
        self.simple: IntVector = np.flatnonzero([len(h) == 1 for h in self.histories])
        self.corrected = [n for n, h in enumerate(self.histories) if len(h) > 1]
        self._codes: dict[Event, int] = {}
        self.event: IntVector = np.array(
            [self.event_code(change) for change in self._single], dtype=np.int64
        )

    @property
    def events(self) -> tuple[Event, ...]:
        """Every event met so far."""
        return tuple(self._codes)

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
