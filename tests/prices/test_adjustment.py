"""Factors of prices against tables worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lakebt.prices.adjustment import (
    InBars,
    Moves,
    bring,
    factors_in_bars,
    panel_factors,
)

NONE = (0, 0, 1.0, 0.0, 0.0)


def moves(*rows: tuple[int, int, float, float, float]) -> Moves:
    """Each as column, session, ratio, cash and value of what was spun off."""
    table = np.array(rows or [NONE], dtype=np.float64)[: len(rows)]
    return Moves(
        column=table[:, 0].astype(np.int64),
        session=table[:, 1].astype(np.int64),
        ratio=table[:, 2].copy(),
        cash=table[:, 3].copy(),
        spun=table[:, 4].copy(),
    )


def split(
    session: int, ratio: float, column: int = 0
) -> tuple[int, int, float, float, float]:
    return column, session, ratio, 0.0, 0.0


def paid(
    session: int, cash: float, column: int = 0
) -> tuple[int, int, float, float, float]:
    return column, session, 1.0, cash, 0.0


def spun(
    session: int, value: float, column: int = 0
) -> tuple[int, int, float, float, float]:
    return column, session, 1.0, 0.0, value


def column(*closes: float) -> np.ndarray:
    return np.array(closes, dtype=np.float64)[:, None]


def adjusted(
    closes: np.ndarray, *rows: tuple[int, int, float, float, float]
) -> list[float]:
    return list((closes * panel_factors(moves(*rows), closes, begin=100)).ravel())


def test_each_kind_by_hand() -> None:
    closes = column(100.0, 50.0, 51.0)

    assert adjusted(closes, split(101, 2.0)) == [50.0, 50.0, 51.0]
    assert adjusted(closes, split(101, 0.125)) == [800.0, 50.0, 51.0]
    # 1 - 2 / 50, not 50 / 52: the close of the day itself is not known at its open.
    assert adjusted(closes, paid(102, 2.0)) == pytest.approx([96.0, 48.0, 51.0], abs=0)
    assert adjusted(closes, spun(101, 25.0)) == [75.0, 50.0, 51.0]


def test_several_on_one_day_are_paid_on_the_same_share() -> None:
    closes = column(100.0, 30.0)

    # 100 = 20 in cash + 20 in another share + 60 kept, which becomes two shares.
    together = split(101, 2.0), paid(101, 12.0), paid(101, 8.0), spun(101, 20.0)
    assert adjusted(closes, *together) == [30.0, 30.0]
    assert adjusted(closes, *reversed(together)) == [30.0, 30.0]


def test_factors_of_several_days_are_multiplied() -> None:
    closes = column(100.0, 98.0, 49.0, 48.0)

    told = adjusted(closes, paid(101, 2.0), split(102, 2.0), paid(103, 0.49))
    assert told == pytest.approx([48.51, 48.51, 48.51, 48.0], rel=1e-15)


def test_a_bar_that_is_missing_leaves_the_last_close_before_it() -> None:
    closes = column(100.0, math.nan, math.nan, 90.0)

    told = adjusted(closes, paid(103, 10.0))
    assert told[0] == 90.0
    assert told[3] == 90.0


def test_what_is_before_the_first_bar_changes_nothing() -> None:
    closes = column(100.0, 101.0)

    assert adjusted(closes, paid(100, 10.0), split(99, 3.0)) == [100.0, 101.0]


def test_other_symbols_stay_to_the_bit() -> None:
    rng = np.random.default_rng(3)
    closes = rng.uniform(1, 9, (6, 8))

    factors = panel_factors(moves(split(103, 3.0, column=5)), closes, begin=100)
    assert (np.delete(factors, 5, axis=1) == 1.0).all()
    assert factors[:, 5].tolist() == [1 / 3] * 3 + [1.0] * 3


@pytest.mark.parametrize("cash", [100.0, 120.0])
def test_a_dividend_that_was_not_below_the_close_gives_no_price(cash: float) -> None:
    told = adjusted(column(100.0, 1.0), paid(101, cash))
    assert math.isnan(told[0])
    assert told[1] == 1.0


def test_a_spin_off_without_a_price_gives_none_before_it() -> None:
    told = adjusted(column(9.0, 100.0, 80.0), spun(102, math.nan))
    assert np.isnan(told).tolist() == [True, True, False]


def test_volumes_are_multiplied_by_the_ratio_of_a_split_alone() -> None:
    actions = moves(split(102, 4.0), paid(101, 1.0), spun(102, 5.0))
    closes = column(10.0, 10.0, 10.0)

    factors = panel_factors(actions, closes, begin=100, of_volume=True)
    assert factors.ravel().tolist() == [4.0, 4.0, 1.0]


# What happened: 200 in session 100, a spin-off of 50 at the open of 102, two for one at
# that of 103, and 6 paid per share at that of 101.
RAW = column(200.0, 194.0, 144.0, 72.0)
VENDOR = column(200.0 * 0.5 * 144 / 194, 194.0 * 0.5 * 144 / 194, 72.0, 72.0)
IN_BARS = moves(spun(102, 50.0), split(103, 2.0))


def in_bars(
    closes: np.ndarray,
    held: Moves,
    same: set[tuple[int, int]],
    sessions: int | None = None,
) -> InBars:
    """What the bars hold; `closes` are as the vendor has them."""
    days = held.by_day()
    before = closes[np.minimum(days.session - 101, len(closes) - 1), 0]
    whole = np.ones(len(days), dtype=bool)
    return InBars(
        cells=np.ones(closes[:sessions].shape, dtype=bool),
        days=days,
        factors=factors_in_bars(days, before, is_adjusted=whole),
        same=same,
    )


def told(
    rows: list[tuple[int, int, float, float, float]],
    same: set[int],
    upto: int | None = None,
) -> list[float]:
    held = in_bars(VENDOR, IN_BARS, {(0, session) for session in same}, upto)
    closes = VENDOR[:upto]
    factors = panel_factors(moves(*rows), closes, begin=100, in_bars=held)
    return list((closes * factors).ravel())


def test_the_factors_in_a_vendors_bars_are_found_again() -> None:
    whole = np.ones(2, dtype=bool)
    before = np.array([VENDOR[1, 0], VENDOR[2, 0]])

    factors = factors_in_bars(IN_BARS.by_day(), before, is_adjusted=whole)
    assert factors.tolist() == pytest.approx([144 / 194, 0.5], rel=1e-15)
    raw = factors_in_bars(
        IN_BARS.by_day(), np.array([194.0, 144.0]), is_adjusted=~whole
    )
    assert raw.tolist() == pytest.approx([144 / 194, 0.5], rel=1e-15)


def test_what_was_known_and_is_in_the_bars_stays_to_the_bit() -> None:
    actions = [spun(102, 50.0), split(103, 2.0)]
    assert told(actions, {102, 103}) == VENDOR.ravel().tolist()


def test_what_was_not_known_is_undone() -> None:
    assert told([], set()) == pytest.approx(RAW.ravel(), rel=1e-15)
    one = told([spun(102, 50.0)], {102})
    assert one == pytest.approx(2 * VENDOR.ravel() * [1, 1, 1, 0.5], rel=1e-15)
    # Up to the session before the spin-off, prices are as they were traded.
    assert told([], set(), upto=2) == pytest.approx([200.0, 194.0], rel=1e-15)


def test_a_dividend_is_divided_by_what_came_later() -> None:
    all_known = [paid(101, 6.0), spun(102, 50.0), split(103, 2.0)]
    want = VENDOR.ravel() * [1 - 6 / 200, 1, 1, 1]
    assert told(all_known, {102, 103}) == pytest.approx(want, rel=1e-15)
    as_traded = [200.0 * (1 - 6 / 200), 194.0]
    assert told([paid(101, 6.0)], set(), upto=2) == pytest.approx(as_traded, rel=1e-15)


def test_a_dividend_of_the_day_of_a_spin_off_is_paid_on_what_that_left() -> None:
    all_known = [paid(102, 4.0), spun(102, 50.0), split(103, 2.0)]
    both = told(all_known, {102, 103})
    # Raw: (1 - 54 / 194) = (1 - 50 / 194) x (1 - 4 / 144).
    assert both[:2] == pytest.approx(VENDOR.ravel()[:2] * (1 - 4 / 144), rel=1e-15)
    raw = adjusted(RAW, *all_known)
    assert both == pytest.approx(raw, rel=1e-14)


def test_a_ratio_that_was_told_otherwise_replaces_the_one_in_the_bars() -> None:
    # Three for one was told, two for one is in the bars.
    corrected = told([spun(102, 50.0), split(103, 3.0)], {102})
    assert corrected == pytest.approx(
        VENDOR.ravel() * [2 / 3, 2 / 3, 2 / 3, 1], rel=1e-15
    )


def test_raw_and_adjusted_bars_of_one_symbol_come_to_the_same() -> None:
    mixed = VENDOR.copy()
    mixed[:2] = RAW[:2]
    held = in_bars(VENDOR, IN_BARS, {(0, 102), (0, 103)})
    days = IN_BARS.by_day()
    factors = factors_in_bars(
        days, np.array([194.0, 72.0]), is_adjusted=np.array([False, True])
    )
    cells = np.array([[False], [False], [True], [True]])
    both = InBars(cells=cells, days=days, factors=factors, same=held.same)
    actions = moves(paid(101, 6.0), spun(102, 50.0), split(103, 2.0))

    level = mixed * panel_factors(actions, mixed, begin=100, in_bars=both)
    want = RAW * panel_factors(actions, RAW, begin=100)
    assert level.ravel() == pytest.approx(want.ravel(), rel=1e-14)


def test_volumes_of_adjusted_bars_are_undone_by_the_split_alone() -> None:
    held = in_bars(VENDOR, IN_BARS, set(), 2)
    volume = panel_factors(moves(), VENDOR[:2], begin=100, of_volume=True, in_bars=held)
    assert volume.ravel().tolist() == [0.5, 0.5]


def test_bars_on_both_bases_agree_on_generated_histories() -> None:
    rng = np.random.default_rng(7)
    for _ in range(40):
        raw = rng.uniform(50, 90, (30, 1))
        days = rng.choice(np.arange(101, 130), size=7, replace=False)
        held = moves(
            *(split(int(s), float(rng.uniform(0.2, 4))) for s in days[:2]),
            *(spun(int(s), float(rng.uniform(1, 30))) for s in days[2:4]),
        )
        dividends = [paid(int(s), float(rng.uniform(0.1, 5))) for s in days[3:]]
        vendor = raw * panel_factors(held, raw, begin=100)
        same = {(0, int(s)) for s in days[:4]}
        table = [
            tuple(row)
            for row in np.column_stack(
                [held.column, held.session, held.ratio, held.cash, held.spun]
            )
        ]
        actions = moves(*table, *dividends)
        both = vendor * panel_factors(
            actions, vendor, begin=100, in_bars=in_bars(vendor, held, same)
        )
        want = raw * panel_factors(actions, raw, begin=100)
        np.testing.assert_allclose(both, want, rtol=1e-12)
        undone = vendor * panel_factors(
            moves(), vendor, begin=100, in_bars=in_bars(vendor, held, set())
        )
        np.testing.assert_allclose(undone, raw, rtol=1e-12)


def test_bars_are_brought_in_place_to_the_bit() -> None:
    rng = np.random.default_rng(8)
    closes = rng.uniform(5.0, 90.0, (60, 7))
    closes[rng.random(closes.shape) < 0.2] = np.nan
    count = 90
    known = Moves(
        column=rng.integers(0, 7, count),
        session=100 + rng.integers(1, 60, count),
        ratio=rng.choice([1.0, 3.0, 1 / 7], count),
        cash=rng.choice([0.0, 0.37], count),
        spun=rng.choice([0.0, 1.1, np.nan], count, p=[0.8, 0.15, 0.05]),
    )
    volumes = closes * panel_factors(known, closes, begin=100, of_volume=True)
    prices = closes * panel_factors(known, closes, begin=100)
    values = closes.copy()

    bring(values, known, closes, begin=100, of_volume=True)
    bring(closes, known, closes, begin=100)

    np.testing.assert_array_equal(values, volumes)
    np.testing.assert_array_equal(closes, prices)
