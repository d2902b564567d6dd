from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import lakebt
from lakebt.sources.simulated import simulated_market
from strategies.momentum import Momentum
from tests.forked import python
from tests.strategies.lakes import bars, before_open, change, publish, report

if TYPE_CHECKING:
    import pandas as pd

pytestmark = pytest.mark.lake

ROOT = Path(__file__).parents[2]
SPAN = ("2021-01-04", "2022-12-30")
DECISION = "2022-11-01"
ALL = ["MEM1", "MEM2", "MEM3", "MEM4"]
KNOWN = "2022-08-29T20:30:00Z"


def growing(symbol: str, bps_per_session: float) -> pd.DataFrame:
    return bars(
        symbol, *SPAN, price=lambda n: 50.0 * (1.0 + bps_per_session / 1e4) ** n
    )


def prices(symbols: list[str] = ALL) -> list[pd.DataFrame]:
    """The higher the number of a member, the more it rises."""
    return [growing(symbol, float(symbol[-1])) for symbol in symbols]


def weights(view: lakebt.View, day: str = DECISION, *, share: float = 0.25) -> object:
    known = view.as_of(before_open(day))
    return dict(Momentum(share=share).target_weights(known))


@pytest.fixture
def held(tmp_path: Path) -> lakebt.View:
    return publish(
        tmp_path,
        {"etf_holdings": [report(ALL, "2022-06-30", KNOWN)], "prices": prices()},
    )


def test_the_best_are_bought_and_the_worst_sold(held: lakebt.View) -> None:
    assert weights(held) == {"MEM1": -0.5, "MEM4": 0.5}
    assert weights(held, share=0.5) == {
        "MEM1": -0.25,
        "MEM2": -0.25,
        "MEM3": 0.25,
        "MEM4": 0.25,
    }


def test_the_last_month_does_not_count(tmp_path: Path) -> None:
    # The decision on 1 November ranks the closes up to 30 September.
    crash = bars(
        "MEM4",
        *SPAN,
        price=lambda n: np.where(n < 445, 50.0 * 1.0004**n, 1.0),
    )
    view = publish(
        tmp_path,
        {
            "etf_holdings": [report(ALL, "2022-06-30", KNOWN)],
            "prices": [*prices(ALL[:3]), crash],
        },
    )
    last = view.panel("close", symbols=["MEM4"], start="2022-09-30", end="2022-10-31")

    assert last["MEM4"].iloc[0] > 50.0
    assert last["MEM4"].iloc[-1] == 1.0
    assert weights(view) == {"MEM1": -0.5, "MEM4": 0.5}


def test_a_price_is_compared_with_that_of_252_sessions_before(tmp_path: Path) -> None:
    from_one = bars("MEM1", *SPAN, price=lambda n: np.where(n == 0, 1.0, 50.0))
    view = publish(
        tmp_path,
        {
            "etf_holdings": [report(ALL, "2021-03-31", "2021-05-28T20:00:00Z")],
            "prices": [from_one, *prices(ALL[1:])],
        },
    )

    # 2021 has 252 sessions, so 252 before the close of 3 January is the first of all.
    assert weights(view, "2022-01-03") == {}
    assert weights(view, "2022-01-04") == {"MEM1": 0.5, "MEM2": -0.5}
    assert weights(view, "2022-01-05") == {"MEM1": -0.5, "MEM4": 0.5}


def test_members_shown_by_a_later_report_are_not_used(tmp_path: Path) -> None:
    later = report([*ALL, "MEM9"], "2022-09-30", "2022-11-28T20:50:55Z")
    view = publish(
        tmp_path,
        {
            "etf_holdings": [report(ALL, "2022-06-30", KNOWN), later],
            "prices": prices([*ALL, "MEM9"]),
        },
    )

    assert weights(view, "2022-11-28") == {"MEM1": -0.5, "MEM4": 0.5}
    assert weights(view, "2022-11-29") == {"MEM1": -0.5, "MEM9": 0.5}


def test_what_a_fund_no_longer_holds_is_no_member(tmp_path: Path) -> None:
    earlier = report([*ALL, "MEM9"], "2022-03-31", "2022-05-27T17:54:03Z")
    view = publish(
        tmp_path,
        {
            "etf_holdings": [earlier, report(ALL, "2022-06-30", KNOWN)],
            "prices": prices([*ALL, "MEM9"]),
        },
    )

    assert weights(view, "2022-08-01") == {"MEM1": -0.5, "MEM9": 0.5}
    assert weights(view) == {"MEM1": -0.5, "MEM4": 0.5}


