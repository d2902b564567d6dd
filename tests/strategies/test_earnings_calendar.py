from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

import lakebt
from strategies.earnings_calendar import EarningsCalendar
from tests.strategies.lakes import bars, before_open

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake

AS_OF = "2022-12-31T00:00:00Z"
KNOWN = pd.Timestamp("2022-09-01T12:00:00Z")
DATES = {"AAA": "2022-10-20", "BBB": "2022-10-26", "CCC": "2022-11-10"}


def calendar(dates: dict[str, str], known_at: pd.Timestamp = KNOWN) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "symbol": list(dates),
            "period": "2022Q3",
            "reports": list(dates.values()),
            "known_at": known_at,
        }
    )


@pytest.fixture
def lake(tmp_path: Path) -> lakebt.Lake:
    """Prices of four names, of which three are in the calendar."""
    lake = lakebt.Lake.open(tmp_path / "lake")
    lake.declare(
        "earnings",
        key=["symbol", "period"],
        columns={"symbol": "text", "period": "text", "reports": "date"},
    )
    prices = pd.concat(
        [bars(symbol, "2022-09-01", "2022-11-30") for symbol in (*DATES, "DDD")],
        ignore_index=True,
    )
    lake.publish(
        {"prices": prices, "earnings": calendar(DATES)}, release="R1", as_of=AS_OF
    )
    return lake


def weights(view: lakebt.View, day: str, *, days: int = 7) -> dict[str, float]:
    found = EarningsCalendar(days=days).target_weights(view.as_of(before_open(day)))
    return {str(symbol): weight for symbol, weight in found.items()}


def test_what_reports_within_the_week_is_held_against_the_rest(
    lake: lakebt.Lake,
) -> None:
    view = lake.at("R1")

    assert weights(view, "2022-10-20") == {"AAA": 0.25, "BBB": 0.25, "CCC": -0.5}
    assert weights(view, "2022-10-19") == {"AAA": 0.5, "BBB": -0.25, "CCC": -0.25}
    assert weights(view, "2022-10-21") == {"BBB": 0.5, "AAA": -0.25, "CCC": -0.25}


def test_the_days_are_counted_from_the_decisions_own(lake: lakebt.Lake) -> None:
    view = lake.at("R1")

    assert weights(view, "2022-10-20", days=1) == {
        "AAA": 0.5,
        "BBB": -0.25,
        "CCC": -0.25,
    }
    assert weights(view, "2022-10-21", days=1) == {}


def test_one_side_alone_is_not_traded(lake: lakebt.Lake) -> None:
    view = lake.at("R1")

    assert weights(view, "2022-09-19") == {}
    assert weights(view, "2022-10-20", days=60) == {}


def test_a_date_counts_from_when_it_was_known(lake: lakebt.Lake) -> None:
    moved = calendar({"AAA": "2022-10-28"}, pd.Timestamp("2022-10-18T13:20:00Z"))
    lake.publish({"earnings": moved}, release="R2", as_of=AS_OF)
    view = lake.at("R2")

    # Known at the deadline of the 18th, 09:20 New York, is too late for that day.
    assert weights(view, "2022-10-18") == {"AAA": 0.5, "BBB": -0.25, "CCC": -0.25}
    assert weights(view, "2022-10-19") == {}


def test_a_name_without_a_price_is_left_out(lake: lakebt.Lake) -> None:
    more = calendar({"EEE": "2022-10-20", "FFF": "2022-12-20"})
    lake.publish({"earnings": more}, release="R2", as_of=AS_OF)

    assert weights(lake.at("R2"), "2022-10-19") == {
        "AAA": 0.5,
        "BBB": -0.25,
        "CCC": -0.25,
    }


def test_a_backtest_holds_no_net_exposure(lake: lakebt.Lake) -> None:
    run = lakebt.Backtest(
        lake.at("R1"),
        EarningsCalendar(),
        start="2022-10-03",
        end="2022-11-25",
        rebalance="weekly",
    ).run()

    held = run.weights().fillna(0.0)
    assert held.sum(axis=1).abs().max() < 1e-12
    assert set(held.abs().sum(axis=1).round(12)) == {0.0, 1.0}
