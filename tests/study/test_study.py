"""The study: what it refuses to be asked, and what its result says of itself."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.errors import LakebtError, UntradeableError
from lakebt.sources.simulated import simulated_market
from lakebt.study import lookup
from lakebt.study.single import deal
from lakebt.sweep.sweep import Sweep
from lakebt.values.few_dates import NOTE

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake

GRID: dict[str, Any] = {"entries": ["AD+1@open"], "exits": ["+1"]}


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> lakebt.View:
    market = simulated_market(seed=9, n_events=4, n_members=2, before=12, after=80)
    path: Path = tmp_path_factory.mktemp("study") / "lake"
    lake = lakebt.Lake.open(path)
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    return lake.at("R1")


@pytest.fixture(scope="module")
def result(view: lakebt.View) -> lakebt.Result:
    return lakebt.Study(
        view,
        index="SIM",
        entries=["AD@close", "AD+1@open", "ED@close"],
        exits=["+1", "1w", "ED-1@close"],
    ).run()


@pytest.mark.parametrize("most", [lookup.KEPT, 0], ids=["kept", "too many"])
def test_cells_are_made_in_full_once_where_there_are_not_too_many(
    result: lakebt.Result, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    wanted = [result.legs(), result.orders(), result.flows()]
    made: list[int] = []

    def counted(cells: Any, *others: Any, **more: Any) -> Any:
        made.append(len(cells))
        return deal(cells, *others, **more)

    monkeypatch.setattr("lakebt.study.lookup.deal", counted)
    monkeypatch.setattr(lookup, "KEPT", most)
    own = lakebt.Study(
        result.traded.view,
        index="SIM",
        entries=result.entries,
        exits=result.exits,
    ).run(record=False)

    made.clear()
    found = [own.legs(), own.orders(), own.flows()]

    assert len(made) == (1 if most else 3) * len(own.traded.by_event.events)
    for one, other in zip(found, wanted, strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"index": "NOPE"}, "unknown index 'NOPE'"),
        ({"index": None}, "pass either index="),
        ({"changes": ()}, "pass either index="),
        ({"entries": ["AD+1@noon"]}, r"entry 'AD\+1@noon' is not a rule"),
        ({"entries": "AD+1@open"}, "entries must be a list, was the text"),
        ({"exits": ["-1"]}, "exit '-1' is not a rule"),
        ({"exits": []}, "exits is empty"),
        ({"side": "adds"}, "unknown side 'adds'. Did you mean 'additions'"),
        ({"missing": "skip"}, "unknown missing 'skip'"),
        ({"aggregate": "mean"}, "unknown aggregate 'mean'"),
        ({"on_look_ahead": "ignore"}, "unknown on_look_ahead 'ignore'"),
        ({"gross": 40.0}, "gross 40 is above max_gross 2"),
        ({"gross": float("nan")}, "gross must be a finite number > 0, was nan"),
        ({"max_gross": -1.0}, "max_gross must be a finite number > 0, was -1.0"),
        ({"capital_usd": 0.0}, "capital_usd must be a finite number > 0, was 0.0"),
        ({"min_lead": "soon"}, "min_lead 'soon' is not a duration"),
        ({"where": {"colour": "red"}}, "unknown column 'colour'"),
    ],
)
def test_arguments_that_make_no_sense_are_told(
    view: lakebt.View, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        lakebt.Study(view, **{"index": "SIM", **GRID, **arguments})
    assert isinstance(caught.value, LakebtError)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hedge": "SPY"}, "hedge 'SPY' has no prices in release 'R1'"),
        (
            {"entries": ["ED@close"], "exits": ["ED-1@close", "AD@close"]},
            "none of the exits ED-1@close, AD@close comes after its entry ED@close",
        ),
        ({"entries": ["2010-07-04@open"]}, "every cell is untradeable: 4 no_session"),
        ({"where": {"cause": "failure"}}, "no change of SIM matches"),
        (
            {"side": "additions", "where": {"side": "deletion"}},
            "no additions of SIM match",
        ),
    ],
)
def test_a_study_of_nothing_is_an_error(
    view: lakebt.View, arguments: dict[str, Any], message: str
) -> None:
    study = lakebt.Study(view, **{"index": "SIM", **GRID, **arguments})

    with pytest.raises(LakebtError, match=message):
        study.run()


def test_an_engine_that_is_not_there_is_told(view: lakebt.View) -> None:
    with pytest.raises(ValueError, match=r"unknown engine 'zipline'.*event, vectorbt"):
        lakebt.Study(view, index="SIM", **GRID).run(engine="zipline")


def test_a_date_outside_the_calendar_is_told(view: lakebt.View) -> None:
    study = lakebt.Study(view, index="SIM", entries=["2200-01-02@open"], exits=["+1"])

    with pytest.raises(
        UntradeableError, match="2200-01-02 is outside the calendar of XNYS"
    ):
        study.run()


def test_a_study_whose_cells_are_all_refused_is_a_result(view: lakebt.View) -> None:
    result = lakebt.Study(view, index="SIM", entries=["AD@close"], exits=["+1"]).run()

    assert result.sharpe().isna().all(axis=None)
    assert result.best is None
    assert result.summary() == "0 of 4 events run; 4 looking ahead"
    assert "look" in result._repr_html_()


def test_look_ahead_is_masked_raised_or_allowed_and_then_stamped(
    view: lakebt.View,
) -> None:
    def study(how: str) -> lakebt.Study:
        return lakebt.Study(
            view,
            index="SIM",
            entries=["AD@close"],
            exits=["AD+1@open"],
            on_look_ahead=how,
        )

    with pytest.raises(lakebt.LookAheadError) as caught:
        study("raise").run()
    allowed = study("allow").run()

    assert caught.value.needed_by is not None
    assert caught.value.known_at is not None
    assert caught.value.known_at > caught.value.needed_by
    assert study("mask").run().is_point_in_time
    assert not allowed.is_point_in_time
    assert allowed.table()["is_point_in_time"].tolist() == [False]
    assert study("mask").run().table()["is_point_in_time"].tolist() == [True]
    assert "Not point in time" in allowed._repr_html_()
    assert len(allowed.events()) == 4


def test_allow_without_a_late_fact_stays_point_in_time(view: lakebt.View) -> None:
    result = lakebt.Study(view, index="SIM", on_look_ahead="allow", **GRID).run()

    assert result.is_point_in_time


def test_facts_of_the_caller_are_stamped(view: lakebt.View) -> None:
    changes = [
        lakebt.IndexChange(
            index="MINE",
            symbol="MEM0001",
            side="addition",
            announced="2010-03-01",
            effective="2010-03-08",
        )
    ]

    study = lakebt.Study(view, changes=changes, hedge="MKT", **GRID)
    result = study.run()

    assert "supplied by the caller" in result._repr_html_()
    assert result.events()["event_id"].tolist() == ["MINE:2010-03-01:2010-03-08"]
    with pytest.raises(ValueError, match="changes must be IndexChange values"):
        lakebt.Study(view, changes=["MEM0001"], **GRID)  # type: ignore[list-item]


def told(**other: Any) -> lakebt.IndexChange:
    known: dict[str, Any] = {
        "index": "MINE",
        "symbol": "MEM0001",
        "side": "addition",
        "announced": "2010-03-01",
        "effective": "2010-03-08",
    }
    return lakebt.IndexChange(**{**known, **other})


@pytest.mark.parametrize(
    "other",
    [
        {"effective": "2010-03-15"},
        {"effective": None},
        {"cause": "merger"},
        {"isin": "US0378331005"},
    ],
)
def test_two_versions_of_a_change_known_at_once_are_refused_with_both_named(
    view: lakebt.View, other: dict[str, Any]
) -> None:
    changes = [told(), told(**other)]
    ((name, value),) = other.items()
    for order in (changes, changes[::-1]):
        with pytest.raises(ValueError, match="MINE:MEM0001:addition:2010-03-01") as no:
            lakebt.Study(view, changes=order, **GRID)
        assert f"{name}={value!r}" in str(no.value)
        assert str(no.value).count(f"{name}=") == 2
    with pytest.raises(ValueError, match="two versions"):
        Sweep(view, changes=changes, **GRID)


def test_the_order_of_changes_and_one_given_twice_decide_nothing(
    view: lakebt.View,
) -> None:
    changes = [
        told(),
        told(effective="2010-03-15", known_at="2010-03-03T12:00:00Z"),  # a correction
        told(announced="2010-03-02"),
        told(symbol="MEM0002"),
        told(symbol="MEM0002", side="deletion"),
    ]

    def events(of: list[lakebt.IndexChange]) -> pd.DataFrame:
        study = lakebt.Study(
            view,
            changes=of,
            hedge="MKT",
            entries=["AD+1@open", "ED@open"],
            exits=["ED@close", "+3"],
        )
        return study.run(record=False).events()

    expected = events(changes)
    assert expected["event_id"].nunique() == 3
    for other in (changes[::-1], changes[2:] + changes[:2], [*changes, *changes]):
        pd.testing.assert_frame_equal(events(other), expected)


def test_missing_prices_stop_exclude_or_drop(view: lakebt.View) -> None:
    def change(symbol: str, side: str) -> lakebt.IndexChange:
        return lakebt.IndexChange(
            index="MINE",
            symbol=symbol,
            side=side,
            announced="2010-03-01",
            effective="2010-03-08",
        )

    changes = [
        change("MEM0001", "addition"),
        change("MEM0002", "deletion"),
        change("GONE", "deletion"),
    ]

    def run(missing: str) -> lakebt.Result:
        return lakebt.Study(view, changes=changes, missing=missing, **GRID).run()

    with pytest.raises(
        UntradeableError, match=r"1 no_price \(no price of GONE: the view has none\)"
    ):
        run("exclude")
    with pytest.raises(
        UntradeableError, match=r"no price of GONE: the view has none; publish"
    ):
        run("raise")
    dropped = run("drop_leg")
    legs = dropped.legs().set_index("symbol")
    assert legs.loc["MEM0002", "weight"] == -0.5
    assert np.isnan(legs["price_return"].to_dict()["GONE"])


def test_one_sided_events_say_what_a_hedge_would_run(
    view: lakebt.View, tmp_path: Path
) -> None:
    prices = view.read("prices", where={"symbol": ["MKT", "ADD0001"]})
    bars = prices.assign(symbol=prices["symbol"].replace("MKT", "SPY"))
    columns = ["symbol", "session", "open", "high", "low", "close", "basis"]
    changes = view.read("index_changes", where={"symbol": "ADD0001"})
    lake = lakebt.Lake.open(tmp_path / "lake")
    lake.publish(
        {
            "prices": bars[columns],
            "index_changes": changes[
                ["index", "symbol", "side", "announced", "effective"]
            ],
        },
        release="R1",
        as_of="2011-01-01T00:00:00Z",
    )
    grid: dict[str, Any] = {"entries": ["AD@close", "AD+1@open"], "exits": ["+1"]}

    bare = lakebt.Study(lake.at("R1"), index="SIM", **grid).run()
    hedged = lakebt.Study(lake.at("R1"), index="SIM", hedge="SPY", **grid).run()

    assert hedged.table()["n_events"].max() == 1
    assert bare.summary() == (
        '0 of 1 events run; 1 one-sided; `hedge="SPY"` would run 1'
    )
    assert hedged.summary() == f"1 of 1 event runs; {NOTE}"


def test_tables_have_their_names_and_kinds(result: lakebt.Result) -> None:
    events, orders = result.events(), result.orders()

    assert events["entry_session"].dtype.kind == "M"
    assert str(orders["deadline"].dt.tz) == "UTC"
    assert (orders["size"] > 0).all()
    assert set(orders["at"]) == {"open", "close"}
    assert (orders["deadline"] < pd.Timestamp("2011-01-01", tz="UTC")).all()


def test_every_order_was_decided_on_what_was_known_before_its_deadline(
    result: lakebt.Result,
) -> None:
    orders = result.orders()

    assert (orders["known_at"] < orders["deadline"]).all()
    first = orders.iloc[0]
    assert first["symbol"] in first["fact"]
    assert "announced" in first["fact"]


def test_a_hedge_is_decided_with_the_legs_it_stands_against(view: lakebt.View) -> None:
    study = lakebt.Study(view, index="SIM", side="additions", hedge="MKT", **GRID)

    orders = study.run().orders()

    hedges = orders[orders["symbol"] == "MKT"]
    assert hedges["fact"].str.startswith("hedge of ADD").all()
    assert (hedges["known_at"] < hedges["deadline"]).all()


def test_every_entry_is_opposite_to_its_exit(result: lakebt.Result) -> None:
    orders = result.orders().assign(
        signed=lambda o: np.where(o["side"] == "buy", o["size"], -o["size"])
    )

    net = orders.groupby(["event_id", "entry", "exit", "symbol"])["signed"].sum()

    np.testing.assert_allclose(net, 0.0, atol=1e-9)


def test_each_table_is_a_copy(result: lakebt.Result) -> None:
    table, surface = result.table(), result.sharpe()
    table["sharpe"] = 0.0
    surface.iloc[:, :] = 0.0

    assert result.table()["sharpe"].isna().any()
    assert result.sharpe().isna().any(axis=None)


def test_the_definition_travels_with_the_number(result: lakebt.Result) -> None:
    definition = result.sharpe().attrs["definition"]

    assert "sqrt(252)" in definition
    assert definition in result._repr_html_()


def test_returns_have_the_index_of_their_aggregate(
    view: lakebt.View, result: lakebt.Result
) -> None:
    pooled = result.returns(entry="AD+1@open", exit="1w")
    calendar = (
        lakebt.Study(
            view,
            index="SIM",
            entries=["AD+1@open"],
            exits=["1w"],
            aggregate="calendar",
        )
        .run()
        .returns(entry="AD+1@open", exit="1w")
    )

    assert pooled.index.names == ["event_id", "session"]
    assert calendar.index.name == "session"
    assert calendar.index.is_monotonic_increasing
    assert calendar.index.is_unique
    by_session = pooled.groupby("session").mean()
    held = calendar[calendar.index.isin(by_session.index)]
    np.testing.assert_allclose(held, by_session, rtol=1e-12)
    assert (calendar[~calendar.index.isin(by_session.index)] == 0.0).all()


def test_an_empty_cell_has_no_returns(result: lakebt.Result) -> None:
    assert result.returns(entry="AD@close", exit="+1").empty


def test_a_rule_the_study_does_not_have_is_told(result: lakebt.Result) -> None:
    with pytest.raises(ValueError, match=r"unknown entry 'AD\+2@open'"):
        result.returns(entry="AD+2@open", exit="+1")
    with pytest.raises(ValueError, match=r"unknown exit '9w'"):
        result.returns(entry="AD+1@open", exit="9w")


def test_to_vectorbt_says_why_an_empty_cell_is_not_there(
    result: lakebt.Result,
) -> None:
    event = result.events()["event_id"].iloc[0]

    with pytest.raises(ValueError, match="was not traded: look_ahead"):
        result.to_vectorbt(event=event, entry="AD@close", exit="+1")
    with pytest.raises(ValueError, match="unknown event 'NOPE'"):
        result.to_vectorbt(event="NOPE", entry="AD+1@open", exit="+1")


def test_a_portfolio_ends_where_the_event_does(result: lakebt.Result) -> None:
    row = result.events().iloc[0]

    portfolio = result.to_vectorbt(
        event=row["event_id"], entry=row["entry"], exit=row["exit"]
    )

    final = float(portfolio.value().iloc[-1])
    assert final == pytest.approx(100_000.0 * (1 + row["net_return"]))


def test_a_study_shows_what_it_will_refuse_before_it_runs(view: lakebt.View) -> None:
    study = lakebt.Study(
        view, index="SIM", entries=["AD@close", "AD+1@open"], exits=["+1"]
    )

    counts = study.refusals()

    assert counts.to_dict("records") == [
        {
            "entry": "AD@close",
            "exit": "+1",
            "reason": "look_ahead",
            "n_events": 4,
            "n_total": 4,
        }
    ]
    html = study._repr_html_()
    assert "R1" in html
    assert "SIM" in html
    assert "<table" in html


@pytest.mark.slow
def test_progress_is_told_event_by_event(view: lakebt.View) -> None:
    told: list[tuple[int, int]] = []

    lakebt.Study(view, index="SIM", **GRID).run(
        engine="vectorbt", progress=lambda *now: told.append(now)
    )

    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_causes_are_counted_by_event(result: lakebt.Result) -> None:
    assert result.causes().to_dict() == {"discretionary": 4}


def test_a_view_past_the_cutoff_is_said(tmp_path: Path) -> None:
    market = simulated_market(seed=9, n_events=4, n_members=2, before=12, after=80)
    lake = lakebt.Lake.open(tmp_path / "lake")
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    later = lake.as_of(market.as_of + dt.timedelta(days=400))

    html = lakebt.Study(later, index="SIM", **GRID).run()._repr_html_()

    assert "past the release" in html


def test_figures_are_there(result: lakebt.Result) -> None:
    assert result.plot().data
    assert result.plot_paths().data
    assert {"addition", "deletion"} <= set(result.paths()["side"])


@pytest.mark.slow
def test_a_report_needs_its_folder(result: lakebt.Result, tmp_path: Path) -> None:
    with pytest.raises(LakebtError, match="nowhere"):
        result.report(tmp_path / "nowhere" / "report.html")


def test_each_event_has_the_figures_of_its_own_returns(result: lakebt.Result) -> None:
    rows = result.events()
    orders = result.orders()
    traded = (orders["size"] * orders["price"]).groupby(
        [orders["event_id"], orders["entry"], orders["exit"]]
    )
    turnover = traded.sum() / result.arguments.capital_usd

    for row in rows.to_dict("records"):
        returns = result.returns(entry=row["entry"], exit=row["exit"])[row["event_id"]]
        assert row["n_returns"] == len(returns)
        assert row["mean_bps"] == pytest.approx(1e4 * returns.mean())
        equity = np.append(1.0, (1.0 + returns).cumprod())
        fallen = (1.0 - equity / np.maximum.accumulate(equity)).max()
        assert row["max_drawdown"] == pytest.approx(fallen, abs=1e-12)
        key = (row["event_id"], row["entry"], row["exit"])
        assert row["turnover"] == pytest.approx(turnover[key])
        if len(returns) == 1:
            assert np.isnan(row["sharpe"])
            assert np.isnan(row["volatility_bps"])
            continue
        deviation = returns.std()
        assert row["volatility_bps"] == pytest.approx(1e4 * deviation)
        ratio = returns.mean() / deviation * 252**0.5
        assert row["sharpe"] == pytest.approx(ratio)
    assert {1} < set(rows["n_returns"])


def test_gaps_of_a_cell_that_was_not_traded_are_not_told(tmp_path: Path) -> None:
    market = simulated_market(seed=7, n_events=2, n_members=1, before=15, after=25)
    changes, prices = market.index_changes, market.prices
    alone = changes[changes["effective"] == changes["effective"].min()]
    added = alone.loc[alone["side"] == "addition"].iloc[0]
    own = prices[prices["symbol"] == added["symbol"]]
    hole = own[own["session"] > added["effective"]].index[1:4]
    deleted = alone.index[alone["side"] == "deletion"]
    lake = lakebt.Lake.open(tmp_path / "lake")
    lake.publish(
        {"prices": prices.drop(hole), "index_changes": changes.drop(deleted)},
        release="R1",
        as_of=market.as_of,
    )
    asked: dict[str, Any] = {
        "index": "SIM",
        "entries": ["AD+1@open"],
        "exits": ["ED+10@close"],
    }

    one_sided = lakebt.Study(lake.at("R1"), **asked).run()
    hedged = lakebt.Study(lake.at("R1"), hedge="MKT", **asked).run()

    assert one_sided.refused()["reason"].tolist() == ["one_sided"]
    assert "missing" not in one_sided.summary()
    assert "3 missing closes were marked" in hedged.summary()
