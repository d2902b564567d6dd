"""How often the best rule of one half of the time is a poor one of the other half."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from lakebt.errors import InvalidArgumentError

if TYPE_CHECKING:
    from lakebt._typing import FloatPanel, FloatVector

PARTS = 8
"""Parts the dates are cut into: 70 ways to choose four of them."""

_FEWEST_OF_A_PART = 2


def overfitting_probability(
    sums: FloatPanel, counts: FloatPanel, *, parts: int = PARTS
) -> float:
    """Return the probability of backtest overfitting, by cross-validation.

    Dates are cut into parts that follow each other. Of each way to choose half of the
    parts, the rule with the best score there is ranked by its score in the other half
    [1]_. The score is what rules are judged by: the sum over the root of the sum of
    squares, of sums by date.

    Parameters
    ----------
    sums, counts : ndarray of shape (n_dates, n_rules)
        Sum of the scores and number of events of each rule on each date of the study,
        in the order of time. A rule has the dates on which it has events.
    parts
        An even number, at least 2.

    Returns
    -------
    float
        The share of ways in which the best of one half is in the lower half of the
        other, or in the middle; about 0.5 of rules without skill. NaN with fewer than
        two rules that vary, or fewer than two dates in a part.

    Raises
    ------
    InvalidArgumentError
        If `parts` is odd, or less than 2.

    References
    ----------
    .. [1] D. H. Bailey, J. M. Borwein, M. Lopez de Prado and Q. J. Zhu (2017). "The
       probability of backtest overfitting". Journal of Computational Finance 20(4),
       39-69.

    Examples
    --------
    The better of two rules is better in every half:

    >>> better = np.array([2.0, 1.0] * 8)
    >>> sums = np.column_stack([better, 1.0 - better])
    >>> overfitting_probability(sums, np.ones((16, 2)))
    0.0
    """
    if parts < 2 or parts % 2:
        msg = f"parts must be an even number of at least 2, was {parts!r}"
        raise InvalidArgumentError(msg)
    has = counts > 0.0
    if has.any(axis=1).sum() < _FEWEST_OF_A_PART * parts:
        return float("nan")
    cuts = np.array_split(np.arange(len(has)), parts)
    moments = np.array(
        [
            [has[cut].sum(axis=0), sums[cut].sum(axis=0), (sums[cut] ** 2).sum(axis=0)]
            for cut in cuts
        ]
    )
    poor = []
    for half in itertools.combinations(range(parts), parts // 2):
        other = [part for part in range(parts) if part not in half]
        inside = _score(moments[list(half)].sum(axis=0))
        outside = _score(moments[other].sum(axis=0))
        known = ~np.isnan(inside) & ~np.isnan(outside)
        if known.sum() < 2:
            return float("nan")
        rest = outside[known]
        best = rest[np.argmax(inside[known])]
        rank = (rest < best).sum() + ((rest == best).sum() + 1.0) / 2.0
        poor.append(rank <= (len(rest) + 1.0) / 2.0)
    return float(np.mean(poor))


def _score(moments: FloatPanel) -> FloatVector:
    """Return the score from number, sum and sum of squares; NaN of a constant."""
    number, total, squares = moments
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / number
        variance = squares / number - mean * mean
        # What is left of squares that cancel is rounding: a constant has no ratio.
        varies = variance > 1e-12 * squares / number
        score: FloatVector = np.where(varies, total / np.sqrt(squares), np.nan)
    return score
