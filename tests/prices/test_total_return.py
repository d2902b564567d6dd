"""Prices whose changes are returns, by hand."""

from __future__ import annotations

import datetime as dt
from math import nan

import pytest

from lakebt.instants import EPOCH, TICK
from lakebt.prices.total_return import ReturnPrices
from tests.prices.made_history import Told, history_of

FIRST, EX, LAST = 4_000, 4_002, 4_004


def bars(*closes: float) -> dict[int, tuple[float, float]]:
    """Return bars that open where they close."""
    return {FIRST + day: (close, close) for day, close in enumerate(closes)}


def growth(told: list[Told], **prices: dict[int, tuple[float, float]]) -> list[float]:
    """Return the growth of A from close to close."""
    window = ReturnPrices(history_of(prices, told)).window(["A"], FIRST, LAST)
    closes = window[1::2, 0]
    grown: list[float] = (closes[1:] / closes[:-1]).tolist()
    return grown


def test_without_actions_they_are_the_bars() -> None:
    history = history_of({"A": bars(10.0, 11.0, 12.0, 13.0, 14.0)}, [])

    found = ReturnPrices(history).window(["A", "NONE"], FIRST, LAST)

    assert found.tobytes() == history.window(["A", "NONE"], FIRST, LAST).tobytes()


def test_a_split_is_no_return() -> None:
    told = [Told("A", "split", EX, ratio=4.0)]

    assert growth(told, A=bars(100.0, 100.0, 25.0, 26.0, 26.0)) == pytest.approx(
        [1.0, 1.0, 1.04, 1.0]
    )


def test_a_dividend_is_put_into_the_share_at_the_close_before() -> None:
    """1 of 20 leaves 19: who is at 19 again has lost nothing."""
    told = [Told("A", "cash_dividend", EX, cash=1.0)]

    assert growth(told, A=bars(20.0, 20.0, 19.0, 20.9, 20.9)) == pytest.approx(
        [1.0, 1.0, 1.1, 1.0]
    )


def test_a_spun_off_child_is_held_on() -> None:
    told = [Told("A", "spin_off", EX, ratio=0.5, other="B")]

    found = growth(
        told,
        A=bars(100.0, 100.0, 90.0, 90.0, 99.0),
        B=bars(nan, nan, 20.0, 40.0, 40.0),
    )

    assert found == pytest.approx([1.0, 1.0, 1.1, 109.0 / 110.0 * 119.0 / 109.0])


def test_the_cash_of_an_ending_lies_there() -> None:
    told = [Told("A", "merger", EX, cash=110.0)]

    assert growth(told, A=bars(100.0, 100.0)) == pytest.approx([1.0, 1.1, 1.0, 1.0])


def test_what_was_not_known_is_not_taken_back() -> None:
    """A split in the estimation window that nobody had told by then stays a jump."""
    raw, at = [100.0, 100.0, 25.0, 25.0, 25.0], dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
    told = Told("A", "split", EX, ratio=4.0, known_at=(at - EPOCH) // TICK)
    prices = ReturnPrices(history_of({"A": bars(*raw)}, [told]))

    known, before = (
        prices.known_closes("A", FIRST, LAST, before=at + late).tolist()
        for late in (TICK, 0 * TICK)
    )

    assert before == raw
    assert known == [100.0] * 5
