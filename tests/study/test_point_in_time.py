"""The guard as properties: what comes later changes no order that was already due."""

from __future__ import annotations

import datetime as dt
import functools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lakebt
from lakebt.sources.simulated import SimulatedMarket, simulated_market
from tests.lake.original import Original

pytestmark = [pytest.mark.lake, pytest.mark.slow]

ENTRIES = ("AD@close", "AD+1@open", "ED-1@close", "MD+1@open")
EXITS = ("+1", "1w", "ED@close", "MD+3@open")
ORDER = ["entry", "exit", "symbol", "at", "session", "side", "size", "deadline"]
MARKET = simulated_market(seed=11, n_events=3, n_members=2, before=12, after=90)
CUTOFF = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
CLOCK = dt.datetime(2031, 1, 1, tzinfo=dt.UTC)

Tables = dict[str, pd.DataFrame]


@functools.cache
def base() -> Tables:
    """Return the market's tables with every `known_at` and key written out."""
    with tempfile.TemporaryDirectory() as folder:
        lake = lakebt.Lake.open(folder)
        lake.publish(MARKET.tables, release="R1", as_of=MARKET.as_of)
        view = lake.at("R1")
        changes, prices = view.read("index_changes"), view.read("prices")
    return {
        "prices": prices[["symbol", "session", "open", "high", "low", "close"]].assign(
            basis="raw", known_at=prices["known_at"]
        ),
        "index_changes": changes[
            ["change_id", "index", "symbol", "side", "announced", "effective"]
        ].assign(known_at=changes["known_at"], retracted=False),
        "etf_holdings": MARKET.etf_holdings,
    }


def result_of(view: lakebt.View) -> lakebt.Result:
    study = lakebt.Study(view, index="SIM", entries=ENTRIES, exits=EXITS, hedge="MKT")
    return study.run(record=False)


def orders_of(view: lakebt.View) -> pd.DataFrame:
    return result_of(view).orders()


def lake_of(tables: Tables, folder: str) -> lakebt.Lake:
    lake = lakebt.Lake.open(Path(folder) / "lake", clock=lambda: CLOCK)
    lake.publish(tables, release="R1", as_of=CUTOFF)
    return lake


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Original:
    """A lake of all rows, which a test gives another release."""
    folder = tmp_path_factory.mktemp("base")
    return Original(folder, lambda path: lake_of(base(), str(path.parent)))


@pytest.fixture(scope="module")
def before(full: Original) -> pd.DataFrame:
    return orders_of(again(full).at("R1"))


def again(full: Original) -> lakebt.Lake:
    return lakebt.Lake.open(full.restored(), create=False, clock=lambda: CLOCK)


INSTANTS = st.datetimes(
    dt.datetime(2010, 2, 1),  # noqa: DTZ001 - hypothesis adds the zone
    dt.datetime(2010, 9, 1),  # noqa: DTZ001
    timezones=st.just(dt.UTC),
).filter(
    lambda instant: instant.time() != dt.time(0)
)  # which an audit takes for a date


@st.composite
def later_changes(draw: st.DrawFn, known_at: dt.datetime) -> pd.DataFrame:
    """Draw corrections, retractions, side flips and newcomers to the events."""
    rows: list[dict[str, Any]] = []
    numbers = st.sets(
        st.integers(0, len(base()["index_changes"]) - 1), min_size=1, max_size=4
    )
    for number in sorted(draw(numbers)):
        row: dict[str, Any] = dict(base()["index_changes"].iloc[number])
        announced = row["announced"].date()
        kind = draw(st.sampled_from(["move", "retract", "flip", "newcomer"]))
        if kind == "move":
            row["effective"] = announced + dt.timedelta(days=draw(st.integers(1, 60)))
        elif kind == "retract":
            row["retracted"] = True
        elif kind == "flip":
            row["side"] = "deletion" if row["side"] == "addition" else "addition"
        else:
            row |= {"symbol": "MEM0001", "change_id": f"late-{number}"}
        later = known_at + dt.timedelta(days=draw(st.integers(0, 30)))
        row["known_at"] = max(
            later, row["announced"] + dt.timedelta(minutes=1 + number)
        )
        rows.append(row)
    return pd.DataFrame(rows)


