from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakebt.analysis.years import clustered_mean

VALUES = st.lists(
    st.tuples(
        st.floats(-1.0, 1.0, allow_subnormal=False),
        st.integers(0, 2),
        st.integers(0, 4),
    ),
    min_size=1,
    max_size=30,
)


@given(VALUES)
def test_means_and_errors_are_those_of_a_slow_loop(
    rows: list[tuple[float, int, int]],
) -> None:
    groups = sorted({group for _, group, _ in rows})
    mean, error = clustered_mean(
        np.array([value for value, _, _ in rows]),
        group=np.array([groups.index(group) for _, group, _ in rows]),
        date=np.array([date for _, _, date in rows]),
    )

    for place, group in enumerate(groups):
        own = [(value, date) for value, g, date in rows if g == group]
        average = math.fsum(value for value, _ in own) / len(own)
        dates = {date for _, date in own}
        assert mean[place] == pytest.approx(average, abs=1e-12)
        if len(dates) == 1:
            assert math.isnan(error[place])
            continue
        square = sum(
            math.fsum(value - average for value, d in own if d == date) ** 2
            for date in dates
        )
        cluster = len(dates) / (len(dates) - 1)
        expected = math.sqrt(cluster * square) / len(own)
        assert error[place] == pytest.approx(expected, abs=1e-9)


def test_with_one_value_a_date_it_is_the_textbook_error() -> None:
    values = np.random.default_rng(3).normal(size=40)

    mean, error = clustered_mean(
        values, group=np.zeros(40, dtype=np.int64), date=np.arange(40)
    )

    assert mean[0] == pytest.approx(values.mean())
    assert error[0] == pytest.approx(values.std(ddof=1) / 40**0.5)


def test_values_that_share_a_date_are_one_draw() -> None:
    values = np.array([1.0, 3.0, 5.0])

    _, once = clustered_mean(
        values, group=np.zeros(3, dtype=np.int64), date=np.arange(3)
    )
    _, twice = clustered_mean(
        np.repeat(values, 2),
        group=np.zeros(6, dtype=np.int64),
        date=np.repeat(np.arange(3), 2),
    )

    assert twice[0] == pytest.approx(once[0])
