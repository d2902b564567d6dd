"""Books with corporate actions: vectorbt, a walk with purse and bag, and by hand."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from lakebt.backtest.book import borrow_by_session, keep_book
from lakebt.backtest.costs import CostModel
from lakebt.backtest.rebalancing import Targets, rebalance
from lakebt.backtest.reference_book import keep_vectorbt
from lakebt.backtest.window import PriceWindow
from lakebt.errors import UntradeableError
from lakebt.instants import EPOCH, TICK
from lakebt.prices.effects import effects, per_bar_share
from tests.prices.made_history import NYSE, act, history_of

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
    basis: str = "raw"

    def __post_init__(self) -> None:
        self.history = history_of(
            self.prices, told=self.actions, late=self.late, basis=self.basis
        )
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
        """The last price of the window so far, in today's shares; else the first."""
        seen = []
        for s in range(FIRST, self.market.last + 1):
            opened, closed = self.bar(symbol, s)
            if not math.isnan(opened):
                seen += [(2 * s, opened), (2 * s + 1, closed)]
        until = [(h, p) for h, p in seen if h <= 2 * session + (not at_open)]
        if not until:
            return seen[0][1] if seen else 1.0
        half, price = until[-1]
        for row in self.final:
            if row["symbol"] == symbol and row["kind"] == "split":
                is_since = half // 2 < row["session"] <= session
                is_over = row["session"] == self.ended.get(symbol)
                price /= row["ratio"] if is_since and not is_over else 1.0
        return price

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


def by_hand(actions: list[dict[str, Any]], **other: Any) -> Market:
    """100 USD-a-share A and B at 50, flat: half of the capital in A from day 1 on."""
    days = range(FIRST - BEFORE, FIRST + COUNT)
    prices = {s: dict.fromkeys(days, (50.0, 50.0)) for s in SYMBOLS}
    prices.update(other.pop("prices", {}))
    decisions = other.pop("decisions", {FIRST + 1: (0.5, 0.0, 0.0, 0.0, 0.0)})
    return Market(prices=prices, actions=actions, decisions=decisions, **other)


def eve(session: int) -> int:
    """23:59:59.999999 New York on the day before a session, at least as late."""
    return int(NYSE.instants("open")[session]) - 9 * 3_600_000_000


def split_bars(session: int, ratio: float) -> dict[int, tuple[float, float]]:
    """Flat bars at 50 that a split divides."""
    days = range(FIRST - BEFORE, FIRST + COUNT)
    return {s: (50.0 / ratio if s >= session else 50.0,) * 2 for s in days}


@pytest.mark.parametrize("at", [FIRST, FIRST + 1])
def test_an_entry_at_the_open_of_a_split_is_neither_too_large_nor_too_small(
    at: int,
) -> None:
    """By hand: 50,000 USD at 12.50 are 4,000 shares; the last close was 50."""
    market = by_hand(
        [act("A", "split", at, ratio=4.0, known_at=eve(at), action_id="S")],
        prices={"A": split_bars(at, 4.0)},
        decisions={at: (0.5, 0.0, 0.0, 0.0, 0.0)},
    )

    orders, _ = market.rebalanced()
    book = market.book(orders)

    assert orders.size.tolist() == [4_000.0]
    assert book.value.tolist() == [CAPITAL] * COUNT
    assert len(book.flows) == 0


def test_a_split_that_nobody_knew_of_changes_no_order() -> None:
    at = FIRST + 3
    decisions = {FIRST + 1: (0.5, 0, 0, 0, 0), at: (0.25, 0, 0, 0, 0)}
    late = int((market_deadline := NYSE.instant(at, "open") - LEAD).timestamp() * 1e6)
    told = act("A", "split", at, ratio=4.0, known_at=late, action_id="S")
    markets = [
        by_hand(actions, prices={"A": split_bars(at, 4.0)}, decisions=decisions)
        for actions in ([], [told], [dict(told, known_at=late - 1)])
    ]

    sizes = [market.rebalanced()[0].size.tolist() for market in markets]

    assert market_deadline == markets[0].deadline(at)
    assert sizes[0] == sizes[1] == [1_000.0, -500.0]
    # One microsecond earlier: 4,000 shares are held, and 2,000 wanted.
    assert sizes[2] == [1_000.0, -2_000.0]
    # The shares of the day are what the split made of them, whenever it was known.
    held = [m.book(m.rebalanced()[0]).positions[[2, 3, 4], 0] for m in markets]
    assert [h.tolist() for h in held] == [
        [1_000.0, 500.0, 500.0],
        [1_000.0, 3_500.0, 3_500.0],
        [1_000.0, 2_000.0, 2_000.0],
    ]


