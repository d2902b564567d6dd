"""Instants are UTC and aware; dates are calendar days where the exchange is.

A date without a time is not an instant: a fact published "on 2 September" is known only
from the end of that day. Where no exchange is named, that is New York's.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from lakebt.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence


NEW_YORK = ZoneInfo("America/New_York")
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
TICK = dt.timedelta(microseconds=1)
"""The resolution of every instant in the lake."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)
YEARS = range(1678, 2262)
"""The whole years that nanoseconds since 1970 can count, as frames may hold them."""


def system_clock() -> dt.datetime:
    """Return the present instant. The only reading of the wall clock in lakebt.

    It is the default of the ``clock`` argument of `lakebt.Lake.open`, where it guards
    against cutoffs in the future and stamps commits. No computation uses it.
    """
    return dt.datetime.now(dt.UTC)  # noqa: TID251 - the one place, passed in elsewhere


def parse_instant(value: object, *, what: str) -> dt.datetime:
    """Return `value` as an aware UTC instant.

    Parameters
    ----------
    value
        An aware ``datetime`` or ``Timestamp``, or an ISO 8601 string with a zone.
    what
        Its name, for the error.

    Raises
    ------
    InvalidArgumentError
        If `value` is not an instant, has no zone, or lies centuries away.

    Examples
    --------
    >>> parse_instant("2022-11-28T15:50:55-05:00", what="as_of").isoformat()
    '2022-11-28T20:50:55+00:00'
    """
    if type(value) is dt.datetime and value.tzinfo is dt.UTC and value.year in YEARS:
        return value  # as a lake has it: asked of every change
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            msg = (
                f"{what} {value!r} is not an instant: write it as ISO 8601 with a "
                f"zone, 2022-11-28T20:50:55Z"
            )
            raise InvalidArgumentError(msg) from None
    if not isinstance(value, dt.datetime) or _is_nat(value):
        msg = f"{what} {value!r} is not an instant: pass an aware datetime or ISO 8601"
        raise InvalidArgumentError(msg)
    if value.tzinfo is None:
        msg = f"{what} {_without_zone(value)}"
        raise InvalidArgumentError(msg)
    if value.year not in YEARS:
        msg = f"{what} {value.isoformat()} is outside the years 1678 to 2261"
        raise InvalidArgumentError(msg)
    if _nanoseconds(value):
        msg = f"{what} {value.isoformat()} is finer than a microsecond: round it up"
        raise InvalidArgumentError(msg)
    utc = value.astimezone(dt.UTC)
    return dt.datetime(  # a Timestamp is a datetime; keep the plain one
        *(utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second),
        utc.microsecond,
        tzinfo=dt.UTC,
    )


def _without_zone(value: dt.datetime) -> str:
    """Say what is wrong with an instant without a zone, and what to write."""
    fault = f"{value.isoformat(sep=' ')} has no time zone: write"
    if value.time() == dt.time() and value.year in YEARS:
        end = end_of_day(value.date()).isoformat().replace("+00:00", "Z")
        return (
            f"{fault} the time with its zone, or, where only the day is known, {end}, "
            f"the end of it in New York"
        )
    return f"{fault} it with one, {value.isoformat()}Z if it is UTC"


def parse_date(value: object, *, what: str) -> dt.date:
    """Return `value` as a calendar date.

    Parameters
    ----------
    value
        A ``date``, a ``datetime`` (pandas' and NumPy's too) at midnight without a zone,
        or ``"2022-09-19"``.
    what
        Its name, for the error.

    Raises
    ------
    InvalidArgumentError
        If `value` is not a date.
    """
    plain = _of_numpy(value) if isinstance(value, np.datetime64) else value
    if isinstance(plain, dt.datetime):
        if _is_bare(plain):
            return dt.date(plain.year, plain.month, plain.day)
    elif isinstance(plain, dt.date):
        return plain
    elif isinstance(value, str) and _DATE.match(value):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            pass
    msg = f"{what} {value!r} is not a date: write it as 2022-09-19"
    raise InvalidArgumentError(msg)


