"""Means of groups, and without each date, against slow loops and statsmodels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lakebt.analysis.means import grouped_means, without_each_date
from lakebt.analysis.years import clustered_mean

ROWS = st.lists(
    st.tuples(st.floats(-1.0, 1.0, allow_subnormal=False), st.integers(0, 6)),
    min_size=1,
    max_size=30,
)


@given(ROWS)
def test_leaving_a_date_out_is_as_if_it_had_never_been(
    rows: list[tuple[float, int]],
) -> None:
    values = np.array([value for value, _ in rows])
    date = np.array([day for _, day in rows])

    dates, found = without_each_date(values, date=date)

    if len(set(date.tolist())) == 1:
        assert not len(dates)
        return
    assert dates.tolist() == sorted(set(date.tolist()))
    for place, day in enumerate(dates.tolist()):
        others = date != day
        group = np.zeros(int(others.sum()), dtype=np.int64)
        mean, error = clustered_mean(values[others], group=group, date=date[others])
        assert found.mean[place] == pytest.approx(mean[0], abs=1e-12)
        assert found.error[place] == pytest.approx(error[0], abs=1e-6, nan_ok=True)
        assert found.n_dates[place] == len(set(date[others].tolist()))


def test_the_interval_is_that_of_statsmodels(sm: Any) -> None:
    rng = np.random.default_rng(4)
    values, date = rng.standard_normal(60), rng.integers(0, 12, 60)

    found = grouped_means(values, group=np.zeros(60, dtype=np.int64), date=date)
    # Its correction has (n - 1) / (n - k) as well, which is 1 with one regressor.
    fit = sm.OLS(values, np.ones(60)).fit(
        cov_type="cluster", cov_kwds={"groups": date}, use_t=True
    )

    low, high = fit.conf_int()[0]
    assert found.error[0] == pytest.approx(fit.bse[0])
    assert found.t[0] == pytest.approx(fit.tvalues[0])
    assert found.mean[0] - found.half_width[0] == pytest.approx(low)
    assert found.mean[0] + found.half_width[0] == pytest.approx(high)


def test_a_hand_table() -> None:
    """Two dates of sums 3 and 3 around 2: 1 + 2 less 4, and 3 less 2."""
    found = grouped_means(
        np.array([1.0, 2.0, 3.0]),
        group=np.zeros(3, dtype=int),
        date=np.array([0, 0, 1]),
    )

    assert found.mean.tolist() == [2.0]
    assert found.error[0] == pytest.approx(math.sqrt(2.0 * (1.0 + 1.0)) / 3.0)
    quantile = stats.t.ppf(0.975, 1)
    assert found.half_width[0] == pytest.approx(quantile * found.error[0])


def test_without_spread_or_dates_there_is_no_t() -> None:
    alike = grouped_means(
        np.array([1.0, 1.0]), group=np.zeros(2, dtype=int), date=np.array([0, 1])
    )
    alone = grouped_means(
        np.array([1.0, 2.0]), group=np.zeros(2, dtype=int), date=np.array([3, 3])
    )
    _, left = without_each_date(np.array([7.0, 1.0, 1.0]), date=np.array([0, 1, 2]))

    assert alike.error.tolist() == [0.0]
    assert np.isnan(alike.t).all()
    assert np.isnan([alone.error[0], alone.t[0], alone.half_width[0]]).all()
    assert left.error[0] == 0.0
    assert np.isnan(left.t[0])
    assert left.t[1] == pytest.approx(4.0 / 3.0)
