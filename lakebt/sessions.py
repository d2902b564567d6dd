"""Exchange sessions. A weekday is not a session: 2022-09-05 was Labor Day."""

from __future__ import annotations

import datetime as dt
import functools
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar, overload

import numpy as np

from lakebt.errors import InvalidArgumentError
from lakebt.instants import EPOCH, NEW_YORK, TICK, day_in, parse_date
from lakebt.values.business_days import counted_as_they_are

if TYPE_CHECKING:
    from collections.abc import Iterable

    from exchange_calendars import ExchangeCalendar

    from lakebt._typing import BoolVector, DateVector, IntVector


At: TypeAlias = Literal["open", "close"]
"""When in a session an order is filled."""

Halves = TypeVar("Halves", int, "IntVector")
"""One half session, or an array of them. See `half_session`."""

_CLOSED = " closed "
"""Between an exchange and the days on which it was closed, in a calendar's name."""

# Given, because exchange_calendars' defaults are relative to today's date.
FIRST, LAST = dt.date(1980, 1, 1), dt.date(2049, 12, 31)


@dataclass(frozen=True, slots=True)
class Exchange:
    """Gives an exchange's calendar when it is called, and its zone without it.

    Attributes
    ----------
    name
        What `Sessions.of` takes.
    """

    name: str = "XNYS"

    def __call__(self) -> Sessions:
        """Return the calendar."""
        return Sessions.of(self.name)

    @property
    def zone(self) -> dt.tzinfo:
        """Where the exchange is."""
        if self.name.partition(_CLOSED)[0] == "XNYS":  # a calendar takes 0.3 s
            return NEW_YORK
        return self().zone


class Sessions:
    """The sessions of one exchange, with their opens and closes.

    Sessions are counted from 0, so that an offset is an addition. Use
    `Sessions.of("XNYS")`, which keeps one per exchange.

    Parameters
    ----------
    exchange : str, default "XNYS"
        ISO 10383 market identifier code.
    closed : iterable of date or str, optional
        Days on which it did not open, although the installed calendar says so.

    Attributes
    ----------
    exchange : str
    closed : tuple of date
        Sorted.
    name : str
        The exchange, and the days that were named closed: what `Sessions.of` takes.
    zone : tzinfo
        Where the exchange is: its days are those of this zone.
    days : ndarray of shape (n_sessions,)
    days_since : ndarray of shape (n_sessions,)
        Calendar days from the session before; 0 for the first.

    Raises
    ------
    InvalidArgumentError
        If there is no calendar of that name, or it cannot be made.

    Notes
    -----
    The calendar runs from 1980 to 2049, or as far as the exchange's holidays are
    recorded.

    Examples
    --------
    >>> nyse = Sessions.of("XNYS")
    >>> friday = nyse.on_or_before(dt.date(2022, 9, 3))
    >>> nyse.date(friday), nyse.date(friday + 1)
    (datetime.date(2022, 9, 2), datetime.date(2022, 9, 6))
    >>> int(nyse.days_since[friday + 1])
    4
    """

    def __init__(
        self, exchange: str = "XNYS", *, closed: Iterable[dt.date | str] = ()
    ) -> None:
        calendar = _calendar(exchange)
        self.exchange = exchange
        self.closed = tuple(sorted({parse_date(day, what="closed") for day in closed}))
        self.name = calendar_name(exchange, self.closed)
        self.zone: dt.tzinfo = calendar.tz
        days = calendar.sessions.to_numpy().astype("datetime64[D]")
        is_open = ~np.isin(days, np.array(self.closed, dtype="datetime64[D]"))
        self.days: DateVector = days[is_open]
        self.days_since: IntVector = np.zeros(len(self.days), dtype=np.int64)
        self.days_since[1:] = np.diff(self.days).astype(np.int64)
        self.days.flags.writeable = self.days_since.flags.writeable = False
        self._first: dt.date = self.days[0].item()
        self._last: dt.date = self.days[-1].item()
        self._instants: dict[At, IntVector] = {
            "open": _microseconds(calendar.opens, is_open),
            "close": _microseconds(calendar.closes, is_open),
        }

    @staticmethod
    def of(name: str = "XNYS") -> Sessions:
        """Return the calendar of an exchange, made once.

        Parameters
        ----------
        name
            Of the exchange, or what `Sessions.name` says.
        """
        return _made_once(name)

    def day(self, instant: dt.datetime) -> dt.date:
        """Return the calendar day of an instant where the exchange is.

        Examples
        --------
        >>> evening = dt.datetime(2022, 9, 2, 22, tzinfo=dt.UTC)
        >>> [str(Sessions.of(name).day(evening)) for name in ("XNYS", "XTKS")]
        ['2022-09-02', '2022-09-03']
        """
        return day_in(instant, self.zone)

    def __len__(self) -> int:
        return len(self.days)

    def __repr__(self) -> str:
        return f"Sessions({self.name!r})"

    def __reduce__(self) -> tuple[object, tuple[str]]:
        """Travel between processes as a name: the calendar is the same everywhere."""
        return _made_once, (self.name,)

    def _check(self, day: dt.date) -> np.datetime64:
        if not self.covers(day):
            msg = f"{day} is outside the calendar of {self.exchange}, {self.span}"
            raise InvalidArgumentError(msg)
        return np.datetime64(day, "D")

    def _check_number(self, number: int) -> int:
        # NumPy would count a negative number from the end, and trade in 2049.
        if not 0 <= number < len(self):
            msg = (
                f"there is no session number {number}: the calendar of "
                f"{self.exchange} has {len(self)} sessions, {self.span}"
            )
            raise InvalidArgumentError(msg)
        return number

    @property
    def span(self) -> str:
        """From when to when the calendar runs, in words."""
        return f"which runs from {self.days[0]} to {self.days[-1]}"

    def covers(self, day: dt.date) -> bool:
        """Whether a day lies within the calendar."""
        if type(day) is dt.date:  # asked of every change: NumPy's dates are slow
            return self._first <= day <= self._last
        return bool(self.days[0] <= np.datetime64(day, "D") <= self.days[-1])

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


