"""Prices with their vintages against a slow and obvious loop."""

from __future__ import annotations

import datetime as dt
import math
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lakebt.instants import EPOCH, TICK
from lakebt.prices.history import PriceHistory
from lakebt.sessions import Sessions

NYSE = Sessions.of()
THURSDAY = NYSE.on_or_after(dt.date(2022, 9, 1))
FRIDAY = THURSDAY + 1
TUESDAY = FRIDAY + 1  # Monday was Labor Day
HOUR = dt.timedelta(hours=1)
NAMES = ("PENN", "PVH", "XYZ")


class Row(NamedTuple):
    """One vintage of one bar."""

    symbol: str
    session: int
    known_at: dt.datetime
    close: float
    retracted: bool = False

    @property
    def open(self) -> float:
        return self.close / 2.0


def close_of(session: int) -> dt.datetime:
    return NYSE.instant(session, "close")


def history(rows: list[Row]) -> PriceHistory:
    rows = sorted(rows, key=lambda row: row[:3])
    symbols = tuple(sorted({row.symbol for row in rows}))
    return PriceHistory(
        symbols=symbols,
        sessions=NYSE,
        symbol=np.array([symbols.index(row.symbol) for row in rows], dtype=np.int64),
        session=np.array([row.session for row in rows], dtype=np.int64),
        known_at=np.array(
            [(row.known_at - EPOCH) // TICK for row in rows], dtype=np.int64
        ),
        open=np.array([row.open for row in rows]),
        close=np.array([row.close for row in rows]),
        retracted=np.array([row.retracted for row in rows], dtype=np.bool_),
    )


def obvious_last_close(rows: list[Row], symbol: str, before: dt.datetime) -> float:
    for session in sorted({row.session for row in rows}, reverse=True):
        if close_of(session) >= before:
            continue
        vintages = [
            row
            for row in rows
            if (row.symbol, row.session) == (symbol, session) and row.known_at < before
        ]
        if not vintages:
            continue
        in_force = max(vintages, key=lambda row: row.known_at)
        if not in_force.retracted:
            return in_force.close
    return math.nan


LAGS = st.one_of(
    st.integers(-3, 3).map(lambda ticks: ticks * TICK),
    st.integers(0, 120).map(lambda hours: hours * HOUR),
)
INSTANTS = st.builds(
    lambda session, lag: close_of(session) + lag,
    st.integers(THURSDAY - 2, THURSDAY + 4),
    LAGS,
)
ROWS = st.lists(
    st.builds(
        lambda symbol, session, lag, close, retracted: Row(
            symbol, session, close_of(session) + lag, close, retracted
        ),
        st.sampled_from(NAMES[:2]),
        st.integers(THURSDAY, THURSDAY + 3),
        LAGS,
        st.integers(1, 1_000).map(float),
        st.booleans(),
    ),
    max_size=25,
    unique_by=lambda row: row[:3],
)


@pytest.mark.slow
@given(rows=ROWS, symbol=st.sampled_from(NAMES), before=INSTANTS)
@example(
    # The newest session withdrawn: the one before it holds, in its corrected vintage.
    rows=[
        Row("PENN", THURSDAY, close_of(THURSDAY), 30.0),
        Row("PENN", THURSDAY, close_of(THURSDAY) + HOUR, 31.0),
        Row("PENN", FRIDAY, close_of(FRIDAY), 32.0),
        Row("PENN", FRIDAY, close_of(FRIDAY) + HOUR, 33.0, retracted=True),
    ],
    symbol="PENN",
    before=close_of(TUESDAY),
)
def test_last_close_agrees_with_the_obvious_loop(
    rows: list[Row], symbol: str, before: dt.datetime
) -> None:
    found = history(rows).last_close(symbol, before=before)

    assert found == pytest.approx(
        obvious_last_close(rows, symbol, before), abs=0.0, nan_ok=True
    )


@pytest.mark.slow
@given(rows=ROWS, before=st.lists(INSTANTS, max_size=9), names=st.permutations(NAMES))
def test_all_last_closes_at_once_are_those_asked_for_one_by_one(
    rows: list[Row], before: list[dt.datetime], names: list[str]
) -> None:
    asked = history(rows)

    found = asked.last_closes(names, before=before)

    expected = [[asked.last_close(s, before=at) for s in names] for at in before]
    assert found.shape == (len(before), len(names))
    np.testing.assert_array_equal(found, np.reshape(expected, found.shape))


@pytest.mark.slow
@given(rows=ROWS, later=ROWS, symbol=st.sampled_from(NAMES), before=INSTANTS)
def test_what_became_known_later_changes_no_last_close(
    rows: list[Row], later: list[Row], symbol: str, before: dt.datetime
) -> None:
    known = [row for row in rows if row.known_at < before]
    future = [row for row in later if row.known_at >= before]

    assert history(known + future).last_close(symbol, before=before) == pytest.approx(
        history(known).last_close(symbol, before=before), abs=0.0, nan_ok=True
    )


@pytest.mark.slow
@given(
    rows=ROWS,
    symbols=st.permutations(NAMES),
    first=st.integers(THURSDAY - 2, THURSDAY + 3),
    length=st.integers(1, 6),
)
def test_window_agrees_with_a_dictionary(
    rows: list[Row], symbols: list[str], first: int, length: int
) -> None:
    newest: dict[tuple[str, int], Row] = {}
    for row in sorted(rows, key=lambda row: row.known_at):
        newest[row.symbol, row.session] = row
    expected = np.full((2 * length, len(symbols)), np.nan)
    for (symbol, session), row in newest.items():
        if first <= session < first + length and not row.retracted:
            at = 2 * (session - first)
            expected[at : at + 2, symbols.index(symbol)] = row.open, row.close

    prices = history(rows).window(symbols, first, first + length - 1)

    np.testing.assert_array_equal(prices, expected)


PENN = history(
    [
        Row("PENN", THURSDAY, close_of(THURSDAY), 30.0),
        Row("PENN", FRIDAY, close_of(FRIDAY), 31.3),
        Row("PENN", FRIDAY, close_of(FRIDAY) + 20 * HOUR, 31.4),
    ]
)


@pytest.mark.parametrize(
    ("before", "close"),
    [
        (close_of(THURSDAY), math.nan),  # known at this instant is too late
        (close_of(THURSDAY) + TICK, 30.0),
        (close_of(FRIDAY), 30.0),
        (close_of(FRIDAY) + TICK, 31.3),
        (close_of(FRIDAY) + 20 * HOUR, 31.3),
        (close_of(FRIDAY) + 20 * HOUR + TICK, 31.4),
        (NYSE.instant(TUESDAY, "open"), 31.4),
    ],
)
def test_last_close_is_the_newest_known_strictly_before(
    before: dt.datetime, close: float
) -> None:
    assert PENN.last_close("PENN", before=before) == pytest.approx(close, nan_ok=True)


def test_bar_that_arrives_late_is_not_used_early() -> None:
    late = history(
        [
            Row("PENN", THURSDAY, close_of(THURSDAY), 30.0),
            Row("PENN", FRIDAY, close_of(TUESDAY), 31.3),
        ]
    )

    assert late.last_close("PENN", before=NYSE.instant(TUESDAY, "open")) == 30.0


def test_correction_of_an_old_bar_does_not_hide_the_new_one() -> None:
    corrected = history(
        [
            Row("PENN", THURSDAY, close_of(THURSDAY), 30.0),
            Row("PENN", THURSDAY, close_of(FRIDAY) + HOUR, 29.0),
            Row("PENN", FRIDAY, close_of(FRIDAY), 31.3),
        ]
    )

    assert corrected.last_close("PENN", before=close_of(FRIDAY) + 2 * HOUR) == 31.3


def test_session_that_has_not_closed_has_no_close() -> None:
    early = history([Row("PENN", FRIDAY, close_of(THURSDAY), 31.3)])

    assert math.isnan(early.last_close("PENN", before=close_of(FRIDAY)))
    assert early.last_close("PENN", before=close_of(FRIDAY) + TICK) == 31.3


def test_instant_may_be_told_in_any_zone() -> None:
    tokyo = dt.timezone(dt.timedelta(hours=9))

    before = (close_of(FRIDAY) + TICK).astimezone(tokyo)

    assert PENN.last_close("PENN", before=before) == 31.3


def test_symbol_without_prices_is_empty_and_no_error() -> None:
    assert "XYZ" not in PENN
    assert math.isnan(PENN.last_close("XYZ", before=close_of(TUESDAY)))
    assert np.isnan(PENN.window(["XYZ"], THURSDAY, FRIDAY)).all()


def test_history_of_nothing_is_empty() -> None:
    nothing = history([])

    assert nothing.window(["PENN"], THURSDAY, FRIDAY).shape == (4, 1)
    assert math.isnan(nothing.last_close("PENN", before=close_of(TUESDAY)))
