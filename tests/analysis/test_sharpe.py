"""One definition of the Sharpe ratio, against other libraries and slow loops."""

from __future__ import annotations

import datetime as dt
import math
import statistics

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lakebt.analysis.sharpe import (
    Aggregate,
    EventReturns,
    aggregate,
    calendar_returns,
    lo_standard_error,
    sharpe_ratio,
)

RETURN = st.floats(-0.1, 0.1).map(lambda value: round(value, 6))


@st.composite
def events(draw: st.DrawFn) -> list[EventReturns]:
    """Draw events that overlap, share dates and differ in length."""
    return [
        EventReturns(
            date=dt.date(2022, 1, draw(st.integers(1, 4))),
            first=draw(st.integers(0, 12)),
            returns=np.array(draw(st.lists(RETURN, min_size=1, max_size=6))),
        )
        for _ in range(draw(st.integers(1, 7)))
    ]


def test_agrees_with_vectorbt_told_our_year() -> None:
    pytest.importorskip("vectorbt")
    returns = np.random.default_rng(1).normal(0.0005, 0.01, 504)
    series = pd.Series(returns, index=pd.date_range("2020-01-01", periods=504))

    theirs = series.vbt.returns(freq="1D", year_freq="252D").sharpe_ratio()  # type: ignore[attr-defined]

    assert sharpe_ratio(returns) == pytest.approx(float(theirs), rel=1e-12)


def test_one_return_is_empty_whatever_it_earned() -> None:
    """Padded with a zero it would be 11.22, or -11.22, of any trade."""
    assert math.isnan(sharpe_ratio(np.array([0.02])))
    assert abs(sharpe_ratio(np.array([0.0, 0.02]))) == pytest.approx(11.22, abs=0.01)


def test_returns_that_do_not_vary_have_no_ratio() -> None:
    assert math.isnan(sharpe_ratio(np.full(10, 0.001)))
    assert math.isnan(sharpe_ratio(np.zeros(10)))


def test_lo_by_hand() -> None:
    # SR 2 per year is 2 / sqrt(252) per day: sqrt(252 * (1 + 2 / 252) / 504)
    assert lo_standard_error(2.0, 504) == pytest.approx(math.sqrt(254 / 504))
    assert math.isnan(lo_standard_error(float("nan"), 504))


def test_lo_is_the_spread_of_simulated_ratios() -> None:
    rng = np.random.default_rng(2)
    ratios = [sharpe_ratio(rng.normal(0.001, 0.01, 252)) for _ in range(4_000)]

    mean = statistics.fmean(ratios)

    assert statistics.stdev(ratios) == pytest.approx(
        lo_standard_error(mean, 252), rel=0.05
    )


def ratio(returns: list[float]) -> float:
    if len(returns) < 2 or statistics.stdev(returns) < 1e-15:
        return math.nan
    return statistics.fmean(returns) / statistics.stdev(returns) * math.sqrt(252)


def series(drawn: list[EventReturns], how: Aggregate) -> list[float]:
    """Join the events the slow way."""
    if how is Aggregate.POOLED:
        return [float(value) for event in drawn for value in event.returns]
    by_session: dict[int, list[float]] = {}
    for event in drawn:
        for number, value in enumerate(event.returns):
            by_session.setdefault(event.first + number, []).append(float(value))
    return [
        statistics.fmean(by_session.get(session, [0.0]))
        for session in range(min(by_session), max(by_session) + 1)
    ]


@pytest.mark.parametrize("how", Aggregate)
@given(drawn=events())
def test_agrees_with_the_slow_loop(how: Aggregate, drawn: list[EventReturns]) -> None:
    whole = series(drawn, how)
    dates = sorted({event.date for event in drawn})
    left = [[e for e in drawn if e.date != date] for date in dates]
    samples = [whole, *(series(some, how) for some in left if some)]
    assume(all(len(s) < 2 or statistics.stdev(s) > 1e-6 for s in samples))

    found = aggregate(drawn, how)

    expected = ratio(whole)
    assert (found.n_returns, found.n_events) == (len(whole), len(drawn))
    assert found.n_dates == len(dates)
    np.testing.assert_allclose(found.value, expected, rtol=1e-9, atol=1e-9)
    if math.isnan(expected):
        assert math.isnan(found.standard_error)
        return
    if len(dates) == 1:
        error = lo_standard_error(expected, len(whole))
    else:
        values = [v for v in map(ratio, samples[1:]) if not math.isnan(v)]
        if len(values) < 2:
            assert math.isnan(found.standard_error)
            return
        mean = statistics.fmean(values)
        spread = sum((value - mean) ** 2 for value in values)
        error = math.sqrt((len(values) - 1) / len(values) * spread)
    np.testing.assert_allclose(found.standard_error, error, rtol=1e-6, atol=1e-7)


def test_calendar_returns_by_hand() -> None:
    open_twice = [
        EventReturns(
            date=dt.date(2022, 1, 3), first=10, returns=np.array([0.02, 0.04])
        ),
        EventReturns(date=dt.date(2022, 1, 4), first=11, returns=np.array([0.00])),
        EventReturns(date=dt.date(2022, 1, 9), first=14, returns=np.array([-0.01])),
    ]

    first, returns = calendar_returns(open_twice)

    assert first == 10
    np.testing.assert_allclose(returns, [0.02, 0.02, 0.0, 0.0, -0.01])


def test_nothing_has_no_ratio() -> None:
    found = aggregate([], Aggregate.POOLED)

    assert math.isnan(found.value)
    assert (found.n_returns, found.n_events, found.n_dates) == (0, 0, 0)
