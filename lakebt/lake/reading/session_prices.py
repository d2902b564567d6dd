"""Prices of a view for some sessions at a time; they are not cached."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lakebt.lake.reading.first_sessions import FirstSessions
from lakebt.lake.reading.known_actions import actions_of
from lakebt.lake.reading.session_bars import bars_between, parts
from lakebt.prices.actions import ActionKind
from lakebt.prices.beside_actions import BesideActions
from lakebt.prices.effects import ShareUnits

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lakebt._typing import IntVector
    from lakebt.lake.reading.known_release import Known
    from lakebt.prices.actions import ActionHistory
    from lakebt.prices.history import PriceHistory

_COLUMNS = ("open", "close", "volume")


class SessionPrices:
    """Prices of some symbols, of some sessions at a time.

    Of actions those of the sessions are there, and all that end a share or give others.
    What any of them asks of bars in other sessions is read once: those next to it.

    Parameters
    ----------
    known
        Of a view whose bars hold the actions that it knows.
    symbols
        All that will be asked for, as results call them: an action of one of them may
        give shares of another.
    asks_last_close
        Whether a delisting returns something on its last close.
    """

    def __init__(
        self, known: Known, symbols: Sequence[str], *, asks_last_close: bool
    ) -> None:
        self._known, self._tables = known, known.by_instrument
        self._symbols = tuple(symbols)
        self._basis = known.pinned.basis(known_by=known.by)
        self._actions = (
            actions_of(known.pinned, symbols, known_by=known.by)
            if self._tables is None
            else self._tables.actions(symbols, known_by=known.by)
        )
        is_asked = asks_last_close or not set(self._basis) <= {"raw"}
        self._units = self._read_units() if is_asked else None

    def actions(
        self, symbols: Sequence[str], first: int, last: int, *, and_of: Iterable[str]
    ) -> ActionHistory:
        """Return what a history of some sessions asks actions for.

        Parameters
        ----------
        symbols, first, last
            As `between` takes them.
        and_of
            Symbols whose bars are all there.
        """
        about = self._actions.about(self._wanted(symbols))
        return about.within(first, last, and_of=and_of)

    def between(self, symbols: Sequence[str], first: int, last: int) -> PriceHistory:
        """Return every vintage known of some symbols' bars, with what acts on them.

        Parameters
        ----------
        symbols
            Bars of the shares that come of them are there, too.
        first, last
            Numbers of the sessions, inclusive.
        """
        wanted = self._wanted(symbols)
        actions = self._actions.about(wanted).within(first, last)
        history = self._bars(wanted, first, last, actions)
        spun = actions.other[actions.kind == ActionKind.SPIN_OFF.code]
        # What they cost before they were spun off may be told by earlier bars alone.
        names = (*history.symbols, *(n for n in _of(actions, spun) if n not in history))
        pa.default_memory_pool().release_unused()  # what was scanned is gone
        return replace(
            self._known.with_borrow(history, symbols, wanted, tables=self._tables),
            symbols=names,
            cut=np.full(len(names), first > 0),
            units=self._units,
        )

    def begin_before(self, symbols: Sequence[str], session: int) -> list[str]:
        """Return which symbols may have a bar before a session.

        Parameters
        ----------
        symbols
        session
            Its number.
        """
        if self._tables is None:
            return self._first_sessions.begin_before(symbols, session)
        own = {name: self._tables.symbols_of([name]) for name in symbols}
        every = sorted({symbol for of_name in own.values() for symbol in of_name})
        begun = set(self._first_sessions.begin_before(every, session))
        return [name for name in symbols if not begun.isdisjoint(own[name])]

    @cached_property
    def _first_sessions(self) -> FirstSessions:
        wanted = self._wanted(self._symbols)
        if self._tables is not None:
            wanted = self._tables.symbols_of(wanted)
        return FirstSessions(self._known.pinned, wanted)

    def _wanted(self, symbols: Sequence[str]) -> tuple[str, ...]:
        """Return some symbols, and those of the shares that come of them."""
        return tuple(dict.fromkeys((*symbols, *self._actions.of(symbols).symbols)))

    def _bars(
        self, wanted: Sequence[str], first: int, last: int, actions: ActionHistory
    ) -> PriceHistory:
        known = self._known
        between = (
            partial(bars_between, known.pinned)
            if self._tables is None
            else self._tables.bars_between
        )
        bars = between(
            wanted,
            _COLUMNS,
            sessions=(first, last),
            with_basis=len(self._basis) > 1,
        )
        return bars.history(wanted, as_of=known.by, basis=self._basis, actions=actions)

    def _read_units(self) -> ShareUnits | None:
        """Return in which shares bars are; None where no action says so."""
        beside = BesideActions(self._actions, self._basis)
        if not beside.symbols:
            return None
        ending = self._actions.within(0, -1)
        pinned = self._known.pinned
        most = len(beside.symbols) * len(pinned.sessions)
        for first, last in parts(pinned, most=most):
            beside.add(self._bars(beside.symbols, first, last, ending))
        actions = replace(self._actions)
        units = ShareUnits(replace(beside.done(), actions=actions))
        vars(actions).pop("final", None)  # many objects, which are asked for once
        return units


def _of(actions: ActionHistory, codes: IntVector) -> list[str]:
    """Return the symbols that some codes are."""
    return [actions.symbols[code] for code in np.unique(codes[codes >= 0]).tolist()]