@st.composite
def later_holdings(draw: st.DrawFn, known_at: dt.datetime) -> pd.DataFrame:
    """Draw a report that nobody had: any members, of any quarter, accepted late."""
    symbols = [*base()["index_changes"]["symbol"], "MEM0001", "MEM0002"]
    held = draw(st.sets(st.sampled_from(symbols), min_size=1))
    day = known_at.date() - dt.timedelta(days=draw(st.integers(1, 90)))
    return pd.DataFrame(
        {
            "fund": "SIMETF",
            "date": day,
            "isin": [f"LATE{symbol}" for symbol in sorted(held)],
            "symbol": sorted(held),
            "index": "SIM",
            "known_at": known_at,
        }
    )


@st.composite
def later_prices(draw: st.DrawFn, known_at: dt.datetime) -> pd.DataFrame:
    """Draw corrections of bars that were there."""
    prices = base()["prices"]
    there = prices[prices["known_at"] < known_at]
    numbers = st.sets(st.integers(0, len(there) - 1), min_size=1, max_size=40)
    chosen = there.iloc[sorted(draw(numbers))].copy()
    factor = draw(st.floats(0.9, 1.1))
    chosen[["open", "high", "low", "close"]] *= factor
    chosen["known_at"] = known_at
    return chosen


@st.composite
def insertions(draw: st.DrawFn) -> tuple[dt.datetime, str, pd.DataFrame]:
    known_at = draw(INSTANTS)
    table, rows = draw(
        st.sampled_from(
            [
                ("index_changes", later_changes),
                ("etf_holdings", later_holdings),
                ("prices", later_prices),
            ]
        )
    )
    return known_at, table, draw(rows(known_at))


@settings(max_examples=30, deadline=None)
@given(insertion=insertions())
def test_what_is_known_later_changes_no_order_that_was_due(
    full: Original,
    before: pd.DataFrame,
    insertion: tuple[dt.datetime, str, pd.DataFrame],
) -> None:
    known_at, table, rows = insertion
    lake = again(full)
    lake.publish({table: rows}, release="R2", as_of=CUTOFF)

    result = result_of(lake.at("R2"))

    due = before.loc[before["deadline"] <= known_at, ["event_id", *ORDER]]
    due = due.merge(result.orders(), how="left", on=ORDER, indicator=True)
    lost = due[due["_merge"] != "both"].rename(columns={"event_id_x": "event_id"})
    # A later report can be the reason that none ever shows a change. An exit that
    # counts from it then has no date, and the whole cell is told to be empty.
    told = result.refused()
    told = told[(told["exit"] == "MD+3@open") & (told["reason"] == "no_anchor")]
    cell = ["event_id", "entry", "exit"]
    lost = lost[~lost.set_index(cell).index.isin(told.set_index(cell).index)]
    assert lost.empty, f"{table} known at {known_at}:\n{rows}\n{lost}"


def test_the_property_would_notice_a_row_known_in_time(
    full: Original, before: pd.DataFrame
) -> None:
    """The same insertion, known before the orders were due, does change them."""
    row = dict(base()["index_changes"].iloc[0])
    row |= {"symbol": "MEM0001", "change_id": "early"}
    early = pd.DataFrame([row])  # known with the announcement
    lake = again(full)
    lake.publish({"index_changes": early}, release="R2", as_of=CUTOFF)

    after = orders_of(lake.at("R2"))

    assert len(before[ORDER].merge(after[ORDER])) < len(before)


@settings(max_examples=20, deadline=None)
@given(instant=INSTANTS)
def test_a_lake_of_the_rows_known_by_then_gives_the_same_orders(
    full: Original, instant: dt.datetime
) -> None:
    known = {
        table: rows[pd.to_datetime(rows["known_at"], utc=True) <= instant]
        for table, rows in base().items()
    }
    with tempfile.TemporaryDirectory() as folder:
        part = lake_of(
            {table: rows for table, rows in known.items() if len(rows)},
            folder,
        ).at("R1", as_of=instant)

        whole = again(full).at("R1", as_of=instant)
        assert outcome_of(whole).equals(outcome_of(part))


def outcome_of(view: lakebt.View) -> pd.DataFrame:
    try:
        return orders_of(view)
    except lakebt.LakebtError as error:
        return pd.DataFrame({"error": [type(error).__name__]})


# --- the simulated market, through the study ------------------------------------------


def view_of(market: SimulatedMarket, folder: Path) -> lakebt.View:
    lake = lakebt.Lake.open(folder / "lake")
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    return lake.at("R1")


def measured(view: lakebt.View, rule: tuple[str, str]) -> Any:
    """Return mean and standard error of what additions earned over the market."""
    legs = (
        lakebt.Study(
            view,
            index="SIM",
            entries=[rule[0]],
            exits=[rule[1]],
            side="additions",
            hedge="MKT",
            on_look_ahead="allow",
        )
        .run(record=False)
        .legs()
    )
    excess = (legs["price_return"] - legs["hedge_return"]).to_numpy() * 1e4
    return excess.mean(), excess.std(ddof=1) / np.sqrt(len(excess))


