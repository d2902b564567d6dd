"""A tear sheet's numbers: by hand, and as quantstats, empyrical and scipy have them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lakebt.analysis.performance.definitions import (
    OF_BENCHMARK,
    OF_HELD,
    OF_RETURNS,
)
from lakebt.analysis.performance.drawdown import below_highest, falls
from lakebt.analysis.performance.measures import measures, measures_against, rolling
from lakebt.analysis.performance.portfolio import Held, Performance
from lakebt.analysis.sharpe import lo_standard_error
from lakebt.analysis.sharpe_definition import SharpeDefinition
from lakebt.errors import InvalidArgumentError
from lakebt.sessions import Sessions

ROOT = Path(__file__).parents[3]
DEFINITION = SharpeDefinition(of="returns", error="Lo (2002)")


def days(first: str, number: int) -> pd.DatetimeIndex:
    """Sessions in New York from one on."""
    found = Sessions.of("XNYS").days
    start = int(np.searchsorted(found, np.datetime64(first)))
    return pd.DatetimeIndex(found[start : start + number], name="session")


def of(values: Any, **more: Any) -> Performance:
    returns = pd.Series(
        np.asarray(values, dtype=float), days("2021-01-28", len(values))
    )
    given: dict[str, Any] = {"sharpe_se": math.nan, "definition": DEFINITION, **more}
    return Performance(returns=returns, **given)


# --- by hand --------------------------------------------------------------------------

# 28 and 29 January, 1 to 4 February 2021; equity 1.1, 0.88, 0.968, 1.21, 1.21, 1.1495.
BY_HAND = of([0.1, -0.2, 0.1, 0.25, 0.0, -0.05])


def test_by_hand() -> None:
    table = BY_HAND.stats()

    values = table["value"]
    expected = {
        "total_return": 0.1495,
        "cagr": 1.1495**42 - 1.0,
        "max_drawdown": -0.2,
        "drawdown_fall": 1.0,
        "drawdown_length": 3.0,
        "best_day": 0.25,
        "worst_day": -0.2,
        "best_month": 1.1495 / 0.88 - 1.0,
        "worst_month": -0.12,
        "hit_rate": 0.6,
        "n_returns": 6.0,
        "calmar": (1.1495**42 - 1.0) / 0.2,
        "sortino": (0.2 / 6.0) / math.sqrt((0.04 + 0.0025) / 6.0) * math.sqrt(252),
    }
    assert values[list(expected)].to_dict() == pytest.approx(expected, rel=1e-12)
    assert {name: str(day)[:10] for name, day in table["when"].dropna().items()} == {
        "max_drawdown": "2021-01-29",
        "drawdown_fall": "2021-01-28",
        "drawdown_length": "2021-02-02",
        "best_day": "2021-02-02",
        "worst_day": "2021-01-29",
        "best_month": "2021-02-04",
        "worst_month": "2021-01-29",
    }
    assert table[["unit", "definition", "source"]].map(bool).all(axis=None)
    assert table.loc["sharpe", "definition"] == str(DEFINITION)


def test_years_and_months_by_hand() -> None:
    found = BY_HAND.by_month()

    assert found.to_numpy()[0, [0, 1, 12]].tolist() == pytest.approx(
        [-0.12, 1.1495 / 0.88 - 1.0, 0.1495], rel=1e-12
    )
    assert np.isnan(found.to_numpy()[0, 2:12]).all()
    years = BY_HAND.by_year()
    assert years.index.tolist() == [2021]
    assert years.loc[2021, "max_drawdown"] == pytest.approx(-0.2, rel=1e-12)


def test_falls_by_hand() -> None:
    found = BY_HAND.drawdowns()

    assert found["depth"].tolist() == pytest.approx([-0.2, -0.05])
    assert found[["n_fall", "n_sessions"]].to_numpy().tolist() == [[1, 3], [1, 1]]
    assert found["recovery"].isna().tolist() == [False, True]
    assert len(BY_HAND.drawdowns(1)) == 1


def test_a_fall_from_the_start_has_no_peak() -> None:
    sheet = of([-0.1, 0.05, 0.2])

    (fall,) = sheet.drawdowns().to_dict("records")
    assert (fall["n_fall"], fall["n_sessions"]) == (1, 3)
    assert fall["peak"] is pd.NaT
    assert sheet.stats().loc["drawdown_fall", "when"] is pd.NaT


# --- nothing, little, nothing that varies ---------------------------------------------


@pytest.mark.filterwarnings("error")
def test_what_has_no_number_is_nan() -> None:
    nothing = of([]).stats()["value"]
    assert nothing.drop("n_returns").isna().all()
    assert nothing["n_returns"] == 0
    assert of([]).by_year().empty
    assert of([]).by_month().empty
    assert of([]).drawdowns().empty
    assert of([]).curves().empty

    one = of([0.01]).stats()["value"]
    assert set(one.index[one.isna()]) == {
        *("volatility", "sharpe", "sharpe_se", "sortino", "calmar"),
        *("skew", "kurtosis"),
    }
    flat = of(np.zeros(20)).stats()["value"]
    assert set(flat.index[flat.isna()]) == {
        *("sharpe", "sharpe_se", "sortino", "calmar", "hit_rate", "skew", "kurtosis"),
    }
    assert (flat["volatility"], flat["max_drawdown"]) == (0.0, 0.0)
    assert math.isnan(of(np.full(9, 0.001)).stats()["value"]["skew"])


def test_who_loses_all_and_more() -> None:
    all_of_it = of([0.1, -1.0, 0.3]).stats()["value"]
    assert all_of_it[["total_return", "cagr", "max_drawdown"]].tolist() == [-1.0] * 3
    more = of([0.1, -1.5]).stats()["value"]
    assert math.isnan(more["cagr"])
    assert more["max_drawdown"] == pytest.approx(-1.5)


@pytest.mark.filterwarnings("error")
def test_a_benchmark_that_does_not_vary_or_is_the_portfolio() -> None:
    flat = measures_against(np.array([0.01, -0.01, 0.02]), np.zeros(3))
    assert all(math.isnan(flat[each]) for each in ("alpha", "beta", "correlation"))
    same = measures_against(
        np.array([0.01, -0.01, 0.02]), np.array([0.01, -0.01, 0.02])
    )
    assert same["tracking_error"] == 0.0
    assert math.isnan(same["information_ratio"])
    assert same["beta"] == 1.0
    assert all(map(math.isnan, measures_against(np.zeros(0), np.zeros(0)).values()))


def test_a_benchmark_must_have_every_session() -> None:
    market = BY_HAND.returns.rename("MKT")
    assert "beta" in of(BY_HAND.returns, benchmark=market).stats().index
    with pytest.raises(
        InvalidArgumentError, match=r"MKT has no return of 2021-02-01 \(1"
    ):
        of(BY_HAND.returns, benchmark=market.drop(market.index[2]))
    with pytest.raises(InvalidArgumentError, match="twice"):
        of(BY_HAND.returns, benchmark=pd.concat([market, market]))


def test_what_was_held_is_told() -> None:
    exposure = pd.Series([0.0, 0.5, 1.0, 0.0], BY_HAND.returns.index[:4])
    held = Held(exposure=exposure, exposure_is="a", turnover=3.0, turnover_is="b")

    found = of(BY_HAND.returns[:4], held=held).stats()

    assert found.loc[["turnover", "exposure", "time_held"], "value"].tolist() == [
        *(3.0, 0.375, 0.5)
    ]
    assert found.loc["turnover", "definition"] == "b"


def test_the_page_has_every_number_in_its_unit() -> None:
    page = (ROOT / "docs" / "tear-sheet.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| `")]
    told = {
        name.strip(" `"): row[2].strip().split(", ")
        for row in rows
        for name in row[1].split(",")
    }

    every = OF_RETURNS | OF_HELD | OF_BENCHMARK
    assert told.keys() == every.keys()
    assert all(one.unit in told[name] for name, one in every.items())


# --- others' code ---------------------------------------------------------------------


def generated(n: int, number: int) -> tuple[pd.DataFrame, pd.Series[float]]:
    """Series of one market with heavy tails; every third lies idle now and then."""
    rng = np.random.default_rng(17)
    market = rng.standard_t(4, n) * 0.008
    slope = rng.normal(0.7, 0.5, number)
    returns = slope * market[:, None] + rng.normal(0.0003, 0.006, (n, number))
    returns[:, ::3][rng.random((n, len(range(0, number, 3)))) < 0.4] = 0.0
    when = days("2014-03-11", n)
    return pd.DataFrame(returns, when), pd.Series(market, when, name="M")


def measured(returns: pd.Series[float], market: pd.Series[float]) -> dict[str, float]:
    values = np.asarray(returns, dtype=np.float64)
    index = pd.DatetimeIndex(returns.index)
    months = np.asarray(index.year * 12 + index.month, dtype=np.int64)
    against = measures_against(values, np.asarray(market, dtype=np.float64))
    return measures(values, months) | against


def check(returns: pd.Series[float], market: pd.Series[float]) -> None:
    """Hold every number against others' code."""
    quantstats, empyrical = (
        pytest.importorskip("quantstats").stats,
        pytest.importorskip("empyrical"),
    )
    values = np.asarray(returns, dtype=np.float64)
    theirs = np.asarray(market, dtype=np.float64)
    ours = measured(returns, market)
    greeks = quantstats.greeks(returns, market)
    root = math.sqrt(252)
    expected = {
        "total_return": (quantstats.comp(returns), empyrical.cum_returns_final(values)),
        "cagr": (quantstats.cagr(returns), empyrical.cagr(values)),
        "volatility": (
            quantstats.volatility(returns),
            empyrical.annual_volatility(values),
        ),
        "sharpe": (quantstats.sharpe(returns), empyrical.sharpe_ratio(values)),
        "sortino": (quantstats.sortino(returns), empyrical.sortino_ratio(values)),
        "calmar": (quantstats.calmar(returns), empyrical.calmar_ratio(values)),
        "max_drawdown": (
            quantstats.max_drawdown(returns),
            empyrical.max_drawdown(values),
        ),
        "best_day": (quantstats.best(returns), values.max()),
        "worst_day": (quantstats.worst(returns), values.min()),
        "hit_rate": (quantstats.win_rate(returns),),
        "skew": (stats.skew(values),),
        "kurtosis": (stats.kurtosis(values, fisher=False),),
        "beta": (greeks["beta"], empyrical.beta_aligned(values, theirs)),
        "alpha": (greeks["alpha"],),
        "correlation": (returns.corr(market),),
        "information_ratio": (
            quantstats.information_ratio(returns, market) * root,
            empyrical.excess_sharpe(values, theirs) * root,
        ),
        "tracking_error": ((returns - market).std() * root,),
    }
    expected["best_month"] = (
        quantstats.best(returns, aggregate="ME"),
        empyrical.aggregate_returns(returns, "monthly").max(),
    )
    expected["worst_month"] = (quantstats.worst(returns, aggregate="ME"),)
    for name, others in expected.items():
        for other in others:
            assert ours[name] == pytest.approx(float(other), rel=1e-12, abs=1e-12), name


