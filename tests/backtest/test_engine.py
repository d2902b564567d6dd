"""The event engine against a slow loop over sessions, and against vectorbt."""

from __future__ import annotations

import datetime as dt
import math
import os
import subprocess
import sys
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakebt.analysis.sharpe import ratio_of_moments, sharpe_ratio
from lakebt.backtest import engine
from lakebt.backtest.costs import CostModel
from lakebt.backtest.engine import Book, Earned, run_book
from lakebt.backtest.kernel import NO_PRICE, RUINED, TRADED
from lakebt.backtest.levels import Level
from lakebt.backtest.reference import run_vectorbt, to_vectorbt
from lakebt.backtest.trades import Position, Trade
from lakebt.backtest.window import PriceWindow
from lakebt.facts import Side
from lakebt.sessions import Sessions
from lakebt.values.arrays import offsets

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lakebt._typing import FloatPanel

NYSE = Sessions.of("XNYS")
FIRST = NYSE.on_or_after(dt.date(2022, 8, 31))  # Wednesday; then Labor Day
CAPITAL = 100_000.0
COUNT = 8
SYMBOLS = ("A", "B", "C", "D")
FREE = CostModel()


@dataclass(frozen=True)
class Slot:
    """Shares by symbol, bought at one half session; rows count from the first open."""

    entry: int
    exits: tuple[int, ...]
    shares: dict[int, float]