RULES = {
    "jump": ("AD@close", "AD+1@open"),
    "drift": ("AD+1@open", "ED-1@close"),
    "reversal": ("ED-1@close", "ED+19@close"),
}


SIZE: dict[str, Any] = {"n_events": 80, "n_members": 1, "before": 5, "after": 25}


@pytest.fixture(scope="module")
def planted(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[lakebt.View, dict[str, float]]:
    """A market with all effects, and how large they are."""
    market = simulated_market(seed=2, **SIZE)
    return view_of(market, tmp_path_factory.mktemp("planted")), {
        "jump": market.planted.jump_bps,
        "drift": market.planted.drift_bps,
        "reversal": -market.planted.reversal_bps,
    }


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> lakebt.View:
    """A market with none."""
    none: dict[str, Any] = {"jump_bps": 0.0, "drift_bps": 0.0, "reversal_bps": 0.0}
    market = simulated_market(seed=2, **SIZE, **none)
    return view_of(market, tmp_path_factory.mktemp("without"))


@pytest.mark.parametrize("effect", RULES)
def test_the_planted_effect_is_recovered(
    effect: str, planted: tuple[lakebt.View, dict[str, float]]
) -> None:
    view, sizes = planted

    mean, error = measured(view, RULES[effect])

    assert abs(mean - sizes[effect]) < 2 * error
    assert abs(mean) > 2 * error


@pytest.mark.parametrize("effect", RULES)
def test_without_an_effect_none_is_found(effect: str, without: lakebt.View) -> None:
    mean, error = measured(without, RULES[effect])

    assert abs(mean) < 2 * error


# --- the kinds of leak that belong to data, through the lake --------------------------


def test_the_newest_snapshot_is_not_read_for_an_old_date(full: Original) -> None:
    lake = again(full)
    day = base()["index_changes"]["announced"].iloc[0]

    old = lake.at("R1", as_of=day - pd.Timedelta(seconds=1))
    new = lake.at("R1")

    assert old.changes(index="SIM") == ()
    assert len(new.changes(index="SIM")) == len(base()["index_changes"])
    assert old.panel("close", symbols=["MKT"]).index[-1] <= day.tz_localize(None)


def test_todays_members_are_not_the_members_of_the_past(full: Original) -> None:
    reports = base()["etf_holdings"].sort_values("known_at")
    first = reports["known_at"].iloc[0]
    lake = again(full)

    def members(view: lakebt.View) -> set[str]:
        shown = view.read("etf_holdings", where={"fund": "SIMETF"})
        return set(shown.loc[shown["status"] != "expired", "symbol"])

    then, now = members(lake.at("R1", as_of=first)), members(lake.at("R1"))

    assert then == set(reports.loc[reports["known_at"] == first, "symbol"])
    assert then != now


def test_the_announcements_close_is_refused_for_every_event(full: Original) -> None:
    view = again(full).at("R1")

    result = lakebt.Study(view, index="SIM", entries=["AD@close"], exits=EXITS).run()

    assert set(result.refused()["reason"]) == {"look_ahead"}
    assert len(result.refused()) == 3 * len(EXITS)
    assert result.events().empty


# --- sizes ----------------------------------------------------------------------------


@pytest.mark.parametrize(("lead", "is_known"), [(-1, True), (0, False), (5, False)])
def test_a_corrected_close_sizes_only_the_orders_that_were_not_yet_due(
    full: Original, before: pd.DataFrame, *, lead: int, is_known: bool
) -> None:
    """The correction comes so many minutes after the deadline, before the open."""
    order = before[before["entry"] == "AD+1@open"].iloc[0]
    prices = base()["prices"]
    own = prices[
        (prices["symbol"] == order["symbol"]) & (prices["session"] < order["session"])
    ]
    halved = own.sort_values("session").tail(1).copy()
    halved[["open", "high", "low", "close"]] /= 2
    halved["known_at"] = order["deadline"] + pd.Timedelta(minutes=lead)
    lake = again(full)
    lake.publish({"prices": halved}, release="R2", as_of=CUTOFF)

    after = orders_of(lake.at("R2"))

    same = (
        after[["entry", "exit", "symbol"]] == order[["entry", "exit", "symbol"]]
    ).all(axis=1) & (after["session"] == order["session"])
    factor = 2.0 if is_known else 1.0
    assert after.loc[same, "size"].item() == pytest.approx(factor * order["size"])