@pytest.mark.parametrize("side", [1, -1])
def test_who_held_at_the_close_before_gets_a_dividend_or_owes_it(side: int) -> None:
    """By hand: 1,000 shares, 2.00 each; who enters at that open has none of it.

    Position and mirror sum to zero: what one gets the other owes.
    """
    at = FIRST + 3
    told = [act("A", "cash_dividend", at, cash=2.0, known_at=eve(at), action_id="D")]
    weight = 0.5 * side
    before = by_hand(told, decisions={at - 1: (weight, 0, 0, 0, 0)})
    leaves = by_hand(
        told, decisions={at - 1: (weight, 0, 0, 0, 0), at: (0.0, 0, 0, 0, 0)}
    )
    enters = by_hand(told, decisions={at: (weight, 0, 0, 0, 0)})

    for market, cash in ((before, 2_000.0 * side), (leaves, 2_000.0 * side)):
        book = market.book(market.rebalanced()[0])
        assert book.flows.dividends == cash
        assert (book.value[at - FIRST :] - CAPITAL).tolist() == [cash] * 6
    book = enters.book(enters.rebalanced()[0])
    assert len(book.flows) == 0
    assert book.value.tolist() == [CAPITAL] * COUNT


def test_equity_counts_a_dividend_once_by_the_close_and_once_in_cash() -> None:
    """By hand: 1,000 A at 50, 2.00 ex today. Its close is with the dividend still.

    A quarter of 100,000 is 500 shares at 50; a day later the close of 48 is without it,
    and the 2,000 USD are in the cash: the equity is the same.
    """
    at = FIRST + 3
    days = range(FIRST - BEFORE, FIRST + COUNT)
    prices = {"A": {s: ((50.0, 50.0) if s < at else (48.0, 48.0)) for s in days}}
    told = [act("A", "cash_dividend", at, cash=2.0, known_at=eve(at), action_id="D")]
    first = {FIRST + 1: (0.5, 0.0, 0.0, 0.0, 0.0)}
    sizes = {
        day: by_hand(told, prices=prices, decisions={**first, day: (0.25, 0, 0, 0, 0)})
        .rebalanced()[0]
        .size.tolist()
        for day in (at, at + 1)
    }

    assert sizes[at] == [1_000.0, -500.0]
    assert sizes[at + 1] == [1_000.0, pytest.approx(0.25 * 100_000 / 48 - 1_000)]


def test_shares_that_came_of_others_are_sold_by_the_next_decision() -> None:
    """By hand: 1,000 A at 50 with half a D at 20 each; A opens at 40.

    D had no bar before. The next decision, of half the equity in A, sells all of D.
    """
    at, end = FIRST + 3, FIRST + COUNT
    prices = {
        "A": {
            s: ((50.0, 50.0) if s < at else (40.0, 40.0)) for s in range(at - 6, end)
        },
        "D": dict.fromkeys(range(at, end), (20.0, 20.0)),
    }
    half = (0.5, 0.0, 0.0, 0.0, 0.0)
    market = by_hand(
        [
            act("A", "spin_off", at, ratio=0.5, other="D", known_at=eve(at))
            | {"action_id": "X"}
        ],
        prices=prices,
        decisions={FIRST + 1: half, at + 2: half},
    )

    orders, _ = market.rebalanced()
    book = market.book(orders)

    assert orders.size.tolist() == [1_000.0, 250.0, -500.0]
    assert book.positions[:, 3].tolist() == [0, 0, 0, 500.0, 500.0, 0, 0, 0, 0]
    assert book.value.tolist() == [CAPITAL] * COUNT
    assert book.flows.received.tolist() == [500.0]


def test_an_entry_at_the_open_of_a_spin_off_gets_none_of_the_child() -> None:
    """By hand: 50,000 USD at the last close of 50. No column has the child."""
    market = by_hand(
        [
            act("A", "spin_off", FIRST, ratio=0.5, other="KID", known_at=0)
            | {"action_id": "X"}
        ],
        decisions={FIRST: (0.5, 0.0, 0.0, 0.0, 0.0)},
    )

    orders, _ = market.rebalanced()

    assert orders.size.tolist() == [1_000.0]
    assert len(market.book(orders).flows) == 0


def test_an_ending_closes_without_a_fee_and_its_later_bars_are_ignored() -> None:
    """By hand: 1,000 A at 50 for 52 each; a vendor goes on with its bars."""
    at = FIRST + 3
    market = by_hand(
        [act("A", "merger", at, cash=52.0, known_at=eve(at), action_id="M")],
        decisions={FIRST + 1: (0.5, 0, 0, 0, 0), at + 1: (0.5, 0, 0, 0, 0)},
        costs=CostModel(commission_bps=10.0),
    )

    orders, unfilled = market.rebalanced()
    book = market.book(orders)

    assert np.isnan(market.window.prices[2 * 3 :, 0]).all()
    assert orders.size.tolist() == [1_000.0]
    assert unfilled.row.tolist() == [2 * (at + 1)]
    assert book.positions[:, 0].tolist() == [0, 1_000, 1_000, 0, 0, 0, 0, 0, 0]
    assert book.value[-1] == pytest.approx(CAPITAL - 50.0 + 2_000.0)
    assert book.flows.endings == {"merger": 1}


