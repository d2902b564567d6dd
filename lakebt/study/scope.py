"""The scope of a study: the changes it keeps, their orders, and their prices."""

from __future__ import annotations

import copy
from functools import cached_property
from typing import TYPE_CHECKING

from lakebt._messages import printable
from lakebt.backtest.weights import TradedSide
from lakebt.errors import InvalidArgumentError, UntradeableError
from lakebt.events.changes import Changes
from lakebt.events.clock import Clock
from lakebt.events.event_parts import EventParts
from lakebt.events.filters import is_within
from lakebt.events.guard import plan
from lakebt.events.plan import Events
from lakebt.events.schedule import schedule_of
from lakebt.facts import DERIVED, IndexChange, Vintage
from lakebt.inputs.where import ChangeFilter
from lakebt.lake.reading.instrument_view import joined, price_history
from lakebt.prices.benchmark import MARKET
from lakebt.study.own_changes import supplied

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lakebt.events.plan import Cell
    from lakebt.events.rules import Entry, Exit
    from lakebt.events.schedule import Schedule
    from lakebt.lake.reading.view import View
    from lakebt.prices.history import PriceHistory
    from lakebt.study.arguments import Arguments


MOST_CELLS = 2_000_000
"""Cells of a study, of all events and rules, that are in memory at once."""

BLOCK = 500_000
"""Cells of a study of more that are, in whole entries."""

_OF_CHANGES = ("decided_on", "n_changes", "n_events", "_apart")
"""What is made of the changes alone."""


