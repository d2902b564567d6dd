"""Books with corporate actions, against a walk with a purse and a bag, and by hand."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from lakebt.backtest.book import borrow_by_session, keep_book
from lakebt.backtest.costs import CostModel
from lakebt.backtest.rebalancing import Targets, rebalance
from lakebt.backtest.reference import keep_vectorbt
from lakebt.backtest.window import PriceWindow
from lakebt.instants import EPOCH, TICK
from lakebt.prices.effects import effects, per_bar_share
from tests.prices.acts import NYSE, act, bars

if TYPE_CHECKING:
    from lakebt.backtest.book import Book
    from lakebt.backtest.rebalancing import Orders, Unfilled

FIRST = NYSE.on_or_after(dt.date(2022, 9, 1))
CAPITAL = 100_000.0
SYMBOLS = ("A", "B", "C", "D", "E")
BEFORE, COUNT = 3, 9
LEAD = dt.timedelta(minutes=10)
DAY = 86_400_000_000


@dataclass
class Market:
    """Bars, actions as vintages, and what is decided when."""

    prices: dict[str, dict[int, tuple[float, float]]]
    actions: list[dict[str, Any]]
    decisions: dict[int, tuple[float, ...]]
    at_close: bool = False
    costs: CostModel = field(default_factory=CostModel)
    late: frozenset[tuple[str, int]] = frozenset()
    delisting_return: float | None = -0.4
    symbols: tuple[str, ...] = SYMBOLS

    def __post_init__(self) -> None:
        self.history = bars(self.prices, actions=self.actions, late=self.late)
        self.last = FIRST + COUNT - 1
        self.window = PriceWindow.of(
            self.history, self.symbols, first=FIRST, last=self.last
        )

    def deadline(self, session: int) -> dt.datetime:
        return NYSE.instant(session, "close" if self.at_close else "open") - LEAD

    def rebalanced(self) -> tuple[Orders, Unfilled]:
        sessions = sorted(self.decisions)
        targets = Targets(
            rows=np.array([2 * s + self.at_close for s in sessions], dtype=np.int64),
            deadlines=[self.deadline(s) for s in sessions],
            weights=np.array([self.decisions[s] for s in sessions]),
        )
        return rebalance(
            targets,
            history=self.history,
            window=self.window,
            costs=self.costs,
            capital_usd=CAPITAL,
            delisting_return=self.delisting_return,
        )

    def book(self, orders: Orders, keep: Any = keep_book) -> Book:
        told = per_bar_share(
            self.history,
            self.history.actions.final,
            delisting_return=self.delisting_return,
        )
        book: Book = keep(
            orders,
            window=self.window,
            costs=self.costs,
            capital_usd=CAPITAL,
            effects=effects(told),
        )
        return book


def in_force(market: Market, before: int | None) -> list[dict[str, Any]]:
    """Return the newest vintage of each action that was known."""
    newest: dict[str, dict[str, Any]] = {}
    for row in sorted(market.actions, key=lambda r: r["known_at"]):
        if before is None or row["known_at"] < before:
            newest[row["action_id"]] = row
    return [row for row in newest.values() if not row.get("retracted", False)]


def turn(
    market: Market, bag: dict[str, float], rows: list[dict[str, Any]], session: int
) -> float:
    """Apply the actions of one open to a bag of shares; return the cash they bring."""
    held, cash = dict(bag), 0.0
    came: list[tuple[str, float]] = []
    for row in (r for r in rows if r["session"] == session):
        shares = held.get(row["symbol"], 0.0)
        ratio, money = row.get("ratio", math.nan), row.get("cash", math.nan)
        if row["kind"] == "delisting" and math.isnan(money):
            own = market.prices[row["symbol"]]
            close = own[max(s for s in own if s < session)][1]
            money = close * (1 + (market.delisting_return or 0.0))
        cash += shares * (0.0 if math.isnan(money) else money)
        if row["kind"] == "split":
            bag[row["symbol"]] *= ratio
        if row["kind"] in {"rename", "merger", "spin_off"} and row.get("other"):
            came.append((row["other"], shares * (1.0 if math.isnan(ratio) else ratio)))
    for row in (r for r in rows if r["session"] == session):
        if row["kind"] in {"rename", "merger", "delisting"}:
            bag[row["symbol"]] = 0.0
    for other, shares in came:
        bag[other] += shares
    return cash


class Walk:
    """Goes from session to session with a purse and a bag of shares."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.final = in_force(market, None)
        self.ended = {
            r["symbol"]: r["session"]
            for r in self.final
            if r["kind"] in {"rename", "merger", "delisting"}
        }
        self.fills: list[tuple[int, str, float, float]] = []
        self.unfilled: list[tuple[int, str]] = []
        self.held: list[list[float]] = []
        self.cash: list[float] = []
        self.value: list[float] = []
        self.run()

    def bar(self, symbol: str, session: int) -> tuple[float, float]:
        if session >= self.ended.get(symbol, 10**9):
            return math.nan, math.nan
        return self.market.prices[symbol].get(session, (math.nan, math.nan))

    def mark(self, symbol: str, session: int, *, at_open: bool = False) -> float:
        """The last price of the window so far; before there is one, the first."""
        seen = []
        for s in range(FIRST, self.market.last + 1):
            opened, closed = self.bar(symbol, s)
            if not math.isnan(opened):
                seen += [(2 * s, opened), (2 * s + 1, closed)]
        until = [p for h, p in seen if h <= 2 * session + (not at_open)]
        return until[-1] if until else seen[0][1] if seen else 1.0

    def borrow(self, bag: dict[str, float], session: int) -> float:
        """What the shorts at the close before pay."""
        if session == FIRST:
            return 0.0
        days = int((NYSE.days[session] - NYSE.days[session - 1]).astype(int))
        short = sum(-n * self.mark(s, session - 1) for s, n in bag.items() if n < 0.0)
        return short * days * self.market.costs.borrow_bps_per_year / 1e4 / 360

    def believed(self, session: int) -> tuple[dict[str, float], float, list[Any]]:
        """What a decision holds, by the actions that it knows of."""
        before = (self.market.deadline(session) - EPOCH) // TICK
        rows = in_force(self.market, before)
        bag, purse = dict.fromkeys(self.market.symbols, 0.0), CAPITAL
        for s in range(FIRST, session + 1):
            purse -= self.borrow(bag, s)
            if s > FIRST:
                purse += turn(self.market, bag, rows, s)
            for at, symbol, size, price in self.fills:
                if at == s:
                    bag[symbol] += size
                    rate = self.market.costs.proportional
                    purse -= size * price + abs(size) * price * rate
        return bag, purse, rows

    def known_close(self, symbol: str, deadline: dt.datetime) -> tuple[int, float]:
        found = -1, math.nan
        for s, (_, close) in sorted(self.market.prices[symbol].items()):
            told = NYSE.instant(s, "close")
            told += dt.timedelta(days=1) * ((symbol, s) in self.market.late)
            if told < deadline:
                found = s, close
        return found

    def decide(self, session: int) -> None:  # noqa: C901, PLR0912 - nothing is hidden
        market = self.market
        deadline = market.deadline(session)
        bag, purse, rows = self.believed(session)
        at_open = not market.at_close
        closes = {s: self.known_close(s, deadline) for s in market.symbols}
        divide, worth = {}, {}
        for s, (_, close) in closes.items():
            divide[s] = worth[s] = (
                self.mark(s, session, at_open=at_open) if math.isnan(close) else close
            )
        since = {
            s: [
                [r for r in rows if r["symbol"] == s and r["session"] == t]
                for t in range(at + 1, session + 1)
            ]
            for s, (at, close) in closes.items()
            if not math.isnan(close)
        }
        for s, days in since.items():
            for row in (row for day in days for row in day):
                if row["kind"] == "split" and not any(
                    r["kind"] in {"rename", "merger", "delisting"}
                    for r in rows
                    if r["symbol"] == s and r["session"] == row["session"]
                ):
                    divide[s] /= row["ratio"]
        for s, days in since.items():
            for day in days:
                left, untold, kept, ends = worth[s], [], 1.0, False
                for row in day:
                    cash = row.get("cash", math.nan)
                    ratio = row.get("ratio", math.nan)
                    if row["kind"] == "rename":
                        ratio = 1.0
                    if row["kind"] == "delisting" and math.isnan(cash):
                        own = market.prices[s]
                        close = own[max(t for t in own if t < row["session"])][1]
                        cash = close * (1 + (market.delisting_return or 0.0))
                    left -= 0.0 if math.isnan(cash) else cash
                    ends |= row["kind"] in {"rename", "merger", "delisting"}
                    if row["kind"] == "split":
                        kept *= ratio
                    elif row.get("other"):
                        other = row["other"]
                        if math.isnan(closes[other][1]):
                            untold.append((other, ratio))
                        else:
                            left -= ratio * divide[other]
                left = max(left, 0.0)
                for other, ratio in untold:
                    worth[other] = left / ratio / len(untold) if ends else 0.0
                worth[s] = left if ends else left / kept
        equity = purse + sum(bag[s] * worth[s] for s in market.symbols if bag[s])
        for s, weight in zip(market.symbols, market.decisions[session], strict=True):
            price = self.bar(s, session)[market.at_close]
            if weight == 0.0 and bag[s] == 0.0:
                continue
            if math.isnan(price):
                self.unfilled.append((session, s))
                continue
            size = weight * equity / divide[s] - bag[s]
            if abs(size) > 1e-12 * abs(bag[s]):
                self.fills.append((session, s, size, price))

    def run(self) -> None:
        market = self.market
        bag, purse = dict.fromkeys(market.symbols, 0.0), CAPITAL
        for session in range(FIRST, market.last + 1):
            purse -= self.borrow(bag, session)
            if session > FIRST:
                purse += turn(market, bag, self.final, session)
            if session in market.decisions:
                self.decide(session)
            for at, symbol, size, price in self.fills:
                if at == session:
                    bag[symbol] += size
                    purse -= size * price
                    purse -= abs(size) * price * market.costs.proportional
            self.held.append([bag[s] for s in market.symbols])
            self.cash.append(purse)
            marks = [n * self.mark(s, session) for s, n in bag.items() if n]
            self.value.append(purse + sum(marks))


