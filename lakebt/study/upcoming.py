"""Upcoming orders: those still to be sent, and those of positions still held.

The guard decides them, as it decides those of the past: what it says of an order before
its deadline is what it says of it afterwards, unless a fact came in between.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lakebt.backtest.weights import is_hedged, leg_weights
from lakebt.events.orders import known_from
from lakebt.events.plan import describe
from lakebt.instants import EPOCH, TICK
from lakebt.prices.sizing import sizing_closes
from lakebt.sessions import is_close
from lakebt.study.chunks import Chunks, is_chunked, some_at_a_time
from lakebt.study.tables import deadlines, instants, session_dates
from lakebt.study.upcoming_columns import PlainOrders, are_plain
from lakebt.values.reasons import Reason

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence

    from lakebt._typing import IntVector
    from lakebt.events.clock import Fill
    from lakebt.events.plan import Cell
    from lakebt.events.schedule import Schedule
    from lakebt.facts import IndexChange
    from lakebt.prices.history import PriceHistory
    from lakebt.sessions import Sessions
    from lakebt.study.scope import Scope


WAITING_SESSIONS = 126
"""An order without a date waits this long after its event, and no longer."""

COLUMNS = (
    *("event_id", "entry", "exit", "order", "status", "session", "at", "deadline"),
    *("symbol", "side", "size", "weight", "last_close", "fact", "known_at"),
)

_NO_ROW = -1

_PLACE = ["slot", "column"]
"""Columns of the cell that an order is of, by which they are put in order."""


@dataclass(frozen=True, kw_only=True)
class _Holding:
    """What one leg of a cell, or its hedge, buys or sells at the entry."""

    symbol: str
    weight: float
    fact: str
    known_at: dt.datetime | None
    exit: Fill | None
    exit_fact: str
    exit_known_at: dt.datetime | None


def upcoming(scope: Scope) -> pd.DataFrame:
    """Return a row per order; see `lakebt.Study.upcoming`."""
    # What was refused is over, and nothing is pretended of what is to come.
    scope = scope.anew()
    scope.arguments = replace(scope.arguments, on_look_ahead="mask")
    clock, prices = scope.clock, _Prices(scope)
    parts = some_at_a_time(scope, as_all=False)
    frame = _joined([_of_part(part, prices) for part in parts], COLUMNS)
    halves = frame["session"].to_numpy(dtype=np.int64)
    dated, there = halves != _NO_ROW, np.maximum(halves, 0)
    frame["session"] = session_dates(there, clock).where(dated)
    frame["at"] = np.where(dated, np.where(is_close(there), "close", "open"), "")
    frame["deadline"] = deadlines(there, clock).where(dated)
    return frame[list(COLUMNS)].sort_values(
        ["deadline", "event_id"], kind="stable", na_position="last", ignore_index=True
    )


def _of_part(scope: Scope, prices: _Prices) -> pd.DataFrame:
    """Return the orders of some events and entries, by slot and exit."""
    plan, now = scope.schedule, scope.view.instant
    today = plan.clock.sessions.day(now)
    first_waiting = _sessions_before(plan.clock.sessions, today, WAITING_SESSIONS)
    slots, columns = _open_cells(plan, _micros(now), first_waiting)
    if not len(slots):
        return pd.DataFrame(columns=list(COLUMNS))
    history = prices.of(plan, slots)
    plain = are_plain(plan, slots, columns)
    parts = [
        PlainOrders(scope, history, slots[plain], columns[plain]).frame(),
        _one_by_one(scope, history, slots[~plain], columns[~plain]),
    ]
    joined = _joined(parts, (*COLUMNS, *_PLACE))
    return joined.sort_values(_PLACE, kind="stable", ignore_index=True).drop(
        columns=_PLACE
    )


def _joined(parts: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    """Return the rows of some frames; empty frames have no types."""
    some = [part for part in parts if len(part)]
    if not some:
        return pd.DataFrame(columns=list(columns))
    return pd.concat(some, ignore_index=True)


class _Prices:
    """Prices for upcoming orders: all of a study, or fewer if it has many events."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._history: PriceHistory | None = None

    def of(self, plan: Schedule, slots: IntVector) -> PriceHistory:
        """Return prices that have those of some slots."""
        if self._chunks is None:
            if self._history is None:
                self._history = self._scope.history(plan)
            return self._history
        hedge, own = self._scope.arguments.hedge, np.unique(slots).tolist()
        symbols = {change.symbol for slot in own for change in plan.vintages(slot)}
        symbols |= set() if hedge is None else {hedge}
        return self._chunks.chunks[0].in_full(sorted(symbols))

    @cached_property
    def _chunks(self) -> Chunks | None:
        return Chunks(self._scope) if is_chunked(self._scope) else None


def _open_cells(
    plan: Schedule, now: int, first_waiting: dt.date
) -> tuple[IntVector, IntVector]:
    """Return the cells that have orders to come, by slot and exit."""
    recent = np.array(
        [event.date >= first_waiting for event in plan.events], dtype=bool
    )
    waits = np.isin(plan.reason, [Reason.NO_ANCHOR.code, Reason.NO_SESSION.code])
    ends = plan.clock.deadlines(plan.exit_row.ravel()).reshape(plan.exit_row.shape)
    is_open = np.where(
        plan.reason == 0, ends > now, waits & recent[plan.event][:, None]
    )
    slots, columns = np.nonzero(is_open)
    return slots, columns


