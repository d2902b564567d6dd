"""What a sweep on Spark takes: a model, fitted to measurements and held against them.

Seconds of processor are fitted; those of the clock follow, and are held against the
clock. `MEASURED` is what `benchmarks.spark` printed on one machine of two cores. There
is no cluster here: what is said of more cores follows from the model, and the speed of
a network is assumed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import nnls  # it has no types

if TYPE_CHECKING:
    import numpy.typing as npt

NETWORK = 1.25e9
"""Bytes per second into a machine, assumed: 10 Gbit/s."""

BYTES_PER_EVENT = 6_050.0
"""Of prices: 6.05 MB of Arrow for 1,000 events of four legs and 46 sessions."""

ASK, ROW_BYTES = (1.5, 57e-6, 174e-6), 1_324.0
"""Seconds in which the driver makes the trials' ids (once, for each cell, and for each
event of the release), and bytes of a trial's row, measured."""

JOBS = 1.7
"""Seconds that Spark's jobs take by the clock, of nobody's processor: what the shortest
runs took longer than the model says."""


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
    driver, workers
        Seconds of processor: the driver's Python while it ran, and its Python workers'.
    seconds
        By the clock, without Spark's start.
    """

    asked: Asked
    cores: int
    driver: float
    workers: float
    seconds: float


FILES_UP_TO, ROW_TAKEN = 4_000, 50e-6
"""Events up to which a task has trials enough for a file; and what a row that comes
back costs the driver instead: a half of 0.1 ms, which it was when results came too."""

MEASURED = tuple(
    Run(
        asked=Asked(cells=cells, events=events, orders=orders),
        cores=cores,
        driver=driver,
        workers=workers,
        seconds=seconds,
    )
    for cells, events, orders, cores, driver, workers, seconds in (
        (20_000, 100, 400, 1, 0.32, 11.5, 15.3),
        (20_000, 100, 400, 2, 0.29, 15.25, 12.4),
        (20_000, 1_000, 400, 1, 0.63, 20.94, 25.2),
        (20_000, 1_000, 400, 2, 0.64, 25.61, 19.1),
        (200_000, 1_000, 400, 1, 2.92, 178.05, 195.2),
        (200_000, 1_000, 400, 2, 3.09, 196.63, 121.4),
        (20, 1_000, 10, 1, 0.41, 4.85, 7.9),
        (20, 1_000, 10, 2, 0.29, 9.26, 8.9),
        (20, 10_000, 10, 1, 3.14, 8.4, 16.8),
        (20, 10_000, 10, 2, 3.08, 14.21, 17.3),
        (20, 100_000, 10, 1, 49.1, 54.45, 124.2),
        (20, 100_000, 10, 2, 46.38, 73.1, 106.3),
    )
)
"""With nothing else running, all in one hour. Seconds by the clock hold `ASK`."""


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
        Once, for each cell (its file, committed), for each event (facts and prices).
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
        then the driver takes the files that come, while they come.
        """
        once, cell, event = self.driver
        start, facts, *work = self.workers
        terms = _workers(asked, cores)[2:]
        bytes_sent = asked.events * BYTES_PER_EVENT if cores > 16 else 0.0
        return {
            "start": start + once,
            "facts": asked.events * facts,
            "ask": float(np.dot(ASK, (1.0, asked.cells, asked.events))),
            "read": asked.events * event,
            "send": bytes_sent / NETWORK,
            "work": float(np.dot(work, terms)) / cores,
            "take": asked.cells
            * (cell if asked.events <= FILES_UP_TO else max(cell, ROW_TAKEN)),
        }

    def seconds(
        self, asked: Asked, cores: int, *, processors: float = math.inf
    ) -> float:
        """Return how long a sweep takes.

        Parameters
        ----------
        asked
        cores
            Of Spark.
        processors
            Of the machine, which the driver shares with the workers.
        """
        parts = self.parts(asked, cores)
        alone = sum(parts[name] for name in ("start", "facts", "ask", "read", "send"))
        together = (parts["work"] * cores + parts["take"]) / processors
        return JOBS + alone + max(parts["work"], parts["take"], together)


SWEEPS = (
    Asked(cells=200_000, events=1_000, orders=400),
    Asked(cells=200_000, events=10_000, orders=400),
    Asked(cells=200_000, events=100_000, orders=400),
)
CORES = (2, 10, 100, 1_000)
PROCESSORS = 2
"""Of the machine that was measured on."""

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
    lines.append("measured and modelled, seconds of processor, and by the clock:")
    for run in MEASURED:
        driver = float(np.dot(model.driver, _driver(run.asked, run.cores)))
        workers = float(np.dot(model.workers, _workers(run.asked, run.cores)))
        lines.append(
            f"  {run.asked.cells:>7,} cells {run.asked.events:>7,} events "
            f"local[{run.cores}]: driver {run.driver:6.1f} {driver:6.1f}, "
            f"workers {run.workers:6.1f} {workers:6.1f}, "
            f"clock {run.seconds:6.1f} "
            f"{model.seconds(run.asked, run.cores, processors=PROCESSORS):6.1f}"
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
