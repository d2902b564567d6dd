"""The prices of a schedule's legs and hedges, all together."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakebt.prices.sizing import sizing_closes
from lakebt.sessions import is_close, session_of
from lakebt.values.arrays import offsets, spans

if TYPE_CHECKING:
    from lakebt._typing import BoolVector, FloatVector, IntVector
    from lakebt.backtest.weights import Sizing
    from lakebt.events.schedule import Schedule
    from lakebt.prices.holding import Holdings
    from lakebt.prices.windows import PriceWindows


class EventPrices:
    """The prices of a schedule's legs: a window for each event's symbols."""

    def __init__(self, schedule: Schedule, holdings: Holdings, sizing: Sizing) -> None:
        self.schedule, self.holdings, self.sizing = schedule, holdings, sizing
        self.history = history = holdings.history
        changes = schedule.changes
        vintage = changes.vintage(schedule.leg, schedule.at)
        self.code = code = changes.symbol_codes(history.symbols)[vintage]
        self.is_addition: BoolVector = changes.is_addition[vintage]
        opposed = np.intersect1d(code[self.is_addition], code[~self.is_addition])
        if sizing.hedge is not None and self.hedge_code in code:
            opposed = np.append(opposed, self.hedge_code)
        self._opposed: IntVector = opposed[opposed >= 0]

    def legs_of(self, slots: IntVector) -> tuple[IntVector, IntVector]:
        """Return the legs of some slots, and where each slot's begin."""
        sizes = np.diff(self.schedule.start)[slots]
        return spans(self.schedule.start[slots], sizes), offsets(sizes)

    def opposed(self, legs: IntVector) -> IntVector:
        """Return the code of each leg's symbol where others may oppose it, else -1."""
        if not len(self._opposed):
            return np.full(len(legs), -1)
        code = self.code[legs]
        return np.where(np.isin(code, self._opposed), code, -1)

    @cached_property
    def _spans(self) -> tuple[IntVector, IntVector]:
        """The first and the last session of each event."""
        schedule = self.schedule
        n_events, far = len(schedule.events), len(schedule.clock.sessions)
        first = np.full(n_events, far, dtype=np.int64)
        last = np.full(n_events, -1, dtype=np.int64)
        entered = schedule.row >= 0
        event, session = schedule.event[entered], session_of(schedule.row[entered])
        left = session_of(schedule.exit_row[entered].max(axis=1))
        np.minimum.at(first, event, session)
        # An entry may lie behind the exits of all others.
        np.maximum.at(last, event, np.maximum(left, session))
        return first, np.maximum(last, first)

    @cached_property
    def _windows(self) -> tuple[PriceWindows, IntVector, IntVector]:
        """All bars, and the base of each leg's and of each slot's hedge's."""
        schedule, hedge = self.schedule, self.sizing.hedge
        first, last = self._spans
        n_codes = len(self.history.symbols) + 1
        event = schedule.event[schedule.slot_of_leg]
        entered = schedule.row[schedule.slot_of_leg] >= 0
        keys = event * n_codes + self.code + 1
        place, wanted = pd.factorize(keys[entered])  # np.unique takes ten times as long
        hedged = (
            np.unique(schedule.event[schedule.row >= 0])
            if hedge is not None
            else np.zeros(0, dtype=np.int64)
        )
        code = self.history.codes([hedge])[0] if hedge is not None else -1
        events = np.concatenate([wanted // n_codes, hedged])
        codes = np.concatenate([wanted % n_codes - 1, np.full(len(hedged), code)])
        span = {"first": first[events], "last": last[events]}
        windows = self.history.windows(codes, **span)
        if len(self.holdings.rates):
            windows = windows.with_rates(self.holdings.rates.over(codes, **span))
        base = np.zeros(len(event), dtype=np.int64)
        base[entered] = windows.base[place]
        of_hedge = np.zeros(len(schedule.events), dtype=np.int64)
        of_hedge[hedged] = windows.base[len(wanted) :]
        return self._with_held(windows, base, of_hedge[schedule.event])

    def _with_held(
        self, windows: PriceWindows, base: IntVector, of_hedge: IntVector
    ) -> tuple[PriceWindows, IntVector, IntVector]:
        """Return windows that include those of legs and hedges with corporate actions.

        What happened depends on the entry: each has a window of its own from there on.
        """
        schedule = self.schedule
        hedges = (
            np.flatnonzero(schedule.row >= 0) if self.sizing.hedge else of_hedge[:0]
        )
        code = np.concatenate(
            [self.code, np.full(len(hedges), self.hedge_code if len(hedges) else -1)]
        )
        slot = np.concatenate([schedule.slot_of_leg, hedges])
        entered = session_of(schedule.row)[slot]
        last = session_of(schedule.exit_row.max(axis=1))[slot]
        acted = self.holdings.acted(code, entered=entered, last=last)
        acted &= schedule.row[slot] >= 0
        if not acted.any():
            return windows, base, of_hedge
        code, entered, last = code[acted], entered[acted], last[acted]
        at = np.concatenate([base, of_hedge[hedges]])[acted] + entered
        held, place = self.holdings.windows(
            code,
            entered=entered,
            last=last,
            has_close=~np.isnan(windows.closes[at]),
        )
        joined = windows.with_held(held)
        own = joined.base[len(windows.base) :][place]
        base, of_hedge = base.copy(), of_hedge.copy()
        where = np.flatnonzero(acted)
        is_leg = where < len(base)
        base[where[is_leg]] = own[is_leg]
        of_hedge[slot[where[~is_leg]]] = own[~is_leg]
        return joined, base, of_hedge

    @property
    def windows(self) -> PriceWindows:
        """The bars of every event."""
        return self._windows[0]

    @cached_property
    def gaps(self) -> BoolVector:
        """Whether each close is missing."""
        return np.isnan(self.windows.closes)

    @property
    def base(self) -> IntVector:
        """The place of session 0 among each leg's bars, shape (n_legs,)."""
        return self._windows[1]

    @property
    def hedge_base(self) -> IntVector:
        """The place of session 0 among the hedge's bars, by slot, shape (n_slots,)."""
        return self._windows[2]

    def price_at(self, base: IntVector, row: IntVector) -> FloatVector:
        """Return the price of each position in a half session; NaN without a bar."""
        bar = base + session_of(row)
        opens, closes = self.windows.opens[bar], self.windows.closes[bar]
        price: FloatVector = np.where(is_close(row), closes, opens)
        return price

    @cached_property
    def entry_price(self) -> FloatVector:
        """The price of each leg at its slot's entry, shape (n_legs,)."""
        rows = self.schedule.row[self.schedule.slot_of_leg]
        price = np.full(len(rows), np.nan)
        entered = rows >= 0
        price[entered] = self.price_at(self.base[entered], rows[entered])
        return price

    @cached_property
    def sizing_price(self) -> FloatVector:
        """The last close of each leg known before its entry, shape (n_legs,)."""
        rows = self.schedule.row[self.schedule.slot_of_leg]
        return sizing_closes(
            self.history,
            self.code,
            before=self.schedule.clock.deadlines(rows),
            fills=session_of(rows),
        )

    @property
    def hedge_code(self) -> int:
        """The hedge's number among the symbols with prices."""
        assert self.sizing.hedge is not None  # noqa: S101 - asked of hedged slots
        return int(self.history.codes([self.sizing.hedge])[0])

    def hedge_quotes(
        self, slots: IntVector
    ) -> tuple[IntVector, FloatVector, FloatVector]:
        """Return the hedge's base, sizing price and entry price in some slots."""
        assert self.sizing.hedge is not None  # noqa: S101 - asked of hedged slots
        rows = self.schedule.row[slots]
        base = self.hedge_base[slots]
        sized = sizing_closes(
            self.history,
            np.repeat(self.history.codes([self.sizing.hedge]), len(slots)),
            before=self.schedule.clock.deadlines(rows),
            fills=session_of(rows),
        )
        return base, sized, self.price_at(base, rows)
