"""Changes split into parts that can be decided separately."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.events.plan import Events

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

    from lakebt.events.plan import Event
    from lakebt.facts import Vintage
    from lakebt.sessions import Sessions


class EventParts:
    """Vintages in groups that can be decided separately, by date of their events.

    All vintages of a change lie in one group, and so do all changes that were ever of
    one event: whatever an order is decided on is in its group.

    Parameters
    ----------
    vintages
    sessions
        The calendar that events are told apart by.
    """

    def __init__(self, vintages: Iterable[Vintage], sessions: Sessions) -> None:
        self._vintages, events = tuple(vintages), Events(sessions)
        self._events = [events.of(vintage.change) for vintage in self._vintages]
        numbers: dict[Event, int] = {}
        event = [numbers.setdefault(one, len(numbers)) for one in self._events]
        together, first = _Together(len(numbers)), dict[str, int]()
        for vintage, number in zip(self._vintages, event, strict=True):
            together.join(first.setdefault(vintage.change_id, number), number)
        when: dict[int, tuple[dt.date, str]] = {}
        for one, number in numbers.items():
            root, key = together.of(number), (one.date, one.event_id)
            when[root] = min(when.get(root, key), key)
        ranked = sorted(when, key=when.__getitem__)
        rank = {root: place for place, root in enumerate(ranked)}
        self._rank = [rank[together.of(number)] for number in event]
        self._count = len(ranked)

    def cut(self, count: int) -> list[tuple[Vintage, ...]]:
        """Return as many parts, each of some groups.

        Parameters
        ----------
        count
            How many. Those that are more than there are groups stay empty.

        Returns
        -------
        list of tuple of Vintage
            By the date of the events, each part in the order given.
        """
        parts: list[list[Vintage]] = [[] for _ in range(count)]
        for vintage, rank in zip(self._vintages, self._rank, strict=True):
            parts[rank * count // self._count].append(vintage)
        return [tuple(some) for some in parts]

    def around(self, event_id: str) -> tuple[Vintage, ...]:
        """Return the groups that an event has changes of, in the order given.

        Parameters
        ----------
        event_id
            Of an event, or of those of its legs that enter on another session.
        """
        wanted = {
            rank
            for event, rank in zip(self._events, self._rank, strict=True)
            if event_id == event.event_id or event_id.startswith(f"{event.event_id}@")
        }
        return tuple(
            vintage
            for vintage, rank in zip(self._vintages, self._rank, strict=True)
            if rank in wanted
        )


class _Together:
    """Union-find over numbers: connected ones share a root."""

    def __init__(self, count: int) -> None:
        self._above = list(range(count))

    def of(self, what: int) -> int:
        """Return the root of something."""
        above, root = self._above, what
        while above[root] != root:
            root = above[root]
        while above[what] != root:  # next time it is found at once
            above[what], what = root, above[what]
        return root

    def join(self, one: int, other: int) -> None:
        """Make one root of two."""
        self._above[self.of(one)] = self.of(other)
