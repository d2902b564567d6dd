"""The same events at random other dates: what is nowhere else is not found there."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from lakebt.analysis.path import PathLeg
from lakebt.analysis.placebo import placebo_path
from lakebt.prices.history import PriceHistory
from lakebt.sessions import Sessions

FIRST, N, AD, LENGTH, BEFORE, AFTER = 1000, 200, 1100, 5, 3, 4


def history_of(prices: dict[str, np.ndarray]) -> PriceHistory:
    """Closes from session FIRST on, each the open too."""
    symbols = tuple(sorted(prices))
    session = np.concatenate([FIRST + np.arange(len(prices[s])) for s in symbols])
    values = np.concatenate([prices[s] for s in symbols])
    lengths = [len(prices[s]) for s in symbols]
    return PriceHistory(
        symbols=symbols,
        sessions=Sessions.of("XNYS"),
        symbol=np.repeat(np.arange(len(symbols)), lengths),
        session=session,
        known_at=np.zeros(len(values), dtype=np.int64),
        open=values,
        close=values,
        retracted=np.zeros(len(values), dtype=bool),
    )


def leg(symbol: str, *, at: int = AD, day: int = 2, side: str = "addition") -> PathLeg:
    return PathLeg(
        event_id=f"e{at}",
        symbol=symbol,
        side=side,  # type: ignore[arg-type]
        announced=at,
        effective=at + LENGTH,
        date=dt.date(2020, 1, day),
    )


def run(
    legs: list[PathLeg],
    prices: dict[str, np.ndarray],
    *,
    draws: int = 300,
    seed: int = 3,
) -> pd.DataFrame:
    return placebo_path(
        legs,
        history_of(prices),
        market=None,
        draws=draws,
        seed=seed,
        before=BEFORE,
        after=AFTER,
    )


def moved_within_the_true_window() -> np.ndarray:
    """Flat, but for a price of its own on each session from AD-3 to ED+4."""
    prices = np.full(N, 50.0)
    window = np.arange(AD - FIRST - BEFORE, AD - FIRST + LENGTH + AFTER + 1)
    prices[window] = 60.0 + np.arange(len(window))
    return prices


def test_no_other_window_touches_the_true_one() -> None:
    found = run([leg("A")], {"A": moved_within_the_true_window()})

    assert (found["mean_bps"] == 0.0).all()
    assert (found["low_bps"] == 0.0).all()
    assert (found["high_bps"] == 0.0).all()
    assert found["observed_bps"].iloc[-1] > 0.0
    assert found["p_value"].iloc[-1] == pytest.approx(1 / 301)


def test_nor_the_true_window_of_another_change_of_the_same_symbol() -> None:
    """The one that does trip it: a change that nobody names as one."""
    prices = np.full(N, 50.0)
    window = np.arange(30 - BEFORE, 30 + LENGTH + AFTER + 1)
    prices[window] = 60.0 + np.arange(len(window))

    both = run([leg("A"), leg("A", at=FIRST + 30, day=3)], {"A": prices})
    alone = run([leg("A")], {"A": prices})

    assert (both["high_bps"] == 0.0).all()
    assert (alone["high_bps"] != 0.0).any()


def test_dates_move_together_and_are_drawn_from_a_seed() -> None:
    rng = np.random.default_rng(1)
    wave = 50.0 * np.exp(np.cumsum(rng.normal(0.0, 0.02, N)))
    legs = [leg("A"), leg("B", side="deletion")]
    prices = {"A": wave, "B": wave}

    found = run(legs, prices)

    # One price, one date, one shift: the sides are the same in every draw.
    sides = [found[found["side"] == s].reset_index() for s in ("addition", "deletion")]
    pd.testing.assert_series_equal(sides[0]["low_bps"], sides[1]["low_bps"])
    pd.testing.assert_frame_equal(found, run(legs, prices))
    assert not found.equals(run(legs, prices, seed=4))
    own = [leg("A"), leg("B", side="deletion", day=3)]
    apart = run(own, prices)
    assert not np.array_equal(
        apart.loc[apart["side"] == "addition", "low_bps"],
        apart.loc[apart["side"] == "deletion", "low_bps"],
    )


def test_what_is_alike_everywhere_is_alike_at_other_dates() -> None:
    """A ramp of logarithms: every path has one return, whatever its date."""
    ramp = 50.0 * 1.01 ** np.arange(N)

    found = run([leg("A")], {"A": ramp})

    np.testing.assert_allclose(found["mean_bps"], found["observed_bps"], rtol=1e-9)
    assert (found["n"] == 1).all()
    assert (found["draws"] == 300).all()


def test_who_has_nowhere_to_go_is_counted() -> None:
    short = np.full(AD - FIRST + 12, 50.0)[-20:]
    prices = {"A": np.full(N, 50.0), "B": short}

    found = run([leg("A"), leg("B", at=FIRST + 8, day=3)], prices)

    assert found.attrs["n_left_out"] == 1
    assert (found["n"] == 1).all()
    assert run([], prices).empty
    nobody = run([leg("C")], prices)
    assert nobody.empty
    assert nobody.attrs["n_left_out"] == 1
