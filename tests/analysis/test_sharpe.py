"""One definition of the Sharpe ratio, against other libraries and simulations."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lakebt.analysis.sharpe import lo_standard_error, ratio_of_moments, sharpe_ratio


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


@given(st.lists(st.floats(-0.2, 0.2).map(lambda x: round(x, 6)), min_size=2))
def test_a_ratio_from_moments_is_that_of_the_returns(returns: list[float]) -> None:
    assume(statistics.stdev(returns) > 1e-6)
    mean = statistics.fmean(returns)
    m2 = sum((value - mean) ** 2 for value in returns)

    found = float(ratio_of_moments(len(returns), mean, m2))

    expected = mean / statistics.stdev(returns) * math.sqrt(252)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)
