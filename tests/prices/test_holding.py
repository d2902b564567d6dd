"""What became of a hundred shares over real opens, by hand."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pytest

from lakebt.prices.holding import Holdings
from tests.prices.made_history import Told, history_of

EVE, DAY = 4_000, 4_001


class Case(NamedTuple):
    """A share at the close before, its actions that morning, and the opens then."""

    symbol: str
    close: float
    told: tuple[Told, ...]
    opens: dict[str, float]
    shares: dict[str, float]
    cash: float
    worth: float


CASES = {
    # Terms: 8-K of the acquirers; prices: daily bars of that morning.
    "SNI": Case(
        "SNI",
        90.04,
        (Told("SNI", "merger", DAY, cash=65.82, ratio=1.0584, other="DISCK"),),
        {"DISCK": 22.71},
        {"DISCK": 105.84},
        6_582.00,
        8_985.63,
    ),
    "TWX": Case(
        "TWX",
        98.77,
        (Told("TWX", "merger", DAY, cash=53.75, ratio=1.437, other="T"),),
        {"T": 32.62},
        {"T": 143.7},
        5_375.00,
        10_062.49,
    ),
    "CXO": Case(
        "CXO",
        65.60,
        (Told("CXO", "merger", DAY, ratio=1.46, other="COP"),),
        {"COP": 45.15},
        {"COP": 146.0},
        0.0,
        6_591.90,
    ),
    "COP": Case(
        "COP",
        71.63,
        (Told("COP", "spin_off", DAY, ratio=0.5, other="PSX"),),
        {"COP": 55.92, "PSX": 33.74},
        {"COP": 100.0, "PSX": 50.0},
        0.0,
        7_279.00,
    ),
    "UTX": Case(
        "UTX",
        86.01,
        (
            Told("UTX", "spin_off", DAY, ratio=1.0, other="CARR"),
            Told("UTX", "spin_off", DAY, ratio=0.5, other="OTIS"),
            Told("UTX", "rename", DAY, other="RTX"),
        ),
        {"RTX": 51.00, "CARR": 13.75, "OTIS": 43.75},
        {"RTX": 100.0, "CARR": 100.0, "OTIS": 50.0},
        0.0,
        8_662.50,
    ),
    "AAPL": Case(
        "AAPL",
        499.23,
        (Told("AAPL", "split", DAY, ratio=4.0),),
        {"AAPL": 127.58},
        {"AAPL": 400.0},
        0.0,
        51_032.00,
    ),
    # Raytheon's holders got RTX as it trades that morning, without Carrier and Otis.
    "RTN": Case(
        "RTN",
        116.96,
        (
            Told("RTN", "merger", DAY, ratio=2.3348, other="RTX"),
            Told("RTX", "spin_off", DAY, ratio=1.0, other="CARR"),
            Told("RTX", "split", DAY, ratio=9.0),
        ),
        {"RTX": 51.00},
        {"RTX": 233.48},
        0.0,
        11_907.48,
    ),
    "TWC": Case(
        "TWC",
        209.56,
        (
            Told("TWC", "merger", DAY, cash=100.0, ratio=0.48908178, other="CHTR"),
            Told("CHTR", "split", DAY, ratio=0.9042),
        ),
        {"CHTR": 224.91},
        {"CHTR": 48.908178},
        10_000.0,
        20_999.94,
    ),
    "T": Case(
        "T",
        24.15,
        (Told("T", "spin_off", DAY, ratio=0.241917, other="WBD"),),
        {"T": 18.86, "WBD": 24.08},
        {"T": 100.0, "WBD": 24.1917},
        0.0,
        2_468.54,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_a_hundred_shares_become_what_they_did(case: Case) -> None:
    bars = {symbol: {DAY: (price, price)} for symbol, price in case.opens.items()}
    bars.setdefault(case.symbol, {})[EVE] = (case.close, case.close)
    history = history_of(bars, case.told)

    held = Holdings(history).follow(case.symbol, entered=EVE, last=DAY)
    worth = held.worth(history)

    after = held.at(DAY)
    assert {s: 100.0 * n for s, n in after.shares.items()} == pytest.approx(case.shares)
    assert 100.0 * after.cash == pytest.approx(case.cash)
    total = 100.0 * (worth.opens[1] + worth.cash[1])
    assert round(float(total), 2) == case.worth
    assert 100.0 * worth.closes[0] == pytest.approx(100.0 * case.close)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_who_enters_at_that_open_gets_and_owes_nothing(case: Case) -> None:
    history = history_of(
        {symbol: {DAY: (price, price)} for symbol, price in case.opens.items()},
        case.told,
    )

    for symbol in case.opens:
        held = Holdings(history).follow(symbol, entered=DAY, last=DAY + 3)
        assert held.is_plain
        assert held.at(DAY + 3).shares == {symbol: 1.0}


def flat(
    symbols: str, first: int, last: int, price: float = 10.0
) -> dict[str, dict[int, tuple[float, float]]]:
    run = dict.fromkeys(range(first, last + 1), (price, price))
    return {symbol: dict(run) for symbol in symbols.split()}


def test_a_dividend_is_paid_on_what_is_held_by_then() -> None:
    """By hand: 0.5 for each of 2 shares, then 1 for each of 0.25 x 2 of the child."""
    told = [
        Told("A", "split", DAY, ratio=2.0),
        Told("A", "cash_dividend", DAY + 1, cash=0.5),
        Told("A", "spin_off", DAY + 2, ratio=0.25, other="B"),
        Told("B", "cash_dividend", DAY + 3, cash=1.0),
        Told("A", "merger", DAY + 4, cash=7.0),
    ]
    history = history_of(flat("A B", EVE, DAY + 5), told)

    held = Holdings(history).follow("A", entered=EVE, last=DAY + 5)

    assert held.at(DAY + 1).dividends == held.at(DAY + 1).cash == 1.0
    assert held.at(DAY + 3).cash == 1.5
    after = held.at(DAY + 5)
    assert (after.cash, after.dividends) == (15.5, 1.5)
    assert after.shares == {"B": 0.5}
    assert [flow.cash for flow in held.flows] == [0.0, 1.0, 0.0, 0.5, 14.0]
    assert [(flow.before, flow.after) for flow in held.flows] == [
        (1.0, 2.0),
        (2.0, 2.0),
        (2.0, 0.5),
        (0.5, 0.5),
        (2.0, 0.0),
    ]
    assert held.ending(DAY + 3) is None
    assert held.ending(DAY + 4) is held.flows[-1].action


def test_figures_of_one_day_are_for_a_share_of_the_close_before() -> None:
    """By hand: the dividend is for the one share, not for the three after the split."""
    told = [
        Told("A", "split", DAY, ratio=3.0),
        Told("A", "cash_dividend", DAY, cash=0.6),
        Told("A", "spin_off", DAY, ratio=0.1, other="B"),
    ]
    held = Holdings(history_of(flat("A B", EVE, DAY), told)).follow(
        "A", entered=EVE, last=DAY
    )

    assert held.at(DAY).shares == {"A": 3.0, "B": 0.1}
    assert held.at(DAY).cash == 0.6


def test_nothing_is_split_where_a_share_ended() -> None:
    """By hand: 7.00 for each share of the close before, whatever a split says."""
    told = [Told("A", "split", DAY, ratio=2.0), Told("A", "merger", DAY, cash=7.0)]
    history = history_of(flat("A", EVE, DAY), told)

    held = Holdings(history).follow("A", entered=EVE, last=DAY)

    assert [flow.action.kind for flow in held.flows] == ["merger"]
    assert (held.at(DAY).shares, held.at(DAY).cash) == ({}, 7.0)


def test_bars_of_a_symbol_that_ended_are_ignored_until_it_comes_again() -> None:
    told = [
        Told("A", "rename", DAY, other="B"),
        Told("B", "rename", DAY + 3, other="A"),
    ]
    history = history_of(flat("A B", EVE, DAY + 5), told)

    first = history.window(["A", "B"], EVE, DAY + 5)[0::2]

    held = [[not math.isnan(price) for price in row] for row in first]
    assert held == [[True, True]] + [[False, True]] * 3 + [[True, False]] * 3
    worth = Holdings(history).follow("A", entered=EVE, last=DAY + 5).worth(history)
    assert worth.opens.tolist() == [10.0] * 7


def test_a_delisting_without_cash_needs_an_assumption() -> None:
    history = history_of(flat("A", EVE, DAY - 1, 106.04), [Told("A", "delisting", DAY)])
    asked: dict[str, Any] = {"entered": EVE, "last": DAY + 1}

    unknown = Holdings(history).follow("A", **asked).worth(history)
    lost = Holdings(history, -0.995).follow("A", **asked).worth(history)

    assert [math.isnan(price) for price in unknown.opens] == [False, True, True]
    assert [math.isnan(price) for price in unknown.closes] == [False, True, True]
    assert lost.opens.tolist() == [106.04, 0.0, 0.0]
    assert lost.cash[2] == pytest.approx(0.5302)
    assert lost.dividends.tolist() == [0.0, 0.0, 0.0]


def test_what_turns_into_shares_without_bars_has_no_price() -> None:
    told = [Told("A", "merger", DAY, cash=1.0, ratio=0.5, other="C")]
    history = history_of(flat("A", EVE, DAY - 1), told)

    worth = Holdings(history).follow("A", entered=EVE, last=DAY).worth(history)

    assert math.isnan(worth.opens[1])
    assert math.isnan(worth.closes[1])


def test_a_missing_bar_is_marked_at_its_last_close_in_todays_shares() -> None:
    bars = flat("A", EVE, DAY + 1)
    del bars["A"][DAY]
    bars["A"][DAY + 1] = (5.0, 5.5)
    history = history_of(bars, [Told("A", "split", DAY + 1, ratio=2.0)])

    worth = Holdings(history).follow("A", entered=EVE, last=DAY + 1).worth(history)

    assert math.isnan(worth.closes[1])
    assert worth.marks.tolist() == [10.0, 10.0, 11.0]


def test_a_split_in_a_gap_of_prices_divides_the_mark() -> None:
    """Nothing was earned in a session of which no close is known."""
    bars = flat("A", EVE, DAY + 1)
    del bars["A"][DAY]
    bars["A"][DAY + 1] = (6.0, 6.5)
    history = history_of(bars, [Told("A", "split", DAY, ratio=2.0)])
    holdings, entered = Holdings(history), np.array([EVE])

    worth = holdings.follow("A", entered=EVE, last=DAY + 1).worth(history)
    together, place = holdings.windows(
        history.codes(["A"]),
        entered=entered,
        last=np.array([DAY + 1]),
        has_close=np.array([True]),
    )

    assert worth.marks.tolist() == [10.0, 10.0, 13.0]
    assert together.held_marks.tolist() == [10.0, 10.0, 13.0]
    assert place.tolist() == [0]


def test_entries_between_two_actions_share_a_window_and_every_bit() -> None:
    """Bars with gaps, splits, dividends, a child and an ending: each as if alone."""
    rng = np.random.default_rng(5)
    count = 40
    bars = {
        symbol: {
            EVE + n: (float(rng.uniform(5, 9)), float(rng.uniform(5, 9)))
            for n in range(count)
            if rng.random() < 0.9
        }
        for symbol in "ABC"
    }
    told = [
        Told("A", "cash_dividend", EVE + 8, cash=0.3),
        Told("A", "split", EVE + 15, ratio=3.0),
        Told("A", "spin_off", EVE + 33, ratio=0.3, other="B"),
        Told("B", "cash_dividend", EVE + 36, cash=0.1),
        Told("C", "cash_dividend", EVE + 12, cash=0.7),
        Told("C", "delisting", EVE + 30, cash=0.2),
    ]
    history = history_of(bars, told)
    holdings = Holdings(history)
    every = [
        (symbol, entered, last)
        for symbol in "AC"
        for entered in range(EVE, EVE + count - 8)
        for last in (entered + 8, EVE + count - 1)
        if not holdings.follow(symbol, entered=entered, last=last).is_plain
    ]
    codes = history.codes([symbol for symbol, _, _ in every])
    entered, last = (np.array([each[n] for each in every]) for n in (1, 2))
    closes = [history.has_bar(symbol, session) for symbol, session, _ in every]
    windows, place = holdings.windows(
        codes, entered=entered, last=last, has_close=np.array(closes)
    )

    assert len(windows.starts) < len(every) / 2
    for number, (symbol, first, until) in enumerate(every):
        own = holdings.follow(symbol, entered=first, last=until).worth(history)
        at = windows.base[place[number]] + np.arange(first, until + 1)
        for name, values in (
            ("opens", windows.opens),
            ("closes", windows.closes),
            ("marks", windows.held_marks),
            ("cash", windows.cash),
        ):
            np.testing.assert_array_equal(values[at], getattr(own, name), err_msg=name)


# --- bars that are adjusted already -------------------------------------------------


def test_split_adjusted_bars_have_splits_and_spin_offs_in_them() -> None:
    """By hand: 2.00 a share told before a 4-for-1 split is 0.50 of an adjusted one."""
    told = [
        Told("A", "cash_dividend", DAY, cash=2.0),
        Told("A", "split", DAY + 1, ratio=4.0),
        Told("A", "cash_dividend", DAY + 2, cash=0.7),
    ]
    history = history_of(flat("A", EVE, DAY + 3), told, basis={"A": "split_adjusted"})

    held = Holdings(history).follow("A", entered=EVE, last=DAY + 3)

    assert held.at(DAY + 3).shares == {"A": 1.0}
    assert [flow.cash for flow in held.flows] == [0.5, 0.7]


def test_a_spin_off_scales_the_dividends_before_it() -> None:
    """By hand: AT&T's factor is 1 - 0.241917 x 24.43 / 24.15 = 0.75528 (1 / 1.3240)."""
    told = [
        Told("T", "cash_dividend", DAY, cash=0.52),
        Told("T", "spin_off", DAY + 2, ratio=0.241917, other="WBD"),
    ]
    adjusted = 24.15 - 0.241917 * 24.43
    bars = {"T": {EVE: (18.0, 18.0), DAY + 1: (18.0, adjusted), DAY + 2: (18.8, 19.0)}}
    bars["WBD"] = {DAY + 1: (24.0, 24.43), DAY + 2: (24.08, 24.78)}
    basis = {"T": "split_adjusted"}

    held = Holdings(history_of(bars, told, basis=basis)).follow(
        "T", entered=EVE, last=DAY + 2
    )

    assert held.at(DAY + 2).shares == {"T": 1.0}
    assert held.at(DAY + 2).cash == pytest.approx(0.52 * 0.75528, rel=1e-5)


