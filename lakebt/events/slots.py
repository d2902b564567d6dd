"""Groups entered legs into slots: an event under an entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lakebt.events.fills import Entries, resolve_entry
from lakebt.events.plan import Event
from lakebt.sessions import session_of
from lakebt.values.arrays import offsets, spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt._typing import BoolVector, IntVector
    from lakebt.events.changes import Changes
    from lakebt.events.clock import Clock
    from lakebt.events.orders import Entered
    from lakebt.events.rules import Entry


@dataclass(frozen=True, kw_only=True, eq=False)
class Slots:
    """Events under entries, by event and entry, with their legs.

    Attributes
    ----------
    events
        By date and name.
    event, entry, row, reason : ndarray of shape (n_slots,)
        As in `lakebt.events.schedule.Schedule`; `reason` is that of an empty entry.
    start, leg, at : ndarray
        As there.
    late : ndarray of shape (n_legs,)
        Whether a leg entered on a fact that was not yet known.
    corrected : dict of int to Entered
        By place among the legs, of each with several vintages its decision in full.
    """

    events: tuple[Event, ...]
    event: IntVector
    entry: IntVector
    row: IntVector
    reason: npt.NDArray[np.int8]
    start: IntVector
    leg: IntVector
    at: IntVector
    late: BoolVector
    corrected: dict[int, Entered]

    def legs_of(self, slots: IntVector) -> Entries:
        """Return the legs of some slots, as an exit needs them."""
        sizes = np.diff(self.start)[slots]
        taken = spans(self.start[slots], sizes)
        return Entries(
            leg=self.leg[taken],
            row=np.repeat(self.row[slots], sizes),
            late=self.late[taken],
            corrected=tuple(_taken(self.corrected, taken).items()),
        )


class Slotting:
    """Collects the slots of one entry after the other."""

    def __init__(
        self,
        changes: Changes,
        entries: Sequence[Entry],
        clock: Clock,
        *,
        pretend: bool,
    ) -> None:
        self._clock, self._changes = clock, changes
        self._moved: dict[Event, int] = {}
        self._event: list[IntVector] = []
        self._entry: list[IntVector] = []
        self._row: list[IntVector] = []
        self._reason: list[npt.NDArray[np.int8]] = []
        self._size: list[IntVector] = []
        self._counted: list[IntVector] = []
        self._leg: list[IntVector] = []
        self._vintage: list[IntVector] = []
        self._late: list[BoolVector] = []
        self._corrected: dict[int, Entered] = {}
        self._n_legs = 0
        for number, rule in enumerate(entries):
            self._add(number, changes, rule, pretend=pretend)

    def _add(
        self, number: int, changes: Changes, rule: Entry, *, pretend: bool
    ) -> None:
        entries = resolve_entry(changes, rule, self._clock, pretend=pretend)
        events = changes.events
        # Legs that enter on different sessions (their MD differs) are events of their
        # own; a leg that could not enter is in none, unless none could.
        has_entered = np.zeros(len(events), dtype=bool)
        has_entered[entries.event[entries.row >= 0]] = True
        taken = np.flatnonzero((entries.row >= 0) | ~has_entered[entries.event])
        order = np.lexsort((entries.row[taken], entries.event[taken]))
        taken = taken[order]
        event, row = entries.event[taken], entries.row[taken]
        is_first = np.ones(len(taken), dtype=bool)
        is_first[1:] = (event[1:] != event[:-1]) | (row[1:] != row[:-1])
        cuts = np.flatnonzero(is_first)
        if not len(cuts):
            return
        # What came too late decides no more on the number of legs than it would if it
        # were refused: see `in_order`.
        in_time = (entries.row >= 0) & ~entries.late
        has_timely = np.zeros(len(events), dtype=bool)
        has_timely[entries.event[in_time]] = True
        timely = np.add.reduceat(in_time[taken].astype(np.int64), cuts)
        legs = np.diff(np.append(cuts, len(taken)))
        refused = np.bincount(entries.event, minlength=len(events))[event[cuts]]
        late = np.where(has_timely[event[cuts]], legs, refused)
        self._counted.append(np.where(timely > 0, timely, late))
        code, is_again = event[cuts], np.zeros(len(cuts), dtype=bool)
        is_again[1:] = code[1:] == code[:-1]
        for cut in np.flatnonzero(is_again).tolist():
            code[cut] = self._moved_to(int(row[cuts[cut]]), events[code[cut]])
        self._event.append(code)
        self._entry.append(np.full(len(cuts), number, dtype=np.int64))
        self._row.append(row[cuts])
        self._reason.append(np.minimum.reduceat(entries.reason[taken], cuts))
        self._size.append(legs)
        self._leg.append(entries.leg[taken])
        self._vintage.append(entries.at[taken])
        self._late.append(entries.late[taken])
        if entries.corrected:
            position = np.full(len(entries.leg), -1, dtype=np.int64)
            position[taken] = np.arange(self._n_legs, self._n_legs + len(taken))
            for place, leg in entries.corrected:
                if position[place] >= 0:
                    self._corrected[int(position[place])] = leg
        self._n_legs += len(taken)

    def _moved_to(self, row: int, event: Event) -> int:
        """Return the code of those legs of an event that enter later: negative."""
        day = self._clock.sessions.date(session_of(row))
        moved = Event(
            event_id=f"{event.event_id}@{day}", index=event.index, date=event.date
        )
        return -1 - self._moved.setdefault(moved, len(self._moved))

    def in_order(self, size: tuple[int, int] | None) -> Slots:
        """Return the slots of a size by event (oldest first) and entry."""
        legs = _joined(self._size, np.int64)
        counted = _joined(self._counted, np.int64)
        least, most = (0, counted.max(initial=0)) if size is None else size
        kept = np.flatnonzero((least <= counted) & (counted <= most))
        entry = _joined(self._entry, np.int64)
        events, event = self._ranked(_joined(self._event, np.int64)[kept])
        by_event = np.lexsort((entry[kept], event))
        order = kept[by_event]
        starts = np.cumsum(legs) - legs
        taken = spans(starts[order], legs[order])
        return Slots(
            events=events,
            event=event[by_event],
            entry=entry[order],
            row=_joined(self._row, np.int64)[order],
            reason=_joined(self._reason, np.int8)[order],
            start=offsets(legs[order]),
            leg=_joined(self._leg, np.int64)[taken],
            at=_joined(self._vintage, np.int64)[taken],
            late=_joined(self._late, np.bool_)[taken],
            corrected=_taken(self._corrected, taken),
        )

    def _ranked(self, codes: IntVector) -> tuple[tuple[Event, ...], IntVector]:
        """Return the events of some codes, by date and name, and the place of each."""
        distinct, place = np.unique(codes, return_inverse=True)
        known, moved = self._changes.events, list(self._moved)
        own = [
            known[code] if code >= 0 else moved[-1 - code] for code in distinct.tolist()
        ]
        if moved:
            in_order = np.array(
                sorted(range(len(own)), key=lambda n: (own[n].date, own[n].event_id)),
                dtype=np.int64,
            )
        else:
            in_order = np.argsort(self._changes.ranks[distinct])
        rank = np.empty(len(own), dtype=np.int64)
        rank[in_order] = np.arange(len(own))
        return tuple(own[number] for number in in_order.tolist()), rank[place]


def _taken(corrected: dict[int, Entered], taken: IntVector) -> dict[int, Entered]:
    """Return some of the legs, by their places."""
    if not corrected:
        return {}
    there = np.flatnonzero(np.isin(taken, list(corrected))).tolist()
    return {place: corrected[int(taken[place])] for place in there}


def _joined(parts: Sequence[npt.NDArray[Any]], kind: type) -> npt.NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=kind)
