"""What rows must satisfy by themselves, beyond what the schema of their table says.

In NumPy, because it is about clocks, calendars and other rows, not about one value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lakebt.lake.publishing.audits.action_terms import (
    audit_ex_dates,
    audit_rates,
    audit_terms,
    audit_validity,
)
from lakebt.lake.tables.arrow import column, pc, take, truth
from lakebt.lake.tables.rows import codes, integers, micros, repeated
from lakebt.lake.tables.schemas import (
    BORROW,
    CORPORATE_ACTIONS,
    ETF_HOLDINGS,
    INDEX_CHANGES,
    INSTRUMENTS,
    PRICES,
    Kind,
)

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator

    from lakebt._typing import IntVector
    from lakebt.lake.publishing.audits.finding import Finding, Handed
    from lakebt.lake.tables.schemas import Column
    from lakebt.sessions import Exchange, Sessions


def audit_alone(
    handed: Handed, *, as_of: dt.datetime, sessions: Exchange
) -> Iterator[Finding]:
    """Give what is wrong with rows that have all their required values.

    Parameters
    ----------
    handed
        At least the rows without an empty cell where a value is required.
    as_of
        The release's cutoff.
    sessions
        Gives the exchange's calendar.
    """
    rows, spec = handed.rows, handed.spec
    known_at = integers(rows, "known_at")
    yield from handed.where(
        "known_after_cutoff",
        known_at > micros(as_of),
        f"known_at after the release's as_of {as_of.isoformat()}",
        shown=("known_at",),
        cure="Publish them later, or with a later as_of",
    )
    yield from handed.where(
        "duplicates",
        repeated(codes(rows, (*spec.key, "known_at"))),
        f"a duplicate key, the {', '.join(spec.key)} and known_at of a row before",
        shown=("known_at",),
        cure="A correction is a row with a later known_at; leave out the others",
    )
    if spec.known_at_from is not None:
        source = spec.column(spec.known_at_from)
        yield from _audit_source(handed, known_at, source, sessions.zone)
    if spec is PRICES:
        yield from _audit_sessions(handed, known_at, sessions())
    elif spec is INDEX_CHANGES:
        yield from _audit_changes(handed, sessions)
    elif spec is ETF_HOLDINGS:
        yield from handed.where(
            "report_date",
            integers(rows, "date") > _days(rows, "known_at", sessions.zone),
            "date after the day of known_at",
            shown=("date", "known_at"),
            cure="`date` is what the report is about, known_at when it was accepted",
        )
    elif spec is CORPORATE_ACTIONS:
        yield from audit_terms(handed)
        yield from audit_ex_dates(handed, sessions(), _announced(rows, sessions.zone))
    elif spec is INSTRUMENTS:
        yield from audit_validity(handed)
    elif spec is BORROW:
        yield from audit_rates(handed, sessions())


def _audit_sessions(
    handed: Handed, known_at: IntVector, sessions: Sessions
) -> Iterator[Finding]:
    days = column(handed.rows, "session").to_numpy(zero_copy_only=False)
    numbers = sessions.numbers(days.astype("datetime64[D]"))
    yield from handed.where(
        "no_session",
        numbers < 0,
        f"a bar on a day without a session of {sessions.exchange} "
        f"(whose calendar runs from {sessions.days[0]} to {sessions.days[-1]})",
        cure="Leave them out, or open the lake with exchange= of where they are from",
    )
    yield from handed.where(
        "before_close",
        (known_at < sessions.instants("close")[numbers]) & (numbers >= 0),
        "known_at before the close of their session",
        shown=("known_at",),
        cure="Leave known_at out to have it derived from the close",
    )


def _audit_source(
    handed: Handed, known_at: IntVector, source: Column, zone: dt.tzinfo
) -> Iterator[Finding]:
    """Give rows known before what `known_at` is derived from where it is left out."""
    given = column(handed.rows, source.name)
    dated = np.flatnonzero(truth(given.is_valid()))
    early = np.zeros(len(known_at), dtype=bool)
    some = take(handed.rows, dated)
    if source.kind is Kind.DATE:  # on that day at the earliest
        early[dated] = _days(some, "known_at", zone) < integers(some, source.name)
    else:
        early[dated] = known_at[dated] < integers(some, source.name)
    yield from handed.where(
        "known_before",
        early,
        f"known_at before {source.name}",
        shown=(source.name, "known_at"),
        cure=(
            f"Leave known_at out to have it derived, or give {source.name} as the "
            f"instant that it was"
        ),
    )


def _audit_changes(handed: Handed, sessions: Exchange) -> Iterator[Finding]:
    rows = handed.rows
    both = pc.and_(
        pc.is_valid(column(rows, "announced")), pc.is_valid(column(rows, "effective"))
    )
    dated = np.flatnonzero(truth(both))
    early = np.zeros(len(rows), dtype=bool)
    some = take(rows, dated)
    early[dated] = integers(some, "effective") < _days(some, "announced", sessions.zone)
    yield from handed.where(
        "effective",
        early,
        "effective before announced",
        shown=("announced", "effective"),
        cure="Correct the dates",
    )


def _announced(rows: pa.Table, zone: dt.tzinfo) -> IntVector:
    """Return the days of announcements, the least integer for none."""
    dated = np.flatnonzero(truth(column(rows, "announced").is_valid()))
    days = np.full(len(rows), np.iinfo(np.int64).min)
    days[dated] = _days(take(rows, dated), "announced", zone)
    return days


def _days(rows: pa.Table, name: str, zone: dt.tzinfo) -> IntVector:
    """Return the days in a zone of a column of instants, in days since 1970."""
    local = pc.local_timestamp(
        column(rows, name).cast(pa.timestamp("us", tz=str(zone)))
    )
    days = np.asarray(local.to_numpy(zero_copy_only=False)).astype("datetime64[D]")
    return days.astype(np.int64)
