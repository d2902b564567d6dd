"""The Sharpe ratio of anybody's returns: its error, its definition, its refusals."""

from __future__ import annotations

import copy
import json
import math
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lakebt
from lakebt.analysis.pooling import Aggregate, Pooling
from lakebt.analysis.sharpe import sharpe_ratio
from lakebt.analysis.sharpe_definition import SharpeDefinition
from lakebt.analysis.sharpe_serial import error_of_mean, eta, lo_serial_error
from lakebt.strategy.tear_sheet import DEFINITION
from lakebt.values.text import signed

RETURNS = np.random.default_rng(5).standard_t(4, 300) * 0.01 + 0.001


def days(n: int = 300, start: str = "2021-01-04") -> pd.DatetimeIndex:
    return pd.bdate_range(start, periods=n)  # noqa: TID251 - labels, not sessions


# --- the number -----------------------------------------------------------------------


def test_the_number_is_that_of_a_study() -> None:
    found = lakebt.sharpe(RETURNS)

    assert float(found) == pytest.approx(sharpe_ratio(RETURNS), rel=1e-14)
    assert found.n == 300


def test_every_setting_by_hand() -> None:
    returns = np.array([0.01, -0.01, 0.03])  # less 0.1 %: mean 0.009, squares 0.0008
    found = lakebt.sharpe(returns, risk_free=0.001, sessions_per_year=100, ddof=0)

    assert found.value == pytest.approx(0.009 / math.sqrt(0.0008 / 3) * 10)
    assert found.definition.risk_free == "0.1000% a return"
    assert found.definition.ddof == 0


def test_the_published_error_from_a_series_of_those_moments() -> None:
    """Two returns and how often: Lo's 0.306 of SR 0.5 over 12 months."""
    returns = np.tile([1.5, -0.5], 6)  # mean 0.5, deviation 1 with ddof 0
    found = lakebt.sharpe(returns, sessions_per_year=1, ddof=0, error="lo")

    assert found.value == pytest.approx(0.5)
    assert round(found.error, 3) == 0.306


def test_growth_is_compounded() -> None:
    returns = np.array([0.1, -0.1, 0.2])
    found = lakebt.sharpe(returns, sessions_per_year=3, mean="geometric")

    growth = 1.1 * 0.9 * 1.2 - 1
    assert found.value == pytest.approx(growth / (returns.std(ddof=1) * math.sqrt(3)))
    assert list(found.errors.index) == ["growth"]


def test_the_error_of_growth_is_the_spread_of_simulated_ratios() -> None:
    rng = np.random.default_rng(6)
    found = [
        lakebt.sharpe(rng.normal(0.001, 0.01, 250), mean="geometric")
        for _ in range(150)
    ]

    spread = float(np.std([float(one) for one in found]))
    assert spread == pytest.approx(np.mean([one.error for one in found]), rel=0.2)


def test_the_interval_and_the_probability() -> None:
    found = lakebt.sharpe(RETURNS, confidence=0.9)

    assert found.high - found.value == pytest.approx(1.6448536 * found.error)
    assert found.value - found.low == pytest.approx(1.6448536 * found.error)
    assert 0.5 < found.psr < 1.0
    assert lakebt.sharpe(RETURNS, benchmark=found.value).psr == pytest.approx(0.5)
    below = lakebt.sharpe(-RETURNS)
    assert math.isinf(below.min_track_record)
    assert "no number of them" in repr(below)


@pytest.mark.parametrize("error", ["moments", "lo", "lo_serial"])
def test_a_ratio_is_shown_by_the_returns_it_needs(error: str) -> None:
    """Twice the returns with the same moments, at the length asked for: 5 %."""
    found = lakebt.sharpe(RETURNS, error=error)

    z = found.value / found.errors["error"][error]
    at_length = found.psr >= 0.95
    assert at_length == (found.min_track_record <= found.n)
    assert found.psr == pytest.approx(0.5 + 0.5 * math.erf(z / 2**0.5), abs=0.02)


# --- returns that follow each other ---------------------------------------------------


def test_lo_with_autocorrelation_is_the_delta_method_of_statsmodels(sm: Any) -> None:
    apart = RETURNS - RETURNS.mean()
    moments = np.column_stack([apart, apart**2 - (apart**2).mean()])
    lags = 5
    covariance = sum(
        (1 - abs(k) / (lags + 1))
        * sum(
            np.outer(moments[t], moments[t - k])
            for t in range(max(k, 0), 300 + min(k, 0))
        )
        for k in range(-lags, lags + 1)
    )
    sd = RETURNS.std()
    gradient = np.array([1 / sd, -RETURNS.mean() / (2 * sd**3)])
    by_hand = math.sqrt(gradient @ covariance @ gradient) / 300
    influence = moments @ gradient
    fitted = sm.OLS(influence, np.ones(300)).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags}
    )

    assert lo_serial_error(RETURNS, lags=lags) == pytest.approx(by_hand, rel=1e-10)
    assert error_of_mean(influence, lags=lags) == pytest.approx(
        float(fitted.bse[0]), rel=1e-10
    )


