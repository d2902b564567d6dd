"""What hindsight adds: by hand, on a simulated jump, and on real additions."""

from __future__ import annotations

import dataclasses
import datetime as dt
import html
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.sessions import Sessions
from lakebt.sources.prices import convert_prices
from lakebt.sources.rebalances import convert_rebalances
from lakebt.sources.simulated import simulated_market
from lakebt.study import tables
from lakebt.study.hindsight_scope import NEWEST, HindsightScope
from lakebt.study.scope import Scope
from lakebt.study.trading import trade

if TYPE_CHECKING:
    from pathlib import Path

    from lakebt.study.hindsight import Hindsight

pytestmark = pytest.mark.filterwarnings("ignore::lakebt.AuditWarning")

RULES: dict[str, Any] = {
    "entries": ["AD@close", "AD+1@open", "ED@close"],
    "exits": ["+1", "1w"],
}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> lakebt.Lake:
    market = simulated_market(seed=1, n_events=12, jump_bps=220)
    lake = lakebt.Lake.open(tmp_path_factory.mktemp("hindsight"))
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    return lake


@pytest.fixture(scope="module")
def study(lake: lakebt.Lake) -> lakebt.Study:
    return lakebt.Study(lake.at("R1"), index="SIM", **RULES)


@pytest.fixture(scope="module")
def found(study: lakebt.Study) -> Hindsight:
    return study.hindsight()


def of(
    found: Hindsight, knowledge: str, entry: str, *, retro: bool = False
) -> pd.DataFrame:
    rows = found.table()
    is_one = (rows["knowledge"] == knowledge) & (rows["entry"] == entry)
    return rows[is_one & (rows["retro_adjusted"] == retro)]


def test_a_refused_rule_earns_the_jump_once_all_is_known(found: Hindsight) -> None:
    assert (of(found, "as_known", "AD@close")["n_events"] == 0).all()
    newest = of(found, "newest", "AD@close")
    assert (newest["n_events"] == 12).all()
    assert newest["mean_bps"].iloc[0] > 100
    assert "AD@close" in found.sentence
    assert "refused as known" in found.sentence


def test_where_nothing_was_late_hindsight_adds_nothing(lake: lakebt.Lake) -> None:
    late = lakebt.Study(
        lake.at("R1"), index="SIM", entries=["ED@close"], exits=["+1"]
    ).hindsight()

    assert late.sentence.startswith("Hindsight adds nothing: ")
    assert "nobody" not in late.sentence


def test_what_was_told_in_the_eighties_is_known_from_the_start(tmp_path: Path) -> None:
    days = Sessions.of("XNYS").days.astype("datetime64[us]")
    days = days[
        (days >= np.datetime64("1985-04-01")) & (days < np.datetime64("1985-07"))
    ]
    flat = {"open": 9.0, "high": 9.0, "low": 9.0, "close": 9.0, "basis": "raw"}
    bars = pd.DataFrame({"symbol": "OLD", "session": days, **flat})
    told = {"index": "SP500", "symbol": "OLD", "side": "addition"}
    on = {"announced": "1985-05-01", "effective": "1985-05-09"}
    tables = {"prices": bars, "index_changes": pd.DataFrame([{**told, **on}])}
    lake = lakebt.Lake.open(tmp_path)
    lake.publish(tables, release="R1", as_of="1985-12-31T21:00:00Z")
    rule: dict[str, Any] = {"entries": ["AD@close"], "exits": ["+1"]}
    asked = {"index": "SP500", "side": "additions", **rule}

    rows = lakebt.Study(lake.at("R1"), **asked).hindsight().table()

    counts = rows[~rows["retro_adjusted"]].set_index("knowledge")["n_events"]
    assert counts.to_dict() == {"as_known": 0, "newest": 1, "effective_dates": 0}


def test_effective_dates_alone_leave_what_begins_with_the_change(
    found: Hindsight,
) -> None:
    for entry in ("AD@close", "AD+1@open"):
        assert (of(found, "effective_dates", entry)["n_events"] == 0).all()
    assert (of(found, "effective_dates", "ED@close")["n_events"] > 0).all()


def test_as_known_is_the_result_of_the_study(
    study: lakebt.Study, found: Hindsight
) -> None:
    result = study.run(record=False)
    table = result.table()
    rows = found.table()
    known = rows[~rows["looks_ahead"]].reset_index(drop=True)
    assert (known["knowledge"] == "as_known").all()
    assert not known["retro_adjusted"].any()
    np.testing.assert_array_equal(known["mean_bps"], table["net_bps"])
    np.testing.assert_array_equal(known["sharpe"], table["sharpe"])
    pd.testing.assert_frame_equal(result.hindsight().table(), rows)


def test_every_rule_has_every_knowledge_once(found: Hindsight) -> None:
    rows = found.table()
    assert len(rows) == 6 * 3 * 2
    keys = ["entry", "exit", "knowledge", "retro_adjusted"]
    assert not rows.duplicated(keys).any()
    assert rows["looks_ahead"].sum() == 6 * 5


def test_without_actions_prices_cannot_be_adjusted_otherwise(found: Hindsight) -> None:
    rows = found.table()
    is_retro = rows["retro_adjusted"]
    for name in ("mean_bps", "n_events"):
        np.testing.assert_array_equal(rows[is_retro][name], rows[~is_retro][name])


