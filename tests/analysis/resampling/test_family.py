"""The best of many, against slow loops and against another library."""

from __future__ import annotations

import hashlib
import itertools
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lakebt.analysis.resampling.blocks import calendar_blocks
from lakebt.analysis.resampling.draws import resamples, signs
from lakebt.analysis.resampling.family import FamilyWise, family_wise_p
from lakebt.analysis.resampling.flips import sign_flip_p
from lakebt.analysis.resampling.power import detectable
from lakebt.errors import InvalidArgumentError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable

How = Literal["pairs", "flips"]

OF: dict[str, Callable[[float], float]] = {
    "two-sided": abs,
    "greater": lambda x: x,
    "less": lambda x: -x,
}
"""What speaks for each alternative."""


def some_sums(
    seed: int, n_blocks: int = 24, n_rules: int = 6
) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 5, size=(n_blocks, n_rules)).astype(np.float64)
    common = rng.standard_t(4, size=(n_blocks, 1))
    own = rng.normal(size=(n_blocks, n_rules))
    sums = np.where(counts > 0, common + own + 0.3 * counts, 0.0)
    return sums, counts


# --- one rule -------------------------------------------------------------------------


@given(
    st.lists(st.integers(-20, 20), min_size=2, max_size=8),
    st.sampled_from(["two-sided", "greater", "less"]),
)
def test_a_short_list_is_flipped_in_every_way(sums: list[int], side: str) -> None:
    some = [each for each in sums if each]
    found = sign_flip_p(np.array(sums, dtype=np.float64), alternative=side)
    if len(some) < 2:
        assert np.isnan(found)
        return
    of = OF[side]
    every = [
        of(sum(s * x for s, x in zip(each, some, strict=True)))
        for each in itertools.product([-1, 1], repeat=len(some))
    ]

    assert found == sum(x >= of(sum(some)) for x in every) / len(every)


def test_four_dates_show_no_more_than_an_eighth() -> None:
    assert sign_flip_p(np.array([3.0, 3.1, 2.9, 3.0])) == 0.125


def test_a_long_list_is_near_the_whole_list() -> None:
    sums = np.random.default_rng(5).normal(0.4, 1.0, size=13)
    longer = np.append(sums, 1e-9)  # which changes no comparison but ties

    assert sign_flip_p(longer, draws=20_000) == pytest.approx(
        sign_flip_p(sums), abs=0.01
    )


def test_true_nulls_are_rejected_as_often_as_they_may_be() -> None:
    rng = np.random.default_rng(1)
    found = [sign_flip_p(rng.standard_t(3, size=10)) for _ in range(400)]

    assert 0.02 < np.mean(np.array(found) <= 0.05) < 0.09


# --- draws ----------------------------------------------------------------------------


@given(st.integers(0, 2**64 - 1), st.integers(0, 50), st.integers(1, 130))
def test_a_draw_depends_on_its_number_alone(seed: int, first: int, n: int) -> None:
    whole, part = signs(seed, 0, first + 3, n=n), signs(seed, first, first + 3, n=n)
    drawn, again = (
        resamples(seed, 0, first + 3, n=n),
        resamples(seed, first, first + 3, n=n),
    )

    assert (whole[first:] == part).all()
    assert (np.abs(whole) == 1.0).all()
    assert (drawn[first:] == again).all()
    assert (drawn.sum(axis=1) == n).all()


def test_signs_and_blocks_are_drawn_evenly() -> None:
    drawn = signs(3, 0, 2_000, n=70)
    picked = resamples(3, 0, 2_000, n=7)

    assert abs(drawn.mean()) < 4.0 / np.sqrt(drawn.size)
    assert stats.chisquare(picked.sum(axis=0)).pvalue > 0.001
    assert abs(np.corrcoef(drawn[:, 0], drawn[:, 65])[0, 1]) < 0.1


