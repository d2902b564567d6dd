"""What events are like that decides which tests hold: of a design, or measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lakebt.analysis.clusters import effective_number

if TYPE_CHECKING:
    from lakebt._typing import FloatVector
    from lakebt.analysis.calibration.designs import Design
    from lakebt.analysis.event_study.event_returns import WindowData
    from lakebt.analysis.event_study.tests import Cases

FEW, SOME = 12.0, 40.0
"""Dates, by what they are worth, up to which they are few, or some."""

_FEWEST_DATES, _FEWEST_EFFECTIVE = 10, 5.0
_SEVERAL = 1.5
"""Changes a date from which those of one date matter."""

_OVERLAP, _SKEW = 1.0, 1.0
_ROUNDING = 1e-13


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What events are like.

    Attributes
    ----------
    n, n_dates
        Changes and announcement dates.
    n_effective_dates
        How many dates of one size they are worth.
    overlap
        Mean number of other dates' windows that are open with a date's.
    skew
        Of the returns of changes in the window; 0 where it is not known.
    n_blocks
        Blocks of the calendar of twice the longest window.
    """

    n: int
    n_dates: int
    n_effective_dates: float
    overlap: float
    skew: float
    n_blocks: int

    @property
    def band(self) -> str:
        """How many dates there are, in words."""
        if self.n_dates <= 1:
            return "one date"
        if not self.has_ten or self.n_effective_dates < _FEWEST_EFFECTIVE:
            return "fewer than ten dates"
        if self.n_effective_dates < FEW:
            return "few or uneven dates"
        return "some dates" if self.n_effective_dates < SOME else "many dates"

    @property
    def has_ten(self) -> bool:
        """Whether there are ten dates."""
        return self.n_dates >= _FEWEST_DATES

    @property
    def shares(self) -> bool:
        """Whether dates have several changes."""
        return self.n >= _SEVERAL * self.n_dates

    @property
    def overlaps(self) -> bool:
        """Whether windows of different dates are open together."""
        return self.n_dates > 1 and self.overlap >= _OVERLAP

    @property
    def is_skewed(self) -> bool:
        """Whether returns are skewed."""
        return abs(self.skew) >= _SKEW


def conditions_of(design: Design) -> Conditions:
    """Return what the events of a design are like."""
    span = design.dates * design.gap
    return Conditions(
        n=round(design.dates * design.changes_a_date),
        n_dates=design.dates,
        n_effective_dates=design.effective_dates,
        overlap=design.overlap,
        skew=2.0 if design.is_skewed else 0.0,
        n_blocks=max(min(design.dates, span // (2 * design.window)), 1),
    )


def measured(values: FloatVector, window: WindowData, cases: Cases) -> Conditions:
    """Return what changes of one window are like.

    Parameters
    ----------
    values : ndarray of shape (n_changes,)
        What is tested: returns over the market, or CARs.
    window, cases
        Of the same changes; at least one.
    """
    date = cases.by_date
    n_dates = cases.n_dates
    first = np.full(n_dates, np.iinfo(np.int64).max)
    last = np.full(n_dates, -1)
    np.minimum.at(first, date, window.session[window.start[:-1]])
    np.maximum.at(last, date, window.session[window.start[1:] - 1])
    begun = np.searchsorted(np.sort(first), last, side="right")
    over = np.searchsorted(np.sort(last), first, side="left")
    return Conditions(
        n=len(values),
        n_dates=n_dates,
        n_effective_dates=effective_number(np.bincount(date)),
        overlap=float((begun - over - 1).mean()),
        skew=_skew(values),
        n_blocks=len(np.unique(cases.block)),
    )


def _skew(values: FloatVector) -> float:
    """Return the skewness; 0 of what varies by rounding alone."""
    apart = values - values.mean()
    variance = float((apart * apart).mean())
    if variance <= (_ROUNDING * float(np.abs(values).max())) ** 2:
        return 0.0
    cubes = float((apart * apart * apart).mean())
    return cubes / float(np.sqrt(variance)) ** 3
