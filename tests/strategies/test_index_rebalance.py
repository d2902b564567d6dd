from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.sources.simulated import simulated_market
from strategies.index_rebalance import IndexRebalance
from tests.strategies.lakes import NYSE, bars, before_open, change, publish

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake

SPAN = ("2022-08-01", "2022-12-01")


def pair(**announced: str) -> list[pd.DataFrame]:
    """Two additions and a deletion, announced on Friday 2 September 2022."""
    dates = {"NEW1": "2022-09-02", "NEW2": "2022-09-02", "OLD1": "2022-09-02"}
    return [
        change(
            symbol,
            "deletion" if symbol.startswith("OLD") else "addition",
            when,
            "2022-09-19",
        )
        for symbol, when in (dates | announced).items()
    ]


def priced(*symbols: str) -> list[pd.DataFrame]:
    return [bars(symbol, *SPAN) for symbol in symbols]


@pytest.fixture
def view(tmp_path: Path) -> lakebt.View:
    return publish(
        tmp_path, {"index_changes": pair(), "prices": priced("NEW1", "NEW2", "OLD1")}
    )


def weights(view: lakebt.View, day: str, *, hold: int = 20) -> dict[str, float]:
    """Return the weights of a decision for that day's open."""
    known = view.as_of(before_open(day))
    return dict(IndexRebalance(hold=hold).target_weights(known))


def test_legs_are_dollar_neutral_and_start_after_the_announcement(
    view: lakebt.View,
) -> None:
    assert weights(view, "2022-09-02") == {}
    assert weights(view, "2022-09-06") == {"NEW1": 0.25, "NEW2": 0.25, "OLD1": -0.5}


@pytest.mark.parametrize("hold", [1, 5])
def test_hold_is_counted_in_sessions(view: lakebt.View, hold: int) -> None:
    days = NYSE.days[NYSE.numbers(np.array(["2022-09-06"], dtype="datetime64[D]"))[0] :]
    held = [bool(weights(view, str(day), hold=hold)) for day in days[:8]]

    assert held == [True] * hold + [False] * (8 - hold)


def test_unpaired_side_is_not_taken(tmp_path: Path) -> None:
    additions = pair()[:2]
    view = publish(
        tmp_path, {"index_changes": additions, "prices": priced("NEW1", "NEW2")}
    )

    assert weights(view, "2022-09-06") == {}


def test_a_change_known_later_is_not_traded_earlier(tmp_path: Path) -> None:
    late = pair(NEW2="2022-09-08")
    view = publish(
        tmp_path, {"index_changes": late, "prices": priced("NEW1", "NEW2", "OLD1")}
    )

    assert weights(view, "2022-09-06") == {"NEW1": 0.5, "OLD1": -0.5}
    assert weights(view, "2022-09-08") == {"NEW1": 0.5, "OLD1": -0.5}
    assert weights(view, "2022-09-09") == {"NEW1": 0.25, "NEW2": 0.25, "OLD1": -0.5}


def test_an_announcement_delivered_late_is_not_traded_before(tmp_path: Path) -> None:
    delivered = [
        row.assign(known_at=pd.Timestamp("2022-09-07T14:00:00Z")) for row in pair()
    ]
    view = publish(
        tmp_path,
        {"index_changes": delivered, "prices": priced("NEW1", "NEW2", "OLD1")},
    )

    assert weights(view, "2022-09-07") == {}
    assert set(weights(view, "2022-09-08")) == {"NEW1", "NEW2", "OLD1"}


def test_a_symbol_without_a_close_on_the_session_before_is_left_out(
    tmp_path: Path,
) -> None:
    stopped = bars("NEW2", "2022-08-01", "2022-09-01")
    view = publish(
        tmp_path,
        {"index_changes": pair(), "prices": [*priced("NEW1", "OLD1"), stopped]},
    )

    assert weights(view, "2022-09-06") == {"NEW1": 0.5, "OLD1": -0.5}


def test_parameters_have_defaults_and_cannot_be_changed() -> None:
    strategy = IndexRebalance()

    assert (strategy.index, strategy.hold) == ("SP500", 20)
    with pytest.raises(dataclasses.FrozenInstanceError, match="hold"):
        strategy.hold = 5  # type: ignore[misc]


@pytest.mark.slow
def test_on_a_simulated_market_it_earns_the_planted_drift(tmp_path: Path) -> None:
    market = simulated_market(seed=7, n_events=12, n_members=2, before=12)
    lake = lakebt.Lake.open(tmp_path / "lake")
    lake.publish(market.tables, release="R1", as_of=market.as_of)

    run = lakebt.Backtest(
        lake.at("R1"),
        IndexRebalance(index=market.index, hold=5),
        start=market.legs["announced_session"].min(),
        end=market.legs["effective"].max(),
        rebalance="daily",
    ).run()

    held = run.weights()
    traded = held.ne(0.0).any(axis=1)
    assert held.sum(axis=1).abs().max() < 1e-12
    assert held[traded].abs().sum(axis=1).sub(1.0).abs().max() < 1e-12
    assert set(held.columns) <= set(market.legs["symbol"])
    assert run.unfilled().empty
    # 380 bp within 5 to 15 sessions: at least 25 bp in each of the sessions held.
    assert run.returns().sum() > 12 * 5 * 0.0025
