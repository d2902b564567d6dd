"""What a sweep on Spark takes: a model, fitted to measurements and held against them.

Seconds of processor are modelled: on a busy machine they are steadier than those of a
clock. `MEASURED` is what `benchmarks.spark` printed on one machine of two cores. There
is no cluster here: what is said of more cores follows from the model, and the speed of
a network is assumed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import nnls  # type: ignore[import-untyped]  # it has no types

if TYPE_CHECKING:
    import numpy.typing as npt

NETWORK = 1.25e9
"""Bytes per second into a machine, assumed: 10 Gbit/s."""

BYTES_PER_EVENT = 6_050.0
"""Of prices: 6.05 MB of Arrow for 1,000 events of four legs and 46 sessions."""

ASK, ROW_BYTES = 26e-6, 1_324.0
"""Seconds of the driver to make the ids of a cell, and bytes of its row, measured."""

_CELLS_AT_ONCE = 4e6


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A sweep.

    Attributes
    ----------
    cells, events
    orders
        Rules of all books: entries x exits x (side, hedge, filter, ...).
    """

    cells: int
    events: int
    orders: int


@dataclass(frozen=True, kw_only=True)
class Run:
    """One that was measured.

    Attributes
    ----------
    asked
    cores
        Of Spark, each with a Python worker.
    driver, workers, java
        Seconds of processor: the driver's Python while it ran, its Python workers', and
        Java's, with its start.
    seconds
        By the clock, while it ran.
    """

    asked: Asked
    cores: int
    driver: float
    workers: float
    java: float
    seconds: float


MEASURED = (
    Run(
        asked=Asked(cells=20_000, events=100, orders=400),
        cores=2,
        driver=5.2,
        workers=11.4,
        java=17.7,
        seconds=87.8,
    ),
    Run(
        asked=Asked(cells=20_000, events=1_000, orders=400),
        cores=1,
        driver=2.7,
        workers=15.0,
        java=16.1,
        seconds=25.7,
    ),
    Run(
        asked=Asked(cells=20_000, events=1_000, orders=400),
        cores=2,
        driver=3.8,
        workers=19.7,
        java=15.8,
        seconds=32.9,
    ),
    Run(
        asked=Asked(cells=200_000, events=1_000, orders=400),
        cores=2,
        driver=43.3,
        workers=130.3,
        java=27.1,
        seconds=233.6,
    ),
    Run(
        asked=Asked(cells=20, events=1_000, orders=10),
        cores=2,
        driver=0.36,
        workers=5.96,
        java=16.0,
        seconds=9.9,
    ),
    Run(
        asked=Asked(cells=20, events=10_000, orders=10),
        cores=2,
        driver=3.63,
        workers=10.24,
        java=15.2,
        seconds=18.6,
    ),
    Run(
        asked=Asked(cells=20, events=100_000, orders=10),
        cores=2,
        driver=63.1,
        workers=76.2,
        java=21.2,
        seconds=202.3,
    ),
)
"""Of Spark, on a machine that others used too (load 5 to 12)."""


def _driver(asked: Asked, _cores: int) -> tuple[float, ...]:
    """What the driver's seconds are made of: to begin, each cell, each event."""
    return 1.0, asked.cells, asked.events


def _workers(asked: Asked, cores: int) -> tuple[float, ...]:
    """To begin and to read facts, in each; cells; cell and event; order and event."""
    return (
        float(cores),
        float(cores * asked.events),
        asked.cells,
        asked.cells * asked.events,
        asked.orders * asked.events,
    )


