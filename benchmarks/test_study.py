"""The study of the real events, beside one vectorbt call per cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

import lakebt
from benchmarks.conftest import SMALL
from lakebt.sources.prices import convert_prices
from lakebt.sources.rebalances import convert_rebalances

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

ENTRIES = ("AD+1@open", "ED-1@close", "ED@open", "ED@close")
EXITS = ("+1", "1w", "2w", "3w", "4w")
CELLS = 10 if SMALL else 200
"""How many cells have a call each."""


@pytest.fixture(scope="module")
def view(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> lakebt.View:
    events = pd.read_csv(realdata / "events.csv", dtype=str, keep_default_na=False)
    events = events.tail(20 if SMALL else len(events))
    prices = pd.read_parquet(realdata / "prices.parquet")
    lake = lakebt.Lake.open(tmp_path_factory.mktemp("real") / "lake")
    lake.publish(
        {
            "index_changes": convert_rebalances(events).frame,
            "prices": convert_prices(prices).frame,
        },
        release="R1",
        as_of="2026-04-01T00:00:00Z",
    )
    return lake.at("R1")


def note_time(benchmark: BenchmarkFixture, backtests: int) -> None:
    """Note how many backtests there were, and microseconds for each."""
    if benchmark.stats is None:  # of --benchmark-disable
        return
    best = benchmark.stats.stats.min
    benchmark.extra_info["backtests"] = backtests
    benchmark.extra_info["us_per_backtest"] = best / backtests * 1e6


def study(view: lakebt.View) -> lakebt.Study:
    return lakebt.Study(view, index="SP500", entries=ENTRIES, exits=EXITS, hedge="SPY")


@pytest.mark.benchmark(group="real S&P 500 events")
@pytest.mark.parametrize("engine", ["event", "vectorbt"])
def test_all_cells_of_an_event_in_one_call(
    benchmark: BenchmarkFixture, view: lakebt.View, engine: str
) -> None:
    expected = study(view).run(engine="vectorbt").table()

    result = benchmark.pedantic(
        lambda: study(view).run(engine=engine), rounds=3, warmup_rounds=1
    )

    backtests = len(result.events())
    note_time(benchmark, backtests)
    assert backtests > (20 if SMALL else 1_000)
    pd.testing.assert_frame_equal(result.table(), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.benchmark(group="real S&P 500 events")
def test_one_call_per_cell(benchmark: BenchmarkFixture, view: lakebt.View) -> None:
    """The article's way: a portfolio for an event, an entry and an exit; of some."""
    result = study(view).run()
    cells = result.events().head(CELLS)
    rules = cells[["event_id", "entry", "exit"]].astype(str).to_numpy().tolist()

    def each() -> list[float]:
        return [
            float(
                result.to_vectorbt(event=event, entry=entry, exit=exit_)
                .value()
                .iloc[-1]
            )
            for event, entry, exit_ in rules
        ]

    values = benchmark.pedantic(each, rounds=3)

    note_time(benchmark, len(cells))
    np.testing.assert_allclose(values, 1e5 * (1 + cells["net_return"]), rtol=1e-9)
