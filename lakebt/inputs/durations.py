"""Durations as people write them: every number with its unit."""

from __future__ import annotations

import datetime as dt
import math
import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd

from lakebt.errors import InvalidArgumentError

_MICROSECONDS: dict[str, Fraction] = {
    unit: Fraction(microseconds)
    for units, microseconds in (
        (("w", "week", "weeks"), 604_800_000_000),
        (("d", "day", "days"), 86_400_000_000),
        (("h", "hr", "hour", "hours"), 3_600_000_000),
        (("m", "min", "minute", "minutes"), 60_000_000),
        (("s", "sec", "second", "seconds"), 1_000_000),
        (("ms", "millisecond", "milliseconds"), 1_000),
        (("us", "microsecond", "microseconds"), 1),
        (("ns", "nanosecond", "nanoseconds"), Fraction(1, 1_000)),
    )
    for unit in units
}
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_PART = re.compile(rf"\s*({_NUMBER})\s*([A-Za-z]+)\s*,?")
_CLOCK = re.compile(
    r"\s*([0-9]{1,4}):([0-5][0-9]):([0-5][0-9](?:\.[0-9]{1,9})?)\s*", re.ASCII
)
_ISO = re.compile(
    rf"P(?:({_NUMBER})W)?(?:({_NUMBER})D)?"
    rf"(?:T(?:({_NUMBER})H)?(?:({_NUMBER})M)?(?:({_NUMBER})S)?)?"
)
_UNITS_OF_ISO = ("w", "d", "h", "m", "s")
_VAGUE = {"generic", "Y", "M"}
"""Units of NumPy that are none, or no fixed time."""

_TICK = dt.timedelta(microseconds=1)
_HELP = 'write "10min", "90s" or "1h30min"'


def parse_duration(value: object, *, what: str) -> dt.timedelta:
    """Return `value` as a duration; it must have a unit.

    Parameters
    ----------
    value
        A ``timedelta`` (of Python, pandas or NumPy) or text: numbers with units, as
        ``"10min"``, ``"1.5h"`` and ``"1 day 2 hours"``, a clock's ``"00:10:00"``, or
        ISO 8601, ``"PT10M"``. ``m`` is a minute; months and years are no durations.
    what
        Its name, for the error.

    Returns
    -------
    timedelta
        In whole microseconds, rounded; not negative, unless a ``timedelta`` was.

    Raises
    ------
    InvalidArgumentError
        If it is none, or a number in it has no unit, or nothing is left of it.

    Examples
    --------
    >>> parse_duration("1h30min", what="min_lead")
    datetime.timedelta(seconds=5400)
    >>> parse_duration("10", what="min_lead")
    Traceback (most recent call last):
    lakebt.errors.InvalidArgumentError: min_lead '10' has no unit: write "10min", ...
    """
    if isinstance(value, np.timedelta64) and np.datetime_data(value.dtype)[0] in _VAGUE:
        raise InvalidArgumentError(
            _no_duration(value, what) if np.isnat(value) else _no_unit(value, what)
        )
    if isinstance(value, np.timedelta64 | pd.offsets.Tick):
        try:
            value = pd.Timedelta(value)
        except ValueError:  # beyond what nanoseconds can count
            raise InvalidArgumentError(_no_duration(value, what)) from None
    if isinstance(value, pd.Timedelta):
        whole_seconds = 86_400 * value.days + value.seconds
        exact = Fraction(1_000_000 * whole_seconds + value.microseconds)
        exact += Fraction(value.nanoseconds, 1_000)
    elif isinstance(value, dt.timedelta) and not pd.isna(value):
        exact = Fraction(value // _TICK)
    elif isinstance(value, str):
        exact = _of_text(value, what)
    else:
        raise InvalidArgumentError(_no_duration(value, what))
    whole = math.floor(exact + Fraction(1, 2))
    if exact and not whole:
        msg = f"{what} {value!r} is finer than a microsecond, which instants are not"
        raise InvalidArgumentError(msg)
    try:
        return dt.timedelta(microseconds=whole)
    except OverflowError:
        msg = f"{what} {value!r} is longer than any duration"
        raise InvalidArgumentError(msg) from None


def _of_text(text: str, what: str) -> Fraction:
    """Return the microseconds that a text says.

    Raises
    ------
    InvalidArgumentError
        If it says none, or a number in it has no unit.
    """
    if _is_number(text):
        raise InvalidArgumentError(_no_unit(text, what))
    if (match := _ISO.fullmatch(text.strip())) and any(match.groups()):
        parts = zip(match.groups(), _UNITS_OF_ISO, strict=True)
        return sum(
            (Fraction(n) * _MICROSECONDS[unit] for n, unit in parts if n), Fraction(0)
        )
    total, at = Fraction(0), 0
    while part := _PART.match(text, at):
        number, unit = part.groups()
        # Of one letter, only m is two things: pandas' M is a month.
        known = _MICROSECONDS.get(unit if unit == "M" else unit.lower())
        if known is None:
            raise InvalidArgumentError(_no_duration(text, what))
        total, at = total + Fraction(number) * known, part.end()
    if clock := _CLOCK.fullmatch(text, at):
        hours, minutes, seconds = map(Fraction, clock.groups())
        return total + 1_000_000 * (3_600 * hours + 60 * minutes + seconds)
    if at and _is_number(text[at:]):
        raise InvalidArgumentError(_no_unit(text, what))
    if not at or text[at:].strip():
        raise InvalidArgumentError(_no_duration(text, what))
    return total


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.strip().lower() not in {"nan", "inf", "infinity"}


def _no_unit(value: object, what: str) -> str:
    return f"{what} {value!r} has no unit: {_HELP}"


def _no_duration(value: object, what: str) -> str:
    is_number = isinstance(value, int | float | np.number | Decimal | Fraction)
    if is_number and not isinstance(value, bool | np.timedelta64) and value == value:  # noqa: PLR0124 - NaN
        return _no_unit(value, what)
    return f"{what} {value!r} is not a duration: {_HELP}"
