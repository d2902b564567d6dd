"""The figures of each rule over its events: the rows of a surface."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
import xxhash

from lakebt.analysis.surface import Surface, surface_of
from lakebt.analysis.traded_events import Traded
from lakebt.backtest.costs import BPS
from lakebt.events.plan import days_of
from lakebt.values.reasons import REASONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from lakebt._typing import BoolVector, FloatVector, IntVector
    from lakebt.analysis.pooling import Pooling
    from lakebt.backtest.costs import CostModel
    from lakebt.events.plan import Event
    from lakebt.study.cells import Cells


_SIDE_BY_SIDE = 500_000
"""Cells whose figures are copied at once."""


class Planned(Protocol):
    """The parts of a `Schedule` that a summary needs: its slots, and the grid."""

    @property
    def entries(self) -> Sequence[object]:
        """Entries of the grid, each with its text."""
        ...

    @property
    def exits(self) -> Sequence[object]:
        """Exits of the grid."""
        ...

    @property
    def events(self) -> Sequence[Event]:
        """Events by date and name."""
        ...

    @property
    def event(self) -> IntVector:
        """The event of each slot."""
        ...

    @property
    def entry(self) -> IntVector:
        """The entry of each slot."""
        ...


def ratio_columns(surface: Surface) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of a table that tell a Sharpe ratio and its error."""
    low, high = surface.interval()
    return {
        "sharpe": surface.sharpe,
        "sharpe_se": surface.standard_error,
        "sharpe_low": low,
        "sharpe_high": high,
        "psr": surface.above_zero(),
        "se_method": surface.method.astype(str).astype(object),
    }