@pytest.mark.parametrize("length", [1, 7, 42])
def test_a_block_begins_with_the_first_announcement(length: int) -> None:
    session = np.array([50, 51, 91, 92, 92, 300, 57])

    found = calendar_blocks(session, length=length)

    edges = [(s - 50) // length for s in session.tolist()]
    order = {edge: n for n, edge in enumerate(sorted(set(edges)))}
    assert found.tolist() == [order[edge] for edge in edges]


# --- many rules -----------------------------------------------------------------------


def slow(
    sums: np.ndarray,
    counts: np.ndarray,
    *,
    block: np.ndarray,
    how: How,
    draws: int,
    side: str,
) -> tuple[list[float], list[float]]:
    """Step-down as it is written, a loop over rules, draws and steps."""

    def t_of(s: np.ndarray, n: np.ndarray, about: float) -> float:
        total = n.sum()
        if total == 0:
            return 0.0
        mean = s.sum() / total
        size = len(sums)  # the same in each draw
        error = np.sqrt(size / (size - 1) * ((s - mean * n) ** 2).sum()) / total
        return (mean - about) / error if error > 0 else 0.0

    of = OF[side]
    n_rules, n_blocks = sums.shape[1], block.max() + 1
    drawn = np.zeros((draws, n_rules))
    if how == "flips":
        size = np.sqrt((sums**2).sum(axis=0))
        seen = [of(x) for x in sums.sum(axis=0) / size]
        for b, row in enumerate(signs(9, 0, draws, n=n_blocks)):
            for r in range(n_rules):
                drawn[b, r] = of((row[block] * sums[:, r]).sum() / size[r])
    else:
        seen = [of(t_of(sums[:, r], counts[:, r], 0.0)) for r in range(n_rules)]
        for b, row in enumerate(resamples(9, 0, draws, n=n_blocks)):
            times = row.astype(int)[block]
            which = np.repeat(np.arange(len(sums)), times)
            for r in range(n_rules):
                about = sums[:, r].sum() / counts[:, r].sum()
                drawn[b, r] = of(t_of(sums[which, r], counts[which, r], about))
    left, p_family, highest = set(range(n_rules)), [0.0] * n_rules, 0.0
    p = [(1 + (drawn[:, r] >= seen[r]).sum()) / (draws + 1) for r in range(n_rules)]
    while left:
        best = max(left, key=lambda r: seen[r])
        largest = drawn[:, sorted(left)].max(axis=1)
        highest = max(highest, (1 + (largest >= seen[best]).sum()) / (draws + 1))
        p_family[best] = highest
        left.remove(best)
    return p, p_family


@pytest.mark.parametrize("how", ["pairs", "flips"])
@pytest.mark.parametrize("side", ["greater", "less", "two-sided"])
@pytest.mark.parametrize("in_blocks", [False, True])
def test_a_slow_loop_steps_down_the_same(
    how: How, side: str, *, in_blocks: bool
) -> None:
    sums, counts = some_sums(4)
    block = np.repeat(np.arange(8), 3) if in_blocks else np.arange(24)

    found = family_wise_p(
        sums,
        counts,
        block=block if in_blocks else None,
        draws=80,
        seed=9,
        alternative=side,
        how=how,
    )

    p, p_family = slow(sums, counts, block=block, how=how, draws=80, side=side)
    assert found.p.tolist() == pytest.approx(p)
    assert found.p_family.tolist() == pytest.approx(p_family)


def test_another_library_has_the_same_maximum(arch: Any) -> None:
    # arch does not studentise, so the sums are divided by their deviation first; then
    # its fixed error is the same for all rules.
    rng = np.random.default_rng(2)
    sums = rng.normal(size=(60, 8)) + rng.normal(size=(60, 1))
    sums /= sums.std(axis=0)
    zeros = np.zeros(60)
    spa = arch.SPA(zeros, -sums, block_size=1, reps=4_000, studentize=False, seed=1)
    spa.compute()
    theirs = spa.pvalues["upper"]

    size = np.sqrt((sums * sums).sum(axis=0))
    seen = (sums.sum(axis=0) / size).max()
    mine = family_wise_p(sums, np.ones_like(sums), draws=4_000, how="flips").maximum
    pairs = family_wise_p(sums, np.ones_like(sums), draws=4_000)

    assert (mine >= seen).mean() == pytest.approx(theirs, abs=0.03)
    assert np.nanmin(pairs.p_family) == pytest.approx(theirs, abs=0.04)


def digest(found: FamilyWise) -> str:
    parts = (found.statistic, found.p, found.p_family, found.maximum)
    return hashlib.sha256(b"".join(each.tobytes() for each in parts)).hexdigest()


@pytest.mark.parametrize("how", ["pairs", "flips"])
def test_the_size_of_a_block_of_draws_changes_no_bit(how: How) -> None:
    sums, counts = some_sums(8, n_blocks=300, n_rules=40)

    found = {
        digest(family_wise_p(sums, counts, draws=500, how=how, at_once=size))
        for size in (64, 500, 1_000)
    }

    assert len(found) == 1


def test_a_rule_without_events_is_none_and_changes_nothing() -> None:
    sums, counts = some_sums(3)
    nothing = np.zeros((24, 1))

    for how in ("pairs", "flips"):
        mine = family_wise_p(sums, counts, draws=99, how=how)
        wider = family_wise_p(
            np.hstack([sums, nothing]), np.hstack([counts, nothing]), draws=99, how=how
        )
        assert np.isnan(wider.p_family[-1])
        assert wider.p_family[:-1].tolist() == mine.p_family.tolist()
        assert (wider.maximum == mine.maximum).all()


def test_a_draw_of_one_date_alone_says_nothing() -> None:
    # Its error is zero but for rounding: t was in the millions, and so the largest.
    sums, counts = some_sums(1, n_blocks=60, n_rules=4)
    rare, times = sums[:, :1].copy(), counts[:, :1] + 1.0
    rare[3:], times[3:] = 0.0, 0.0

    found = family_wise_p(
        np.hstack([sums, rare]), np.hstack([counts, times]), draws=500
    )
    alone = family_wise_p(sums, counts, draws=500)

    assert found.maximum.max() < 1e4
    assert alone.maximum.max() < 10.0


def test_a_constant_has_no_error_and_no_p() -> None:
    sums, counts = some_sums(1)
    same = 0.1 * (counts[:, :1] + 1.0)

    wider = family_wise_p(
        np.hstack([sums, same]), np.hstack([counts, counts[:, :1] + 1.0]), draws=99
    )

    assert np.isnan(wider.statistic[-1])
    assert np.isnan(wider.p_family[-1])
    assert (wider.maximum == family_wise_p(sums, counts, draws=99).maximum).all()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"draws": 0}, "draws"),
        ({"draws": 1.5}, "draws"),
        ({"draws": True}, "draws"),
        ({"seed": -1}, "seed"),
        ({"seed": "a"}, "seed"),
        ({"alternative": "more"}, "alternative"),
    ],
)
def test_an_argument_that_cannot_be_used_is_named(
    given: dict[str, object], said: str
) -> None:
    sums, counts = some_sums(1)

    with pytest.raises((InvalidArgumentError, UnknownNameError), match=said):
        family_wise_p(sums, counts, **given)  # type: ignore[arg-type]


