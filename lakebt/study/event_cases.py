"""The changes of one window and side of an event study: priced, tested, and listed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakebt.analysis.calibration.conditions import measured
from lakebt.analysis.calibration.holds import holds
from lakebt.analysis.event_study.abnormal import abnormal, over_market
from lakebt.analysis.event_study.models import fit
from lakebt.analysis.event_study.tests import MONEY, Cases, money_tests, typical_tests
from lakebt.backtest.costs import BPS
from lakebt.events.clock import OUTSIDE, anchor_session
from lakebt.facts import Side
from lakebt.study.event_windows import Absent, joined_estimation, joined_windows
from lakebt.study.event_words import of_intercept, of_two_answers
from lakebt.values.few_dates import FEW_DATES
from lakebt.values.text import count

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence

    from lakebt._typing import FloatVector, IntVector
    from lakebt.analysis.calibration.conditions import Conditions
    from lakebt.analysis.event_study.abnormal import Abnormal
    from lakebt.analysis.event_study.event_returns import EstimationData, WindowData
    from lakebt.analysis.event_study.models import Fit, Model
    from lakebt.analysis.event_study.tests import Row
    from lakebt.events.clock import Clock
    from lakebt.events.rules import Anchor
    from lakebt.facts import IndexChange
from lakebt.study.event_windows import Pricing, Returns, Stretches, Window


@dataclass(frozen=True, kw_only=True, eq=False)
class WindowCases:
    """The changes of one side in one window.

    Attributes
    ----------
    window, side, clock, model
    changes
        Those with prices, by announcement.
    parts
        The stretches of each.
    returns
        The returns of each one's estimation window, or why it has none to speak of.
    absent
        The others, and why.
    first
        Where the estimation window begins.
    """

    window: Window
    side: str
    clock: Clock
    model: Model
    changes: tuple[IndexChange, ...]
    parts: tuple[Stretches, ...]
    returns: tuple[Returns | Absent, ...]
    absent: tuple[tuple[IndexChange, str], ...]
    first: int

    @cached_property
    def held(self) -> WindowData:
        """The return of each change in the window."""
        return joined_windows(self.parts)

    @cached_property
    def over(self) -> FloatVector:
        """The return of each change over the market, from start to end."""
        return over_market(self.held)

    @cached_property
    def known(self) -> IntVector:
        """Positions of the changes with a model."""
        has = [not isinstance(each, Absent) for each in self.returns]
        return np.flatnonzero(np.array(has, dtype=bool))

    @cached_property
    def announced(self) -> IntVector:
        """The session of each announcement, or of when the change was known."""
        days = np.array(
            [_day(change, self.clock) for change in self.changes], dtype="datetime64[D]"
        )
        sessions = np.searchsorted(self.clock.sessions.days, days, side="right") - 1
        return np.asarray(sessions, dtype=np.int64)

    @cached_property
    def days(self) -> IntVector:
        """The announcement date of each, as a code."""
        days = np.array(
            [_day(each, self.clock) for each in self.changes], dtype="M8[D]"
        )
        return np.unique(days, return_inverse=True)[1].astype(np.int64)

    @cached_property
    def estimation(self) -> EstimationData:
        """The returns before each event that has a model."""
        parts = [each for each in self.returns if not isinstance(each, Absent)]
        return joined_estimation(parts, self.announced[self.known].tolist(), self.first)

    @cached_property
    def fitted(self) -> Fit:
        """The fitted models."""
        return fit(self.estimation, self.model)

    @cached_property
    def abnormal(self) -> Abnormal:
        """The abnormal returns of changes with a model."""
        return abnormal(self._held_known, self.fitted)

    @cached_property
    def _held_known(self) -> WindowData:
        """The window returns of changes with a model."""
        return joined_windows([self.parts[n] for n in self.known.tolist()])

    @cached_property
    def _earned(self) -> Conditions:
        """The circumstances of the changes with prices, for calibration."""
        cases = self._cases(np.arange(len(self.changes)))
        return measured(self.over, self.held, cases)

    @cached_property
    def _modelled(self) -> Conditions:
        """The circumstances of the changes with a model, for calibration."""
        cases = self._cases(self.known)
        return measured(self.abnormal.car, self._held_known, cases)

    def holds(self, row: Row) -> bool | str:
        """Return True, or why a test of these changes does not hold."""
        is_money = row.question == MONEY
        verdict = holds(row.name, self._earned if is_money else self._modelled)
        if verdict is True and np.isnan(row.p):
            return "it is not defined here: too few values, or none that vary"
        return verdict

    @property
    def is_tradable(self) -> bool:
        """Whether an order at the start could know of every change."""
        fills = [self.window.fills(each, self.clock) for each in self.changes]
        return all(
            each is not None and each[0].deadline > change.known_at
            for each, change in zip(fills, self.changes, strict=True)
        )

    def _cases(self, which: IntVector) -> Cases:
        ends = [int(self.parts[n][2][-1]) for n in which.tolist()]
        reach = np.array(ends, dtype=np.int64) - self.announced[which] + 1
        return Cases(
            date=self.days[which],
            announced=self.announced[which],
            longest=int(reach.max(initial=1)),
        )

    def tests(self, *, draws: int, seed: int) -> Iterator[Row]:
        """Yield every test."""
        if not self.changes:
            return
        every = self._cases(np.arange(len(self.changes)))
        yield from money_tests(self.over, self.held, every, draws=draws, seed=seed)
        if len(self.known):
            yield from typical_tests(
                self.abnormal,
                self.fitted,
                self.estimation,
                self._cases(self.known),
                draws=draws,
                seed=seed,
            )

    def events(self) -> pd.DataFrame:
        """Return a row per change; see `lakebt.EventStudy.events`."""
        n = len(self.changes)
        days = self.clock.sessions.days
        spread = {
            name: np.full(n, np.nan)
            for name in ("car", "bhar", "scar", "alpha", "beta", "deviation")
        }
        lengths = np.zeros(n, dtype=np.int64)
        if len(self.known):
            found, model = self.abnormal, self.fitted
            for name, values in (
                ("car", found.car / BPS),
                ("bhar", found.bhar / BPS),
                ("scar", found.scar),
                ("alpha", model.alpha / BPS),
                ("beta", model.beta),
                ("deviation", model.deviation / BPS),
            ):
                spread[name][self.known] = values
            lengths[self.known] = model.length
        fills = [self.window.fills(each, self.clock) for each in self.changes]
        starts = [0 if each is None else each[0].session for each in fills]
        ends = [0 if each is None else each[1].session for each in fills]
        return pd.DataFrame(
            {
                **self._names(self.changes),
                "announced": _days([_day(each, self.clock) for each in self.changes]),
                "effective": _days([each.effective for each in self.changes]),
                "start": pd.DatetimeIndex(days[starts]).as_unit("us"),
                "end": pd.DatetimeIndex(days[ends]).as_unit("us"),
                "over_bps": self.over / BPS,
                "car_bps": spread["car"],
                "bhar_bps": spread["bhar"],
                "scar": spread["scar"],
                "alpha_bps": spread["alpha"],
                "beta": spread["beta"],
                "deviation_bps": spread["deviation"],
                "n_estimation": lengths,
            }
        )

    def left_out(self) -> pd.DataFrame:
        """Return a row per change that is missing; see `lakebt.EventStudy.left_out`."""
        without = sorted(set(range(len(self.changes))) - set(self.known.tolist()))
        gone = [change for change, _ in self.absent]
        unknown = [e.reason for e in self.returns if isinstance(e, Absent)]
        changes = [*gone, *(self.changes[n] for n in without)]
        return pd.DataFrame(
            {
                **self._names(changes),
                "missing": ["price"] * len(gone) + ["estimation"] * len(without),
                "reason": [why for _, why in self.absent] + unknown,
                "over_bps": np.append(
                    np.full(len(gone), np.nan), self.over[without] / BPS
                ),
            }
        )

    def _names(self, changes: Sequence[IndexChange]) -> dict[str, object]:
        return {
            "window": [str(self.window)] * len(changes),
            "side": [self.side] * len(changes),
            "change_id": [change.change_id for change in changes],
            "symbol": [change.symbol for change in changes],
        }

    def summary(self, *, draws: int, seed: int) -> str:
        """Return the findings in words."""
        rows = {row.name: row for row in self.tests(draws=draws, seed=seed)}
        row = rows["clustered t"]
        interval = (
            ""
            if np.isnan(row.low)
            else f" (95 % {row.low / BPS:+z,.0f} to {row.high / BPS:+z,.0f})"
        )
        gone = self.left_out()
        out = gone[gone["missing"] == "estimation"]["over_bps"]
        without = (
            f"; {len(out):,} without an estimation window made {out.mean():+z,.0f}"
            if len(out)
            else ""
        )
        nobody = "" if self.is_tradable else ", which no order could catch"
        amount = f"{row.estimate / BPS:+z,.1f} bp over the market"
        words = [of_two_answers(rows.values())]
        if len(self.known):
            windows = joined_windows([self.parts[n] for n in self.known.tolist()])
            words.insert(0, of_intercept(self.fitted, windows))
        sentence = (
            f"{self.window}: {count(row.n, self.side)} on "
            f"{count(row.n_dates, 'date')} made {amount}{interval}{nobody}{without}."
            f"{few_dates(row.n_dates)}"
        )
        return " ".join(part for part in (sentence, *words) if part)


def window_cases(
    window: Window,
    changes: Sequence[IndexChange],
    *,
    pricing: Pricing,
    clock: Clock,
    model: Model,
    estimation: tuple[int, int],
    minimum: int,
) -> Iterator[WindowCases]:
    """Yield the priced changes of each side in a window."""
    for side in (Side.ADDITION, Side.DELETION):
        of_side = [change for change in changes if change.side is side]
        if not of_side:
            continue
        priced = [(change, pricing.stretches(change, window)) for change in of_side]
        known = [(c, p) for c, p in priced if not isinstance(p, Absent)]
        returns = [
            pricing.estimation(change, estimation, minimum, window=window)
            for change, _ in known
        ]
        yield WindowCases(
            window=window,
            side=side.value,
            clock=clock,
            model=model,
            changes=tuple(change for change, _ in known),
            parts=tuple(part for _, part in known),
            returns=tuple(returns),
            absent=tuple((c, p.reason) for c, p in priced if isinstance(p, Absent)),
            first=estimation[0],
        )


def few_dates(n_dates: int) -> str:
    """Return a warning of few announcement dates; empty if there are enough."""
    if n_dates >= FEW_DATES:
        return ""
    return f" Fewer than {FEW_DATES} announcement dates: no error can be trusted."


def _day(change: IndexChange, clock: Clock) -> dt.date:
    """Return the day that a change is counted under."""
    return clock.sessions.day(change.announced or change.known_at)


def _days(days: Sequence[dt.date | None]) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(np.array(days, dtype="datetime64[us]"))


def placed(change: IndexChange, anchor: Anchor, clock: Clock) -> int | None:
    """Return the session of a change's anchor; None without one in the calendar."""
    session = anchor_session(anchor, change, clock.sessions)
    return None if session is None or session == OUTSIDE else session
