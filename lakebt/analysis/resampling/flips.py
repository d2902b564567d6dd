r"""Flipped signs: what sums by date would be if each could as well be its opposite.

The statistic of a rule is :math:`z = \sum_g S_g / \sqrt{\sum_g S_g^2}`, with
:math:`S_g` the sum over the events of a date. Under a distribution that is symmetric
about zero every vector of signs is as likely as the one that was seen [1]_, however
events of one date depend on each other; dates whose windows overlap are flipped
together, by blocks. Under a skewed distribution it is wrong on one side.

References
----------
.. [1] J. P. Romano (1990). "On the behavior of randomization tests without a group
   invariance assumption". Journal of the American Statistical Association 85(411),
   686-692.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lakebt.analysis.resampling.alternative import Alternative
from lakebt.analysis.resampling.blocks import by_block
from lakebt.analysis.resampling.draws import check_draws, parts, signs
from lakebt.analysis.resampling.exact import whole
from lakebt.inputs.checks import one_of

if TYPE_CHECKING:
    from lakebt._typing import FloatPanel, FloatVector, IntVector
    from lakebt.analysis.resampling.draws import Draw

MOST_LISTED = 13
"""Up to this many sums, all 2**G vectors of signs are listed: 8,192."""

DRAWS_AT_ONCE = 250
"""How many draws are made at once: few enough for a cache. It changes no result."""


def sign_flip_p(
    sums: FloatVector,
    *,
    draws: int = 9_999,
    seed: int = 0,
    alternative: str = "two-sided",
) -> float:
    """Return the p-value of the mean of one rule, by flipping the signs of its sums.

    Parameters
    ----------
    sums : ndarray of shape (n,)
        Of the events of each date, or of each block of dates. Finite.
    draws
        How many vectors of signs are drawn where there are too many to list (more than
        13 sums).
    seed
        Of the draws.
    alternative
        ``"two-sided"``, ``"greater"`` or ``"less"`` than zero.

    Returns
    -------
    float
        The share of all vectors of signs under which the sum is at least as far out as
        the one that was seen; (hits + 1) / (draws + 1) where they are drawn. NaN with
        fewer than two sums that are not zero: nothing can be shown.

    Raises
    ------
    InvalidArgumentError
        If `draws`, `seed` or `alternative` cannot be used.

    Examples
    --------
    The 8 vectors of signs of three sums: all the same sign is the furthest out, and
    there are two of these.

    >>> sign_flip_p(np.array([1.0, 2.0, 3.0]))
    0.25
    >>> sign_flip_p(np.array([1.0, 2.0, 3.0]), alternative="greater")
    0.125
    """
    check_draws(draws, seed)
    side = Alternative(one_of(alternative, Alternative, what="alternative"))
    some = sums[sums != 0.0]
    if len(some) < 2:
        return float("nan")
    scaled, _ = whole(some[:, None], most=len(some))
    seen = side.scores(scaled.sum(axis=0))
    if len(some) <= MOST_LISTED:
        every = side.scores(_every_sign(len(some)) @ scaled)
        return float((every >= seen).mean())
    hits = 0
    for first, last in parts(draws, DRAWS_AT_ONCE):
        drawn = side.scores(signs(seed, first, last, n=len(some)) @ scaled)
        hits += int((drawn >= seen).sum())
    return (hits + 1) / (draws + 1)


def _every_sign(n: int) -> FloatPanel:
    """Return all vectors of `n` signs, shape (2**n, n)."""
    numbers = np.arange(2**n)[:, None]
    bits = (numbers >> np.arange(n)) & 1
    return bits.astype(np.float64) * 2.0 - 1.0


def flip_statistics(
    sums: FloatPanel,
    *,
    block: IntVector,
    seed: int,
) -> tuple[FloatVector, Draw]:
    """Return the statistic of each rule, and what it is under drawn signs.

    Parameters
    ----------
    sums : ndarray of shape (n_dates, n_rules)
        Finite; a rule whose sums are all zero has a statistic of 0.
    block : ndarray of shape (n_dates,)
        Codes from 0: dates of one block have their signs flipped together.
    seed
        One vector of signs is drawn for all rules.

    Returns
    -------
    seen : ndarray of shape (n_rules,)
    draw
        Gives some draws, by their first and last number, shape (n_draws, n_rules).
    """
    scaled, unit = whole(by_block(sums, block), most=len(sums))
    size = np.sqrt((sums * sums).sum(axis=0))
    worth = unit / np.where(size > 0.0, size, 1.0)

    def draw(first: int, last: int) -> FloatPanel:
        return (signs(seed, first, last, n=len(scaled)) @ scaled) * worth

    return scaled.sum(axis=0) * worth, draw
