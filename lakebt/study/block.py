"""Cells of a study that are in memory: all of its events, or a chunk of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lakebt.study.lookup import Lookup, rule_number
from lakebt.study.summary import Summary

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from lakebt._typing import IntVector
    from lakebt.events.schedule import Schedule
    from lakebt.prices.history import PriceHistory
    from lakebt.study.cells import Cells
    from lakebt.study.chunk import Chunk
    from lakebt.study.scope import Scope
    from lakebt.study.summary import Planned


class OfAllEvents:
    """A study under some of its entries, with every cell traded: all of its events.

    Attributes
    ----------
    scope
        Under these entries.
    plan
        Every event under each of them.
    cells
        What each of those earned under every exit, or why it is empty.
    """

    scope: Scope
    cells: Cells

    @property
    def plan(self) -> Planned:
        """Every event under each of the entries."""
        raise NotImplementedError

    def pieces(self) -> Iterator[Block]:
        """Yield the same with prices, some of the events after the other."""
        raise NotImplementedError

    @property
    def entries(self) -> tuple[str, ...]:
        """The entry rules, as written."""
        return tuple(map(str, self.plan.entries))

    @cached_property
    def summary(self) -> Summary:
        """The figures of each rule."""
        return self.summary_on(None)

    def summary_on(self, days: npt.NDArray[np.datetime64] | None) -> Summary:
        """Return the figures of each rule, with the dates of all entries."""
        arguments = self.scope.arguments
        return Summary(
            self.plan,
            self.cells,
            costs=arguments.costs,
            capital_usd=arguments.capital_usd,
            pooling=arguments.pooling,
            days=days,
        )

    def slots(self, entry: str) -> IntVector:
        """Return the slots of an entry rule.

        Raises
        ------
        UnknownNameError
            If there is no such entry.
        """
        return np.flatnonzero(
            self.plan.entry == rule_number("entry", entry, self.plan.entries)
        )

    def column(self, exit_: str) -> int:
        """Return the column of an exit rule.

        Raises
        ------
        UnknownNameError
            If there is no such exit.
        """
        return rule_number("exit", exit_, self.plan.exits)


@dataclass(frozen=True, kw_only=True, eq=False)
class Block(OfAllEvents):
    """A study under some of its entries, with every cell traded, and its prices.

    Attributes
    ----------
    scope
        Under these entries.
    schedule
        Every event under each of them and every exit, as the guard decided it.
    cells
        What each of those earned, or why it is empty.
    history
        The prices it was computed from.
    chunk
        The events that these are all of; None if they are those of the study.
    """

    scope: Scope
    schedule: Schedule
    cells: Cells
    history: PriceHistory
    chunk: Chunk | None = None

    @property
    def plan(self) -> Schedule:
        """Every event under each of the entries."""
        return self.schedule

    def pieces(self) -> Iterator[Block]:
        """Yield itself."""
        yield self

    @cached_property
    def lookup(self) -> Lookup:
        """Its cells in full, by the names of their event, entry and exit."""
        return Lookup(
            self.scope.arguments,
            self.schedule,
            self.cells,
            self.history,
            in_full=None if self.chunk is None else self.chunk.in_full,
        )

    def every_bar(self) -> PriceHistory:
        """Return the prices of its events in all sessions."""
        return self.history if self.chunk is None else self.chunk.every_bar()
