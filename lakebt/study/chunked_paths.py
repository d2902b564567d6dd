"""The prices of average paths, of one chunk of the events after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.events.plan import Events
from lakebt.prices.total_return import ReturnPrices

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lakebt._typing import FloatVector
    from lakebt.analysis.path import EventAxis, PathLeg
    from lakebt.study.chunks import Chunks


class ChunkedPrices:
    """Those of a study whose events were traded in chunks.

    Parameters
    ----------
    chunks
        All events of the study.
    """

    def __init__(self, chunks: Chunks) -> None:
        self._chunks = chunks.chunks

    def of_market(self, symbol: str, first: int, last: int) -> FloatVector:
        """Return its open and close of each session, by the numbers of these."""
        prices = ReturnPrices(self._chunks[0].in_full([symbol]))
        return prices.window([symbol], first, last)[:, 0]

    def of_legs(
        self, legs: Sequence[PathLeg], axis: EventAxis
    ) -> Iterator[tuple[int, FloatVector]]:
        """Yield the place of each leg, by chunk, with its own over its span."""
        places: dict[str, list[int]] = {}
        for place, leg in enumerate(legs):
            places.setdefault(leg.event_id, []).append(place)
        for chunk in self._chunks:
            events = Events(chunk.scope.clock.sessions)
            changes = chunk.scope.changes()
            names = dict.fromkeys(events.of(change).event_id for change in changes)
            own = [place for name in names for place in places.pop(name, ())]
            if not own:
                continue
            spans = [axis.span(legs[place]) for place in own]
            first, last = min(s[0] for s in spans), max(s[1] for s in spans)
            with chunk.between(first, last) as history:
                prices = ReturnPrices(history)
                for place, span in zip(own, spans, strict=True):
                    yield place, prices.window([legs[place].symbol], *span)[:, 0]
