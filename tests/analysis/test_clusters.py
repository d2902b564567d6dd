"""Variances clustered two ways, against a slow loop and statsmodels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from lakebt.analysis.clusters import effective_number, two_way_variance

RNG = np.random.default_rng(7)
N = 400
DATE, SESSION = RNG.integers(0, 23, N), RNG.integers(100, 140, N)
VALUES = RNG.normal(size=N) + RNG.normal(size=23)[DATE] + RNG.normal(size=140)[SESSION]


def slow(values: np.ndarray, *ways: np.ndarray) -> float:
    sums: dict[tuple[int, ...], float] = {}
    for value, *key in zip(values, *ways, strict=True):
        sums[tuple(key)] = sums.get(tuple(key), 0.0) + value
    return sum(x * x for x in sums.values()) * len(sums) / (len(sums) - 1)


def test_two_ways_agree_with_the_slow_loop() -> None:
    apart = VALUES - VALUES.mean()

    found = two_way_variance(apart, date=DATE, session=SESSION)

    both = slow(apart, DATE, SESSION)
    expected = slow(apart, DATE) + slow(apart, SESSION) - both
    assert found == pytest.approx(expected, rel=1e-12)


def test_two_ways_agree_with_statsmodels(sm: Any) -> None:
    """Of the mean; statsmodels scales each way by (N - 1) / (N - k), which is 1."""
    fit = sm.OLS(VALUES, np.ones(N)).fit()
    expected = sm.stats.cov_cluster_2groups(fit, DATE, SESSION)[0][0, 0]

    apart = (VALUES - VALUES.mean()) / N

    found = two_way_variance(apart, date=DATE, session=SESSION)
    assert found == pytest.approx(expected, rel=1e-12)


def test_it_is_never_below_one_way() -> None:
    """Values that cancel within each date and each session: the difference is < 0."""
    values = np.array([1.0, -1.0, -1.0, 1.0])
    date, session = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])

    assert two_way_variance(values, date=date, session=session) == 0.0
    assert slow(values, date) + slow(values, session) < slow(values, date, session)


def test_one_date_or_one_session_has_no_variance() -> None:
    values, same, apart = np.array([1.0, -1.0]), np.array([4, 4]), np.array([1, 2])

    assert math.isnan(two_way_variance(values, date=same, session=apart))
    assert math.isnan(two_way_variance(values, date=apart, session=same))
    assert not math.isnan(two_way_variance(values, date=apart, session=apart))


@pytest.mark.parametrize(
    ("counts", "expected"),
    [([5, 5, 5, 5], 4.0), ([1], 1.0), ([30, 0, 0], 1.0), ([3, 1], 1.6), ([], 0.0)],
)
def test_effective_number(counts: list[int], expected: float) -> None:
    assert effective_number(np.array(counts, dtype=np.int64)) == pytest.approx(expected)
