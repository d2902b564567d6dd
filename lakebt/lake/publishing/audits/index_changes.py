"""Audits of index changes beside others: one fact under two keys.

Two keys of one change are two legs of one event, which doubles its weight, or two
events. Only the publisher can say which key is meant.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pyiceberg.expressions import AlwaysTrue

from lakebt.instants import day_in
from lakebt.lake.publishing.audits.finding import Finding, sample, some
from lakebt.lake.publishing.audits.neighbours import joined
from lakebt.lake.storage.predicates import is_in
from lakebt.lake.tables.arrow import column, take
from lakebt.lake.tables.rows import codes, flags, integers
from lakebt.lake.tables.schemas import INDEX_CHANGES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pyarrow as pa
    from pyiceberg.expressions import BooleanExpression

    from lakebt._typing import IntVector
    from lakebt.lake.publishing.audits.finding import Handed, Severity


COLUMNS = (
    *("change_id", "index", "symbol", "side"),
    *("announced", "effective", "known_at", "retracted"),
)
"""What is read of the lake's changes."""

_FEW = 200
"""Symbols up to which a scan is told whose changes it is for."""

_WHO = ["index", "symbol", "side"]


def reach(new: pa.Table) -> BooleanExpression:
    """Return the filter for those of the lake's changes that new ones are beside."""
    symbols = column(new, "symbol").unique().to_pylist()
    return is_in("symbol", symbols) if len(symbols) <= _FEW else AlwaysTrue()


def audit_changes(
    held: pa.Table,
    new: Handed,
    *,
    as_of: dt.datetime,
    zone: dt.tzinfo,
    severity: Callable[[str], Severity],
) -> Iterator[Finding]:
    """Give changes that are there twice, under two keys.

    Parameters
    ----------
    held
        Rows of the lake within `reach`, all vintages.
    new
        Those that it lacks.
    as_of
        The release's cutoff.
    zone
        Where the exchange is.
    severity
        Of an audit, by its name.
    """
    rows, place = joined(held, new, as_of=as_of)
    at = _in_force(rows)
    facts = take(rows, at).select(list(COLUMNS[:7])).to_pylist()
    days = [_day(fact, zone) for fact in facts]
    if _are_different(facts, days):
        return
    changes = pd.DataFrame(facts, columns=list(COLUMNS[:7])).astype(object)
    changes.insert(0, "row", place[at])
    changes["day"] = days
    once = changes[changes["effective"].notna()]
    yield from _twice(
        _pairs(changes, [*_WHO, "day"]),
        "twice",
        "fail",
        "same index, symbol, side and day",
        "It would be traded twice. Leave one out, or give both the same change_id: the "
        "one with the later known_at corrects the other; a retraction takes one back",
    )
    moved = _pairs(once, [*_WHO, "effective"])
    yield from _twice(
        moved[moved["day"] != moved["day_before"]],
        "moved",
        severity("moved"),
        "same index, symbol, side and effective date, announced on another day",
        "If that corrects the announcement, give the same change_id: else it is traded "
        "twice",
    )


def _in_force(rows: pa.Table) -> IntVector:
    """Return the rows that are the newest version of their key, and no retraction."""
    key = codes(rows, ["change_id"])
    by = np.lexsort((integers(rows, "known_at"), key))
    is_last = np.ones(len(by), dtype=bool)
    is_last[:-1] = key[by[1:]] != key[by[:-1]]
    return np.sort(by[is_last & ~flags(rows, "retracted")[by]])


def _are_different(facts: Sequence[Mapping[str, Any]], days: Sequence[dt.date]) -> bool:
    """Whether no two changes could be one, as is so almost always: it is quick."""
    who = [tuple(fact[name] for name in _WHO) for fact in facts]
    dated = [
        (*whose, fact["effective"])
        for whose, fact in zip(who, facts, strict=True)
        if fact["effective"] is not None
    ]
    counted = list(zip(who, days, strict=True))
    return len(set(counted)) == len(counted) and len(set(dated)) == len(dated)


def _day(fact: dict[str, object], zone: dt.tzinfo) -> dt.date:
    """Return the day that a change's event is counted under."""
    announced, effective, known_at = (
        fact[name] for name in ("announced", "effective", "known_at")
    )
    if isinstance(announced, dt.datetime):
        return day_in(announced, zone)
    if isinstance(effective, dt.date):
        return effective
    assert isinstance(known_at, dt.datetime)  # noqa: S101 - it is required
    return day_in(known_at, zone)


def _pairs(changes: pd.DataFrame, alike: list[str]) -> pd.DataFrame:
    """Return each change that has a fellow before it, one of the two new, beside it."""
    group = changes.groupby(alike, sort=False)
    first = group["change_id"].transform("first")
    later = changes.assign(
        other=first,
        other_row=group["row"].transform("first"),
        day_before=group["day"].transform("first"),
    )[first != changes["change_id"]]
    is_new = (later["row"] >= 0) | (later["other_row"] >= 0)
    return later[is_new].reset_index(drop=True)


def _twice(
    rows: pd.DataFrame, audit: str, severity: Severity, what: str, cure: str
) -> Iterator[Finding]:
    if rows.empty:
        return
    lines = [
        f"{_where(row.row)} change_id {row.change_id} and {_where(row.other_row)} "
        f"change_id {row.other}: {row.index_} {row.symbol} {row.side} {row.day}"
        for row in rows.rename(columns={"index": "index_"}).itertuples()
    ]
    yield Finding(
        table=INDEX_CHANGES.name,
        audit=audit,
        severity=severity,
        message=(
            f"{some(len(rows), 'change')} a fellow under another change_id with the "
            f"{what} ({sample(lines, len(rows))}). {cure}."
        ),
        rows=rows,
    )


def _where(row: Any) -> str:
    return f"row {row}" if row >= 0 else "the lake's"
