"""Audits of fund reports beside their predecessors: members and coverage."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakebt.instants import EPOCH
from lakebt.lake.publishing.audits.finding import Finding, Handed, first, sample, some
from lakebt.lake.publishing.audits.neighbours import (
    absence,
    absent,
    day_index,
    follows,
    joined,
)
from lakebt.lake.reading.holdings import Reports
from lakebt.lake.storage.predicates import between
from lakebt.lake.tables.arrow import column, take
from lakebt.lake.tables.rows import flags, integers
from lakebt.lake.tables.schemas import ETF_HOLDINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa
    from pyiceberg.expressions import BooleanExpression

    from lakebt._typing import IntVector
    from lakebt.lake.publishing.audits.finding import Severity
    from lakebt.lake.publishing.audits.neighbours import Absentees
    from lakebt.lake.tables.arrow import Array


CHANGE = 0.2
"""A report with more than this more or fewer members than the one before it."""

LOOK_DAYS = 400
"""How far from a new report the lake is looked at: one that is older is no measure."""

COLUMNS = ("fund", "date", "isin", "known_at", "symbol", "index", "retracted")
"""What is read of the lake's reports."""


def reach(new: pa.Table) -> BooleanExpression:
    """Return the filter for those of the lake's reports that new ones are beside."""
    days = integers(new, "date")
    ends = (
        (EPOCH + dt.timedelta(days=int(d))).date() for d in (days.min(), days.max())
    )
    low, high = days_beside(*ends)
    return between("date", low.isoformat(), high.isoformat())


def days_beside(first: dt.date, last: dt.date) -> tuple[dt.date, dt.date]:
    """Return the days from and to which reports between two are looked at beside."""
    least, most = dt.date.min.toordinal(), dt.date.max.toordinal()
    ends = first.toordinal() - LOOK_DAYS, last.toordinal() + LOOK_DAYS
    low, high = (dt.date.fromordinal(min(max(end, least), most)) for end in ends)
    return low, high


def audit_reports(
    held: pa.Table,
    new: Handed,
    *,
    as_of: dt.datetime,
    severity: Callable[[str], Severity],
) -> Iterator[Finding]:
    """Give reports of another size than their predecessors, and missing funds.

    Parameters
    ----------
    held
        Rows of the lake within `reach`, all vintages.
    new
        Those that it lacks.
    as_of
        The release's cutoff.
    severity
        Of an audit, by its name.
    """
    rows, place = joined(held, new, as_of=as_of)
    coded = column(rows, "fund").dictionary_encode()
    funds: list[str] = coded.dictionary.to_pylist()
    code, day, place, members = _reports(rows, place, coded, funds, as_of)
    second = np.flatnonzero(follows(code, place))
    change = members[second] / members[second - 1] - 1.0
    later = second[np.abs(change) > CHANGE]
    earlier = later - 1
    odd = pd.DataFrame(
        {
            "row": np.where(place[later] >= 0, place[later], place[earlier]),
            "fund": pd.Series([funds[c] for c in code[later]], dtype="str"),
            "date": day_index(day[later]),
            "members": members[later],
            "previous_date": day_index(day[earlier]),
            "previous_members": members[earlier],
            "change": change[np.abs(change) > CHANGE],
        }
    ).sort_values(["row", "date"], ignore_index=True)
    yield from _members(odd, severity("members"))
    yield from tell_coverage(absent(funds, code, day, place), severity("coverage"))


def _members(rows: pd.DataFrame, severity: Severity) -> Iterator[Finding]:
    if rows.empty:
        return
    lines = [
        f"row {row.row}: fund {row.fund}, date {row.date.date()}, {row.members} after "
        f"{row.previous_members}"
        for row in first(rows)
    ]
    yield Finding(
        table=ETF_HOLDINGS.name,
        audit="members",
        severity=severity,
        message=(
            f"{some(len(rows), 'report')} over {100 * CHANGE:.0f} % more or fewer "
            f"members than the one before ({sample(lines, len(rows))}). Check that the "
            f"lists are whole."
        ),
        rows=rows,
    )


def tell_coverage(absentees: Absentees, severity: Severity) -> Iterator[Finding]:
    """Give the funds that are missing, as `absent` found them."""
    return absence(
        absentees,
        severity,
        table=ETF_HOLDINGS.name,
        columns=("fund", "last_date"),
        are="funds of the lake's newest report",
        lack="none after it",
        unless="theirs is still to come",
    )


def _reports(
    rows: pa.Table,
    place: IntVector,
    coded: Array,
    funds: list[str],
    as_of: dt.datetime,
) -> tuple[IntVector, IntVector, IntVector, IntVector]:
    """Return fund, day, first place and members of each report that has any.

    A place is -1 if nothing of the report is new.
    """
    code = coded.indices.to_numpy().astype(np.int64)
    day, known = integers(rows, "date"), integers(rows, "known_at")
    by = np.lexsort((place, known, day, code))
    code, day, known, place = code[by], day[by], known[by], place[by]
    listed_here = ~flags(rows, "retracted")[by]
    starts = np.flatnonzero(
        np.r_[True, (code[1:] != code[:-1]) | (day[1:] != day[:-1])]
    )
    members = np.add.reduceat(listed_here.astype(np.int64), starts)
    new = np.array(
        [
            int(own_rows.min()) if len(own_rows := part[part >= 0]) else -1
            for part in np.split(place, starts[1:])
        ],
        dtype=np.int64,
    )
    stops = np.r_[starts[1:], len(by)]
    amended = known[starts] != known[stops - 1]
    for each in np.flatnonzero(amended):  # what a later version means, `Reports` knows
        some_rows = take(rows, by[starts[each] : stops[each]])
        date = (EPOCH + dt.timedelta(days=int(day[starts[each]]))).date()
        report = Reports(some_rows)
        fund = funds[code[starts[each]]]
        members[each] = report.members(fund, date, as_of)
    there = members > 0
    return code[starts][there], day[starts][there], new[there], members[there]
