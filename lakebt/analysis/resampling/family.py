r"""The best of many rules, judged as the best of all: family-wise p-values.

In each draw the largest statistic of all rules is compared with the largest that was
seen; then, without the rule of the largest, the largest of the others, and so on down.
A rule's p-value is the largest so far [1]_ [2]_. So the chance that any rule is claimed
of which nothing is true is at most the level, whatever depends on whatever.

References
----------
.. [1] P. H. Westfall and S. S. Young (1993). Resampling-based multiple testing. Wiley,
   section 2.6.
.. [2] J. P. Romano and M. Wolf (2016). "Efficient computation of adjusted p-values for
   resampling-based stepdown multiple testing". Statistics and Probability Letters 113,
   38-40.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from lakebt.analysis.resampling.alternative import Alternative
from lakebt.analysis.resampling.draws import check_draws, parts
from lakebt.analysis.resampling.flips import DRAWS_AT_ONCE, flip_statistics
from lakebt.analysis.resampling.pairs import pair_statistics
from lakebt.errors import InvalidArgumentError
from lakebt.inputs.checks import one_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lakebt._typing import FloatPanel, FloatVector, IntVector
    from lakebt.analysis.resampling.draws import Draw


@dataclass(frozen=True, kw_only=True, eq=False)
class FamilyWise:
    """What each rule of a family is worth as one of them.

    Attributes
    ----------
    statistic : ndarray of shape (n_rules,)
        Studentised; NaN of a rule that says nothing.
    p, p_family : ndarray of shape (n_rules,)
        Of the rule alone, and as one of all; (hits + 1) / (draws + 1). NaN where the
        statistic is.
    maximum : ndarray of shape (draws,)
        The largest statistic of any rule in each draw: what the best of the family
        comes to by chance.
    """

    statistic: FloatVector
    p: FloatVector
    p_family: FloatVector
    maximum: FloatVector

    def critical(self, alpha: float) -> float:
        """Return what the best has to exceed to be claimed at level `alpha`."""
        return float(np.quantile(self.maximum, 1.0 - alpha, method="higher"))


def family_wise_p(
    sums: FloatPanel,
    counts: FloatPanel,
    *,
    block: IntVector | None = None,
    draws: int = 10_000,
    seed: int = 0,
    alternative: str = "greater",
    how: Literal["pairs", "flips"] = "pairs",
    at_once: int = DRAWS_AT_ONCE,
    progress: Callable[[int, int], None] | None = None,
) -> FamilyWise:
    """Return step-down p-values of rules from sums by announcement date.

    Parameters
    ----------
    sums, counts : ndarray of shape (n_dates, n_rules)
        Sum of the scores and number of events of each rule on each date. Zero where it
        has none. Finite.
    block : ndarray of shape (n_dates,), optional
        The block of the calendar of each date, see `calendar_blocks`; each date by
        itself, if not given.
    draws, seed
        Of the blocks (``pairs``) or of their signs (``flips``); the same for all rules.
    alternative
        ``"greater"``, ``"less"`` or ``"two-sided"``.
    how
        ``pairs`` of blocks, studentised in each draw; or ``flips`` of their signs.
    at_once
        How many draws are made at once: 8 bytes a rule and draw, a few times over. It
        changes no result.
    progress
        Is told how many draws are done, and of how many.

    Returns
    -------
    FamilyWise

    Raises
    ------
    InvalidArgumentError
        If an argument cannot be used, or the arrays do not fit or are not finite.

    Examples
    --------
    >>> sums = np.array([[1.0, 0.2], [1.2, -0.1], [0.9, 0.1], [1.1, -0.3]] * 5)
    >>> found = family_wise_p(sums, np.ones((20, 2)), draws=999, how="flips")
    >>> found.p_family.round(3).tolist()
    [0.001, 0.739]
    """
    check_draws(draws, seed)
    side = Alternative(one_of(alternative, Alternative, what="alternative"))
    if sums.shape != counts.shape or sums.ndim != 2:
        msg = f"sums {sums.shape} and counts {counts.shape} must be dates x rules"
        raise InvalidArgumentError(msg)
    if not (np.isfinite(sums).all() and np.isfinite(counts).all()):
        msg = "sums and counts must be finite: leave a rule without events at 0"
        raise InvalidArgumentError(msg)
    together = np.arange(len(sums)) if block is None else block
    if how == "pairs":
        seen, draw = pair_statistics(sums, counts, block=together, seed=seed)
    else:
        seen, draw = flip_statistics(sums, block=together, seed=seed)
        seen = np.where((sums != 0.0).any(axis=0), seen, np.nan)
    known = np.flatnonzero(~np.isnan(seen))
    down = known[np.argsort(-side.scores(seen[known]), kind="stable")]
    step = _Step(draw=draw, down=down, score=side.scores(seen[down]), side=side)
    alone, among = np.zeros(len(down)), np.zeros(len(down))
    maximum = np.zeros(draws)
    done = 0
    for hits, hits_among, largest in _in_threads(step, parts(draws, at_once)):
        alone, among = alone + hits, among + hits_among
        maximum[done : done + len(largest)] = largest
        done += len(largest)
        if progress is not None:
            progress(done, draws)
    p, p_family = np.full(len(seen), np.nan), np.full(len(seen), np.nan)
    p[down] = (alone + 1.0) / (draws + 1.0)
    p_family[down] = np.maximum.accumulate((among + 1.0) / (draws + 1.0))
    return FamilyWise(statistic=seen, p=p, p_family=p_family, maximum=maximum)


Hits: TypeAlias = "tuple[IntVector, IntVector, FloatVector]"
"""Of each rule, draws that reach its score alone and among all; each draw's largest."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Step:
    """What is counted in some draws.

    Attributes
    ----------
    draw
        Gives draws by their first and last number.
    down, score
        The rules from the best on, and their scores.
    side
        Which side of zero counts.
    """

    draw: Draw
    down: IntVector
    score: FloatVector
    side: Alternative

    def __call__(self, part: tuple[int, int]) -> Hits:
        """Return what the draws of a part come to."""
        scores = self.side.scores(self.draw(*part)[:, self.down])
        alone = (scores >= self.score).sum(axis=0)
        # The largest of a rule and of all that stand behind it.
        largest = np.maximum.accumulate(scores[:, ::-1], axis=1)[:, ::-1]
        among = (largest >= self.score).sum(axis=0)
        top = largest[:, 0] if len(self.down) else np.zeros(len(scores))
        return alone, among, top.copy()


def _in_threads(step: _Step, pieces: Iterable[tuple[int, int]]) -> Iterator[Hits]:
    """Give what each part of the draws comes to, in order, two parts at a time.

    Products of matrices use all cores by themselves; what stands between them does not.
    """
    pool = ThreadPoolExecutor(max_workers=2)
    try:
        yield from pool.map(step, pieces)
    finally:
        pool.shutdown(cancel_futures=True)
