"""The bars of a simulated market, with a planted effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakebt.sessions import half_session
from lakebt.sources.simulated_facts import MARKET, NOTICE

if TYPE_CHECKING:
    from lakebt._typing import FloatPanel, FloatVector, IntVector


# An ordinary equity market: 16 % volatility and 6 % growth per year, three tenths of
# the variance overnight.
MARKET_PER_DAY, GROWTH_PER_DAY, OVERNIGHT = 0.01, 0.06 / 252, 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """The truth: abnormal simple returns of additions, in basis points.

    Deletions earn the opposite of each.

    Attributes
    ----------
    jump_bps
        From the close of session AD to the open of AD+1.
    drift_bps
        From the open of AD+1 to the close of ED-1.
    reversal_bps
        Lost again from the close of ED-1 to that of `reversal_sessions` sessions later.
    reversal_sessions
        How long that takes.
    """

    jump_bps: float
    drift_bps: float
    reversal_bps: float
    reversal_sessions: int


def planted_effects(
    signs: FloatVector, notice: IntVector, planted: Planted, before: int, after: int
) -> FloatPanel:
    """Return the planted log returns of each leg.

    Parameters
    ----------
    signs, notice : ndarray of shape (n_legs,)
        1 for additions and -1 for deletions; sessions from announced to effective.

    Returns
    -------
    ndarray of shape (n_legs, n_sessions, 2)
        From `before` sessions before the announcement on; overnight, then intraday.
    """
    n_sessions = before + NOTICE[1] + after + 1
    # Half-sessions, 0 the night before the first session's open, so that "from an open
    # to a close" is a range of them.
    half = np.arange(2 * n_sessions)
    night_after_announced = half_session(before + 1, "open")
    last_step_of_drift = half_session(before + notice[:, None] - 1, "close")  # of ED-1

    def spread(total_bps: float, where: np.ndarray) -> FloatPanel:
        total = np.log1p(signs * total_bps / 1e4)[:, None]
        return np.where(where, total / where.sum(axis=1, keepdims=True), 0.0)

    drifting = (half > night_after_announced) & (half <= last_step_of_drift)
    reversing = (half > last_step_of_drift) & (
        half <= last_step_of_drift + 2 * planted.reversal_sessions
    )
    jumping = np.broadcast_to(half == night_after_announced, drifting.shape)
    steps = (
        spread(planted.jump_bps, jumping)
        + spread(planted.drift_bps, drifting)
        + spread(-planted.reversal_bps, reversing)
    )
    return steps.reshape(len(signs), n_sessions, 2)


def market_steps(n_sessions: int, rng: np.random.Generator) -> FloatPanel:
    """Return log returns of shape (n_sessions, 2): overnight, intraday."""
    return _noise((n_sessions,), MARKET_PER_DAY, rng) + GROWTH_PER_DAY / 2


def _noise(
    shape: tuple[int, ...], per_day: float, rng: np.random.Generator
) -> FloatPanel:
    """Return overnight and intraday log returns whose simple returns average zero."""
    deviation = per_day * np.sqrt([OVERNIGHT, 1.0 - OVERNIGHT])
    return deviation * rng.standard_normal((*shape, 2)) - deviation**2 / 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Paths:
    """Makes bars from the market's steps, noise and effects."""

    rng: np.random.Generator
    noise: float
    market: FloatPanel
    first: int

    def bars(
        self,
        symbols: np.ndarray,
        starts: IntVector,
        effects: FloatPanel,
        *,
        beta: FloatVector,
    ) -> pd.DataFrame:
        """Return a row per symbol and session; `path` says which symbol it was."""
        n_paths, n_sessions, _ = effects.shape
        number = starts[:, None] + np.arange(n_sessions)
        # A window may reach past the last session; the caller drops those rows.
        inside = np.minimum(number - self.first, len(self.market) - 1)
        steps = (
            beta[:, None, None] * self.market[inside]
            + _noise((n_paths, n_sessions), self.noise, self.rng)
            + effects
        )
        at = np.exp(self.rng.uniform(np.log(20.0), np.log(200.0), n_paths))
        bars = self._bars(steps, at, spread=max(self.noise, MARKET_PER_DAY) / 2)
        path = np.repeat(np.arange(n_paths), n_sessions)
        bars.insert(0, "symbol", symbols[path])
        bars.insert(1, "session", number.ravel())
        bars["path"] = path
        return bars

    def market_bars(self) -> pd.DataFrame:
        """Return the market's own bars."""
        bars = self._bars(
            self.market[None], np.array([100.0]), spread=MARKET_PER_DAY / 2
        )
        bars.insert(0, "symbol", MARKET)
        bars.insert(1, "session", self.first + np.arange(len(self.market)))
        return bars

    def _bars(
        self, steps: FloatPanel, at: FloatVector, *, spread: float
    ) -> pd.DataFrame:
        """Return bars whose path from close to open to close is `steps`."""
        log_close = np.log(at)[:, None] + steps.sum(axis=2).cumsum(axis=1)
        close = np.exp(log_close)
        open_ = np.exp(log_close - steps[:, :, 1])
        beyond = np.exp(spread * np.abs(self.rng.standard_normal(steps.shape)))
        volume = 1e6 * np.exp(0.5 * self.rng.standard_normal(close.shape))
        columns = {
            "open": open_,
            "high": np.maximum(open_, close) * beyond[:, :, 0],
            "low": np.minimum(open_, close) / beyond[:, :, 1],
            "close": close,
        }
        return pd.DataFrame(
            {name: values.ravel().round(4) for name, values in columns.items()}
            | {"volume": volume.ravel().round(), "basis": "raw"}
        )