@pytest.mark.parametrize("n", [12, 253, 900])
def test_as_others_have_them_in_every_number(n: int) -> None:
    returns, market = generated(n, 2)
    for name in returns:
        check(returns[name], market)


@pytest.mark.slow
def test_as_others_have_them_on_200_series() -> None:
    quantstats = pytest.importorskip("quantstats").stats
    empyrical = pytest.importorskip("empyrical")
    returns, market = generated(400, 200)
    values, theirs = returns.to_numpy(), market.to_numpy()
    ours = pd.DataFrame([measured(returns[name], market) for name in returns])

    root = math.sqrt(252)
    expected = {
        "total_return": (quantstats.comp(returns), empyrical.cum_returns_final(values)),
        "cagr": (quantstats.cagr(returns), empyrical.cagr(values)),
        "volatility": (
            quantstats.volatility(returns),
            empyrical.annual_volatility(values),
        ),
        "sharpe": (quantstats.sharpe(returns), empyrical.sharpe_ratio(values)),
        "sortino": (quantstats.sortino(returns), empyrical.sortino_ratio(values)),
        "calmar": (quantstats.calmar(returns),),
        "max_drawdown": (
            quantstats.max_drawdown(returns),
            empyrical.max_drawdown(values),
        ),
        "best_day": (quantstats.best(returns),),
        "worst_day": (quantstats.worst(returns),),
        "hit_rate": (quantstats.win_rate(returns),),
        "skew": (stats.skew(values),),
        "kurtosis": (stats.kurtosis(values, fisher=False),),
        "beta": (empyrical.beta_aligned(values, theirs),),
        "correlation": (returns.corrwith(market),),
        "information_ratio": (empyrical.excess_sharpe(values, theirs[:, None]) * root,),
    }
    for name, others in expected.items():
        for other in others:
            np.testing.assert_allclose(
                ours[name], np.asarray(other), rtol=1e-12, atol=1e-12, err_msg=name
            )


