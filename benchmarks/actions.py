"""What corporate actions and capacity cost end to end, each beside a peer in one run.

    python -m benchmarks.actions
    python -m benchmarks.actions --actions 50000 --events 60

Three measures, the least of some rounds taken in turn, in seconds:

- publishing so many actions into an empty lake, beside as many rows of prices;
- a study of so many events from the view to its table, with a dividend of every symbol
  each quarter and a split, spin-off or ending of one in ten, beside the same study of a
  release without actions, whose numbers have to differ;
- `result.capacity` at 20 sizes, beside 20 calls with one size each; the tables have to
  be the same.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

import lakebt
from benchmarks.engine import say
from lakebt.sources.simulated import simulated_market

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROUNDS = 3
SIZES_USD = tuple(1e4 * 1.6**n for n in range(20))
ENTRIES, EXITS = ["AD+1@open", "ED-1@close", "ED@close"], ["+1", "1w", "4w"]
EVERY = 63
"""Sessions from one dividend of a symbol to the next."""


def least(*works: Callable[[], object]) -> list[float]:
    """Return the least seconds of each, taken in turn."""
    best = [float("inf")] * len(works)
    for _ in range(ROUNDS):
        for number, work in enumerate(works):
            began = time.perf_counter()
            work()
            best[number] = min(best[number], time.perf_counter() - began)
    return best


def tell(what: str, own: float, peer: float, *, of: str) -> None:
    """Print a measure and its ratio to the peer."""
    say(f"{what:48} {own:7.2f} s, {own / peer:6.2f} times {of} ({peer:.2f} s)")


def many_actions(n: int, days: pd.DatetimeIndex) -> pd.DataFrame:
    """Return dividends of enough symbols on some days."""
    n_symbols = -(-n // len(days))
    symbols = [f"S{number:05}" for number in range(n_symbols)]
    frame = pd.DataFrame(
        {
            "symbol": np.repeat(symbols, len(days))[:n],
            "ex_date": np.tile(days.date, n_symbols)[:n],
            "kind": "cash_dividend",
            "cash": 0.25,
        }
    )
    return frame.sample(frac=1.0, random_state=0, ignore_index=True)


def as_many_bars(actions: pd.DataFrame) -> pd.DataFrame:
    """Return a bar for each action's symbol and day."""
    bars = actions[["symbol", "ex_date"]].rename(columns={"ex_date": "session"})
    return bars.assign(open=9.0, high=11.0, low=8.0, close=10.0, basis="raw")


def happened(prices: pd.DataFrame) -> pd.DataFrame:
    """Return a dividend a quarter of each symbol, and one in ten something else."""
    rows: list[dict[str, object]] = []
    kinds = (
        {"kind": "split", "ratio": 2.0},
        {"kind": "spin_off", "ratio": 0.1, "other": "MEM0001"},
        {"kind": "merger", "cash": 40.0},
    )
    for number, (symbol, own) in enumerate(prices.groupby("symbol")):
        days = own["session"].sort_values().tolist()
        rows += [
            {"symbol": symbol, "ex_date": day, "kind": "cash_dividend", "cash": 0.1}
            for day in days[20::EVERY]
        ]
        if number % 10 == 0 and symbol not in {"MKT", "MEM0001"}:
            kind = kinds[number // 10 % len(kinds)]
            rows.append({"symbol": symbol, "ex_date": days[len(days) // 2], **kind})
    return pd.DataFrame(rows)


def published(folder: Path, table: str, frame: pd.DataFrame) -> Callable[[], object]:
    """Return what publishes a frame into a new lake."""
    made = iter(range(100))

    def publish() -> None:
        lake = lakebt.Lake.open(folder / f"{table}{next(made)}")
        lake.publish({table: frame}, release="R1", as_of="2026-06-01T00:00:00Z")

    return publish


def parser() -> argparse.ArgumentParser:
    """Return how the command line is read."""
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("--actions", type=int, default=500_000)
    found.add_argument("--events", type=int, default=175)
    return found


def main(words: Sequence[str] | None = None) -> int:
    """Print a line for each measure; 1 if results that should differ are the same."""
    asked = parser().parse_args(words)
    warnings.simplefilter("ignore", lakebt.AuditWarning)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        market = simulated_market(seed=1, n_events=asked.events)
        prices = market.tables["prices"]
        days = pd.DatetimeIndex(sorted(set(prices["session"])))
        many = many_actions(asked.actions, days)
        own, peer = least(
            published(folder, "corporate_actions", many),
            published(folder, "prices", as_many_bars(many)),
        )
        tell(f"publish {len(many):,} actions", own, peer, of="as many bars")

        lake = lakebt.Lake.open(folder / "lake")
        lake.publish(market.tables, release="PRICES", as_of=market.as_of)
        acts = {"corporate_actions": happened(prices)}
        later = market.as_of + pd.Timedelta(seconds=1)
        lake.publish(acts, release="ACTS", as_of=later)

        def studied(release: str) -> lakebt.Result:
            costs = lakebt.CostModel(impact_at_open=1.0, impact_at_close=1.0)
            view = lakebt.Lake.open(folder / "lake", create=False).at(release)
            study = lakebt.Study(
                view,
                index="SIM",
                entries=ENTRIES,
                exits=EXITS,
                missing="drop_leg",
                costs=costs,
            )
            return study.run(record=False)

        acted, plain = studied("ACTS"), studied("PRICES")
        if acted.table()["sharpe"].equals(plain.table()["sharpe"]):
            say("no action reached the study")
            return 1
        own, peer = least(
            lambda: studied("ACTS").table(), lambda: studied("PRICES").table()
        )
        tell(f"study of {asked.events} events with actions", own, peer, of="without")

        rule = {"entry": "AD+1@open", "exit": "4w"}

        def one_by_one() -> pd.DataFrame:
            parts = [acted.capacity(sizes_usd=[size], **rule) for size in SIZES_USD]
            return pd.concat(parts, ignore_index=True)

        at_once = acted.capacity(sizes_usd=list(SIZES_USD), **rule)
        pd.testing.assert_frame_equal(at_once, one_by_one(), check_exact=True)
        own, peer = least(
            lambda: acted.capacity(sizes_usd=list(SIZES_USD), **rule), one_by_one
        )
        tell("capacity at 20 sizes", own, peer, of="one size at a time")
    return 0


if __name__ == "__main__":
    sys.exit(main())
