"""The engine against a slow, obvious loop, and against hand-made tables."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakebt.backtest.costs import CostModel
from lakebt.backtest.reference import (
    installed,
    portfolio_of,
    run_vectorbt,
    to_vectorbt,
    wrapped_once,
)
from lakebt.backtest.trades import Position, Trade
from lakebt.backtest.walk import walk_trades
from lakebt.backtest.window import PriceWindow, fill_gaps
from lakebt.facts import Side
from lakebt.sessions import Sessions

if TYPE_CHECKING:
    from lakebt._typing import FloatPanel
    from lakebt.backtest.outcome import Outcome

NYSE = Sessions.of("XNYS")
FIRST = NYSE.on_or_after(dt.date(2022, 9, 1))  # Thursday, Friday, then Labor Day
CAPITAL = 100_000.0
COUNT = 6
SYMBOLS = ("A", "B", "C")


@dataclass
class Expected:
    first: int
    equity: list[float]
    gross: list[float]
    commission: float = 0.0
    spread: float = 0.0
    borrow: float = 0.0


def window(prices: FloatPanel) -> PriceWindow:
    return PriceWindow(symbols=SYMBOLS, prices=prices, first=FIRST, sessions=NYSE)


def obvious_loop(  # noqa: C901 - one walk, no helpers to hide in
    trade: Trade, prices: FloatPanel, costs: CostModel
) -> Expected:
    """Walk through the half sessions with a purse and a bag of shares."""
    cash = gross_cash = CAPITAL
    held = dict.fromkeys(SYMBOLS, 0.0)
    seen = dict.fromkeys(SYMBOLS, float("nan"))
    expected = Expected(first=-1, equity=[], gross=[])
    short_value, short_day = 0.0, NYSE.days[FIRST]
    for row in range(2 * COUNT):
        session, at_close = FIRST + row // 2, row % 2 == 1
        for column, symbol in enumerate(SYMBOLS):
            if not np.isnan(prices[row, column]):
                seen[symbol] = prices[row, column]
        if row % 2 == 0:
            days = (NYSE.days[session] - short_day).astype(int)
            fee = short_value * days * costs.borrow_bps_per_year / 1e4 / 360
            cash -= fee
            expected.borrow += fee
            short_value = 0.0
        now = 2 * session + at_close
        sent: dict[str, tuple[float, float]] = {}
        for position in trade.positions:
            for when, size, price in (
                (trade.entry_row, position.size, position.entry_price),
                (position.exit_row, -position.size, position.exit_price),
            ):
                if when == now:
                    # one order for each symbol, whatever it is for
                    sent[position.symbol] = (
                        sent.get(position.symbol, (0.0, 0.0))[0] + size,
                        price,
                    )
        for symbol, (size, price) in sent.items():
            held[symbol] += size
            traded = abs(size) * price
            commission = traded * costs.commission_bps / 1e4
            spread = traded * costs.half_spread_bps / 1e4
            gross_cash -= size * price
            cash -= size * price + commission + spread
            expected.commission += commission
            expected.spread += spread
        if at_close:
            short_day = NYSE.days[session]
            for symbol in SYMBOLS:
                shares = sum(
                    position.size
                    for position in trade.positions
                    if position.symbol == symbol
                    and trade.entry_row <= now < position.exit_row
                )
                short_value += max(-shares, 0.0) * seen[symbol]
            worth = sum(held[s] * seen[s] for s in SYMBOLS if held[s] != 0.0)
            begun = trade.entry_row < now or trade.entry_row % 2 == 0
            if begun and now >= trade.entry_row and session <= trade.exit_row // 2:
                if expected.first < 0:
                    expected.first = session
                expected.equity.append(cash + worth)
                expected.gross.append(gross_cash + worth)
    return expected


def agrees(outcome: Outcome, expected: Expected) -> None:
    assert outcome.first == expected.first
    if min(*expected.equity, *expected.gross, 1.0) <= 0.0:
        assert outcome.is_ruined  # vectorbt clips what a ruined account cannot buy
        return
    for ours, theirs in (
        (outcome.equity, expected.equity),
        (outcome.gross_equity, expected.gross),
        ([outcome.commission_usd], [expected.commission]),
        ([outcome.spread_usd], [expected.spread]),
        ([outcome.borrow_usd], [expected.borrow]),
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-7)


PRICE = st.floats(5.0, 200.0)
PRICES = st.lists(
    st.lists(PRICE, min_size=3, max_size=3), min_size=2 * COUNT, max_size=2 * COUNT
)
GAP = st.sets(st.tuples(st.integers(1, COUNT - 2), st.integers(0, 2)), max_size=3)
RATE = st.sampled_from([0.0, 1.0, 7.5, 500.0])


@st.composite
def trades(draw: st.DrawFn) -> Trade:
    entry = draw(st.integers(0, 2 * COUNT - 2))
    positions = []
    for symbol in draw(st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=4)):
        exit_row = draw(st.integers(entry + 1, 2 * COUNT - 1))
        weight = draw(st.floats(0.05, 1.0)) * draw(st.sampled_from([-1.0, 1.0]))
        positions.append((symbol, exit_row, weight))
    return Trade(
        entry_row=2 * FIRST + entry,
        positions=tuple(
            Position(
                symbol=symbol,
                side=Side.ADDITION,
                weight=weight,
                size=weight * 1_000.0,
                entry_price=float("nan"),
                exit_price=float("nan"),
                exit_row=2 * FIRST + exit_row,
            )
            for symbol, exit_row, weight in positions
        ),
    )


def priced(trade: Trade, prices: FloatPanel) -> Trade:
    """Return the trade at the prices of its fills."""
    positions = []
    for p in trade.positions:
        column = SYMBOLS.index(p.symbol)
        positions.append(
            Position(
                symbol=p.symbol,
                side=p.side,
                weight=p.weight,
                size=p.size,
                entry_price=prices[trade.entry_row - 2 * FIRST, column],
                exit_price=prices[p.exit_row - 2 * FIRST, column],
                exit_row=p.exit_row,
            )
        )
    return Trade(entry_row=trade.entry_row, positions=tuple(positions))


def run(cells: list[Trade], prices: FloatPanel, costs: CostModel) -> list[Outcome]:
    return run_vectorbt(
        cells,
        window=window(prices),
        costs=costs,
        capital_usd=CAPITAL,
    )


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    cells=st.lists(trades(), min_size=1, max_size=4),
    rows=PRICES,
    gaps=GAP,
    commission=RATE,
    spread=RATE,
    borrow=RATE,
)
def test_agrees_with_the_obvious_loop(
    *,
    cells: list[Trade],
    rows: list[list[float]],
    gaps: set[tuple[int, int]],
    commission: float,
    spread: float,
    borrow: float,
) -> None:
    whole = np.array(rows)
    cells = [priced(trade, whole) for trade in cells]
    prices = whole.copy()
    used = {
        ((row - 2 * FIRST) // 2, SYMBOLS.index(p.symbol))
        for trade in cells
        for p in trade.positions
        for row in (trade.entry_row, p.exit_row)
    }
    for session, column in gaps - used:  # a gap where nothing is filled
        prices[2 * session : 2 * session + 2, column] = np.nan
    costs = CostModel(
        commission_bps=commission, half_spread_bps=spread, borrow_bps_per_year=borrow
    )

    walked = walk_trades(cells, window=window(prices), costs=costs, capital_usd=CAPITAL)
    for outcomes in (run(cells, prices, costs), walked):
        for outcome, trade in zip(outcomes, cells, strict=True):
            agrees(outcome, obvious_loop(trade, prices, costs))


def flat(price: float) -> FloatPanel:
    return np.full((2 * COUNT, 3), price)


def position(
    symbol: str, size: float, enter: float, leave: float, row: int
) -> Position:
    return Position(
        symbol=symbol,
        side=Side.ADDITION if size > 0 else Side.DELETION,
        weight=size * enter / CAPITAL,
        size=size,
        entry_price=enter,
        exit_price=leave,
        exit_row=2 * FIRST + row,
    )


def test_an_entry_at_the_close_bears_its_cost_in_the_next_session() -> None:
    prices = flat(100.0)
    trade = Trade(
        entry_row=2 * FIRST + 1, positions=(position("A", 1_000.0, 100.0, 100.0, 5),)
    )

    (outcome,) = run([trade], prices, CostModel(commission_bps=10.0))

    # 10 bps of 100,000 on the way in, borne by Friday; the same on the way out.
    assert outcome.first == FIRST + 1
    np.testing.assert_allclose(outcome.equity, [99_900.0, 99_800.0])
    np.testing.assert_allclose(outcome.net_returns, [-0.001, -100 / 99_900])


def test_borrow_counts_calendar_days_over_a_long_weekend() -> None:
    prices = flat(100.0)
    trade = Trade(  # short from Friday's open to Tuesday's close, over Labor Day
        entry_row=2 * FIRST + 2, positions=(position("A", -1_000.0, 100.0, 100.0, 5),)
    )

    (outcome,) = run([trade], prices, CostModel(borrow_bps_per_year=360.0))

    assert outcome.borrow_usd == pytest.approx(100_000 * 0.0360 * 4 / 360)
    np.testing.assert_allclose(outcome.equity, [100_000.0, 99_960.0])


def test_levered_longs_are_not_clipped() -> None:
    prices = flat(100.0)
    prices[2:, 0] = 110.0
    trade = Trade(
        entry_row=2 * FIRST, positions=(position("A", 5_000.0, 100.0, 110.0, 3),)
    )

    (outcome,) = run([trade], prices, CostModel(commission_bps=5.0))

    assert outcome.gross_return == pytest.approx(0.5)


@pytest.mark.slow
def test_forty_times_gross_loses_no_order() -> None:
    prices = flat(100.0)
    legs = (
        position("A", 10_000.0, 100.0, 100.0, 5),
        position("B", -20_000.0, 100.0, 100.0, 5),
        position("C", 10_000.0, 100.0, 100.0, 5),
    )
    trade = Trade(entry_row=2 * FIRST, positions=legs)

    portfolio = to_vectorbt(
        trade,
        window=window(prices),
        costs=CostModel(),
        capital_usd=CAPITAL,
    )

    columns = portfolio.order_records["col"]
    assert (columns < len(SYMBOLS)).sum() == 6  # the last column is the financing


@pytest.mark.slow
def test_a_wrapper_that_is_made_once_changes_no_bit() -> None:
    rng = np.random.default_rng(3)
    sizes = np.full((9, 6), np.nan)
    sizes[2] = rng.normal(0.0, 500.0, 6)
    sizes[6] = -sizes[2]
    asked: dict[str, Any] = {
        "symbols": ["A", "B"],
        "marks": 100.0 * np.exp(rng.normal(0.0, 0.02, (9, 2))),
        "index": pd.RangeIndex(9),
        "fees": np.full((1, 6), 4e-4),
        "capital_usd": CAPITAL,
    }

    plain = portfolio_of(sizes, **asked)
    own = portfolio_of(sizes, kind=wrapped_once(), **asked)

    assert own.wrapper is own.wrapper
    assert type(plain) is installed().Portfolio
    for name in ("value", "cash", "assets"):
        pd.testing.assert_frame_equal(
            getattr(own, name)(), getattr(plain, name)(), check_exact=True
        )
    assert own.order_records.tobytes() == plain.orders.records_arr.tobytes()


def test_a_short_that_trebles_is_ruined() -> None:
    prices = flat(100.0)
    prices[3:, 0] = 300.0
    trade = Trade(
        entry_row=2 * FIRST, positions=(position("A", -1_000.0, 100.0, 300.0, 5),)
    )

    (outcome,) = run([trade], prices, CostModel())

    assert outcome.is_ruined
    assert outcome.equity.min() == pytest.approx(-100_000.0)


def test_marks_carry_the_last_price_over_a_gap() -> None:
    prices = np.array([[np.nan, 1.0], [2.0, np.nan], [np.nan, np.nan], [3.0, np.nan]])

    assert fill_gaps(prices).tolist() == [
        [2.0, 1.0],
        [2.0, 1.0],
        [2.0, 1.0],
        [3.0, 1.0],
    ]
    assert fill_gaps(np.full((2, 1), np.nan)).tolist() == [[1.0], [1.0]]