@dataclass(frozen=True, kw_only=True)
class Model:
    """The constants, in seconds of a processor.

    Attributes
    ----------
    driver
        Once, for each cell (its row, its record), for each event (facts and prices).
    workers
        For each worker (imports, compiled code), each event in each worker (its facts,
        which every process reads), each cell (summary, row), each cell and event
        (trade, pool, digest), each order and event (the guard, prices).
    """

    driver: npt.NDArray[np.float64]
    workers: npt.NDArray[np.float64]

    @classmethod
    def fitted(cls) -> Model:
        """Fit what was measured: least squares of relative errors, nothing below 0."""
        found = []
        for made_of, name in ((_driver, "driver"), (_workers, "workers")):
            told = np.array([getattr(run, name) for run in MEASURED])
            terms = np.array([made_of(run.asked, run.cores) for run in MEASURED])
            scale = terms.max(axis=0)
            weights, _ = nnls(terms / scale / told[:, None], np.ones(len(told)))
            found.append(weights / scale)
        return cls(driver=found[0], workers=found[1])

    def parts(self, asked: Asked, cores: int) -> dict[str, float]:
        """Return the seconds of each part of a sweep, by the clock, were it alone.

        Workers start, and the driver asks, reads and sends, before anything is run;
        then the driver takes what comes, while it comes.
        """
        once, cell, event = self.driver
        start, facts, *work = self.workers
        terms = _workers(asked, cores)[2:]
        bytes_sent = asked.events * BYTES_PER_EVENT if cores > 16 else 0.0
        return {
            "start": start + once,
            "facts": asked.events * facts,
            "ask": asked.cells * ASK,
            "read": asked.events * event,
            "send": bytes_sent / NETWORK,
            "work": float(np.dot(work, terms)) / cores,
            "take": asked.cells * cell,
        }

    def seconds(self, asked: Asked, cores: int) -> float:
        """Return how long a sweep takes."""
        parts = self.parts(asked, cores)
        alone = sum(parts[name] for name in ("start", "facts", "ask", "read", "send"))
        return alone + max(parts["work"], parts["take"])


SWEEPS = (
    Asked(cells=200_000, events=1_000, orders=400),
    Asked(cells=200_000, events=10_000, orders=400),
    Asked(cells=200_000, events=100_000, orders=400),
)
CORES = (2, 10, 100, 1_000)

ROWS, SCANNED_PER_SECOND = 1e10, 5.8e6
"""A lake of ten billion bars, and what one process passes over in a second, measured:
its columns for a guard on one filter."""


def table() -> str:
    """Return the model beside what was measured, and what follows, as text."""
    model = Model.fitted()
    lines = ["constants, microseconds of a processor:"]
    names = (
        ("once", "cell", "event"),
        ("worker", "event", "cell", "cell x event", "order x event"),
    )
    for who, values, of in zip(
        ("driver", "workers"), (model.driver, model.workers), names, strict=True
    ):
        told = ", ".join(f"{n} {1e6 * v:,.3f}" for n, v in zip(of, values, strict=True))
        lines.append(f"  {who}: {told}")
    lines.append("measured and modelled, seconds of processor:")
    for run in MEASURED:
        driver = float(np.dot(model.driver, _driver(run.asked, run.cores)))
        workers = float(np.dot(model.workers, _workers(run.asked, run.cores)))
        lines.append(
            f"  {run.asked.cells:>7,} cells {run.asked.events:>7,} events "
            f"local[{run.cores}]: driver {run.driver:6.1f} {driver:6.1f}, "
            f"workers {run.workers:6.1f} {workers:6.1f}"
        )
    lines.append("seconds by the clock that follow, and what binds:")
    for asked in SWEEPS:
        for cores in CORES:
            parts = model.parts(asked, cores)
            binds = max(parts, key=parts.__getitem__)
            told = ", ".join(f"{name} {value:,.1f}" for name, value in parts.items())
            lines.append(
                f"  {asked.events:>7,} events {cores:>5,} cores: "
                f"{model.seconds(asked, cores):9,.0f} ({told}); {binds}"
            )
    scan = ROWS / SCANNED_PER_SECOND
    lines.append(
        f"to pass over {ROWS:,.0f} rows of prices takes the driver {scan:,.0f} s"
    )
    for asked in SWEEPS:
        one = model.parts(asked, 1)
        lines.append(
            f"of {asked.events:,} events the driver takes what "
            f"{math.floor(one['work'] / one['take']):,} cores bring"
        )
    return "\n".join(lines) + "\n"
