"""Bad actions, identifiers and rates: one clear line each, and nothing is written."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from lakebt.errors import AuditError
from lakebt.lake import Lake
from tests.lake.frames import AS_OF, bars, clock

if TYPE_CHECKING:
    from pathlib import Path

DAYS = ("2022-09-01", "2022-09-02", "2022-09-06", "2022-09-07")
"""Sessions; the 5th was a holiday. AAA and CCC close at 100 on each of them."""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Raw bars of AAA and BBB, adjusted ones of CCC and DDD; BBB and CCC halve."""
    made = Lake.open(tmp_path_factory.mktemp("actions") / "lake", clock=clock)
    prices = bars(days=DAYS, symbols=("AAA", "BBB", "CCC", "DDD"))
    late = prices["session"] >= dt.date(2022, 9, 6)
    halves = prices["symbol"].isin(["BBB", "CCC"])
    close = pd.Series(100.0, index=prices.index).where(~(late & halves), 50.0)
    prices = prices.assign(open=close, high=close, low=close, close=close)
    adjusted = prices["symbol"].isin(["CCC", "DDD"])
    prices["basis"] = adjusted.map({True: "split_adjusted", False: "raw"})
    made.publish({"prices": prices}, release="R0", as_of=AS_OF, warn_on=())
    return made


def action(kind: str, symbol: str = "BBB", **told: Any) -> dict[str, Any]:
    """An action on the 6th."""
    return {"symbol": symbol, "kind": kind, "ex_date": "2022-09-06", **told}


def audited(lake: Lake, *rows: dict[str, Any], table: str = "corporate_actions") -> Any:
    return lake.audit({table: pd.DataFrame(rows)}, release="R1", as_of=AS_OF)


def line(report: Any) -> str:
    """The one line that a report has, which is all that is told of it."""
    assert len(report.found) == 1, [each.message for each in report.found]
    return str(report.found[0].message)


SPLIT = action("split", ratio=2)

GOOD = [
    SPLIT,
    action("split", ratio="1/8", symbol="EEE"),
    action("cash_dividend", cash=0.5, label="special"),
    action("spin_off", symbol="DDD", ratio="1/3", other="EEE"),
    action("rename", other="EEE", ex_date="2022-09-08"),
    action("merger", cash=1.5, ex_date="2022-09-08"),
    action("merger", cash=1.5, ratio=0.5, other="EEE", ex_date="2022-09-08"),
    action("merger", ratio=0.5, other="EEE", ex_date="2022-09-08"),
    action("delisting", ex_date="2022-09-08"),
    action("delisting", cash=0.09, ex_date="2022-09-08"),
]


@pytest.mark.parametrize("row", GOOD, ids=lambda row: row["kind"])
def test_what_is_good_is_told_nothing_of(lake: Lake, row: dict[str, Any]) -> None:
    found = audited(lake, row).found

    assert {each.audit for each in found} <= {"no_bars"}


