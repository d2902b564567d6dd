"""A strategy whose weights are known, beside vectorbt on the same prices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import lakebt
from benchmarks.conftest import SMALL, SYMBOLS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

GROUP = "strategy of 500 symbols x 2,520 sessions, weekly, weights known"
COSTS = lakebt.CostModel(commission_bps=1.0, half_spread_bps=2.0)
CAPITAL = 100_000.0
START = "2024-08-01" if SMALL else "2015-01-02"


class Known:
    """Hands out weights that were made before, in their order."""

    def __init__(self, weights: list[pd.Series]) -> None:
        self.left: Iterator[pd.Series] = iter(weights)

    def target_weights(self, view: lakebt.View) -> pd.Series:  # noqa: ARG002
        return next(self.left)


@pytest.fixture(scope="module")
def view(lake_of_bars: Path) -> lakebt.View:
    return lakebt.Lake.open(lake_of_bars).at("R1")


@pytest.fixture(scope="module")
def weights() -> list[pd.Series]:
    """Four fifths of capital, spread anew each week; enough for every week."""
    names = [f"S{n:04d}" for n in range(SYMBOLS)]
    drawn = np.random.default_rng(1).dirichlet(np.ones(SYMBOLS), size=530)
    return [pd.Series(0.8 * each, index=names) for each in drawn]


def backtest(view: lakebt.View, weights: list[pd.Series]) -> lakebt.Backtest:
    return lakebt.Backtest(
        view,
        Known(weights),
        start=START,
        end="2024-12-31",
        rebalance="weekly",
        costs=COSTS,
        capital_usd=CAPITAL,
    )


class Reference:
    """vectorbt on frames that are in memory: the prices, and the weights of each row.

    Sized on the close before and filled at the open, as the strategy is.
    """

    def __init__(self, view: lakebt.View, weights: list[pd.Series]) -> None:
        days = {"start": START, "end": "2024-12-31"}
        self.opens, self.closes = (
            view.panel("open", **days),
            view.panel("close", **days),
        )
        before = view.panel("close", end="2024-12-30").to_numpy()[-len(self.closes) :]
        if len(before) < len(self.closes):  # the first session has none before it
            before = np.vstack([self.opens.to_numpy()[:1], before])
        self.before = before
        decided = backtest(view, weights).decisions()
        fills = [pd.Timestamp(view.sessions.date(fill.session)) for fill in decided]
        self.sizes = np.full(self.closes.shape, np.nan)
        self.sizes[self.closes.index.get_indexer(pd.DatetimeIndex(fills))] = weights[
            : len(fills)
        ]

    def run(self) -> Any:
        import vectorbt  # noqa: PLC0415 - the import is no part of the time

        portfolio = vectorbt.Portfolio.from_orders(
            self.closes,
            size=self.sizes,
            size_type="targetpercent",
            price=self.opens,
            val_price=self.before,
            fees=COSTS.proportional,
            init_cash=CAPITAL,
            group_by=True,
            cash_sharing=True,
            call_seq="auto",
            freq="1d",
        )
        return portfolio.value()


@pytest.fixture(scope="module")
def reference(view: lakebt.View, weights: list[pd.Series]) -> Reference:
    made = Reference(view, weights)
    theirs = made.run()  # vectorbt's first call
    ours = backtest(view, weights).run().value()
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    return made


@pytest.mark.benchmark(group=GROUP)
@pytest.mark.usefixtures("reference")
def test_a_whole_run(
    benchmark: BenchmarkFixture, view: lakebt.View, weights: list[pd.Series]
) -> None:
    """From the view to net returns: decisions, checks, prices, orders, value."""
    run = benchmark.pedantic(lambda: backtest(view, weights).run(), rounds=5)

    assert len(run.returns()) == len(run.value())


@pytest.mark.benchmark(group=GROUP)
def test_vectorbt_from_frames(
    benchmark: BenchmarkFixture, reference: Reference
) -> None:
    """From frames in memory to the value of each day."""
    value = benchmark.pedantic(reference.run, rounds=5)

    assert len(value) == len(reference.closes)
