"""A part of a study: some of its events, with prices that were sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from lakebt.events.event_parts import EventParts
from lakebt.facts import Vintage
from lakebt.lake.reading.view import View
from lakebt.study.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt.facts import IndexChange
    from lakebt.prices.history import PriceHistory
    from lakebt.study.arguments import Arguments


Cuts: TypeAlias = "dict[tuple[str, int], list[tuple[Vintage, ...]]]"
"""The vintages of an index, cut into so many parts."""


class Part(View):
    """A view of some of the events, with prices that were sent.

    Parameters
    ----------
    view
        Of the whole release.
    prices
        All that the events of the part need; None if they are read as others are.
    part, count
        Which part, of how many.
    cuts
        The vintages of each part, by index and `count`: of the parts of one view the
        first cuts, for that takes longer than what is done with a part.
    """

    __slots__ = ("_count", "_cuts", "_part", "_prices")

    _prices: PriceHistory | None
    _part: int
    _count: int
    _cuts: Cuts

    def __init__(
        self,
        view: View,
        prices: PriceHistory | None,
        *,
        part: int,
        count: int,
        cuts: Cuts,
    ) -> None:
        super().__init__(view._pinned, instant=view.instant)  # noqa: SLF001 - it is one
        self._put(_prices=prices, _part=part, _count=count, _cuts=cuts)

    @property
    def count(self) -> int:
        """How many parts there are."""
        return self._count

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
        return EventParts(vintages, self.sessions).cut(self._count)

    def price_history(
        self,
        symbols: Sequence[str],
        *,
        joined: bool = False,
    ) -> PriceHistory:
        """Return the prices that were sent, of at least `symbols`, joined."""
        if self._prices is not None:
            return self._prices
        return super().price_history(symbols, joined=joined)


def scope_of(part: Part, arguments: Arguments) -> Scope:
    """Return what some arguments are about, of the events of a part."""
    if part.count > 1 and arguments.changes is not None:
        own = tuple(part.supplied(arguments.changes))
        arguments = arguments.replaced(changes=own)
    return Scope(part, arguments)
