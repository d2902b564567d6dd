"""Jumps, gaps, coverage and members against loops over dictionaries."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakebt.lake.publishing.audits.bars import COLUMNS, audit_bars
from lakebt.lake.publishing.audits.finding import Handed
from lakebt.lake.publishing.audits.fund_reports import COLUMNS as REPORT_COLUMNS
from lakebt.lake.publishing.audits.fund_reports import audit_reports
from lakebt.lake.publishing.normalisation import normalise
from lakebt.lake.tables.rows import order
from lakebt.lake.tables.schemas import ETF_HOLDINGS, PRICES
from lakebt.sessions import Exchange, Sessions

if TYPE_CHECKING:
    from lakebt.lake.publishing.audits.finding import Finding
    from lakebt.lake.tables.schemas import TableSpec

NYSE = Sessions.of()
FIRST = NYSE.on_or_after(dt.date(2022, 8, 29))  # Labor Day lies within
AS_OF = dt.datetime(2022, 12, 31, tzinfo=dt.UTC)

Bar = tuple[str, int]
"""Symbol, and number of the session from `FIRST`."""

Vintage = tuple[Bar, float, int, bool]
"""Bar, close, hours until it was known, and whether it is a retraction."""


def typed(frame: pd.DataFrame, spec: TableSpec) -> Handed:
    rows = normalise(frame, spec=spec, sessions=Exchange())
    places = order(rows, spec.order)
    return Handed(spec=spec, rows=rows.take(places), places=places)


def bars(vintages: list[Vintage]) -> pd.DataFrame:
    """Bars known some hours after the close, some of them retracted."""
    return pd.DataFrame(
        {
            "symbol": [bar[0] for bar, *_ in vintages],
            "session": [NYSE.date(FIRST + bar[1]) for bar, *_ in vintages],
            **{name: [v[1] for v in vintages] for name in ("open", "high", "low")},
            "close": [v[1] for v in vintages],
            "basis": "raw",
            "known_at": pd.to_datetime(
                [
                    NYSE.instant(FIRST + bar[1], "close") + dt.timedelta(hours=hours)
                    for bar, _, hours, _ in vintages
                ],
                utc=True,
            ),
            "retracted": [v[3] for v in vintages],
        }
    )


def no_severity(_audit: str) -> Literal["warn"]:
    return "warn"


def rows_of(found: list[Finding], audit: str) -> list[dict[str, Any]]:
    for finding in found:
        if finding.audit == audit:
            return [
                {str(name): value for name, value in row.items()}
                for row in finding.rows.to_dict("records")
            ]
    return []


vintage = st.sampled_from(
    list(
        itertools.product(
            itertools.product("ABC", range(8)),
            [10.0, 14.0, 15.0, 16.0, 40.0],
            range(4),
            [False, False, False, True],
        )
    )
)


def in_force(held: list[Vintage], new: list[Vintage]) -> dict[Bar, tuple[float, int]]:
    """Close and place (-1 in the lake) of each bar that a view would read."""
    force: dict[Bar, tuple[int, float, bool, int]] = {}
    for place, (bar, close, hours, retracted) in [
        *((-1, each) for each in held),
        *enumerate(new),
    ]:
        if bar not in force or hours > force[bar][0]:
            force[bar] = (hours, close, retracted, place)
    return {bar: (s[1], s[3]) for bar, s in force.items() if not s[2]}


def expected_of_bars(
    held: list[Vintage], new: list[Vintage]
) -> tuple[set[Any], set[Any], set[str]]:
    live = in_force(held, new)
    jumps, gaps = set(), set()
    for symbol in "ABC":
        numbers = sorted(n for name, n in live if name == symbol)
        for before, after in itertools.pairwise(numbers):
            was, first = live[symbol, before]
            close, second = live[symbol, after]
            place = second if second >= 0 else first
            if place >= 0 and abs(close / was - 1) > 0.5:
                jumps.add((place, symbol, after, close / was - 1, after - before))
            if place >= 0 and after - before > 1:
                gaps.add((place, symbol, after, after - before - 1))
    mine = {bar for bar, state in live.items() if state[1] >= 0}
    lake = set(live) - mine
    newest = max((n for _, n in lake), default=99)
    later = {symbol for symbol, n in mine if n > newest}
    absent = {symbol for symbol, n in lake if n == newest} - later
    return jumps, gaps, absent if later else set()


@pytest.mark.slow
@given(
    held=st.lists(vintage, max_size=20, unique_by=lambda v: (v[0], v[2])),
    new=st.lists(vintage, min_size=1, max_size=20, unique_by=lambda v: (v[0], v[2])),
)
def test_bars_are_audited_as_a_loop_would(
    held: list[Vintage], new: list[Vintage]
) -> None:
    there = {(bar, hours) for bar, _, hours, _ in held}
    new = [each for each in new if (each[0], each[2]) not in there]
    if not new:
        return

    jumps, gaps, absent = expected_of_bars(held, new)
    handed = typed(bars(new), PRICES)
    if held:
        lake_rows = typed(bars(held), PRICES).rows.select(COLUMNS)
    else:
        lake_rows = handed.rows.select(COLUMNS).slice(0, 0)
    found = list(
        audit_bars(lake_rows, handed, as_of=AS_OF, sessions=NYSE, severity=no_severity)
    )

    def number(row: dict[str, Any]) -> int:
        return NYSE.on_or_after(row["session"].date()) - FIRST

    assert {
        (r["row"], r["symbol"], number(r), r["move"], r["sessions"])
        for r in rows_of(found, "jumps")
    } == jumps
    assert {
        (r["row"], r["symbol"], number(r), r["missing"]) for r in rows_of(found, "gaps")
    } == gaps
    assert {r["symbol"] for r in rows_of(found, "coverage")} == absent


FUNDS, MONTHS = "XY", (3, 6, 9)
Report = tuple[str, int, int, int]
"""Fund, month it is about, days after which it was accepted, members."""

report = st.sampled_from(list(itertools.product(FUNDS, MONTHS, range(3), range(1, 15))))


def listed(reports: list[Report]) -> pd.DataFrame:
    rows = [
        (fund, month, days, f"US{n:010d}")
        for fund, month, days, members in reports
        for n in range(1, members + 1)
    ]
    known_at = [f"2022-{month:02d}-29T{20 + days}:00:00Z" for _, month, days, _ in rows]
    return pd.DataFrame(
        {
            "fund": [fund for fund, *_ in rows],
            "date": [dt.date(2022, month, 28) for _, month, *_ in rows],
            "isin": [isin for *_, isin in rows],
            "known_at": pd.to_datetime(known_at, utc=True),
            "weight_pct": 50.0,
        }
    )


def expected_of_reports(
    held: list[Report], new: list[Report]
) -> tuple[set[Any], set[str]]:
    # A version is a new list if it has more than half of the rows before it.
    members: dict[tuple[str, int], int] = {}
    is_new: dict[tuple[str, int], bool] = {}
    for fund, month, _, count in sorted([*held, *new], key=lambda each: each[2]):
        before = members.get((fund, month), 0)
        members[fund, month] = count if 2 * count > before else before
    for fund, month, *_ in [*held, *new]:
        is_new[fund, month] = any(each[:2] == (fund, month) for each in new)
    odd = set()
    for fund in FUNDS:
        months = sorted(month for name, month in members if name == fund)
        for before, after in itertools.pairwise(months):
            was, now = members[fund, before], members[fund, after]
            touched = is_new[fund, before] or is_new[fund, after]
            if touched and (now > 1.2 * was or now < 0.8 * was):
                odd.add((fund, after, now, was))
    old = {key for key, fresh in is_new.items() if not fresh}
    newest = max((month for _, month in old), default=99)
    later = {
        fund for (fund, month), fresh in is_new.items() if fresh and month > newest
    }
    absent = {fund for fund, month in old if month == newest} - later
    return odd, absent if later else set()


@pytest.mark.slow
@given(
    held=st.lists(report, max_size=6, unique_by=lambda r: r[:3]),
    new=st.lists(report, min_size=1, max_size=6, unique_by=lambda r: r[:3]),
)
def test_reports_are_audited_as_a_loop_would(
    held: list[Report], new: list[Report]
) -> None:
    there = {each[:3] for each in held}
    new = [each for each in new if each[:3] not in there]
    if not new:
        return

    odd, absent = expected_of_reports(held, new)
    handed = typed(listed(new), ETF_HOLDINGS)
    if held:
        lake_rows = typed(listed(held), ETF_HOLDINGS).rows.select(REPORT_COLUMNS)
    else:
        lake_rows = handed.rows.select(REPORT_COLUMNS).slice(0, 0)
    found = list(audit_reports(lake_rows, handed, as_of=AS_OF, severity=no_severity))

    assert {
        (r["fund"], r["date"].month, r["members"], r["previous_members"])
        for r in rows_of(found, "members")
    } == odd
    assert {r["fund"] for r in rows_of(found, "coverage")} == absent
    assert all(r["row"] >= 0 for r in rows_of(found, "members"))
    assert np.isfinite([r["change"] for r in rows_of(found, "members")]).all()
