"""The event engine's kernel, beside vectorbt and beside what memory allows.

1,000 events under 55 entries and 24 exits: 1.32 million backtests. Noted are the
nanoseconds for each, of wall time and of all processors' time, which a busy machine
stretches less. `benchmarks/engine.py` measures whole studies, from a process that has
not begun.
"""

from __future__ import annotations

import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numba import njit

from benchmarks.conftest import SMALL
from lakebt.backtest import kernel
from lakebt.backtest.costs import CostModel
from lakebt.backtest.engine import Book, Earned, run_book
from lakebt.backtest.kernel import TRADED, run_slots
from lakebt.backtest.levels import Level
from lakebt.backtest.reference import run_vectorbt, to_vectorbt
from lakebt.backtest.trades import Position, Trade
from lakebt.backtest.window import PriceWindow
from lakebt.facts import Side
from lakebt.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

NYSE = Sessions.of("XNYS")
FIRST = 5_000
EVENTS = 10 if SMALL else 1_000
ENTRIES, EXITS = (5, 4) if SMALL else (55, 24)
SPAN = ENTRIES // 2 + EXITS // 2 + 2
"""Sessions of an event: entries at each half session, exits at each that follows."""

CAPITAL = 100_000.0
COSTS = tuple(
    CostModel(commission_bps=1.0 + level, borrow_bps_per_year=50.0)
    for level in range(10)
)
LEVELS = tuple(Level(costs=cost, gross=1.0, capital_usd=CAPITAL) for cost in COSTS)
PROCESSORS = len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Case:
    """Events that all begin in one session, so many legs each."""

    book: Book
    prices: Any
    legs: int


def case(*, events: int, legs: int) -> Case:
    rng = np.random.default_rng(0)
    steps = rng.normal(0, 0.01, (events * legs, 2 * SPAN))
    prices = 50.0 * np.exp(np.cumsum(steps, axis=1))
    bars = np.arange(events * legs).reshape(events, 1, legs) * SPAN
    entry = np.arange(ENTRIES)
    side = np.where(np.arange(legs) < legs / 2, 1.0, -1.0)
    paid = prices.reshape(events, legs, -1)[:, :, :ENTRIES].transpose(0, 2, 1)
    rows = 2 * FIRST + entry[None, :] + np.zeros((events, 1), dtype=np.int64)
    exits = rows[:, :, None] + 1 + np.arange(EXITS)
    slots = events * ENTRIES
    book = Book(
        opens=prices[:, 0::2].ravel(),
        marks=prices[:, 1::2].ravel(),
        missing=np.zeros(events * legs * SPAN, dtype=bool),
        base=np.broadcast_to(bars - FIRST, paid.shape).ravel(),
        size=(side * CAPITAL / legs / paid).ravel(),
        price=paid.ravel(),
        start=np.arange(slots + 1) * legs,
        entry_row=rows.ravel(),
        exits=np.arange(slots + 1) * EXITS,
        exit_row=exits.ravel(),
    )
    return Case(book, prices, legs)


CASES = {
    "4 legs": {"events": EVENTS, "legs": 4},
    "40 legs": {"events": EVENTS, "legs": 40},
}


@pytest.fixture(scope="module")
def four() -> Case:
    return case(events=EVENTS, legs=4)


def note(
    benchmark: BenchmarkFixture, backtests: int, run: Callable[[], object]
) -> None:
    """Note nanoseconds for each backtest, and how busy the machine was."""
    if benchmark.stats is None:  # of --benchmark-disable
        return
    stats = benchmark.stats.stats
    used = []
    for _ in range(3):
        began = time.process_time()
        run()
        used.append(time.process_time() - began)
    benchmark.extra_info["cpu_ns_per_backtest"] = min(used) / backtests * 1e9
    benchmark.extra_info["backtests"] = backtests
    benchmark.extra_info["ns_per_backtest"] = stats.median / backtests * 1e9
    benchmark.extra_info["ns_at_best"] = stats.min / backtests * 1e9
    benchmark.extra_info["load"] = os.getloadavg()[0]