def test_eta_is_the_ratio_of_returns_added_up() -> None:
    """Of a moving average the variance of sums is known: the covariance matrix."""
    rho, q = np.array([0.4, 0.1]), 7
    apart = np.abs(np.subtract.outer(np.arange(q), np.arange(q)))
    matrix = np.array([1.0, 0.4, 0.1, 0.0])[np.minimum(apart, 3)]

    assert eta(q, rho) == pytest.approx(q / math.sqrt(matrix.sum()))
    assert eta(252, np.zeros(5)) == pytest.approx(math.sqrt(252))
    assert eta(1, rho) == 1.0
    assert math.isnan(eta(4, np.array([-1.0, -1.0])))


def test_a_trend_lowers_the_yearly_ratio() -> None:
    noise = np.random.default_rng(7).normal(size=2_000)
    trend = np.convolve(noise, [1.0, 0.8, 0.6], mode="valid") * 0.01 + 0.001

    found = lakebt.sharpe(trend, error="lo_serial")

    assert found.rho > 0.5
    assert found.value < found.errors["value"]["lo"]
    assert found.errors["error"]["moments"] > found.errors["error"]["lo"]
    assert "times eta(252)" in str(found.definition)


# --- what it is of --------------------------------------------------------------------


def test_the_definition_travels_with_the_number() -> None:
    series = pd.Series(RETURNS, index=days())
    rate = pd.Series(0.0001, index=days(400, "2020-12-01"))

    text = str(lakebt.sharpe(series, risk_free=rate).definition)

    assert text == (
        "mean / standard deviation (ddof 1) of returns from 2021-01-04 to 2022-02-25 "
        "(300 returns), times sqrt(252), a series of mean 0.0100% taken off; standard "
        "error: Lopez de Prado, Lipton and Zoonekynd (2026), equation 3"
    )


def test_a_definition_is_text_that_cannot_be_altered_and_travels() -> None:
    definition = SharpeDefinition(of="returns", ddof=0)
    with pytest.raises(AttributeError, match="ddof stays 0"):
        definition.ddof = 1
    frame = pd.DataFrame({"a": [1]})
    frame.attrs["definition"] = definition

    for again in (
        pickle.loads(pickle.dumps(definition)),  # noqa: S301 - made here
        copy.deepcopy(definition),
        frame.copy().attrs["definition"],
    ):
        assert again == definition
        assert (again.of, again.ddof, again.mean) == ("returns", 0, "arithmetic")
    assert json.loads(json.dumps({"definition": definition}))["definition"] == str(
        definition
    )


def test_a_study_and_a_strategy_say_what_they_always_said() -> None:
    pooled = Pooling(how=Aggregate.POOLED).definition

    assert (pooled.ddof, pooled.sessions_per_year, pooled.risk_free) == (1, 252, "")
    assert pooled.startswith(
        "mean / standard deviation (ddof 1) of daily net returns of the events joined, "
        "sessions with exposure only (the Sharpe while invested), times sqrt(252), no "
        "risk-free rate taken off; standard error: two ways, "
    )
    assert DEFINITION == (
        "mean / standard deviation (ddof 1) of daily net returns from the first "
        "session with exposure to the end, times sqrt(252), no risk-free rate taken "
        "off; standard error: Lo (2002)"
    )


def test_sessions_of_a_year_are_those_of_the_exchange() -> None:
    sessions = pd.DatetimeIndex(["2022-09-02", "2022-09-06", "2022-09-07"])
    series = pd.Series([0.01, 0.0, 0.02], index=sessions)

    found = lakebt.sharpe(series, sessions_per_year="XNYS")

    assert found.definition.sessions_per_year == 251  # of 2022
    series.index = pd.DatetimeIndex(["2022-09-02", "2022-09-05", "2022-09-06"])
    with pytest.raises(lakebt.LakebtError, match="2022-09-05, no session of XNYS"):
        lakebt.sharpe(series, sessions_per_year="XNYS")
    with pytest.raises(lakebt.LakebtError, match="indexed by date, was a RangeIndex"):
        lakebt.sharpe([0.01, 0.0, 0.02], sessions_per_year="XNYS")


def test_a_notebook_shows_every_error() -> None:
    found = lakebt.sharpe(pd.Series(RETURNS, index=days()))

    shown = found._repr_html_()

    assert "Sharpe" in shown
    assert shown.count("<tr") == 4
    assert "lo_serial" in shown
    low = signed(f"{found.low:.2f}")
    assert repr(found).startswith(f"Sharpe {found.value:.2f} (95% {low} to ")


