"""The portfolio a person could hold: its weights, its limits, and how much overlaps."""

from __future__ import annotations

import itertools
import statistics
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import lakebt
from lakebt.sources.simulated import simulated_market
from lakebt.study.empty_cells import overlap
from lakebt.study.report import provenance

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
    return lakebt.Study(view, index="SIM", costs=costs, **{**rules, **asked}).run()


def by_session(
    result: lakebt.Result, entry: str, exit_: str
) -> dict[Any, list[tuple[float, int]]]:
    """Return the return and the legs of each open event, by session."""
    events = result.events().query(f"entry == '{entry}' and exit == '{exit_}'")
    legs = dict(zip(events["event_id"], events["n_legs"], strict=True))
    found: dict[Any, list[tuple[float, int]]] = {}
    returns: Any = result.returns(entry=entry, exit=exit_)
    for (event, session), value in returns.items():
        found.setdefault(session, []).append((value, legs[event]))
    return found


def joined(
    open_: dict[Any, list[tuple[float, int]]],
    sessions: list[Any],
    *,
    by_legs: bool,
    most: float,
) -> list[float]:
    """Return the portfolio's daily returns, the slow way."""
    series = []
    for session in sessions:
        events = open_.get(session, [])
        weights = [legs if by_legs else 1 for _, legs in events]
        total = sum(w * value for w, (value, _) in zip(weights, events, strict=True))
        invested = min(1.0, most * len(events))
        series.append(invested * total / sum(weights) if events else 0.0)
    return series


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
        expected = joined(open_, list(returns.index), by_legs=by_legs, most=most)
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
        assert row["most_open"] == max(counts)
        assert row["mean_open"] == pytest.approx(statistics.fmean(counts))


def test_a_limit_leaves_the_rest_in_cash(view: lakebt.View) -> None:
    rule = {"entry": "AD+1@open", "exit": "2w"}
    free = run(view, aggregate="calendar").returns(**rule)
    bound = run(view, aggregate="calendar", max_weight=0.01).returns(**rule)
    n_open = [len(by_session(run(view), *rule.values()).get(s, [])) for s in free.index]

    np.testing.assert_allclose(bound, free * n_open * 0.01, rtol=1e-12, atol=1e-15)


def test_a_pooled_surface_holds_no_portfolio(view: lakebt.View) -> None:
    surface = run(view).surface()

    assert (surface["most_open"] == 0).all()
    assert surface["mean_open"].isna().all()


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
    assert result.summary() == f"8 of 8 events run; {told}"
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
