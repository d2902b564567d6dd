"""Audits of bars beside their neighbours: jumps, gaps, idle runs, bases and coverage.

They read the lake's bars of the 252 sessions on either side of the new ones, and no
more, so that publishing a day takes as long in the tenth year as in the first.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from lakebt.instants import EPOCH
from lakebt.lake.publishing.audits.finding import Finding, Handed, first, sample, some
from lakebt.lake.publishing.audits.neighbours import (
    absence,
    absent,
    day_index,
    follows,
    line,
)
from lakebt.lake.storage.predicates import between
from lakebt.lake.tables.arrow import column
from lakebt.lake.tables.rows import integers
from lakebt.lake.tables.schemas import PRICES
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa
    from pyiceberg.expressions import BooleanExpression

    from lakebt._typing import FloatVector, IntVector
    from lakebt.lake.publishing.audits.finding import Severity
    from lakebt.lake.publishing.audits.neighbours import Absentees, Line
    from lakebt.lake.tables.arrow import BoolVector
    from lakebt.sessions import Sessions


JUMP = 0.5
"""A close that is more than this above or below the one before, as a fraction."""

LOOK_SESSIONS = 252
"""How far from a new bar the lake is read. A symbol absent for longer counts as new."""

COLUMNS = (
    *("symbol", "session", "close", "volume", "basis"),
    *("known_at", "retracted"),
)
"""What is read of the lake's bars."""


def reach(new: pa.Table, sessions: Sessions) -> BooleanExpression:
    """Return the filter for those of the lake's bars that new ones are beside."""
    days = integers(new, "session")
    ends = (
        (EPOCH + dt.timedelta(days=int(d))).date() for d in (days.min(), days.max())
    )
    low, high = days_beside(*ends, sessions=sessions)
    return between("session", low.isoformat(), high.isoformat())


def days_beside(
    first: dt.date, last: dt.date, *, sessions: Sessions
) -> tuple[dt.date, dt.date]:
    """Return the sessions from and to which bars between two are looked at beside."""
    ends = sessions.numbers(np.array([first, last], "datetime64[D]")).tolist()
    low = sessions.date(max(0, ends[0] - LOOK_SESSIONS))
    return low, sessions.date(min(len(sessions) - 1, ends[1] + LOOK_SESSIONS))


def audit_bars(
    held: pa.Table,
    new: Handed,
    *,
    as_of: dt.datetime,
    sessions: Sessions,
    severity: Callable[[str], Severity],
) -> Iterator[Finding]:
    """Give what is odd about bars that the lake lacks, beside those it has.

    Parameters
    ----------
    held
        Bars of the lake within `reach`, all vintages.
    new
        Those that it lacks, in the order of their files.
    as_of
        The release's cutoff.
    sessions
        The exchange's calendar.
    severity
        Of an audit, by its name.
    """
    timeline = line(held, new, name="symbol", day="session", as_of=as_of)
    number = _numbers(timeline.day, sessions)
    close = timeline.numbers("close")
    second = np.flatnonzero(follows(timeline.code, timeline.place))
    first = second - 1
    away = number[second] - number[first]
    move = close[second] / close[first] - 1.0
    yield from tell_jumps(
        _pairs(timeline, second, close, np.abs(move) > JUMP, move=move, sessions=away),
        severity("jumps"),
    )
    yield from _gaps(
        _pairs(timeline, second, close, away > 1, missing=away - 1),
        severity("gaps"),
    )
    yield from _untraded(timeline, close, second[away == 1], severity("untraded"))
    basis = column(timeline.rows, "basis").dictionary_encode()
    code = basis.indices.to_numpy(zero_copy_only=False)[timeline.row]
    is_other = code[second] != code[first]
    names = np.array(basis.dictionary.to_pylist(), dtype=object)
    yield from _rebased(
        _pairs(timeline, second, close, is_other, was=code[first], now=code[second]),
        names,
        severity("rebased"),
    )
    missing = absent(timeline.names, timeline.code, timeline.day, timeline.place)
    yield from tell_coverage(missing, severity("coverage"))


def _numbers(days: IntVector, sessions: Sessions) -> IntVector:
    """Return the number of each day's session, each day looked up once."""
    if len(days) == 0:
        return days
    low, high = int(days.min()), int(days.max())
    every = np.arange(low, high + 1).astype("datetime64[D]")
    return sessions.numbers(every)[days - low]