BAD_TERMS = [
    (action("split", ratio=0), "terms", "ratio 0.0"),
    (action("split", ratio=-2), "terms", "ratio -2.0"),
    (action("split", ratio=float("inf")), "terms", "ratio inf"),
    (action("split", ratio=float("nan")), "terms", "too little for a split"),
    (action("split"), "terms", "too little for a split"),
    (action("split", ratio=2, cash=1), "terms", "more than a split has"),
    (action("split", ratio=2, other="AAA"), "terms", "more than a split has"),
    (action("cash_dividend"), "terms", "too little for a cash_dividend"),
    (action("cash_dividend", cash=0), "terms", "cash 0.0"),
    (action("cash_dividend", cash=-1), "terms", "cash -1.0"),
    (action("cash_dividend", cash=1, ratio=2), "terms", "more than a cash_dividend"),
    (action("spin_off", ratio=1), "terms", "too little for a spin_off"),
    (action("spin_off", other="AAA"), "terms", "too little for a spin_off"),
    (action("spin_off", other="AAA", ratio=1, cash=1), "terms", "more than a spin_off"),
    (action("rename"), "terms", "too little for a rename"),
    (action("rename", other="NEW", ratio=2), "terms", "more than a rename has"),
    (action("merger"), "terms", "too little for a merger"),
    (action("merger", other="AAA"), "terms", "too little for a merger"),
    (action("merger", ratio=2), "terms", "too little for a merger"),
    (action("delisting", ratio=2), "terms", "more than a delisting has"),
    (action("delisting", other="AAA"), "terms", "more than a delisting has"),
    (action("merger", ratio=2, other="BBB"), "itself", "an other that is the symbol"),
    (action("rename", other="BBB"), "itself", "an other that is the symbol"),
    (action("spin_off", other="BBB", ratio=1), "itself", "an other that is the symbol"),
    (action("dividend", cash=1), "choices", "row 0 has 'dividend'"),
    (action("split", ratio=2, currency="EUR"), "choices", "row 0 has 'EUR'"),
    (SPLIT | {"ex_date": "2022-09-05"}, "no_session", "not the record, pay or"),
    (SPLIT | {"announced": "2022-09-07"}, "ex_date", "an ex_date before announced"),
    (SPLIT | {"ex_date": None}, "empty", "column 'ex_date'"),
    (SPLIT | {"symbol": None}, "empty", "column 'symbol'"),
    (SPLIT | {"ratio": "two"}, "columns", "row 0 has 'two', which is no ratio"),
    (SPLIT | {"ratio": "2:1"}, "columns", "Write shares got per share held"),
    (SPLIT | {"ratio": "1/0"}, "columns", "row 0 has '1/0'"),
    (SPLIT | {"cash": "much"}, "columns", "row 0 has 'much'"),
    (action("cash_dividend", cash=100, symbol="AAA"), "dividends", "close 100 before"),
    (SPLIT | {"ratios": 2}, "columns", "Did you mean 'ratio'?"),
]


@pytest.mark.parametrize(("row", "audit", "says"), BAD_TERMS)
def test_bad_actions_are_refused_in_one_line(
    lake: Lake, row: dict[str, Any], audit: str, says: str
) -> None:
    report = audited(lake, row)
    told = [each for each in report.found if each.severity == "fail"]

    assert [each.audit for each in told] == [audit]
    assert says in told[0].message
    assert "\n" not in told[0].message
    assert not report.ok


def test_nothing_is_written_of_bad_actions(lake: Lake) -> None:
    rows = dict(lake.tables()["rows"])

    with pytest.raises(AuditError, match="too little for a split"):
        lake.publish(
            {"corporate_actions": pd.DataFrame([action("split")])},
            release="R1",
            as_of=AS_OF,
        )

    assert dict(lake.tables()["rows"]) == rows
    assert "corporate_actions" not in lake.at("R0").provenance()["digests"]


ODD = [
    (action("split", ratio=7.00000700001, symbol="EEE"), "ratios", "meant, 7 in the"),
    (action("split", ratio=0.1428572, symbol="EEE"), "ratios", "meant, 1/7 in the"),
    (action("spin_off", ratio=0.33333333, other="E2", symbol="EEE"), "ratios", "1/3"),
    (action("split", ratio=2, symbol="AAA"), "splits", "raw close 100, then 100"),
    (action("split", ratio=2, symbol="CCC"), "splits", "adjusted close 100, then 50"),
    (action("cash_dividend", cash=26, symbol="AAA"), "large_dividends", "cash 26"),
    (action("cash_dividend", cash=26, symbol="DDD"), "large_dividends", "cash 26"),
    (action("merger", cash=50), "stale", "2 bars, the first on 2022-09-06"),
    (action("split", ratio=2, symbol="EEE"), "no_bars", "EEE"),
]


@pytest.mark.parametrize(("row", "audit", "says"), ODD)
def test_odd_actions_are_warned_of(
    lake: Lake, row: dict[str, Any], audit: str, says: str
) -> None:
    report = audited(lake, row)
    (told,) = [each for each in report.found if each.audit == audit]

    assert told.severity == "warn"
    assert says in told.message
    assert report.ok


@pytest.mark.parametrize(
    "ratio", [7, 0.125, 1.002746, 1 / 3, 0.48908178, 1.0584, 2.3348]
)
def test_a_ratio_that_is_meant_is_not_told(lake: Lake, ratio: float) -> None:
    found = audited(lake, action("split", ratio=ratio, symbol="EEE")).found

    assert {each.audit for each in found} == {"no_bars"}


def test_a_dividend_is_compared_in_the_share_units_of_the_close(lake: Lake) -> None:
    """30 per raw share is 15 of an adjusted 100 after a split of 2."""
    report = audited(
        lake,
        action("cash_dividend", cash=30, symbol="DDD", ex_date="2022-09-02"),
        action("split", ratio=2, symbol="DDD"),
    )

    assert not report.found


