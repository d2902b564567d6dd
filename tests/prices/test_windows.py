"""Marks of windows of bars, against one bar after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakebt.prices.windows import PriceWindows

if TYPE_CHECKING:
    from lakebt._typing import FloatVector

NAN = float("nan")

closes = st.lists(st.sampled_from([NAN, 10.0, 11.5, 12.25]), min_size=1, max_size=6)


def windows(each: list[list[float]], held: list[float]) -> PriceWindows:
    bars = np.array([close for one in each for close in one])
    starts = np.cumsum([0, *(len(one) for one in each)])[:-1]
    return PriceWindows(
        opens=np.append(bars, held),
        closes=np.append(bars, held),
        base=starts,
        starts=starts,
        cash=np.zeros(len(held)),
        held_marks=np.array(held),
    )


def by_hand(each: list[list[float]]) -> list[float]:
    """One bar after the other: the last close of the window itself, if it had one."""
    marks = []
    for one in each:
        last = NAN
        for close in one:
            last = last if np.isnan(close) else close
            marks.append(last)
    return marks


@given(each=st.lists(closes, min_size=1, max_size=5), held=st.lists(st.just(7.0)))
def test_a_gap_is_marked_at_the_last_close_of_its_own_window(
    each: list[list[float]], held: list[float]
) -> None:
    marks: FloatVector = windows(each, held).marks

    np.testing.assert_array_equal(marks, [*by_hand(each), *held])


def test_a_gap_where_a_window_begins_takes_nothing_of_the_one_before() -> None:
    marks = windows([[10.0, NAN], [NAN, 12.25, NAN], [NAN]], []).marks

    assert marks.tolist() == pytest.approx(
        [10.0, 10.0, NAN, 12.25, 12.25, NAN], nan_ok=True
    )
