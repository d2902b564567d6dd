from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from lakebt.errors import UnknownNameError
from lakebt.facts import Side
from lakebt.lake import Lake
from lakebt.lake.reading import bases, in_force
from lakebt.lake.reading import release_tables as pinned
from tests.lake.conftest import make_prices
from tests.lake.frames import AS_OF, Q3_KNOWN, bars, changes, clock, q1, q3, utc

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake

CLOSE_OF_2 = "2022-09-02T20:00:00Z"


ORIGINALS = {"prices": make_prices}


@pytest.fixture
def prices(lake: Lake) -> Lake:
    """A lake of one release."""
    return lake


def test_a_view_says_what_it_knows(prices: Lake) -> None:
    view = prices.at("R1")

    assert view.release == "R1"
    assert view.instant == view.cutoff == utc(AS_OF)
    assert not view.past_cutoff
    assert view.sessions.exchange == "XNYS"
    assert repr(view) == "View('R1', as of 2022-12-31T00:00:00+00:00)"
    assert "2022-12-30 19:00:00 New York" in view._repr_html_()


def test_a_view_past_the_cutoff_says_so(prices: Lake) -> None:
    view = prices.as_of("2023-01-01T00:00:00Z")

    assert view.past_cutoff
    assert view.provenance()["past_cutoff"] is True
    assert "past the cutoff" in repr(view)
    assert "facts may be missing" in view._repr_html_()
    assert not re.search(r"(?<!-)color:", view._repr_html_())
    assert not view.as_of(AS_OF).past_cutoff


def test_a_bar_is_known_from_its_close_and_not_before(prices: Lake) -> None:
    at_the_close = prices.as_of(CLOSE_OF_2)
    just_before = at_the_close.as_of("2022-09-02T19:59:59.999999Z")

    assert len(at_the_close.panel("close")) == 2
    assert len(just_before.panel("close")) == 1
    assert len(just_before.read("prices")) == 2


def test_an_early_close_makes_a_bar_known_early(lake: Lake) -> None:
    lake.publish({"prices": bars(("2022-11-25",))}, release="R1", as_of=AS_OF)

    known_at = lake.at("R1").read("prices")["known_at"]

    assert set(known_at) == {pd.Timestamp("2022-11-25T18:00:00Z")}


def test_a_panel_holds_every_session_between_the_bars(lake: Lake) -> None:
    frame = bars(("2022-09-01", "2022-09-08"))
    lake.publish({"prices": frame}, release="R1", as_of=AS_OF)

    panel = lake.at("R1").panel("close", symbols=["BBB", "AAA"])

    expected = pd.DataFrame(
        {
            "BBB": [11.0, np.nan, np.nan, np.nan, 13.0],
            "AAA": [10.0, np.nan, np.nan, np.nan, 12.0],
        },
        index=pd.DatetimeIndex(
            ["2022-09-01", "2022-09-02", "2022-09-06", "2022-09-07", "2022-09-08"],
            name="session",
        ),
    )
    pd.testing.assert_frame_equal(panel, expected, check_index_type=False)


def test_a_panel_is_clipped_to_the_days_asked_for(prices: Lake) -> None:
    view = prices.at("R1")

    panel = view.panel("open", start=dt.date(2022, 9, 2), end="2022-09-05")

    assert list(panel.index) == [pd.Timestamp("2022-09-02")]
    assert panel.to_numpy().tolist() == [[11.5, 12.5]]


def test_a_symbol_of_which_nothing_is_known_is_empty_to_a_strategy(lake: Lake) -> None:
    frame = pd.concat([bars(symbols=("AAA",)), bars(("2022-09-06",), ("LATE",))])
    lake.publish({"prices": frame}, release="R1", as_of=AS_OF)
    early = lake.as_of(AS_OF).for_decision(utc(CLOSE_OF_2))

    both = early.panel("close", symbols=["AAA", "LATE"])
    alone = early.panel("close", symbols=["LATE"])

    assert both["LATE"].isna().all()
    assert len(both) == 2
    assert alone.shape == (0, 1)
    assert list(early.panel("close")) == ["AAA"]


