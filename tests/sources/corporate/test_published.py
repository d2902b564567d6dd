"""What the sources of corporate actions give, in a real lake."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from lakebt.lake.lake import Lake
from lakebt.sources.corporate.edgar import EdgarActions
from lakebt.sources.corporate.layouts import ActionTables
from lakebt.sources.corporate.lean import LeanActions
from lakebt.sources.corporate.yahoo import YahooActions
from tests.sources.corporate.test_edgar import CASH, saved, submission
from tests.sources.corporate.test_lean import folder
from tests.sources.corporate.test_yahoo import ROWS, frame_of

if TYPE_CHECKING:
    from lakebt.sources.converted import Converted

AS_OF = "2026-01-02T00:00:00Z"
TABLE = pd.DataFrame(
    {
        "parent": ["KFT", "TGT"],
        "child": ["KRFT", "TGTX"],
        "ratio": ["1/3", "2:1"],
        "ex_date": ["2012-10-02", "2013-10-02"],
        "announced": ["2012-08-14", None],
    }
)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Converted]:
    place = tmp_path_factory.mktemp("sources")
    (place / "lean").mkdir()
    return {
        "Tables": ActionTables().convert(TABLE),
        "Lean": LeanActions().convert(folder(place / "lean")),
        "Yahoo": YahooActions().convert(frame_of(ROWS), symbol="AAPL"),
        "Edgar": EdgarActions().convert(saved(place, submission(CASH))),
    }


@pytest.fixture(scope="module")
def actions(
    sources: dict[str, Converted], tmp_path_factory: pytest.TempPathFactory
) -> pd.DataFrame:
    lake = Lake.open(tmp_path_factory.mktemp("lake") / "lake")
    for release, converted in sources.items():
        tables = {converted.table: converted.frame}
        lake.publish(tables, release=release, as_of=AS_OF)
    return lake.at("Edgar").read("corporate_actions").set_index("action_id")


@pytest.mark.lake
def test_every_row_of_every_source_is_published(
    actions: pd.DataFrame, sources: dict[str, Converted]
) -> None:
    assert len(actions) == sum(found.kept for found in sources.values()) == 13
    assert set(actions["currency"]) == {"USD"}


@pytest.mark.lake
def test_numbers_arrive_as_they_were_meant(actions: pd.DataFrame) -> None:
    ratio, cash = actions["ratio"], actions["cash"]

    assert ratio["KFT:spin_off:KRFT:2012-08-14"] == 1 / 3
    assert ratio["NEW:split:2015-06-09"] == ratio["AAPL:split:2014-06-09"] == 7
    assert cash["AAPL:cash_dividend:2014-05-08"] == 3.29
    assert cash["CSRA:merger:2018-04-04"] == 41.25
    assert actions["other"]["OLD:rename:NEW:2015-06-04"] == "NEW"


@pytest.mark.lake
def test_when_each_was_known(actions: pd.DataFrame) -> None:
    known = actions["known_at"]
    almost = dt.timedelta(microseconds=1)

    def day(text: str) -> pd.Timestamp:
        return pd.Timestamp(text, tz="America/New_York") - almost

    assert known["KFT:spin_off:KRFT:2012-08-14"] == day("2012-08-15")
    assert known["AAPL:split:2014-06-09"] == day("2014-06-09")  # the evening before
    accepted = pd.Timestamp("2018-04-04 09:15:30", tz="America/New_York")
    assert known["CSRA:merger:2018-04-04"] == accepted
