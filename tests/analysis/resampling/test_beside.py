"""What others say of the best of many, against another library and slow loops."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import stats

from lakebt.analysis.resampling.overfitting import overfitting_probability
from lakebt.analysis.resampling.superior import superior_p
from lakebt.errors import InvalidArgumentError


@pytest.mark.parametrize("drift", [0.0, 0.25])
def test_another_library_has_the_same_superior_ability(drift: float, arch: Any) -> None:
    # arch does not studentise, so the sums are divided by their deviation first. Two
    # rules are so poor that the consistent p leaves them out.
    rng = np.random.default_rng(2)
    sums = rng.normal(size=(60, 8)) + rng.normal(size=(60, 1))
    sums += np.array([drift, 0.0, 0.0, 0.0, 0.0, 0.0, -2.0, -2.0])
    sums /= sums.std(axis=0)
    zeros = np.zeros(60)
    spa = arch.SPA(zeros, -sums, block_size=1, reps=4_000, studentize=False, seed=1)
    spa.compute()

    found = superior_p(sums, block=np.arange(60), draws=4_000)

    assert found == pytest.approx(spa.pvalues["consistent"], abs=0.03)
    # With no rule left out: the first step of StepM.
    whole = superior_p(sums, block=np.arange(60), draws=4_000, is_consistent=False)
    assert whole == pytest.approx(spa.pvalues["upper"], abs=0.03)
    assert whole > found or drift > 0.0


def slow_overfitting(sums: np.ndarray, parts: int) -> float:
    """The procedure as it is written, on all dates."""
    cut = np.array_split(np.arange(len(sums)), parts)
    below = []
    for half in itertools.combinations(range(parts), parts // 2):
        inside = np.concatenate([cut[k] for k in half])
        outside = np.concatenate([cut[k] for k in range(parts) if k not in half])
        first = sums[inside].mean(axis=0) / sums[inside].std(axis=0)
        second = sums[outside].mean(axis=0) / sums[outside].std(axis=0)
        rank = stats.rankdata(second)[int(first.argmax())] / (sums.shape[1] + 1)
        below.append(np.log(rank / (1.0 - rank)) <= 0.0)
    return float(np.mean(below))


@pytest.mark.parametrize("parts", [2, 4, 8])
@pytest.mark.parametrize("n_rules", [2, 5, 20])
def test_a_slow_loop_finds_the_same_overfitting(parts: int, n_rules: int) -> None:
    sums = np.random.default_rng(n_rules).normal(size=(61, n_rules))

    found = overfitting_probability(sums, np.ones_like(sums), parts=parts)

    assert found == pytest.approx(slow_overfitting(sums, parts))


def test_a_rule_has_the_dates_on_which_it_has_events() -> None:
    """A date without events is one of its part, and adds nothing to any score."""
    draw = np.random.default_rng(1)
    counts = (draw.random((64, 6)) < 0.7).astype(np.float64)
    counts[5] = 0.0
    sums = draw.normal(0.2, 1.0, (64, 6)) * counts
    cut = np.array_split(np.arange(64), 8)
    poor = []
    for half in itertools.combinations(range(8), 4):
        inside = np.concatenate([cut[k] for k in half])
        outside = np.setdiff1d(np.arange(64), inside)
        first, second = (
            np.array([each.sum() / np.sqrt((each**2).sum()) for each in sums[rows].T])
            for rows in (inside, outside)
        )
        poor.append(stats.rankdata(second)[int(first.argmax())] <= 3.5)

    assert overfitting_probability(sums, counts) == pytest.approx(np.mean(poor))


def test_skill_is_not_overfitted_and_chance_is() -> None:
    sums = np.random.default_rng(0).normal(size=(200, 10))
    skill = sums.copy()
    skill[:, 3] += 1.0

    assert overfitting_probability(skill, np.ones_like(skill)) == 0.0
    assert 0.2 < overfitting_probability(sums, np.ones_like(sums)) < 0.9


def test_too_little_has_neither() -> None:
    few, constant = np.ones((15, 3)), np.ones((40, 3))

    assert np.isnan(overfitting_probability(few, few))
    assert np.isnan(overfitting_probability(constant, constant))
    assert np.isnan(superior_p(constant, block=np.arange(40), draws=9))
    assert np.isnan(superior_p(few[:2], block=np.arange(2), draws=9))
    with pytest.raises(InvalidArgumentError, match="even number of at least 2, was 3"):
        overfitting_probability(constant, constant, parts=3)
