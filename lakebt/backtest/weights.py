"""From the legs of an event to target weights."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lakebt.errors import InvalidArgumentError
from lakebt.facts import Side
from lakebt.inputs.checks import check_positive

if TYPE_CHECKING:
    from collections.abc import Sequence


class TradedSide(enum.StrEnum):
    """Which legs a study trades."""

    BOTH = "both"
    ADDITIONS = "additions"
    DELETIONS = "deletions"

    def takes(self, side: Side) -> bool:
        """Whether legs of `side` are traded."""
        if self is TradedSide.BOTH:
            return True
        return (side is Side.ADDITION) == (self is TradedSide.ADDITIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """How much of the capital goes where.

    Attributes
    ----------
    side
        Which legs are traded.
    hedge
        Symbol that stands in for a side that is not traded; None for none.
    gross
        Gross exposure as a multiple of capital.
    capital_usd
        What each event starts with.
    """

    side: TradedSide
    hedge: str | None
    gross: float
    capital_usd: float

    def hedged_with(self, symbol: str) -> Sizing:
        """Return the same sizing with a hedge."""
        return replace(self, hedge=symbol)


def check_gross(gross: float, max_gross: float) -> tuple[float, float]:
    """Return a gross exposure and its limit, of which it is at most.

    Raises
    ------
    InvalidArgumentError
        With both values.
    """
    gross = check_positive("gross", gross)
    max_gross = check_positive("max_gross", max_gross)
    if gross > max_gross:
        msg = (
            f"gross {gross:g} is above max_gross {max_gross:g}: lower gross, or raise "
            f"max_gross if you mean to lever up {gross:g} times"
        )
        raise InvalidArgumentError(msg)
    return gross, max_gross


def leg_weights(sides: Sequence[Side], sizing: Sizing) -> tuple[float, ...] | None:
    """Return the weight of each leg, positive for additions.

    Each side's weights sum to ``gross / 2``, equal within. A side traded alone takes
    the whole gross, unless a hedge takes the other half.

    Parameters
    ----------
    sides
        Of the legs that are traded.
    sizing
        The study's.

    Returns
    -------
    tuple of float or None
        None where one side is empty and nothing hedges it.

    Examples
    --------
    >>> both = Sizing(side=TradedSide.BOTH, hedge=None, gross=1.0, capital_usd=1e5)
    >>> leg_weights([Side.ADDITION, Side.DELETION, Side.DELETION], both)
    (0.5, -0.25, -0.25)
    >>> leg_weights([Side.ADDITION], both) is None
    True
    """
    additions = sum(side is Side.ADDITION for side in sides)
    deletions = len(sides) - additions
    paired = bool(additions and deletions)
    if sizing.side is TradedSide.BOTH and not paired and sizing.hedge is None:
        return None
    share = sizing.gross / 2 if paired or sizing.hedge is not None else sizing.gross
    return tuple(
        share / additions if side is Side.ADDITION else -share / deletions
        for side in sides
    )


def is_hedged(sides: Sequence[Side], sizing: Sizing) -> bool:
    """Whether the hedge is traded: it is given, and one side is empty."""
    return sizing.hedge is not None and len(set(sides)) == 1
