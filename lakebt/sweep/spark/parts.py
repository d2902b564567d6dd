"""A part of a study: some of its events, with prices that were sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from lakebt.events.event_parts import by_events
from lakebt.facts import Vintage
from lakebt.lake.reading.view import View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt.facts import IndexChange
    from lakebt.prices.history import PriceHistory


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
