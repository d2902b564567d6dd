from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lakebt.analysis import path
from lakebt.analysis.path import OVERNIGHT, PathLeg, event_path
from lakebt.errors import InvalidArgumentError
from lakebt.prices.history import PriceHistory
from lakebt.sessions import Sessions

DAY = dt.date(2020, 1, 2)

Bars = dict[str, dict[int, tuple[float, float]]]
"""Open and close by symbol and session."""


def history_of(bars: Bars) -> PriceHistory:
    """Every bar known from the start: what `known_at` is does not matter here."""
    symbols = tuple(sorted(bars))
    rows = [
        (code, session, *bars[symbol][session])
        for code, symbol in enumerate(symbols)
        for session in sorted(bars[symbol])
    ]
    return PriceHistory(
        symbols=symbols,
        sessions=Sessions.of("XNYS"),
        symbol=np.array([row[0] for row in rows], dtype=np.int64),
        session=np.array([row[1] for row in rows], dtype=np.int64),
        known_at=np.zeros(len(rows), dtype=np.int64),
        open=np.array([row[2] for row in rows]),
        close=np.array([row[3] for row in rows]),
        retracted=np.zeros(len(rows), dtype=bool),
    )


def leg(
    symbol: str,
    *,
    announced: int,
    effective: int,
    side: str = "addition",
    day: int = 0,
    recorded: int | None = None,
) -> PathLeg:
    return PathLeg(
        event_id=f"e{announced}",
        symbol=symbol,
        side=side,  # type: ignore[arg-type]
        announced=announced,
        effective=effective,
        date=DAY + dt.timedelta(days=day),
        recorded=recorded,
    )


def at(path: pd.DataFrame, label: str, column: str, side: str = "addition") -> float:
    row = path[(path["label"] == label) & (path["side"] == side)]
    assert len(row) == 1
    return float(row[column].iloc[0])


# One leg, AD = session 101, ED = 104; the market rises by 1 at each close from 100.
ONE: Bars = {
    "A": {
        100: (49.0, 49.0),
        101: (50.0, 50.0),
        102: (55.0, 54.0),
        103: (54.0, 53.0),
        104: (53.0, 52.0),
        105: (52.0, 60.0),
    },
    "M": {
        100: (100.0, 99.0),
        101: (100.0, 100.0),
        102: (100.5, 101.0),
        103: (101.0, 102.0),
        104: (102.0, 103.0),
        105: (103.0, 104.0),
    },
}


def test_one_leg_gives_the_hand_made_table() -> None:
    path = event_path(
        [leg("A", announced=101, effective=104)],
        history_of(ONE),
        market="M",
        before=1,
        after=1,
    )

    by_hand = pd.DataFrame(
        [
            (-1.0, "AD-1", -100.0),  # 49/50 - 99/100 = 0.98 - 0.99
            (0.0, "AD", 0.0),
            (2.0, "AD+1 open", 950.0),  # 55/50 - 100.5/100
            (3.0, "AD+1", 700.0),  # 54/50 - 101/100
            (4.0, "ED-1", 400.0),  # 53/50 - 102/100
            (5.0, "ED", 100.0),  # 52/50 - 103/100
            (6.0, "ED+1", 1_600.0),  # 60/50 - 104/100
        ],
        columns=["x", "label", "mean_bps"],
    )
    pd.testing.assert_frame_equal(path[["x", "label", "mean_bps"]], by_hand)
    assert (path["n"] == 1).all()
    assert path[["low_bps", "high_bps"]].isna().all(axis=None), "one day has no error"
    assert path["x"][2] - path["x"][1] == OVERNIGHT


def test_without_a_market_the_path_is_the_price_itself() -> None:
    path = event_path(
        [leg("A", announced=101, effective=104)],
        history_of(ONE),
        market=None,
        before=0,
        after=0,
    )

    assert list(path["label"]) == ["AD", "AD+1 open", "AD+1", "ED-1", "ED"]
    assert path["mean_bps"].tolist() == pytest.approx([0, 1000, 800, 600, 400])


def test_a_missing_price_leaves_the_leg_out_at_that_point_only() -> None:
    bars: Bars = {"M": ONE["M"], "A": ONE["A"], "B": dict(ONE["A"])}
    del bars["B"][103]

    path = event_path(
        [
            leg("A", announced=101, effective=104, day=0),
            leg("B", announced=101, effective=104, day=1),
        ],
        history_of(bars),
        market="M",
        before=0,
        after=0,
    )

    assert at(path, "AD+1", "n") == 2
    assert at(path, "ED-1", "n") == 1
    assert at(path, "ED-1", "mean_bps") == pytest.approx(400.0)


def test_a_leg_without_a_close_on_the_announcement_is_left_out_everywhere() -> None:
    bars: Bars = {"M": ONE["M"], "A": dict(ONE["A"])}
    del bars["A"][101]

    path = event_path(
        [leg("A", announced=101, effective=104)],
        history_of(bars),
        market="M",
        before=1,
        after=1,
    )

    assert (path["n"] == 0).all()
    assert path["mean_bps"].isna().all()


