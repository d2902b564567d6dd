"""A strategy for the sweeps of the tests: long the market, if it rose."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    import lakebt

FREE = 3
"""The longest look back that waits at no gate."""


@dataclass(frozen=True, kw_only=True)
class Trend:
    """Holds the market after `lookback` sessions in which it rose."""

    lookback: int = 20
    weight: float = 1.0

    def target_weights(self, view: lakebt.View) -> pd.Series:
        """Return the market's weight."""
        closes = view.panel("close", symbols=["MKT"])["MKT"].dropna()
        rose = len(closes) > self.lookback and (
            closes.iloc[-1] > closes.iloc[-1 - self.lookback]
        )
        return pd.Series({"MKT": self.weight if rose else 0.0})


@dataclass(frozen=True, kw_only=True)
class Gated(Trend):
    """Waits before its decisions, if it looks far back, until a gate is opened."""

    gate: str

    @property
    def begun(self) -> Path:
        """A file that is there as soon as one of them waits."""
        return Path(self.gate).with_suffix(".begun")

    def target_weights(self, view: lakebt.View) -> pd.Series:
        """Return the market's weight."""
        while self.lookback > FREE and not Path(self.gate).exists():
            self.begun.touch()
            time.sleep(0.01)
        return super().target_weights(view)


class Failing:
    """Fails in its second decision."""

    def __init__(self) -> None:
        self._asked = 0

    def target_weights(self, view: lakebt.View) -> pd.Series:
        """Return nothing the second time.

        Raises
        ------
        RuntimeError
            Then.
        """
        self._asked += 1
        if self._asked > 1:
            msg = f"nothing known at {view.instant.year}"
            raise RuntimeError(msg)
        return pd.Series({"MKT": 1.0})