class Summary:
    """The rules of a schedule, an entry and an exit each, in the order of the grid.

    Parameters
    ----------
    schedule, cells
        What was decided, and what each cell came to.
    costs, capital_usd
        What the cells were charged, and what each event started with.
    pooling
        How the events become one series.
    days : ndarray of datetime64, optional
        What dates count in: each once, ascending; those of the events by default.
    """

    def __init__(
        self,
        schedule: Planned,
        cells: Cells,
        *,
        costs: CostModel,
        capital_usd: float,
        pooling: Pooling,
        days: npt.NDArray[np.datetime64] | None = None,
    ) -> None:
        self._given = days
        self._plan, self._cells = schedule, cells
        self._costs, self._capital_usd, self._pooling = costs, capital_usd, pooling
        self._n_rules = len(schedule.entries) * len(schedule.exits)

    @cached_property
    def _rule(self) -> IntVector:
        """The rule of each cell, shape (n_slots, n_exits)."""
        n_exits = len(self._plan.exits)
        rule: IntVector = self._plan.entry[:, None] * n_exits + np.arange(n_exits)
        return rule

    def traded(self, where: npt.NDArray[np.bool_]) -> Traded:
        """Return the traded cells of `where`."""
        cells, plan = self._cells, self._plan
        at = cells.traded & where
        dates = np.searchsorted(self.days, self._days)
        slots = np.broadcast_to(plan.event[:, None], at.shape)[at]
        return Traded(
            rule=self._rule[at],
            date=dates[slots],
            held=cells.held,
            worth=self._worth,
            fee=self._costs.proportional,
            **{name: panel[at] for name, panel in self._pooled.items()},
        )

    @cached_property
    def _found(self) -> Surface:
        rules = (traded for traded, _ in self._by_rule())
        return surface_of(rules, n_rules=self._n_rules, pooling=self._pooling)

    @cached_property
    def days(self) -> npt.NDArray[np.datetime64]:
        """The distinct dates, ascending."""
        return np.unique(self._days) if self._given is None else self._given

    @cached_property
    def _days(self) -> npt.NDArray[np.datetime64]:
        return days_of(self._plan.events)

    @cached_property
    def is_late(self) -> BoolVector:
        """Whether each rule used a fact that was not yet known."""
        late = np.bincount(self._rule[self._cells.late], minlength=self._n_rules)
        return np.asarray(late > 0)

    def judged_by_rule(self) -> Iterator[tuple[Traded, FloatVector]]:
        """Yield the traded events of each rule with net; none if the rule was late."""
        nothing = np.zeros(0, dtype=np.int64)
        for late, (traded, net) in zip(self.is_late, self._by_rule(), strict=True):
            yield (traded.of(nothing), net[:0]) if late else (traded, net)

    def _by_rule(self) -> Iterator[tuple[Traded, FloatVector]]:
        """Yield the traded events of one rule after the other, by date, with net."""
        cells, plan = self._cells, self._plan
        date = np.searchsorted(self.days, self._days)[plan.event]
        n_exits = len(plan.exits)
        for entry, slots, columns in self._grouped():  # by date, as the events are
            of_entry = {
                name: np.ascontiguousarray(panel[slots, columns].T)
                for name, panel in self._pooled.items()
            }
            is_traded = np.ascontiguousarray(cells.traded[slots, columns].T)
            net = np.ascontiguousarray(cells.net[slots, columns].T)
            for column, traded in enumerate(is_traded):
                rule = entry * n_exits + columns.start + column
                events = Traded(
                    rule=np.full(int(traded.sum()), rule),
                    date=date[slots][traded],
                    held=cells.held,
                    worth=self._worth,
                    fee=self._costs.proportional,
                    **{name: panel[column][traded] for name, panel in of_entry.items()},
                )
                yield events, net[column][traded]

    def _grouped(self) -> Iterator[tuple[int, IntVector, slice]]:
        """Yield each entry with its slots, and some of the exits after the other.

        Figures of a rule are copied to lie side by side: of few rules at once where
        events are many.
        """
        n_exits = len(self._plan.exits)
        for entry in range(len(self._plan.entries)):
            slots = np.flatnonzero(self._plan.entry == entry)
            width = max(_SIDE_BY_SIDE // max(len(slots), 1), 1)
            for start in range(0, n_exits, width):
                yield entry, slots, slice(start, min(start + width, n_exits))

    @cached_property
    def _worth(self) -> FloatVector:
        """What is held at each close, as a multiple of what an event starts with."""
        return self._cells.worth / self._capital_usd

    @property
    def _pooled(self) -> dict[str, npt.NDArray[Any]]:
        cells = self._cells
        return {
            "first": cells.first,
            "n_returns": cells.n_returns,
            "mean": cells.mean,
            "m2": cells.m2,
            "n_legs": cells.n_legs,
            "start": cells.held_start,
            "final": cells.final,
        }

    def _sums(self, values: npt.NDArray[Any]) -> FloatVector:
        """Sum a figure over the traded cells of each rule."""
        return np.bincount(
            self._traded_rule, values[self._cells.traded], minlength=self._n_rules
        ).astype(np.float64)

    @cached_property
    def _traded_rule(self) -> IntVector:
        """The rule of each traded cell."""
        rule: IntVector = self._rule[self._cells.traded]
        return rule

    @cached_property
    def counts(self) -> pd.DataFrame:
        """Empty cells of each rule, a column per reason: ``n_look_ahead`` and so on."""
        n_codes = len(REASONS) + 1
        codes = (self._rule * n_codes + self._cells.reason).ravel()
        counts = np.bincount(codes, minlength=self._n_rules * n_codes)
        return pd.DataFrame(
            counts.reshape(self._n_rules, n_codes)[:, 1:],
            columns=[f"n_{reason}" for reason in REASONS],
        )

    def digests(self) -> list[str]:
        """Return a digest per rule, of the figures of every event to the last bit."""
        plan, cells = self._plan, self._cells
        names = np.array([event.event_id for event in plan.events], dtype=object)
        digests = []
        for _, slots, columns in self._grouped():
            who = "\n".join(names[plan.event[slots]]).encode()
            reasons = np.ascontiguousarray(cells.reason[slots, columns].T)
            figures = [
                np.ascontiguousarray(panel[slots, columns].T)
                for panel in self._digested
            ]
            for column, reason in enumerate(reasons):
                key = xxhash.xxh3_128(who)
                key.update(reason.tobytes())
                traded = reason == 0
                for panel in figures:
                    key.update(panel[column][traded].tobytes())
                digests.append(key.hexdigest())
        return digests

    @property
    def _digested(self) -> tuple[npt.NDArray[Any], ...]:
        cells = self._cells
        return (
            *(cells.first, cells.n_returns, cells.n_legs, cells.gaps),
            *(cells.mean, cells.m2, cells.final, cells.gross, cells.net),
            *(cells.traded_usd, cells.borrow_usd, cells.drawdown),
        )

    def table(self) -> pd.DataFrame:
        """Return a row per rule; see `lakebt.Result.table`."""
        surface, cells, costs = self._found, self._cells, self._costs
        entries = np.array([str(rule) for rule in self._plan.entries], dtype=object)
        exits = np.array([str(rule) for rule in self._plan.exits], dtype=object)
        to_bps = 1.0 / (np.where(surface.n_events > 0, surface.n_events, np.nan) * BPS)
        turnover = self._sums(cells.traded_usd) / self._capital_usd
        borrow = self._sums(cells.borrow_usd) / self._capital_usd
        reweighting = surface.reweighted * costs.proportional / BPS
        empty = np.where(surface.n_events > 0, 0.0, np.nan)
        refusals = [f"n_{reason}" for reason in REASONS if reason.is_refusal]
        refused = self.counts[refusals].sum(axis=1).to_numpy()
        return pd.DataFrame(
            {
                "entry": np.repeat(entries, len(exits)),
                "exit": np.tile(exits, len(entries)),
                **ratio_columns(surface),
                "n_returns": surface.n_returns,
                "n_events": surface.n_events,
                "n_dates": surface.n_dates,
                "n_effective_dates": surface.n_effective_dates,
                "n_refused": refused,
                "n_untradeable": self.counts.sum(axis=1).to_numpy() - refused,
                "gross_bps": self._sums(cells.gross) * to_bps,
                "commission_bps": turnover * costs.commission_bps * BPS * to_bps,
                "spread_bps": turnover * costs.half_spread_bps * BPS * to_bps,
                "borrow_bps": borrow * to_bps,
                "impact_bps": self._sums(cells.impact_usd) / self._capital_usd * to_bps,
                "reweighting_bps": reweighting + empty,
                "net_bps": self._sums(cells.net) * to_bps - reweighting,
                "is_point_in_time": ~self.is_late,
            }
        )

    def surface(self) -> pd.DataFrame:
        """Return a row per rule with every figure; see `lakebt.Result.surface`."""
        surface, cells = self._found, self._cells
        worst = np.full(self._n_rules, np.nan)
        np.fmax.at(worst, self._traded_rule, cells.drawdown[cells.traded])
        events = np.where(surface.n_events > 0, surface.n_events, np.nan)
        extra = pd.DataFrame(
            {
                "mean_bps": surface.mean / BPS,
                "volatility_bps": surface.deviation / BPS,
                "turnover": self._sums(cells.traded_usd) / events / self._capital_usd
                + surface.reweighted,
                "max_drawdown": worst,
                "n_gaps": self._sums(cells.gaps).astype(np.int64),
                "most_open": surface.most_open,
                "mean_open": surface.mean_open,
            }
        )
        return pd.concat([self.table(), extra, self.counts], axis="columns")
