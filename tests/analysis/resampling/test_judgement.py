"""What is judged of a family, and what is left out of it."""

from __future__ import annotations

import numpy as np

from lakebt.analysis.resampling.judgement import Judged, judge
from lakebt.analysis.resampling.scores import Scores


def judged(sums: np.ndarray, counts: np.ndarray) -> Judged:
    n_dates, n_rules = sums.shape
    scores = Scores(
        sums=sums,
        counts=counts,
        session=10 * np.arange(n_dates),
        longest=5,
        overlaps=np.zeros(n_rules, dtype=np.bool_),
        two_way=np.full(n_rules, np.nan),
        n_sessions=np.zeros(n_rules, dtype=np.int64),
    )
    return judge(scores, draws=400, seed=0, alternative="greater", alpha=0.05)


def test_a_rule_in_few_blocks_is_not_judged_and_moves_no_other() -> None:
    draw = np.random.default_rng(4)
    sums, counts = draw.normal(size=(40, 3)), np.ones((40, 3))
    few, some = np.zeros((40, 1)), np.zeros((40, 1))
    few[:5], some[:5] = [[0.9], [1.0], [1.1], [1.2], [0.8]], 1.0

    found = judged(np.hstack([sums, few]), np.hstack([counts, some]))

    assert found.n_blocks.tolist() == [40, 40, 40, 5]
    for p in (found.p, found.p_family, found.p_family_flips):
        assert np.isnan(p[-1])
    assert not found.claimed(0.05)[-1]
    assert found.critical == judged(sums, counts).critical


def test_a_rule_in_six_blocks_is_judged() -> None:
    draw = np.random.default_rng(4)
    sums, counts = draw.normal(size=(40, 3)), np.ones((40, 3))
    sums[6:, 2] = counts[6:, 2] = 0.0

    found = judged(sums, counts)

    assert found.n_blocks.tolist() == [40, 40, 6]
    assert not np.isnan(found.p_family).any()
