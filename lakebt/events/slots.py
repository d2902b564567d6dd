"""Groups entered legs into slots: an event under an entry."""

from __future__ import annotations

import itertools
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
    corrected : tuple
        Of each leg with several vintages its decision in full, None for others.
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
    corrected: tuple[Entered | None, ...]

    def legs_of(self, slots: IntVector) -> Entries:
        """Return the legs of some slots, as an exit is asked of them."""
        sizes = np.diff(self.start)[slots]
        taken = spans(self.start[slots], sizes)
        return Entries(
            leg=self.leg[taken],
            row=np.repeat(self.row[slots], sizes),
            late=self.late[taken],
            corrected=tuple(
                (place, leg)
                for place, number in enumerate(taken.tolist())
                if (leg := self.corrected[number]) is not None
            ),
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
        self._clock = clock
        self._events: dict[Event, int] = {}
        self._parts: list[tuple[int, int, int, int, list[int]]] = []
        self._event: list[int] = []
        self._entry: list[int] = []
        self._row: list[int] = []
        self._reason: list[int] = []
        self._size: list[int] = []
        self._counted: list[int] = []
        self._leg: list[IntVector] = []
        self._vintage: list[IntVector] = []
        self._late: list[BoolVector] = []
        self._corrected: list[Sequence[Entered | None]] = []
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
        self._counted += np.where(timely > 0, timely, late).tolist()
        reasons = np.minimum.reduceat(entries.reason[taken], cuts)
        before = -1
        for cut, code in zip(event[cuts].tolist(), row[cuts].tolist(), strict=True):
            self._event.append(self._place(events[cut], code, again=cut == before))
            before = cut
        self._entry += [number] * len(cuts)
        self._row += row[cuts].tolist()
        self._reason += reasons.tolist()
        self._size += legs.tolist()
        self._leg.append(entries.leg[taken])
        vintages = entries.at
        self._vintage.append(vintages[taken])
        self._late.append(entries.late[taken])
        corrected = dict(entries.corrected)
        self._corrected.append([corrected.get(place) for place in taken.tolist()])

    def _place(self, event: Event, row: int, *, again: bool) -> int:
        if again:
            day = self._clock.sessions.date(session_of(row))
            event = Event(
                event_id=f"{event.event_id}@{day}", index=event.index, date=event.date
            )
        return self._events.setdefault(event, len(self._events))

    def in_order(self, size: tuple[int, int] | None) -> Slots:
        """Return the slots of a size by event (oldest first) and entry."""
        legs = np.array(self._size, dtype=np.int64)
        counted = np.array(self._counted, dtype=np.int64)
        least, most = (0, counted.max(initial=0)) if size is None else size
        kept = np.flatnonzero((least <= counted) & (counted <= most))
        code = np.array(self._event, dtype=np.int64)
        entry = np.array(self._entry, dtype=np.int64)
        events = list(self._events)
        ranked = sorted(
            set(code[kept].tolist()), key=lambda n: (events[n].date, events[n].event_id)
        )
        position = np.full(len(events), -1, dtype=np.int64)
        position[ranked] = np.arange(len(ranked))
        event = position[code]
        order = kept[np.lexsort((entry[kept], event[kept]))]
        starts = np.cumsum(legs) - legs
        taken = spans(starts[order], legs[order])
        corrected = list(itertools.chain.from_iterable(self._corrected))
        return Slots(
            events=tuple(events[number] for number in ranked),
            event=event[order],
            entry=entry[order],
            row=np.array(self._row, dtype=np.int64)[order],
            reason=np.array(self._reason, dtype=np.int8)[order],
            start=offsets(legs[order]),
            leg=_joined(self._leg, np.int64)[taken],
            at=_joined(self._vintage, np.int64)[taken],
            late=_joined(self._late, np.bool_)[taken],
            corrected=tuple(corrected[number] for number in taken.tolist()),
        )


def _joined(parts: Sequence[npt.NDArray[Any]], kind: type) -> npt.NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=kind)