def _one_by_one(
    scope: Scope, history: PriceHistory, slots: IntVector, columns: IntVector
) -> pd.DataFrame:
    """Return the orders of cells that are decided one after the other."""
    plan = scope.schedule
    rows: list[dict[str, Any]] = []
    last, order_rows = -1, []
    for slot, column in zip(slots.tolist(), columns.tolist(), strict=True):
        if slot != last or plan.row[slot] != _NO_ROW:
            cell = plan.cell(slot, column)
            order_rows = list(_orders(cell, plan.vintages(slot), scope, history))
        # What waits for its entry waits for the same, wherever it leaves.
        place = {"exit": str(plan.exits[column]), "slot": slot, "column": column}
        rows += [{**row, **place} for row in order_rows]
        last = slot
    frame = pd.DataFrame(rows, columns=[*COLUMNS, *_PLACE])
    frame["known_at"] = instants(frame["known_at"])
    return frame


def _orders(
    cell: Cell, changes: tuple[IndexChange, ...], scope: Scope, history: PriceHistory
) -> Iterator[dict[str, Any]]:
    """Yield the entry and the exit of each leg of a cell, and of the hedge."""
    now, sizing = scope.view.instant, scope.arguments.sizing
    entry = cell.fill
    common = {"event_id": cell.event.event_id, "entry": cell.entry, "exit": cell.exit}
    for holding in _holdings(cell, changes, scope):
        close = (
            float("nan")
            if entry is None
            else _close(holding.symbol, entry, now, history)
        )
        size = holding.weight * sizing.capital_usd / close
        for order, fill, sign, fact, known_at in (
            ("entry", entry, 1.0, holding.fact, holding.known_at),
            ("exit", holding.exit, -1.0, holding.exit_fact, holding.exit_known_at),
        ):
            if order == "exit" and entry is None:
                continue
            is_sent = fill is not None and fill.deadline <= now
            yield {
                **common,
                "order": order,
                "status": "waiting" if fill is None else "sent" if is_sent else "due",
                "session": _NO_ROW if fill is None else fill.row,
                "symbol": holding.symbol,
                "side": "buy" if sign * holding.weight > 0.0 else "sell",
                "size": abs(size),
                "weight": holding.weight,
                "last_close": close,
                "fact": fact,
                "known_at": known_at,
            }


def _holdings(
    cell: Cell, changes: tuple[IndexChange, ...], scope: Scope
) -> list[_Holding]:
    """Return the positions of a cell; none for a one-sided event without a hedge."""
    sizing, sessions = scope.arguments.sizing, scope.clock.sessions
    rules = {str(rule): rule for rule in scope.arguments.entries}
    weights = leg_weights([change.side for change in changes], sizing)
    if weights is None:
        return []
    fact = cell.empty.fact if cell.empty is not None else ""
    by_change = {leg.change: leg for leg in cell.legs}
    holdings = []
    for change, weight in zip(changes, weights, strict=True):
        leg = by_change.get(change)
        has_entry = cell.fill is not None
        holdings.append(
            _Holding(
                symbol=change.symbol,
                weight=weight,
                fact=describe(change, sessions) if has_entry else fact,
                known_at=known_from(rules[cell.entry], change) if has_entry else None,
                exit=None if leg is None else leg.exit,
                exit_fact=fact if leg is None else describe(leg.exit_change, sessions),
                exit_known_at=None if leg is None else leg.exit_known_at,
            )
        )
    if sizing.hedge is not None and is_hedged([c.side for c in changes], sizing):
        by_exit: dict[Fill | None, list[_Holding]] = {}
        for each in holdings:
            by_exit.setdefault(each.exit, []).append(each)
        for own in by_exit.values():
            names = ", ".join(sorted(each.symbol for each in own))
            holdings.append(
                _Holding(
                    symbol=sizing.hedge,
                    weight=-sum(each.weight for each in own),
                    fact=f"hedge of {names}",
                    known_at=own[0].known_at,
                    exit=own[0].exit,
                    exit_fact=f"hedge of {names}",
                    exit_known_at=own[0].exit_known_at,
                )
            )
    return holdings


def _close(symbol: str, entry: Fill, now: dt.datetime, history: PriceHistory) -> float:
    """Return the last known close, on which an entry is sized."""
    known = min(_micros(entry.deadline), _micros(now) + 1)
    return float(
        sizing_closes(
            history,
            history.codes([symbol]),
            before=np.array([known]),
            fills=np.array([entry.session]),
        )[0]
    )


def _micros(instant: dt.datetime) -> int:
    return (instant - EPOCH) // TICK


def _sessions_before(sessions: Sessions, day: dt.date, number: int) -> dt.date:
    """Return the day some sessions before another; the calendar's first if earlier."""
    if not sessions.covers(day):
        return day
    return sessions.date(max(sessions.on_or_after(day) - number, 0))
