"""Levels: the costs, gross and capital that one pass computes together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lakebt.backtest.costs import CostModel
    from lakebt.backtest.weights import Sizing


BASIS_USD = 100_000.0
"""The capital that a book is sized for, at a gross of 1; the default of a study."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """Costs, and how large the positions are.

    Equity is linear in the size of the positions, so all levels share the sums that a
    pass makes. Every level is worked out from the same book, whether alone or beside
    others: the same bits.

    Attributes
    ----------
    costs
    gross
        Gross exposure as a multiple of capital.
    capital_usd
        What each event starts with.
    """

    costs: CostModel
    gross: float
    capital_usd: float

    @classmethod
    def of(cls, costs: CostModel, sizing: Sizing) -> Level:
        """Return the level of a study."""
        return cls(costs=costs, gross=sizing.gross, capital_usd=sizing.capital_usd)

    @property
    def scale(self) -> float:
        """The size of a position, as a multiple of its size in the book.

        Examples
        --------
        >>> from lakebt.backtest.costs import CostModel
        >>> Level(costs=CostModel(), gross=1.5, capital_usd=200_000.0).scale
        3.0
        """
        return self.gross * (self.capital_usd / BASIS_USD)