def test_a_delisting_of_nobody_knows_what_is_refused_unless_its_return_is_given() -> (
    None
):
    at = FIRST + 3
    told = [act("A", "delisting", at, known_at=eve(at), action_id="X")]
    refuses = by_hand(told, delisting_return=None)
    loses = by_hand(told, delisting_return=-0.55)
    elsewhere = by_hand(
        told, delisting_return=None, decisions={FIRST + 1: (0, 0.5, 0, 0, 0)}
    )

    with pytest.raises(UntradeableError, match=r"A was delisted on 2022-09-07, and"):
        refuses.book(refuses.rebalanced()[0])
    assert loses.book(loses.rebalanced()[0]).value[-1] == pytest.approx(72_500.0)
    assert len(elsewhere.book(elsewhere.rebalanced()[0]).flows) == 0


def test_shares_of_a_symbol_without_prices_are_refused_by_name() -> None:
    at = FIRST + 3
    market = by_hand(
        [act("A", "merger", at, ratio=1.0, other="ECA", known_at=eve(at))],
        symbols=(*SYMBOLS, "ECA"),
        decisions={FIRST + 1: (0.5, 0, 0, 0, 0, 0)},
    )

    with pytest.raises(UntradeableError, match=r"holders of A got shares of ECA on"):
        market.book(market.rebalanced()[0])


def test_a_price_that_just_stops_is_kept_at_its_last_close() -> None:
    """Nothing says what became of it: the book keeps it, and cannot sell it."""
    at = FIRST + 3
    gone = {s: (50.0, 50.0 + (s == at - 1)) for s in range(FIRST - BEFORE, at)}
    market = by_hand(
        [],
        prices={"A": gone},
        decisions={FIRST + 1: (0.5, 0, 0, 0, 0), at + 2: (0.0, 0, 0, 0, 0)},
        delisting_return=-0.55,
    )

    orders, unfilled = market.rebalanced()
    book = market.book(orders)

    assert orders.size.tolist() == [1_000.0]
    assert unfilled.row.tolist() == [2 * (at + 2)]
    assert book.positions[:, 0].tolist() == [0.0] + [1_000.0] * 8
    assert book.value[2:].tolist() == [CAPITAL + 1_000.0] * 7


def test_actions_in_any_order_give_the_same_bits() -> None:
    for seed in range(10):
        market = generated(seed)
        orders, _ = market.rebalanced()
        rng = np.random.default_rng(seed)
        market.actions = [
            market.actions[n] for n in rng.permutation(len(market.actions))
        ]
        market.__post_init__()
        again, _ = market.rebalanced()

        assert orders.size.tobytes() == again.size.tobytes()
        if len(orders):
            one, other = market.book(orders), market.book(again)
            assert one.value.tobytes() == other.value.tobytes()


def test_actions_that_touch_nothing_held_leave_every_bit_as_it_was() -> None:
    """Of days before any close that an order is sized on."""
    for seed in range(40, 60):
        market = generated(seed)
        market.actions = []
        market.__post_init__()
        orders, _ = market.rebalanced()
        if not len(orders):
            continue
        plain = market.book(orders)
        market.actions = [
            act(s, kind, FIRST - BEFORE, known_at=0, action_id=s + kind, **terms)
            for s in SYMBOLS
            for kind, terms in (
                ("cash_dividend", {"cash": 1.0}),
                ("split", {"ratio": 3.0}),
            )
        ]
        market.__post_init__()
        again, _ = market.rebalanced()
        book = market.book(again)

        assert orders.size.tobytes() == again.size.tobytes()
        for name in ("positions", "cash", "value"):
            assert getattr(plain, name).tobytes() == getattr(book, name).tobytes()


def rescaled(market: Market) -> Market:
    """The same market with bars that its splits are in already."""
    splits = [row for row in market.actions if row["kind"] == "split"]
    prices = {
        symbol: {
            session: tuple(
                price
                / math.prod(
                    row["ratio"]
                    for row in splits
                    if row["symbol"] == symbol and row["session"] > session
                )
                for price in pair
            )
            for session, pair in own.items()
        }
        for symbol, own in market.prices.items()
    }
    return replace(market, prices=prices, basis="split_adjusted")


def test_prices_and_splits_rescaled_together_give_the_same_worth() -> None:
    """Raw bars with splits, or bars that have them; dividends and mergers are raw."""
    n_flows = 0
    for seed in range(60):
        market = generated(seed)
        ended = Walk(market).ended
        known = [
            {**row, "known_at": 0}
            for row in market.actions
            if row["kind"] != "spin_off"
            and not row.get("retracted", False)
            # Bars that are the last ones are not split.
            and not (
                row["kind"] == "split" and row["session"] == ended.get(row["symbol"])
            )
        ]
        market = replace(
            market,
            actions=list({row["action_id"]: row for row in known}.values()),
            late=frozenset(),
        )
        other = rescaled(market)
        (orders, _), (others, _) = market.rebalanced(), other.rebalanced()

        assert orders.row.tolist() == others.row.tolist()
        if len(orders):
            one, two = market.book(orders), other.book(others)
            np.testing.assert_allclose(one.value, two.value, rtol=1e-9, err_msg=seed)
            np.testing.assert_allclose(one.cash, two.cash, rtol=1e-9, atol=1e-6)
            n_flows += len(two.flows)
    assert n_flows > 20