def test_a_leg_or_market_without_any_price_is_left_out() -> None:
    legs = [
        leg("A", announced=101, effective=104),
        leg("NOWHERE", announced=101, effective=104),
    ]

    path = event_path(legs, history_of(ONE), market="M", before=0, after=0)
    assert (path["n"] == 1).all()

    path = event_path(legs, history_of(ONE), market="NOWHERE", before=0, after=0)
    assert (path["n"] == 0).all()


def test_legs_of_different_length_are_laid_over_the_lower_median() -> None:
    path = event_path(
        [
            leg("A", announced=100, effective=103),
            leg("A", announced=101, effective=105, side="deletion"),
        ],
        history_of(ONE),
        market=None,
        before=0,
        after=0,
    )

    assert list(path["label"].unique()) == ["AD", "AD+1 open", "AD+1", "ED-1", "ED"]
    # The longer leg has closes at AD+1, AD+2, ED-1: two points keep the ends.
    assert at(path, "AD+1", "mean_bps", "deletion") == pytest.approx(800.0)
    assert at(path, "ED-1", "mean_bps", "deletion") == pytest.approx(400.0)
    assert at(path, "ED", "mean_bps", "deletion") == pytest.approx(2_000.0)


def test_a_point_that_legs_have_on_different_sessions_is_marked() -> None:
    legs = [
        leg("A", announced=1_000, effective=1_004),
        leg("A", announced=1_000, effective=1_008),
    ]

    path = event_path(legs, history_of(ONE), market=None, before=0, after=0)

    assert list(path["label"]) == [
        *("AD", "AD+1 open", "AD+1", "~AD+2", "ED-1", "ED"),
    ]


def test_an_effective_session_right_after_the_announcement_has_no_stretch() -> None:
    legs = [
        leg("A", announced=101, effective=102),
        leg("B", announced=101, effective=104),
        leg("B", announced=101, effective=104),
    ]
    bars: Bars = {"A": ONE["A"], "B": ONE["A"]}

    path = event_path(legs, history_of(bars), market=None, before=0, after=0)

    assert at(path, "AD+1", "n") == 2
    assert at(path, "ED", "n") == 3
    alone = event_path(legs[:1], history_of(bars), market=None, before=0, after=0)
    assert list(alone["label"]) == ["AD", "AD+1 open", "ED"]
    assert alone["x"].is_monotonic_increasing


def test_the_error_treats_legs_of_one_day_as_one() -> None:
    # On ED, in basis points: 0 and 200 on the first day, 400 on the second.
    bars: Bars = {
        symbol: {0: (1.0, 100.0), 1: (1.0, 100.0 + rise)}
        for symbol, rise in (("A", 0.0), ("B", 2.0), ("C", 4.0))
    }
    legs = [
        leg("A", announced=0, effective=1, day=0),
        leg("B", announced=0, effective=1, day=0),
        leg("C", announced=0, effective=1, day=1),
    ]

    path = event_path(legs, history_of(bars), market=None, before=0, after=0)

    # Mean 200; deviations by day: -200 + 0 and +200; sqrt(2/1 * 80,000) / 3.
    error = math.sqrt(2 * (200.0**2 + 200.0**2)) / 3
    assert at(path, "ED", "mean_bps") == pytest.approx(200.0)
    # Two days leave one degree of freedom, whose quantile is tan(0.475 pi).
    quantile = math.tan(0.475 * math.pi)
    assert at(path, "ED", "low_bps") == pytest.approx(200.0 - quantile * error)
    assert at(path, "ED", "high_bps") == pytest.approx(200.0 + quantile * error)


def test_points_are_looked_at_some_at_a_time_with_the_same_bits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(4)
    symbols = [f"S{number:03}" for number in range(200)]
    prices = rng.lognormal(3.0, 0.1, (len(symbols), 60, 2))
    bars = {
        symbol: {100 + at: (own[at, 0], own[at, 1]) for at in range(60)}
        for symbol, own in zip(symbols, prices, strict=True)
    }
    legs = [
        leg(symbol, announced=115, effective=120 + n % 3, day=n % 17)
        for n, symbol in enumerate(symbols)
    ]
    paths = []
    for at_once in (path._AT_ONCE, 1_000):  # noqa: SLF001 - and all together
        monkeypatch.setattr(path, "_AT_ONCE", at_once)
        paths.append(event_path(legs, history_of(bars), market=None))

    assert len(paths[0]) > 3 * 8
    pd.testing.assert_frame_equal(paths[0], paths[1], check_exact=True)


