"""A strategy for the sweeps of the tests: long the market, if it rose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    import lakebt


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
