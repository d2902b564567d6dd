"""The rates a backtest charges: commission, half spread and borrow."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import ClassVar

from lakebt.errors import InvalidArgumentError

BPS = 1e-4
"""One basis point, as a fraction."""

DAYS_PER_YEAR = 360
"""Borrow accrues actual/360, the money market's convention for US dollars."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostModel:
    """The rates a backtest charges.

    The defaults charge nothing, so that a cost is always somebody's decision.

    Attributes
    ----------
    commission_bps
        Per fill, in basis points of traded notional.
    half_spread_bps
        Half the quoted spread, in basis points of the fill price.
    borrow_bps_per_year
        On every short, the hedge's too: each session, the short value at the close
        before, times the calendar days since it, over 360.
    RATES : tuple of str
        The names of the rates: of options, of columns of trials, of canonical JSON.

    Raises
    ------
    InvalidArgumentError
        If a rate is negative or not finite: nobody pays us to trade.

    Examples
    --------
    >>> CostModel(commission_bps=1.0, half_spread_bps=2.0).proportional
    0.00030000000000000003
    """

    commission_bps: float = 0.0
    half_spread_bps: float = 0.0
    borrow_bps_per_year: float = 0.0

    RATES: ClassVar[tuple[str, ...]]

    def __post_init__(self) -> None:
        for field in fields(self):
            rate = getattr(self, field.name)
            if (
                isinstance(rate, bool)
                or not isinstance(rate, int | float)
                or not (math.isfinite(rate) and rate >= 0.0)
            ):
                msg = f"{field.name} must be a finite number >= 0, was {rate!r}"
                raise InvalidArgumentError(msg)

    @property
    def proportional(self) -> float:
        """Cost per unit of turnover, as a fraction."""
        return (self.commission_bps + self.half_spread_bps) * BPS

    @property
    def borrow_per_day(self) -> float:
        """Borrow per calendar day, as a fraction of the short value."""
        return self.borrow_bps_per_year * BPS / DAYS_PER_YEAR

    def __str__(self) -> str:
        return (
            f"commission {self.commission_bps:g} bps, "
            f"half spread {self.half_spread_bps:g} bps, "
            f"borrow {self.borrow_bps_per_year:g} bps/year"
        )


CostModel.RATES = tuple(field.name for field in fields(CostModel))
