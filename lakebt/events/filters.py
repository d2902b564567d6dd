"""Filters of events by their day, and by their number of legs."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, TypeAlias

from lakebt.errors import InvalidArgumentError
from lakebt.inputs.checks import whole_number
from lakebt.instants import parse_date

if TYPE_CHECKING:
    from lakebt.facts import IndexChange
    from lakebt.sessions import Sessions


Period: TypeAlias = tuple[dt.date, dt.date]


def parse_period(value: Any) -> Period | None:
    """Return the first and the last day of a period.

    Raises
    ------
    InvalidArgumentError
        If it is not two dates, or the last comes first.
    """
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) != 2:
        msg = f"period must be two dates, the first and the last, was {value!r}"
        raise InvalidArgumentError(msg)
    first, last = (parse_date(day, what="period") for day in value)
    if last < first:
        msg = f"period ends on {last}, before it begins on {first}"
        raise InvalidArgumentError(msg)
    return first, last


def is_within(period: Period, change: IndexChange, sessions: Sessions) -> bool:
    """Whether a change lies in a period, by the day of its event."""
    if change.announced is not None:
        day = sessions.day(change.announced)
    else:
        day = change.effective or sessions.day(change.known_at)
    return period[0] <= day <= period[1]


def parse_size(value: Any) -> tuple[int, int] | None:
    """Return the least and the most legs of an event.

    Raises
    ------
    InvalidArgumentError
        If it is not two whole numbers, the least at least 1 and not above the most.
    """
    if value is None:
        return None
    is_pair = isinstance(value, list | tuple) and len(value) == 2
    least, most = map(whole_number, value) if is_pair else (None, None)
    if least is None or most is None:
        msg = f"size must be two whole numbers, from and to, was {value!r}"
        raise InvalidArgumentError(msg)
    if not 1 <= least <= most:
        msg = f"size must run from at least 1 upwards, was {value!r}"
        raise InvalidArgumentError(msg)
    return least, most
