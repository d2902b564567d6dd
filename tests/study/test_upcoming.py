"""Orders to come are those that a study sees once they are past."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lakebt.facts import IndexChange
from lakebt.lake import Lake
from lakebt.sources.simulated import simulated_market
from lakebt.study.study import Study
from lakebt.study.upcoming import COLUMNS
from lakebt.study.upcoming_columns import are_plain

RULES = {
    "entries": ["AD+1@open", "ED-1@close", "ED@close"],
    "exits": ["+1", "1w", "ED+2@open"],
}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    market = simulated_market(seed=3, n_events=8, n_members=6)
    made = Lake.open(tmp_path_factory.mktemp("upcoming") / "lake")
    made.publish(market.tables, release="R1", as_of=market.as_of)
    changes = made.at("R1").read("index_changes")
    # Two changes of different events are put off the day after they were announced.
    late = changes[changes["symbol"].isin(["ADD0003", "DEL0006"])].copy()
    late["known_at"] = late["announced"] + pd.Timedelta(hours=40)
    late["effective"] = late["effective"] + pd.offsets.BDay(1)
    made.publish({"index_changes": late}, release="R2", as_of=market.as_of)
    return made


def instants(lake: Lake) -> list[pd.Timestamp]:
    """Some hours after announcements, and around an open and a close."""
    announced = lake.at("R1").read("index_changes")["announced"].drop_duplicates()
    hours = (1, 20, 90, 180)
    return [at + pd.Timedelta(hours=h) for at in announced[2:6] for h in hours]


def study(lake: Lake, at: pd.Timestamp | None, **asked: object) -> Study:
    return Study(lake.at("R1", as_of=at), index="SIM", **{**RULES, **asked})  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize(
    "asked", [{}, {"side": "additions", "hedge": "MEM0001"}, {"side": "deletions"}]
)
def test_an_order_that_is_due_is_the_one_that_a_study_sees_later(
    lake: Lake, asked: dict[str, object]
) -> None:
    final = study(lake, None, **asked).run(record=False).orders()
    key = ["event_id", "entry", "exit", "session", "at", "symbol", "side"]
    later = final.set_index(key)
    n_due = 0
    for at in instants(lake):
        orders = study(lake, at, **asked).upcoming()
        due = orders[orders["status"] == "due"]
        n_due += len(due)
        assert (due["deadline"] > at).all()
        assert (orders.loc[orders["status"] == "sent", "deadline"] <= at).all()
        told = later.loc[pd.MultiIndex.from_frame(due[key])]
        assert told["deadline"].tolist() == due["deadline"].tolist()
        sent = orders[(orders["status"] == "sent") & (orders["order"] == "entry")]
        past = later.loc[pd.MultiIndex.from_frame(sent[key])]
        assert past["size"].to_numpy() == pytest.approx(sent["size"].to_numpy())
        assert past["weight"].to_numpy() == pytest.approx(sent["weight"].to_numpy())
    assert n_due > 50


def test_every_order_of_an_event_that_is_not_over_is_there(lake: Lake) -> None:
    final = study(lake, None).run(record=False).orders()
    for at in instants(lake)[:4]:
        changes = lake.at("R1", as_of=at).read("index_changes")
        known = set(changes["symbol"])
        entered = final[final["symbol"].isin(known)]
        orders = study(lake, at).upcoming()
        mine = orders[orders["status"] == "due"]
        wanted = entered[entered["deadline"] > at]
        assert len(mine) == len(wanted)


def test_what_is_unknown_waits_and_says_for_what(lake: Lake) -> None:
    at = instants(lake)[0]
    orders = study(lake, at, entries=["MD+1@open"], exits=["+1"]).upcoming()
    waiting = orders[orders["status"] == "waiting"]

    assert len(waiting)
    assert set(waiting["order"]) == {"entry"}
    assert waiting["session"].isna().all()
    assert waiting["deadline"].isna().all()
    assert waiting["fact"].str.contains("no holdings report of").all()
    long_after = study(lake, None, entries=["MD+1@open"], exits=["+1"]).upcoming()
    assert "waiting" not in set(long_after["status"]) or len(long_after) < len(orders)


def test_nothing_is_to_come_where_all_is_over(lake: Lake) -> None:
    view = lake.at("R1")
    last = view.read("index_changes")["effective"].max()
    assert last < pd.Timestamp(view.instant).tz_localize(None)

    orders = study(lake, None, exits=["+1"]).upcoming()

    assert orders.empty
    assert list(orders.columns) == list(COLUMNS)


def test_refusals_are_no_orders_whatever_is_pretended(lake: Lake) -> None:
    at = instants(lake)[1]
    refused = {"entries": ["AD@close"], "exits": ["+1"]}

    for policy in ("mask", "raise", "allow"):
        orders = study(lake, at, on_look_ahead=policy, **refused).upcoming()
        assert orders.empty


@pytest.mark.parametrize(
    "asked", [{}, {"hedge": "MKT"}, {"side": "additions", "hedge": "MEM0001"}]
)
def test_orders_of_many_cells_are_those_that_are_decided_one_by_one(
    lake: Lake, asked: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = {
        "entries": ["AD+1@open", "ED-1@close", "MD+1@open", "2010-05-03@open"],
        "exits": ["+1", "1w", "ED+2@open", "MD+3@close", "2010-06-01@close"],
    }
    market = lake.at("R2").read("index_changes")
    put_off = market.loc[market["symbol"] == "ADD0003", "announced"].iloc[0]
    at = [*instants(lake)[::3], put_off + pd.Timedelta(hours=41)]
    views = [lake.at("R2", as_of=instant) for instant in at]
    studies = [Study(view, index="SIM", **rules, **asked) for view in views]  # type: ignore[arg-type]

    found = [each.upcoming() for each in studies]
    n_plain = count_plain(monkeypatch)
    again = [each.upcoming() for each in studies]

    assert 0 < sum(n_plain) < sum(map(len, found))
    assert {"due", "sent", "waiting"} <= set(pd.concat(found)["status"])
    for one, other in zip(found, again, strict=True):
        pd.testing.assert_frame_equal(
            one, other, check_exact=True, check_dtype=len(one) > 0
        )


def test_legs_that_leave_apart_are_decided_one_by_one(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = instants(lake)[0]
    day = at.tz_convert("America/New_York").date()
    told = {"index": "OWN", "announced": at - pd.Timedelta(hours=1)}
    changes = [
        IndexChange(
            symbol=symbol,
            side=side,
            effective=day + dt.timedelta(days=14),
            recorded=at - pd.Timedelta(minutes=minutes),
            **told,  # type: ignore[arg-type]
        )
        for symbol, side, minutes in (
            ("MEM0001", "addition", 5),
            ("MEM0002", "deletion", -60 * 24 * 3),
        )
    ]
    asked = {"changes": changes, "entries": ["ED@close"], "exits": ["MD+15@close"]}
    mine = Study(lake.at("R1", as_of=at + pd.Timedelta(days=4)), **asked)  # type: ignore[arg-type]

    found = mine.upcoming()
    count_plain(monkeypatch)

    assert found.loc[found["order"] == "exit", "session"].nunique() == 2
    pd.testing.assert_frame_equal(found, mine.upcoming(), check_exact=True)


def count_plain(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Take no cell for a plain one from then on, and say of how many each look said."""
    counted = []

    def none(plan: Any, slots: Any, columns: Any) -> Any:
        plain = are_plain(plan, slots, columns)
        counted.append(int(plain.sum()))
        return np.zeros_like(plain)

    monkeypatch.setattr("lakebt.study.upcoming.are_plain", none)
    return counted
