"""The data with which a study's page recomputes its cells."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lakebt.analysis.pooling import Weighting
from lakebt.events.rules import AnchorRule, SessionsLater, WeeksLater
from lakebt.facts import Side
from lakebt.report.panel_data import Ingredients, Terms
from lakebt.sessions import half_session, session_of
from lakebt.study import chunks
from lakebt.study.acted_legs import is_acted
from lakebt.values.arrays import offsets, spans

if TYPE_CHECKING:
    import numpy.typing as npt

    from lakebt._typing import FloatVector, IntVector
    from lakebt.events.schedule import Schedule
    from lakebt.report.contents import StudyContents
    from lakebt.study.trading import TradedStudy


MOST_CELLS = 5_000_000
"""What more are made of is more than a page carries, and gigabytes to find that out."""

_ACTED = (
    "Shares split, paid dividends, turned into others or ended while they were held, "
    "which this page cannot work out anew from prices: `result.events()` and "
    "`result.flows(entry=..., exit=...)` show any cell."
)
_SIZED = (
    "Orders pay for their size here, or have a limit: this page does not know the "
    "volumes that it would take to work cells out anew. `result.events()` and "
    "`result.orders()` show any cell."
)

_LENT = (
    "Shorts pay borrow rates of their own here, by symbol and session, which this page "
    "does not carry: `result.events()` and `result.orders()` show any cell."
)


def with_panel(contents: StudyContents, study: TradedStudy) -> StudyContents:
    """Return the contents with the data of the panel, or why there is none."""
    if why := why_no_panel(study):
        return replace(contents, why_no_panel=why)
    return replace(contents, ingredients=ingredients(study))


def why_no_panel(study: TradedStudy) -> str:
    """Return why a page has no panel although its cells are few; empty if it has."""
    if study.arguments.costs.asks_volume:
        return _SIZED
    if study.by_event.n_cells > MOST_CELLS:
        return (
            f"A page is made of at most {MOST_CELLS:,} cells, and there are "
            f"{study.by_event.n_cells:,}: `result.events()` and "
            f"`result.orders(entry=..., exit=...)` show any."
        )
    if study.blocks.chunks is not None:
        return (
            f"A page is made of at most {chunks.MANY:,} changes, and there are "
            f"{study.scope.n_changes:,}: `result.events()` and "
            f"`result.orders(entry=..., exit=...)` show any cell."
        )
    if len(study.history.borrow):
        return _LENT
    return _ACTED if is_acted(study) else ""


def ingredients(study: TradedStudy) -> Ingredients | None:
    """Return the data of a result's traded cells; None if there are none."""
    decided = study.blocks.decided()
    if not decided[1].any():
        return None
    return _Gathered(study, *decided).ingredients()