def test_a_symbol_known_from_another_table_only_is_an_empty_column(lake: Lake) -> None:
    tables = {"prices": bars(), "index_changes": changes()}
    lake.publish(tables, release="R1", as_of=AS_OF)

    panel = lake.at("R1").panel("close", symbols=["AAA", "OLD"])

    assert panel["OLD"].isna().all()


def test_no_symbols_are_an_empty_panel(prices: Lake) -> None:
    panel = prices.at("R1").panel("close", symbols=[])

    assert panel.shape == (0, 0)
    assert panel.index.name == "session"


def test_panels_can_be_changed_without_changing_the_next_one(prices: Lake) -> None:
    view = prices.at("R1")
    panel = view.panel("close")
    panel.iloc[:] = 0.0

    assert view.panel("close").iloc[0, 0] == 10.0


@pytest.mark.parametrize("limit", [2_000_000, 0])
def test_a_withdrawn_bar_is_a_gap_from_then_on(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(pinned, "WHOLE_ROWS", limit)
    monkeypatch.setattr(in_force, "WHOLE_ROWS", limit)
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    gone = bars(("2022-09-06",), known_at=pd.Timestamp("2022-10-01T00:30Z"))
    lake.publish({"prices": gone.assign(retracted=True)}, release="R2", as_of=AS_OF)
    view = lake.at("R2")

    assert len(view.panel("close")) == 2
    assert len(view.read("prices", where={"symbol": "AAA"})) == 2
    assert len(view.as_of("2022-09-30T00:00:00Z").panel("close")) == 3
    assert list(view.panel("volume", symbols=["BBB"])["BBB"]) == [1000.0, 1000.0]
    history = view.price_history(["AAA", "NONE", "BBB"])
    assert history.symbols == ("AAA", "BBB")
    assert len(history.symbol) == 8
    assert history.retracted.sum() == 2


def test_read_keeps_the_order_of_columns_asked_for(prices: Lake) -> None:
    frame = prices.at("R1").read("prices", columns=["close", "symbol"])

    assert list(frame) == ["close", "symbol"]
    assert frame.iloc[0].to_list() == [10.0, "AAA"]


def test_read_gives_days_and_instants_in_their_types(prices: Lake) -> None:
    frame = prices.at("R1").read("prices")

    assert frame["session"].dtype == "datetime64[us]"
    assert frame["known_at"].dtype == "datetime64[us, UTC]"
    assert frame["symbol"].dtype == "str"
    assert "retracted" not in frame


def test_where_takes_a_value_or_a_list(prices: Lake) -> None:
    view = prices.at("R1")

    assert len(view.read("prices", where={"symbol": "AAA"})) == 3
    assert len(view.read("prices", where={"symbol": ["AAA", "BBB"], "close": 10})) == 1
    assert len(view.read("prices", where={"session": pd.Timestamp("2022-09-02")})) == 2
    assert view.read("prices", where={"symbol": []}).empty


def test_where_matches_an_instant_by_its_day_in_new_york(lake: Lake) -> None:
    lake.publish({"index_changes": changes()}, release="R1", as_of=AS_OF)
    view = lake.at("R1")

    for day in ("2022-09-02", dt.date(2022, 9, 2)):
        assert len(view.read("index_changes", where={"announced": day})) == 2
        assert len(view.changes(index="SP500", where={"announced": day})) == 2
    exact = {"announced": "2022-09-03T03:59:59.999999Z"}
    assert len(view.changes(index="SP500", where=exact)) == 2
    other = {"announced": "2022-09-03"}
    assert view.changes(index="SP500", where=other) == ()


def test_changes_come_as_facts(lake: Lake) -> None:
    frame = changes(cause=["discretionary", None], isin="US1", source="press")
    lake.publish({"index_changes": frame}, release="R1", as_of=AS_OF)
    view = lake.at("R1")

    new, old = view.changes(index="SP500")

    assert (new.symbol, new.side, new.cause) == ("NEW", Side.ADDITION, "discretionary")
    assert (old.symbol, old.side, old.cause) == ("OLD", Side.DELETION, None)
    assert new.announced == new.known_at == utc("2022-09-03T03:59:59.999999Z")
    assert new.effective == dt.date(2022, 9, 19)
    assert new.recorded is None
    assert (new.isin, new.source) == ("US1", "press")
    assert view.changes(index="SP500", where={"cause": ["discretionary"]}) == (new,)
    assert view.changes(index="SP500", where={"cause": None, "side": "deletion"}) == (
        old,
    )
    assert view.changes(index="SP500", where={"symbol": "OLD"}) == (old,)


def test_before_any_index_is_known_there_are_no_changes(lake: Lake) -> None:
    tables = {"prices": bars(), "index_changes": changes()}
    lake.publish(tables, release="R1", as_of=AS_OF)
    early = lake.as_of(CLOSE_OF_2)

    for view in (early, early.for_decision(early.instant)):
        for index in ("SP500", "NEVER"):
            assert view.changes(index=index) == ()
            assert view.change_vintages(index=index) == ()
    with pytest.raises(UnknownNameError, match=r"index 'NEVER'.* Known: SP500\."):
        lake.at("R1").changes(index="NEVER")


def test_a_postponed_change_is_a_correction_and_a_cancelled_one_is_gone(
    lake: Lake,
) -> None:
    postponed = changes(
        effective=dt.date(2022, 9, 26), known_at=pd.Timestamp("2022-09-10T00:30Z")
    )
    cancelled = postponed.assign(
        known_at=pd.Timestamp("2022-09-20T00:30Z"), retracted=[True, False]
    )
    for name, frame in (("A", changes()), ("B", postponed), ("C", cancelled)):
        lake.publish({"index_changes": frame}, release=name, as_of=AS_OF)
    view = lake.at("C")

    first = view.as_of("2022-09-09T00:00:00Z").changes(index="SP500")
    second = view.as_of("2022-09-10T00:30:00Z").changes(index="SP500")
    assert {change.effective for change in first} == {dt.date(2022, 9, 19)}
    assert {change.effective for change in second} == {dt.date(2022, 9, 26)}
    assert [change.symbol for change in view.changes(index="SP500")] == ["OLD"]
    vintages = view.change_vintages(index="SP500")
    assert [(v.change.symbol, v.retracted) for v in vintages] == [
        *(("NEW", False), ("NEW", False), ("NEW", True)),
        *(("OLD", False), ("OLD", False), ("OLD", False)),
    ]
    assert vintages == tuple(
        sorted(vintages, key=lambda v: (v.change_id, v.change.known_at))
    )


def test_recorded_is_when_a_fund_that_tracks_the_index_showed_it(lake: Lake) -> None:
    tables = {
        "index_changes": changes(),
        "etf_holdings": pd.concat([q1(index="SP500"), q3(index="SP500")]),
    }
    lake.publish(tables, release="R1", as_of=AS_OF)
    view = lake.at("R1")
    before = view.as_of("2022-11-28T20:50:54Z")

    assert {c.recorded for c in view.changes(index="SP500")} == {utc(Q3_KNOWN)}
    assert {c.recorded for c in before.changes(index="SP500")} == {None}
    assert {v.change.recorded for v in view.change_vintages(index="SP500")} == {
        utc(Q3_KNOWN)
    }


def test_columns_a_rule_derives_may_be_left_out_or_given(lake: Lake) -> None:
    frame = changes(
        change_id=["x", None], known_at=[None, pd.Timestamp("2022-09-05T00:30Z")]
    )
    frame["announced"] = pd.Timestamp("2022-09-02T21:15:00Z")
    lake.publish({"index_changes": frame}, release="R1", as_of=AS_OF)

    read = lake.at("R1").read("index_changes").set_index("symbol")

    assert read.loc["NEW", "change_id"] == "x"
    assert read.loc["NEW", "known_at"] == pd.Timestamp("2022-09-02T21:15:00Z")
    assert read.loc["OLD", "change_id"] == "SP500:OLD:deletion:2022-09-02"
    assert read.loc["OLD", "known_at"] == pd.Timestamp("2022-09-05T00:30Z")


@pytest.mark.parametrize(
    "session",
    [
        pd.Series(["2022-09-01", "2022-09-02"]),
        pd.Series([dt.date(2022, 9, 1), dt.date(2022, 9, 2)]),
        pd.to_datetime(pd.Series(["2022-09-01", "2022-09-02"])),
        pd.to_datetime(pd.Series(["2022-09-01", "2022-09-02"])).astype(
            "datetime64[ns]"
        ),
        pd.Series(["2022-09-01", dt.date(2022, 9, 2)], dtype=object),
        pd.Series(["2022-09-01", "2022-09-02"], dtype="category"),
    ],
)
def test_days_are_read_however_they_are_written(lake: Lake, session: pd.Series) -> None:
    frame = bars(("2022-09-01", "2022-09-02"), ("AAA",))
    lake.publish({"prices": frame.assign(session=session)}, release="R1", as_of=AS_OF)

    assert list(lake.at("R1").panel("close").index.astype(str)) == [
        "2022-09-01",
        "2022-09-02",
    ]


@pytest.mark.parametrize(
    "known_at",
    [
        "2022-05-27T13:54:03-04:00",
        pd.Timestamp("2022-05-27T17:54:03Z"),
        pd.Timestamp("2022-05-27 13:54:03", tz="America/New_York"),
        dt.datetime(2022, 5, 27, 17, 54, 3, tzinfo=dt.UTC),
    ],
)
def test_instants_are_read_in_any_zone(lake: Lake, known_at: object) -> None:
    frame = q1(known_at=pd.Series([known_at, known_at], dtype=object))
    lake.publish({"etf_holdings": frame}, release="R1", as_of=AS_OF)

    read = lake.at("R1").read("etf_holdings")["known_at"]
    assert set(read) == {pd.Timestamp("2022-05-27T17:54:03Z")}


def test_another_exchange_has_other_sessions(tmp_path: Path) -> None:
    lake = Lake.open(tmp_path / "london", exchange="XLON", clock=clock)
    lake.publish({"prices": bars(("2022-09-05",))}, release="R1", as_of=AS_OF)

    view = lake.at("R1")

    assert view.sessions.exchange == "XLON"
    assert view.read("prices")["known_at"][0] == pd.Timestamp("2022-09-05T15:30Z")


def test_a_lake_shows_itself(prices: Lake) -> None:
    assert repr(prices) == "Lake('lake': 1 release, the last 'R1')"
    assert "<table" in prices._repr_html_()
    assert "prices" in prices._repr_html_()


def test_a_decision_loop_scans_a_snapshot_once(
    prices: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = prices.at("R1")
    view.panel("close")
    scans: list[object] = []
    monkeypatch.setattr(pinned, "scan", lambda *args, **_: scans.append(args))

    for day in ("2022-09-01T20:00Z", "2022-09-02T20:00Z", "2022-09-06T20:00Z"):
        view.as_of(day).panel("close", symbols=["AAA"])

    assert scans == []


def test_nothing_public_of_a_view_leads_past_its_instant(prices: Lake) -> None:
    """A new public name has to be put here, and asked what it lets through."""
    view = prices.at("R1")

    names = set(object.__dir__(view))  # also what completion leaves out
    public = {name for name in names if not name.startswith("_")}

    assert public == {
        *("release", "instant", "cutoff", "past_cutoff", "sessions", "provenance"),
        *("read", "arrow", "vintages", "changes", "change_vintages", "first_shown"),
        *("panel", "price_history", "as_of", "for_decision", "symbols"),
    }


@pytest.mark.parametrize("at_once", [0, 10**6])
def test_one_basis_is_told_without_asking_when_each_bar_was_known(
    prices: Lake, path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    prices.publish({"prices": bars(("2022-09-08",))}, release="R2", as_of=AS_OF)
    other = bars(("2022-09-09",)).assign(basis="total_return")
    prices.publish({"prices": other}, release="R3", as_of=AS_OF)
    asked: list[str] = []
    whole = pinned.Pinned.first_known

    def first_known(self: pinned.Pinned, table: str, name: str) -> dict[str, int]:
        asked.append(self.release.name)
        return whole(self, table, name)

    monkeypatch.setattr(pinned.Pinned, "first_known", first_known)
    monkeypatch.setattr(bases, "AT_ONCE", at_once)

    told = [
        Lake.open(path, clock=clock).at(release, as_of=as_of).provenance()["basis"]
        for release, as_of in (("R2", None), ("R3", None), ("R2", CLOSE_OF_2))
    ]

    assert told == [["raw"], ["raw", "total_return"], ["raw"]]
    assert asked == ["R3", "R2"]  # of several bases, and at an earlier instant
