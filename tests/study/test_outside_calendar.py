"""A date outside the exchange's calendar empties its own cells, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import lakebt
from lakebt.sessions import Sessions

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake

GOOD = [
    ["IX", "A", "addition", "2010-03-15", "2010-03-22"],
    ["IX", "B", "deletion", "2010-03-15", "2010-03-22"],
]
RULES: dict[str, Any] = {
    "entries": ["AD+1@open", "ED-1@close", "2010-04-05@open"],
    "exits": ["+1", "1w", "ED@close"],
}


def prices() -> pd.DataFrame:
    sessions = Sessions.of()
    days = [d for d in sessions.days if "2010-03-01" <= str(d) <= "2010-05-31"]
    frame = pd.concat([pd.DataFrame({"symbol": s, "session": days}) for s in "ABC"])
    close = 50.0 + (pd.Series(range(len(frame)), index=frame.index) % 7)
    frame = frame.assign(open=close, high=close, low=close, close=close, basis="raw")
    return frame.reset_index(drop=True)


def result(path: Path, *rows: list[str], engine: str = "event") -> lakebt.Result:
    lake = lakebt.Lake.open(path)
    changes = pd.DataFrame(
        [*GOOD, *rows], columns=["index", "symbol", "side", "announced", "effective"]
    )
    lake.publish(
        {"index_changes": changes, "prices": prices()},
        release="R",
        as_of="2015-01-01T12:00:00Z",
    )
    study = lakebt.Study(lake.at("R"), index="IX", missing="drop_leg", **RULES)
    return study.run(engine=engine)


OUTSIDE = {
    "1976": ["IX", "C", "addition", "1976-06-24", "1976-07-01"],
    "announced only": ["IX", "C", "addition", "1979-12-24", "2010-03-29"],
    "end of time": ["IX", "C", "addition", "2010-04-01", "9999-12-31"],
    "2099": ["IX", "C", "addition", "2010-04-01", "2099-12-31"],
    "2050": ["IX", "C", "addition", "2010-04-01", "2050-01-03"],
}


def _several() -> list[list[str]]:
    return [OUTSIDE[name] for name in ("1976", "announced only", "end of time")]


@pytest.mark.parametrize("row", OUTSIDE)
def test_the_other_events_trade_as_without_it(tmp_path: Path, row: str) -> None:
    alone = result(tmp_path / "alone").events()

    found = result(tmp_path / "with", OUTSIDE[row])

    good = found.events()
    good = good[good["event_id"] == "IX:2010-03-15:2010-03-22"]
    pd.testing.assert_frame_equal(
        good.reset_index(drop=True), alone.reset_index(drop=True)
    )
    refused = found.refused()
    mine = refused[~refused["event_id"].str.startswith("IX:2010-03-15")]
    told = mine[mine["reason"] == "no_session"]
    assert len(told)
    outside = next(d for d in OUTSIDE[row][:2:-1] if not "1980" <= d < "2050")
    facts = told["fact"][told["fact"].str.contains("outside")]
    assert facts.str.contains(f"C .IX.*{outside} is outside the calendar of XNYS").any()


def test_both_plans_say_the_same(tmp_path: Path) -> None:
    found = result(tmp_path / "lake", *_several())
    study = lakebt.Study(
        lakebt.Lake.open(tmp_path / "lake").at("R"), index="IX", **RULES
    )

    planned = {
        (cell.event.event_id, cell.entry, cell.exit): str(cell.empty.reason)
        for cell in study.plan()
        if cell.empty is not None
    }

    refused = found.refused()
    empty = refused[refused["reason"] == "no_session"]
    for event, entry, exit_ in empty[["event_id", "entry", "exit"]].to_numpy().tolist():
        assert planned[event, entry, exit_] == "no_session"


@pytest.mark.slow
def test_a_report_is_written_all_the_same(tmp_path: Path) -> None:
    found = result(tmp_path / "lake", *_several())

    found.report(str(tmp_path / "report.html"))

    assert (tmp_path / "report.html").stat().st_size