def test_a_spin_off_that_raw_prices_do_not_show_is_told(lake: Lake) -> None:
    """Half a share of DDD at 100 takes 50 off: that is gone from BBB, not from AAA."""
    shows = audited(lake, action("spin_off", "BBB", ratio="1/2", other="DDD"))
    hides = audited(lake, action("spin_off", "AAA", ratio="1/2", other="DDD"))

    assert not shows.found
    assert "raw close 100, then 100" in line(hides)


TOGETHER = [
    (
        (
            action("merger", "EEE", cash=5),
            action("delisting", "EEE", ex_date="2022-09-08"),
        ),
        "row 1: EEE: delisting on 2022-09-08 after merger on 2022-09-06",
    ),
    (
        (action("merger", "EEE", cash=5), action("rename", "EEE", other="FFF")),
        "EEE: rename on 2022-09-06 after merger on 2022-09-06",
    ),
    (
        (action("rename", "EEE", other="FFF"), action("rename", "FFF", other="EEE")),
        "EEE to FFF to EEE",
    ),
    (
        (
            action("rename", "EEE", other="FFF"),
            action("merger", "FFF", other="GGG", ratio=1),
            action("rename", "GGG", other="FFF"),
        ),
        "FFF to GGG to FFF",
    ),
]


@pytest.mark.parametrize(("rows", "says"), TOGETHER)
def test_what_can_happen_once_is_refused_twice(
    lake: Lake, rows: tuple[dict[str, Any], ...], says: str
) -> None:
    report = audited(lake, *rows)
    (told,) = [each for each in report.found if each.severity == "fail"]

    assert told.audit == "endings"
    assert says in told.message


def test_an_ending_may_be_corrected_and_taken_back(lake: Lake) -> None:
    first = action("merger", "EEE", cash=5, action_id="E", known_at="2022-09-01T14:00Z")
    corrected = first | {"cash": 6.0, "known_at": "2022-09-02T14:00Z"}
    retracted = first | {"known_at": "2022-09-03T14:00Z", "retracted": True}
    another = action("delisting", "EEE", known_at="2022-09-04T14:00Z")
    rows = [each | {"retracted": False} for each in (first, another)]

    twice = audited(lake, *rows)
    good = audited(lake, *rows, corrected | {"retracted": False}, retracted)

    assert not twice.ok
    assert good.ok, good.found


@pytest.mark.parametrize(
    ("rows", "audit", "says"),
    [
        ([("I1", "X", "2010-01-04", "2009-01-01")], "valid_to", "valid_to before"),
        (
            [("I1", "X", "2010-01-04", "2012-01-01"), ("I2", "X", "2012-01-01", None)],
            "overlap",
            "symbol X: I2 from 2012-01-01, I1 until 2012-01-01",
        ),
        (
            [("I1", "X", "2010-01-04", None), ("I2", "X", "2012-01-03", "2013-01-01")],
            "overlap",
            "I1 until now",
        ),
    ],
)
def test_identifiers_do_not_overlap(
    lake: Lake, rows: list[tuple[str, str, str, str | None]], audit: str, says: str
) -> None:
    names = ("instrument_id", "identifier", "valid_from", "valid_to")
    told = [{"kind": "symbol", **dict(zip(names, row, strict=True))} for row in rows]
    report = audited(lake, *told, table="instruments")

    assert [each.audit for each in report.found] == [audit]
    assert says in line(report)


@pytest.mark.parametrize("kind", ["prices", "symbol"])
def test_a_share_has_one_name_in_the_price_table_and_one_ticker(
    lake: Lake, kind: str
) -> None:
    old = name("I1", "X", "2010-01-04", None) | {"kind": kind}
    new = name("I1", "Y", "2012-01-03", None) | {"kind": kind}
    report = audited(lake, old, new, table="instruments")

    assert [each.audit for each in report.found] == ["overlap"]
    assert f"row 1: {kind} I1: Y from 2012-01-03, X until now" in line(report)
    assert line(report).count("\n") == 0
    ended = old | {"valid_to": "2012-01-02"}
    assert not audited(lake, ended, new, table="instruments").found


