"""Figures do not depend on how many threads a process may use, to the last bit."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_RUN = """
import numpy as np
from lakebt.analysis.surface import Aggregate, Pooling, Traded, surface
draw, n = np.random.default_rng(0), 100_000
found = surface(
    Traded(
        rule=np.zeros(n, dtype=np.int64),
        date=np.arange(n),
        first=np.arange(n),
        n_returns=draw.integers(2, 30, n),
        mean=draw.normal(0.0, 0.01, n),
        m2=draw.uniform(0.0, 0.01, n),
        n_legs=np.full(n, 4),
        start=np.zeros(n, dtype=np.int64),
        final=np.zeros(n),
        held=np.zeros(0),
    ),
    n_rules=1,
    pooling=Pooling(how=Aggregate.POOLED),
)
print(*(getattr(found, name)[0].hex() for name in ("sharpe", "standard_error", "mean")))
"""


@pytest.mark.slow
def test_a_surface_of_many_events_is_the_same_whatever_threads_add_it_up() -> None:
    told = [
        subprocess.run(
            [sys.executable, "-c", _RUN],
            env={**os.environ, "OMP_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": count},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for count in ("1", "2", "8")
    ]

    assert told[0].count("0x1") == 3
    assert len(set(told)) == 1
