"""Many rules at once, against a slow loop over events and sessions."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from lakebt.analysis.calendar import portfolio, without_each_date
from lakebt.analysis.event_series import calendar_returns
from lakebt.analysis.influence import squares
from lakebt.analysis.pooling import Aggregate, Pooling, Weighting
from lakebt.analysis.sharpe import lo_standard_error
from lakebt.analysis.surface import surface
from lakebt.analysis.traded_events import Traded

RETURN = st.floats(-0.1, 0.1).map(lambda value: round(value, 6))
# Some events earn the same every day: without the others nothing varies.
RETURNS = st.lists(RETURN, min_size=1, max_size=6) | st.builds(
    lambda value, count: [value] * count,
    st.sampled_from([0.0, 0.03, -0.007]),
    st.integers(1, 6),
)
POOLED = Pooling(how=Aggregate.POOLED)
CALENDAR = Pooling(how=Aggregate.CALENDAR)


@dataclass(frozen=True)
class Event:
    """One event under one rule, as the loop sees it."""

    rule: int
    date: int
    first: int
    legs: int
    returns: list[float]
    worth: tuple[float, ...] = (0.0,) * 10
    """Held at each close, as a multiple of what the event started with."""


EVENTS = st.lists(
    st.builds(
        Event,
        rule=st.integers(0, 2),
        date=st.integers(1, 4),
        first=st.integers(100, 112),
        legs=st.integers(1, 5),
        returns=RETURNS,
        worth=st.tuples(*[st.sampled_from([0.0, 0.4, 1.0, 2.7])] * 6),
    ),
    min_size=1,
    max_size=12,
)
POOLINGS = st.one_of(
    st.just(POOLED),
    st.builds(
        Pooling,
        how=st.just(Aggregate.CALENDAR),
        weighting=st.sampled_from(Weighting),
        max_weight=st.sampled_from([1.0, 0.5, 0.15]),
    ),
)


FEES = st.sampled_from([0.0, 0.001, 0.03])


def traded(events: list[Event], fee: float = 0.0) -> Traded:
    """Lay events out as the columns of a study."""
    held = [value for event in events for value in event.returns[:-1]]
    counts = [len(event.returns) - 1 for event in events]
    means = [statistics.fmean(event.returns) for event in events]
    return Traded(
        rule=np.array([event.rule for event in events], dtype=np.int64),
        date=np.array([event.date for event in events], dtype=np.int64),
        first=np.array([event.first for event in events], dtype=np.int64),
        n_returns=np.array([len(e.returns) for e in events], dtype=np.int64),
        mean=np.array(means),
        m2=np.array(
            [
                sum((value - mean) ** 2 for value in event.returns)
                for event, mean in zip(events, means, strict=True)
            ]
        ),
        n_legs=np.array([event.legs for event in events], dtype=np.int64),
        start=np.cumsum([0, *counts[:-1]]).astype(np.int64),
        final=np.array([event.returns[-1] for event in events]),
        held=np.array(held, dtype=np.float64),
        worth=np.array(
            [value for e in events for value in e.worth[: len(e.returns) - 1]],
            dtype=np.float64,
        ),
        fee=fee,
    )


def series(events: list[Event], pooling: Pooling, fee: float = 0.0) -> list[float]:
    """Join events the slow way: an account, and what of it is in each open event."""
    if pooling.how is Aggregate.POOLED:
        return [value for event in events for value in event.returns]
    account, invested, joined = 1.0, dict.fromkeys(range(len(events)), 0.0), []
    equity = dict.fromkeys(range(len(events)), 1.0)
    begin = min(event.first for event in events)
    end = max(event.first + len(event.returns) for event in events)
    for session in range(begin, end):
        open_ = {
            n: event
            for n, event in enumerate(events)
            if event.first <= session < event.first + len(event.returns)
        }
        weight = {
            n: float(event.legs) if pooling.weighting is Weighting.LEG else 1.0
            for n, event in open_.items()
        }
        share = min(1.0, pooling.max_weight * len(open_))
        target = {n: share * weight[n] / sum(weight.values()) for n in open_}
        paid = 0.0
        for n, event in open_.items():
            if session > event.first:  # it was open at the close before
                held = event.worth[session - event.first - 1] / equity[n]
                paid += abs(target[n] * account - invested[n]) * held * fee
        rest = account - paid
        cash = rest - sum(rest * target[n] for n in open_)
        for n, event in open_.items():
            rate = event.returns[session - event.first]
            invested[n] = rest * target[n] * (1.0 + rate)
            equity[n] *= 1.0 + rate
        now = cash + sum(invested[n] for n in open_)
        joined.append(now / account - 1.0)
        account = now
    return joined


def ratio(returns: list[float]) -> float:
    if len(returns) < 2 or statistics.stdev(returns) < 1e-14:
        return math.nan
    return statistics.fmean(returns) / statistics.stdev(returns) * math.sqrt(252)


def sessions_of(event: Event) -> range:
    return range(event.first, event.first + len(event.returns))


def overlaps(events: list[Event]) -> bool:
    """Whether two dates are open in one session."""
    return any(
        not set(sessions_of(one)).isdisjoint(sessions_of(other))
        for one in events
        for other in events
        if one.date != other.date
    )


def influences(
    events: list[Event], pooling: Pooling, fee: float
) -> tuple[dict[tuple[int, int], float], list[float]]:
    """Return the influence of each date in each session, and of those without one."""
    whole = series(events, pooling, fee)
    mean, deviation = statistics.fmean(whole), statistics.stdev(whole)
    daily = mean / deviation
    found: dict[tuple[int, int], float] = defaultdict(float)
    idle: list[float] = []
    if pooling.how is Aggregate.POOLED:
        for event in events:
            for session, rate in zip(sessions_of(event), event.returns, strict=True):
                z = (rate - mean) / deviation
                found[event.date, session] += z - daily / 2 * (z * z - 1)
        return found, idle
    for session, earned in enumerate(whole, start=min(e.first for e in events)):
        z = (earned - mean) / deviation
        influence = z - daily / 2 * (z * z - 1)
        slope = (1 - daily / 2 * z) / deviation
        open_ = [event for event in events if session in sessions_of(event)]
        if not open_:
            idle.append(influence)
            continue
        by_leg = pooling.weighting is Weighting.LEG
        weight = [float(e.legs) if by_leg else 1.0 for e in open_]
        share = min(1.0, pooling.max_weight * len(open_))
        part = [each / sum(weight) for each in weight]
        rates = [e.returns[session - e.first] for e in open_]
        gross = sum(share * p * rate for p, rate in zip(part, rates, strict=True))
        for event, p, rate in zip(open_, part, rates, strict=True):
            own = p * influence + slope * p * (share * rate - gross)
            found[event.date, session] += own
    return found, idle


def two_ways(events: list[Event], pooling: Pooling, fee: float) -> float:
    """Add up influences by date, by session and by both."""
    found, idle = influences(events, pooling, fee)
    by: list[dict[object, float]] = [defaultdict(float) for _ in range(3)]
    for (date, session), value in found.items():
        for sums, key in zip(by, (date, session, (date, session)), strict=True):
            sums[key] += value
    nobodys = sum(value * value for value in idle)
    squares = [sum(v * v for v in sums.values()) + nobodys for sums in by]
    sizes = [len(by[0]), len(by[1]) + len(idle), len(by[2]) + len(idle)]
    if min(sizes) < 2:
        return math.nan
    dates, sessions, both = (
        value * size / (size - 1) for value, size in zip(squares, sizes, strict=True)
    )
    variance = max(dates + sessions - both, dates, sessions)
    n = len(series(events, pooling, fee))
    return math.sqrt(252 * variance) / n if variance > 0 else math.nan


def standard_error(
    events: list[Event], pooling: Pooling, fee: float, value: float
) -> float:
    """Two ways where dates overlap; else delete one date after the other."""
    dates = {event.date for event in events}
    if len(dates) == 1:
        n_returns = len(series(events, pooling, fee))
        return math.nan if len(events) > 1 else lo_standard_error(value, n_returns)
    if overlaps(events):
        return two_ways(events, pooling, fee)
    left = [[e for e in events if e.date != date] for date in dates]
    values = [ratio(series(some, pooling, fee)) for some in left]
    values = [value for value in values if not math.isnan(value)]
    if len(values) < 2:
        return math.nan
    mean = statistics.fmean(values)
    spread = sum((value - mean) ** 2 for value in values)
    return math.sqrt((len(values) - 1) / len(values) * spread)


@pytest.mark.slow
@given(events=EVENTS, pooling=POOLINGS, fee=FEES)
def test_each_rule_agrees_with_the_slow_loop(
    events: list[Event], pooling: Pooling, fee: float
) -> None:
    found = surface(traded(events, fee), n_rules=3, pooling=pooling)

    for rule in range(3):
        own = [event for event in events if event.rule == rule]
        assert found.n_events[rule] == len(own)
        assert found.n_dates[rule] == len({event.date for event in own})
        if not own:
            assert math.isnan(found.sharpe[rule])
            assert found.n_returns[rule] == 0
            continue
        whole = series(own, pooling, fee)
        left = [[e for e in own if e.date != date] for date in {e.date for e in own}]
        samples = [whole, *(series(some, pooling, fee) for some in left if some)]
        spreads = [statistics.stdev(s) for s in samples if len(s) > 1]
        assume(all(spread > 1e-6 or spread < 1e-14 for spread in spreads))
        expected = ratio(whole)
        assert found.n_returns[rule] == len(whole)
        np.testing.assert_allclose(found.sharpe[rule], expected, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(
            found.mean[rule], statistics.fmean(whole), rtol=1e-9, atol=1e-12
        )
        error = math.nan
        if not math.isnan(expected):
            error = standard_error(own, pooling, fee, expected)
        np.testing.assert_allclose(
            found.standard_error[rule], error, rtol=1e-6, atol=1e-7
        )


@pytest.mark.slow
@given(events=EVENTS)
def test_open_events_are_counted(events: list[Event]) -> None:
    found = surface(traded(events), n_rules=3, pooling=CALENDAR)

    for rule in range(3):
        own = [event for event in events if event.rule == rule]
        sessions = [e.first + n for e in own for n in range(len(e.returns))]
        counts = [sessions.count(session) for session in set(sessions)]
        assert found.most_open[rule] == max(counts, default=0)
        if counts:
            assert found.mean_open[rule] == pytest.approx(statistics.fmean(counts))


OPEN_TWICE = [
    Event(rule=0, date=3, first=10, legs=1, returns=[0.02, 0.04]),
    Event(rule=0, date=4, first=11, legs=3, returns=[0.00]),
    Event(rule=0, date=9, first=14, legs=1, returns=[-0.01]),
]


def test_calendar_returns_by_hand() -> None:
    first, returns = calendar_returns(traded(OPEN_TWICE), CALENDAR)

    assert first == 10
    np.testing.assert_allclose(returns, [0.02, 0.02, 0.0, 0.0, -0.01])


def test_returns_that_can_be_written_compile_nothing_anew() -> None:
    for events in (OPEN_TWICE, OPEN_TWICE[::2]):  # windows that overlap, and not
        frozen, free = traded(events), traded(events)
        frozen.held.flags.writeable = False  # as those of a study are
        for each in (frozen, free):
            surface(each, n_rules=1, pooling=CALENDAR)
        assert free.held.flags.writeable

    for kernel in (portfolio, without_each_date, squares):
        assert [told[3].mutable for told in kernel.signatures] == [False]


def test_reweighting_is_charged_by_hand() -> None:
    """One event is worth 1.5 times its equity when it makes room for another.

    It earned 2 % alone. Half of it is sold before the second session at 1 % of what is
    traded: 0.5 x 1.5 / 1.02 x 1 % of the capital. The mean of 4 % and 0 % is earned on
    the rest. Each share of a half traded as much as itself: 1.5 / 1.02 of it.
    """
    events = [replace(OPEN_TWICE[0], worth=(1.5,)), *OPEN_TWICE[1:]]

    first, returns = calendar_returns(traded(events, 0.01), CALENDAR)
    found = surface(traded(events, 0.01), n_rules=1, pooling=CALENDAR)
    pooled = surface(traded(events, 0.01), n_rules=1, pooling=POOLED)

    paid = 0.5 * 1.5 / 1.02 * 0.01
    second = (1 - paid) * 1.02 - 1
    assert first == 10
    np.testing.assert_allclose(returns, [0.02, second, 0.0, 0.0, -0.01])
    assert found.reweighted[0] == pytest.approx(1.5 / 1.02 / 3)
    assert pooled.reweighted[0] == 0.0


@pytest.mark.slow
def test_legs_and_limits_by_hand() -> None:
    by_leg = Pooling(how=Aggregate.CALENDAR, weighting=Weighting.LEG)
    limited = Pooling(how=Aggregate.CALENDAR, max_weight=0.25)

    _, weighted = calendar_returns(traded(OPEN_TWICE), by_leg)
    _, partly = calendar_returns(traded(OPEN_TWICE), limited)

    np.testing.assert_allclose(weighted, [0.02, 0.01, 0.0, 0.0, -0.01])
    # One open event takes a quarter of the capital, two take a half.
    np.testing.assert_allclose(partly, [0.005, 0.01, 0.0, 0.0, -0.0025])


@pytest.mark.parametrize("pooling", [POOLED, CALENDAR])
@pytest.mark.parametrize("calm", [0.0, 0.03])
def test_a_replicate_that_does_not_vary_is_undefined(
    pooling: Pooling, calm: float
) -> None:
    """Without the first date nothing varies: its ratio is no 0 among the replicates."""
    wild = [0.31, -0.22, 0.17]
    events = [
        Event(rule=0, date=1, first=10, legs=1, returns=wild),
        *(
            Event(rule=0, date=d, first=10 * d, legs=1, returns=[calm] * 10)
            for d in (2, 3)
        ),
    ]

    found = surface(traded(events), n_rules=1, pooling=pooling)

    # What is left are two replicates: without the second and without the third date.
    left = [[e for e in events if e.date != d] for d in (2, 3)]
    one, other = (ratio(series(some, pooling)) for some in left)
    assert found.standard_error[0] == pytest.approx(abs(one - other) / 2, abs=1e-9)


@pytest.mark.parametrize("pooling", [POOLED, CALENDAR])
def test_an_error_needs_two_replicates(pooling: Pooling) -> None:
    events = [
        Event(rule=0, date=1, first=10, legs=1, returns=[0.31, -0.22, 0.17]),
        Event(rule=0, date=2, first=20, legs=1, returns=[0.0, 0.0]),
    ]

    found = surface(traded(events), n_rules=1, pooling=pooling)

    assert not np.isnan(found.sharpe[0])
    assert np.isnan(found.standard_error[0])


def test_nothing_has_no_ratio() -> None:
    found = surface(traded([]), n_rules=2, pooling=POOLED)

    assert np.isnan(found.sharpe).all()
    assert np.isnan(found.standard_error).all()
    assert (found.n_returns == 0).all()


def test_returns_that_do_not_vary_have_no_ratio() -> None:
    flat = [
        Event(rule=0, date=d, first=10, legs=1, returns=[0.001] * 4) for d in (1, 2)
    ]

    found = surface(traded(flat), n_rules=1, pooling=POOLED)

    assert np.isnan(found.sharpe).all()
    assert found.mean[0] == pytest.approx(0.001)


def nulls(seed: int, *, n_dates: int, gap: int, hold: int, rho: float) -> Traded:
    """One event a date, a date every `gap` sessions; what is open moves together."""
    rng = np.random.default_rng(seed)
    events = []
    market = rng.normal(0.0, 0.02, n_dates * gap + hold)
    for n in range(n_dates):
        own = rng.normal(0.0, 0.02, hold)
        shared = market[n * gap : n * gap + hold]
        returns = rho**0.5 * shared + (1 - rho) ** 0.5 * own
        events.append(
            Event(rule=0, date=n, first=n * gap, legs=1, returns=returns.tolist())
        )
    return traded([replace(e, worth=(0.0,) * hold) for e in events])


def rejected(pooling: Pooling, count: int, **design: float) -> tuple[int, int]:
    """How many true nulls are rejected at 5 %: two ways, and by the date jackknife."""
    two_ways_n = by_date = 0
    for seed in range(count):
        sample = nulls(seed, **design)  # type: ignore[arg-type]
        found = surface(sample, n_rules=1, pooling=pooling)
        assert found.method.tolist() == ["two-way"]
        low, high = found.interval()
        two_ways_n += bool(low[0] > 0 or high[0] < 0)
        n = len(sample.first)
        left = [sample.of(np.delete(np.arange(n), date)) for date in range(n)]
        rules = [replace(s, rule=np.full(n - 1, k)) for k, s in enumerate(left)]
        values = np.array(
            [
                surface(replace(r, rule=r.rule * 0), n_rules=1, pooling=pooling).sharpe[
                    0
                ]
                for r in rules
            ]
        )
        error = math.sqrt((n - 1) / n * ((values - values.mean()) ** 2).sum())
        by_date += abs(found.sharpe[0] / error) > stats.t.ppf(0.975, n - 1)
    return two_ways_n, by_date


@pytest.mark.slow
@pytest.mark.parametrize("pooling", [POOLED, CALENDAR])
def test_true_nulls_hold_where_windows_overlap(pooling: Pooling) -> None:
    """A date every three sessions, holds of 20: 5 % two ways, 18 % and more by date."""
    mine, by_date = rejected(pooling, 200, n_dates=40, gap=3, hold=20, rho=0.3)

    assert 3 <= mine <= 18  # 5 % of 200 are 10
    assert by_date > 30


def test_several_events_of_one_date_have_no_error() -> None:
    """They move together, and nothing shows how: Lo's error would reject 32 %."""
    one = [Event(rule=0, date=1, first=10, legs=1, returns=[0.01, -0.02, 0.03])]
    two = [*one, Event(rule=0, date=1, first=10, legs=1, returns=[0.02, -0.01, 0.01])]

    alone = surface(traded(one), n_rules=1, pooling=POOLED)
    several = surface(traded(two), n_rules=1, pooling=POOLED)
    held = surface(traded(two), n_rules=1, pooling=CALENDAR)

    assert alone.method.tolist() == ["lo"]
    low, high = alone.interval()
    assert low[0] < alone.sharpe[0] < high[0]
    for found in (several, held):
        assert found.method.tolist() == [""]
        assert found.sharpe[0] > 0
        assert np.isnan(found.standard_error).all()
        assert np.isnan([*found.interval(), found.above_zero()]).all()


def test_an_infinite_t_is_empty() -> None:
    """Two dates that earn the same: the jackknife sees nothing that varies."""
    same = [
        Event(rule=0, date=d, first=10 * d, legs=1, returns=[0.01, 0.03])
        for d in (1, 2)
    ]

    found = surface(traded(same), n_rules=1, pooling=POOLED)

    assert found.standard_error[0] == 0.0
    assert np.isnan([*found.interval(), found.above_zero()]).all()


def test_which_windows_overlap() -> None:
    """One of them is open between the first and the second of another date."""
    first = Event(rule=0, date=1, first=10, legs=1, returns=[0.01, -0.02])
    again = replace(first, first=14)
    between = replace(first, date=2, first=12, returns=[0.02, 0.01])

    apart = surface(traded([first, again, between]), n_rules=1, pooling=POOLED)
    touching = surface(
        traded([first, again, replace(between, first=13)]), n_rules=1, pooling=POOLED
    )

    assert apart.method.tolist() == ["jackknife"]
    assert touching.method.tolist() == ["two-way"]