def test_a_new_ticker_beside_one_that_the_lake_has_needs_its_end(
    tmp_path: Path,
) -> None:
    lake = Lake.open(tmp_path / "lake")
    old = name("I1", "X", "2010-01-04", None) | {"known_at": "2010-01-04T14:00Z"}
    lake.publish({"instruments": pd.DataFrame([old])}, release="R0", as_of=AS_OF)
    new = name("I1", "Y", "2012-01-03", None) | {"known_at": "2012-01-03T14:00Z"}
    ended = old | {"valid_to": "2012-01-02", "known_at": "2012-01-03T14:00Z"}

    report = audited(lake, new, table="instruments")
    assert "I1: Y from 2012-01-03, X until now" in line(report)
    assert not audited(lake, new, ended, table="instruments").found


def test_identifiers_in_a_row_are_good(lake: Lake) -> None:
    rows = [
        ("GOOGL", "symbol", "GOOG", "2004-08-19", "2014-04-02"),
        ("GOOGL", "symbol", "GOOGL", "2014-04-03", None),
        ("GOOGL", "isin", "US38259P5089", "2004-08-19", None),
        ("GOOGL", "isin", "US02079K3059", "2015-10-05", None),
        ("GOOG", "symbol", "GOOG", "2014-04-03", None),
        ("GOOG", "prices", "GOOG_C", "2014-04-03", None),
    ]
    names = ("instrument_id", "kind", "identifier", "valid_from", "valid_to")
    told = [dict(zip(names, row, strict=True)) for row in rows]

    assert not audited(lake, *told, table="instruments").found


def name(own: str, ticker: str, since: str, until: str | None) -> dict[str, Any]:
    return {
        "instrument_id": own,
        "kind": "symbol",
        "identifier": ticker,
        "valid_from": since,
        "valid_to": until,
    }


RENAMED = [
    name("I1", "BBB", "2010-01-04", "2022-09-05"),
    name("I1", "CCC", "2022-09-06", None),
]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (RENAMED, ""),
        (RENAMED[:1], ""),
        ([name("I2", "CCC", "2022-09-06", None)], ""),
        (
            [RENAMED[0], name("I2", "CCC", "2022-09-06", None)],
            "row 0: BBB: rename to CCC on 2022-09-06, but BBB was I1 and CCC is I2",
        ),
        (
            [name("I1", "BBB", "2010-01-04", "2022-09-06")],
            "but I1 is called BBB on that day still",
        ),
    ],
)
def test_renames_and_instruments_tell_one_story(
    lake: Lake, names: list[dict[str, Any]], says: str
) -> None:
    rename = action("rename", other="CCC", ex_date="2022-09-06")
    report = lake.audit(
        {
            "corporate_actions": pd.DataFrame([rename]),
            "instruments": pd.DataFrame(names),
        },
        release="R1",
        as_of=AS_OF,
    )
    failed = [each for each in report.found if each.severity == "fail"]

    assert [each.audit for each in failed] == (["identity"] if says else [])
    assert all(says in each.message for each in failed)


@pytest.mark.parametrize("who", ["I1", "I2"])
def test_what_happens_on_a_monday_is_of_who_had_the_ticker_on_friday(
    lake: Lake, who: str
) -> None:
    names = [
        name("I1", "BBB", "2010-01-04", "2022-09-09"),
        name(who, "CCC", "2022-09-12", None),
    ]
    rename = action("rename", other="CCC", ex_date="2022-09-12")
    tables = {
        "corporate_actions": pd.DataFrame([rename]),
        "instruments": pd.DataFrame(names),
    }
    report = lake.audit(tables, release="R1", as_of=AS_OF)
    failed = [each.message for each in report.found if each.severity == "fail"]

    assert len(failed) == (who == "I2")
    assert all("but BBB was I1 and CCC is I2" in message for message in failed)


def test_a_ticker_that_comes_back_later_is_a_fact(lake: Lake) -> None:
    there = action("rename", "EEE", other="FFF", ex_date="2022-09-06")
    back = action("rename", "FFF", other="EEE", ex_date="2022-09-08")
    ended = action("merger", "EEE", cash=5.0, ex_date="2022-09-09")

    assert audited(lake, there, back, ended).ok
    assert not audited(lake, there, back | {"ex_date": "2022-09-06"}).ok
    assert not audited(lake, there, ended).ok