def test_a_negative_ratio_has_the_minus_of_all_numbers() -> None:
    shown = repr(lakebt.sharpe([-0.01, -0.02, 0.005, -0.01]))

    assert shown.startswith("Sharpe \N{MINUS SIGN}")
    assert "-" not in shown.partition("\n")[0]


def test_few_returns_are_flagged() -> None:
    assert "Fewer than 60 returns" in repr(lakebt.sharpe(RETURNS[:59]))
    assert "Fewer" not in repr(lakebt.sharpe(RETURNS[:60]))
    assert "Fewer" not in repr(lakebt.sharpe(RETURNS[:59], error="lo"))


# --- what is refused ------------------------------------------------------------------


GOOD = pd.Series(RETURNS[:10], index=days(10))


def with_value(value: float) -> pd.Series[float]:
    return GOOD.where(GOOD.index != GOOD.index[4], value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"returns": with_value(math.nan)}, r"nan at 2021-01-08 \(row 4; 1 of .* drop"),
        ({"returns": with_value(math.inf)}, r"inf at 2021-01-08 \(row 4"),
        (
            {"returns": GOOD.iloc[::-1]},
            r"2021-01-14 follows 2021-01-15 \(row 1\): .*so",
        ),
        ({"returns": GOOD.iloc[[0, 1, 1, 2]]}, "2021-01-05 follows 2021-01-05"),
        ({"returns": GOOD.set_axis([*range(9), "x"])}, "x follows 8"),
        ({"returns": GOOD.iloc[:2]}, "at least 3, were 2"),
        ({"returns": []}, "at least 3, were 0"),
        ({"returns": GOOD * 0 + 0.01}, "must vary, were 0.01 from 2021-01-04 to"),
        ({"returns": GOOD.to_frame("spy")}, "was a frame of spy: pick a column"),
        ({"returns": ["a", "b", "c"]}, "one series of numbers, was a list"),
        ({"returns": np.zeros((3, 2))}, "one series of numbers, was a ndarray"),
        ({"returns": 0.1}, "one series of numbers, was a float"),
        ({"returns": "0.1"}, "one series of numbers, was a str"),
        ({"returns": {1: 0.1, 2: 0.2, 3: 0.4}}, "one series of numbers, was a dict"),
        ({"returns": [True, False, True]}, "one series of numbers, was a list"),
        ({"returns": [1j, 2.0, 3.0]}, "one series of numbers, was a list"),
        ({"returns": [10**400, 1, 2]}, "one series of numbers, was a list"),
        ({"risk_free": 10**400}, "number or a series, was 1000"),
        ({"risk_free": [0.0] * 10}, "number or a series, was a list"),
        ({"returns": [0.1, -1e60, 0.2]}, r"finite, was -1e\+60 at 1 \(row 1"),
        ({"risk_free": 0.05}, r"per return, was 0.05: .* \(1 \+ rate\)"),
        ({"risk_free": GOOD.iloc[1:] * 0}, r"no value at 2021-01-04 \(1 of 10"),
        ({"risk_free": "3 %"}, "number or a series, was '3 %'"),
        ({"risk_free": math.nan}, "number or a series, was nan"),
        ({"sessions_per_year": 0}, "finite number > 0, was 0"),
        ({"ddof": 2}, "ddof must be 0 or 1, was 2"),
        ({"confidence": 95}, "between 0 and 1, was 95: 0.95 for 95 %"),
        ({"benchmark": math.inf}, "finite ratio a year, was inf"),
        ({"mean": "median"}, "median"),
        ({"error": "jackknife"}, "jackknife"),
        ({"mean": "geometric", "error": "lo"}, "of an arithmetic mean"),
        (
            {"mean": "geometric", "returns": with_value(-1.0)},
            r"above -1 .* was -1 \(row 4\)",
        ),
    ],
)
def test_what_cannot_be_used_is_named_with_its_place(
    arguments: dict[str, Any], words: str
) -> None:
    assert float(lakebt.sharpe(GOOD)) != 0.0

    with pytest.raises(lakebt.LakebtError, match=words):
        lakebt.sharpe(**{"returns": GOOD, **arguments})


@pytest.mark.slow
@given(
    st.lists(st.floats(-0.2, 0.2), min_size=5, max_size=40).filter(
        lambda values: np.std(values) > 1e-6
    ),
    st.floats(0.1, 10.0),
)
def test_returns_held_at_another_size_have_the_same_ratio(
    values: list[float], size: float
) -> None:
    once = lakebt.sharpe(np.array(values))
    scaled = lakebt.sharpe(np.array(values) * size)

    assert scaled.value == pytest.approx(once.value, rel=1e-6, abs=1e-9)
    assert scaled.error == pytest.approx(once.error, rel=1e-6, nan_ok=True)
