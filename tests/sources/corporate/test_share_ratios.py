from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakebt.sources.corporate.share_ratios import CLOSE, MOST, meant, read_ratio


@pytest.mark.parametrize(
    ("text", "ratio"),
    [
        ("7", 7.0),
        (" 0.125 ", 0.125),
        ("1/3", 1 / 3),
        ("3:2", 1.5),
        ("1 : 10", 0.1),
        ("3-for-2", 1.5),
        ("1 for 60", 1 / 60),
        ("1.05:1", 1.05),
    ],
)
def test_ratios_as_people_write_them(text: str, ratio: float) -> None:
    assert read_ratio(text) == ratio


@pytest.mark.parametrize("text", ["", "three", "1/0", "1/2/3", "inf", "nan", "-1/3"])
def test_no_ratio(text: str) -> None:
    assert read_ratio(text) is None


@pytest.mark.parametrize(
    ("stored", "fraction"),
    [
        (7.00000700001, "7"),  # AAPL 2014 by one vendor
        (1 / 0.1428572, "7"),  # and by LEAN's factor
        (6.9999972, "7"),
        (0.3333, "1/3"),  # TWX 2009
        (3.0003, "3"),
        (1.99985, "2"),
        (1.3333333, "4/3"),
        (1.5, "3/2"),
        (1.25, "5/4"),
        (1.05, "21/20"),
        (0.125, "1/8"),
        (50.0, "50"),
        (1 / 60, "1/60"),
    ],
)
def test_splits_as_vendors_store_them(stored: float, fraction: str) -> None:
    found = meant(stored)

    assert found is None if fraction == "21/20" else found == Fraction(fraction)


SPIN_OFFS_TOLD_AS_SPLITS = [
    *(1.011, 1.032, 1.046, 1.054, 1.062, 1.065, 1.128, 1.136, 1.193, 1.195, 1.196),
    *(1.253, 1.281, 1.289, 1.319, 1.324, 1.3348, 1.402, 1.487, 1.489, 1.837, 0.4725),
]
"""Each of a real spin-off, as Yahoo or Alpha Vantage stores it."""


@pytest.mark.parametrize("stored", SPIN_OFFS_TOLD_AS_SPLITS)
def test_a_spin_off_told_as_a_split_is_no_fraction(stored: float) -> None:
    assert meant(stored) is None


@pytest.mark.parametrize("stored", [0.0, -2.0, math.nan, math.inf, 1.0, 1.002746])
def test_what_is_no_split_at_all(stored: float) -> None:
    assert meant(stored) is None


@given(st.integers(1, MOST), st.integers(1, MOST), st.floats(-CLOSE / 3, CLOSE / 3))
def test_every_small_fraction_is_found_again(new: int, old: int, off: float) -> None:
    fraction = Fraction(new, old)
    found = meant(float(fraction) * (1 + off))

    assert found == (None if fraction == 1 else fraction)
