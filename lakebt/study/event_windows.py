"""The windows of an event study: parsed, placed on the calendar, and priced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from lakebt._messages import as_words
from lakebt.analysis.event_study.event_returns import EstimationData, WindowData
from lakebt.errors import InvalidArgumentError
from lakebt.events.clock import OUTSIDE, anchor_session
from lakebt.events.rules import (
    Anchor,
    SessionsLater,
    WeeksLater,
    parse_entry,
    parse_exit,
)
from lakebt.inputs.checks import is_text
from lakebt.prices.total_return import ReturnPrices
from lakebt.sessions import half_session, is_close, session_of

if TYPE_CHECKING:
    from lakebt._typing import BoolVector, FloatVector, IntVector
    from lakebt.events.clock import Clock, Fill
    from lakebt.events.rules import Entry, Exit
    from lakebt.facts import IndexChange
    from lakebt.prices.history import PriceHistory


@dataclass(frozen=True, kw_only=True)
class Window:
    """A stretch of time around an event.

    Attributes
    ----------
    start, end
        As an entry and an exit are written.
    """

    start: Entry
    end: Exit

    @as_words
    def __str__(self) -> str:
        return f"{self.start} to {self.end}"

    def fills(self, change: IndexChange, clock: Clock) -> tuple[Fill, Fill] | None:
        """Return where it starts and ends; None where the change has no such date."""
        start = clock.anchored(self.start, change)
        if start is None:
            return None
        if isinstance(self.end, SessionsLater | WeeksLater):
            end = clock.from_entry(self.end, start)
        else:
            end = clock.anchored(self.end, change)
        return None if end is None else (start, end)


def parse_windows(windows: object) -> tuple[Window, ...]:
    """Return windows from pairs of rules.

    Raises
    ------
    InvalidArgumentError
        If one is no pair of rules, or comes twice.
    """
    if is_text(windows) or not isinstance(windows, Sequence) or not windows:
        msg = (
            f"windows must be pairs of rules, as [('AD@close', 'AD+1@open')], "
            f"was {windows!r}"
        )
        raise InvalidArgumentError(msg)
    parsed: list[Window] = []
    for pair in windows:
        if is_text(pair) or not isinstance(pair, Sequence) or len(pair) != 2:
            msg = f"a window is a pair, as ('AD@close', 'ED@close'), was {pair!r}"
            raise InvalidArgumentError(msg)
        window = Window(start=parse_entry(pair[0]), end=parse_exit(pair[1]))
        if window in parsed:
            msg = f"the window {window} comes twice in windows: leave one out"
            raise InvalidArgumentError(msg)
        parsed.append(window)
    return tuple(parsed)


Stretches: TypeAlias = "tuple[FloatVector, FloatVector, IntVector, BoolVector]"
"""Stock, market, session, and whether it ends at a close, of each stretch."""

STILL = 1e-12
"""Returns that differ by no more are the same, but for rounding."""

Returns: TypeAlias = "tuple[FloatVector, FloatVector, IntVector]"
"""Stock, market and session of each return of an estimation window."""


@dataclass(frozen=True, kw_only=True)
class Absent:
    """Why a change is not in a window.

    Attributes
    ----------
    reason
        In words.
    """

    reason: str


class Pricing:
    """Prices of changes and of the market they are measured against.

    Parameters
    ----------
    history
        Of all of them.
    market
        Its symbol.
    clock
        Sessions.
    """

    def __init__(self, history: PriceHistory, *, market: str, clock: Clock) -> None:
        self._prices = ReturnPrices(history)
        self._market, self._clock = market, clock

    def stretches(self, change: IndexChange, window: Window) -> Stretches | Absent:
        """Return stock, market, session and whether at a close, of each stretch."""
        fills = window.fills(change, self._clock)
        if fills is None:
            return Absent(reason=f"{window} needs a date that it has not")
        start, end = fills[0].row, fills[1].row
        if end <= start:
            return Absent(reason=f"{window} ends before it starts")
        first, last = session_of(start), session_of(end)
        prices = self._prices.window([change.symbol, self._market], first, last)
        rows = np.arange(half_session(first, "open"), half_session(last, "close") + 1)
        # Held are the price at the start, each close after it, and the one at the end.
        is_point = (rows == start) | (rows == end)
        is_point |= is_close(rows) & (rows > start) & (rows < end)
        for name, column in ((change.symbol, 0), (self._market, 1)):
            for at in (start, end):
                if np.isnan(prices[at - rows[0], column]):
                    day = self._clock.sessions.date(int(session_of(at)))
                    side = "close" if is_close(int(at)) else "open"
                    return Absent(reason=f"{name} has no {side} on {day}")
        known = rows[is_point & ~np.isnan(prices).any(axis=1)]
        held = prices[known - rows[0]]
        returns = held[1:] / held[:-1] - 1.0
        return (
            returns[:, 0].copy(),
            returns[:, 1].copy(),
            session_of(known[1:]),
            is_close(known[1:]),
        )

    def daily(
        self, symbol: str, first: int, last: int
    ) -> tuple[FloatVector, FloatVector]:
        """Return stock and market from close to close; NaN where one has no close."""
        prices = self._prices.window([symbol, self._market], first - 1, last)
        closes = prices[half_session(0, "close") :: 2]
        returns = closes[1:] / closes[:-1] - 1.0
        return returns[:, 0], returns[:, 1]

    def estimation(
        self,
        change: IndexChange,
        sessions: tuple[int, int],
        minimum: int,
        *,
        window: Window,
    ) -> Returns | Absent:
        """Return stock, market and session of each return before the announcement.

        Only what was known when it was announced, and nothing of its window.
        """
        announced = anchor_session(Anchor.AD, change, self._clock.sessions)
        if announced is None:
            return Absent(reason="it has no announcement date")
        first, last = announced + sessions[0] - 1, announced + sessions[1]
        if announced == OUTSIDE or first < 0:
            return Absent(reason="the calendar begins after its estimation window does")
        fills = window.fills(change, self._clock)
        if fills is not None and fills[0].row < half_session(last, "close"):
            return Absent(reason=f"{window} begins before its estimation window ends")
        before = change.announced or change.known_at
        closes = [
            self._prices.known_closes(symbol, first, last, before=before)
            for symbol in (change.symbol, self._market)
        ]
        with np.errstate(invalid="ignore", divide="ignore"):
            stock, market = (each[1:] / each[:-1] - 1.0 for each in closes)
        good = np.isfinite(stock) & np.isfinite(market)
        stock, market = stock[good], market[good]
        if len(stock) < minimum:
            few = f"fewer than {minimum} returns known before the announcement"
            return Absent(reason=few)
        # An error of zero would make of any return a sign without end.
        for name, values in (
            (change.symbol, stock),
            (self._market, market),
            (f"{change.symbol} over {self._market}", stock - market),
        ):
            if np.ptp(values) <= STILL:
                return Absent(reason=f"{name} did not move before the announcement")
        return stock, market, np.arange(first + 1, last + 1)[good]


def joined_windows(parts: Sequence[Stretches]) -> WindowData:
    """Return the stretches of many changes as one."""
    return WindowData(
        stock=_joined([each[0] for each in parts], np.float64),
        market=_joined([each[1] for each in parts], np.float64),
        session=_joined([each[2] for each in parts], np.int64),
        start=_starts([len(each[0]) for each in parts]),
        is_close=_joined([each[3] for each in parts], np.bool_),
    )


def joined_estimation(
    parts: Sequence[Returns], announced: Sequence[int], first: int
) -> EstimationData:
    """Return the returns before many events as one.

    Parameters
    ----------
    parts
        Of each change stock, market and session.
    announced
        The session of each announcement.
    first
        Where the window begins, in sessions from the announcement.
    """
    place = [
        each[2] - number - first for each, number in zip(parts, announced, strict=True)
    ]
    return EstimationData(
        stock=_joined([each[0] for each in parts], np.float64),
        market=_joined([each[1] for each in parts], np.float64),
        session=_joined([each[2] for each in parts], np.int64),
        place=_joined(place, np.int64),
        start=_starts([len(each[0]) for each in parts]),
    )


def _starts(lengths: list[int]) -> IntVector:
    return np.cumsum([0, *lengths]).astype(np.int64)


def _joined(parts: list[Any], kind: type) -> Any:
    return np.concatenate(parts).astype(kind) if parts else np.zeros(0, dtype=kind)
