"""The changes of a study; those with a single vintage are columns."""

from __future__ import annotations

import datetime as dt
import itertools
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lakebt.events.clock import anchor_sessions
from lakebt.events.plan import Events
from lakebt.facts import Side
from lakebt.instants import EPOCH, TICK
from lakebt.values.arrays import offsets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lakebt._typing import BoolVector, IntVector
    from lakebt.events.clock import Clock
    from lakebt.events.plan import Event
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
        self._events = Events(clock.sessions)
        self._codes: dict[Event, int] = {}
        self._coded: tuple[tuple[str, ...], IntVector] | None = None
        self._ranks: IntVector = np.empty(0, dtype=np.int64)
        self.event: IntVector = np.array(
            [self.event_code(change) for change in self._single], dtype=np.int64
        )

    def _verdicts(self, history: tuple[Vintage, ...]) -> set[bool]:
        """Return the possible answers of the filter on a change, by deadline."""
        living = [vintage for vintage in history if not vintage.retracted]
        verdicts = {self.keep(vintage) for vintage in living}
        if self._asks_derived:
            verdicts |= {self.keep(vintage.before(_BEGINNING)) for vintage in living}
        # Of one that was corrected another vintage is in force at another deadline.
        return verdicts if len(history) == 1 and living else verdicts | {False}

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
        return self._codes.setdefault(self._events.of(change), len(self._codes))

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

    @cached_property
    def vintages(self) -> tuple[Vintage, ...]:
        """Those of all changes, by change and age."""
        return tuple(itertools.chain.from_iterable(self.histories))

    def vintage(self, leg: IntVector, at: IntVector) -> IntVector:
        """Return the places of some in `vintages`.

        Parameters
        ----------
        leg, at : ndarray of shape (n,)
            Numbers in `histories`, and of the vintages there.
        """
        return self._first[leg] + at

    @cached_property
    def _first(self) -> IntVector:
        return offsets(np.array(list(map(len, self.histories)), dtype=np.int64))

    @cached_property
    def _symbols(self) -> tuple[IntVector, tuple[str, ...]]:
        names = [vintage.change.symbol for vintage in self.vintages]
        places = {name: place for place, name in enumerate(sorted(set(names)))}
        return np.array([places[name] for name in names], dtype=np.int64), (*places,)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every symbol that any vintage has, sorted."""
        return self._symbols[1]

    def symbol_codes(self, symbols: tuple[str, ...]) -> IntVector:
        """Return the place of each vintage's symbol in a list, -1 if it is not there.

        Of the same tuple, asked again, nothing is looked up: a study asks once for each
        of its entries.

        Parameters
        ----------
        symbols
            As `lakebt.prices.history.PriceHistory.symbols` has them.

        Returns
        -------
        ndarray of shape (n_vintages,)
        """
        if self._coded is None or self._coded[0] is not symbols:
            places = {name: place for place, name in enumerate(symbols)}
            of_vintage, own = self._symbols
            codes = np.array([places.get(name, -1) for name in own], dtype=np.int64)
            self._coded = symbols, codes[of_vintage]
        return self._coded[1]

    @cached_property
    def is_addition(self) -> BoolVector:
        """Whether each vintage is an addition, shape (n_vintages,)."""
        sides = [vintage.change.side for vintage in self.vintages]
        return np.array([side is Side.ADDITION for side in sides], dtype=bool)

    def anchors(self, anchor: Anchor) -> IntVector:
        """Return the session of an anchor for each single vintage, -1 for none."""
        if anchor not in self._anchors:
            self._anchors[anchor] = anchor_sessions(
                anchor, self._single, self._clock.sessions
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
