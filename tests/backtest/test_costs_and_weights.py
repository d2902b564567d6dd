"""Costs are somebody's decision; weights sum to the gross that was asked for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakebt.backtest.costs import CostModel
from lakebt.backtest.trades import LegQuote, Trade, Unfilled, build_trade
from lakebt.backtest.weights import Sizing, TradedSide, check_gross, leg_weights
from lakebt.errors import LakebtError
from lakebt.facts import Side
from lakebt.lake.tables.trials import TRIALS_SPEC

NAN = float("nan")
A, D = Side.ADDITION, Side.DELETION


def sizing(side: str = "both", hedge: str | None = None, gross: float = 1.0) -> Sizing:
    return Sizing(side=TradedSide(side), hedge=hedge, gross=gross, capital_usd=1_000.0)


@pytest.mark.parametrize("rate", [-1.0, NAN, float("inf"), "1", True, None])
@pytest.mark.parametrize("name", CostModel.RATES)
def test_a_rate_that_makes_no_sense_is_refused(name: str, rate: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a finite number >= 0") as it:
        CostModel(**dict[str, Any]({name: rate}))
    assert repr(rate) in str(it.value)
    assert isinstance(it.value, LakebtError)


def test_the_trials_have_a_column_for_each_rate() -> None:
    assert set(CostModel.RATES) <= {column.name for column in TRIALS_SPEC.columns}


def test_costs_default_to_nothing() -> None:
    assert (CostModel().proportional, CostModel().borrow_per_day) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("sides", "how", "expected"),
    [
        ([A, A, D], sizing(), [0.25, 0.25, -0.5]),
        ([A, D], sizing(gross=40.0), [20.0, -20.0]),
        ([A], sizing(), None),
        ([A], sizing(hedge="SPY"), [0.5]),
        ([D, D], sizing(hedge="SPY"), [-0.25, -0.25]),
        ([A, A], sizing("additions"), [0.5, 0.5]),
        ([D], sizing("deletions"), [-1.0]),
        ([A, A], sizing("additions", hedge="SPY"), [0.25, 0.25]),
    ],
)
def test_weights_by_hand(
    sides: list[Side], how: Sizing, expected: list[float] | None
) -> None:
    weights = leg_weights(sides, how)

    assert (None if weights is None else list(weights)) == expected


@given(
    additions=st.integers(0, 20),
    deletions=st.integers(0, 20),
    gross=st.floats(0.1, 40.0),
    hedged=st.booleans(),
)
def test_legs_and_hedge_sum_to_the_gross(
    *, additions: int, deletions: int, gross: float, hedged: bool
) -> None:
    sides = [A] * additions + [D] * deletions
    how = sizing(hedge="SPY" if hedged else None, gross=gross)
    if not sides:
        return

    weights = leg_weights(sides, how)

    if weights is None:
        assert not hedged
        assert not (additions and deletions)
        return
    traded = sum(map(abs, weights))
    paired = bool(additions and deletions)
    assert traded == pytest.approx(gross if paired else gross / 2)
    if paired:
        assert sum(weights) == pytest.approx(0.0, abs=1e-12 * gross)


@pytest.mark.parametrize("gross", [0.0, -1.0, NAN, float("inf")])
def test_gross_must_be_a_positive_number(gross: float) -> None:
    with pytest.raises(ValueError, match="gross must be a finite number > 0"):
        check_gross(gross, 2.0)


def test_gross_above_the_limit_is_refused_with_both() -> None:
    with pytest.raises(ValueError, match=r"gross 40 is above max_gross 2"):
        check_gross(40.0, 2.0)
    check_gross(40.0, 40.0)


def quote(
    symbol: str, side: Side, *, row: int = 9, enter: float = 10.0, leave: float = 11.0
) -> LegQuote:
    return LegQuote(
        symbol=symbol,
        side=side,
        exit_row=row,
        sizing_price=8.0,
        entry_price=enter,
        exit_price=leave,
    )


def test_size_is_weight_times_capital_over_the_sizing_price() -> None:
    trade = build_trade(
        [quote("N", A), quote("O", D)],
        entry_row=2,
        hedge={},
        sizing=sizing(),
        missing="exclude",
    )

    assert isinstance(trade, Trade)
    assert [p.size for p in trade.positions] == [62.5, -62.5]  # 0.5 * 1000 / 8


def test_without_a_close_before_the_entry_price_sizes() -> None:
    first = LegQuote(
        symbol="IPO",
        side=A,
        exit_row=9,
        sizing_price=NAN,
        entry_price=10.0,
        exit_price=11.0,
    )

    trade = build_trade(
        [first], entry_row=2, hedge={}, sizing=sizing("additions"), missing="exclude"
    )

    assert isinstance(trade, Trade)
    assert trade.positions[0].size == 100.0


def test_a_leg_without_prices_excludes_its_event() -> None:
    legs = [quote("N", A), quote("O", D), quote("GONE", D, leave=NAN)]

    found = build_trade(legs, entry_row=2, hedge={}, sizing=sizing(), missing="exclude")

    assert found == Unfilled(reason="no_price", fact="no price of GONE")


def test_drop_leg_reweights_the_rest() -> None:
    legs = [quote("N", A), quote("O", D), quote("GONE", D, leave=NAN)]

    trade = build_trade(
        legs, entry_row=2, hedge={}, sizing=sizing(), missing="drop_leg"
    )

    assert isinstance(trade, Trade)
    assert {p.symbol: p.weight for p in trade.positions} == {"N": 0.5, "O": -0.5}


def test_dropping_the_whole_of_a_side_leaves_the_other_alone() -> None:
    legs = [quote("N", A), quote("GONE", D, enter=NAN)]

    found = build_trade(
        legs, entry_row=2, hedge={}, sizing=sizing(), missing="drop_leg"
    )

    assert isinstance(found, Unfilled)
    assert found.reason == "one_sided"


def test_the_hedge_leaves_with_the_legs_it_stands_against() -> None:
    legs = [quote("N", A, row=9), quote("M", A, row=13), quote("K", A, row=13)]
    hedge = {row: quote("SPY", A, row=row) for row in (9, 13)}

    trade = build_trade(
        legs,
        entry_row=2,
        hedge=hedge,
        sizing=sizing(hedge="SPY", gross=1.2),
        missing="exclude",
    )

    assert isinstance(trade, Trade)
    hedges = {p.exit_row: p.weight for p in trade.positions if p.side is None}
    assert hedges == {9: pytest.approx(-0.2), 13: pytest.approx(-0.4)}
    assert trade.exit_row == 13
