"""Exchange sessions. A weekday is not a session: 2022-09-05 was Labor Day."""

from __future__ import annotations

import datetime as dt
import functools
import warnings
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar, overload

import numpy as np

from lakebt.errors import InvalidArgumentError
from lakebt.instants import EPOCH, TICK

if TYPE_CHECKING:
    from lakebt._typing import BoolVector, DateVector, IntVector


At: TypeAlias = Literal["open", "close"]
"""When in a session an order is filled."""

Halves = TypeVar("Halves", int, "IntVector")
"""One half session, or an array of them. See `half_session`."""

# Given, because exchange_calendars' defaults are relative to today's date.
FIRST, LAST = dt.date(1980, 1, 1), dt.date(2049, 12, 31)


class Sessions:
    """The sessions of one exchange, with their opens and closes.

    Sessions are counted from 0, so that an offset is an addition. Use
    `Sessions.of("XNYS")`, which keeps one per exchange.

    Parameters
    ----------
    exchange : str, default "XNYS"
        ISO 10383 market identifier code.

    Raises
    ------
    InvalidArgumentError
        If there is no calendar of that name, or it does not reach over 1980 to 2049.

    Examples
    --------
    >>> nyse = Sessions.of("XNYS")
    >>> friday = nyse.on_or_before(dt.date(2022, 9, 3))
    >>> nyse.date(friday), nyse.date(friday + 1)
    (datetime.date(2022, 9, 2), datetime.date(2022, 9, 6))
    """

    def __init__(self, exchange: str = "XNYS") -> None:
        import exchange_calendars as xcals  # noqa: PLC0415 - 0.2 s that help pages save
        from exchange_calendars.errors import InvalidCalendarName  # noqa: PLC0415

        try:
            # Theirs are no warnings for who uses lakebt: they cannot mend them.
            with warnings.catch_warnings(action="ignore"):
                calendar = xcals.get_calendar(exchange, start=str(FIRST), end=str(LAST))
        except InvalidCalendarName:
            msg = f"unknown exchange {exchange!r}: pass a code such as XNYS or XLON"
            raise InvalidArgumentError(msg) from None
        except (ValueError, NotImplementedError):
            msg = (
                f"exchange {exchange!r} has no calendar from {FIRST} to {LAST}: pass "
                f"another, such as XNYS or XLON"
            )
            raise InvalidArgumentError(msg) from None
        self.exchange = exchange
        self.days: DateVector = calendar.sessions.to_numpy().astype("datetime64[D]")
        self.days.flags.writeable = False
        self._instants: dict[At, IntVector] = {
            "open": _microseconds(calendar.opens),
            "close": _microseconds(calendar.closes),
        }

    @staticmethod
    def of(exchange: str = "XNYS") -> Sessions:
        """Return the calendar of `exchange`, made once."""
        return _made_once(exchange)

    def __len__(self) -> int:
        return len(self.days)

    def __repr__(self) -> str:
        return f"Sessions({self.exchange!r})"

    def __reduce__(self) -> tuple[object, tuple[str]]:
        """Travel between processes as a name: the calendar is the same everywhere."""
        return _made_once, (self.exchange,)

    def _check(self, day: dt.date) -> np.datetime64:
        exact = np.datetime64(day, "D")
        if not self.days[0] <= exact <= self.days[-1]:
            msg = f"{day} is outside the calendar of {self.exchange}, {self._span}"
            raise InvalidArgumentError(msg)
        return exact

    def _check_number(self, number: int) -> int:
        # NumPy would count a negative number from the end, and trade in 2049.
        if not 0 <= number < len(self):
            msg = (
                f"there is no session number {number}: the calendar of "
                f"{self.exchange} has {len(self)} sessions, {self._span}"
            )
            raise InvalidArgumentError(msg)
        return number

    @property
    def _span(self) -> str:
        return f"which runs from {self.days[0]} to {self.days[-1]}"

    def on_or_before(self, day: dt.date) -> int:
        """Return the number of the last session on or before `day`.

        Raises
        ------
        InvalidArgumentError
            If `day` is outside the calendar.
        """
        return int(self.days.searchsorted(self._check(day), side="right")) - 1

    def on_or_after(self, day: dt.date) -> int:
        """Return the number of the first session on or after `day`.

        Raises
        ------
        InvalidArgumentError
            If `day` is outside the calendar.
        """
        return int(self.days.searchsorted(self._check(day), side="left"))

    def number(self, day: dt.date) -> int | None:
        """Return the number of the session on `day`, None if there is none.

        Raises
        ------
        InvalidArgumentError
            If `day` is outside the calendar.
        """
        session = self.on_or_after(day)
        return session if self.date(session) == day else None

    def date(self, number: int) -> dt.date:
        """Return the day of session `number`.

        Raises
        ------
        InvalidArgumentError
            If there is no session of that number.
        """
        day: dt.date = self.days[self._check_number(number)].item()
        return day

    def instant(self, number: int, at: At) -> dt.datetime:
        """Return the UTC instant of the open or close, early closes included.

        Raises
        ------
        InvalidArgumentError
            If there is no session of that number.

        Examples
        --------
        The day after Thanksgiving closes at 13:00 New York:

        >>> nyse = Sessions.of("XNYS")
        >>> nyse.instant(nyse.on_or_after(dt.date(2022, 11, 25)), "close").isoformat()
        '2022-11-25T18:00:00+00:00'
        """
        return EPOCH + int(self._instants[at][self._check_number(number)]) * TICK

    def instants(self, at: At) -> IntVector:
        """Return every open or close, in microseconds since 1970 UTC; read only."""
        return self._instants[at]

    def numbers(self, days: DateVector) -> IntVector:
        """Return the number of the session on each of `days`; -1 if there is none."""
        positions = self.days.searchsorted(days)
        inside = np.minimum(positions, len(self) - 1)
        return np.where(self.days[inside] == days, inside, -1)


# Half sessions are whole numbers, so that fills are compared, sorted and kept in arrays
# as one column. Only here (and in the compiled loop of `lakebt.backtest.kernel`, which
# calls no Python) is it known how they are numbered.


def half_session(session: Halves, at: At) -> Halves:
    """Return the half session of an open or close: opens are even, closes odd.

    Parameters
    ----------
    session : int or ndarray of int
        Numbers of sessions.
    at
        One of the two.

    Examples
    --------
    >>> half_session(10, "open"), half_session(10, "close"), session_of(21)
    (20, 21, 10)
    """
    return 2 * session + (at == "close")


def session_of(half: Halves) -> Halves:
    """Return the number of the session that a half session belongs to."""
    return half // 2


@overload
def is_close(half: int) -> bool: ...
@overload
def is_close(half: IntVector) -> BoolVector: ...
def is_close(half: int | IntVector) -> bool | BoolVector:
    """Whether a half session is a close."""
    return half % 2 == 1


def exposed_from(entry: Halves) -> Halves:
    """Return the first session with market exposure after an entry.

    It is the entry's own, or the next one after an entry at the close.
    """
    return (entry + 1) // 2


@functools.cache
def _made_once(exchange: str) -> Sessions:
    return Sessions(exchange)


def _microseconds(instants: object) -> IntVector:
    values = np.asarray(instants.dt.tz_convert("UTC").dt.tz_localize(None))  # type: ignore[attr-defined]
    micros = values.astype("datetime64[us]").astype(np.int64)
    micros.flags.writeable = False
    return micros
