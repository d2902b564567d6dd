"""The data of a tear sheet, and what computes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pandas as pd


class Performance(Protocol):
    """The performance of a portfolio, by any implementation."""

    def numbers(self) -> dict[str, float]:
        """Return every number by its name."""
        ...

    def stats(self) -> pd.DataFrame:
        """Return a row per number."""
        ...

    def by_year(self) -> pd.DataFrame:
        """Return a row per year."""
        ...

    def by_month(self) -> pd.DataFrame:
        """Return years down and months across."""
        ...

    def drawdowns(self, most: int = 10) -> pd.DataFrame:
        """Return the deepest falls."""
        ...

    def curves(self, sessions: int = 126) -> pd.DataFrame:
        """Return what is drawn, by session."""
        ...

    @property
    def returns(self) -> pd.Series[float]:
        """Daily net returns by session."""
        ...

    @property
    def benchmark(self) -> pd.Series[float] | None:
        """The returns of the benchmark."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class SheetData:
    """The data of a tear sheet.

    Attributes
    ----------
    performance
        What the portfolio came to.
    title
        Of what it is.
    weights : DataFrame, optional
        Sessions down, symbols across: of the value at the close; shorts below 0.
    """

    performance: Performance
    title: str
    weights: pd.DataFrame | None = None

    @property
    def benchmark(self) -> str:
        """The name of the benchmark; empty without one."""
        benchmark = self.performance.benchmark
        if benchmark is None:
            return ""
        return "benchmark" if benchmark.name is None else str(benchmark.name)