def earn(book: Book, levels: int, threads: int | None) -> Earned:
    return run_book(
        book,
        levels=LEVELS[:levels],
        sessions=NYSE,
        threads=threads,
    )


@pytest.mark.benchmark(group="kernel: 1.32 million backtests")
@pytest.mark.parametrize("threads", [1, PROCESSORS], ids=lambda n: f"{n} threads")
@pytest.mark.parametrize("levels", [1, 10], ids=lambda n: f"{n} levels")
@pytest.mark.parametrize("size", CASES.values(), ids=CASES)
def test_run_book(
    benchmark: BenchmarkFixture, size: dict[str, int], levels: int, threads: int
) -> None:
    book = case(**size).book
    whole = earn(book, levels, 1)

    earned = benchmark.pedantic(
        earn, args=(book, levels, threads), rounds=7, warmup_rounds=1
    )

    note(
        benchmark,
        levels * len(book.exit_row),
        lambda: earn(book, levels, threads),
    )
    assert (earned.status == TRADED).all()
    assert earned.net.tobytes() == whole.net.tobytes()


def warm(book: Book, levels: int) -> tuple[Callable[[], None], Earned]:
    """Return the compiled function on memory that was written before."""
    told: list[tuple[Any, ...]] = []

    def run_and_tell(lo: int, hi: int, *arguments: Any) -> None:
        told.append(arguments)
        run_slots(lo, hi, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "run_slots", run_and_tell)
        earned = earn(book, levels, 1)
    return in_threads(lambda lo, hi: run_slots(lo, hi, *told[0]), len(book)), earned


