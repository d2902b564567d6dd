"""Tests reject what the table says, and hold where it says so."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from lakebt.analysis.calibration.calibration_page import RECOMMENDED, page
from lakebt.analysis.calibration.conditions import (
    Conditions,
    conditions_of,
    measured,
)
from lakebt.analysis.calibration.designs import DESIGNS, MANY, POWER, SINGLE, Design
from lakebt.analysis.calibration.holds import holds
from lakebt.analysis.calibration.procedures import claims, p_values
from lakebt.analysis.calibration.rejections import (
    HIGHEST,
    LOWEST,
    Rejections,
    keeps_its_size,
    of_test,
    rejections,
)
from lakebt.analysis.calibration.simulation import simulate, simulate_rules
from lakebt.analysis.event_study.abnormal import over_market
from lakebt.analysis.resampling.blocks import by_block
from lakebt.analysis.resampling.family import family_wise_p
from lakebt.analysis.sharpe import sharpe_ratio
from lakebt.errors import InvalidArgumentError

PAGE = Path(__file__).resolve().parents[3] / "docs" / "calibration.md"

MANY_DATES = Conditions(
    n=600, n_dates=175, n_effective_dates=58.0, overlap=0.0, skew=0.0, n_blocks=175
)
REPLICATIONS = 400


# --- the table and its page -----------------------------------------------------------


def test_the_page_says_what_the_table_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def test_the_table_has_every_design_with_at_least_400_replications() -> None:
    rows = rejections()

    assert {row.design for row in rows} == set(DESIGNS)
    assert all(row.replications >= 400 for row in rows)
    assert all(0 <= row.rejected <= row.replications - row.missing for row in rows)
    for designs in (SINGLE, MANY, POWER[:1], POWER[1:]):
        tests = [
            {row.test for row in rows if row.design == each.name} for each in designs
        ]
        assert all(each == tests[0] for each in tests)


def test_every_test_of_the_table_is_one_that_is_made() -> None:
    known = {row.test for row in rejections() if row.design == "V1"}

    assert known == set(p_values(DESIGNS["V1"], seed=0, replication=0))


@pytest.mark.parametrize("test", RECOMMENDED)
@pytest.mark.parametrize("design", SINGLE, ids=lambda design: design.name)
def test_recommended_tests_keep_their_size_wherever_they_hold(
    test: str, design: Design
) -> None:
    if holds(test, conditions_of(design)) is not True:
        pytest.skip("does not hold")
    row = of_test(test)[design.name]

    assert row.says_something
    assert keeps_its_size([row])


def test_the_recommended_hold_where_dates_are_many() -> None:
    assert all(holds(test, MANY_DATES) is True for test in RECOMMENDED)


@pytest.mark.parametrize(
    ("rejected", "is_kept"), [(71, True), (69, False), (133, True), (136, False)]
)
def test_the_limits_are_those_of_2000_replications(
    rejected: int,
    is_kept: bool,  # noqa: FBT001 - a case
) -> None:
    row = Rejections(
        design="A1", test="t", replications=2_000, rejected=rejected, missing=0
    )

    assert keeps_its_size([row]) is is_kept
    assert (LOWEST <= row.rate <= HIGHEST) is is_kept
    few = replace(row, replications=400, rejected=31)
    assert keeps_its_size([few])
    assert not keeps_its_size([replace(few, rejected=40)])
    assert not keeps_its_size([replace(row, missing=2_000)])


# --- where tests hold -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("test", "changed", "reason"),
    [
        ("cross-sectional t", {}, "changes of one date move together"),
        ("sign flips", {"n": 20, "n_dates": 1, "n_effective_dates": 1.0}, "one date"),
        ("clustered t", {"n": 20, "n_dates": 1, "n_effective_dates": 1.0}, "one date"),
        (
            "sign flips",
            {"n_dates": 4, "n_effective_dates": 4.0},
            "fewer than ten dates",
        ),
        (
            "clustered t",
            {"n_dates": 20, "n_effective_dates": 7.0},
            "few or uneven dates",
        ),
        ("clustered t", {"overlap": 6.0}, "overlapping windows"),
        ("sign flips", {"overlap": 6.0}, "overlapping windows"),
        ("GRANK-T", {"skew": 2.0}, "skewed returns"),
        ("Patell", {"n": 175}, "tails, or a variance"),
        ("block flips", {"n_blocks": 5}, "fewer than 6 blocks"),
        ("block flips", {"n_blocks": 7}, "fewer than ten dates"),
    ],
)
def test_why_a_test_does_not_hold(
    test: str, changed: dict[str, float], reason: str
) -> None:
    said = holds(test, replace(MANY_DATES, **changed))  # type: ignore[arg-type]

    assert isinstance(said, str)
    assert said.startswith(reason)


def test_overlapping_windows_need_blocks_and_enough_of_them() -> None:
    near = replace(MANY_DATES, overlap=6.0, n_blocks=26)

    assert holds("block flips", near) is True
    assert holds("calendar time", near) is True
    assert isinstance(holds("block flips", replace(near, n_blocks=9)), str)
    assert isinstance(holds("sign flips of SCAR", near), str)
    assert isinstance(holds("adjusted BMP", near), str)


def test_one_date_has_one_test_that_holds() -> None:
    one = replace(MANY_DATES, n=20, n_dates=1, n_effective_dates=1.0, n_blocks=1)

    assert holds("adjusted BMP", one) is True
    assert "says nothing" in str(holds("sign flips of SCAR", one))
    assert "true nulls" in str(holds("BMP", one))


def test_changes_on_dates_of_their_own_need_no_clusters() -> None:
    single = replace(MANY_DATES, n=175, n_effective_dates=175.0)

    assert holds("sign flips", single) is True
    assert holds("sign flips", replace(single, skew=2.0)) is True


def test_a_test_that_is_not_in_the_table_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="'t of Student'"):
        holds("t of Student", MANY_DATES)


# --- the simulation -------------------------------------------------------------------


def test_a_replication_depends_on_its_numbers_alone() -> None:
    design = DESIGNS["C2"]
    one, again, other = (
        simulate(design, seed=1, replication=each).window.stock for each in (5, 5, 6)
    )

    assert np.array_equal(one, again)
    assert not np.array_equal(one[:5], other[:5])


def test_changes_of_a_session_are_correlated_whatever_their_date() -> None:
    design = replace(
        DESIGNS["D2"], dates=400, sizes="one", shape="normal", correlation=0.3
    )
    rules = simulate_rules(design, seed=1, replication=0)
    # Announced three sessions apart: the same session lies three columns further left.
    early, late = rules.returns[:-1, 3:].ravel(), rules.returns[1:, :-3].ravel()

    assert np.corrcoef(early, late)[0, 1] == pytest.approx(0.3, abs=0.03)
    shifted = rules.returns[1:, 3:].ravel()
    assert np.corrcoef(early, shifted)[0, 1] == pytest.approx(0.0, abs=0.03)


def test_windows_have_the_variance_that_was_asked_for() -> None:
    design = replace(DESIGNS["A1"], correlation=0.0, induced=2.0)
    sample = simulate(design, seed=1, replication=0)
    owner = np.repeat(np.arange(sample.estimation.n_changes), 120)
    before = np.bincount(owner, sample.estimation.stock**2) / 120
    after = np.add.reduceat(sample.window.stock**2, sample.window.start[:-1]) / 5

    market = 1e-4 * (1.14**2 + 0.4**2)
    ratio = (after.mean() - market) / (before.mean() - market)
    assert ratio == pytest.approx(2.0, rel=0.1)


def test_p_values_are_those_of_others() -> None:
    design = DESIGNS["E1"]
    sample = simulate(design, seed=3, replication=2)
    found = p_values(design, seed=3, replication=2)
    over = over_market(sample.window)

    # One change on each date: the clustered t is the plain one.
    expected = stats.ttest_1samp(over, 0.0).pvalue
    assert found["cross-sectional t"] == pytest.approx(expected)
    assert found["clustered t"] == pytest.approx(expected)
    daily = sample.window.stock - sample.window.market
    ratio = sharpe_ratio(daily) / np.sqrt(252)
    z = ratio / np.sqrt((1.0 + ratio**2 / 2.0) / len(daily))
    p = 2.0 * stats.norm.sf(abs(z))
    assert found["Sharpe, Lo's error"] == pytest.approx(p, rel=1e-6)


def test_what_decides_is_flips_below_twenty_blocks_and_pairs_from_there() -> None:
    few = claims(replace(DESIGNS["F5"], dates=10), seed=0, replication=0)
    many = claims(DESIGNS["F5"], seed=0, replication=0)

    decides = "what significance() decides by"
    assert few[decides] == few["flips of blocks"] != few["pairs of blocks"]
    assert many[decides] == many["pairs of blocks"]


@pytest.mark.parametrize("name", ["D1", "C2", "O1", "R1"])
def test_what_events_are_like_is_measured(name: str) -> None:
    design = DESIGNS[name]
    sample = simulate(design, seed=1, replication=0)
    values = over_market(sample.window)
    found = measured(values, sample.window, sample.cases)
    sizes = np.bincount(sample.cases.date)
    last = {
        int(day): int(day) + design.window for day in sample.cases.announced.tolist()
    }
    open_with = [
        sum(day < end and each < last[day] for day in last if day != each)
        for each, end in last.items()
    ]

    assert found.n == sizes.sum()
    assert found.n_dates == design.dates
    assert found.n_effective_dates == pytest.approx(sizes.sum() ** 2 / (sizes**2).sum())
    assert found.overlap == pytest.approx(np.mean(open_with))
    assert found.overlap == pytest.approx(design.overlap, abs=0.3)
    assert found.skew == pytest.approx(stats.skew(values))
    assert found.overlaps is conditions_of(design).overlaps


def test_what_does_not_vary_is_not_skewed() -> None:
    sample = simulate(DESIGNS["O1"], seed=1, replication=0)

    assert measured(np.full(20, 0.1), sample.window, sample.cases).skew == 0.0


# --- the short version of the benchmark -----------------------------------------------

TOGETHER = replace(DESIGNS["A3"], dates=10, window=2)


@pytest.mark.slow
def test_true_nulls_on_ten_dates_are_rejected_in_5_of_100() -> None:
    rejected = share_rejected(TOGETHER)

    for test in (*RECOMMENDED, "clustered t", "calendar time", "Sharpe, pooled"):
        assert 0.02 <= rejected[test] <= 0.09, test
    assert rejected["cross-sectional t"] > 0.25
    assert rejected["Sharpe, Lo's error"] > 0.25


@pytest.mark.slow
def test_true_nulls_on_one_date_are_rejected_in_5_of_100() -> None:
    rejected = share_rejected(DESIGNS["O3"])

    assert 0.02 <= rejected["adjusted BMP"] <= 0.09
    assert rejected["BMP"] > 0.25
    assert rejected["sign flips"] == rejected["clustered t"] == 0.0


@pytest.mark.slow
def test_the_best_of_200_rules_is_claimed_in_5_of_100() -> None:
    claimed, loud = 0, 0
    for replication in range(REPLICATIONS):
        rules = simulate_rules(TOGETHER, seed=2, replication=replication)
        scores = rules.scores()
        sums = by_block(scores, rules.date)
        found = family_wise_p(
            sums, np.full_like(sums, 20.0), draws=99, seed=replication, how="flips"
        )
        claimed += int(found.p_family.min() <= 0.05)
        loud += int(found.p.min() <= 0.05)

    assert 0.02 <= claimed / REPLICATIONS <= 0.09
    assert loud / REPLICATIONS > 0.4


def share_rejected(design: Design) -> dict[str, float]:
    """The share of 400 replications in which each test rejects."""
    rejected: Counter[str] = Counter()
    for replication in range(REPLICATIONS):
        found = p_values(design, seed=2, replication=replication)
        rejected.update({test: int(p <= 0.05) for test, p in found.items()})
    return {test: number / REPLICATIONS for test, number in rejected.items()}
