"""`CostModel`: commission, half spread, borrow and market impact."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from lakebt.errors import InvalidArgumentError
from lakebt.inputs.checks import plain_number, whole_number

BPS = 1e-4
"""One basis point, as a fraction."""

DAYS_PER_YEAR = 360
"""Borrow accrues actual/360, the money market's convention for US dollars."""

RATE_PER_DAY = BPS / DAYS_PER_YEAR
"""What a rate in basis points per year is for a calendar day, as a fraction."""

FEWEST_IMPACT_SESSIONS = 3
"""Two returns, the fewest that have a standard deviation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostModel:
    """The costs of trading: commission, half spread, borrow and market impact.

    The defaults charge nothing, so that every cost is a decision of the user.

    Attributes
    ----------
    commission_bps
        Commission per fill, in basis points of traded notional.
    half_spread_bps
        Half the quoted spread, in basis points of the fill price.
    borrow_bps_per_year
        The borrow fee of every short, including the hedge: each session, the short
        value at the close before, times the calendar days since it, over 360. If the
        release's table `borrow` has a row for the symbol and the session of that close,
        its rate applies instead, whatever the cost model.
    impact_at_open, impact_at_close
        Coefficient of market impact at each auction: a fill costs the coefficient times
        sigma times the square root of shares over volume, as a fraction of its value.
        Sigma is the standard deviation (ddof 1) of daily changes of log closes,
        corrected for known splits, dividends and spin-offs; volume is the mean number
        of shares; both over the last `impact_sessions` sessions whose bars were known
        before the order had to be sent.
    impact_sessions
        At least 3.
    max_participation
        The largest fill as a part of that volume, above 0 and at most 1; a cell with a
        larger one is empty (`too_large`). None sets no limit.
    RATES : tuple of str
        The names of the rates that have a column among the trials.
    TERMS : tuple of str
        The names of all terms, as in options and in canonical JSON.

    Raises
    ------
    InvalidArgumentError
        If a rate is negative or not finite.

    Notes
    -----
    The square root and a coefficient near 1 are those of Toth et al. (2011), "Anomalous
    price impact and the critical nature of liquidity in financial markets", and of Sato
    and Kanazawa (2024), "Does the square-root price impact law hold universally?".
    Almgren et al. (2005), "Direct estimation of equity market impact", found a power of
    3/5 instead. Auctions differ: the close has about a tenth of a day's volume, the
    open far less, so that each has a coefficient of its own.

    Examples
    --------
    >>> CostModel(commission_bps=1.0, half_spread_bps=2.0).proportional
    0.00030000000000000003
    """

    commission_bps: float = 0.0
    half_spread_bps: float = 0.0
    borrow_bps_per_year: float = 0.0
    impact_at_open: float = 0.0
    impact_at_close: float = 0.0
    impact_sessions: int = 20
    max_participation: float | None = None

    RATES: ClassVar[tuple[str, ...]] = (
        *("commission_bps", "half_spread_bps", "borrow_bps_per_year"),
    )
    TERMS: ClassVar[tuple[str, ...]]

    def __post_init__(self) -> None:
        put = functools.partial(object.__setattr__, self)
        for name in (*self.RATES, "impact_at_open", "impact_at_close"):
            rate = getattr(self, name)
            if not 0.0 <= (number := plain_number(rate)) < math.inf:
                msg = f"{name} must be a finite number >= 0, was {rate!r}"
                raise InvalidArgumentError(msg)
            put(name, number)
        count = self.impact_sessions
        if (whole := whole_number(count)) is None or whole < FEWEST_IMPACT_SESSIONS:
            msg = (
                f"impact_sessions must be a whole number of at least "
                f"{FEWEST_IMPACT_SESSIONS}, was {count!r}"
            )
            raise InvalidArgumentError(msg)
        put("impact_sessions", whole)
        most = self.max_participation
        if most is None:
            return
        if not 0.0 < (part := plain_number(most)) <= 1.0:
            msg = (
                f"max_participation must be above 0 and at most 1, a part of the daily "
                f"volume, or None for no limit; was {most!r}"
            )
            raise InvalidArgumentError(msg)
        put("max_participation", part)

    @property
    def proportional(self) -> float:
        """Cost per unit of turnover, as a fraction."""
        return (self.commission_bps + self.half_spread_bps) * BPS

    @property
    def borrow_per_day(self) -> float:
        """Borrow per calendar day, as a fraction of the short value."""
        return self.borrow_bps_per_year * BPS / DAYS_PER_YEAR

    @property
    def has_impact(self) -> bool:
        """Whether a fill costs more the larger it is."""
        return bool(self.impact_at_open or self.impact_at_close)

    def impact_at(self, *, is_close: bool) -> float:
        """Return the coefficient of impact at the open or at the close.

        Parameters
        ----------
        is_close : bool
            Whether the fill is at the close.
        """
        return self.impact_at_close if is_close else self.impact_at_open

    @property
    def asks_volume(self) -> bool:
        """Whether the costs depend on market volume."""
        return self.has_impact or self.max_participation is not None

    @property
    def rates(self) -> dict[str, float]:
        """The rates that have a column among the trials, by name."""
        return {name: getattr(self, name) for name in self.RATES}

    def plain(self) -> dict[str, Any]:
        """Return the terms as JSON values, for a trial's rule.

        Returns
        -------
        dict
            The rates; of the other terms only those that differ from their defaults, so
            that ids of trials stay those of earlier versions.
        """
        others = {
            field.name: value
            for field in fields(self)
            if field.name not in self.RATES
            and (value := getattr(self, field.name)) != field.default
        }
        return {**self.rates, **others}

    def __str__(self) -> str:
        words = [
            f"commission {self.commission_bps:g} bps",
            f"half spread {self.half_spread_bps:g} bps",
            f"borrow {self.borrow_bps_per_year:g} bps/year",
        ]
        if self.has_impact:
            words.append(
                f"impact {self.impact_at_open:g} at the open and "
                f"{self.impact_at_close:g} at the close, over "
                f"{self.impact_sessions} sessions"
            )
        if self.max_participation is not None:
            words.append(f"at most {self.max_participation:.4g} of the daily volume")
        return ", ".join(words)


CostModel.TERMS = tuple(field.name for field in fields(CostModel))


def parse_costs(costs: object) -> CostModel:
    """Return a user's costs; no costs for None.

    Raises
    ------
    InvalidArgumentError
        If they are no model of costs.
    """
    if costs is None:
        return CostModel()
    if not isinstance(costs, CostModel):
        msg = f"costs must be a CostModel, was {costs!r}: write CostModel(...)"
        raise InvalidArgumentError(msg)
    return costs
