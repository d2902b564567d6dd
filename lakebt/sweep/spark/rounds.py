"""Which units of a sweep run next: those that were sent too few prices run again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lakebt.sweep.spark.messages import unpack_symbols
from lakebt.sweep.spark.pieces import Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lakebt.sweep.spark.messages import Done
    from lakebt.sweep.spark.part_prices import PartPrices
    from lakebt.sweep.spark.pieces import Portions


class Rounds:
    """The units of a sweep, some at a time.

    Of those that trade by the same prices of some sessions one is in the first round:
    what it lacks the others would lack, too.

    Parameters
    ----------
    cut
        The sweep.
    sent
        Returns prices that were sent, by their key.
    send
        Sends more, under a key.
    """

    def __init__(
        self,
        cut: Portions,
        *,
        sent: Callable[[str], bytes],
        send: Callable[[str, bytes], None],
    ) -> None:
        self._left, self._parted = list(cut.units), dict(cut.parted)
        self._sent, self._send = sent, send
        self._seen: set[str] = set()
        self._running: dict[int, Unit] = {}
        self._again: dict[int, Unit] = {}
        self._asked: dict[str, frozenset[str]] = {}

    def __iter__(self) -> Iterator[list[Unit]]:
        """Yield the units of each round; what is lacking of one is taken meanwhile."""
        while self._left:
            now = self._next()
            self._running = {n: unit for unit in now for n, _ in unit.works[0].specs}
            self._again, self._asked = {}, {}
            yield now
            self._seen.update(*map(self._keys, now))
            self._left = [*self._again.values(), *self._left]
            if self._asked:
                renewed = self._renewed()
                self._seen.update(renewed.values())
                self._left = [self._with(unit, renewed) for unit in self._left]

    def take(self, done: Done) -> None:
        """Take what a piece lacked."""
        unit = self._running[done.number]
        self._again[id(unit)] = unit
        key, symbols = unit.works[done.part].prices, unpack_symbols(done.payload)
        so_far = self._asked.setdefault(key, frozenset(symbols))
        # None are all of them.
        self._asked[key] = so_far.union(symbols) if so_far and symbols else frozenset()

    def _keys(self, unit: Unit) -> set[str]:
        """Return the keys of its prices of some sessions."""
        return {work.prices for work in unit.works if work.prices in self._parted}

    def _next(self) -> list[Unit]:
        """Take the units of a round off those that are left."""
        now, later, looked_at = [], [], set[str]()
        for unit in self._left:
            new = self._keys(unit) - self._seen
            if new.isdisjoint(looked_at):
                now.append(unit)
                looked_at |= new
            else:
                later.append(unit)
        self._left = later
        return now

    def _renewed(self) -> dict[str, str]:
        """Send the prices that were lacking; return the keys by those they replace."""
        of: dict[int, tuple[PartPrices, dict[str, frozenset[str]]]] = {}
        for key, symbols in self._asked.items():
            source = self._parted[key]
            of.setdefault(id(source), (source, {}))[1][key] = symbols
        renewed: dict[str, str] = {}
        for source, wanted_symbols in of.values():
            prices = {key: self._sent(key) for key in wanted_symbols}
            keys = source.completed(wanted_symbols, prices)
            for key in keys.values():
                self._parted[key] = source
                self._send(key, prices[key])
            renewed |= keys
        return renewed

    def _with(self, unit: Unit, renewed: Mapping[str, str]) -> Unit:
        """Return a unit that trades by the newest prices."""
        works = []
        for work in unit.works:
            key = renewed.get(work.prices, work.prices)
            if key != work.prices:
                orders = self._parted[key].orders(key)
                work = replace(work, prices=key, orders=orders)  # noqa: PLW2901 - a copy
            works.append(work)
        return Unit(works=tuple(works))
