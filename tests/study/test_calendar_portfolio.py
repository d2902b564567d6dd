"""The portfolio a person could hold: its weights, its limits, and how much overlaps."""

from __future__ import annotations

import itertools
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import lakebt
from lakebt.sources.simulated import simulated_market
from lakebt.study.empty_cells import overlap
from lakebt.study.report import provenance
from lakebt.values.few_dates import NOTE

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

pytestmark = pytest.mark.lake

ENTRIES, EXITS = ("AD@close", "AD+1@open", "AD+1@close"), ("+0", "+1", "2w")


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> lakebt.View:
    """Events of one to four legs, about three sessions apart."""
    market = simulated_market(
        seed=5, n_events=8, n_members=1, spacing=3, before=10, after=30
    )
    changes = market.index_changes
    fewer = ("ADD0002", "DEL0002", "ADD0003", "DEL0008", "ADD0011")
    path: Path = tmp_path_factory.mktemp("calendar") / "lake"
    lake = lakebt.Lake.open(path)
    tables = {
        **market.tables,
        "index_changes": changes[~changes["symbol"].isin(fewer)],
    }
    lake.publish(tables, release="R1", as_of=market.as_of)
    return lake.at("R1")


def run(view: lakebt.View, **asked: Any) -> lakebt.Result:
    rules: dict[str, Any] = {"entries": ENTRIES, "exits": EXITS, "hedge": "MKT"}
    costs = lakebt.CostModel(commission_bps=2.0, borrow_bps_per_year=100.0)
    asked = {**rules, "costs": costs, **asked}
    return lakebt.Study(view, index="SIM", **asked).run()


@dataclass
class Open:
    """An event in one session: what it earned, and what it held at the close before."""

    returned: float
    legs: int
    held: float | None
    """Longs and shorts added up, as a multiple of its equity; None on its first day."""


def by_session(
    result: lakebt.Result, entry: str, exit_: str
) -> dict[Any, dict[str, Open]]:
    """Return the open events by session, from the tables that anybody can see."""
    rule = {"entry": entry, "exit": exit_}
    events = result.events().query(f"entry == '{entry}' and exit == '{exit_}'")
    legs = dict(zip(events["event_id"], events["n_legs"], strict=True))
    orders = result.orders(**rule)
    symbols = sorted(orders["symbol"].unique())
    closes: Any = result.view.panel("close", symbols=symbols).ffill()
    found: dict[Any, dict[str, Open]] = {}
    for event, returns in result.returns(**rule).groupby("event_id"):
        own: Any = orders[orders["event_id"] == event]
        equity, held = 100_000.0, None
        for session, value in returns.droplevel("event_id").items():
            opened = Open(float(value), legs[event], held)
            found.setdefault(session, {})[str(event)] = opened
            equity *= 1.0 + value
            sent = own[own["session"] <= session]
            signed = sent["size"].where(sent["side"] == "buy", -sent["size"])
            shares = signed.groupby(sent["symbol"]).sum()
            worth = sum(abs(n) * closes.loc[session, s] for s, n in shares.items())
            held = worth / equity
    return found


def joined(
    open_: dict[Any, dict[str, Open]],
    sessions: list[Any],
    *,
    by_legs: bool,
    most: float,
    fee: float,
) -> tuple[list[float], float]:
    """Keep an account, the slow way: its returns, and what was traded of each share."""
    account, invested, series, moved = 1.0, dict[str, float](), [], 0.0
    for session in sessions:
        events = open_.get(session, {})
        weights = {e: one.legs if by_legs else 1 for e, one in events.items()}
        share = min(1.0, most * len(events))
        target = {e: share * w / sum(weights.values()) for e, w in weights.items()}
        paid = 0.0
        for event, one in events.items():
            if one.held is not None:
                changed = abs(target[event] * account - invested[event])
                paid += changed * one.held * fee
                moved += changed * one.held / (target[event] * account)
        rest = account - paid
        cash = rest * (1.0 - sum(target.values()))
        invested = {e: rest * target[e] * (1 + o.returned) for e, o in events.items()}
        series.append((cash + sum(invested.values())) / account - 1.0)
        account = cash + sum(invested.values())
    return series, moved


