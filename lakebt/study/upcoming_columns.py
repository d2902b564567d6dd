"""Upcoming orders of many cells at once, whose legs have one vintage each.

Nearly every cell is one: its legs leave in the same half session, too. All others
`lakebt.study.upcoming` decides one after the other.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lakebt.backtest.weights import is_hedged, leg_weights
from lakebt.events.orders import known_from
from lakebt.events.plan import describe
from lakebt.events.rules import SessionsLater, WeeksLater
from lakebt.instants import EPOCH, TICK
from lakebt.prices.sizing import sizing_closes
from lakebt.sessions import session_of
from lakebt.values.arrays import offsets, spans

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from lakebt._typing import BoolVector, FloatVector, IntVector
    from lakebt.events.rules import Exit
    from lakebt.events.schedule import Schedule
    from lakebt.facts import IndexChange
    from lakebt.prices.history import PriceHistory
    from lakebt.study.scope import Scope


def are_plain(plan: Schedule, slots: IntVector, columns: IntVector) -> BoolVector:
    """Return which cells have legs of one vintage each, with one exit session."""
    told_again = np.array([len(h) > 1 for h in plan.changes.histories], dtype=bool)
    of_slot = np.bincount(plan.slot_of_leg[told_again[plan.leg]], minlength=len(plan))
    is_planned = plan.reason[slots, columns] == 0
    plain: BoolVector = is_planned & ~plan.apart[slots, columns] & (of_slot[slots] == 0)
    return plain


class PlainOrders:
    """The orders of plain cells, in columns.

    Parameters
    ----------
    scope, history
        What is asked, and the prices that entries are sized on.
    slots, columns
        The cells, by slot and exit.
    """

    def __init__(
        self,
        scope: Scope,
        history: PriceHistory,
        slots: IntVector,
        columns: IntVector,
    ) -> None:
        self._scope, self._history = scope, history
        self._slots, self._columns = slots, columns
        self._now = (scope.view.instant - EPOCH) // TICK
        self._plan = scope.schedule

    def frame(self) -> pd.DataFrame:
        """Return a row per order, an entry before its exit, by cell and holding."""
        plan, held = self._plan, self._held
        of_slot = held.of_slot[self._slots]
        sizes = np.diff(held.start)[of_slot]
        cell = np.repeat(np.repeat(np.arange(len(self._slots)), sizes), 2)
        hold = np.repeat(spans(held.start[of_slot], sizes), 2)
        is_exit = np.arange(len(cell)) % 2 == 1
        slot, column = self._slots[cell], self._columns[cell]
        row = np.where(is_exit, plan.exit_row[slot, column], plan.row[slot])
        is_due = is_exit | (plan.clock.deadlines(row) > self._now)
        weight = held.weight[hold]
        is_bought = np.where(is_exit, -weight, weight) > 0.0
        close = self._closes(held.symbol[hold], plan.row[slot])
        size = np.abs(weight * self._scope.arguments.sizing.capital_usd / close)
        return pd.DataFrame(
            {
                "event_id": _taken([e.event_id for e in plan.events], plan.event[slot]),
                "entry": _taken(list(map(str, plan.entries)), plan.entry[slot]),
                "exit": _taken(list(map(str, plan.exits)), column),
                "order": _taken(["entry", "exit"], is_exit.astype(np.int64)),
                "status": _taken(["sent", "due"], is_due.astype(np.int64)),
                "session": row,
                "symbol": _taken(held.symbols, held.symbol[hold]),
                "side": _taken(["sell", "buy"], is_bought.astype(np.int64)),
                "size": size,
                "weight": weight,
                "last_close": close,
                "fact": _taken(held.facts, held.fact[hold]),
                "known_at": self._known(hold, slot, column, is_exit=is_exit),
                "slot": slot,
                "column": column,
            }
        )

    @cached_property
    def _held(self) -> _Holdings:
        return _Holdings(self._scope, np.unique(self._slots))

    def _closes(self, symbol: IntVector, entry: IntVector) -> FloatVector:
        """Return the close that each entry is sized on, of what is known by now."""
        symbols, rows, place = _pairs(symbol, entry)
        codes = self._history.codes(self._held.symbols)[symbols]
        known = np.minimum(self._plan.clock.deadlines(rows), self._now + 1)
        closes = sizing_closes(
            self._history, codes, before=known, fills=session_of(rows)
        )
        close: FloatVector = closes[place]
        return close

    def _known(
        self,
        hold: IntVector,
        slot: IntVector,
        column: IntVector,
        *,
        is_exit: BoolVector,
    ) -> pd.DatetimeIndex:
        """Return when each order's fact was known: an exit may count from the entry."""
        plan = self._plan
        rules: list[Exit] = [*plan.entries, *plan.exits]
        entry = plan.entry[slot]
        from_entry = [isinstance(r, SessionsLater | WeeksLater) for r in plan.exits]
        follows = ~is_exit | np.array(from_entry, dtype=bool)[column]
        rule = np.where(follows, entry, len(plan.entries) + column)
        holds, numbers, place = _pairs(hold, rule)
        changes = self._held.changes
        micros = [
            _micros(known_from(rules[number], changes[own]))
            for own, number in zip(holds.tolist(), numbers.tolist(), strict=True)
        ]
        known = np.array(micros, dtype=np.int64)[place]
        return pd.DatetimeIndex(known.astype("datetime64[us]"), tz="UTC")