def test_nothing_is_recorded(lake: lakebt.Lake, study: lakebt.Study) -> None:
    before = len(lake.trials())
    study.hindsight().table()
    assert len(lake.trials()) == before


def test_it_is_told_as_look_ahead(found: Hindsight) -> None:
    assert repr(found).startswith("Hindsight(looks ahead: ")
    assert "Looks ahead: " in found._repr_html_()
    assert "#d93a36" in found._repr_html_()
    names = [trace.name for trace in found.plot().data]
    assert names[0] == "as known"
    assert all(name.endswith("(looks ahead)") for name in names[1:])


def test_facts_name_what_was_told_first_and_when_it_was_known(
    lake: lakebt.Lake,
) -> None:
    view = lake.at("R1")
    change = view.changes(index="SIM")[0]
    assert change.effective is not None
    postponed = view.sessions.date(view.sessions.on_or_after(change.effective) + 1)
    corrected = dataclasses.replace(
        change, effective=postponed, known_at=change.known_at + dt.timedelta(hours=30)
    )
    study = lakebt.Study(view, changes=[change, corrected], **RULES)

    facts = study.hindsight().facts()

    newest = facts[facts["knowledge"] == "newest"]
    assert newest["fact"].tolist() == ["effective"]
    row = newest.iloc[0]
    told = str(change.effective), str(postponed)
    assert (row["as_known"], row["pretended"]) == told
    assert row["known_at"] == change.known_at
    assert row["pretended_known_at"] < row["known_at"]
    dates = facts[facts["knowledge"] == "effective_dates"]
    assert set(dates["fact"]) == {"effective", "announced", "known_at"}
    opens = view.sessions.instant(view.sessions.on_or_after(postponed), "open")
    assert (dates["pretended_known_at"] == opens).all()


def test_a_total_return_is_the_same_in_cash_and_in_adjusted_prices(
    tmp_path: Path,
) -> None:
    market = simulated_market(seed=1, n_events=4, jump_bps=220)
    prices, changes = market.tables["prices"], market.tables["index_changes"]
    symbol = changes["symbol"].iloc[0]
    day = pd.Timestamp(changes["effective"].iloc[0]) + pd.Timedelta(days=2)
    own = prices[prices["symbol"] == symbol]
    ex_date = own["session"][pd.to_datetime(own["session"]) >= day].iloc[0]
    paid = pd.DataFrame(
        {"symbol": [symbol], "kind": "cash_dividend", "ex_date": ex_date, "cash": 0.5}
    )
    lake = lakebt.Lake.open(tmp_path)
    lake.publish(
        {**market.tables, "corporate_actions": paid}, release="R1", as_of=market.as_of
    )
    study = lakebt.Study(lake.at("R1"), index="SIM", entries=["ED@close"], exits=["1w"])

    rows = study.hindsight().table().set_index(["knowledge", "retro_adjusted"])

    as_known = rows["mean_bps"]["as_known"]
    # Reinvested at the close before, and not kept in cash: a little more or less.
    assert as_known.loc[True] == pytest.approx(as_known.loc[False], abs=5.0)
    assert as_known.loc[True] != as_known.loc[False]


@pytest.mark.slow
def test_real_additions_jump_before_anybody_could_trade(
    realdata: Path, tmp_path: Path
) -> None:
    changes = pd.read_csv(realdata / "events.csv", dtype=str, keep_default_na=False)
    lake = lakebt.Lake.open(tmp_path)
    prices = convert_prices(pd.read_parquet(realdata / "prices.parquet")).frame
    lake.publish(
        {"index_changes": convert_rebalances(changes).frame, "prices": prices},
        release="R1",
        as_of="2026-04-01T00:00:00Z",
    )
    study = lakebt.Study(
        lake.at("R1"),
        index="SP500",
        side="additions",
        where={"announced_quality": ["exact", "derived"]},
        hedge="SPY",
        missing="drop_leg",
        entries=["AD@close"],
        exits=["AD+1@open"],
    )
    found = study.hindsight()

    known = of(found, "as_known", "AD@close").iloc[0]
    assert (known["n_events"], known["n_refused"] > 0) == (0, True)
    newest = HindsightScope(
        Scope(study.view, study.arguments), knowledge=NEWEST, retro_adjusted=False
    )
    traded = trade(newest, engine="event")
    legs = tables.legs(traded.lookup.each(event=None, entry=None, exit_=None), traded)
    legs = legs.dropna(subset="weight")
    jump = legs["price_return"] - legs["hedge_return"]
    assert 1e4 * jump.mean() == pytest.approx(218.0, abs=0.5)


@pytest.mark.slow
def test_the_report_has_a_section_of_it_where_somebody_asks(
    study: lakebt.Study, found: Hindsight, tmp_path: Path
) -> None:
    result, path = study.run(record=False), tmp_path / "report.html"
    result.report(path)
    assert '<section id="hindsight"' not in path.read_text(encoding="utf-8")

    result.report(path, hindsight=found)
    page = path.read_text(encoding="utf-8")
    own = page[page.index('<section id="hindsight"') : page.index('id="left-out"')]

    assert f"Looks ahead: {found.sentence}" in html.unescape(own)
    assert own.count("<tr") == 2 + 18 + len(found.facts()), "two heads, rules, facts"
    assert own.count('<tr class="ahead"') == 12, "two of three kinds of knowledge"
    assert own.count("(looks ahead)") == 12
    assert "12 events" in own
    assert own.index("AD@close") < own.index("AD+1@open") < own.index("ED@close")
