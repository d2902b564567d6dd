r"""Events of which nothing is true, as arrays, each from a seed.

A stock's return in session :math:`t` is :math:`\beta m_t + s (\sqrt\rho F_t +
\sqrt{1 - \rho} u_t)`. The factor :math:`F_t` belongs to the session: all stocks share
it, so windows of different dates that overlap move together as those of one date do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lakebt.analysis.calibration.designs import DESIGNS, SIZES
from lakebt.analysis.event_study.event_returns import EstimationData, WindowData
from lakebt.analysis.event_study.tests import Cases

if TYPE_CHECKING:
    from lakebt._typing import FloatPanel, FloatVector, IntVector
    from lakebt.analysis.calibration.designs import Design

LENGTH, BEFORE = 120, 10
"""Sessions of an estimation window, and from its end to the announcement."""

DEVIATION, SPREAD, MARKET = 0.02, 0.35, 0.01
"""Of a session: a stock's deviation, how it varies (of its logarithm), the market's."""

BETA, BETA_SPREAD = 1.14, 0.4

MOST_ENTRY, N_HOLDS, LONGEST = 10, 20, 30
"""Rules: sessions from announcement to entry, 1 to 10, times 20 holds of 1 to 30."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """Changes of one window, as an event study takes them."""

    estimation: EstimationData
    window: WindowData
    cases: Cases


def generator(design: Design, *, seed: int, replication: int) -> np.random.Generator:
    """Return the numbers of one replication, which depend on nothing else."""
    number = list(DESIGNS).index(design.name)
    return np.random.default_rng([seed, number, replication])


def simulate(design: Design, *, seed: int, replication: int) -> Sample:
    """Return changes of which nothing is true but the design's effect.

    Parameters
    ----------
    design
    seed, replication
        The same give the same numbers.
    """
    rng = generator(design, seed=seed, replication=replication)
    announced, date = announcements(design, rng)
    n = len(date)
    at_estimation = announced[:, None] - BEFORE - LENGTH + np.arange(LENGTH)
    at_window = announced[:, None] + 1 + np.arange(design.window)
    session = np.hstack([at_estimation, at_window])
    first = int(session.min())
    n_sessions = int(session.max()) - first + 1
    market = rng.normal(0.0, MARKET, n_sessions)[session - first]
    residual = residuals(design, rng, session - first, n_sessions)
    residual[:, LENGTH:] *= np.sqrt(design.induced)
    residual[:, LENGTH:] += design.effect / design.window
    beta = rng.normal(BETA, BETA_SPREAD, n)[:, None]
    stock = beta * market + residual
    return Sample(
        estimation=EstimationData(
            stock=stock[:, :LENGTH].ravel(),
            market=market[:, :LENGTH].ravel(),
            session=at_estimation.ravel(),
            place=np.tile(np.arange(LENGTH), n),
            start=np.arange(n + 1) * LENGTH,
        ),
        window=WindowData(
            stock=stock[:, LENGTH:].ravel(),
            market=market[:, LENGTH:].ravel(),
            session=at_window.ravel(),
            start=np.arange(n + 1) * design.window,
            is_close=np.ones(n * design.window, dtype=np.bool_),
        ),
        cases=Cases(date=date, announced=announced, longest=design.window),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Rules:
    """Returns after announcements, of which many rules hold some.

    Attributes
    ----------
    returns : ndarray of shape (n_changes, MOST_ENTRY + LONGEST)
        Of each session after the announcement.
    announced, date : ndarray of shape (n_changes,)
    entry, hold : ndarray of shape (n_rules,)
        Sessions of `returns` before each rule, and in it.
    """

    returns: FloatPanel
    announced: IntVector
    date: IntVector
    entry: IntVector
    hold: IntVector

    def scores(self) -> FloatPanel:
        """Return the sum of returns of each change under each rule."""
        total = np.hstack(
            [np.zeros((len(self.returns), 1)), np.cumsum(self.returns, axis=1)]
        )
        scores: FloatPanel = total[:, self.entry + self.hold] - total[:, self.entry]
        return scores


def simulate_rules(design: Design, *, seed: int, replication: int) -> Rules:
    """Return returns of which nothing else is true, and rules that hold them."""
    rng = generator(design, seed=seed, replication=replication)
    announced, date = announcements(design, rng)
    session = announced[:, None] + np.arange(MOST_ENTRY + LONGEST)
    first = int(session.min())
    n_sessions = int(session.max()) - first + 1
    holds = np.round(np.linspace(1, LONGEST, N_HOLDS)).astype(np.int64)
    returns = residuals(design, rng, session - first, n_sessions)
    returns[:, MOST_ENTRY - 1] += design.effect
    return Rules(
        returns=returns,
        announced=announced,
        date=date,
        entry=np.repeat(np.arange(MOST_ENTRY), N_HOLDS),
        hold=np.tile(holds, MOST_ENTRY),
    )


def announcements(
    design: Design, rng: np.random.Generator
) -> tuple[IntVector, IntVector]:
    """Return session and date of each change, by date."""
    sizes, chances = SIZES[design.sizes]
    count = rng.choice(np.array(sizes), size=design.dates, p=np.array(chances))
    gaps = np.full(design.dates, design.gap)
    if not design.is_even:
        gaps = rng.geometric(1.0 / design.gap, design.dates)
    day = BEFORE + LENGTH + np.cumsum(gaps)
    date = np.repeat(np.arange(design.dates), count)
    return day[date], date


def residuals(
    design: Design, rng: np.random.Generator, session: IntVector, n_sessions: int
) -> FloatPanel:
    """Return what stocks return beyond the market, shape of `session`."""
    factor = drawn(design.shape, rng, n_sessions)[session]
    own = drawn(design.shape, rng, session.size).reshape(session.shape)
    rho = design.correlation
    deviation = DEVIATION * np.exp(SPREAD * rng.normal(size=(len(session), 1)))
    together: FloatPanel = np.sqrt(rho) * factor + np.sqrt(1.0 - rho) * own
    return deviation * together


def drawn(shape: str, rng: np.random.Generator, n: int) -> FloatVector:
    """Return draws with mean 0 and variance 1."""
    if shape == "t3":
        heavy: FloatVector = rng.standard_t(3.0, n) / np.sqrt(3.0)
        return heavy
    if shape == "skewed":
        return rng.exponential(1.0, n) - 1.0
    if shape == "left":
        return 1.0 - rng.exponential(1.0, n)
    return rng.normal(size=n)
