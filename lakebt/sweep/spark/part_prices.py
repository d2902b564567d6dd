"""Prices for parts of the events: each part gets only its own sessions.

Earlier bars are rarely needed, and it is not known beforehand which: the last close of
a halted share. The code that trades then names the symbols that lack bars, and gets
them.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lakebt.inputs.roles import Decides
from lakebt.lake.reading.instrument_view import price_history, prices_apart
from lakebt.prices.spill import with_whole
from lakebt.study.chunk import BEFORE
from lakebt.study.order_reach import reach
from lakebt.sweep.passes import but_for_rules
from lakebt.sweep.spark.messages import pack_prices, unpack_prices
from lakebt.sweep.spark.parts import Part, scope_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lakebt.lake.reading.session_prices import SessionPrices
    from lakebt.lake.reading.view import View
    from lakebt.prices.history import PriceHistory
    from lakebt.study.arguments import Arguments
    from lakebt.study.scope import Scope
    from lakebt.sweep.passes import Pass
    from lakebt.sweep.spark.parts import Cuts

AT_ONCE = 8
"""Parts whose prices are read at once: each is read from few files."""


@dataclass(frozen=True, kw_only=True)
class Needed:
    """What a part of the events needs prices of.

    Attributes
    ----------
    part
        Which it is.
    symbols
    orders
        Numbers of the first and the last session in which an order may be filled, or a
        volume counts; 0, -1 if there is none. None if prices of all sessions are there.
    whole
        Symbols of which all earlier bars are there.
    """

    part: str
    symbols: tuple[str, ...]
    orders: tuple[int, int] | None
    whole: frozenset[str] = frozenset()


class PartPrices:
    """Prices of the parts of a sweep's events, to be sent.

    Parameters
    ----------
    view
        By which they are read.
    passes
        All that are run of these events.
    hedges
        Of all of them.
    """

    def __init__(self, view: View, passes: Sequence[Pass], hedges: set[str]) -> None:
        self._view, self._hedges = view, sorted(hedges)
        self._arguments = list(_together(one.scope for one in passes))
        levels = [level for one in passes for level in one.studies]
        spans = [2 * lv.costs.impact_sessions for lv in levels if lv.costs.asks_volume]
        self._before = max(spans, default=0)
        self._asks_last_close = any(
            one.scope.arguments.delisting_return is not None for one in passes
        )
        self._cuts: Cuts = {}
        self._symbols: set[str] = set()
        self._needed: dict[str, Needed] = {}

    def sent(self, count: int, prices: dict[str, bytes]) -> list[str]:
        """Return the key of each part's prices, which are added to `prices`.

        Parameters
        ----------
        count
            In how many parts the events are taken.
        prices
            By key, packed.
        """
        needed = [self._of(part, count) for part in range(count)]
        self._symbols.update(*(each.symbols for each in needed))
        _ = self._source  # before several ask for it at once
        with ThreadPoolExecutor(AT_ONCE) as pool:
            histories = self._with_hedges(list(pool.map(self._read, needed)))
        return [
            self._put(each, packed, prices)
            for each, packed in zip(needed, histories, strict=True)
        ]

    def orders(self, key: str) -> tuple[int, int] | None:
        """Return in which sessions orders are filled by the prices of a key."""
        return self._needed[key].orders

    def completed(
        self, asked: Mapping[str, frozenset[str]], prices: dict[str, bytes]
    ) -> dict[str, str]:
        """Return the keys that take the place of others, with more prices.

        Parameters
        ----------
        asked
            By key, symbols of which all earlier bars are to be there. None are all of
            them, and later bars, too.
        prices
            By key, packed: there are those of `asked`, and what is read is added.
        """
        wanted = {
            key: symbols or frozenset(self._needed[key].symbols)
            for key, symbols in asked.items()
        }
        needed = {
            key: replace(
                of := self._needed[key],
                whole=of.whole | symbols,
                # Where all are asked for, an order lies beyond what was expected.
                orders=of.orders if asked[key] else None,
            )
            for key, symbols in wanted.items()
        }
        last = max(self._between(of)[1] for of in needed.values())
        every = sorted(frozenset().union(*wanted.values()))
        whole = self._source.between(every, 0, last)
        renewed = {}
        for key, symbols in wanted.items():
            of = needed[key]
            packed = self._joined(of, whole, prices[key], symbols)
            renewed[key] = self._put(of, packed, prices)
        return renewed

    def _joined(
        self, of: Needed, whole: PriceHistory, sent: bytes, symbols: frozenset[str]
    ) -> bytes:
        """Return prices that were sent, with all bars of some symbols."""
        sessions = self._view.sessions
        own = unpack_prices(pack_prices(whole, sorted(symbols)), sessions=sessions)
        history = unpack_prices(sent, sessions=sessions)
        if of.orders is None:  # others may have bars beyond, and none here
            history = replace(own, units=history.units)
        else:
            history = with_whole(history, own, symbols)
        first, last = self._between(of)
        actions = self._source.actions(of.symbols, first, last, and_of=of.whole)
        return _packed(replace(history, actions=actions))

    def _put(self, of: Needed, packed: bytes, prices: dict[str, bytes]) -> str:
        key = hashlib.blake2b(packed, digest_size=16).hexdigest()
        key = f"{key} of {of.part}"  # others may have the same, for other orders
        prices[key] = packed
        self._needed[key] = of
        return key

    def _of(self, part: int, count: int) -> Needed:
        """Return what a part needs: what any of its rules may."""
        view = Part(self._view, None, part=part, count=count, cuts=self._cuts)
        symbols, first, last = set(self._hedges), self._far, -1
        for arguments in self._arguments:
            scope = scope_of(view, arguments)
            symbols.update(scope.symbols())
            least, most = reach(scope)
            if (least, most) != (0, self._far):  # which is said where there is no order
                first, last = min(first, least), max(last, most)
        orders = (max(first - self._before, 0), last) if first <= last else (0, -1)
        return Needed(
            part=f"{part}/{count}", symbols=tuple(sorted(symbols)), orders=orders
        )

    @property
    def _far(self) -> int:
        return len(self._view.sessions) - 1

    def _between(self, of: Needed) -> tuple[int, int]:
        """Return the first and the last session of which bars are there."""
        first, last = of.orders or (0, self._far)
        return max(first - BEFORE, 0), last

    @cached_property
    def _source(self) -> SessionPrices:
        return prices_apart(
            self._view, sorted(self._symbols), asks_last_close=self._asks_last_close
        )

    def _read(self, of: Needed) -> tuple[bytes, frozenset[str]]:
        """Return the prices of a part, packed, and the hedges that have none there."""
        first, last = self._between(of)
        history = (
            self._source.between(of.symbols, first, last)
            if first <= last
            else self._source.between((), 0, 0)  # no file has any
        )
        return _packed(history), frozenset(self._hedges).difference(history.symbols)

    def _with_hedges(self, found: list[tuple[bytes, frozenset[str]]]) -> list[bytes]:
        """Return prices of parts in which each hedge is that has prices anywhere."""
        nowhere = frozenset(self._hedges).intersection(*(absent for _, absent in found))
        if nowhere:
            nowhere -= set(price_history(self._view, sorted(nowhere)).symbols)
        return [
            self._named(packed, sorted(absent - nowhere)) for packed, absent in found
        ]

    def _named(self, packed: bytes, names: Sequence[str]) -> bytes:
        """Return prices with symbols whose bars are all elsewhere."""
        if not names:
            return packed
        history = unpack_prices(packed, sessions=self._view.sessions)
        cut = np.append(history.cut, np.ones(len(names), dtype=bool))
        return _packed(replace(history, symbols=(*history.symbols, *names), cut=cut))


def _packed(history: PriceHistory) -> bytes:
    """Return all of a history."""
    return pack_prices(history, (*history.symbols, *history.actions.symbols))


def _together(scopes: Iterable[Scope]) -> Iterator[Arguments]:
    """Yield arguments that decide on other changes, each under all rules."""
    by_changes: dict[object, list[Scope]] = {}
    for scope in scopes:
        by_changes.setdefault(but_for_rules(scope, Decides.ORDERS), []).append(scope)
    for those in by_changes.values():
        every = [scope.arguments for scope in those]
        yield every[0].replaced(
            entries=tuple(dict.fromkeys(r for a in every for r in a.entries)),
            exits=tuple(dict.fromkeys(r for a in every for r in a.exits)),
        )