@pytest.mark.parametrize(
    ("symbol", "market"), [("SPY", "CSGP"), ("PENN", "SPY"), ("PVH", "SPY")]
)
def test_as_others_have_them_on_real_series(
    symbol: str, market: str, realdata: Path
) -> None:
    bars = pd.read_parquet(
        realdata / "prices.parquet", filters=[("symbol", "in", [symbol, market])]
    )
    closes = bars.pivot_table(index="date", columns="symbol", values="close")
    moved = closes.set_axis(pd.DatetimeIndex(closes.index)).pct_change().dropna()

    check(moved[symbol], moved[market])


def test_windows_roll_as_quantstats_and_pandas_roll_them() -> None:
    quantstats = pytest.importorskip("quantstats").stats
    returns = generated(400, 1)[0][0]
    values = np.asarray(returns, dtype=np.float64)

    ratio, width = rolling(values, 126)

    theirs = quantstats.rolling_sharpe(returns).to_numpy()
    np.testing.assert_allclose(ratio, theirs, rtol=1e-9, atol=1e-9)
    theirs = quantstats.rolling_volatility(returns).to_numpy()
    np.testing.assert_allclose(width, theirs, rtol=1e-9)
    last = measures(values[-126:], np.zeros(126, dtype=np.int64))
    assert (ratio[-1], width[-1]) == pytest.approx(
        (last["sharpe"], last["volatility"]), rel=1e-12
    )


def test_the_error_is_that_of_the_one_definition() -> None:
    sheet = of([0.01, -0.02, 0.03], sharpe_se=lo_standard_error(1.0, 3))

    assert sheet.stats().loc["sharpe_se", "value"] == lo_standard_error(1.0, 3)
    assert sheet.stats().loc["sharpe_se", "source"] == "Lo (2002)"


# --- what always holds ----------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-0.3, 0.3).map(lambda x: round(x, 3)), max_size=40))
def test_falls_are_what_a_slow_loop_finds(values: list[float]) -> None:
    below = below_highest(np.array(values))
    equity, highest, slow = 1.0, 1.0, []
    for value in values:
        equity *= 1.0 + value
        highest = max(highest, equity)
        slow.append(equity / highest - 1.0)
    assert below.tolist() == slow

    peak, trough, recovery = falls(below)
    covered = {
        day
        for start, end in zip(peak.tolist(), recovery.tolist(), strict=True)
        for day in range(start + 1, end)
    }
    assert covered == {day for day, depth in enumerate(slow) if depth < 0.0}
    assert all(
        below[t] == below[p + 1 : r].min()
        for p, t, r in zip(peak, trough, recovery, strict=True)
    )