def _of_numpy(value: np.datetime64) -> object:
    """Return a day or an instant of NumPy's as Python's; None of a year or a month."""
    whole = value.astype("datetime64[us]")
    is_vague = np.datetime_data(value.dtype)[0] in {"Y", "M", "W", "generic"}
    return whole.item() if whole == value and not is_vague else None


def _is_nat(value: dt.datetime) -> bool:
    """Tell whether `value` is pandas' NaT: a datetime that does not equal itself."""
    return value != value  # noqa: PLR0124 - that is the test


def _nanoseconds(value: dt.datetime) -> int:
    """Return what a Timestamp of pandas' has beyond microseconds."""
    return int(getattr(value, "nanosecond", 0))


def _is_bare(value: object) -> bool:
    """Tell whether `value` is a date without a time of day."""
    if isinstance(value, dt.datetime):
        if value.tzinfo is not None or _is_nat(value):
            return False
        return value.time() == dt.time() and not _nanoseconds(value)
    if isinstance(value, str):
        return _DATE.match(value) is not None
    return isinstance(value, dt.date)


def end_of_day(day: dt.date, zone: dt.tzinfo = NEW_YORK) -> dt.datetime:
    """Return the last microsecond of `day` in a zone, New York's by default, as UTC.

    Examples
    --------
    >>> end_of_day(dt.date(2022, 9, 2)).isoformat()
    '2022-09-03T03:59:59.999999+00:00'
    """
    last = dt.datetime.combine(day, dt.time.max, tzinfo=zone)
    return last.astimezone(dt.UTC)


def parse_published(
    value: object, *, what: str, zone: dt.tzinfo = NEW_YORK
) -> dt.datetime:
    """Return when something was published: an instant, or the end of a bare date's day.

    Parameters
    ----------
    value
        As `parse_instant` takes it, or `parse_date`.
    what
        Its name, for the error.
    zone
        Whose day a bare date is.

    Raises
    ------
    InvalidArgumentError
        If `value` is neither an instant nor a date.

    Examples
    --------
    >>> parse_published("2022-09-02", what="announced").isoformat()
    '2022-09-03T03:59:59.999999+00:00'
    >>> parse_published("2022-09-02T21:15:00Z", what="announced").isoformat()
    '2022-09-02T21:15:00+00:00'
    """
    if not _is_bare(value):
        return parse_instant(value, what=what)
    day = parse_date(value, what=what)
    if day.year not in YEARS:
        msg = f"{what} {day} is outside the years 1678 to 2261"
        raise InvalidArgumentError(msg)
    return end_of_day(day, zone)


def published_in(instant: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    """Return when something was published, a bare date read in another zone.

    `parse_published` makes the last microsecond of a New York day of a date alone, and
    no clock tells that microsecond: it is the same day's last one in `zone`.

    Examples
    --------
    >>> evening = parse_published("2022-09-02", what="announced")
    >>> published_in(evening, ZoneInfo("Asia/Tokyo")).isoformat()
    '2022-09-02T14:59:59.999999+00:00'
    """
    local = instant.astimezone(NEW_YORK)
    return end_of_day(local.date(), zone) if local.time() == dt.time.max else instant


def are_dates(instants: Sequence[dt.datetime], zone: dt.tzinfo) -> bool:
    """Whether there are instants, and all are at midnight of UTC, or of a zone.

    Such are dates that were read as instants.
    """
    return bool(instants) and any(
        all(instant.astimezone(each).time() == dt.time() for instant in instants)
        for each in (dt.UTC, zone)
    )


def day_in(instant: dt.datetime, zone: dt.tzinfo) -> dt.date:
    """Return the calendar day of `instant` in a zone."""
    return instant.astimezone(zone).date()


def new_york_day(instant: dt.datetime) -> dt.date:
    """Return the calendar day of `instant` in New York."""
    return instant.astimezone(NEW_YORK).date()


def in_new_york(instant: dt.datetime) -> str:
    """Return `instant` as people at the exchange say it.

    Examples
    --------
    >>> in_new_york(dt.datetime(2022, 11, 28, 20, 50, 55, tzinfo=dt.UTC))
    '2022-11-28 15:50:55 New York'
    """
    local = instant.astimezone(NEW_YORK).replace(tzinfo=None, microsecond=0)
    return f"{local.isoformat(sep=' ')} New York"