def generated(seed: int) -> Market:  # noqa: C901, PLR0912 - one thing after another
    """Draw a market in which anything may happen."""
    rng = np.random.default_rng(seed)
    total, start = BEFORE + COUNT, FIRST - BEFORE
    prices: dict[str, dict[int, tuple[float, float]]] = {}
    for symbol in SYMBOLS:
        begins = int(rng.integers(0, 6)) if symbol in "AD" else 0
        prices[symbol] = {}
        for n in range(begins, total):
            if rng.random() > 0.08 or n in (begins, BEFORE):
                opened = float(rng.uniform(20.0, 60.0))
                closed = opened * float(rng.uniform(0.9, 1.1))
                prices[symbol][start + n] = opened, closed
    actions: list[dict[str, Any]] = []
    ended: dict[str, int] = {}
    for number in range(int(rng.integers(1, 9))):
        symbol = str(rng.choice(list("ABCD")))
        session = FIRST + int(rng.integers(0, COUNT))
        kinds = ["split", "cash_dividend", "cash_dividend", "spin_off"]
        if symbol in "BC" and symbol not in ended:
            kinds += ["rename", "merger", "delisting"]
        kind = str(rng.choice(kinds))
        own = act(symbol, kind, session, action_id=f"{number}")
        if kind == "split":
            own["ratio"] = float(rng.choice([4.0, 0.125, 1.0 / 3.0]))
        if kind in {"cash_dividend", "merger"} or (
            kind == "delisting" and rng.random() < 0.5
        ):
            own["cash"] = float(rng.uniform(0.1, 5.0))
        if kind in {"spin_off", "rename", "merger"}:
            own["other"] = "E" if symbol == "D" else str(rng.choice(["D", "E"]))
        if kind in {"spin_off", "merger"}:
            own["ratio"] = float(rng.uniform(0.1, 0.6))
        if kind in {"rename", "merger", "delisting"}:
            ended[symbol] = session
        close = int(NYSE.instants("close")[session])
        own["known_at"] = close + int(rng.choice([-9, -3, -2, -1, 0, 2])) * DAY
        actions.append(own)
        if rng.random() < 0.3:
            later = dict(own, known_at=own["known_at"] + int(rng.choice([1, 3])) * DAY)
            if "cash" in own:
                later["cash"] = own["cash"] * 1.1
            if rng.random() < 0.2 and symbol not in ended:
                later["retracted"] = True
            actions.append(later)
    # Nothing happens to what has ended.
    actions = [r for r in actions if r["session"] <= ended.get(r["symbol"], 10**9)]
    decided = rng.choice(COUNT, size=int(rng.integers(1, COUNT)), replace=False)
    rates = [0.0, float(rng.uniform(1.0, 30.0))]
    return Market(
        prices=prices,
        actions=actions,
        decisions={
            FIRST + int(n): tuple(float(w) for w in rng.integers(-60, 61, 5) / 100)
            for n in decided
        },
        at_close=bool(rng.random() < 0.5),
        costs=CostModel(
            commission_bps=float(rng.choice(rates)),
            half_spread_bps=float(rng.choice(rates)),
            borrow_bps_per_year=10 * float(rng.choice(rates)),
        ),
        late=frozenset(
            (symbol, start + n)
            for symbol in SYMBOLS
            for n in range(total)
            if rng.random() < 0.1
        ),
    )


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(4))
def test_both_engines_and_a_slow_walk_agree_on_every_kind_of_action(batch: int) -> None:
    n_flows = 0
    for seed in range(15 * batch, 15 * batch + 15):
        market = generated(seed)
        seen = Walk(market)
        orders, unfilled = market.rebalanced()

        assert [
            (int(row) // 2, SYMBOLS[column])
            for row, column in zip(orders.row, orders.column, strict=True)
        ] == [fill[:2] for fill in seen.fills], seed
        sizes = [fill[2] for fill in seen.fills]
        np.testing.assert_allclose(orders.size, sizes, rtol=1e-9, atol=1e-9)
        assert [
            (int(row) // 2, SYMBOLS[column])
            for row, column in zip(unfilled.row, unfilled.column, strict=True)
        ] == seen.unfilled
        if not len(orders):
            continue
        for keep in (keep_book, keep_vectorbt):
            book = market.book(orders, keep)
            n_flows += len(book.flows)
            owed = np.cumsum(
                borrow_by_session(book, window=market.window, costs=market.costs)
            )
            told = f"seed {seed}, {keep.__name__}"
            np.testing.assert_allclose(
                book.positions, seen.held, rtol=1e-9, atol=1e-9, err_msg=told
            )
            np.testing.assert_allclose(
                book.cash - owed, seen.cash, rtol=1e-9, atol=1e-6, err_msg=told
            )
            np.testing.assert_allclose(
                book.value - owed, seen.value, rtol=1e-9, atol=1e-6, err_msg=told
            )
    assert n_flows > 20
