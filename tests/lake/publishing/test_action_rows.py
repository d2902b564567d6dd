"""Corporate actions, identifiers and borrow rates: from what is handed to the view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakebt.errors import AuditError, UnknownNameError
from lakebt.lake import Lake
from lakebt.lake.declaring import declaration
from lakebt.lake.publishing.audits.preview import foreseen_first
from lakebt.lake.publishing.publication import examine
from lakebt.lake.tables.schemas import FROM_THE_START
from lakebt.lake.tables.specs import Specs
from lakebt.lake.trials.origin import Origin
from lakebt.prices.actions import ActionKind
from lakebt.sessions import Exchange
from tests.lake.frames import AS_OF, NOW, bars, clock
from tests.real_actions import real_actions, real_bars

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::lakebt.errors.AuditWarning")

ACTIONS: list[dict[str, Any]] = [
    {"symbol": "AAA", "kind": "split", "ex_date": "2022-09-06", "ratio": "1/3"},
    {
        "symbol": "BBB",
        "kind": "spin_off",
        "ex_date": "2022-09-06",
        "ratio": 2,
        "other": "KID",
    },
    {"symbol": "KID", "kind": "rename", "ex_date": "2022-10-03", "other": "SON"},
    {
        "symbol": "SNI",
        "kind": "merger",
        "ex_date": "2018-03-07",
        "announced": "2017-07-31T11:30:00Z",
        "cash": 63.0,
        "other": None,
        "label": "deal",
        "known_at": "2017-07-31T11:30:00Z",
    },
    {
        "symbol": "SNI",
        "kind": "merger",
        "ex_date": "2018-03-07",
        "announced": "2017-07-31T11:30:00Z",
        "cash": 65.82,
        "label": "deal",
        "known_at": "2018-03-02T14:00:00Z",
    },
]


def frame(*rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(list(rows))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """R0 has bars of four symbols, R1 has actions too."""
    made = Lake.open(tmp_path_factory.mktemp("rows") / "lake", clock=clock)
    prices = bars(symbols=("AAA", "BBB", "KID", "SON"))
    made.publish({"prices": prices}, release="R0", as_of=AS_OF)
    told = frame(*ACTIONS)
    told["known_at"] = told["known_at"].fillna("2022-09-02T20:00:00Z")
    made.publish({"corporate_actions": told}, release="R1", as_of=AS_OF)
    return made


def published(folder: Path, table: str, *rows: dict[str, Any]) -> pd.DataFrame:
    lake = Lake.open(folder / "lake", clock=clock)
    lake.publish({table: frame(*rows)}, release="R1", as_of=AS_OF)
    return lake.at("R1").read(table)


def test_what_is_left_out_is_derived(tmp_path: Path) -> None:
    found = published(tmp_path, "corporate_actions", *ACTIONS[:3], ACTIONS[4])

    assert found["action_id"].tolist() == [
        "AAA:split:2022-09-06",
        "BBB:spin_off:KID:2022-09-06",
        "KID:rename:SON:2022-10-03",
        "SNI:merger:deal:2017-07-31",
    ]
    assert set(found["currency"]) == {"USD"}
    assert found["ratio"].tolist()[:2] == [1 / 3, 2.0]
    told = found["known_at"].dt.tz_convert("America/New_York").astype(str).tolist()
    assert told[:3] == [
        "2022-09-05 23:59:59.999999-04:00",
        "2022-09-05 23:59:59.999999-04:00",
        "2022-10-02 23:59:59.999999-04:00",
    ]


def test_an_announcement_says_when_it_was_known(tmp_path: Path) -> None:
    instant = {"announced": "2022-09-01T16:05:00-04:00"}
    day = {"announced": "2022-09-01", "symbol": "BBB"}
    found = published(
        tmp_path, "corporate_actions", ACTIONS[0] | instant, ACTIONS[0] | day
    )

    assert [str(each) for each in found["known_at"]] == [
        "2022-09-01 20:05:00+00:00",
        "2022-09-02 03:59:59.999999+00:00",
    ]
    assert found["action_id"].tolist() == [
        "AAA:split:2022-09-01",
        "BBB:split:2022-09-01",
    ]


def test_a_deal_that_is_priced_anew_is_one_action(lake: Lake) -> None:
    told = lake.at("R1").vintages("corporate_actions", "SNI:merger:deal:2017-07-31")

    assert told["cash"].tolist() == [63.0, 65.82]
    assert told["changed"].tolist() == [(), ("cash",)]
    early = lake.at("R1").as_of("2018-03-01T00:00:00Z").read("corporate_actions")
    assert early["cash"].tolist() == [63.0]


@pytest.mark.parametrize(
    ("ratio", "number"),
    [
        ("1/3", 1 / 3),
        (" 2-for-1 ", 2.0),
        ("1 for 8", 0.125),
        ("7", 7.0),
        ("1.002746", 1.002746),
        (4, 4.0),
        (np.float32(0.5), 0.5),
    ],
)
def test_ratios_are_read_as_they_are_meant(ratio: object, number: float) -> None:
    rows = frame(ACTIONS[0] | {"ratio": ratio}, ACTIONS[1] | {"ratio": "3/2"})
    report = examined(rows)

    assert column(report, "ratio") == [number, 1.5]


def examined(rows: pd.DataFrame) -> Any:
    return examine(
        {"corporate_actions": rows},
        release="R1",
        as_of=AS_OF,
        specs=Specs({}),
        now=NOW,
        sessions=Exchange("XNYS"),
    )


def column(publication: Any, name: str) -> list[Any]:
    rows = publication.tables["corporate_actions"].rows
    return list(rows.column(name).to_pylist())


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(len(ACTIONS))))
def test_rows_in_any_order_are_one_release(order: list[int]) -> None:
    given_rows = frame(*(ACTIONS[place] for place in order))

    assert examined(given_rows).digest == examined(frame(*ACTIONS)).digest


def test_identifiers_and_rates_are_known_before_they_count(tmp_path: Path) -> None:
    names = {"instrument_id": "I", "identifier": "X", "kind": "symbol"}
    found = published(
        tmp_path / "a", "instruments", names | {"valid_from": "2022-09-06"}
    )
    rate = {"symbol": "X", "session": "2022-09-06", "rate_bps_per_year": 50}
    rates = published(tmp_path / "b", "borrow", rate)

    assert str(found["known_at"][0]) == "2022-09-06 03:59:59.999999+00:00"
    assert str(rates["known_at"][0]) == "2022-09-06 20:00:00+00:00"


def test_prices_bring_the_actions_of_what_comes_of_them(lake: Lake) -> None:
    history = lake.at("R1").price_history(["BBB"])
    told = [(a.symbol, a.kind, a.ratio, a.other) for a in history.actions.final]

    assert history.symbols == ("BBB", "KID", "SON")
    assert history.actions.symbols == ("BBB", "KID", "SON")
    assert told[0] == ("BBB", ActionKind.SPIN_OFF, 2.0, "KID")
    assert told[1][:2] == ("KID", ActionKind.RENAME)
    assert history.actions.final[0].session == history.sessions.number(
        pd.Timestamp("2022-09-06").date()
    )


def test_prices_of_others_bring_no_actions(lake: Lake) -> None:
    assert len(lake.at("R1").price_history(["SON"]).actions) == 0
    assert len(lake.at("R0").price_history(["AAA", "BBB"]).actions) == 0


def test_what_is_not_known_yet_is_not_told(lake: Lake) -> None:
    early = lake.at("R1").as_of("2022-09-02T20:00:00Z")  # to the microsecond
    before = lake.at("R1").as_of("2022-09-02T19:59:59.999999Z")

    assert early.price_history(["BBB"]).symbols == ("BBB", "KID", "SON")
    assert before.price_history(["BBB"]).symbols == ("BBB",)
    assert len(before.price_history(["BBB"]).actions) == 0


def test_a_vintage_of_each_row_says_on_which_basis_it_is(tmp_path: Path) -> None:
    lake = Lake.open(tmp_path / "lake", clock=clock)
    prices = bars()
    prices.loc[prices["symbol"] == "BBB", "basis"] = "split_adjusted"
    lake.publish({"prices": prices}, release="R1", as_of=AS_OF)
    history = lake.at("R1").price_history(["AAA", "BBB"])
    alone = lake.at("R1").price_history(["BBB"])

    assert history.basis == ("raw", "split_adjusted")
    assert history.row_basis.tolist() == [0, 0, 0, 1, 1, 1]
    assert alone.row_basis.tolist() == [1, 1, 1]


def test_a_table_is_made_when_it_is_first_published(tmp_path: Path) -> None:
    lake = Lake.open(tmp_path / "lake", clock=clock)
    lake.publish({"prices": bars()}, release="R0", as_of=AS_OF)
    before = lake.at("R0")
    bad = frame(ACTIONS[0] | {"ratio": 0})

    with pytest.raises(AuditError):
        lake.publish({"corporate_actions": bad}, release="R1", as_of=AS_OF)
    folders = {each.name for each in (tmp_path / "lake").rglob("*")}
    assert folders.isdisjoint({"corporate_actions", "instruments", "borrow"})
    lake.publish({"corporate_actions": frame(ACTIONS[0])}, release="R1", as_of=AS_OF)
    after = Lake.open(tmp_path / "lake", clock=clock)

    assert set(before.provenance()["digests"]) == set(FROM_THE_START)
    assert before.read("borrow").empty
    assert len(after.at("R1").read("corporate_actions")) == 1
    assert after.at("R0").read("corporate_actions").empty
    assert len(after.diff("corporate_actions", "R0", "R1").added) == 1
    assert not after.doctor().findings
    assert after.tables().set_index("name")["rows"]["corporate_actions"] == 1


def test_a_trial_is_of_the_tables_it_read(lake: Lake) -> None:
    """The id of a trial on a release without actions is what it was before."""
    before, after = (Origin.of(lake.at(name), engine="event") for name in ("R0", "R1"))

    assert set(before.digests) == set(FROM_THE_START)
    assert set(after.digests) == {*FROM_THE_START, "corporate_actions"}


def test_a_table_of_ones_own_stays_what_it_was_declared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a lake whose user declared `borrow` before there was one built in."""
    lake = Lake.open(tmp_path / "lake", clock=clock)
    with monkeypatch.context() as patch:
        patch.setattr(declaration, "RESERVED_TABLES", ())
        lake.declare("borrow", key=["day"], columns={"day": "date", "fee": "number?"})
    rows = pd.DataFrame(
        {"day": ["2022-09-01"], "fee": [1.0], "known_at": "2022-09-02T14:00Z"}
    )
    lake.publish({"borrow": rows}, release="R1", as_of=AS_OF)
    again = Lake.open(tmp_path / "lake", clock=clock)

    assert again.at("R1").read("borrow")["fee"].tolist() == [1.0]
    assert again.tables().set_index("name")["declared"]["borrow"]
    assert set(Origin.of(again.at("R1"), engine="event").digests) == set(FROM_THE_START)
    assert not again.doctor().findings