def test_total_return_bars_have_dividends_in_them_too() -> None:
    told = [
        Told("A", "cash_dividend", DAY, cash=2.0),
        Told("A", "split", DAY, ratio=4.0),
        Told("A", "merger", DAY + 1, cash=9.0),
    ]
    history = history_of(flat("A", EVE, DAY), told, basis={"A": "total_return"})

    held = Holdings(history).follow("A", entered=EVE, last=DAY + 1)

    assert [flow.action.kind for flow in held.flows] == ["merger"]
    assert held.at(DAY + 1).cash == 9.0


def test_an_acquirer_in_other_units_is_worth_the_same() -> None:
    """By hand: 0.5 shares worth 80.00 as traded are 40.00 in any bars of them."""
    told = [
        Told("A", "merger", DAY, ratio=0.5, other="B"),
        Told("B", "split", DAY + 1, ratio=2.0),
        Told("B", "cash_dividend", DAY + 2, cash=4.0),
    ]
    raw = {DAY: (80.0, 80.0), DAY + 1: (40.0, 40.0), DAY + 2: (36.0, 36.0)}
    split = {DAY: (40.0, 40.0), DAY + 1: (40.0, 40.0), DAY + 2: (36.0, 36.0)}
    total = {DAY: (36.0, 36.0), DAY + 1: (36.0, 36.0), DAY + 2: (36.0, 36.0)}
    for basis, own in (
        ("raw", raw),
        ("split_adjusted", split),
        ("total_return", total),
    ):
        history = history_of(
            {**flat("A", EVE, EVE), "B": own}, told, basis={"A": "raw", "B": basis}
        )
        worth = Holdings(history).follow("A", entered=EVE, last=DAY + 2).worth(history)
        assert (worth.opens + worth.cash).tolist() == pytest.approx([10.0, 40, 40, 40])
