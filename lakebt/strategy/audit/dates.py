"""Dates in any notation: a date, a text, an ordinal, a Unix time."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterator

_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"

_WRITTEN = re.compile(
    rf"""(?<!\d)(?:
      (?P<year>(?:19|20)\d\d)(?P<s>[-/._]?)(?P<month>0[1-9]|1[0-2])(?P=s)
      (?P<day>0[1-9]|[12]\d|3[01])(?!\d)
    | (?P<d>\d{{1,2}})[-/.](?P<m>\d{{1,2}})[-/.](?P<y>(?:19|20)\d\d)(?!\d)
    | (?P<y1>(?:19|20)\d\d)-(?P<m1>0[1-9]|1[0-2])(?![-\d])
    | (?P<y2>(?:19|20)\d\d)-?(?P<part>[QWH]\d{{1,2}})
    | (?P<d3>\d{{1,2}})?[\s-]?(?P<m3>{_MONTHS})[a-z]*[\s,-]+(?P<y3>(?:19|20)\d\d)
    )""",
    re.VERBOSE | re.IGNORECASE,
)
"""Dates of days, months, quarters, half years and weeks, as people write them."""

_FIRST, _LAST = 1950, 2100
_ORDINALS = range(dt.date(_FIRST, 1, 1).toordinal(), dt.date(_LAST, 1, 1).toordinal())
_UNITS = ("s", "ms", "us", "ns")
_SECONDS = range(315_532_800, 4_102_444_800)
"""From 1980 to 2100, in seconds of Unix."""


def dates_in(text: str) -> list[pd.Timestamp]:
    """Return the distinct dates in a text.

    Examples
    --------
    >>> [str(date.date()) for date in dates_in("AAA from 2021-03-01 to 20210405")]
    ['2021-03-01', '2021-04-05']
    """
    return list(dict.fromkeys(_found(text)))


def date_in(text: str) -> pd.Timestamp | None:
    """Return the first date in a text; None if there is none."""
    return next(_found(text), None)


def _found(text: str) -> Iterator[pd.Timestamp]:
    for match in _WRITTEN.finditer(text):
        try:
            yield _date(match)
        except ValueError:  # as the 31st of February
            continue


def _date(match: re.Match[str]) -> pd.Timestamp:
    """Return the date of a match: of a month, or another period, its last day."""
    if match["year"]:
        return _day(match["year"], match["month"], match["day"])
    if match["y"]:
        first, second = int(match["d"]), int(match["m"])
        day, month = (first, second) if second <= 12 else (second, first)
        return _day(match["y"], month, day)
    if match["y1"]:
        return _month_end(match["y1"], match["m1"])
    if match["y2"]:
        share = (
            int(match["part"][1:])
            * {"Q": 3, "H": 6, "W": 12 / 53}[match["part"][0].upper()]
        )
        return _month_end(match["y2"], min(max(int(share), 1), 12))
    month = _MONTHS.split("|").index(match["m3"].lower()) + 1
    if match["d3"]:
        return _day(match["y3"], month, match["d3"])
    return _month_end(match["y3"], month)


def _day(year: Any, month: Any, day: Any) -> pd.Timestamp:
    return pd.Timestamp(year=int(year), month=int(month), day=int(day))


def _month_end(year: Any, month: Any) -> pd.Timestamp:
    return _day(
        year, month, pd.Period(year=int(year), month=int(month), freq="M").days_in_month
    )


def date_of(value: Any, *, is_key: bool = False) -> pd.Timestamp | None:
    """Return the date that a value is; None if it is none.

    Parameters
    ----------
    value
    is_key
        Whether a number may be a date too: an ordinal, a Unix time in any unit, digits
        of a day or a month, a year.

    Examples
    --------
    >>> str(date_of("2021-03").date()), date_of(738215), date_of("AGN-201503")
    ('2021-03-31', None, None)
    >>> str(date_of(738215, is_key=True).date())
    '2022-03-01'
    """
    if isinstance(value, pd.Period):
        return pd.Timestamp(value.end_time)
    if isinstance(value, dt.date | np.datetime64):
        return None if bool(pd.isna(value)) else pd.Timestamp(value)
    if isinstance(value, str):
        if (written := date_in(value)) is not None:
            return written
        return _of_number(float(value)) if is_key and value.isdigit() else None
    is_number = isinstance(value, int | float | np.number)
    if not is_key or not is_number or isinstance(value, bool):
        return None
    return _of_number(float(value))


def _of_number(number: float) -> pd.Timestamp | None:
    """Return the date that a number may stand for."""
    if not np.isfinite(number):
        return None
    whole = int(number)
    if whole in _ORDINALS:
        return pd.Timestamp(dt.date.fromordinal(whole))
    if 1980 <= whole < _LAST:
        return pd.Timestamp(year=whole, month=12, day=31)
    digits = str(whole)
    if len(digits) in {6, 8}:
        written = f"{digits[:4]}-{digits[4:6]}-{digits[6:]}".rstrip("-")
        if (at := date_in(written)) is not None:
            return at
    for power, unit in enumerate(_UNITS):
        if whole // 1_000**power in _SECONDS:
            return pd.Timestamp(whole, unit=unit)
    return None