def test_changes_since_the_report_count_once_they_take_effect(tmp_path: Path) -> None:
    view = publish(
        tmp_path,
        {
            "etf_holdings": [report(ALL, "2022-06-30", KNOWN)],
            "index_changes": [
                change("MEM9", "addition", "2022-09-02", "2022-09-19"),
                change("MEM1", "deletion", "2022-09-02", "2022-09-19"),
                change("MEM0", "addition", "2022-03-01", "2022-03-21"),
            ],
            "prices": prices([*ALL, "MEM0", "MEM9"]),
        },
    )

    assert weights(view, "2022-09-16") == {"MEM1": -0.5, "MEM4": 0.5}
    assert weights(view, "2022-09-19") == {"MEM2": -0.5, "MEM9": 0.5}


def test_without_a_report_the_additions_on_record_are_ranked(tmp_path: Path) -> None:
    view = publish(
        tmp_path,
        {
            "index_changes": [
                change(symbol, "addition", "2022-03-01", "2022-03-21") for symbol in ALL
            ]
            + [change("MEM4", "deletion", "2022-09-02", "2022-09-19")],
            "prices": prices(),
        },
    )

    assert weights(view, "2022-09-06", share=0.5) == {
        "MEM1": -0.25,
        "MEM2": -0.25,
        "MEM3": 0.25,
        "MEM4": 0.25,
    }
    assert weights(view, share=0.34) == {"MEM1": -0.5, "MEM3": 0.5}


def test_a_member_whose_prices_stop_is_not_ranked(tmp_path: Path) -> None:
    stopped = bars("MEM4", "2021-01-04", "2022-10-28", price=lambda n: 50.0 + n)
    view = publish(
        tmp_path,
        {
            "etf_holdings": [report(ALL, "2022-06-30", KNOWN)],
            "prices": [*prices(ALL[:3]), stopped],
        },
    )

    assert weights(view, share=0.34) == {"MEM1": -0.5, "MEM3": 0.5}


def test_too_few_members_hold_nothing(held: lakebt.View) -> None:
    assert weights(held, share=0.2) == {}


@pytest.mark.slow
def test_on_a_simulated_market_sides_sum_to_zero_and_only_members_are_held(
    tmp_path: Path,
) -> None:
    market = simulated_market(seed=3, n_events=6, n_members=20, before=300)
    lake = lakebt.Lake.open(tmp_path / "lake")
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    first = market.legs["effective"].max()

    run = lakebt.Backtest(
        lake.at("R1"),
        Momentum(index=market.index),
        start=first,
        end=market.as_of.date(),
    ).run()

    held = run.weights()
    assert len(held) > 3
    assert held.sum(axis=1).abs().max() < 1e-12
    assert held.abs().sum(axis=1).sub(1.0).abs().max() < 1e-12
    gone = set(market.legs.loc[market.legs["side"] == "deletion", "symbol"])
    assert not gone & set(held.columns)
    assert set(held.columns) <= set(market.prices["symbol"])


@pytest.mark.slow
def test_the_command_line_runs_both_strategies(tmp_path: Path) -> None:
    names = [*ALL, *(f"XTRA{number}" for number in range(6))]
    changes = [
        change("XTRA1", "addition", "2022-09-02", "2022-09-19"),
        change("XTRA2", "deletion", "2022-09-02", "2022-09-19"),
    ]
    publish(
        tmp_path,
        {
            "etf_holdings": [report(names, "2022-06-30", KNOWN)],
            "index_changes": changes,
            "prices": prices(names),
        },
    )
    for file, name, rebalance in (
        ("momentum.py", "Momentum", "monthly"),
        ("index_rebalance.py", "IndexRebalance", "daily"),
    ):
        done = subprocess.run(
            [
                *python(),
                "-m",
                "lakebt",
                "backtest",
                f"{ROOT / 'strategies' / file}:{name}",
                *("--lake", str(tmp_path / "lake"), "--release", "R1"),
                *("--start", "2022-09-01", "--end", "2022-12-01"),
                *("--rebalance", rebalance, "--json"),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stderr
        (row,) = json.loads(done.stdout)
        assert row["strategy"] == name
        assert row["audited"] is False