def calendar_name(exchange: str, closed: Iterable[dt.date]) -> str:
    """Return what `Sessions.of` takes.

    Examples
    --------
    >>> name = calendar_name("XHKG", [dt.date(2023, 9, 1)])
    >>> name, Sessions.of(name).number(dt.date(2023, 9, 1))
    ('XHKG closed 2023-09-01', None)
    """
    days = " ".join(day.isoformat() for day in closed)
    return f"{exchange}{_CLOSED}{days}" if days else exchange


def read_name(name: str) -> tuple[str, tuple[dt.date, ...]]:
    """Return the exchange and the closed days of a calendar's name."""
    exchange, _, days = name.partition(_CLOSED)
    return exchange, tuple(parse_date(day, what="closed") for day in days.split())


@functools.cache
def _made_once(name: str) -> Sessions:
    exchange, closed = read_name(name)
    return Sessions(exchange, closed=closed)


def _calendar(exchange: str) -> ExchangeCalendar:
    """Return the calendar of an exchange, over as much of our span as it has.

    Raises
    ------
    InvalidArgumentError
        If there is none of that name, or the installed library cannot make it.
    """
    import exchange_calendars as xcals  # noqa: PLC0415 - 0.2 s that help pages save
    from exchange_calendars.errors import InvalidCalendarName  # noqa: PLC0415

    try:
        with warnings.catch_warnings(), counted_as_they_are(FIRST, LAST):
            warnings.simplefilter("ignore")  # of pandas 3.1, about exchange_calendars
            first, last = _bounds(exchange)
            return xcals.get_calendar(exchange, start=str(first), end=str(last))
    except InvalidCalendarName:
        msg = f"unknown exchange {exchange!r}: pass a code such as XNYS or XLON"
        raise InvalidArgumentError(msg) from None
    except (ValueError, NotImplementedError) as error:
        why = str(error).partition("[")[0].strip() or type(error).__name__
        msg = (
            f"exchange {exchange!r} has no calendar: exchange_calendars "
            f"{version('exchange_calendars')} cannot make it ({why:.60}). Pass "
            f"another, such as XNYS or XLON"
        )
        raise InvalidArgumentError(msg) from None


def _bounds(exchange: str) -> tuple[dt.date, dt.date]:
    """Return the days of our span that the library has recorded; all of an unknown."""
    from exchange_calendars import calendar_utils  # noqa: PLC0415 - as in `_calendar`

    known = calendar_utils.global_calendar_dispatcher
    # Only a kind of calendar tells its bounds, and to make one takes as long as ours.
    kind = known._calendar_factories.get(known.resolve_alias(exchange))  # noqa: SLF001
    if kind is None:
        return FIRST, LAST
    first, last = kind.bound_min(), kind.bound_max()
    return (
        FIRST if first is None else max(FIRST, first.date()),
        LAST if last is None else min(LAST, last.date()),
    )


def _microseconds(instants: object, which: BoolVector) -> IntVector:
    values = np.asarray(instants.dt.tz_convert("UTC").dt.tz_localize(None))  # type: ignore[attr-defined]
    micros = values.astype("datetime64[us]").astype(np.int64)[which]
    micros.flags.writeable = False
    return micros
