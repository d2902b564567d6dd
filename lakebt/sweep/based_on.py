"""Facts that studies of a sweep are decided on, and prices that are sent with them."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING

from lakebt.evidence import MARKET
from lakebt.facts import Vintage
from lakebt.sweep.parts import by_events
from lakebt.sweep.shipping import pack_prices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt.history import PriceHistory
    from lakebt.study import Study


class Facts:
    """What the studies of one view are decided on, and the prices that they need.

    Parameters
    ----------
    study
        One of them.
    hedges
        Of all of them.
    """

    def __init__(self, study: Study, hedges: set[str]) -> None:
        self._view, self._hedges = study.view, hedges
        if study.index is not None:
            self._vintages = study.view.change_vintages(index=study.index)
        else:
            self._vintages = tuple(
                Vintage(change_id=change.change_id, change=change)
                for change in study.changes or ()
            )
        self._keys: dict[int, list[str]] = {}

    @cached_property
    def n_events(self) -> int:
        """How many can be decided apart."""
        parts = self._parts(max(len(self._vintages), 1))
        return max(sum(map(bool, parts)), 1)

    def _parts(self, count: int) -> list[tuple[Vintage, ...]]:
        return by_events(self._vintages, sessions=self._view.sessions, count=count)

    @cached_property
    def _history(self) -> PriceHistory:
        return self._view.price_history(self._symbols(self._vintages))

    def _symbols(self, vintages: Sequence[Vintage]) -> list[str]:
        named = {vintage.change.symbol for vintage in vintages}
        return sorted({*named, *self._hedges, MARKET})

    def keys(self, count: int, prices: dict[str, bytes]) -> list[str]:
        """Return the key of each part's prices, which are added to `prices`.

        Parameters
        ----------
        count
            In how many parts the events are taken.
        prices
            By key, packed.
        """
        if count not in self._keys:
            self._keys[count] = []
            for part in self._parts(count):
                packed = pack_prices(self._history, self._symbols(part))
                key = hashlib.blake2b(packed, digest_size=16).hexdigest()
                prices[key] = packed
                self._keys[count].append(key)
        return self._keys[count]