def _pairs(
    found: Line,
    second: IntVector,
    close: FloatVector,
    wanted: BoolVector,
    **figures: FloatVector | IntVector,
) -> pd.DataFrame:
    """Return two bars in a row as one row, at the place of the one that is new."""
    if not wanted.any():
        return pd.DataFrame()
    later = second[wanted]
    earlier = later - 1
    place = found.place[later]
    names = [found.names[code] for code in found.code[later]]
    return pd.DataFrame(
        {
            "row": np.where(place >= 0, place, found.place[earlier]),
            "symbol": pd.Series(names, dtype="str"),
            "session": day_index(found.day[later]),
            "close": close[later],
            "previous_session": day_index(found.day[earlier]),
            "previous_close": close[earlier],
            **{name: values[wanted] for name, values in figures.items()},
        }
    ).sort_values(["row", "session"], ignore_index=True)


def tell_jumps(rows: pd.DataFrame, severity: Severity) -> Iterator[Finding]:
    """Give closes far from the one before, as `_pairs` has them with their `move`."""
    if rows.empty:
        return
    # A move in one session is odder than the same over a year without bars.
    rows = rows.sort_values(["sessions", "row", "session"], ignore_index=True)
    lines = [
        f"row {row.row}: symbol {row.symbol}, session {row.session.date()}, "
        f"{100 * row.move:+,.0f} % in {count(row.sessions, 'session')}"
        for row in first(rows)
    ]
    yield Finding(
        table=PRICES.name,
        audit="jumps",
        severity=severity,
        message=(
            f"{some(len(rows))} a close more than {100 * JUMP:.0f} % above or below "
            f"the symbol's one before ({sample(lines, len(rows))}). Look for a split, "
            f"another basis or a wrong price."
        ),
        rows=rows,
    )


def _gaps(rows: pd.DataFrame, severity: Severity) -> Iterator[Finding]:
    if rows.empty:
        return
    lines = [
        f"row {row.row}: symbol {row.symbol}, session {row.session.date()}, "
        f"{row.missing} missing before it"
        for row in first(rows)
    ]
    total = int(rows["missing"].sum())
    yield Finding(
        table=PRICES.name,
        audit="gaps",
        severity=severity,
        message=(
            f"{some(len(rows))} no bar of their symbol on the session before, only "
            f"on an earlier one ({sample(lines, len(rows))}); "
            f"{count(total, 'bar is', many='bars are')} missing in all. Add them if "
            f"there was trading."
        ),
        rows=rows,
    )


def _untraded(
    found: Line, close: FloatVector, next_days: IntVector, severity: Severity
) -> Iterator[Finding]:
    """Give runs of bars without a trade in which one is new, at their last bars."""
    idle = found.numbers("volume") == 0.0
    goes_on = np.zeros(len(idle) + 1, dtype=bool)
    goes_on[next_days] = idle[next_days] & idle[next_days - 1]
    ends = np.flatnonzero(goes_on[:-1] & ~goes_on[1:])
    if not len(ends):
        return
    begins = np.flatnonzero(goes_on[1:] & ~goes_on[:-1])
    is_end = np.zeros(len(idle), dtype=bool)
    is_end[ends] = True
    rows = _pairs(found, ends, close, is_end[ends], bars=ends - begins + 1)
    lines = [
        f"row {row.row}: symbol {row.symbol}, {row.bars} up to {row.session.date()}"
        for row in first(rows)
    ]
    yield Finding(
        table=PRICES.name,
        audit="untraded",
        severity=severity,
        message=(
            f"{count(len(rows), 'run')} of bars with a volume of 0, where nothing is "
            f"filled ({sample(lines, len(rows))}). Leave volume empty where it is not "
            f"known."
        ),
        rows=rows,
    )


def _rebased(
    rows: pd.DataFrame, names: npt.NDArray[np.object_], severity: Severity
) -> Iterator[Finding]:
    if rows.empty:
        return
    rows = rows.drop(columns=["was", "now"]).assign(
        basis=names[rows["now"].to_numpy()],
        previous_basis=names[rows["was"].to_numpy()],
    )
    lines = [
        f"row {row.row}: symbol {row.symbol}, session {row.session.date()}, "
        f"{row.basis} after {row.previous_basis}"
        for row in first(rows)
    ]
    yield Finding(
        table=PRICES.name,
        audit="rebased",
        severity=severity,
        message=(
            f"{some(len(rows))} another basis than the symbol's bar before "
            f"({sample(lines, len(rows))}). Publish a symbol's prices on one basis."
        ),
        rows=rows,
    )


def tell_coverage(absentees: Absentees, severity: Severity) -> Iterator[Finding]:
    """Give the symbols that are missing, as `absent` found them."""
    return absence(
        absentees,
        severity,
        table=PRICES.name,
        columns=("symbol", "last_session"),
        are="symbols of the lake's newest session",
        lack="no bar after it",
        unless="they are traded no more",
    )