@pytest.mark.slow
@pytest.mark.parametrize("by_legs", [False, True])
@pytest.mark.parametrize("most", [1.0, 0.3])
def test_every_rule_is_the_portfolio_of_its_open_events(
    view: lakebt.View, most: float, *, by_legs: bool
) -> None:
    pooled = run(view)
    calendar = run(
        view,
        aggregate="calendar",
        weighting="leg" if by_legs else "event",
        max_weight=most,
    )
    surface: pd.DataFrame = calendar.surface().set_index(["entry", "exit"])

    assert len(set(pooled.events()["n_legs"])) > 1
    for entry, exit_ in itertools.product(ENTRIES, EXITS):
        row: Any = surface.loc[(entry, exit_)]
        returns = calendar.returns(entry=entry, exit=exit_)
        if row["n_events"] == 0:
            assert len(returns) == 0
            assert (row["most_open"], np.isnan(row["mean_open"])) == (0, True)
            continue
        open_ = by_session(pooled, entry, exit_)
        expected, moved = joined(
            open_, list(returns.index), by_legs=by_legs, most=most, fee=2e-4
        )
        counts = [len(events) for events in open_.values()]
        assert set(open_) <= set(returns.index)
        assert returns.index[0] == min(open_)
        assert returns.index[-1] == max(open_)
        np.testing.assert_allclose(returns, expected, rtol=1e-9, atol=1e-12)
        ratio = statistics.fmean(expected) / statistics.stdev(expected) * 252**0.5
        assert row["sharpe"] == pytest.approx(ratio, rel=1e-9)
        assert row["n_returns"] == len(expected)
        assert row["mean_bps"] == pytest.approx(1e4 * statistics.fmean(expected))
        assert row["volatility_bps"] == pytest.approx(1e4 * statistics.stdev(expected))
        moved /= row["n_events"]
        assert row["reweighting_bps"] == pytest.approx(2.0 * moved, abs=1e-9)
        own: Any = pooled.surface().set_index(["entry", "exit"]).loc[(entry, exit_)]
        assert row["turnover"] == pytest.approx(own["turnover"] + moved)
        assert row["net_bps"] == pytest.approx(own["net_bps"] - 2.0 * moved)
        paid = row[["commission_bps", "spread_bps", "borrow_bps", "reweighting_bps"]]
        assert row["gross_bps"] - paid.sum() == pytest.approx(row["net_bps"], abs=1e-9)
        assert own["reweighting_bps"] == 0.0
        assert row["most_open"] == max(counts)
        assert row["mean_open"] == pytest.approx(statistics.fmean(counts))


@pytest.mark.slow
def test_a_limit_leaves_the_rest_in_cash(view: lakebt.View) -> None:
    rule = {"entry": "AD+1@open", "exit": "2w"}
    asked: dict[str, Any] = {"aggregate": "calendar", "costs": lakebt.CostModel()}
    free = run(view, **asked).returns(**rule)
    bound = run(view, **asked, max_weight=0.01).returns(**rule)
    found = by_session(run(view), *rule.values())
    n_open = [len(found.get(session, [])) for session in free.index]

    np.testing.assert_allclose(bound, free * n_open * 0.01, rtol=1e-12, atol=1e-15)


def test_a_pooled_surface_holds_no_portfolio(view: lakebt.View) -> None:
    surface = run(view).surface()

    assert (surface["most_open"] == 0).all()
    assert surface["mean_open"].isna().all()


@pytest.mark.slow
def test_the_overlap_is_told_wherever_the_result_is(
    view: lakebt.View, tmp_path: Path
) -> None:
    rules: dict[str, Any] = {"entries": ["AD+1@open"], "exits": ["2w"]}
    result = run(view, aggregate="calendar", **rules)
    counts = [len(e) for e in by_session(run(view), "AD+1@open", "2w").values()]
    told = (
        f"at most {max(counts)} events open at once, "
        f"{statistics.fmean(counts):.1f} on average (AD+1@open to 2w)"
    )

    result.report(tmp_path / "report.html")

    assert max(counts) > 2
    assert result.summary() == f"8 of 8 events run; {told}; {NOTE}"
    assert provenance(result.traded)["overlap"] == told
    assert told in (tmp_path / "report.html").read_text()
    assert told in result._repr_html_()


def test_without_a_portfolio_no_overlap_is_told(view: lakebt.View) -> None:
    refused = run(view, aggregate="calendar", entries=["AD@close"])

    assert overlap(run(view).traded) == ""
    assert "overlap" not in provenance(run(view).traded)
    assert overlap(refused.traded) == ""
    assert refused.summary() == "0 of 8 events run; 8 looking ahead"


def test_one_event_at_a_time_is_told_as_one(view: lakebt.View) -> None:
    alone = run(
        view, aggregate="calendar", where={"symbol": "ADD0001"}, exits=["+1", "2w"]
    )

    assert "at most 1 event open at once, 1.0 on average" in alone.summary()