def test_market_data_dates_lie_where_the_median_leg_has_them() -> None:
    legs = [
        leg("A", announced=101, effective=104, recorded=104 + 7),
        leg("A", announced=101, effective=104, recorded=104 + 9),
        leg("A", announced=101, effective=104, recorded=104 + 30),
        leg("A", announced=101, effective=104),
    ]

    path = event_path(legs, history_of(ONE), market=None, before=0, after=0)

    assert at(path, "MD", "x", "all") == OVERNIGHT + 3 + 9
    assert at(path, "MD", "n", "all") == 3
    assert math.isnan(at(path, "MD", "mean_bps", "all"))


def test_a_market_data_date_before_the_effective_one_lies_between() -> None:
    legs = [leg("A", announced=101, effective=104, recorded=102)]

    path = event_path(legs, history_of(ONE), market=None, before=0, after=0)

    assert at(path, "MD", "x", "all") == at(path, "AD+1", "x")


def test_no_legs_give_an_empty_table_with_its_columns() -> None:
    path = event_path([], history_of(ONE), market="M")

    assert list(path) == ["x", "label", "side", "mean_bps", "low_bps", "high_bps", "n"]
    assert path.empty


@pytest.mark.parametrize("name", ["before", "after"])
def test_a_negative_width_is_refused(name: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"{name} .* was -1"):
        event_path([], history_of(ONE), market=None, **{name: -1})


def points_of(
    one: PathLeg, *, median: int, before: int, after: int
) -> dict[str, tuple[int, int]]:
    """Session, and 0 for its open or 1 for its close, by label."""
    lead = one.effective - one.announced
    points = {f"AD-{k}": (one.announced - k, 1) for k in range(1, before + 1)}
    points["AD"] = (one.announced, 1)
    points["AD+1 open"] = (one.announced + 1, 0)
    inner = [*(f"~AD+{k}" for k in range(1, median - 1)), "ED-1"]
    inner[0] = "AD+1"
    for k, name in enumerate(inner):
        share = k / (len(inner) - 1)
        points[name] = (one.announced + round(1 + share * (lead - 2)), 1)
    points["ED"] = (one.effective, 1)
    points |= {f"ED+{k}": (one.effective + k, 1) for k in range(1, after + 1)}
    return points


def obvious(
    legs: list[PathLeg], bars: Bars, *, market: str, before: int, after: int
) -> dict[tuple[str, str], tuple[float, float, int]]:
    """Mean, upper bound and count by label and side, one price at a time."""

    def growth(symbol: str, one: PathLeg, session: int, which: int) -> float:
        missing = (math.nan, math.nan)
        base = bars[symbol].get(one.announced, missing)[1]
        return bars[symbol].get(session, missing)[which] / base

    leads = sorted(one.effective - one.announced for one in legs)
    median = leads[(len(leads) - 1) // 2]
    found: dict[tuple[str, str], list[tuple[dt.date, float]]] = {}
    for one in legs:
        points = points_of(one, median=median, before=before, after=after)
        for name, point in points.items():
            over = growth(one.symbol, one, *point) - growth(market, one, *point)
            if not math.isnan(over):
                found.setdefault((name, one.side), []).append((one.date, over))
    out = {}
    for key, values in found.items():
        n = len(values)
        mean = sum(value for _, value in values) / n
        days = {day for day, _ in values}
        total = sum(
            sum(value - mean for other, value in values if other == day) ** 2
            for day in days
        )
        small = len(days) / (len(days) - 1) if len(days) > 1 else math.nan
        error = math.sqrt(small * total) / n
        quantile = stats.t.ppf(0.975, len(days) - 1) if len(days) > 1 else math.nan
        out[key] = (1e4 * mean, 1e4 * (mean + quantile * error), n)
    return out


def test_the_table_agrees_with_a_slow_obvious_loop() -> None:
    rng = np.random.default_rng(7)
    symbols = [f"S{i}" for i in range(12)]
    bars: Bars = {}
    for symbol in [*symbols, "M"]:
        closes = 50.0 * np.exp(np.cumsum(rng.normal(0, 0.02, 160)))
        bars[symbol] = {
            1_000 + i: (float(close * np.exp(rng.normal(0, 0.01))), float(close))
            for i, close in enumerate(closes)
            if symbol == "M" or rng.random() > 0.05
        }
    legs = []
    for i, symbol in enumerate(symbols):
        announced = int(1_020 + rng.integers(0, 80))
        effective = announced + int(rng.integers(2, 12))
        legs.append(
            leg(
                symbol,
                announced=announced,
                effective=effective,
                side="addition" if i % 3 else "deletion",
                day=i // 3,
            )
        )

    path = event_path(legs, history_of(bars), market="M", before=5, after=6)
    expected = obvious(legs, bars, market="M", before=5, after=6)

    assert len(path) == len(expected)
    for row in path.itertuples():
        mean, high, n = expected[str(row.label), str(row.side)]
        assert row.n == n
        assert row.mean_bps == pytest.approx(mean, abs=1e-9)
        assert row.high_bps == pytest.approx(high, abs=1e-9, nan_ok=True)
