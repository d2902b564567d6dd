"""Every rule of a surface, judged as one of all: estimates, p-values and power."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lakebt.analysis.resampling.alternative import Alternative
from lakebt.analysis.resampling.blocks import by_block
from lakebt.analysis.resampling.family import family_wise_p
from lakebt.analysis.resampling.flips import MOST_LISTED, sign_flip_p
from lakebt.analysis.resampling.power import detectable

if TYPE_CHECKING:
    from collections.abc import Callable

    from lakebt._typing import BoolVector, FloatPanel, FloatVector, IntVector
    from lakebt.analysis.resampling.family import FamilyWise
    from lakebt.analysis.resampling.scores import Scores

FEWEST_BLOCKS = 6
"""With five, all signs alike are 2 of 2**5 vectors: 0.0625, which rejects nothing."""

FEWEST_FOR_PAIRS = 20
"""Below this many blocks, drawing them has no power: signs are flipped instead."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """What each rule is worth as one of all, arrays of shape (n_rules,).

    Attributes
    ----------
    mean, error, low, high
        Of the score of an event, as fractions: its mean, the standard error, and the
        95 % interval. Clustered by announcement date, with t of `n_effective_dates`
        less one degree of freedom; where windows of different dates overlap two ways,
        by date and by session, with t of the smaller number of clusters less one. NaN
        without events; error and interval with one date.
    score
        Sum over the root of the sum of squares, of sums by date: what is judged.
    p
        Of the rule alone: signs of blocks flipped.
    p_family, p_family_flips
        As one of all: pairs of blocks, studentised in each draw; and signs flipped. NaN
        of a rule in fewer than six blocks, which is none of them.
    n_events, n_dates, n_effective_dates, n_blocks, skew
        What they rest on; the skewness is that of the sums by date.
    detectable, detectable_family
        The smallest effect found in 80 % of cases, alone and among all rules.
    more_dates
        How many more dates as these the effect that was seen would need to be found
        among all rules in 80 % of cases; NaN where it speaks for the other side.
    how
        What decides: ``"pairs"``, ``"flips"``, or ``"nothing"``.
    critical
        What the best score has to exceed; NaN where nothing decides.
    maximum : ndarray of shape (draws,)
        The largest score of any rule by chance, in each draw of what decides.
    """

    mean: FloatVector
    error: FloatVector
    low: FloatVector
    high: FloatVector
    score: FloatVector
    p: FloatVector
    p_family: FloatVector
    p_family_flips: FloatVector
    n_events: IntVector
    n_dates: IntVector
    n_effective_dates: FloatVector
    n_blocks: IntVector
    skew: FloatVector
    detectable: FloatVector
    detectable_family: FloatVector
    more_dates: FloatVector
    how: str
    critical: float
    maximum: FloatVector

    def claimed(self, alpha: float) -> BoolVector:
        """Return whether each rule is claimed at level `alpha`."""
        decides = {"pairs": self.p_family, "flips": self.p_family_flips}
        with np.errstate(invalid="ignore"):
            p = decides.get(self.how, np.full(len(self.mean), np.nan))
            return np.asarray(p <= alpha)


def judge(
    scores: Scores,
    *,
    draws: int,
    seed: int,
    alternative: str,
    alpha: float,
    progress: Callable[[int, int], None] | None = None,
) -> Judged:
    """Judge every rule as one of all.

    Parameters
    ----------
    scores
        Of every rule.
    draws, seed, alternative, alpha
        See `lakebt.Result.significance`.
    progress
        Is told how many draws are done, and of how many.
    """
    side = Alternative(alternative)
    estimates = _estimates(scores)
    n_blocks = int(scores.block.max(initial=-1)) + 1
    how = _decides(n_blocks)
    done = 0

    def go_on(part: int, _: int) -> None:
        if progress is not None:
            progress(done + part, 2 * draws)

    # What lies in too few blocks of its own can show nothing, and would raise the
    # largest of all with two dates' t.
    can_show = scores.n_blocks >= FEWEST_BLOCKS
    sums, counts = scores.sums, scores.counts
    if (~can_show & (estimates.n_events > 0)).any():  # without events they are 0
        sums, counts = sums * can_show, counts * can_show

    def family(method: str) -> FamilyWise:
        return family_wise_p(
            sums,
            counts,
            block=scores.block,
            draws=draws,
            seed=seed,
            alternative=alternative,
            how="pairs" if method == "pairs" else "flips",
            progress=go_on,
        )

    nothing = np.full(len(estimates.mean), np.nan)
    p, p_family, p_flips = nothing, nothing, nothing
    critical, maximum = float("nan"), np.zeros(0)
    if how != "nothing":
        flips = family("flips")
        done = draws
        pairs = family("pairs")
        decides = pairs if how == "pairs" else flips
        critical, maximum = decides.critical(alpha), decides.maximum
        p, p_family, p_flips = flips.p, pairs.p_family, flips.p_family
        if n_blocks <= MOST_LISTED:
            p = np.where(can_show, _listed(scores, alternative), np.nan)
    alone = _quantile(1.0 - alpha / side.sides, estimates.degrees)
    reach = _quantile(0.975, estimates.degrees) * estimates.error
    among = detectable(estimates.error, degrees=estimates.degrees, critical=critical)
    return Judged(
        mean=estimates.mean,
        error=estimates.error,
        low=estimates.mean - reach,
        high=estimates.mean + reach,
        score=estimates.score,
        p=p,
        p_family=p_family,
        p_family_flips=p_flips,
        n_events=estimates.n_events,
        n_dates=estimates.n_dates,
        n_effective_dates=estimates.n_effective_dates,
        n_blocks=scores.n_blocks,
        skew=estimates.skew,
        detectable=detectable(
            estimates.error, degrees=estimates.degrees, critical=alone
        ),
        detectable_family=among,
        more_dates=_more_dates(estimates, among, side),
        how=how,
        critical=critical,
        maximum=maximum,
    )


def _decides(n_blocks: int) -> str:
    if n_blocks < FEWEST_BLOCKS:
        return "nothing"
    return "pairs" if n_blocks >= FEWEST_FOR_PAIRS else "flips"


def _listed(scores: Scores, alternative: str) -> FloatVector:
    """Return p of each rule alone, from all vectors of signs of its blocks."""
    sums = by_block(scores.sums, scores.block)
    return np.array([sign_flip_p(each, alternative=alternative) for each in sums.T])


@dataclass(frozen=True, kw_only=True, eq=False)
class _Estimates:
    mean: FloatVector
    error: FloatVector
    degrees: FloatVector
    score: FloatVector
    n_events: IntVector
    n_dates: IntVector
    n_effective_dates: FloatVector
    skew: FloatVector


def _estimates(scores: Scores) -> _Estimates:
    sums, counts = scores.sums, scores.counts
    n_events = counts.sum(axis=0)
    n_dates = (counts > 0.0).sum(axis=0)
    some = np.where(n_events > 0.0, n_events, np.nan)
    mean = sums.sum(axis=0) / some
    apart = sums - np.nan_to_num(mean) * counts
    effective = some * some / (counts * counts).sum(axis=0)
    clusters = np.where(
        scores.overlaps, np.minimum(n_dates, scores.n_sessions), n_dates
    ).astype(np.float64)
    several = np.where(n_dates > 1, n_dates, np.nan)
    # In place: of many dates and rules these are large.
    by_date = several / (several - 1.0) * np.square(apart, out=apart).sum(axis=0)
    del apart
    size = np.sqrt((sums * sums).sum(axis=0))
    return _Estimates(
        mean=mean,
        error=np.sqrt(np.where(scores.overlaps, scores.two_way, by_date)) / some,
        degrees=np.where(scores.overlaps, clusters, effective) - 1.0,
        score=sums.sum(axis=0) / np.where(size > 0.0, size, np.nan),
        n_events=n_events.astype(np.int64),
        n_dates=n_dates.astype(np.int64),
        n_effective_dates=np.nan_to_num(effective),
        skew=_skew(sums, counts > 0.0),
    )


def _skew(
    sums: FloatPanel, has: np.ndarray[tuple[int, int], np.dtype[np.bool_]]
) -> FloatVector:
    """Return the skewness of the sums by date; NaN where they do not vary."""
    number = np.where(has.any(axis=0), has.sum(axis=0), np.nan)
    mean = sums.sum(axis=0) / number
    apart = np.where(has, sums - np.nan_to_num(mean), 0.0)
    square = apart * apart
    variance = square.sum(axis=0) / number
    spread = np.where(variance > 0.0, variance, np.nan)
    cube = np.multiply(square, apart, out=square)
    skew: FloatVector = cube.sum(axis=0) / number / spread**1.5
    return skew


def _quantile(level: float, degrees: FloatVector) -> FloatVector:
    """Return a quantile of Student's t; NaN below one degree of freedom."""
    from scipy.special import stdtrit  # noqa: PLC0415 - scipy takes 0.1 s

    is_known = degrees >= 1.0
    quantile = np.full(degrees.shape, np.nan)
    quantile[is_known] = stdtrit(degrees[is_known], level)
    return quantile


def _more_dates(
    found: _Estimates, among: FloatVector, side: Alternative
) -> FloatVector:
    """Return how many more dates the effect that was seen would need."""
    effect = side.scores(found.mean)
    with np.errstate(divide="ignore", invalid="ignore"):
        times = (among / effect) ** 2
        more = np.ceil(found.n_dates * np.maximum(times - 1.0, 0.0))
    return np.where(effect > 0.0, more, np.nan)