def in_threads(part: Callable[[int, int], None], count: int) -> Callable[[], None]:
    size = -(-count // PROCESSORS)
    parts = [(lo, min(lo + size, count)) for lo in range(0, count, size)]
    pool = ThreadPoolExecutor(PROCESSORS)

    def run() -> None:
        list(pool.map(lambda ends: part(*ends), parts))

    return run


@pytest.mark.benchmark(group="kernel: 1.32 million backtests")
@pytest.mark.parametrize("levels", [1, 10], ids=lambda n: f"{n} levels")
@pytest.mark.parametrize("size", CASES.values(), ids=CASES)
def test_the_compiled_function_on_warm_memory(
    benchmark: BenchmarkFixture, size: dict[str, int], levels: int
) -> None:
    book = case(**size).book
    run, earned = warm(book, levels)
    before = earned.net.copy()

    benchmark.pedantic(run, rounds=7, warmup_rounds=1)

    note(benchmark, levels * len(book.exit_row), run)
    assert earned.net.tobytes() == before.tobytes()


@njit(cache=True, nogil=True)
def stream(lo: int, hi: int, read: Any, code: Any, numbers: Any) -> None:
    """Read and write what a backtest does, and compute nothing."""
    for cell in range(lo, hi):
        row = read[cell]
        code[cell] = 0
        for number in range(len(numbers)):
            numbers[number, cell] = row


@pytest.mark.benchmark(group="kernel: 1.32 million backtests")
def test_only_the_bytes_of_a_backtest(benchmark: BenchmarkFixture, four: Case) -> None:
    """The limit: each exit is read, and a code and ten numbers are written."""
    read = four.book.exit_row
    code = np.zeros(len(read), dtype=np.int8)
    numbers = np.zeros((10, len(read)))
    run = in_threads(lambda lo, hi: stream(lo, hi, read, code, numbers), len(read))
    run()

    benchmark.pedantic(run, rounds=9, warmup_rounds=1)

    note(benchmark, len(read), run)
    assert (numbers[9] == read).all()
    earned = earn(four.book, 1, None)
    per_cell = {f.name for f in fields(Earned)} - {
        *("held", "first", "held_start", "worth"),
        "impact_usd",  # one 0 for all, where nothing is charged for size
    }
    written = sum(getattr(earned, name).nbytes for name in per_cell)
    assert written == code.nbytes + numbers.nbytes


def trades_of(made: Case) -> tuple[list[Trade], PriceWindow]:
    """Return the cells of the first event, as vectorbt is given them."""
    symbols = tuple(f"S{number:02}" for number in range(made.legs))
    prices = made.prices[: made.legs].T
    window = PriceWindow(symbols=symbols, prices=prices, first=FIRST, sessions=NYSE)
    book = made.book
    trades = []
    for slot in range(ENTRIES):
        row = int(book.entry_row[slot])
        held = range(slot * made.legs, (slot + 1) * made.legs)
        trades += [
            Trade(
                entry_row=row,
                positions=tuple(
                    Position(
                        symbol=symbols[n % made.legs],
                        side=Side.ADDITION,
                        weight=0.0,
                        size=float(book.size[n]),
                        entry_price=float(book.price[n]),
                        exit_price=window.price(symbols[n % made.legs], row + 1 + e),
                        exit_row=row + 1 + e,
                    )
                    for n in held
                ),
            )
            for e in range(EXITS)
        ]
    return trades, window


@pytest.mark.benchmark(group="vectorbt: one event")
@pytest.mark.parametrize("legs", [4, 40], ids=lambda n: f"{n} legs")
def test_vectorbt_with_all_cells_of_an_event_in_one_call(
    benchmark: BenchmarkFixture, legs: int
) -> None:
    made = case(events=1, legs=legs)
    trades, window = trades_of(made)
    net = earn(made.book, 1, 1).net[0]

    def run() -> list[float]:
        outcomes = run_vectorbt(
            trades, window=window, costs=COSTS[0], capital_usd=CAPITAL
        )
        return [outcome.net_return for outcome in outcomes]

    values = benchmark.pedantic(run, rounds=3, warmup_rounds=1)

    note(benchmark, len(trades), run)
    np.testing.assert_allclose(values, net, rtol=1e-9, atol=1e-9)


@pytest.mark.benchmark(group="vectorbt: one event")
def test_vectorbt_with_one_call_per_cell(benchmark: BenchmarkFixture) -> None:
    """As a loop over rules would have it: 60 of the cells, each to its Sharpe ratio."""
    made = case(events=1, legs=4)
    trades, window = trades_of(made)
    some = range(0, len(trades), 22)
    earned = earn(made.book, 1, 1)

    def run() -> list[float]:
        values = []
        for number in some:
            portfolio = to_vectorbt(
                trades[number], window=window, costs=COSTS[0], capital_usd=CAPITAL
            )
            portfolio.sharpe_ratio()
            values.append(float(portfolio.value().iloc[-1]))
        return values

    values = benchmark.pedantic(run, rounds=3, warmup_rounds=1)

    note(benchmark, len(some), run)
    owed = earned.borrow_usd[0, list(some)]  # vectorbt has no place for the borrow
    net = [earned.net[0, number] for number in some]
    np.testing.assert_allclose(
        (np.array(values) - owed) / CAPITAL - 1.0, net, rtol=1e-9, atol=1e-9
    )


@pytest.mark.benchmark(group="kernel: growth")
@pytest.mark.parametrize("events", [1, 10] if SMALL else [1, 10, 100, 1_000, 10_000])
def test_growth_with_events(benchmark: BenchmarkFixture, events: int) -> None:
    book = case(events=events, legs=4).book

    earned = benchmark.pedantic(earn, args=(book, 1, None), rounds=5, warmup_rounds=1)

    note(benchmark, len(book.exit_row), lambda: earn(book, 1, None))
    mean = statistics.fmean(earned.net[0, :EXITS].tolist())
    assert mean == statistics.fmean(
        earn(case(events=1, legs=4).book, 1, 1).net[0, :EXITS]
    )