def test_the_names_of_built_in_tables_are_taken(tmp_path: Path) -> None:
    lake = Lake.open(tmp_path / "lake", clock=clock)

    with pytest.raises(Exception, match="borrow"):
        lake.declare("borrow", key=["day"], columns={"day": "date"})
    with pytest.raises(UnknownNameError):
        lake.at("R1")


@pytest.mark.slow
def test_what_really_happened_is_published(realdata: Path) -> None:
    """Real actions beside real bars: what is odd in them is told, and no more."""
    actions = real_actions(realdata / "actions")
    prices = real_bars(realdata / "actions").drop(columns="source").assign(basis="raw")
    renamed_back = actions["kind"].eq("rename") & actions["symbol"].isin(["FI", "QQQQ"])
    publication = examine(
        {"corporate_actions": actions[~renamed_back], "prices": prices},
        release="R1",
        as_of="2026-11-01T12:00:00Z",
        specs=Specs({}),
        now=pd.Timestamp("2026-11-02T00:00Z").to_pydatetime(),
        sessions=Exchange("XNYS"),
    )
    report = foreseen_first(publication, sessions=Exchange("XNYS"))
    told = {each.audit: each for each in report.found if each.table != "prices"}

    assert set(told) == {"ratios", "large_dividends", "stale", "no_bars"}
    assert len(told["ratios"].rows) == 12
    assert told["large_dividends"].rows["symbol"].tolist() == ["GOOGL"]
    assert told["stale"].rows["symbol"].tolist() == ["GOOG"]
    assert report.ok
