from __future__ import annotations

import datetime as dt
import functools
import itertools
import re
from typing import Any
from zoneinfo import ZoneInfo

import exchange_calendars as xcals
import numpy as np
import pandas as pd
import pytest

from lakebt.errors import InvalidArgumentError
from lakebt.sources.simulated import SimulatedMarket, simulated_market

NEW_YORK = ZoneInfo("America/New_York")
EFFECTS = ("jump", "drift", "reversal")


@functools.cache
def market(**arguments: int) -> SimulatedMarket:
    return simulated_market(**{"seed": 3, "n_events": 25, **arguments})  # type: ignore[arg-type]


def small(seed: int, **arguments: float) -> SimulatedMarket:
    """Make a market that is only as large as estimating its effects needs."""
    return simulated_market(
        seed=seed,
        n_events=50,
        n_members=1,
        before=2,
        after=20,
        **arguments,  # type: ignore[arg-type]
    )


def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(name): value for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


def prices(found: SimulatedMarket) -> dict[str, pd.DataFrame]:
    """Return the opens and the closes, a column per symbol."""
    return {
        at: found.prices.pivot_table(index="session", columns="symbol", values=at)
        for at in ("open", "close")
    }


def abnormal_returns(found: SimulatedMarket) -> pd.DataFrame:
    """Return what each event earned over the market, sides signed: an event study.

    From the published frames alone: the announcement's day in New York, the effective
    date, and the bars.
    """
    panel = prices(found)
    place = {day: number for number, day in enumerate(panel["open"].index)}
    opens, closes = (panel[at].to_numpy() for at in ("open", "close"))
    column = {symbol: number for number, symbol in enumerate(panel["open"].columns)}
    market = column[found.market]
    table = []
    for change in rows(found.index_changes):
        announced = place[change["announced"].astimezone(NEW_YORK).date()]
        effective = place[change["effective"]]
        marks = [
            closes[announced],
            opens[announced + 1],
            closes[effective - 1],
            closes[effective - 1 + found.planted.reversal_sessions],
        ]
        own = column[change["symbol"]]
        sign = 1.0 if change["side"] == "addition" else -1.0
        earned = [
            end[own] / start[own] - end[market] / start[market]
            for start, end in itertools.pairwise(marks)
        ]
        table.append([change["announced"], *(1e4 * sign * part for part in earned)])
    frame = pd.DataFrame(table, columns=["announced", *EFFECTS])
    return frame.groupby("announced").mean()


def planted(found: SimulatedMarket) -> list[float]:
    truth = found.planted
    return [truth.jump_bps, truth.drift_bps, -truth.reversal_bps]


def z_scores(returns: pd.DataFrame, truth: list[float]) -> pd.Series:
    standard_error = returns.std(ddof=1) / np.sqrt(len(returns))
    scores: pd.Series = (returns.mean() - truth) / standard_error
    return scores


def test_jump_drift_and_reversal_are_recovered_within_two_standard_errors() -> None:
    markets = [small(seed) for seed in range(8)]
    returns = pd.concat([abnormal_returns(found) for found in markets])

    assert len(returns) == 400
    assert (z_scores(returns, planted(markets[0])).abs() < 2).all()
    assert (z_scores(returns, [0.0, 0.0, 0.0]).abs() > 5).all(), "and are there"


def test_where_nothing_is_planted_nothing_is_found() -> None:
    returns = pd.concat(
        abnormal_returns(small(seed, jump_bps=0, drift_bps=0, reversal_bps=0))
        for seed in range(8)
    )

    assert (z_scores(returns, [0.0, 0.0, 0.0]).abs() < 2).all()


@pytest.mark.slow
def test_two_standard_errors_hold_as_often_as_they_should() -> None:
    """Of 60 estimates 57 or so lie within two standard errors, and 53 nearly always."""
    markets = [small(seed) for seed in range(100, 120)]
    scores = [z_scores(abnormal_returns(found), planted(found)) for found in markets]

    assert (pd.concat(scores).abs() < 2).sum() >= 53


def test_without_noise_each_leg_carries_the_effect_to_the_last_digit() -> None:
    found = small(1, noise_bps_per_day=0.0)
    logs = {at: np.log(panel) for at, panel in prices(found).items()}
    days = sorted(set(found.prices["session"]))

    for leg in rows(found.legs):
        # The log price without the market's part of it.
        opens, closes = (
            (logs[at][leg["symbol"]] - leg["beta"] * logs[at]["MKT"]).to_numpy()
            for at in ("open", "close")
        )
        announced = days.index(leg["announced_session"])
        effective = days.index(leg["effective"])
        sign = 1.0 if leg["side"] == "addition" else -1.0

        jump = opens[announced + 1] - closes[announced]
        drift = closes[effective - 1] - opens[announced + 1]
        back = closes[effective + 19] - closes[effective - 1]
        before = closes[announced] - closes[announced - 1]

        # Prices have four decimals, which is 1e-5 of the smallest.
        assert jump == pytest.approx(np.log1p(sign * 0.0500), abs=3e-5)
        assert drift == pytest.approx(np.log1p(sign * 0.0380), abs=3e-5)
        assert back == pytest.approx(np.log1p(-sign * 0.0190), abs=3e-5)
        assert before == pytest.approx(0.0, abs=3e-5)


def test_the_same_seed_gives_the_same_market_and_another_one_another() -> None:
    one, same, other = (small(seed) for seed in (1, 1, 2))

    for table, frame in one.tables.items():
        pd.testing.assert_frame_equal(frame, same.tables[table])
    assert not one.prices["close"].equals(other.prices["close"])


