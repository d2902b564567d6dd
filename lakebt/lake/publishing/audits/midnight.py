"""Dates that pose as instants: a column of instants that are all at midnight.

``pandas.to_datetime(dates, utc=True)`` makes one of a day: midnight UTC, which is the
evening before in New York, so that a fact would be known a day before it was told.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from lakebt.lake.tables.arrow import column, pc, truth
from lakebt.lake.tables.columns import columns_of, is_text, to_arrow
from lakebt.lake.tables.rows import integers
from lakebt.lake.tables.schemas import PRICES, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lakebt._typing import BoolVector, IntVector
    from lakebt.lake.publishing.audits.finding import Finding, Handed, Severity
    from lakebt.lake.tables.arrow import Array
    from lakebt.lake.tables.schemas import Column
    from lakebt.sessions import Exchange


_DAY = 86_400_000_000
_QUARTER = 900_000_000
"""Microseconds. No zone is off UTC by a part of a quarter of an hour."""


def audit_midnight(
    data: object, handed: Handed, *, sessions: Exchange, severity: Severity
) -> Iterator[Finding]:
    """Give each column of instants whose values are all at midnight.

    Midnight of UTC, of the exchange, or of the zone that the values were handed over
    in. A bar known from its session's close is no date, where that is at midnight.

    Parameters
    ----------
    data
        What was handed over.
    handed
        The same, normalised, every row of it.
    sessions
        Gives the exchange's calendar, and its zone.
    severity
        Of the findings. Midnights of bars that were written out as text, with their
        zone, only warn: no bar is known before its session's close anyway.
    """
    given = columns_of(data)
    for each in handed.spec.columns:
        if each.kind is not Kind.INSTANT or each.name not in given:
            continue
        as_given = to_arrow(given[each.name])
        there = _is_there(as_given)
        instants = _micros(handed, each.name, there)
        where = _midnight_of(as_given, instants, sessions)
        if where is not None:
            yield from tell_midnight(
                handed,
                each,
                where,
                sessions=sessions,
                severity=severity,
                is_text=_is_text(as_given),
            )


def tell_midnight(
    handed: Handed,
    column_: Column,
    where: str,
    *,
    sessions: Exchange,
    severity: Severity,
    is_text: bool,
) -> Iterator[Finding]:
    """Give what is wrong with a column whose instants are all at midnight.

    Parameters
    ----------
    handed
        Rows that have it, or some of them.
    column_
    where
        Whose midnight it is.
    sessions, severity
        As `audit_midnight` takes them.
    is_text
        Whether the instants were written out.
    """
    there = truth(column(handed.rows, column_.name).is_valid())
    instants = _micros(handed, column_.name, there)
    if _are_closes(handed, instants, there, column_, sessions):
        return
    name = column_.name
    is_written = handed.spec is PRICES and is_text
    yield from handed.where(
        "midnight",
        there,
        f"{name} at midnight of {where}, as a date has that was read as an instant: no "
        f"row has another time",
        shown=(name,),
        cure=f'{_cure(column_, sessions)}. If it is meant, pass warn_on=["midnight"]',
        severity="warn" if is_written else severity,
    )


def midnights(instants: Iterable[Array], *, zone: dt.tzinfo) -> str | None:
    """Return whose midnight all instants are at, UTC's or a zone's; None if one is not.

    Parameters
    ----------
    instants
        In parts, with their zone; no more of them are taken than have to be.
    zone
        Of the exchange.
    """
    ahead = ["UTC", str(zone)]
    is_any = False
    for part in instants:
        micros = part.drop_null().cast(pa.timestamp("us", "UTC"))
        is_any = is_any or len(micros) > 0
        ahead = [name for name in ahead if _are_at_midnight(micros, name)]
        if not ahead:
            return None
    return ahead[0] if is_any else None


def _are_at_midnight(instants: Array, zone: str) -> bool:
    local = pc.local_timestamp(instants.cast(pa.timestamp("us", tz=zone)))
    return not bool((np.asarray(local.cast(pa.int64())) % _DAY).any())


def _micros(handed: Handed, name: str, there: BoolVector) -> IntVector:
    """Return the instants of the rows that have one, microseconds since 1970 UTC."""
    values = column(handed.rows, name)
    if values.null_count:
        values = pc.fill_null(values, pa.scalar(0, values.type))
    return np.asarray(values.cast(pa.int64()))[there]


def _cure(column_: Column, sessions: Exchange) -> str:
    if column_.is_publication:
        return "Give dates, as 2022-09-02, which are known from the end of that day"
    end = f"the end of its day, 23:59:59.999999 in {sessions.zone}"
    return f"Give the time of day too, or, where only the day is known, {end}"


def _is_there(values: Array | list[Any]) -> BoolVector:
    if isinstance(values, list):
        return np.array([value is not None for value in values], dtype=bool)
    valid: BoolVector = np.asarray(values.is_valid())
    return valid


def _midnight_of(
    values: Array | list[Any], instants: IntVector, sessions: Exchange
) -> str | None:
    """Return whose midnight all instants are at; None if one is not."""
    if not len(instants) or (instants % _QUARTER).any():
        return None
    if not (instants % _DAY).any():
        return "UTC"
    if isinstance(values, list) or _is_text(values):
        texts = values if isinstance(values, list) else values.unique().to_pylist()
        return "its zone" if all(map(_is_midnight, texts)) else None
    own = values.type.tz if pa.types.is_timestamp(values.type) else None
    utc = pa.array(instants).cast(pa.timestamp("us", "UTC"))
    for zone in filter(None, (own, str(sessions.zone))):
        # An unknown zone has no midnight.
        with contextlib.suppress(pa.ArrowInvalid):
            if _are_at_midnight(utc, zone):
                return str(zone)
    return None


def _is_text(values: Array | list[Any]) -> bool:
    return not isinstance(values, list) and is_text(values.type)


def _is_midnight(value: object) -> bool:
    """Whether an instant, as it was written, is at midnight; a missing one may be."""
    if isinstance(value, str):
        if not value.strip():
            return True
        value = dt.datetime.fromisoformat(value)  # as it was read before
    return value is None or (
        isinstance(value, dt.datetime) and value.time() == dt.time()
    )


def _are_closes(
    handed: Handed,
    instants: IntVector,
    there: BoolVector,
    column_: Column,
    sessions: Exchange,
) -> bool:
    """Whether they are when bars are known: at the close of their sessions."""
    if handed.spec is not PRICES or column_.name != "known_at":
        return False
    calendar = sessions()
    days = integers(handed.rows, "session")[there].astype("datetime64[D]")
    numbers = calendar.numbers(days)
    closes = calendar.instants("close")[numbers]
    return bool(((numbers >= 0) & (closes == instants)).all())
