"""The error and probability of a Sharpe ratio: the numbers that were published."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from lakebt.analysis.sharpe import lo_standard_error
from lakebt.analysis.sharpe_inference import (
    minimum_track_record,
    probabilistic_sharpe,
    sharpe_error,
    sharpe_power,
)
from lakebt.analysis.sharpe_maximum import (
    deflated_by_maximum,
    deflated_sharpe,
    error_of_maximum,
    expected_maximum_sharpe,
    minimum_backtest_length,
)
from lakebt.errors import InvalidArgumentError

RATIO = 0.036 / 0.079
MOMENTS: dict[str, Any] = {"skew": -2.448, "kurtosis": 10.164, "rho": 0.2}
"""The worked example of Lopez de Prado, Lipton and Zoonekynd (2026), 24 returns."""


def test_lo_2002() -> None:
    assert round(float(sharpe_error(0.5, 12)), 3) == 0.306


def test_the_error_without_moments_is_that_of_lo() -> None:
    daily = 1.3 / math.sqrt(252)

    error = float(sharpe_error(daily, 504)) * math.sqrt(252)

    assert error == pytest.approx(lo_standard_error(1.3, 504), rel=1e-14)


def test_the_worked_example_of_2026() -> None:
    assert round(RATIO, 3) == 0.456
    assert round(float(sharpe_error(RATIO, 24, **MOMENTS)), 3) == 0.379
    assert round(float(sharpe_error(RATIO, 24)), 3) == 0.214
    assert round(float(probabilistic_sharpe(RATIO, 24, **MOMENTS)), 3) == 0.966
    above = probabilistic_sharpe(RATIO, 24, benchmark=0.1, **MOMENTS)
    assert round(float(above), 3) == 0.900
    assert round(float(minimum_track_record(RATIO, **MOMENTS)), 3) == 19.543
    longer = minimum_track_record(RATIO, benchmark=0.1, **MOMENTS)
    assert round(float(longer), 3) == 39.369
    assert round(1.0 - float(sharpe_power(0.5, 24, **MOMENTS)), 3) == 0.411


def test_the_same_example_without_autocorrelation() -> None:
    """As the authors' own code tests it."""
    moments: dict[str, Any] = {"skew": -2.448, "kurtosis": 10.164}
    assert round(float(sharpe_error(RATIO, 24, **moments)), 3) == 0.329
    assert round(float(probabilistic_sharpe(RATIO, 24, **moments)), 3) == 0.987
    assert round(float(minimum_track_record(RATIO, **moments)), 3) == 13.029
    assert round(1.0 - float(sharpe_power(0.5, 24, **moments)), 3) == 0.315


def test_the_best_of_ten_in_2026() -> None:
    assert round(expected_maximum_sharpe(10, 0.1), 3) == 0.498
    assert round(error_of_maximum(10, 0.1), 3) == 0.186
    assert round(deflated_by_maximum(RATIO, n_trials=10, variance=0.1), 3) == 0.410


def test_the_deflated_ratio_of_2014_takes_plain_kurtosis() -> None:
    best = {"n_trials": 100, "variance": 0.5 / 250, "skew": -3.0}
    daily = 2.5 / math.sqrt(250)

    assert round(expected_maximum_sharpe(100, 0.5 / 250), 4) == 0.1132
    assert round(deflated_sharpe(daily, 1_250, kurtosis=10.0, **best), 4) == 0.9004
    # That of a normal series taken off, by mistake:
    assert round(deflated_sharpe(daily, 1_250, kurtosis=7.0, **best), 4) == 0.9018


def test_forty_five_trials_need_five_years() -> None:
    assert minimum_backtest_length(45) == pytest.approx(5.0, abs=0.005)
    assert round(expected_maximum_sharpe(10, 1.0), 2) == 1.57
    assert minimum_backtest_length(1) == 0.0


def test_a_track_record_of_the_length_asked_for_is_just_significant() -> None:
    needed = minimum_track_record(RATIO, benchmark=0.1, alpha=0.01, **MOMENTS)

    assert float(
        probabilistic_sharpe(RATIO, needed, benchmark=0.1, **MOMENTS)
    ) == pytest.approx(0.99)


def test_the_largest_of_two_and_of_many_normals() -> None:
    # of two: 1 - 1 / pi, Jones (1948); of one: itself
    assert error_of_maximum(2, 1.0) == pytest.approx(math.sqrt(1.0 - 1.0 / math.pi))
    assert error_of_maximum(1, 4.0) == pytest.approx(2.0)
    best = np.random.default_rng(3).normal(size=(20_000, 50)).max(axis=1)
    assert error_of_maximum(50, 1.0) == pytest.approx(float(best.std()), rel=0.02)


def test_the_error_is_the_spread_of_simulated_ratios() -> None:
    """Returns that follow each other, skewed: AR(1) of exponentials."""
    rng = np.random.default_rng(4)
    shocks = rng.exponential(size=(4_000, 450)) - 1.0
    rows = np.zeros_like(shocks)
    for step in range(1, shocks.shape[1]):
        rows[:, step] = 0.3 * rows[:, step - 1] + shocks[:, step]
    rows = rows[:, 50:] + 0.3
    ratios = rows.mean(axis=1) / rows.std(axis=1, ddof=1)
    flat = rows.ravel()

    error = sharpe_error(
        float(flat.mean() / flat.std()),
        400,
        skew=float(stats.skew(flat)),
        kurtosis=float(stats.kurtosis(flat, fisher=False)),
        rho=0.3,
    )

    assert float(error) == pytest.approx(float(ratios.std()), rel=0.06)


def test_arrays_are_as_their_parts() -> None:
    ratios = np.array([0.1, -0.2, np.nan])

    together = probabilistic_sharpe(ratios, np.array([50.0, 60.0, 70.0]), skew=-0.5)

    alone = [
        float(probabilistic_sharpe(ratio, n, skew=-0.5))
        for ratio, n in zip(ratios, (50, 60, 70), strict=True)
    ]
    np.testing.assert_array_equal(together, alone)
    assert math.isnan(together[2])


def test_what_cannot_be_is_empty() -> None:
    assert math.isnan(float(sharpe_error(0.1, 10, rho=1.0)))
    assert math.isnan(float(sharpe_error(1.0, 10, skew=9.0)))
    assert math.isinf(float(minimum_track_record(0.0)))
    assert math.isinf(float(minimum_track_record(-0.1)))
    assert math.isnan(deflated_by_maximum(0.1, n_trials=5, variance=0.0))


def test_no_trial_and_a_negative_variance_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=r"n_trials .* was 0: count"):
        expected_maximum_sharpe(0, 1.0)
    with pytest.raises(
        InvalidArgumentError, match="variance must not be negative, was -1"
    ):
        expected_maximum_sharpe(3, -1.0)
    with pytest.raises(InvalidArgumentError, match="expected must be above 0, was 0"):
        minimum_backtest_length(3, 0)
