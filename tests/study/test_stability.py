"""A rule in its parts, against tables made by hand from legs and prices."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.errors import InvalidArgumentError, UnknownNameError
from lakebt.report.charts.picture import picture
from lakebt.sessions import Sessions
from lakebt.sources.simulated import simulated_market
from lakebt.study import leg_returns

if TYPE_CHECKING:
    from lakebt.study.stability import Stability

pytestmark = pytest.mark.lake


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> lakebt.Result:
    """Nobody could hold the night; here everybody does."""
    market = simulated_market(seed=3, n_events=9, jump_bps=220, n_members=2)
    lake = lakebt.Lake.open(tmp_path_factory.mktemp("stability"))
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    study = lakebt.Study(
        lake.at("R1"),
        index="SIM",
        side="additions",
        hedge="MKT",
        entries=["AD@close", "AD+1@open"],
        exits=["ED-1@close"],
        on_look_ahead="allow",
    )
    return study.run(record=False)


@pytest.fixture(scope="module")
def found(result: lakebt.Result) -> Stability:
    return result.stability(entry="AD@close", exit="ED-1@close")


def excess(result: lakebt.Result, entry: str) -> pd.DataFrame:
    """Return what each addition earned over the hedge, and its date."""
    legs = result.legs(entry=entry, exit="ED-1@close").dropna(subset="price_return")
    dates = result.events().drop_duplicates("event_id").set_index("event_id")["date"]
    earned = legs["price_return"] - legs["hedge_return"]
    return legs.assign(earned=earned, date=legs["event_id"].map(dates))


def test_all_changes_are_those_of_the_legs(
    result: lakebt.Result, found: Stability
) -> None:
    legs, row = excess(result, "AD@close"), found.whole().iloc[0]

    n, mean = len(legs), legs["earned"].mean()
    sums = (legs["earned"] - mean).groupby(legs["date"]).sum()
    g = len(sums)
    error = np.sqrt(g / (g - 1) * (sums**2).sum()) / n
    assert (row["n_changes"], row["n_dates"]) == (n, g)
    assert row["n_events"] == legs["event_id"].nunique()
    assert row["mean_bps"] == pytest.approx(1e4 * mean)
    assert row["se_bps"] == pytest.approx(1e4 * error)
    assert row["t"] == pytest.approx(mean / error)


def test_parts_add_up_to_the_whole(result: lakebt.Result, found: Stability) -> None:
    whole = found.whole().iloc[0]
    legs = excess(result, "AD@close")

    for part in (found.by_year(), found.by_cause(), found.estimation()):
        assert part["n_changes"].sum() == whole["n_changes"]
        assert np.average(part["mean_bps"], weights=part["n_changes"]) == pytest.approx(
            whole["mean_bps"]
        )
    by_year = legs.groupby(legs["date"].dt.year)["earned"].mean() * 1e4
    assert found.by_year()["mean_bps"].tolist() == pytest.approx(by_year.tolist())
    by_cause = legs.groupby("cause")["earned"].mean() * 1e4
    mine = found.by_cause().set_index("cause")["mean_bps"]
    assert mine.sort_index().tolist() == pytest.approx(by_cause.tolist())


def test_without_a_date_is_as_without_its_changes(
    result: lakebt.Result, found: Stability
) -> None:
    legs, left = excess(result, "AD@close"), found.without_date()

    assert left["date"].tolist() == sorted(set(legs["date"]))
    for row in left.to_dict("records"):
        others = legs[legs["date"] != row["date"]]
        assert row["mean_bps"] == pytest.approx(1e4 * others["earned"].mean())
        assert row["n_changes"] == len(others)
        assert row["n_left_out"] == len(legs) - len(others)
        assert row["n_events"] == others["event_id"].nunique()
    low, high = found.dates_that_matter
    assert left.set_index("date")["t"].idxmin() == pd.Timestamp(low)
    assert left.set_index("date")["t"].idxmax() == pd.Timestamp(high)


def test_the_night_is_cut_off_where_it_is_held(
    result: lakebt.Result, found: Stability
) -> None:
    """What is left of a close is what the next open would have made."""
    held, cut = (row for _, row in found.overnight().iterrows())
    after = result.stability(entry="AD+1@open", exit="ED-1@close")

    assert held["mean_bps"] == pytest.approx(found.whole()["mean_bps"].item())
    assert cut["mean_bps"] == pytest.approx(after.whole()["mean_bps"].item())
    assert held["mean_bps"] - cut["mean_bps"] > 100
    assert held["n_held"] == held["n_changes"]
    assert (after.overnight()["n_held"] == 0).all()
    assert len(set(after.overnight()["mean_bps"])) == 1
    assert "night" in found.summary()
    assert "night" not in after.summary()


def test_thirds_are_of_what_was_known_before(
    result: lakebt.Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The market is short: a window of its own, and volatility by a loop."""
    monkeypatch.setattr(leg_returns, "ESTIMATION", (-12, -2))
    monkeypatch.setattr(leg_returns, "FEWEST_RETURNS", 8)
    found = result.stability(entry="AD@close", exit="ED-1@close")
    legs = excess(result, "AD@close")
    history = result.traded.history
    volatility = []
    for leg in legs.to_dict("records"):
        announced = history.sessions.on_or_before(leg["entry_session"].date())
        prices = history.window([leg["symbol"]], announced - 12, announced - 2)
        returns = [b / a - 1 for a, b in itertools.pairwise(prices[1::2, 0])]
        returns = [one for one in returns if not np.isnan(one)]
        volatility.append(np.std(returns, ddof=1) if len(returns) >= 8 else np.nan)
    legs = legs.assign(volatility=volatility).dropna(subset="volatility")
    legs = legs.sort_values("volatility", kind="stable").reset_index(drop=True)
    third = legs.index * 3 // len(legs)

    table = found.by_volatility()

    assert len(legs) >= 6
    assert table["third"].tolist() == ["quiet", "middle", "loud"]
    means = legs.groupby(third)[["earned", "volatility"]].mean() * 1e4
    assert table["mean_bps"].tolist() == pytest.approx(means["earned"].tolist())
    volatility_bps = table["volatility_bps"].tolist()
    assert volatility_bps == pytest.approx(means["volatility"].tolist())
    assert table["n_changes"].sum() == len(legs)
    assert found.estimation().iloc[0]["n_changes"] == len(legs)