class _Gathered:
    """The slots with a traded cell, and their data."""

    def __init__(
        self, study: TradedStudy, plan: Schedule, traded: npt.NDArray[np.bool_]
    ) -> None:
        self._study, self._plan = study, plan
        self._slots = slots = np.flatnonzero(traded.any(axis=1))
        self._traded = traded[slots]
        self._rows = plan.row[slots]
        self._exit_rows = np.where(self._traded, plan.exit_row[slots], 0)
        self._sizes = np.diff(plan.start)[slots]
        self._legs = spans(plan.start[slots], self._sizes)
        self._leg, self._changes = plan.vintages_of(self._legs)
        hedge = study.arguments.hedge
        names = {change.symbol for change in self._changes}
        self._symbols = tuple(sorted(names | ({hedge} if hedge is not None else set())))
        self._hedge = -1 if hedge is None else self._symbols.index(hedge)
        places = {symbol: place for place, symbol in enumerate(self._symbols)}
        self._symbol = np.array([places[c.symbol] for c in self._changes])
        self._code = study.history.codes(self._symbols)

    def ingredients(self) -> Ingredients:
        """Return them all."""
        study, plan = self._study, self._plan
        events = np.unique(plan.event[self._slots])
        # Equity is 1 at the close before the first session with exposure, and orders
        # are sized on the close before the entry.
        first = max(session_of(int(self._rows.min())) - 1, 0)
        last = session_of(int(self._exit_rows.max()))
        days = study.clock.sessions.days[first : last + 1]
        series_symbol, series_first, series_last = self._series()
        bars = study.history.windows(
            self._code[series_symbol], first=series_first, last=series_last
        )
        apart, apart_row = self._apart()
        positions = self._positions()
        leaving = self._traded * (self._exit_rows - half_session(first, "open"))
        event_days = [plan.events[event].date for event in events.tolist()]
        return Ingredients(
            terms=self._terms(),
            n_entries=len(plan.entries),
            n_exits=len(plan.exits),
            event_ids=tuple(plan.events[event].event_id for event in events.tolist()),
            symbols=self._symbols,
            event_day=np.array(event_days, dtype="datetime64[D]").astype(np.int64),
            days=days.astype("datetime64[D]").astype(np.int64),
            leg_symbol=self._symbol,
            leg_is_addition=np.array(
                [change.side is Side.ADDITION for change in self._changes],
                dtype=np.int64,
            ),
            series_symbol=series_symbol,
            series_first=series_first - first,
            series_count=series_last - series_first + 1,
            opens=bars.opens,
            closes=bars.closes,
            slot_event=np.searchsorted(events, plan.event[self._slots]),
            slot_entry=plan.entry[self._slots],
            entry_row=self._rows - half_session(first, "open"),
            start=positions[0],
            leg=positions[1],
            sizing_price=positions[2],
            is_traded=self._traded,
            exit_row=leaving,
            is_relative=np.array(
                [isinstance(rule, SessionsLater | WeeksLater) for rule in plan.exits]
            ),
            apart=apart,
            apart_row=apart_row - half_session(first, "open"),
        )

    def _terms(self) -> Terms:
        arguments = self._study.arguments
        return Terms(
            side=str(arguments.side),
            hedge=self._hedge,
            gross=arguments.gross,
            capital_usd=arguments.capital_usd,
            drop_leg=arguments.missing == "drop_leg",
            fee=arguments.costs.proportional,
            borrow_per_day=arguments.costs.borrow_per_day,
            by_leg=arguments.weighting is Weighting.LEG,
            max_weight=arguments.max_weight,
        )

    def _series(self) -> tuple[IntVector, IntVector, IntVector]:
        """Return symbol, first and last session of each run of bars, none twice."""
        plan = self._plan
        entered = session_of(self._rows) - 1
        left = session_of(self._exit_rows.max(axis=1))
        symbol = self._symbol[self._leg]
        first = np.repeat(entered, self._sizes)
        last = np.repeat(left, self._sizes)
        if self._hedge >= 0:
            symbol = np.append(symbol, np.full(len(self._slots), self._hedge))
            first, last = np.append(first, entered), np.append(last, left)
        span = len(plan.clock.sessions)
        has_bars = self._code[symbol] >= 0
        symbol, first = symbol[has_bars], np.maximum(first[has_bars], 0)
        # Runs that touch are one: a symbol's reach so far is a running maximum, and a
        # run that begins beyond it begins anew.
        order = np.lexsort((first, symbol))
        symbol, first, last = symbol[order], first[order], last[has_bars][order]
        reach = np.maximum.accumulate(symbol * span + last)
        is_new = np.ones(len(symbol), dtype=bool)
        is_new[1:] = symbol[1:] * span + first[1:] > reach[:-1] + 1
        is_new[1:] |= symbol[1:] != symbol[:-1]
        begins = np.flatnonzero(is_new)
        ends = np.append(begins[1:], len(symbol)) - 1
        return symbol[begins], first[begins], reach[ends] - symbol[begins] * span

    def _positions(self) -> tuple[IntVector, IntVector, FloatVector]:
        """Return where each slot's positions begin, their legs and sizing prices."""
        deadlines = self._plan.clock.deadlines(self._rows)
        history = self._study.history
        leg, code = self._leg, self._code[self._symbol][self._leg]
        before = np.repeat(deadlines, self._sizes)
        sizes = self._sizes
        if self._hedge >= 0:
            at = np.cumsum(sizes)
            leg = np.insert(leg, at, -1)
            code = np.insert(code, at, self._code[self._hedge])
            before = np.insert(before, at, deadlines)
            sizes = sizes + 1
        return offsets(sizes), leg, history.closes_known(code, before=before)

    def _apart(self) -> tuple[IntVector, IntVector]:
        """Return the cells whose legs leave apart, and the half session of each leg."""
        plan, n_exits = self._plan, len(self._plan.exits)
        cells = np.flatnonzero(plan.apart[self._slots] & self._traded)
        slots, exits = cells // n_exits, cells % n_exits
        sizes = self._sizes[slots]
        legs = self._legs[spans(offsets(self._sizes)[slots], sizes)]
        column = np.repeat(exits, sizes)
        place = plan.changes.place[plan.leg[legs]]
        row = np.full(len(legs), -1, dtype=np.int64)
        for number, rule in enumerate(plan.exits):
            # A change that was never corrected leaves where its anchor is, whatever
            # its entry was.
            moved = (column == number) & (place >= 0)
            if isinstance(rule, AnchorRule) and moved.any():
                session = plan.changes.anchors(rule.anchor)[place[moved]] + rule.offset
                row[moved] = half_session(session, rule.at)
        starts = offsets(sizes)
        missing = np.flatnonzero(row < 0)
        for cell in np.unique(np.searchsorted(starts, missing, side="right") - 1):
            full = plan.cell(int(self._slots[slots[cell]]), int(exits[cell]))
            row[starts[cell] : starts[cell + 1]] = [leg.exit.row for leg in full.legs]
        return cells, row
