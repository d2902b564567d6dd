"""Figures do not depend on how many threads a process may use, to the last bit."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.errors import AuditWarning

if TYPE_CHECKING:
    from pathlib import Path


_RUN = """
import numpy as np
from lakebt.analysis.pooling import Aggregate, Pooling
from lakebt.analysis.surface import surface
from lakebt.analysis.traded_events import Traded
draw, n = np.random.default_rng(0), 100_000
for apart in (1, 30):  # sessions: windows overlap, or do not
    found = surface(
        Traded(
            rule=np.zeros(n, dtype=np.int64),
            date=np.arange(n),
            first=np.arange(n) * apart,
            n_returns=draw.integers(2, 30, n),
            mean=draw.normal(0.0, 0.01, n),
            m2=draw.uniform(0.0, 0.01, n),
            n_legs=np.full(n, 4),
            start=np.zeros(n, dtype=np.int64),
            final=np.zeros(n),
            held=draw.normal(0.0, 0.01, 29),
        ),
        n_rules=1,
        pooling=Pooling(how=Aggregate.POOLED),
    )
    figures = ("sharpe", "standard_error", "mean")
    print(found.method[0], *(getattr(found, name)[0].hex() for name in figures))
"""


_STRATEGY = """
import sys
import numpy as np
import pandas as pd
import lakebt

class Drawn:
    def __init__(self):
        self.draw = np.random.default_rng(0)

    def target_weights(self, view):
        names = view.panel("close").columns
        return pd.Series(self.draw.normal(0.0, 5e-5, len(names)), names)

run = lakebt.Backtest(
    lakebt.Lake.open(sys.argv[1]).at("R1"), Drawn(), start="2022-09-02",
    end="2022-09-09", rebalance="daily", costs=lakebt.CostModel(commission_bps=2.0),
).run(record=False)
print(*(value.hex() for value in run.value()))
"""


_FAMILY = """
import hashlib
import numpy as np
from lakebt.analysis.resampling.family import family_wise_p
from lakebt.analysis.resampling.superior import superior_p
draw = np.random.default_rng(0)
counts = draw.integers(1, 9, size=(400, 600)).astype(np.float64)
sums = draw.standard_t(3, size=(400, 600)) + draw.normal(size=(400, 1))
for size in (64, 1_000):
    digest = hashlib.sha256()
    for how in ("pairs", "flips"):
        found = family_wise_p(sums, counts, draws=1_100, how=how, at_once=size)
        for each in (found.statistic, found.p, found.p_family, found.maximum):
            digest.update(each.tobytes())
    print(digest.hexdigest(), superior_p(sums, block=np.arange(400), draws=500))
"""


def told_with(
    threads: str, program: str, *arguments: str, kernel: str | None = None
) -> str:
    """Return what a program prints that may use so many threads."""
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={
            **os.environ,
            "OMP_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
            **({} if kernel is None else {"OPENBLAS_CORETYPE": kernel}),
        },
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@pytest.mark.slow
def test_a_family_is_the_same_whatever_threads_kernels_and_draws_at_once() -> None:
    told = [
        told_with("1", _FAMILY),
        told_with("2", _FAMILY),
        told_with("2", _FAMILY, kernel="Haswell"),
    ]

    assert len({line for each in told for line in each.splitlines()}) == 1


@pytest.mark.slow
def test_a_surface_of_many_events_is_the_same_whatever_threads_add_it_up() -> None:
    told = [told_with(threads, _RUN) for threads in ("1", "2", "8")]

    assert told[0].count("0x1") == 6
    assert [line.split()[0] for line in told[0].splitlines()] == [
        "two-way",
        "jackknife",
    ]
    assert len(set(told)) == 1


@pytest.mark.slow
@pytest.mark.lake
def test_a_book_of_many_symbols_is_the_same_whatever_threads_add_it_up(
    tmp_path: Path,
) -> None:
    sessions = [f"2022-09-{day:02}" for day in (1, 2, 6, 7, 8, 9)]
    draw, n = np.random.default_rng(1), 25_000
    symbols = np.array([f"S{number:05}" for number in range(n)])
    close = np.round(draw.uniform(5.0, 500.0, (len(sessions), n)), 2)
    bars = {
        "symbol": np.tile(symbols, len(sessions)),
        "session": np.repeat(np.array(sessions, "datetime64[D]"), n),
        **dict.fromkeys(("open", "high", "low", "close"), close.reshape(-1)),
        "volume": np.full(close.size, 1e6),
        "basis": "raw",
    }
    path = tmp_path / "lake"
    with pytest.warns(AuditWarning, match="jumps"):
        lakebt.Lake.open(path).publish(
            {"prices": pd.DataFrame(bars)}, release="R1", as_of="2022-09-12T00:00:00Z"
        )

    told = [told_with(threads, _STRATEGY, str(path)) for threads in ("1", "2", "8")]

    assert told[0].count("0x1") == len(sessions) - 1
    assert len(set(told)) == 1