@pytest.mark.parametrize(
    ("told", "audit"),
    [
        ({"rate_bps_per_year": -1.0}, "rates"),
        ({"rate_bps_per_year": float("inf")}, "rates"),
        ({"session": "2022-09-05"}, "no_session"),
        ({"rate_bps_per_year": None}, "empty"),
    ],
)
def test_bad_borrow_rates_are_refused(
    lake: Lake, told: dict[str, Any], audit: str
) -> None:
    good = {"symbol": "AAA", "session": "2022-09-06", "rate_bps_per_year": 50.0}

    assert audited(lake, good, table="borrow").ok
    assert [f.audit for f in audited(lake, good | told, table="borrow").found] == [
        audit
    ]


@pytest.mark.slow
def test_bars_that_come_after_an_ending_are_stale(tmp_path: Any) -> None:
    made = Lake.open(tmp_path / "lake", clock=clock)
    prices = bars(days=DAYS)
    early = prices[prices["session"] < dt.date(2022, 9, 6)]
    made.publish({"prices": early}, release="R0", as_of=AS_OF)
    ends = pd.DataFrame([action("merger", cash=13)])
    made.publish({"corporate_actions": ends}, release="R1", as_of=AS_OF)

    report = made.audit({"prices": prices}, release="R2", as_of=AS_OF)
    again = made.audit({"prices": early}, release="R2", as_of=AS_OF)

    assert "the lake's BBB merger on 2022-09-06: 2 bars" in line(report)
    assert not again.found
    strict = made.audit(
        {"prices": prices}, release="R2", as_of=AS_OF, fail_on=["stale"]
    )
    assert not strict.ok


def over_a_night(
    tmp_path: Path, close: float, *actions: dict[str, Any], before: bool
) -> pd.DataFrame:
    """Return the jumps told from 100 to `close`, actions published before or beside."""
    made = Lake.open(tmp_path / "lake", clock=clock)
    prices = bars(days=DAYS[1:3], symbols=("AAA", "BBB"))
    for column in ("open", "high", "low", "close"):
        prices[column] = 100.0
        prices.loc[prices["session"] >= dt.date(2022, 9, 6), column] = close
    prices["basis"] = "raw"
    prices = prices[~(prices["symbol"].eq("AAA") & prices["close"].ne(100.0))]
    tables = {"prices": prices, "corporate_actions": pd.DataFrame([*actions])}
    if not actions:
        del tables["corporate_actions"]
    if before and actions:
        made.publish(
            {"corporate_actions": tables.pop("corporate_actions")},
            release="R0",
            as_of=AS_OF,
            warn_on=(),
        )
    report = made.audit(tables, release="R1", as_of=AS_OF, fail_on=["jumps"])
    jumps = [each.rows for each in report.found if each.audit == "jumps"]
    assert report.ok == (not jumps)
    return jumps[0] if jumps else pd.DataFrame()


TO_COME = action("split", ratio=4, ex_date="2022-09-07")
EXPLAINED = [
    (25.0, [action("split", ratio=4)], True),
    (25.0, [action("split", ratio=4)], False),
    (700.0, [action("split", ratio="1/7")], False),
    (12.0, [action("split", ratio=2), action("split", ratio=4, label="two")], True),
    (40.0, [action("cash_dividend", cash=20.0, label="special")], False),
    (30.0, [action("spin_off", ratio=1, other="AAA")], True),
]
NOT_EXPLAINED = [
    (25.0, [], False),
    (25.0, [action("split", ratio=4, symbol="AAA")], True),
    (25.0, [TO_COME], True),
    (25.0, [action("split", ratio=4, ex_date="2022-09-02")], False),
    (10.0, [action("split", ratio=4)], False),
    (25.0, [action("cash_dividend", cash=0.5)], True),
    (160.0, [action("spin_off", ratio=1, other="AAA")], False),
]


@pytest.mark.parametrize(("close", "actions", "before"), EXPLAINED)
def test_a_jump_that_an_action_makes_is_none(
    tmp_path: Path, close: float, actions: list[dict[str, Any]], *, before: bool
) -> None:
    assert over_a_night(tmp_path, close, *actions, before=before).empty


@pytest.mark.parametrize(("close", "actions", "before"), NOT_EXPLAINED)
def test_a_jump_that_no_action_makes_is_told(
    tmp_path: Path, close: float, actions: list[dict[str, Any]], *, before: bool
) -> None:
    told = over_a_night(tmp_path, close, *actions, before=before)

    assert told["symbol"].tolist() == ["BBB"]
    assert told["close"].tolist() == [close]
