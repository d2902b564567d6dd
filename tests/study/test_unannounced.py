"""Changes of which only the effective day is known, as public lists have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import lakebt
from lakebt.facts import Side
from lakebt.sources.effective_changes import Change, EffectiveChanges
from lakebt.sources.simulated import simulated_market

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake

RULES: dict[str, Any] = {
    "entries": ["AD+1@open", "ED-1@close", "ED@open", "ED@close"],
    "exits": ["1w"],
}
SAID = "4 events have no announcement for AD rules to count from"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> lakebt.Lake:
    """Two releases of one market: with announcements, and the days alone."""
    market = simulated_market(seed=3, n_events=4, n_members=2)
    told = market.tables["index_changes"]
    alone = EffectiveChanges(index="ALONE", symbols={})
    for row in told.to_dict("records"):
        change = Change(
            symbol=str(row["symbol"]), side=Side(row["side"]), day=row["effective"]
        )
        alone.add(change)
    path: Path = tmp_path_factory.mktemp("unannounced") / "lake"
    made = lakebt.Lake.open(path)
    made.publish(market.tables, release="TOLD", as_of=market.as_of)
    days = alone.converted(n_read=len(told), where="the list").frame
    made.publish({"index_changes": days}, release="DAYS", as_of=market.as_of)
    return made


def test_rules_that_count_from_the_announcement_are_refused_and_it_is_said(
    lake: lakebt.Lake,
) -> None:
    result = lakebt.Study(lake.at("DAYS"), index="ALONE", **RULES).run(record=False)

    by_entry = result.surface().set_index("entry")
    assert by_entry["n_refused"].to_dict() == {
        "AD+1@open": 4,  # no date to count from
        "ED-1@close": 4,  # known only after it
        "ED@open": 0,
        "ED@close": 0,
    }
    assert SAID in result.summary()


def test_with_announcements_they_run_and_the_others_are_the_same(
    lake: lakebt.Lake,
) -> None:
    told = lakebt.Study(lake.at("TOLD"), index="SIM", **RULES).run(record=False)
    alone = lakebt.Study(lake.at("DAYS"), index="ALONE", **RULES).run(record=False)

    assert told.surface()["n_refused"].tolist() == [0, 0, 0, 0]
    assert "announcement" not in told.summary().split(";")[0]
    assert SAID not in told.summary()
    both = [each.surface().set_index("entry").loc["ED@close"] for each in (told, alone)]
    assert both[0]["sharpe"] == both[1]["sharpe"]
