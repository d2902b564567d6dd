"""Changes cut into parts, each of which decides its own orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.events.plan import Event

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

    from lakebt.facts import Vintage
    from lakebt.sessions import Sessions


def by_events(
    vintages: Iterable[Vintage], *, sessions: Sessions, count: int
) -> list[tuple[Vintage, ...]]:
    """Cut vintages into parts that can be decided apart.

    All vintages of a change lie in one part, and so do all changes that were ever
    of one event: whatever an order is decided on is in its part.

    Parameters
    ----------
    vintages
    sessions
        The calendar that events are told apart by.
    count
        How many parts. Those that are more than there are events stay empty.

    Returns
    -------
    list of tuple of Vintage
        By the date of the events, each part in the order given.
    """
    vintages = tuple(vintages)
    numbers: dict[Event, int] = {}
    event = [
        numbers.setdefault(Event.of(vintage.change, sessions), len(numbers))
        for vintage in vintages
    ]
    together, first = _Together(len(numbers)), dict[str, int]()
    for vintage, number in zip(vintages, event, strict=True):
        together.join(first.setdefault(vintage.change_id, number), number)
    when: dict[int, tuple[dt.date, str]] = {}
    for one, number in numbers.items():
        root, key = together.of(number), (one.date, one.event_id)
        when[root] = min(when.get(root, key), key)
    ranked = sorted(when, key=when.__getitem__)
    part = {root: rank * count // len(ranked) for rank, root in enumerate(ranked)}
    parts: list[list[Vintage]] = [[] for _ in range(count)]
    for vintage, number in zip(vintages, event, strict=True):
        parts[part[together.of(number)]].append(vintage)
    return [tuple(some) for some in parts]


class _Together:
    """Numbered things that belong together: each has one of them as its root."""

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
