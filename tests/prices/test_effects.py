"""What a day's actions make of a share, by hand, on each basis of the bars."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pytest

from lakebt.prices.actions import ActionKind
from lakebt.prices.effects import Effect, effects, per_bar_share
from tests.prices.made_history import NYSE, act, flat, history_of

DAY = NYSE.on_or_after(dt.date(2020, 4, 3))


def of(history: Any, **options: Any) -> dict[tuple[str, int], Effect]:
    told = effects(per_bar_share(history, history.actions.final, **options))
    return {(each.symbol, each.session - DAY): each for each in told}


def test_raw_bars_get_all_that_a_day_brings_together() -> None:
    """UTX on 3 April 2020: two spin-offs and a rename, at one open."""
    history = history_of(
        {symbol: flat(50.0, DAY - 2, DAY + 2) for symbol in ("UTX", "RTX", "CARR")},
        told=[
            act("UTX", "rename", DAY, other="RTX"),
            act("UTX", "spin_off", DAY, other="CARR", ratio=1.0),
            act("UTX", "spin_off", DAY, other="OTIS", ratio=0.5),
            act("UTX", "cash_dividend", DAY, cash=0.7),
            act("UTX", "split", DAY, ratio=2.0),
        ],
    )

    (effect,) = of(history).values()

    assert effect.ending is ActionKind.RENAME
    assert (effect.kept, effect.dividend, effect.capital) == (0.0, 0.7, 0.0)
    assert effect.received == (("CARR", 1.0), ("OTIS", 0.5), ("RTX", 1.0))


def test_split_adjusted_bars_have_splits_and_spin_offs_in_them() -> None:
    """By hand: a dividend of 0.80 before 4-for-1 is 0.20 a share of the bars.

    Before a spin-off of 1 share at 20 from a parent that opens at 80, the parent's bars
    are four fifths: a dividend of 1.00 before it is 0.80 of them.
    """
    history = history_of(
        {"S": flat(30.0, DAY - 9, DAY + 9), "P": flat(80.0, DAY - 9, DAY + 9)}
        | {"C": flat(20.0, DAY, DAY + 9)},
        basis={"S": "split_adjusted", "P": "split_adjusted", "C": "raw"},
        told=[
            act("S", "cash_dividend", DAY - 3, cash=0.8),
            act("S", "split", DAY, ratio=4.0),
            act("S", "cash_dividend", DAY, cash=0.4),
            act("S", "cash_dividend", DAY + 1, cash=0.1),
            act("P", "spin_off", DAY, other="C", ratio=1.0),
            act("P", "cash_dividend", DAY - 1, cash=1.0),
        ],
    )

    told = of(history)

    assert {key: effect.kept for key, effect in told.items()} == dict.fromkeys(
        [("S", -3), ("S", 0), ("S", 1), ("P", -1)], 1.0
    )
    assert [told["S", day].dividend for day in (-3, 0, 1)] == [0.2, 0.1, 0.1]
    assert told["P", -1].dividend == pytest.approx(0.8)


def test_an_ending_converts_the_shares_of_bars_on_both_sides() -> None:
    """By hand: 3.00 and half a share of B, whose bars are twice split later.

    A's bars end before its ending; B's are a quarter of what they were, so half a
    share is two of theirs; total-return bars of D have its dividend, others owe it.
    """
    history = history_of(
        {"A": flat(10.0, DAY - 9, DAY - 1)}
        | {name: flat(10.0, DAY - 9, DAY + 9) for name in "BD"},
        basis={"A": "raw", "B": "split_adjusted", "D": "total_return"},
        told=[
            act("A", "merger", DAY, cash=3.0, other="B", ratio=0.5),
            act("B", "split", DAY, ratio=9.0),
            act("B", "split", DAY + 2, ratio=2.0),
            act("B", "split", DAY + 4, ratio=2.0),
            act("D", "cash_dividend", DAY, cash=1.0),
        ],
    )

    told = of(history)

    assert set(told) == {("A", 0)}
    assert told["A", 0].capital == 3.0
    assert told["A", 0].received == (("B", 2.0),)


def test_a_delisting_without_cash_is_unknown_unless_its_return_is_given() -> None:
    history = history_of(
        {"A": flat(40.0, DAY - 3, DAY - 1)},
        told=[act("A", "delisting", DAY)],
    )

    assert math.isnan(of(history)["A", 0].capital)
    assert of(history, delisting_return=-0.55)["A", 0].capital == pytest.approx(18.0)
    assert of(history, delisting_return=-1.0)["A", 0].capital == 0.0
