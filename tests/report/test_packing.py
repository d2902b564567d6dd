"""What a page carries of a study, read back by a reader of its own."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lakebt.report.packing import packed
from lakebt.report.panel_data import Ingredients, Terms

TERMS = Terms(
    side="both",
    hedge=-1,
    gross=1.0,
    capital_usd=1e5,
    drop_leg=False,
    fee=3e-4,
    borrow_per_day=1e-5,
    by_leg=False,
    max_weight=1.0,
)


def made(**changed: Any) -> Ingredients:
    """One event of one leg, entered in session 1 of 4 and left at two exits."""
    values: dict[str, Any] = {
        "terms": TERMS,
        "n_entries": 1,
        "n_exits": 2,
        "event_ids": ("SIM:2020-01-02:2020-01-10",),
        "symbols": ("ADD1",),
        "event_day": np.array([18263]),
        "days": np.array([18263, 18264, 18267, 18268]),
        "leg_symbol": np.array([0]),
        "leg_is_addition": np.array([1]),
        "series_symbol": np.array([0]),
        "series_first": np.array([0]),
        "series_count": np.array([4]),
        "opens": np.array([10.0, 10.25, np.nan, 11.0]),
        "closes": np.array([10.5, 10.75, np.nan, 10.01]),
        "slot_event": np.array([0]),
        "slot_entry": np.array([0]),
        "entry_row": np.array([2]),
        "start": np.array([0, 1]),
        "leg": np.array([0]),
        "sizing_price": np.array([10.5]),
        "is_traded": np.array([[True, True]]),
        "exit_row": np.array([[6, 7]]),
        "is_relative": np.array([True, False]),
        "apart": np.zeros(0, dtype=np.int64),
        "apart_row": np.zeros(0, dtype=np.int64),
    }
    return Ingredients(**{**values, **changed})


def read(text: str) -> dict[str, Any]:
    """Read a packed file, a byte at a time."""
    content = gzip.decompress(base64.b64decode(text))
    length = int.from_bytes(content[:4], "little")
    header: dict[str, Any] = json.loads(content[4 : 4 + length])
    at = 4 + length
    for name, told in header.pop("arrays").items():
        n, width = told["n"], told["width"]
        planes = content[at : at + n * width]
        at += n * width
        numbers = [
            sum(planes[k * n + i] << (8 * k) for k in range(width)) for i in range(n)
        ]
        if told.get("float"):
            raw = b"".join(number.to_bytes(8, "little") for number in numbers)
            header[name] = np.frombuffer(raw, dtype="<f8").tolist()
        else:
            header[name] = [-(v + 1) // 2 if v % 2 else v // 2 for v in numbers]
    assert at == len(content)
    return header


def prices(found: dict[str, Any]) -> list[float]:
    """Return opens and closes in turns, without the missing ones."""
    steps = iter(found["price_steps"])
    told, bar = [], 0
    for digits, count in zip(
        found["series_digits"], found["series_count"], strict=True
    ):
        whole = 0
        for missing in found["missing"][bar : bar + count]:
            for _ in range(0 if missing else 2):
                whole += next(steps)
                told.append(whole / 10**digits)
        bar += count
    assert next(steps, None) is None
    return told


def test_everything_is_there_again() -> None:
    found = read(packed(made()))

    assert found["event_ids"] == ["SIM:2020-01-02:2020-01-10"]
    assert found["terms"]["fee"] == 3e-4
    assert found["days"] == [18263, 1, 3, 1]
    assert found["missing"] == [0, 0, 1, 0]
    assert found["series_digits"] == [2], "cents"
    assert prices(found) == [10.0, 10.5, 10.25, 10.75, 11.0, 10.01]
    assert found["event_row"] == [2]
    assert found["exit_row"] == [4, 5], "4 after the entry; 5 after the event's first"


def test_the_same_study_gives_the_same_text() -> None:
    assert packed(made()) == packed(made())


@pytest.mark.parametrize(
    ("price", "sized", "own"),
    [
        (10.5, 1, []),
        (float("nan"), 0, []),
        (10.4, 255, [10.4]),
    ],
    ids=["the close before", "no close", "a close corrected later"],
)
def test_a_sizing_price_is_told_by_where_it_is(
    price: float, sized: int, own: list[float]
) -> None:
    found = read(packed(made(sizing_price=np.array([price]))))

    assert found["sized"] == [sized]
    assert found["own_sizing"] == own


@given(
    hnp.arrays(
        np.float64,
        (2, 4),
        elements=st.floats(1e-4, 1e6) | st.just(float("nan")),
    )
)
def test_prices_err_by_less_than_anybody_sees(bars: Any) -> None:
    bars = np.where(np.isnan(bars).any(axis=0), np.nan, bars)
    found = read(packed(made(opens=bars[0], closes=bars[1])))

    exact = bars.T.ravel()
    exact = exact[~np.isnan(exact)]
    told = prices(found)
    if len(exact):
        # Below 2**53 of the unit; so the smallest of widely spread prices err more.
        bound = max(1e-11 * float(exact.min()), 2.0**-49 * float(exact.max()))
        assert np.abs(np.array(told) - exact).max() <= bound


@given(st.lists(st.integers(1, 10**9), min_size=8, max_size=8))
def test_decimal_prices_are_exact(cents: list[int]) -> None:
    bars = np.array(cents).reshape(2, 4) / 100

    assert prices(read(packed(made(opens=bars[0], closes=bars[1])))) == (
        bars.T.ravel().tolist()
    )
