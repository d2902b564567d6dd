"""Target weights through both engines, against a walk with a purse and a bag."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakebt.analysis.sharpe import sharpe_ratio
from lakebt.backtest.book import borrow_by_session, keep_book
from lakebt.backtest.costs import CostModel
from lakebt.backtest.rebalancing import Targets, rebalance
from lakebt.backtest.reference_book import keep_vectorbt, order_book
from lakebt.backtest.window import PriceWindow
from lakebt.prices.history import PriceHistory
from lakebt.sessions import Sessions

if TYPE_CHECKING:
    from lakebt._typing import FloatPanel, FloatVector
    from lakebt.backtest.book import Book
    from lakebt.backtest.rebalancing import Orders, Unfilled

NYSE = Sessions.of("XNYS")
FIRST = NYSE.on_or_after(dt.date(2022, 9, 1))
CAPITAL = 100_000.0
SYMBOLS = ("A", "B", "C")
BEFORE, COUNT = 3, 8
"""Sessions with prices before the run, and sessions of the run."""
LEAD = dt.timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True)
class Case:
    """Prices of ``BEFORE + COUNT`` sessions, and what is decided when.

    `opens` and `closes` are NaN where there is no bar; `late` says which bars became
    known a day after their close.
    """

    opens: FloatPanel
    closes: FloatPanel
    late: list[list[bool]]
    decisions: dict[int, tuple[float, ...]]
    at_close: bool
    costs: CostModel

    @property
    def history(self) -> PriceHistory:
        sessions, columns = np.nonzero(~np.isnan(self.closes))
        by = np.lexsort((sessions, columns))
        sessions, columns = sessions[by], columns[by]
        known = NYSE.instants("close")[FIRST - BEFORE + sessions].copy()
        known += np.where(np.array(self.late)[sessions, columns], 86_400_000_000, 0)
        return PriceHistory(
            symbols=SYMBOLS,
            sessions=NYSE,
            symbol=columns.astype(np.int64),
            session=(FIRST - BEFORE + sessions).astype(np.int64),
            known_at=known,
            open=self.opens[sessions, columns],
            close=self.closes[sessions, columns],
            retracted=np.zeros(len(sessions), dtype=bool),
        )

    @property
    def window(self) -> PriceWindow:
        return PriceWindow.of(
            self.history, SYMBOLS, first=FIRST, last=FIRST + COUNT - 1
        )

    def deadline(self, session: int) -> dt.datetime:
        fill = NYSE.instant(FIRST + session, "close" if self.at_close else "open")
        return fill - LEAD

    @property
    def targets(self) -> Targets:
        sessions = sorted(self.decisions)
        return Targets(
            rows=np.array(
                [2 * (FIRST + n) + self.at_close for n in sessions], dtype=np.int64
            ),
            deadlines=[self.deadline(n) for n in sessions],
            weights=np.array([self.decisions[n] for n in sessions]),
        )

    def rebalanced(self) -> tuple[Orders, Unfilled]:
        return rebalance(
            self.targets,
            history=self.history,
            window=self.window,
            costs=self.costs,
            capital_usd=CAPITAL,
        )


@dataclass
class Walked:
    """What the walk saw: fills, and the portfolio at each close, borrow paid."""

    fills: list[tuple[int, str, float, float]]
    unfilled: list[tuple[int, str]]
    held: list[list[float]]
    cash: list[float]
    value: list[float]


def walk(case: Case) -> Walked:  # noqa: C901, PLR0912 - no helpers to hide in
    """Go from session to session with a purse and a bag of shares."""
    seen = Walked(fills=[], unfilled=[], held=[], cash=[], value=[])
    purse, owed = CAPITAL, 0.0
    bag = [0.0] * 3
    known_in_run: list[float] = [math.nan] * 3  # the last price of the run itself
    short, day = 0.0, NYSE.days[FIRST]
    for session in range(COUNT):
        n = BEFORE + session
        days = int((NYSE.days[FIRST + session] - day).astype(int))
        owed += short * days * case.costs.borrow_bps_per_year / 1e4 / 360
        day = NYSE.days[FIRST + session]
        prices = case.closes[n] if case.at_close else case.opens[n]
        if session in case.decisions:
            deadline = case.deadline(session)
            last = []
            for s in range(3):
                close = math.nan
                for m in range(BEFORE + COUNT):
                    shut = NYSE.instant(FIRST - BEFORE + m, "close")
                    told = shut + dt.timedelta(days=1) * case.late[m][s]
                    if not math.isnan(case.closes[m, s]) and told < deadline:
                        close = float(case.closes[m, s])
                if math.isnan(close):  # sized on the entry price, else on the last
                    close = float(prices[s])
                if math.isnan(close):
                    close = known_in_run[s]
                last.append(close)
            worth = purse - owed + sum(bag[s] * last[s] for s in range(3) if bag[s])
            for s, weight in enumerate(case.decisions[session]):
                if weight == 0.0 and bag[s] == 0.0:
                    continue
                if math.isnan(prices[s]):
                    seen.unfilled.append((session, SYMBOLS[s]))
                    continue
                size = weight * worth / last[s] - bag[s]
                if abs(size) <= 1e-12 * abs(bag[s]):  # rounding
                    continue
                bag[s] += size
                rate = (
                    case.costs.commission_bps / 1e4 + case.costs.half_spread_bps / 1e4
                )
                purse -= size * float(prices[s])
                purse -= abs(size) * float(prices[s]) * rate
                seen.fills.append((session, SYMBOLS[s], size, float(prices[s])))
        for s in range(3):
            if not math.isnan(case.closes[n, s]):
                known_in_run[s] = float(case.closes[n, s])
        worths = [bag[s] * known_in_run[s] if bag[s] else 0.0 for s in range(3)]
        short = -sum(worth for worth in worths if worth < 0.0)
        seen.held.append(list(bag))
        seen.cash.append(purse - owed)
        seen.value.append(purse - owed + sum(worths))
    return seen


@st.composite
def cases(draw: st.DrawFn) -> Case:
    total = BEFORE + COUNT
    price = st.floats(20.0, 60.0)
    opens = np.array(draw(st.lists(price, min_size=3 * total, max_size=3 * total)))
    moves = st.floats(0.9, 1.1)
    ratio = np.array(draw(st.lists(moves, min_size=3 * total, max_size=3 * total)))
    opens = opens.reshape(total, 3)
    closes = opens * ratio.reshape(total, 3)
    for column in range(3):  # a symbol that begins, one that ends, and gaps
        begins = draw(st.integers(0, total - 2))
        ends = draw(st.integers(begins + 1, total))
        opens[:begins, column] = opens[ends:, column] = np.nan
        for gap in draw(st.sets(st.integers(0, total - 1), max_size=3)):
            opens[gap, column] = np.nan
    closes[np.isnan(opens)] = np.nan
    if np.isnan(closes).all(axis=0).any():  # each symbol has some price
        opens[BEFORE] = closes[BEFORE] = 40.0
    late = draw(
        st.lists(
            st.lists(st.booleans(), min_size=3, max_size=3),
            min_size=total,
            max_size=total,
        )
    )
    # vectorbt does not fill what is worth less than a trillionth of the capital
    weight = st.integers(-60, 60).map(lambda percent: percent / 100)
    rate = st.one_of(st.just(0.0), st.floats(0.0, 300.0))
    return Case(
        opens=opens,
        closes=closes,
        late=late,
        decisions=draw(
            st.dictionaries(
                st.integers(0, COUNT - 1),
                st.tuples(weight, weight, weight),
                min_size=1,
                max_size=COUNT,
            )
        ),
        at_close=draw(st.booleans()),
        costs=CostModel(
            commission_bps=draw(rate) / 10,
            half_spread_bps=draw(rate) / 10,
            borrow_bps_per_year=draw(rate),
        ),
    )


def returns(value: FloatVector, orders: Orders) -> FloatVector:
    first = int(orders.row.min() + 1) // 2 - FIRST
    before = np.concatenate([[CAPITAL], value[first:-1]])[: COUNT - first]
    net: FloatVector = value[first:] / before - 1.0
    return net


def books(case: Case, orders: Orders) -> tuple[Book, Book]:
    arguments = {"window": case.window, "costs": case.costs, "capital_usd": CAPITAL}
    return keep_book(orders, **arguments), keep_vectorbt(orders, **arguments)  # type: ignore[arg-type]


@pytest.mark.slow
@given(case=cases())
@settings(max_examples=100, deadline=None)
def test_both_engines_and_a_slow_walk_agree(case: Case) -> None:
    seen = walk(case)
    orders, unfilled = case.rebalanced()

    fills = [
        (int(row) // 2 - FIRST, SYMBOLS[column])
        for row, column in zip(orders.row, orders.column, strict=True)
    ]
    assert fills == [fill[:2] for fill in seen.fills]
    sizes, prices = [f[2] for f in seen.fills], [f[3] for f in seen.fills]
    np.testing.assert_allclose(orders.size, sizes, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(orders.price, prices, rtol=1e-9)
    assert seen.unfilled == [
        (int(row) // 2 - FIRST, SYMBOLS[column])
        for row, column in zip(unfilled.row, unfilled.column, strict=True)
    ]
    if not len(orders):
        return
    nets = []
    for book in books(case, orders):
        owed = np.cumsum(borrow_by_session(book, window=case.window, costs=case.costs))
        np.testing.assert_allclose(book.positions, seen.held, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(book.cash - owed, seen.cash, rtol=1e-9, atol=1e-6)
        np.testing.assert_allclose(book.value - owed, seen.value, rtol=1e-9)
        nets.append(returns(book.value - owed, orders))
    np.testing.assert_allclose(nets[0], nets[1], rtol=1e-9, atol=1e-12)
    if len(nets[0]) > 1 and nets[0].std() > 1e-6:  # else it is one of rounding
        assert sharpe_ratio(nets[0]) == pytest.approx(sharpe_ratio(nets[1]), rel=1e-9)


def flat() -> Case:
    prices = np.full((BEFORE + COUNT, 3), 50.0)
    return Case(
        opens=prices,
        closes=prices.copy(),
        late=[[False] * 3] * (BEFORE + COUNT),
        decisions={1: (0.5, -0.5, 0.0), 4: (0.0, 0.0, 0.0)},
        at_close=False,
        costs=CostModel(commission_bps=10.0, borrow_bps_per_year=360.0),
    )


def test_a_book_of_flat_prices_by_hand() -> None:
    """1,000 shares each way at 50: 100 USD to get in, and as much to get out.

    The short of 50,000 USD costs 1 bp a day, 5 USD: over 2 to 6 September of 2022, with
    Labor Day between, 4 days.
    """
    case = flat()
    orders, unfilled = case.rebalanced()
    book = keep_book(orders, window=case.window, costs=case.costs, capital_usd=CAPITAL)
    borrow = borrow_by_session(book, window=case.window, costs=case.costs)

    assert len(unfilled) == 0
    assert orders.size.tolist() == [1_000.0, -1_000.0, -1_000.0, 1_000.0]
    assert book.positions[[0, 1, 3, 4], 0].tolist() == [0.0, 1_000.0, 1_000.0, 0.0]
    assert book.cash[[0, 1, 4]].tolist() == pytest.approx([100_000, 99_900, 99_800])
    assert book.value[[0, 1, 4]].tolist() == pytest.approx([100_000, 99_900, 99_800])
    assert borrow.tolist() == pytest.approx([0, 0, 20, 5, 5, 0, 0, 0])


def test_a_short_that_is_renewed_stays_as_large_as_the_equity() -> None:
    """By hand: each order is of the equity that the borrow so far has left.

    Decided at the opens of 2 and 6 September; four nights of 20,000 USD short at 1 %
    a day are 800 USD, which the second order is smaller by.
    """
    case = replace(
        flat(),
        decisions={1: (0.0, -0.2, 0.0), 2: (0.0, -0.2, 0.0)},
        costs=CostModel(borrow_bps_per_year=36_000.0),
    )

    orders, _ = case.rebalanced()

    assert orders.size.tolist() == pytest.approx([-400.0, 400.0 - 0.2 * 99_200 / 50])


def test_the_fills_of_the_reference_are_the_orders() -> None:
    case = flat()
    orders, _ = case.rebalanced()

    portfolio = order_book(
        orders, window=case.window, costs=case.costs, capital_usd=CAPITAL
    )

    records = portfolio.orders.records_arr
    ours = records[records["col"] < len(SYMBOLS)]  # the last column is the financing
    ours = np.sort(ours, order=["idx", "col"])
    sizes = np.where(ours["side"] == 0, ours["size"], -ours["size"])
    assert sizes.tolist() == orders.size.tolist()
    assert ours["price"].tolist() == orders.price.tolist()
    assert (ours["idx"] + 2 * FIRST).tolist() == orders.row.tolist()
