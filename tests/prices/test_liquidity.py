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


def test_a_payout_known_before_the_order_is_no_jump() -> None:
    """Closes of 100 that move by 1 % a day: a dividend of 2, a child worth 20."""
    path = [100.0, 101.0, 99.99]  # +1 %, -1 %
    ex = [path[-1] - 2.0]
    ex += [ex[0] * 1.01]
    spun = [ex[-1] - 20.0]
    spun += [spun[0] * 0.99, spun[0] * 0.99 * 1.01]
    closes = [*path, *ex, *spun]
    changes = [log(1.01), log(0.99), 0.0, log(1.01), 0.0, log(0.99), log(1.01)]
    rows = [
        Row("OLD", FIRST + day, closed(FIRST + day), close, 1_000.0)
        for day, close in enumerate(closes)
    ]
    child = Row("KID", FIRST + 4, closed(FIRST + 4), 40.0, 1.0)  # when issued
    first = Row("KID", FIRST + 5, closed(FIRST + 5), 40.0, 1.0)
    deadline = closed(FIRST + 8)

    def sigma(kid: Row, known: dt.datetime) -> float:
        told = dataclasses.replace(
            history([*rows, kid]), actions=a_dividend_and_a_child(known)
        )
        found = Liquidity.known(
            told,
            told.codes(["OLD"]),
            before=np.array([micros(deadline)]),
            fills=np.array([FIRST + 9]),
            sessions=20,
        )
        assert found.volume.tolist() == [1_000.0]
        return float(found.sigma[0])

    early = closed(FIRST)
    assert sigma(child, early) == pytest.approx(statistics.stdev(changes), rel=1e-9)
    assert sigma(first, early) == pytest.approx(statistics.stdev(changes), rel=1e-9)
    raw = [log(b / a) for a, b in itertools.pairwise(closes)]
    assert sigma(child, deadline) == pytest.approx(statistics.stdev(raw), rel=1e-9)


def test_a_dividend_and_a_split_of_one_day_are_of_the_share_before_them() -> None:
    closes = [100.0, 101.0, (101.0 - 1.0) / 2.0, 50.5, 49.995]
    rows = [
        Row("OLD", FIRST + day, closed(FIRST + day), close, 1_000.0)
        for day, close in enumerate(closes)
    ]
    changes = [log(1.01), 0.0, log(1.01), log(0.99)]
    two, split = np.array([0, 1]), a_split("OLD", FIRST + 2, 2.0)
    both = dataclasses.replace(
        split,
        action_ids=("dividend", "split"),
        action=two,
        symbol=0 * two,
        other=0 * two - 1,
        kind=np.array([ActionKind.CASH_DIVIDEND.code, ActionKind.SPLIT.code]),
        session=0 * two + FIRST + 2,
        cash=np.array([1.0, nan]),
        ratio=np.array([nan, 2.0]),
        known_at=np.repeat(split.known_at, 2),
        retracted=np.zeros(2, dtype=bool),
        labels=("", ""),
    )
    told = dataclasses.replace(history(rows), actions=both)

    found = Liquidity.known(
        told,
        told.codes(["OLD"]),
        before=np.array([micros(closed(FIRST + 6))]),
        fills=np.array([FIRST + 7]),
        sessions=20,
    )

    assert found.sigma[0] == pytest.approx(statistics.stdev(changes), rel=1e-9)


def a_dividend_and_a_child(known: dt.datetime) -> ActionHistory:
    """Return 2 USD on the fourth day, and half a KID on the sixth."""
    two = np.array([0, 1])
    return ActionHistory(
        symbols=("KID", "OLD"),
        action_ids=("child", "dividend"),
        action=np.array([1, 0]),
        symbol=two * 0 + 1,
        other=np.array([-1, 0]),
        kind=np.array([ActionKind.CASH_DIVIDEND.code, ActionKind.SPIN_OFF.code]),
        session=np.array([FIRST + 3, FIRST + 5]),
        cash=np.array([2.0, nan]),
        ratio=np.array([nan, 0.5]),
        known_at=np.full(2, micros(known)),
        retracted=np.zeros(2, dtype=bool),
        labels=("regular", ""),
    )


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
