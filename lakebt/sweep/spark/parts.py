"""A study by parts: which changes are decided together, and what the parts come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from lakebt.events.plan import Event
from lakebt.facts import Vintage
from lakebt.lake.reading.view import View
from lakebt.study.cells import Cells

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Sequence

    from lakebt._typing import IntVector
    from lakebt.facts import IndexChange
    from lakebt.prices.history import PriceHistory
    from lakebt.sessions import Sessions


Cuts: TypeAlias = "dict[tuple[str, int], list[tuple[Vintage, ...]]]"
"""The vintages of an index, cut into so many parts."""


class Part(View):
    """A view of some of the events, with prices that were sent.

    Parameters
    ----------
    view
        Of the whole release.
    prices
        All that the events of the part need.
    part, count
        Which part, of how many.
    cuts
        The vintages of each part, by index and `count`: of the parts of one view the
        first cuts, for that takes longer than what is done with a part.
    """

    __slots__ = ("_count", "_cuts", "_part", "_prices")

    _prices: PriceHistory
    _part: int
    _count: int
    _cuts: Cuts

    def __init__(
        self, view: View, prices: PriceHistory, *, part: int, count: int, cuts: Cuts
    ) -> None:
        super().__init__(view._pinned, instant=view.instant)  # noqa: SLF001 - it is one
        self._put(_prices=prices, _part=part, _count=count, _cuts=cuts)

    def change_vintages(self, *, index: str) -> tuple[Vintage, ...]:
        """Return the vintages of the part's events; see `View.change_vintages`."""
        key = index, self._count
        if key not in self._cuts:
            self._cuts[key] = self._cut(super().change_vintages(index=index))
        return self._cuts[key][self._part]

    def supplied(self, changes: Sequence[IndexChange]) -> list[IndexChange]:
        """Return those of the caller's changes that are of the part's events."""
        vintages = [Vintage(change_id=c.change_id, change=c) for c in changes]
        return [vintage.change for vintage in self._cut(vintages)[self._part]]

    def _cut(self, vintages: Sequence[Vintage]) -> list[tuple[Vintage, ...]]:
        return by_events(vintages, sessions=self.sessions, count=self._count)

    def price_history(
        self,
        symbols: Sequence[str],  # noqa: ARG002 - all are there
        *,
        joined: bool = False,  # noqa: ARG002 - they are
    ) -> PriceHistory:
        """Return the prices that were sent, of at least `symbols`."""
        return self._prices


PANELS = (
    *("reason", "late", "n_legs", "first", "n_returns", "mean", "m2", "gross", "net"),
    *("traded_usd", "borrow_usd", "impact_usd", "drawdown", "gaps", "final"),
    "held_start",
)
"""Arrays of `Cells` with a value for each cell."""


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
    first = _Together()
    events = [Event.of(vintage.change, sessions) for vintage in vintages]
    for vintage, event in zip(vintages, events, strict=True):
        first.join(("change", vintage.change_id), ("event", event.event_id))
    roots = [first.of(("change", vintage.change_id)) for vintage in vintages]
    when: dict[object, tuple[dt.date, str]] = {}
    for root, event in zip(roots, events, strict=True):
        key = event.date, event.event_id
        when[root] = min(when.get(root, key), key)
    ranked = sorted(when, key=when.__getitem__)
    part = {root: rank * count // len(ranked) for rank, root in enumerate(ranked)}
    parts: list[list[Vintage]] = [[] for _ in range(count)]
    for vintage, root in zip(vintages, roots, strict=True):
        parts[part[root]].append(vintage)
    return [tuple(some) for some in parts]


class _Together:
    """Things that belong together: each has one of them as its root."""

    def __init__(self) -> None:
        self._above: dict[tuple[str, str], tuple[str, str]] = {}

    def of(self, what: tuple[str, str]) -> tuple[str, str]:
        """Return the root of something."""
        above = self._above
        root = above.setdefault(what, what)
        while above[root] != root:
            root = above[root]
        while above[what] != root:  # next time it is found at once
            above[what], what = root, above[what]
        return root

    def join(self, one: tuple[str, str], other: tuple[str, str]) -> None:
        """Make one root of two."""
        self._above[self.of(one)] = self.of(other)


@dataclass(frozen=True, kw_only=True, eq=False)
class Slots:
    """Events under entries; as much of a `Schedule` as its summary asks for.

    Attributes
    ----------
    entries, exits
        The grid.
    events : tuple of Event
        By date and name.
    event, entry : ndarray of shape (n_slots,)
        Positions in `events` and `entries`. Slots are sorted by both.
    """

    entries: Sequence[object]
    exits: Sequence[object]
    events: tuple[Event, ...]
    event: IntVector
    entry: IntVector


def joined(parts: Sequence[tuple[Slots, Cells]]) -> tuple[Slots, Cells]:
    """Join what parts of the events came to, in the order of all events.

    The figures are those of one pass over all events, in the same order, to the bit:
    nothing is summed here.

    Parameters
    ----------
    parts
        At least one, in any order; no event in two of them.
    """
    events = [event for slots, _ in parts for event in slots.events]
    ranked = sorted(
        range(len(events)), key=lambda n: (events[n].date, events[n].event_id)
    )
    rank = np.zeros(len(events), dtype=np.int64)
    rank[ranked] = np.arange(len(events))
    before = np.cumsum([0] + [len(slots.events) for slots, _ in parts])
    held = np.cumsum([0] + [len(cells.held) for _, cells in parts])
    event = np.concatenate(
        [
            rank[start + slots.event]
            for start, (slots, _) in zip(before.tolist(), parts, strict=False)
        ]
    )
    entry = np.concatenate([slots.entry for slots, _ in parts])
    order = np.lexsort((entry, event))
    panels = {
        name: np.concatenate([getattr(cells, name) for _, cells in parts])
        for name in PANELS
    }
    sizes = [len(cells.held_start) for _, cells in parts]
    panels["held_start"] += np.repeat(held[:-1], sizes)[:, None]
    slots, _ = parts[0]
    return (
        Slots(
            entries=slots.entries,
            exits=slots.exits,
            events=tuple(events[number] for number in ranked),
            event=event[order],
            entry=entry[order],
        ),
        Cells(
            **{name: panel[order] for name, panel in panels.items()},
            held=np.concatenate([cells.held for _, cells in parts]),
            worth=np.concatenate([cells.worth for _, cells in parts]),
        ),
    )
