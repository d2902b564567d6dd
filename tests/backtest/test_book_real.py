"""What became of 100 shares over real opens: by hand, in vectorbt, and elsewhere.

The figures are in no file of ours: bars and terms are read where the data is, and each
result is one that a person worked out from the terms that were announced.
"""

from __future__ import annotations

import csv
import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from lakebt.backtest.book import keep_book
from lakebt.backtest.costs import CostModel
from lakebt.backtest.rebalancing import Targets, rebalance
from lakebt.backtest.reference_book import keep_vectorbt
from lakebt.backtest.window import PriceWindow
from lakebt.prices.effects import effects, per_bar_share
from tests.prices.made_history import NYSE, act, history_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lakebt.backtest.book import Book
    from lakebt.prices.history import PriceHistory


def number(day: str) -> int:
    return NYSE.on_or_after(dt.date.fromisoformat(day))


@pytest.fixture(scope="module")
def raw(realdata: Path) -> pd.DataFrame:
    return pd.read_parquet(realdata / "actions" / "raw_bars.parquet")


def real_bars(
    raw: pd.DataFrame, symbol: str, first: int, last: int
) -> dict[int, tuple[float, float]]:
    own = raw[raw["symbol"] == symbol]
    days = pd.to_datetime(own["session"]).dt.date
    return {
        session: (float(opened), float(closed))
        for day, opened, closed in zip(days, own["open"], own["close"], strict=True)
        if first <= (session := NYSE.on_or_after(day)) <= last
    }


def held(
    history: PriceHistory, symbol: str, *, day: int, shares: float = 100.0
) -> Iterator[tuple[Book, PriceWindow]]:
    """Buy at the close before `day`, and hold through it, in both engines."""
    symbols = tuple(sorted({*history.symbols, *history.actions.symbols}))
    window = PriceWindow.of(history, symbols, first=day - 1, last=day)
    close = window.price(symbol, 2 * day - 1)
    weights = [[shares * close / 1e6 if s == symbol else 0.0 for s in symbols]]
    orders, _ = rebalance(
        Targets(
            rows=np.array([2 * day - 1]),
            deadlines=[NYSE.instant(day - 1, "close") + dt.timedelta(seconds=1)],
            weights=np.array(weights),
        ),
        history=history,
        window=window,
        costs=CostModel(),
        capital_usd=1e6,
    )
    final = effects(per_bar_share(history, history.actions.final))
    for keep in (keep_book, keep_vectorbt):
        yield (
            keep(
                orders, window=window, costs=CostModel(), capital_usd=1e6, effects=final
            ),
            window,
        )


CASES: Mapping[
    str, tuple[str, float, list[dict[str, Any]], dict[str, float], float]
] = {
    # Deal in cash and shares, 6 March 2018: 65.82 and 1.0584 DISCK.
    "SNI": (
        "2018-03-07",
        90.04,
        [act("SNI", "merger", 0, cash=65.82, ratio=1.0584, other="DISCK")],
        {"DISCK": 105.84},
        8_985.63,
    ),
    "TWX": (
        "2018-06-15",
        98.77,
        [act("TWX", "merger", 0, cash=53.75, ratio=1.437, other="T")],
        {"T": 143.7},
        10_062.49,
    ),
    "CXO": (
        "2021-01-19",
        65.60,
        [act("CXO", "merger", 0, ratio=1.46, other="COP")],
        {"COP": 146.0},
        6_591.90,
    ),
    # A child: what the raw series of the parent shows as a fall by 21 %.
    "COP": (
        "2012-05-01",
        71.63,
        [act("COP", "spin_off", 0, ratio=0.5, other="PSX")],
        {"COP": 100.0, "PSX": 50.0},
        7_279.00,
    ),
    # Two children and another name at one open.
    "UTX": (
        "2020-04-03",
        86.01,
        [
            act("UTX", "spin_off", 0, ratio=1.0, other="CARR"),
            act("UTX", "spin_off", 0, ratio=0.5, other="OTIS"),
            act("UTX", "rename", 0, other="RTX"),
        ],
        {"CARR": 100.0, "OTIS": 50.0, "RTX": 100.0},
        8_662.50,
    ),
    "AAPL": (
        "2020-08-31",
        499.23,
        [act("AAPL", "split", 0, ratio=4.0)],
        {"AAPL": 400.0},
        51_032.00,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("symbol", CASES)
def test_a_hundred_shares_over_a_real_open_by_hand(
    raw: pd.DataFrame, symbol: str
) -> None:
    date, close, told, shares, worth = CASES[symbol]
    day = number(date)
    actions = [{**row, "session": day} for row in told]
    others = {str(row["other"]) for row in told if "other" in row}
    prices = {s: real_bars(raw, s, day - 1, day) for s in {symbol, *others}}
    prices[symbol][day - 1] = (close, close)

    for book, window in held(history_of(prices, told=actions), symbol, day=day):
        own = dict(zip(window.symbols, book.positions[1], strict=True))
        assert {s: n for s, n in own.items() if n} == pytest.approx(shares)
        got = sum(n * window.price(s, 2 * day) for s, n in own.items() if n)
        got += book.cash[1] - (1e6 - 100 * close)
        assert round(got, 2) == worth
        if symbol == "UTX":
            assert book.value[1] - book.value[0] == pytest.approx(9_051.0 - 8_601.0)


def test_512_spy_from_1998_to_2005_with_dividends_in_cents_to_the_cent(
    realdata: Path,
) -> None:
    """LEAN's DividendRegressionAlgorithm: End Equity 120462.08, Total Fees 2.56.

    Its order is filled at 97.84, the open of 5 January 1998 in its own bar; its last
    close is 124.55, which its end equity says. The dividends are derived from its
    factors, and were published in cents.
    """
    first, last = number("1998-01-05"), number("2005-12-30")
    with (realdata / "actions" / "lean_actions.csv").open(encoding="utf-8") as file:
        paid = [
            (number(row["ex_date"]), float(row["value"]))
            for row in csv.DictReader(file)
            if row["symbol"] == "SPY" and row["kind"] == "cash_dividend"
        ]
    paid = [row for row in paid if first < row[0] <= last]
    assert len(paid) == 33

    ends = []
    for digits in (2, 6):
        history = history_of(
            {
                "SPY": {
                    first - 1: (97.31, 97.36),
                    first: (97.84, 97.75),
                    last: (124.55, 124.55),
                }
            },
            told=[
                act("SPY", "cash_dividend", session, cash=round(cash, digits))
                for session, cash in paid
            ],
        )
        window = PriceWindow.of(history, ["SPY"], first=first, last=last)
        costs = CostModel(commission_bps=2.56 / (512 * 97.84) / 1e-4)
        orders, _ = rebalance(
            Targets(
                rows=np.array([2 * first]),
                deadlines=[NYSE.instant(first, "open")],
                weights=np.array([[512 * 97.36 / 1e5]]),
            ),
            history=history,
            window=window,
            costs=costs,
            capital_usd=1e5,
        )
        book = keep_book(
            orders,
            window=window,
            costs=costs,
            capital_usd=1e5,
            effects=effects(per_bar_share(history, history.actions.final)),
        )
        assert orders.size.tolist() == pytest.approx([512.0])
        assert len(book.flows) == 33
        ends.append(float(book.value[-1]))

    assert round(ends[0], 2) == 120_462.08
    # Unrounded, what follows from factors of seven digits is 46 cents more.
    assert round(ends[1] - ends[0], 2) == 0.46
