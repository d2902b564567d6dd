"""How the events of a study become one series of returns."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from lakebt.analysis.sharpe_definition import SharpeDefinition
from lakebt.errors import InvalidArgumentError
from lakebt.inputs.checks import check_positive, one_of


class Aggregate(enum.StrEnum):
    """How the returns of many events become one series."""

    POOLED = "pooled"
    CALENDAR = "calendar"


class Weighting(enum.StrEnum):
    """What the open events of a calendar portfolio are weighted by."""

    EVENT = "event"
    LEG = "leg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooling:
    """How the returns of many events become one series.

    Attributes
    ----------
    how
        ``pooled`` joins them; ``calendar`` holds the events that are open.
    weighting
        Of a calendar portfolio: the same for each open event, or by its legs.
    max_weight
        Of a calendar portfolio: the most of the capital that is invested for each open
        event; the rest is cash. 1 for no limit.
    """

    how: Aggregate
    weighting: Weighting = Weighting.EVENT
    max_weight: float = 1.0

    @property
    def definition(self) -> SharpeDefinition:
        """The Sharpe ratio of this series, in one line."""
        if self.how is Aggregate.POOLED:
            joined = (
                "of the events joined, sessions with exposure only (the Sharpe while "
                "invested)"
            )
        else:
            weighted = {
                Weighting.EVENT: "equal-weighted mean of the open events",
                Weighting.LEG: "mean of the open events, weighted by their legs",
            }[self.weighting]
            limit = (
                f", at most {self.max_weight:.3g} of the capital for each"
                if self.max_weight < 1.0
                else ""
            )
            joined = (
                f"of the {weighted}{limit}, zero when none is, "
                f"from the first session with exposure to the last exit (before each "
                f"session the open events are brought back to their weights, and pay "
                f"commission and half spread for it)"
            )
        return SharpeDefinition(
            of=f"daily net returns {joined}",
            error=(
                "two ways, by announcement date and by session, where windows of "
                "different dates overlap; else the jackknife by date, Lo (2002) of one "
                "event alone"
            ),
        )


def parse_pooling(aggregate: str, weighting: str, max_weight: float) -> Pooling:
    """Return how the events of a study become one series.

    Raises
    ------
    InvalidArgumentError
        If the limit is not above 0 and at most 1, or something is asked of a calendar
        portfolio where there is none.
    UnknownNameError
        If a word is unknown.
    """
    how = Aggregate(one_of(aggregate, Aggregate, what="aggregate"))
    weigh = Weighting(one_of(weighting, Weighting, what="weighting"))
    max_weight = check_positive("max_weight", max_weight)
    if max_weight > 1.0:
        msg = f"max_weight must be at most 1, all of the capital, was {max_weight:g}"
        raise InvalidArgumentError(msg)
    if how is Aggregate.POOLED and (weigh is not Weighting.EVENT or max_weight < 1.0):
        given = f"weighting={weighting!r}, max_weight={max_weight:g}"
        msg = f'{given} are of a calendar portfolio: pass aggregate="calendar" too'
        raise InvalidArgumentError(msg)
    return Pooling(how=how, weighting=weigh, max_weight=float(max_weight))
