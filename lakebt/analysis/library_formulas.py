"""What other libraries call the Sharpe ratio of returns, by formula.

As their code computes it when nothing but the returns and the risk-free rate is given:
vectorbt 1.2.0, quantstats 0.0.86, empyrical-reloaded 0.7.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lakebt._typing import FloatVector


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryFormula:
    """A ratio as a library has it.

    Attributes
    ----------
    periods
        A year, unless it is told otherwise.
    is_rate_yearly
        Whether it takes the risk-free rate for one a year.
    takes_prices
        Whether it takes returns that are never negative, one of them above 1, for
        prices.
    has_ddof
        Whether it can be told.
    telling
        How it is told the periods of a year.
    """

    periods: float
    telling: str
    is_rate_yearly: bool = False
    takes_prices: bool = False
    has_ddof: bool = False

    def ratio(
        self,
        returns: FloatVector,
        rate: FloatVector | float,
        *,
        periods: float | None = None,
        ddof: int = 1,
    ) -> float:
        """Return its ratio; `rate` is what it was given, whatever it takes it for."""
        year = self.periods if periods is None else periods
        values = returns
        if self.is_price(returns):
            with np.errstate(divide="ignore", invalid="ignore"):
                values = np.append(np.nan, returns[1:] / returns[:-1] - 1.0)
            values = np.where(np.isfinite(values), values, np.nan)
        taken = (1.0 + rate) ** (1.0 / year) - 1.0 if self.is_rate_yearly else rate
        excess = values - taken
        excess = excess[~np.isnan(excess)]
        if len(excess) < 2:
            return float("nan")
        deviation = float(excess.std(ddof=ddof))
        return float(excess.mean()) / deviation * float(np.sqrt(year))

    def is_price(self, returns: FloatVector) -> bool:
        """Return whether it takes these returns for prices."""
        looks = float(returns.min()) >= 0.0 and float(returns.max()) > 1.0
        return self.takes_prices and looks

    def differences(
        self, returns: FloatVector, *, year: float, ddof: int, mean: str, has_rate: bool
    ) -> list[str]:
        """Return what it does otherwise than asked, in words with the cure."""
        differences = []
        if self.is_price(returns):
            differences.append("takes returns >= 0 with one above 1 for prices")
        if self.periods != year:
            explanation = self.telling.format(year=f"{year:g}")
            differences.append(
                f"{self.periods:g} periods a year, not {year:g}: {explanation}"
            )
        if self.is_rate_yearly and has_rate:
            differences.append(
                f"takes the risk-free rate for one a year: "
                f"(1 + rate) ** {self.periods:g} - 1"
            )
        if ddof != 1:
            cure = f": ddof={ddof}" if self.has_ddof else ", and cannot be told"
            differences.append(f"ddof 1, not {ddof}{cure}")
        if mean != "arithmetic":
            differences.append("arithmetic mean, not geometric, and cannot be told")
        return differences


FORMULAS = {
    "vectorbt": LibraryFormula(
        periods=365.0, telling="year_freq='{year} days'", has_ddof=True
    ),
    "quantstats": LibraryFormula(
        periods=252.0,
        telling="periods={year}",
        is_rate_yearly=True,
        takes_prices=True,
    ),
    "empyrical": LibraryFormula(periods=252.0, telling="annualization={year}"),
}
"""By the name of the library."""