def test_a_correction_that_came_later_is_not_looked_at() -> None:
    sessions = Sessions.of()
    first = sessions.on_or_after(dt.date(2022, 9, 1))
    day = 86_400_000_000
    known = 1_662_500_000_000_000
    history = lakebt.prices.history.PriceHistory(
        symbols=("A",),
        sessions=sessions,
        symbol=np.zeros(4, dtype=np.int64),
        session=first + np.array([0, 1, 1, 2]),
        known_at=known + day * np.array([0, 1, 9, 2]),
        open=np.ones(4),
        close=np.array([10.0, 11.0, 99.0, 12.0]),
        retracted=np.array([False, False, False, True]),
    )

    def closes(days: int, symbol: str = "A") -> list[float]:
        before = lakebt.instants.EPOCH + (known + days * day) * lakebt.instants.TICK
        found = history.known_closes(symbol, first, first + 2, before=before)
        return [0.0 if np.isnan(close) else float(close) for close in found]

    assert closes(8) == [10.0, 11.0, 0.0]
    assert closes(10) == [10.0, 99.0, 0.0]
    assert closes(1) == [10.0, 0.0, 0.0]  # known at that instant is too late
    assert closes(10, "B") == [0.0] * 3


def test_it_shows_itself(found: Stability) -> None:
    table = found.table()

    assert set(table["by"]) >= {"all", "year", "cause", "overnight", "estimation"}
    assert repr(found) == f"Stability({found.summary()})"
    assert found._repr_html_().count("<tr") == len(table) + 1
    assert "Not point in time" in found.summary()
    low, high = found.dates_that_matter
    shown = picture(found.plot())
    left = found.without_date()
    least = left["date"].iloc[int(left["mean_bps"].argmin())]
    assert shown.count("<circle") == len(left)
    assert f"without {least:%Y-%m-%d}" in shown
    assert f"without {low}" in found.summary()
    assert f"without {high}" in found.summary()


def test_a_rule_that_is_not_there_is_named(result: lakebt.Result) -> None:
    with pytest.raises(UnknownNameError, match="unknown exit 'None'"):
        result.stability(entry="AD@close", exit=None)  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="entry"):
        result.stability(entry="AD+9@open", exit="ED-1@close")


def test_few_dates_are_no_numbers(result: lakebt.Result) -> None:
    changes = result.view.changes(index="SIM")[:2]
    study = lakebt.Study(
        result.view,
        changes=[c for c in changes if c.announced == changes[0].announced],
        hedge="MKT",
        side="additions",
        entries=["AD@close", "AD+1@open"],
        exits=["+1"],
    )
    one = study.run(record=False)
    found = one.stability(entry="AD+1@open", exit="+1")

    assert found.whole()["se_bps"].isna().all()
    assert found.without_date().empty
    assert found.dates_that_matter == ()
    assert "one date has no error" in found.summary()
    with pytest.raises(InvalidArgumentError, match="needs 3"):
        found.plot()
    empty = one.stability(entry="AD@close", exit="+1")
    assert empty.table().empty
    assert empty.summary() == "AD@close to +1 has no traded change."
