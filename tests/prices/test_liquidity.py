"""What is known of volatility and volume against a slow and obvious loop."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import statistics
from math import log, nan
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakebt.instants import EPOCH, TICK
from lakebt.prices.actions import ActionHistory, ActionKind
from lakebt.prices.history import PriceHistory
from lakebt.prices.liquidity import Liquidity
from lakebt.sessions import Sessions

NYSE = Sessions.of("XNYS")
FIRST = NYSE.on_or_after(dt.date(2022, 9, 1))
HOUR = dt.timedelta(hours=1)


class Row(NamedTuple):
    """One vintage of one bar."""

    symbol: str
    session: int
    known_at: dt.datetime
    close: float
    volume: float
    retracted: bool = False


def closed(session: int) -> dt.datetime:
    return NYSE.instant(session, "close")


def micros(at: dt.datetime) -> int:
    return (at - EPOCH) // TICK


def history(rows: list[Row]) -> PriceHistory:
    rows = sorted(rows, key=lambda row: row[:3])
    symbols = tuple(sorted({row.symbol for row in rows}))
    return PriceHistory(
        symbols=symbols,
        sessions=NYSE,
        symbol=np.array([symbols.index(row.symbol) for row in rows], dtype=np.int64),
        session=np.array([row.session for row in rows], dtype=np.int64),
        known_at=np.array([micros(row.known_at) for row in rows], dtype=np.int64),
        open=np.array([row.close for row in rows]),
        close=np.array([row.close for row in rows]),
        retracted=np.array([row.retracted for row in rows], dtype=np.bool_),
        volume=np.array([row.volume for row in rows]),
    )


def known(
    rows: list[Row], symbol: str, before: dt.datetime, sessions: int
) -> tuple[float, float]:
    told = history(rows)
    found = Liquidity.known(
        told,
        told.codes([symbol]),
        before=np.array([micros(before)]),
        fills=np.array([FIRST + 9]),
        sessions=sessions,
    )
    return float(found.sigma[0]), float(found.volume[0])


def obvious(
    rows: list[Row], symbol: str, before: dt.datetime, sessions: int
) -> tuple[float, float]:
    counted = []
    for session in sorted({row.session for row in rows if row.symbol == symbol}):
        vintages = [
            row
            for row in rows
            if (row.symbol, row.session) == (symbol, session) and row.known_at < before
        ]
        if vintages and closed(session) < before:
            newest = max(vintages, key=lambda row: row.known_at)
            if not newest.retracted:
                counted.append(newest)
    last = counted[-sessions - 1 :]
    if len(last) < 3:
        return nan, nan
    changes = [log(b.close / a.close) for a, b in itertools.pairwise(last)]
    return statistics.stdev(changes), statistics.fmean(r.volume for r in last[1:])


INSTANTS = st.builds(
    lambda session, hours: closed(session) + hours * HOUR,
    st.integers(FIRST - 1, FIRST + 8),
    st.integers(-30, 60),
)
ROWS = st.lists(
    st.builds(
        lambda symbol, session, hours, close, volume, retracted: Row(
            symbol, session, closed(session) + hours * HOUR, close, volume, retracted
        ),
        st.sampled_from(["NEW", "OLD"]),
        st.integers(FIRST, FIRST + 6),
        st.integers(-30, 60),
        st.integers(1, 500).map(float),
        st.sampled_from([1.0, 1_000.0, 250_000.0, nan]),
        st.booleans(),
    ),
    max_size=30,
    unique_by=lambda row: row[:3],
)


@given(
    rows=ROWS,
    symbol=st.sampled_from(["NEW", "OLD", "NONE"]),
    before=INSTANTS,
    sessions=st.integers(3, 6),
)
def test_liquidity_agrees_with_the_obvious_loop(
    rows: list[Row], symbol: str, before: dt.datetime, sessions: int
) -> None:
    found = known(rows, symbol, before, sessions)

    assert found == pytest.approx(
        obvious(rows, symbol, before, sessions), rel=1e-9, abs=1e-12, nan_ok=True
    )


def test_a_bar_of_tomorrow_changes_nothing_today() -> None:
    rows = [
        Row("OLD", FIRST + day, closed(FIRST + day), 100.0 + day, 1_000.0)
        for day in range(5)
    ]
    before = closed(FIRST + 4)
    later = [*rows, Row("OLD", FIRST + 5, closed(FIRST + 5), 1.0, 9e9)]

    assert known(later, "OLD", before, 20) == known(rows[:4], "OLD", before, 20)


def test_a_session_without_volume_leaves_the_volume_unknown() -> None:
    rows = [
        Row("OLD", FIRST + day, closed(FIRST + day), 100.0 + day, nan if day else 1.0)
        for day in range(5)
    ]

    sigma, volume = known(rows, "OLD", closed(FIRST + 6), 20)

    assert sigma > 0.0
    assert np.isnan(volume)


def test_a_history_without_volumes_knows_none() -> None:
    rows = [
        Row("OLD", FIRST + day, closed(FIRST + day), 9.0 + day, 1.0) for day in range(4)
    ]
    told = dataclasses.replace(history(rows), volume=np.zeros(0))

    found = Liquidity.known(
        told,
        told.codes(["OLD"]),
        before=np.array([micros(closed(FIRST + 4))]),
        fills=np.array([FIRST + 5]),
        sessions=20,
    )

    assert found.sigma > 0.0
    assert np.isnan(found.volume)


def test_a_split_known_before_the_order_is_in_volume_and_no_jump() -> None:
    raw = [
        Row("OLD", FIRST + day, closed(FIRST + day), 100.0 + day, 1_000.0 * (day + 1))
        for day in range(4)
    ]
    after = [
        Row("OLD", FIRST + day, closed(FIRST + day), (100.0 + day) / 4.0, 4_000.0)
        for day in range(4, 6)
    ]
    same = [row._replace(close=row.close / 4.0, volume=row.volume * 4.0) for row in raw]
    orders: dict[str, Any] = {
        "before": np.array([micros(closed(FIRST + 6))]),
        "fills": np.array([FIRST + 7]),
        "sessions": 20,
    }
    split = dataclasses.replace(
        history([*raw, *after]), actions=a_split("OLD", FIRST + 4, 4.0)
    )
    untold = dataclasses.replace(
        split, actions=a_split("OLD", FIRST + 4, 4.0, known=closed(FIRST + 6))
    )

    told, expected, jump = (
        Liquidity.known(each, each.codes(["OLD"]), **orders)
        for each in (split, history([*same, *after]), untold)
    )

    assert told.sigma == pytest.approx(expected.sigma, rel=1e-9)
    assert told.volume == pytest.approx(expected.volume, rel=1e-12)
    assert jump.sigma > 10.0 * told.sigma


def test_a_split_up_to_the_fill_counts_its_shares() -> None:
    rows = [
        Row("OLD", FIRST + day, closed(FIRST + day), 100.0 + day, 1_000.0)
        for day in range(5)
    ]
    split = dataclasses.replace(history(rows), actions=a_split("OLD", FIRST + 5, 4.0))
    orders: dict[str, Any] = {
        "before": np.array([micros(closed(FIRST + 4) + HOUR)]),
        "sessions": 20,
    }

    at_split, before_it = (
        Liquidity.known(split, split.codes(["OLD"]), fills=np.array([fill]), **orders)
        for fill in (FIRST + 5, FIRST + 4)
    )

    assert at_split.volume.tolist() == [4_000.0]
    assert before_it.volume.tolist() == [1_000.0]
    assert at_split.sigma == pytest.approx(before_it.sigma, rel=1e-12)


def a_split(
    symbol: str, session: int, ratio: float, known: dt.datetime | None = None
) -> ActionHistory:
    one = np.array([0])
    return ActionHistory(
        symbols=(symbol,),
        action_ids=("split",),
        action=one,
        symbol=one,
        other=one - 1,
        kind=np.array([ActionKind.SPLIT.code], dtype=np.int8),
        session=one + session,
        cash=np.array([nan]),
        ratio=np.array([ratio]),
        known_at=np.array([micros(known or closed(session - 3))]),
        retracted=np.array([False]),
        labels=("",),
    )