def test_what_is_not_finite_or_does_not_fit_is_refused() -> None:
    sums, counts = some_sums(1)
    spoilt = sums.copy()
    spoilt[0, 0] = np.nan

    with pytest.raises(InvalidArgumentError, match="finite"):
        family_wise_p(spoilt, counts)
    with pytest.raises(InvalidArgumentError, match="dates x rules"):
        family_wise_p(sums, counts[1:])


# --- power ----------------------------------------------------------------------------


@pytest.mark.parametrize("n", [6, 20, 175])
@pytest.mark.parametrize("side", ["larger", "two-sided"])
def test_the_effect_that_is_found_is_that_of_another_library(
    n: int, side: str, sm: Any
) -> None:
    alpha = 0.05 if side == "larger" else 0.025
    critical = float(stats.t.ppf(1.0 - alpha, n - 1))

    found = detectable(
        np.array([1.0 / np.sqrt(n)]), degrees=np.array([n - 1.0]), critical=critical
    )

    power = sm.stats.TTestPower()
    theirs = power.solve_power(nobs=n, alpha=0.05, power=0.8, alternative=side)
    assert found.item() == pytest.approx(theirs, rel=2e-3)


def test_an_effect_of_that_size_is_found_four_times_in_five() -> None:
    rng = np.random.default_rng(0)
    critical = 2.4
    effect = detectable(
        np.array([1.0 / np.sqrt(12)]), degrees=np.array([11.0]), critical=critical
    ).item()
    drawn = rng.normal(effect, 1.0, size=(20_000, 12))
    t = drawn.mean(axis=1) / (drawn.std(axis=1, ddof=1) / np.sqrt(12))

    assert (t > critical).mean() == pytest.approx(0.8, abs=0.01)