class Scope:
    """The changes, orders and prices that the arguments select on a view.

    Parameters
    ----------
    view
        What is known: a release as of an instant.
    arguments
        All else that is asked.

    Raises
    ------
    InvalidArgumentError
        If a supplied change is not an `IndexChange`, or two contradict each other.
    UnknownNameError
        If the view has no such index.
    """

    def __init__(self, view: View, arguments: Arguments) -> None:
        self.view, self.arguments = view, arguments
        self.clock = Clock(sessions=view.sessions, min_lead=arguments.min_lead)
        self._filter = ChangeFilter(arguments.where, zone=view.sessions.zone)
        self._vintages = joined(
            view,
            view.change_vintages(index=arguments.index)
            if arguments.index is not None
            else supplied(arguments.changes or (), view),
        )

    def with_grid(self, entries: Sequence[Entry], exits: Sequence[Exit]) -> Scope:
        """Return the same changes under other rules; they are not read again."""
        other = copy.copy(self)
        for name in ("schedule", "widths"):
            other.__dict__.pop(name, None)
        other.arguments = self.arguments.replaced(
            entries=tuple(entries), exits=tuple(exits)
        )
        return other

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """How many entries are decided and traded at once, one block after the other.

        All of them, if there are not more cells than `MOST_CELLS`.
        """
        return self.widths_of(len(self.decided_on.events))

    def widths_of(self, n_events: int) -> tuple[int, ...]:
        """Return `widths` for a number of events."""
        n_entries = len(self.arguments.entries)
        across = max(n_events, 1) * len(self.arguments.exits)
        width = max(BLOCK // across, 1)
        if across * n_entries <= MOST_CELLS:
            width = n_entries
        return tuple(min(width, n_entries - at) for at in range(0, n_entries, width))

    def under(self, first: int, end: int) -> Scope:
        """Return the same changes under some of the entries, by their numbers."""
        _ = self.decided_on  # once for all
        arguments = self.arguments
        return self.with_grid(arguments.entries[first:end], arguments.exits)

    def by_entries(self) -> Iterator[Scope]:
        """Yield the same under the entries of one block after the other.

        What is made of one is gone with it, unless it is all there is.
        """
        if len(self.widths) == 1:
            yield self
            return
        first = 0
        for width in self.widths:
            yield self.under(first, first + width)
            first += width

    def around(self, event_id: str) -> Scope:
        """Return the same of one event, and of those that must be decided with it."""
        return self._only(self._apart.around(event_id))

    def parts(self, count: int) -> list[Scope]:
        """Return the same under the same rules, each of some of the events.

        Whatever an order is decided on is in its part; parts are by the date of their
        events, and as many as `count` at most.
        """
        cut = self._apart.cut(count)
        return [self._only(vintages) for vintages in filter(None, cut)]

    @cached_property
    def _apart(self) -> EventParts:
        """The changes in groups, which copies of it under other rules have, too."""
        return EventParts(self._vintages, self.clock.sessions)

    def _only(self, vintages: tuple[Vintage, ...]) -> Scope:
        part = copy.copy(self)
        for name in (*_OF_CHANGES, "schedule", "widths"):
            part.__dict__.pop(name, None)
        part._vintages = vintages  # noqa: SLF001 - one of these
        return part

    @property
    def alters_prices(self) -> bool:
        """Whether its prices differ from those of the view."""
        return False

    @property
    def stops(self) -> bool:
        """Whether the first fact or price that is missing stops the study."""
        arguments = self.arguments
        return arguments.missing == "raise" or arguments.on_look_ahead == "raise"

    @cached_property
    def n_changes(self) -> int:
        """How many changes there are, whether or not they are kept."""
        return len({vintage.change_id for vintage in self._vintages})

    @cached_property
    def n_events(self) -> int:
        """The number of events; a postponed event also counts at its old date."""
        events = Events(self.clock.sessions)
        return len({events.of(one.change) for one in self._vintages})

    @cached_property
    def schedule(self) -> Schedule:
        """Every order, decided before any price is looked at, as columns.

        Raises
        ------
        LookAheadError
            Under ``on_look_ahead="raise"``, for the first order that needs later facts.
        """
        return schedule_of(
            self.decided_on,
            entries=self.arguments.entries,
            exits=self.arguments.exits,
            clock=self.clock,
            on_look_ahead=self.arguments.on_look_ahead,
            size=self.arguments.size,
        )

    @cached_property
    def decided_on(self) -> Changes:
        """The changes, which copies of it under other rules then have, too."""
        return Changes(
            self._vintages,
            clock=self.clock,
            keep=self._keeps,
            asks_derived=not DERIVED.isdisjoint(self._filter.columns),
        )

    def plan(self) -> tuple[Cell, ...]:
        """Return the same orders as objects; the filter by `size` is not applied.

        Raises
        ------
        LookAheadError
            As `schedule` does.
        """
        return plan(
            self._vintages,
            entries=self.arguments.entries,
            exits=self.arguments.exits,
            clock=self.clock,
            keep=self._keeps,
            on_look_ahead=self.arguments.on_look_ahead,
        )

    def changes(self) -> tuple[IndexChange, ...]:
        """Return the changes the study is about, as the view knows them at its end."""
        last = {
            vintage.change_id: vintage
            for vintage in sorted(self._vintages, key=lambda v: v.change.known_at)
        }
        return tuple(
            vintage.change
            for vintage in last.values()
            if not vintage.retracted and self._keeps(vintage)
        )

    def _keeps(self, vintage: Vintage) -> bool:
        change, period = vintage.change, self.arguments.period
        return (
            self.arguments.side.takes(change.side)
            and self._filter.matches(vintage)
            and (period is None or is_within(period, change, self.clock.sessions))
        )

    def anew(self) -> Scope:
        """Return a copy without cached decisions."""
        again = self._only(self._vintages)
        again.__dict__["_apart"] = self._apart
        return again

    def check_events(self, among: Iterable[Scope] | None = None) -> None:
        """Raise an error if there is no event.

        Parameters
        ----------
        among
            Scopes that have all of its events and entries together, in this order; by
            default those of some entries each.

        Raises
        ------
        LookAheadError
            Under ``on_look_ahead="raise"``.
        UntradeableError
            If no event matches.
        """
        parts = self.by_entries() if among is None else among
        some = (len(part.schedule) > 0 for part in parts)
        # All are decided where the first that looks ahead is to be told.
        if any(list(some) if self.arguments.on_look_ahead == "raise" else some):
            return
        arguments = self.arguments
        subject = f"{arguments.side} of {arguments.index or 'the changes given'} match"
        if arguments.side is TradedSide.BOTH:
            subject = f"change of {arguments.index or 'those given'} matches"
        plain = arguments.plain()
        filters = "".join(
            f" {name}={plain[name]}"
            for name in ("where", "period", "size")
            if plain[name]
        )
        msg = (
            f"no {subject}{filters} as known at {self.view.instant.isoformat()}: widen "
            f"where=, period=, size= or side=, or take a later view"
        )
        raise UntradeableError(msg)

    def history(self, orders: Schedule) -> PriceHistory:
        """Return the prices of every leg of a schedule, of the hedge, and the market.

        Raises
        ------
        InvalidArgumentError
            If the hedge has no prices.
        """
        symbols = {*orders.changes.symbols, MARKET, self.arguments.hedge}
        history = price_history(self.view, sorted(filter(None, symbols)))
        self._check_hedge(history)
        return history

    def symbols(self) -> list[str]:
        """Return the symbols of every leg and of the hedge, sorted."""
        symbols = {*self.decided_on.symbols, self.arguments.hedge}
        return sorted(filter(None, symbols))

    def check_hedge(self) -> None:
        """Check that the hedge has prices.

        Raises
        ------
        InvalidArgumentError
            If it has none.
        """
        hedge = self.arguments.hedge
        if hedge is not None:
            self._check_hedge(price_history(self.view, [hedge]))

    def _check_hedge(self, history: PriceHistory) -> None:
        hedge = self.arguments.hedge
        if hedge is not None and hedge not in history:
            msg = (
                f"hedge {hedge!r} has no prices in release {self.view.release!r}: "
                f"publish them, or hedge with another symbol"
            )
            raise InvalidArgumentError(msg)

    @property
    def title(self) -> str:
        """The study in a line: what, on which release, and how many rules."""
        arguments = self.arguments
        return printable(
            f"{arguments.index or 'changes given'}, release {self.view.release!r}, "
            f"{len(arguments.entries)} entries x {len(arguments.exits)} exits"
        )
