r"""Hansen's test of superior predictive ability, of sums by block.

It asks whether the best of many rules earns anything, with one standard error per rule
for all draws, and without the rules that are so poor that they cannot be the best [1]_.
That fixed error is its weakness on events: on twelve dates whose sums are skewed to the
left it rejects 30 % of true nulls at 5 % and more. So it is shown beside, and decides
nothing.

References
----------
.. [1] P. R. Hansen (2005). "A test for superior predictive ability". Journal of
   Business and Economic Statistics 23(4), 365-380.
.. [2] J. P. Romano and M. Wolf (2005). "Stepwise multiple testing as formalized data
   snooping". Econometrica 73(4), 1237-1282.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lakebt.analysis.resampling.blocks import by_block
from lakebt.analysis.resampling.draws import check_draws, parts, resamples
from lakebt.analysis.resampling.exact import whole
from lakebt.analysis.resampling.flips import DRAWS_AT_ONCE

if TYPE_CHECKING:
    from lakebt._typing import FloatPanel, IntVector


def superior_p(
    sums: FloatPanel,
    *,
    block: IntVector,
    draws: int = 10_000,
    seed: int = 0,
    is_consistent: bool = True,
) -> float:
    r"""Return the consistent p-value that the best rule earns nothing.

    With :math:`S` the sum of a rule and :math:`\omega^2 = \sum_b (S_b - S / B)^2`, the
    statistic is the largest :math:`\max(0, S / \omega)`; draws are centred on zero
    where :math:`S / \omega \ge -\sqrt{2 \log \log B}`, and left where they are
    elsewhere.

    Parameters
    ----------
    sums : ndarray of shape (n_dates, n_rules)
        Of scores by date. Finite.
    block : ndarray of shape (n_dates,)
        Codes from 0: dates of one block are drawn together.
    draws, seed
        Of the blocks.
    is_consistent
        If False, poor rules are not left out: the first step of StepM [2]_, which
        claims something where this does.

    Returns
    -------
    float
        (hits + 1) / (draws + 1). NaN with fewer than three blocks, or where no rule
        varies.

    Raises
    ------
    InvalidArgumentError
        If `draws` or `seed` cannot be used.

    Examples
    --------
    >>> sums = np.array([[1.0, 0.2], [1.2, -0.1], [0.9, 0.1], [1.1, -0.3]] * 5)
    >>> round(superior_p(sums, block=np.arange(20), draws=999), 3)
    0.001
    """
    check_draws(draws, seed)
    of_block = by_block(sums, block)
    n_blocks = len(of_block)
    if n_blocks < 3:  # the threshold is a logarithm of a logarithm
        return float("nan")
    total = of_block.sum(axis=0)
    apart = of_block - total / n_blocks
    spread = np.sqrt((apart * apart).sum(axis=0))
    varies = spread > 1e-12 * np.abs(of_block).sum(axis=0)
    if not varies.any():
        return float("nan")
    scaled, unit = whole(apart[:, varies], most=n_blocks)
    worth = unit / spread[varies]
    seen = total[varies] / spread[varies]
    floor = -np.sqrt(2.0 * np.log(np.log(n_blocks)))
    is_poor = is_consistent & (seen < floor)
    shift = np.where(is_poor, seen, 0.0)
    best = max(0.0, float(seen.max()))
    hits = 0
    for first, last in parts(draws, DRAWS_AT_ONCE):
        drawn = (resamples(seed, first, last, n=n_blocks) @ scaled) * worth + shift
        hits += int((np.maximum(drawn.max(axis=1), 0.0) >= best).sum())
    return (hits + 1) / (draws + 1)