def test_bars_are_consistent_and_on_real_sessions() -> None:
    bars = market().prices
    calendar = xcals.get_calendar("XNYS", start="2009-01-01", end="2012-12-31")
    sessions = set(calendar.sessions.date)

    assert (bars["low"] > 0).all()
    assert (bars["high"] >= bars[["open", "close"]].max(axis=1)).all()
    assert (bars["low"] <= bars[["open", "close"]].min(axis=1)).all()
    assert set(bars["session"]) <= sessions
    assert not bars.duplicated(["symbol", "session"]).any()
    assert set(bars["basis"]) == {"raw"}


def test_a_changed_symbol_has_prices_around_its_event_only() -> None:
    found = market(before=30, after=40)
    days = sorted(set(found.prices.loc[found.prices["symbol"] == "MKT", "session"]))
    span = found.prices.groupby("symbol")["session"].agg(["min", "max", "size"])

    for leg in rows(found.legs):
        first = days.index(leg["announced_session"]) - 30
        last = days.index(leg["effective"]) + 40
        own = span.loc[leg["symbol"]]
        assert (own["min"], own["max"]) == (days[first], days[last])
        assert own["size"] == last - first + 1
    assert span["size"].loc[["MKT", "MEM0001"]].tolist() == [len(days), len(days)]


def test_announcements_come_after_the_close_and_take_effect_later() -> None:
    found = market()
    days = sorted(set(found.prices.loc[found.prices["symbol"] == "MKT", "session"]))
    local = found.index_changes["announced"].dt.tz_convert(NEW_YORK)

    assert local.dt.time.between(dt.time(17, 15), dt.time(19, 15)).all()
    assert local.nunique() == 25
    for announced, effective in zip(
        local.dt.date, found.index_changes["effective"], strict=True
    ):
        assert 5 <= days.index(effective) - days.index(announced) <= 15


def test_every_event_has_its_additions_and_deletions() -> None:
    found = market(n_additions=3, n_deletions=1)
    counts = found.index_changes.value_counts(["announced", "side"])

    assert counts.xs("addition", level="side").tolist() == [3] * 25
    assert counts.xs("deletion", level="side").tolist() == [1] * 25
    assert found.index_changes["symbol"].is_unique


def test_one_sided_events_can_be_made() -> None:
    assert set(market(n_deletions=0).index_changes["side"]) == {"addition"}


def test_the_funds_reports_follow_the_index_with_a_lag() -> None:
    found = market()
    holdings, legs = found.etf_holdings, found.legs

    assert min(holdings["date"]) < min(legs["announced_session"])
    assert not holdings.duplicated(["date", "isin"]).any()
    for date in sorted(set(holdings["date"])):
        report = holdings[holdings["date"] == date]
        (accepted,) = set(report["known_at"])
        assert 59 <= (accepted.date() - date).days <= 63
        assert accepted <= found.as_of
        assert report["weight_pct"].sum() == pytest.approx(100.0)
        held = set(report["symbol"])
        for leg in rows(legs):
            member = (leg["effective"] <= date) == (leg["side"] == "addition")
            assert (leg["symbol"] in held) == member


def test_by_the_cutoff_everything_was_known() -> None:
    found = market()
    calendar = xcals.get_calendar("XNYS", start="2009-01-01", end="2012-12-31")

    assert found.as_of == calendar.session_close(str(max(found.prices["session"])))
    assert found.index_changes["announced"].max() <= pd.Timestamp(found.as_of)


def test_no_symbol_is_a_real_one() -> None:
    found = market()
    names = {*found.prices["symbol"], *found.etf_holdings["symbol"]}

    assert all(re.fullmatch(r"(ADD|DEL|MEM)\d{4}|MKT", name) for name in names)
    assert found.etf_holdings["isin"].str.fullmatch(r"ZZ\w{10}").all()


@pytest.mark.parametrize(
    ("argument", "value", "why"),
    [
        ("seed", -1, "seed must be a whole number of at least 0, was -1"),
        ("seed", 1.5, "seed must be a whole number of at least 0, was 1.5"),
        ("n_events", 0, "n_events must be a whole number of at least 1, was 0"),
        ("n_events", True, "n_events must be a whole number of at least 1, was True"),
        ("n_additions", -2, "n_additions must be a whole number of at least 0, was -2"),
        ("n_members", 0, "n_members must be a whole number of at least 1, was 0"),
        ("spacing", 0, "spacing must be a whole number of at least 1, was 0"),
        ("before", 0, "before must be a whole number of at least 1, was 0"),
        ("after", 19, "after must be a whole number of at least 20, was 19"),
        ("reversal_sessions", 0, "reversal_sessions must be a whole number"),
        ("jump_bps", float("nan"), "jump_bps must lie between -5000 and 5000, was nan"),
        ("drift_bps", 5_001, "drift_bps must lie between -5000 and 5000, was 5001"),
        ("reversal_bps", -9_999.0, "reversal_bps must lie between -5000 and 5000"),
        ("noise_bps_per_day", -1.0, "noise_bps_per_day must lie between 0 and 1000"),
        ("n_events", 100_000, "run past the end of the calendar, 2049-12-31"),
        ("start", dt.date(2049, 12, 1), "run past the end of the calendar, 2049-12-31"),
        ("start", dt.date(1970, 1, 1), "1970-01-01 is outside the calendar of XNYS"),
        ("exchange", "NOWHERE", "unknown exchange 'NOWHERE'"),
    ],
)
def test_markets_that_cannot_be(argument: str, value: object, why: str) -> None:
    with pytest.raises(InvalidArgumentError, match=re.escape(why)):
        simulated_market(**{"seed": 1, argument: value})  # type: ignore[arg-type]


def test_an_event_needs_a_change() -> None:
    with pytest.raises(
        InvalidArgumentError, match="n_additions and n_deletions are both"
    ):
        simulated_market(seed=1, n_additions=0, n_deletions=0)