@dataclass(frozen=True)
class Market:
    """Opens and closes, a row per session; NaN where there is none."""

    opens: FloatPanel
    closes: FloatPanel

    def at(self, row: int, symbol: int) -> float:
        return float((self.closes if row % 2 else self.opens)[row // 2, symbol])


@dataclass
class Walked:
    """What the loop saw of one cell."""

    capital: float = CAPITAL
    status: int = TRADED
    first: int = -1
    values: list[float] = field(default_factory=list)
    gross_values: list[float] = field(default_factory=list)
    cash: list[float] = field(default_factory=list)
    borrow: float = 0.0
    traded: float = 0.0
    gaps: int = 0

    @property
    def returns(self) -> list[float]:
        before = [self.capital, *self.values[:-1]]
        return [now / then - 1 for now, then in zip(self.values, before, strict=True)]

    @property
    def drawdown(self) -> float:
        worst, high = 0.0, self.capital
        for value in self.values:
            high = max(high, value)
            worst = max(worst, 1 - value / high)
        return worst


def walk(  # noqa: C901, PLR0912 - one walk, no helpers to hide in
    slot: Slot, left: int, market: Market, level: Level
) -> Walked:
    """Walk through the sessions with a purse and a bag of shares.

    The shares are those of a gross of 1 on `CAPITAL`.
    """
    costs, capital = level.costs, level.capital_usd
    told = Walked(capital)
    bag = {s: n * level.gross * capital / CAPITAL for s, n in slot.shares.items()}
    prices = {s: market.at(left, s) for s in slot.shares}
    if any(math.isnan(price) for price in prices.values()):
        told.status = NO_PRICE
        return told
    fee = (costs.commission_bps + costs.half_spread_bps) / 10_000
    cash = gross_cash = capital
    marks = dict.fromkeys(slot.shares, math.nan)
    held = dict.fromkeys(slot.shares, 0.0)
    for session in range(COUNT):
        days = int(
            (NYSE.days[FIRST + session] - NYSE.days[FIRST + session - 1]).item().days
        )
        for symbol, number in held.items():
            if number < 0:
                rate = costs.borrow_bps_per_year / 10_000 / 360
                told.borrow += -number * marks[symbol] * rate * days
                cash -= -number * marks[symbol] * rate * days
        for row in (2 * session, 2 * session + 1):
            if row == slot.entry:
                for symbol, number in bag.items():
                    notional = number * market.at(row, symbol)
                    cash -= notional + abs(notional) * fee
                    gross_cash -= notional
                    told.traded += abs(notional)
                    held[symbol] = number
            if row == left:
                for symbol, number in bag.items():
                    notional = number * prices[symbol]
                    cash += notional - abs(notional) * fee
                    gross_cash += notional
                    told.traded += abs(notional)
                    held[symbol] = 0.0
        for symbol in slot.shares:
            close = market.at(2 * session + 1, symbol)
            if not math.isnan(close):
                marks[symbol] = close
            elif held[symbol] != 0.0:
                told.gaps += 1
        is_on = slot.entry <= 2 * session + (slot.entry % 2 == 0)
        if is_on and session <= left // 2:
            if told.first < 0:
                told.first = FIRST + session
            worth = sum(n * marks[s] for s, n in held.items() if n != 0.0)
            told.values.append(cash + worth)
            told.gross_values.append(gross_cash + worth)
            told.cash.append(cash)
    if min(*told.values, *told.gross_values, math.inf) <= 0.0:
        told.status = RUINED
    return told


def book_of(slots: Sequence[Slot], market: Market) -> Book:
    """Lay slots out as the engine reads them: one symbol's bars after the other."""
    marks = market.closes.copy()
    for session in range(1, COUNT):
        gap = np.isnan(marks[session])
        marks[session, gap] = marks[session - 1, gap]
    held = [(slot, symbol) for slot in slots for symbol in slot.shares]
    return Book(
        opens=market.opens.T.ravel().copy(),
        marks=marks.T.ravel().copy(),
        missing=np.isnan(market.closes).T.ravel().copy(),
        base=np.array([symbol * COUNT - FIRST for _, symbol in held], dtype=np.int64),
        size=np.array([slot.shares[symbol] for slot, symbol in held]),
        price=np.array([market.at(slot.entry, symbol) for slot, symbol in held]),
        start=offsets(np.array([len(slot.shares) for slot in slots])),
        entry_row=np.array([2 * FIRST + slot.entry for slot in slots]),
        exits=offsets(np.array([len(slot.exits) for slot in slots])),
        exit_row=np.array([2 * FIRST + row for slot in slots for row in slot.exits]),
    )


def run(
    slots: Sequence[Slot],
    market: Market,
    costs: Sequence[CostModel | Level] = (FREE,),
    threads: int | None = 1,
) -> Earned:
    return run_book(
        book_of(slots, market),
        levels=[level_of(cost) for cost in costs],
        sessions=NYSE,
        threads=threads,
    )


def level_of(costs: CostModel | Level) -> Level:
    if isinstance(costs, Level):
        return costs
    return Level(costs=costs, gross=1.0, capital_usd=CAPITAL)


def returns_of(earned: Earned, level: int, cell: int) -> Any:
    start, count = earned.held_start[cell], earned.n_returns[cell]
    held = earned.held[level, start : start + count - 1]
    return np.append(held, earned.final[level, cell])


def same_cell(earned: Earned, level: int, cell: int, told: Walked, at: Level) -> None:
    """The engine's figures of one cell are the loop's."""
    capital = told.capital
    assert earned.status[level, cell] == told.status
    if told.status != TRADED:
        return
    returns = returns_of(earned, level, cell)
    net, gross = told.values[-1] / capital - 1, told.gross_values[-1] / capital - 1
    assert earned.first[cell] == told.first
    assert earned.n_returns[cell] == len(told.values)
    assert earned.gaps[cell] == told.gaps
    for ours, theirs in (
        (capital * np.cumprod(1 + returns), told.values),
        (returns, told.returns),
        (earned.net[level, cell], net),
        (at.gross * earned.gross[cell], gross),
        (earned.borrow_usd[level, cell], told.borrow),
        (at.scale * earned.traded_usd[cell], told.traded),
        (earned.drawdown[level, cell], told.drawdown),
        (earned.mean[level, cell], np.mean(told.returns)),
        (earned.m2[level, cell], np.var(told.returns) * len(returns)),
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)
    if len(returns) > 1 and np.std(told.returns) > 1e-6:  # else it is all rounding
        moments = earned.mean[level, cell], earned.m2[level, cell]
        np.testing.assert_allclose(
            ratio_of_moments(len(returns), *moments),
            sharpe_ratio(np.array(told.returns)),
            rtol=1e-9,
            atol=1e-9,
        )


# --- what is generated ----------------------------------------------------------------

CENTS = st.integers(500, 20_000).map(lambda cents: cents / 100)
PANEL = st.lists(CENTS, min_size=2 * COUNT * 4, max_size=2 * COUNT * 4)
RATE = st.sampled_from([0.0, 1.0, 7.5, 500.0])
COSTS = st.builds(
    CostModel,
    commission_bps=RATE,
    half_spread_bps=RATE,
    borrow_bps_per_year=st.sampled_from([0.0, 50.0, 30_000.0]),
)
LEVELS = st.builds(
    Level,
    costs=COSTS,
    gross=st.sampled_from([1.0, 0.5, 0.7, 1.37]),
    capital_usd=st.sampled_from([CAPITAL, 250_000.0, 31_415.0]),
)
BAR, OPEN, CLOSE = "bar", "open", "close"


@st.composite
def slots(draw: st.DrawFn) -> Slot:
    entry = draw(st.integers(2, 2 * COUNT - 2))
    later = st.integers(entry + 1, 2 * COUNT - 1)
    exits = draw(st.lists(later, min_size=1, max_size=5, unique=True))
    signs = draw(st.sampled_from([(1.0,), (-1.0,), (1.0, -1.0)]))
    shares = {
        symbol: draw(st.sampled_from(signs)) * draw(st.integers(1, 1_500))
        for symbol in draw(st.sets(st.integers(0, 3), min_size=1))
    }
    return Slot(entry, tuple(exits), shares)


def gaps(*kinds: str) -> st.SearchStrategy[set[tuple[int, int, str]]]:
    """Draw holes; the first session has none, so that there is always a mark."""
    where = st.integers(1, COUNT - 1), st.integers(0, 3), st.sampled_from(kinds)
    return st.sets(st.tuples(*where), max_size=6)


Traded: TypeAlias = tuple[list[Slot], Market]


@st.composite
def traded(draw: st.DrawFn, most: int, *kinds: str) -> Traded:
    """Draw slots, and a market with gaps, but a bar wherever something is entered."""
    book = draw(st.lists(slots(), min_size=1, max_size=most))
    panel = np.array(draw(PANEL)).reshape(COUNT, 2, 4)
    market = Market(panel[:, 0].copy(), panel[:, 1].copy())
    entered = {(slot.entry, symbol) for slot in book for symbol in slot.shares}
    for session, symbol, kind in draw(gaps(*kinds)):
        opens, closes = (2 * session, symbol), (2 * session + 1, symbol)
        if kind == BAR and entered & {opens, closes}:
            continue  # a bar is there as a whole, or not at all
        if kind != CLOSE and opens not in entered:
            market.opens[session, symbol] = np.nan
        if kind != OPEN and closes not in entered:
            market.closes[session, symbol] = np.nan
    return book, market


# --- against the loop -----------------------------------------------------------------


@pytest.mark.slow
@given(
    slots_and_prices=traded(4, BAR, OPEN, CLOSE),
    levels=st.lists(LEVELS, min_size=1, max_size=3),
)
def test_every_cell_is_what_a_slow_loop_makes_of_it(
    slots_and_prices: Traded, levels: list[Level]
) -> None:
    book, market = slots_and_prices

    earned = run(book, market, levels)

    for number, level in enumerate(levels):
        rules = [(slot, left) for slot in book for left in slot.exits]
        for cell, (slot, left) in enumerate(rules):
            same_cell(earned, number, cell, walk(slot, left, market, level), level)


@pytest.mark.slow
@given(
    slots_and_prices=traded(6, BAR, CLOSE),
    levels=st.lists(LEVELS, min_size=1, max_size=2),
)
def test_threads_and_chunks_change_no_bit(
    slots_and_prices: Traded, levels: list[Level]
) -> None:
    book, market = slots_and_prices
    whole = run(book, market, levels, threads=1)

    for threads in (1, 2, 5):
        for chunk in (1, 2, 64):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(engine, "_CHUNK", chunk)
                same_bits(whole, run(book, market, levels, threads=threads))
    for number, slot in enumerate(book):  # nor does company
        alone = run([slot], market, levels)
        part = slice(*offsets(np.array([len(s.exits) for s in book]))[number:][:2])
        for name in ("status", "mean", "m2", "net", "drawdown", "borrow_usd"):
            ours, theirs = getattr(alone, name), getattr(whole, name)[:, part]
            assert ours.tobytes() == theirs.tobytes(), name


def same_bits(one: Earned, two: Earned) -> None:
    for each in fields(Earned):
        ours, theirs = getattr(one, each.name), getattr(two, each.name)
        assert ours.tobytes() == theirs.tobytes(), each.name


PER_LEVEL = (
    *("status", "held", "final", "mean", "m2", "net", "borrow_usd", "impact_usd"),
    "drawdown",
)


@pytest.mark.slow
@given(
    slots_and_prices=traded(4, BAR, OPEN, CLOSE),
    levels=st.lists(LEVELS, min_size=2, max_size=5),
)
def test_a_level_has_the_same_bits_alone_and_beside_others(
    slots_and_prices: Traded, levels: list[Level]
) -> None:
    book, market = slots_and_prices

    together = run(book, market, levels)

    for number, level in enumerate(levels):
        alone = run(book, market, [level])
        for each in fields(Earned):
            ours, theirs = getattr(alone, each.name), getattr(together, each.name)
            if each.name in PER_LEVEL:
                theirs = theirs[[number]]
            assert ours.tobytes() == theirs.tobytes(), each.name


def test_twice_the_gross_is_twice_as_much_of_everything_but_capital() -> None:
    market = flat()
    market.closes[3, 0] = 110.0
    costs = CostModel(commission_bps=10.0, borrow_bps_per_year=360.0)
    levels = [
        Level(costs=costs, gross=gross, capital_usd=usd)
        for gross, usd in ((0.5, CAPITAL), (1.0, CAPITAL), (1.0, 2 * CAPITAL))
    ]

    earned = run([Slot(2, (7,), {0: -500.0})], market, levels)

    # Short 50,000 at a gross of 1: 10 % of it is lost, 0.1 % of 50,000 and of 55,000
    # is paid, and 5 a day of borrow, from Thursday to the Tuesday after Labor Day.
    lost = 5_000 + 105 + 5 * 5
    np.testing.assert_allclose(earned.net[:, 0] * CAPITAL, [-lost / 2, -lost, -lost])
    np.testing.assert_allclose(earned.borrow_usd[:, 0], [12.5, 25.0, 50.0])
    assert earned.gross[0] == pytest.approx(-0.05)
    assert earned.traded_usd[0] == pytest.approx(105_000)
    assert [level.scale for level in levels] == [0.5, 1.0, 2.0]


def test_many_slots_in_many_threads_change_no_bit() -> None:
    rng = np.random.default_rng(0)
    panel = rng.uniform(20.0, 60.0, (COUNT, 2, 4))
    market = Market(panel[:, 0].copy(), panel[:, 1].copy())
    book = [
        Slot(
            int(entry := rng.integers(0, 2 * COUNT - 3)),
            tuple(range(int(entry) + 1, 2 * COUNT)),
            {symbol: float(rng.normal(0, 500)) for symbol in range(4)},
        )
        for _ in range(700)
    ]
    costs = [FREE, CostModel(commission_bps=3.0, borrow_bps_per_year=300.0)]

    whole = run(book, market, costs, threads=1)

    for threads in (2, 5, None):
        same_bits(whole, run(book, market, costs, threads=threads))


# --- against vectorbt -----------------------------------------------------------------


def trade_of(slot: Slot, left: int, market: Market) -> Trade:
    return Trade(
        entry_row=2 * FIRST + slot.entry,
        positions=tuple(
            Position(
                symbol=SYMBOLS[symbol],
                side=Side.ADDITION if shares > 0 else Side.DELETION,
                weight=shares * market.at(slot.entry, symbol) / CAPITAL,
                size=shares,
                entry_price=market.at(slot.entry, symbol),
                exit_price=market.at(left, symbol),
                exit_row=2 * FIRST + left,
            )
            for symbol, shares in slot.shares.items()
        ),
    )


def window_of(market: Market) -> PriceWindow:
    prices = np.empty((2 * COUNT, len(SYMBOLS)))
    prices[0::2], prices[1::2] = market.opens, market.closes
    return PriceWindow(symbols=SYMBOLS, prices=prices, first=FIRST, sessions=NYSE)


@pytest.mark.slow
@settings(max_examples=40)
@given(
    slots_and_prices=traded(3, BAR),
    cost=COSTS,
)
def test_every_cell_is_what_vectorbt_makes_of_it(
    slots_and_prices: Traded, cost: CostModel
) -> None:
    book, market = slots_and_prices
    earned = run(book, market, [cost])
    rules = [(slot, left) for slot in book for left in slot.exits]
    cells = [n for n in range(len(rules)) if earned.status[0, n] == TRADED]
    trades = [trade_of(*rules[cell], market) for cell in cells]
    if not trades:
        return

    outcomes = run_vectorbt(
        trades, window=window_of(market), costs=cost, capital_usd=CAPITAL
    )

    for cell, outcome in zip(cells, outcomes, strict=True):
        assert earned.first[cell] == outcome.first
        returns = returns_of(earned, 0, cell)
        paid = outcome.commission_usd + outcome.spread_usd
        for ours, theirs in (
            (CAPITAL * np.cumprod(1 + returns), outcome.equity),
            (returns, outcome.net_returns),
            (earned.net[0, cell], outcome.net_return),
            (earned.gross[cell], outcome.gross_return),
            (earned.borrow_usd[0, cell], outcome.borrow_usd),
            (earned.traded_usd[cell] * cost.proportional, paid),
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)
    same_portfolio(*rules[cells[0]], market, cost)


def same_portfolio(slot: Slot, left: int, market: Market, cost: CostModel) -> None:
    """The loop's fills, positions, cash and value are those of vectorbt."""
    told = walk(slot, left, market, level_of(cost))
    portfolio = to_vectorbt(
        trade_of(slot, left, market),
        window=window_of(market),
        costs=cost,
        capital_usd=CAPITAL,
    )
    closes = slice(2 * (told.first - FIRST) + 1, 2 * (left // 2) + 2, 2)
    held = portfolio.assets().to_numpy()
    for row in range(2 * COUNT):
        is_held = slot.entry <= row < left
        for symbol in range(4):
            shares = slot.shares.get(symbol, 0.0) if is_held else 0.0
            assert held[row, symbol] == pytest.approx(shares, rel=1e-9, abs=1e-9)
    records = portfolio.orders.records_arr
    fills = {
        (int(r["idx"]), int(r["col"])): (float(r["size"]), float(r["price"]))
        for r in records
        if r["col"] < len(SYMBOLS)
    }
    assert fills == {
        (row, symbol): (abs(shares), market.at(row, symbol))
        for symbol, shares in slot.shares.items()
        for row in (slot.entry, left)
    }
    # What the financing column lends is cash of vectorbt's, and owed.
    cash = (portfolio.cash().to_numpy().ravel() + held[:, -1])[closes]
    value = portfolio.value().to_numpy().ravel()[closes]
    owed = np.subtract(cash, told.cash)  # the borrow so far, which vectorbt lacks
    np.testing.assert_allclose(value - owed, told.values, rtol=1e-9)
    assert owed[-1] == pytest.approx(told.borrow, rel=1e-9, abs=1e-6)


# --- by hand --------------------------------------------------------------------------


def flat(price: float = 100.0) -> Market:
    return Market(np.full((COUNT, 4), price), np.full((COUNT, 4), price))


def test_an_exit_at_the_open_needs_no_close_of_its_session() -> None:
    market = flat()
    market.opens[3, 0], market.closes[3, 0] = 110.0, np.nan

    earned = run([Slot(2, (6, 7, 8), {0: 100.0})], market)

    assert earned.status.tolist() == [[TRADED, NO_PRICE, TRADED]]
    assert earned.gross[0] == pytest.approx(0.01)
    assert earned.gaps[[0, 2]].tolist() == [0, 1]


def test_an_exit_without_an_open_cannot_be_filled_but_later_ones_can() -> None:
    market = flat()
    market.opens[3, 1] = np.nan

    earned = run([Slot(2, (5, 6, 7), {0: 100.0, 1: -100.0})], market)

    assert earned.status.tolist() == [[TRADED, NO_PRICE, TRADED]]


def test_a_gap_is_marked_at_the_last_close_and_counted() -> None:
    market = flat()
    market.closes[2, 0] = 120.0
    market.opens[3, 0] = market.closes[3, 0] = np.nan

    earned = run([Slot(2, (9,), {0: 100.0})], market)

    # 10,000 of 100,000; +20 % of it, a session without a bar, and back.
    np.testing.assert_allclose(
        returns_of(earned, 0, 0), [0.0, 0.02, 0.0, 100_000 / 102_000 - 1]
    )
    assert earned.gaps.tolist() == [1]


def test_an_entry_at_the_close_has_its_first_return_in_the_next_session() -> None:
    market = flat()
    market.closes[1, 0], market.closes[2, 0] = 100.0, 110.0
    fee = CostModel(commission_bps=100.0)

    earned = run([Slot(3, (4, 5), {0: 1_000.0})], market, [FREE, fee])

    assert earned.first.tolist() == [FIRST + 2, FIRST + 2]
    assert earned.n_returns.tolist() == [1, 1]
    np.testing.assert_allclose(earned.net[0], [0.0, 0.1])
    np.testing.assert_allclose(earned.net[1], [-0.02, 0.1 - 0.01 - 0.011])


def test_the_same_session_is_one_return() -> None:
    market = flat()
    market.closes[2, 0] = 103.0

    earned = run([Slot(4, (5,), {0: 1_000.0})], market)

    assert earned.n_returns.tolist() == [1]
    assert earned.net[0, 0] == pytest.approx(0.03)
    assert earned.m2[0, 0] == 0.0
    assert earned.drawdown[0, 0] == 0.0


def test_borrow_counts_calendar_days_over_a_long_weekend() -> None:
    # Short from Friday's open (session 2) to Tuesday's close, over Labor Day.
    cost = CostModel(borrow_bps_per_year=360.0)

    earned = run([Slot(4, (7,), {0: -1_000.0})], flat(), [FREE, cost])

    assert NYSE.date(FIRST + 2) == dt.date(2022, 9, 2)
    assert earned.borrow_usd[:, 0] == pytest.approx([0.0, 100_000 * 0.036 * 4 / 360])


def test_ruin_is_told_from_the_session_it_comes_in_and_ever_after() -> None:
    market = flat()
    market.closes[3, 0] = 250.0

    earned = run([Slot(2, (5, 6, 7, 9), {0: -1_000.0})], market)

    # A short that rises by 150 % at the third close, and is back at the fourth.
    assert earned.status.tolist() == [[TRADED, TRADED, RUINED, RUINED]]


def test_ruin_by_costs_alone_is_ruin_under_those_costs_only() -> None:
    market = flat()
    market.closes[3, 0] = 190.0
    dear = CostModel(commission_bps=600.0)

    earned = run([Slot(2, (7,), {0: -1_000.0})], market, [FREE, dear])

    assert earned.status[:, 0].tolist() == [TRADED, RUINED]
    assert earned.drawdown[0, 0] == pytest.approx(0.9)


@pytest.mark.slow
def test_nothing_told_has_the_bits_of_zeros_told() -> None:
    """Code without actions, rates and tolls is compiled apart."""
    rng = np.random.default_rng(5)
    panel = 50.0 * np.exp(np.cumsum(rng.normal(0, 0.02, (2 * COUNT, 4)), axis=0))
    market = Market(panel[0::2].copy(), panel[1::2].copy())
    signs = {0: 200.0, 1: -150.0, 3: -90.0}
    slots = [Slot(entry, (entry + 1, entry + 4), signs) for entry in range(2, 8)]
    dear = CostModel(commission_bps=3.0, borrow_bps_per_year=400.0)
    levels = [level_of(FREE), level_of(dear)]
    sized = level_of(CostModel(impact_at_open=1.0, impact_at_close=0.5))
    book = book_of(slots, market)
    zeros = np.zeros((1, len(book.size)))
    told = replace(
        book,
        cash=np.zeros(len(book.opens)),
        unlent=book.marks,
        lent=np.zeros(len(book.opens)),
        toll=zeros,
        toll_sessions=(20,),
    )

    plain = run_book(book, levels=levels, sessions=NYSE, threads=1)
    whole = run_book(told, levels=[*levels, sized], sessions=NYSE, threads=1)

    for name in PER_LEVEL:
        ours, theirs = getattr(plain, name), getattr(whole, name)[:2]
        assert ours.tobytes() == theirs.tobytes(), name
    assert not whole.impact_usd.any()
    assert plain.worth.tobytes() == whole.worth.tobytes()


def test_an_empty_book_earns_nothing() -> None:
    earned = run([], flat(), [FREE, FREE])

    assert earned.status.shape == (2, 0)
    assert earned.held.shape == (2, 0)


DIGEST = """
import hashlib, sys
import numpy as np
from dataclasses import fields
from lakebt.values.arrays import offsets
from lakebt.backtest.costs import CostModel
from lakebt.backtest.engine import Book, Earned, run_book
from lakebt.backtest.levels import Level
from lakebt.sessions import Sessions
rng = np.random.default_rng(3)
bars = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, (2, 80)), axis=1))
slots = 40
entry = rng.integers(0, 60, slots)
held = np.repeat(entry, 3) // 2
book = Book(
    opens=bars[0], marks=bars[1], missing=np.zeros(80, dtype=bool),
    base=np.full(3 * slots, -5_000), size=rng.normal(0, 900, 3 * slots),
    price=bars[0][held], start=offsets(np.full(slots, 3)), entry_row=10_000 + entry,
    exits=offsets(np.full(slots, 60)),
    exit_row=(10_000 + entry[:, None] + 1 + np.arange(60)).ravel(),
)
costs = [CostModel(), CostModel(commission_bps=3.0, borrow_bps_per_year=400.0)]
sizes = [(1.0, 1e5), (1.37, 2.5e5)]
levels = [Level(costs=c, gross=g, capital_usd=u) for c in costs for g, u in sizes]
earned = run_book(book, levels=levels, sessions=Sessions.of("XNYS"))
digest = hashlib.sha256()
for field in fields(Earned):
    digest.update(getattr(earned, field.name).tobytes())
print(digest.hexdigest())
"""


@pytest.mark.slow
def test_code_for_an_older_processor_gives_the_same_bits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def older() -> str:
        told = {"NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_CPU_NAME": "generic"}
        run = [sys.executable, "-c", DIGEST]
        return subprocess.run(
            run, check=True, capture_output=True, text=True, env=os.environ | told
        ).stdout

    exec(DIGEST, {})  # noqa: S102 - the text is above
    ours = capsys.readouterr().out

    assert older() == ours
    kept = {path.name for path in tmp_path.rglob("*.nb?")}
    assert older() == ours  # as it was kept
    assert {path.name for path in tmp_path.rglob("*.nb?")} == kept != set()