class _Holdings:
    """What each slot buys or sells at its entry; slots of the same legs share it.

    Parameters
    ----------
    scope
    slots
        Each once.

    Attributes
    ----------
    of_slot : ndarray of shape (n_slots,)
        Which holdings each slot of the plan has.
    start : ndarray of shape (n_holdings + 1,)
        Where each begins, and where the last one ends.
    symbol, fact, weight : ndarray
        Of each thing held: a leg, or the hedge of all.
    changes : list of IndexChange
        By what it is known: a hedge as the first leg is.
    symbols, facts : list of str
        Each once.
    """

    def __init__(self, scope: Scope, slots: IntVector) -> None:
        plan, sessions = scope.schedule, scope.clock.sessions
        sizing = scope.arguments.sizing
        self.of_slot = np.zeros(len(plan), dtype=np.int64)
        self.changes: list[IndexChange] = []
        known: dict[bytes, int] = {}
        sizes: list[int] = []
        symbols: list[str] = []
        facts: list[str] = []
        weights: list[float] = []
        for slot in slots.tolist():
            legs = plan.leg[plan.start[slot] : plan.start[slot + 1]].tobytes()
            self.of_slot[slot] = known.setdefault(legs, len(known))
            if len(known) == len(sizes):
                continue
            changes = plan.vintages(slot)
            sides = [change.side for change in changes]
            own = list(leg_weights(sides, sizing) or ())
            if own:
                self.changes += changes
                symbols += [change.symbol for change in changes]
                facts += [describe(change, sessions) for change in changes]
            if own and sizing.hedge is not None and is_hedged(sides, sizing):
                self.changes.append(changes[0])
                symbols.append(sizing.hedge)
                names = ", ".join(sorted(change.symbol for change in changes))
                facts.append(f"hedge of {names}")
                own.append(-sum(own))
            weights += own
            sizes.append(len(own))
        self.start = offsets(np.array(sizes, dtype=np.int64))
        self.weight = np.array(weights, dtype=np.float64)
        self.symbol, self.symbols = _coded(symbols)
        self.fact, self.facts = _coded(facts)


def _coded(texts: list[str]) -> tuple[IntVector, list[str]]:
    """Return the place of each text among the distinct texts, and these."""
    places: dict[str, int] = {}
    codes = [places.setdefault(text, len(places)) for text in texts]
    return np.array(codes, dtype=np.int64), list(places)


def _taken(texts: Sequence[str], codes: IntVector) -> Any:
    return pd.array(list(texts), dtype="str").take(codes)


def _pairs(one: IntVector, other: IntVector) -> tuple[IntVector, IntVector, IntVector]:
    """Return the distinct pairs, and the number of the pair at each place."""
    width = int(other.max(initial=0)) + 1
    pairs, place = np.unique(one * width + other, return_inverse=True)
    return pairs // width, pairs % width, place


def _micros(instant: dt.datetime) -> int:
    return (instant - EPOCH) // TICK
