"""What fails, what warns, which rows are named, and that nothing is left behind."""

from __future__ import annotations

import datetime as dt
import pickle
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pandera.config import config_context
from pyiceberg.types import LongType, StringType

from lakebt.errors import (
    AuditError,
    AuditWarning,
    InvalidArgumentError,
    InvalidDataError,
    LakeError,
    ReleaseExistsError,
    UnknownNameError,
)
from lakebt.lake import Lake
from lakebt.lake.publishing.audits import schemas
from lakebt.lake.storage.failures import translated
from lakebt.sessions import Sessions
from lakebt.sources.formats import read_source
from tests.lake.frames import AS_OF, bars, changes, clock, holdings, q1

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lakebt.lake.publishing.audits.audit_report import AuditReport
    from lakebt.lake.tables.schemas import TableSpec

pytestmark = pytest.mark.lake

DAYS = ("2022-09-01", "2022-09-02", "2022-09-06", "2022-09-07", "2022-09-08")


def flat(days: tuple[str, ...] = DAYS, **closes: float) -> pd.DataFrame:
    """Bars that always close at 10, but for `AAA=70.0` on the last day."""
    frame = bars(days)
    close = pd.Series(10.0, index=frame.index)
    for symbol, last in closes.items():
        close[
            (frame["symbol"] == symbol) & (frame["session"] == max(frame["session"]))
        ] = last
    return frame.assign(open=close, high=close, low=close, close=close)


def without(frame: pd.DataFrame, symbol: str, *days: str) -> pd.DataFrame:
    gone = (frame["symbol"] == symbol) & frame["session"].astype(str).isin(days)
    return frame[~gone].reset_index(drop=True)


def spoilt(frame: pd.DataFrame, column: str, row: int, value: Any) -> pd.DataFrame:
    values = frame[column].to_list()
    values[row] = value
    return frame.assign(**{column: values})


def files(path: Path) -> list[Path]:
    return sorted(path.rglob("*"))


def make_held(path: Path) -> None:
    lake = Lake.open(path, clock=clock)
    lake.publish({"prices": flat(DAYS[:3])}, release="R1", as_of=AS_OF)


ORIGINALS = {"held": make_held}


@pytest.fixture
def held(lake: Lake) -> Lake:
    """A lake with bars of AAA and BBB on the first three days."""
    return lake


def audit(lake: Lake, tables: dict[str, Any], **arguments: Any) -> AuditReport:
    return lake.audit(tables, release="R2", as_of=AS_OF, **arguments)


def test_clean_rows_have_no_findings(lake: Lake) -> None:
    tables = {"prices": flat(), "index_changes": changes(), "etf_holdings": q1()}

    report = audit(lake, tables)

    assert report.ok
    assert report.findings.empty
    assert report.tables["new"].tolist() == [10, 2, 2]
    with warnings.catch_warnings():
        warnings.simplefilter("error", AuditWarning)
        lake.publish(tables, release="R2", as_of=AS_OF)


def test_only_rows_that_break_a_rule_are_handed_to_pandera(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    really = schemas.schema

    def schema(spec: TableSpec) -> Any:
        asked.append(spec.name)
        return really(spec)

    monkeypatch.setattr(schemas, "schema", schema)
    tables = {"prices": flat(), "index_changes": changes(), "etf_holdings": q1()}
    assert audit(lake, tables).ok
    assert asked == []

    broken = spoilt(flat(), "open", 4, np.nan)
    assert not audit(lake, {**tables, "prices": broken}).ok
    assert asked == ["prices"]


FAILS: dict[str, tuple[str, Callable[[], pd.DataFrame], list[int]]] = {
    "empty": ("prices", lambda: spoilt(flat(), "open", 4, np.nan), [4]),
    "choices": ("prices", lambda: spoilt(flat(), "basis", 3, "adj"), [3]),
    "known_after_cutoff": (
        "etf_holdings",
        lambda: spoilt(q1(), "known_at", 1, pd.Timestamp("2023-01-02T00:30Z")),
        [1],
    ),
    "duplicates": (
        "prices",
        lambda: pd.concat([flat(), flat().iloc[[2, 3]]]),
        [10, 11],
    ),
    "no_session": ("prices", lambda: flat(("2022-09-02", "2022-09-05")), [2, 3]),
    "before_close": (
        "prices",
        lambda: flat(DAYS[:1], known_at=0).assign(
            known_at=pd.Timestamp("2022-09-01T19:59:59Z")
        ),
        [0, 1],
    ),
    "positive": ("prices", lambda: spoilt(flat(), "low", 5, 0.0), [5]),
    "high_low": (
        "prices",
        lambda: bars(high=9.0, low=9.5, open=9.2, close=9.2),
        [*range(6)],
    ),
    "open_range": ("prices", lambda: spoilt(flat(), "open", 9, 10.5), [9]),
    "close_range": ("prices", lambda: spoilt(flat(), "close", 0, 9.5), [0]),
    "volume": ("prices", lambda: spoilt(flat(), "volume", 7, -1), [7]),
    "effective": (
        "index_changes",
        lambda: spoilt(changes(), "effective", 1, "2022-09-01"),
        [1],
    ),
    "report_date": ("etf_holdings", lambda: spoilt(q1(), "date", 0, "2022-06-01"), [0]),
}


@pytest.mark.parametrize("name", FAILS)
def test_a_broken_row_fails_and_is_named(lake: Lake, path: Path, name: str) -> None:
    table, make, places = FAILS[name]
    before = files(path)

    report = audit(lake, {table: make()})
    with pytest.raises(
        AuditError, match=f"{table}: .* Nothing was published"
    ) as caught:
        lake.publish({table: make()}, release="R2", as_of=AS_OF)

    found = report.findings.query("audit == @name")
    assert found["severity"].tolist() == ["fail"]
    assert found["rows"].tolist() == [len(places)]
    rows = report.rows(table, name)
    assert rows["row"].tolist() == places
    handed = make().reset_index(drop=True)
    key = {"prices": "symbol", "index_changes": "symbol", "etf_holdings": "isin"}[table]
    assert rows[key].tolist() == handed[key].iloc[places].tolist()
    assert not report.ok
    pd.testing.assert_frame_equal(caught.value.report.rows(table, name), rows)
    assert lake.releases().empty
    assert files(path) == before


def test_all_rules_are_told_not_only_the_first(lake: Lake) -> None:
    frame = spoilt(spoilt(flat(), "volume", 0, -1), "basis", 1, "adj")
    frame = spoilt(spoilt(frame, "open", 2, np.nan), "session", 3, "2022-09-05")
    tables = {"prices": frame, "etf_holdings": q1(date="2022-06-01")}

    with pytest.raises(
        AuditError,
        match=r"prices: column 'basis' must be one of .*, row 1 has 'adj'\. 4 more "
        r"audits fail: prices empty, prices no_session, prices volume, etf_holdings "
        r"report_date\. Nothing was published\.$",
    ) as caught:
        lake.publish(tables, release="R2", as_of=AS_OF)

    report = caught.value.report
    assert report.rows("prices", "empty")["column"].tolist() == ["open"]
    assert report.rows("etf_holdings", "report_date")["row"].tolist() == [0, 1]
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own error
    assert str(again) == str(caught.value)
    pd.testing.assert_frame_equal(again.report.findings, report.findings)


def test_what_cannot_be_read_does_not_hide_the_other_table(lake: Lake) -> None:
    report = audit(
        lake, {"prices": flat().drop(columns="low"), "etf_holdings": q1(isin=7)}
    )

    assert report.findings["audit"].tolist() == ["columns", "columns"]
    assert "column 'low' is missing" in report.findings["message"][0]
    assert report.tables["rows"].isna().all()


def test_what_was_to_be_derived_is_not_blamed_for_what_it_is_derived_from(
    lake: Lake,
) -> None:
    no_session = spoilt(flat(), "session", 2, None)
    no_index = spoilt(changes(), "index", 1, None)

    report = audit(lake, {"prices": no_session, "index_changes": no_index})

    assert report.findings["message"].tolist() == [
        "column 'session' is empty in row 2. Give a value, or leave the row out.",
        "column 'index' is empty in row 1. Give a value, or leave the row out.",
    ]


def test_nothing_outside_switches_the_schema_off(lake: Lake) -> None:
    with config_context(validation_enabled=False), pytest.raises(AuditError):
        lake.publish({"prices": flat().assign(volume=-1)}, release="R2", as_of=AS_OF)


@pytest.mark.slow
def test_a_million_broken_rows_are_all_named(lake: Lake) -> None:
    many = pd.concat([flat()] * 20_000, ignore_index=True).assign(volume=-1.0)

    rows = audit(lake, {"prices": many}).rows("prices", "volume")

    assert rows["row"].tolist() == list(range(200_000))


# What warns


def test_a_jump_is_told_with_the_move(lake: Lake) -> None:
    frame = flat(AAA=70.0, BBB=15.0)  # 50 % is not more than 50 %

    with pytest.warns(
        AuditWarning, match=r"release 'R2' has findings: prices jumps \(1\)\."
    ):
        lake.publish({"prices": frame}, release="R2", as_of=AS_OF)

    rows = audit(lake, {"prices": frame.assign(basis="total_return")}).rows
    with pytest.raises(UnknownNameError, match="unknown finding 'prices jumps'"):
        rows("prices", "jumps")  # contradicted, so that nothing is new


def test_the_rows_of_a_jump_say_from_where_to_where(lake: Lake) -> None:
    report = audit(lake, {"prices": flat(AAA=70.0, BBB=4.0)})

    assert report.ok
    assert report.rows("prices", "jumps").to_dict("list") == {
        "row": [8, 9],
        "symbol": ["AAA", "BBB"],
        "session": [pd.Timestamp("2022-09-08")] * 2,
        "close": [70.0, 4.0],
        "previous_session": [pd.Timestamp("2022-09-07")] * 2,
        "previous_close": [10.0, 10.0],
        "move": [6.0, pytest.approx(-0.6)],
        "sessions": [1, 1],
    }
    assert report.findings["message"][0] == (
        "2 rows have a close more than 50 % above or below the symbol's one before "
        "(row 8: symbol AAA, session 2022-09-08, +600 % in 1 session; row 9: symbol "
        "BBB, session 2022-09-08, -60 % in 1 session). Look for a split, another basis "
        "or a wrong price."
    )


def test_a_jump_over_the_border_to_the_lake_is_seen_from_both_sides(lake: Lake) -> None:
    lake.publish({"prices": flat(DAYS[:2])}, release="R1", as_of=AS_OF)
    lake.publish({"prices": flat(DAYS[3:])}, release="R1b", as_of=AS_OF)

    after = audit(lake, {"prices": flat(("2022-09-09",), AAA=16.0)})
    between = audit(lake, {"prices": flat(DAYS[2:3], AAA=16.0)})

    assert after.rows("prices", "jumps")["move"].tolist() == [pytest.approx(0.6)]
    inside = between.rows("prices", "jumps")
    assert inside["row"].tolist() == [0]  # 16 to 10 is no more than 50 % down
    assert inside["session"].dt.date.astype(str).tolist() == ["2022-09-06"]
    assert "gaps" not in between.findings["audit"].tolist()


def test_rows_between_those_in_the_lake_are_named_by_their_own_place(
    held: Lake,
) -> None:
    rows = audit(held, {"prices": flat(AAA=70.0)}).rows("prices", "jumps")

    assert rows["row"].tolist() == [8]  # of which the lake has the first six


def test_a_fall_to_a_bar_of_the_lake_is_laid_at_the_new_bar(lake: Lake) -> None:
    lake.publish({"prices": flat(DAYS[3:])}, release="R1", as_of=AS_OF)

    rows = audit(lake, {"prices": flat(DAYS[2:3], BBB=40.0)}).rows("prices", "jumps")

    assert rows["row"].tolist() == [1]
    assert rows["session"].dt.date.astype(str).tolist() == ["2022-09-07"]
    assert rows["previous_close"].tolist() == [40.0]


def test_missing_sessions_are_counted_where_they_end(lake: Lake) -> None:
    frame = without(flat(), "BBB", "2022-09-02", "2022-09-06")  # and Labor Day between

    rows = audit(lake, {"prices": frame}).rows("prices", "gaps")

    assert rows["symbol"].tolist() == ["BBB"]
    assert rows["session"].dt.date.astype(str).tolist() == ["2022-09-07"]
    assert rows["missing"].tolist() == [2]


def test_missing_sessions_are_counted_over_the_border(held: Lake) -> None:
    report = audit(held, {"prices": flat(DAYS[4:])})

    assert report.rows("prices", "gaps")["missing"].tolist() == [1, 1]
    assert audit(held, {"prices": flat(DAYS[3:])}).findings.empty


def test_who_was_away_for_a_year_is_new_again(held: Lake, path: Path) -> None:
    late = Lake.open(path, clock=lambda: dt.datetime(2025, 1, 1, tzinfo=dt.UTC))
    cutoff = "2024-06-01T00:00:00Z"

    # 2022-09-06 is session 0; 252 sessions later is 2023-09-07.
    within = late.audit({"prices": flat(("2023-09-07",))}, release="R2", as_of=cutoff)
    beyond = late.audit({"prices": flat(("2023-09-08",))}, release="R2", as_of=cutoff)

    assert within.rows("prices", "gaps")["missing"].tolist() == [251, 251]
    assert beyond.findings.empty
    assert held.releases()["name"].tolist() == ["R1"]


def test_a_correction_is_compared_with_its_neighbours(held: Lake) -> None:
    wrong = flat(DAYS[1:2], AAA=30.0).iloc[:1]
    correction = wrong.assign(known_at=pd.Timestamp("2022-09-10T00:30Z"))

    rows = audit(held, {"prices": correction}).rows("prices", "jumps")

    assert rows["move"].tolist() == [2.0, pytest.approx(-2 / 3)]
    assert rows["row"].tolist() == [0, 0]


def test_what_the_lake_learnt_later_is_left_out(held: Lake) -> None:
    corrected = flat(DAYS[2:3]).assign(
        known_at=pd.Timestamp("2023-02-01T00:30Z"), open=40.0, high=40.0, low=40.0
    )
    held.publish(
        {"prices": corrected.assign(close=40.0)},
        release="Later",
        as_of="2023-03-01T00:00:00Z",
    )

    report = audit(held, {"prices": flat(DAYS[3:4])})

    assert report.findings.empty
    later = held.audit(
        {"prices": flat(DAYS[3:4])}, release="R3", as_of="2023-03-01T00:00:00Z"
    )
    assert later.rows("prices", "jumps")["previous_close"].tolist() == [40.0, 40.0]


def test_a_warning_made_an_error_passes_through_storage_as_it_is(lake: Lake) -> None:
    report = audit(lake, {"prices": flat(AAA=70.0)})

    with pytest.raises(AuditWarning, match="jumps"), translated("lake"):
        raise AuditWarning(report)


def test_a_retraction_is_no_gap(held: Lake) -> None:
    gone = flat(DAYS[1:2]).assign(
        known_at=pd.Timestamp("2022-09-10T00:30Z"), retracted=True
    )

    assert audit(held, {"prices": gone}).findings.empty


def test_rows_in_the_lake_already_are_not_told_again(lake: Lake) -> None:
    odd = flat(AAA=70.0)
    lake.publish({"prices": odd}, release="R1", as_of=AS_OF)

    with warnings.catch_warnings():
        warnings.simplefilter("error", AuditWarning)
        lake.publish({"prices": odd}, release="R2", as_of=AS_OF)


def test_a_symbol_that_is_missing_today_is_told(held: Lake) -> None:
    today = without(flat(DAYS[3:4]), "BBB", DAYS[3])

    report = audit(held, {"prices": today})

    assert report.findings["message"].tolist() == [
        (
            "1 of the 2 symbols of the lake's newest session, 2022-09-06, has no bar "
            "after it (BBB). Add them, unless they are traded no more."
        )
    ]
    assert report.rows("prices", "coverage").to_dict("list") == {
        "symbol": ["BBB"],
        "last_session": [pd.Timestamp("2022-09-06")],
    }
    assert audit(held, {"prices": flat(DAYS[3:4])}).findings.empty


def test_older_bars_are_not_expected_to_cover_everybody(held: Lake) -> None:
    older = bars(("2022-08-31",), symbols=("AAA",))

    assert audit(held, {"prices": older}).findings.empty


def report_of(count: int, date: str, known_at: str, **columns: Any) -> pd.DataFrame:
    numbers = range(1, count + 1)
    held = {f"US{number:010d}": f"S{number}" for number in numbers}
    return holdings(held, date, known_at, **columns)


JUNE, SEPTEMBER = (
    ("2022-06-30", "2022-08-29T20:00:00Z"),
    ("2022-09-30", "2022-11-28T20:00:00Z"),
)


@pytest.mark.parametrize(
    ("count", "is_odd"), [(8, False), (7, True), (12, False), (13, True)]
)
def test_a_report_over_a_fifth_larger_or_smaller_is_told(
    lake: Lake, count: int, *, is_odd: bool
) -> None:
    lake.publish({"etf_holdings": report_of(10, *JUNE)}, release="R1", as_of=AS_OF)

    report = audit(lake, {"etf_holdings": report_of(count, *SEPTEMBER)})

    assert report.findings["audit"].tolist() == ["members"] * is_odd
    if is_odd:
        rows = report.rows("etf_holdings", "members")
        assert rows["row"].tolist() == [0]
        assert rows["fund"].tolist() == ["IVV"]
        assert (rows["members"].item(), rows["previous_members"].item()) == (count, 10)
        assert rows["change"].item() == pytest.approx(count / 10 - 1)


def test_an_amended_report_counts_as_it_would_be_read(lake: Lake) -> None:
    both = pd.concat([report_of(10, *JUNE), report_of(10, *SEPTEMBER)])
    lake.publish({"etf_holdings": both}, release="R1", as_of=AS_OF)
    amended = ("2022-09-30", "2022-12-01T00:30:00Z")

    few = audit(lake, {"etf_holdings": report_of(5, *amended)})  # corrects five rows
    most = audit(lake, {"etf_holdings": report_of(7, *amended)})  # a new list of seven

    assert few.findings.empty
    assert most.rows("etf_holdings", "members")["members"].tolist() == [7]


def test_a_late_report_is_a_new_predecessor(lake: Lake) -> None:
    both = pd.concat([report_of(10, *JUNE), report_of(11, *SEPTEMBER)])
    lake.publish({"etf_holdings": both}, release="R1", as_of=AS_OF)

    late = report_of(5, "2022-07-31", "2022-12-01T00:30:00Z")
    rows = audit(lake, {"etf_holdings": late}).rows("etf_holdings", "members")

    assert rows["members"].tolist() == [5, 11]
    assert rows["row"].tolist() == [0, 0]


def test_a_fund_without_a_new_report_is_told(lake: Lake) -> None:
    funds = pd.concat([report_of(2, *JUNE), report_of(2, *JUNE, fund="VOO")])
    lake.publish({"etf_holdings": funds}, release="R1", as_of=AS_OF)

    report = audit(lake, {"etf_holdings": report_of(2, *SEPTEMBER)})

    assert report.rows("etf_holdings", "coverage")["fund"].tolist() == ["VOO"]
    assert "(VOO)" in report.findings["message"].item()
    again = pd.concat([report_of(2, *SEPTEMBER), report_of(2, *SEPTEMBER, fund="VOO")])
    assert audit(lake, {"etf_holdings": again}).findings.empty


@pytest.mark.parametrize("name", ["jumps", "gaps", "members", "coverage"])
def test_what_warns_fails_when_told_and_leaves_nothing(
    held: Lake, path: Path, name: str
) -> None:
    held.publish({"etf_holdings": report_of(10, *JUNE)}, release="R1h", as_of=AS_OF)
    tables = {
        "prices": without(flat(DAYS[3:], AAA=70.0), "BBB", *DAYS[3:]),
        "etf_holdings": report_of(3, *SEPTEMBER),
    }
    if name == "gaps":
        tables["prices"] = flat(DAYS[4:])
    before = files(path)

    with pytest.raises(AuditError) as caught:
        held.publish(tables, release="R2", as_of=AS_OF, fail_on=[name])

    report = caught.value.report
    assert [f.audit for f in report.failures] == [name]
    assert name not in [f.audit for f in report.warnings]
    assert list(held.releases()["name"]) == ["R1", "R1h"]
    assert files(path) == before


def test_a_warning_that_is_an_error_publishes_nothing(held: Lake, path: Path) -> None:
    before = files(path)

    with warnings.catch_warnings():
        warnings.simplefilter("error", AuditWarning)
        with pytest.raises(AuditWarning, match=r"jumps \(1\)") as caught:
            held.publish(
                {"prices": flat(DAYS[3:4], AAA=70.0)}, release="R2", as_of=AS_OF
            )

    assert caught.value.report.rows("prices", "jumps")["symbol"].tolist() == ["AAA"]
    assert list(held.releases()["name"]) == ["R1"]
    assert files(path) == before


def test_the_warning_points_at_whoever_published(lake: Lake) -> None:
    with pytest.warns(AuditWarning) as caught:
        lake.publish({"prices": flat(AAA=70.0)}, release="R2", as_of=AS_OF)

    assert [warning.filename for warning in caught] == [__file__]


def test_what_somebody_else_published_meanwhile_is_audited_too(
    held: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Lake.open(path, clock=clock)
    theirs = flat(DAYS[3:4], AAA=14.0)

    def interfere(*_args: object, **_more: object) -> None:
        if "Theirs" not in other.releases()["name"].to_list():
            other.publish({"prices": theirs}, release="Theirs", as_of=AS_OF)

    with warnings.catch_warnings():
        warnings.simplefilter("always", AuditWarning)
        monkeypatch.setattr(warnings, "showwarning", interfere)
        with pytest.raises(
            AuditError, match="1 row is in the lake already with other"
        ) as caught:
            held.publish(
                {"prices": flat(DAYS[3:4], AAA=70.0)}, release="R2", as_of=AS_OF
            )

    assert caught.value.report.rows("prices", "contradiction")["row"].tolist() == [0]
    assert list(held.releases()["name"]) == ["R1", "Theirs"]


def test_a_contradiction_says_in_which_columns(held: Lake) -> None:
    other = flat(DAYS[:1]).assign(volume=7.0, basis="total_return")

    report = audit(held, {"prices": other})

    assert (
        report.rows("prices", "contradiction")["differs"].tolist()
        == ["volume, basis"] * 2
    )
    assert report.tables["new"].tolist() == [0]


# What a report says of the release


def test_an_audit_writes_nothing_and_says_what_is_new(held: Lake, path: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in files(path)}

    report = audit(held, {"prices": flat()})

    assert report.tables.to_dict("list") == {
        "table": ["prices"],
        "rows": [10],
        "new": [4],
        "there": [6],
    }
    assert report.ok
    assert str(report) == "release 'R2' would be published."
    assert {file: file.stat().st_mtime_ns for file in files(path)} == before
    assert list(held.releases()["name"]) == ["R1"]


def test_the_same_again_is_there_already(held: Lake) -> None:
    report = held.audit({"prices": flat(DAYS[:3])}, release="R1", as_of=AS_OF)

    assert report.exists
    assert report.ok
    assert str(report) == "release 'R1' holds exactly this already."


def test_a_name_that_is_taken_is_said(held: Lake) -> None:
    report = held.audit({"prices": flat()}, release="r1", as_of=AS_OF)

    assert not report.ok
    assert "'r1' differs from it in case only" in report.refused
    with pytest.raises(ReleaseExistsError, match="differs from it in case only"):
        held.publish({"prices": flat()}, release="r1", as_of=AS_OF)


def test_a_report_shows_itself(lake: Lake) -> None:
    report = audit(lake, {"prices": spoilt(flat(AAA=70.0), "volume", 0, -1)})

    assert repr(report) == (
        "AuditReport(release 'R2' would not be published: 1 audit fails.)"
    )
    assert "fail: prices volume: 1 row has negative volume" in str(report)
    assert "negative volume" in report._repr_html_()
    (record,) = report.records()
    assert (record["table"], record["rows"], record["ok"]) == ("prices", 10, False)
    assert record["findings"][0]["first"][0]["volume"] == -1.0
    all_rows = report.offending()
    assert all_rows[["audit", "severity", "row"]].to_dict("records") == [
        {"audit": "volume", "severity": "fail", "row": 0}
    ]


# Audits of one's own


def spikes(frame: pd.DataFrame) -> pd.Series:
    return frame["close"] > 60


OWN: dict[str, Callable[[pd.DataFrame], Any]] = {
    "mask": spikes,
    "array": lambda f: (f["close"] > 60).to_numpy(),
    "list": lambda f: (f["close"] > 60).to_list(),
    "nullable mask": lambda f: f["close"].astype("Float64").mask(f.index == 0) > 60,
    "rows": lambda f: f[f["close"] > 60],
    "columns of rows": lambda f: f.loc[f["close"] > 60, ["symbol"]],
}


@pytest.mark.parametrize("form", OWN)
def test_an_audit_of_ones_own_fails(lake: Lake, path: Path, form: str) -> None:
    before = files(path)
    rule = OWN[form]
    rule.__name__ = "spikes"

    with pytest.raises(
        AuditError,
        match=r"prices: your audit 'spikes' found 1 row \(row 8: symbol AAA, session "
        r"2022-09-08\)\. Nothing was published",
    ) as caught:
        lake.publish(
            {"prices": flat(AAA=70.0)},
            release="R2",
            as_of=AS_OF,
            audits={"prices": rule},
        )

    assert caught.value.report.rows("prices", "spikes")["row"].tolist() == [8]
    assert files(path) == before


@pytest.mark.parametrize(
    "said",
    [None, [], pd.DataFrame(), np.zeros(10, dtype=bool), pd.Series([False] * 10)],
)
def test_an_audit_of_ones_own_may_find_nothing(lake: Lake, said: object) -> None:
    report = audit(lake, {"prices": flat()}, audits={"prices": lambda _: said})

    assert report.findings.empty


def test_an_audit_of_ones_own_sees_what_a_view_would_give(lake: Lake) -> None:
    seen: list[pd.DataFrame] = []
    lake.publish(
        {"prices": flat().iloc[::-1]},
        release="R1",
        as_of=AS_OF,
        audits={"prices": [seen.append]},
    )

    read = lake.at("R1").read("prices")
    ordered = seen[0].sort_values(["session", "symbol"], ignore_index=True)
    pd.testing.assert_frame_equal(ordered[read.columns], read)
    assert seen[0]["symbol"].tolist()[:2] == ["BBB", "AAA"]  # in the order handed over


def test_what_an_audit_of_ones_own_adds_is_kept(lake: Lake) -> None:
    def dear(frame: pd.DataFrame) -> pd.DataFrame:
        times = frame["close"] / 10
        return frame[times > 2].assign(times=times[times > 2])

    report = audit(lake, {"prices": flat(AAA=70.0)}, audits={"prices": dear})

    assert report.rows("prices", "dear")["times"].tolist() == [7.0]
    assert report.findings["severity"].tolist() == ["fail", "warn"]  # and the jump


def test_an_audit_of_ones_own_may_warn(lake: Lake) -> None:
    with pytest.warns(AuditWarning, match=r"prices spikes \(1\), prices jumps \(1\)"):
        lake.publish(
            {"prices": flat(AAA=70.0)},
            release="R2",
            as_of=AS_OF,
            audits={"prices": spikes},
            warn_on=["spikes"],
        )


def test_an_audit_of_ones_own_is_not_run_on_broken_rows(lake: Lake) -> None:
    seen: list[pd.DataFrame] = []
    report = audit(
        lake, {"prices": flat().assign(volume=-1)}, audits={"prices": seen.append}
    )

    assert report.findings["audit"].tolist() == ["volume"]
    assert seen == []


def test_an_audit_of_ones_own_cannot_change_what_is_published(lake: Lake) -> None:
    def meddle(frame: pd.DataFrame) -> None:
        frame["close"] = 1.0
        frame.loc[0, "symbol"] = "ZZZ"

    seen: list[pd.DataFrame] = []
    own = {"prices": [meddle, seen.append]}
    lake.publish({"prices": flat()}, release="R1", as_of=AS_OF, audits=own)

    assert set(seen[0]["close"]) == {10.0}
    assert set(lake.at("R1").read("prices")["close"]) == {10.0}


def test_an_audit_for_a_table_that_is_not_published_waits(lake: Lake) -> None:
    assert audit(lake, {"prices": flat()}, audits={"etf_holdings": spikes}).ok


def broken(frame: pd.DataFrame) -> pd.Series:
    return frame["clos"] > 60


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (broken, r"your audit 'broken' raised KeyError: 'clos'\. Correct it"),
        (lambda _: True, r"returned True\. Return a mask of its 10 rows"),
        (lambda f: f["close"], r"returned 10 values of type float64"),
        (lambda f: f["close"].iloc[:3] > 1, r"returned 3 values of type bool"),
        (lambda f: f.assign(x=1).set_index("x"), r"rows that are none of those"),
        (lambda f: f.iloc[3:].reset_index(drop=True), r"and keep their index"),
    ],
)
def test_an_audit_that_cannot_be_used_is_named(
    lake: Lake, path: Path, rule: Any, message: str
) -> None:
    before = files(path)
    with pytest.raises(InvalidDataError, match=message):
        lake.publish(
            {"prices": flat()}, release="R2", as_of=AS_OF, audits={"prices": rule}
        )
    assert files(path) == before


def jumps(_frame: pd.DataFrame) -> None:
    return None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"fail_on": ["jump"]},
            r"fail_on has 'jump'.*: jumps, gaps, .*members, coverage, ",
        ),
        ({"fail_on": "jumps"}, r"fail_on must be a list of audits, was 'jumps'"),
        ({"warn_on": ["volume"]}, r"warn_on has 'volume'.*you gave none of your own"),
        ({"audits": [spikes]}, r"audits must map tables to functions, was list"),
        (
            {"audits": {"prices": "spikes"}},
            r"must be a function or a list, was 'spikes'",
        ),
        ({"audits": {"prices": [3]}}, r"must hold functions, one is 3"),
        (
            {"audits": {"prices": [jumps]}},
            r"'jumps' is the name of an audit of lakebt's",
        ),
        ({"audits": {"prices": [spikes, spikes]}}, r"the name of another of yours"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(
    lake: Lake, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        audit(lake, {"prices": flat()}, **arguments)


def test_an_audit_of_a_table_that_is_not_there_is_refused(lake: Lake) -> None:
    with pytest.raises(UnknownNameError, match="unknown table 'price'"):
        audit(lake, {"prices": flat()}, audits={"price": spikes})


# The schema in the lake


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda u: u.delete_column("volume"),
            r"prices has no column 'volume' any more",
        ),
        (lambda u: u.rename_column("close", "last"), r"has no column 'close' any more"),
        (
            lambda u: u.add_column("desk", LongType(), required=True, default_value=1),
            r"prices requires a column 'desk', which lakebt does not know",
        ),
        (
            lambda u: u.delete_column("volume").add_column("volume", StringType()),
            r"prices has string in 'volume', not double",
        ),
    ],
)
def test_a_schema_that_lost_something_is_refused(
    held: Lake, change: Callable[[Any], Any], message: str
) -> None:
    table = held._storage.tables()["prices"]  # noqa: SLF001 - another engine's hand
    with table.update_schema(allow_incompatible_changes=True) as update:
        change(update)

    with pytest.raises(LakeError, match=message):
        held.publish({"prices": flat()}, release="R2", as_of=AS_OF)
    assert "`lake.doctor()`" in audit(held, {"prices": flat()}).refused


def test_a_column_that_was_added_is_no_matter(held: Lake) -> None:
    table = held._storage.tables()["prices"]  # noqa: SLF001 - another engine's hand
    with table.update_schema() as update:
        update.add_column("vendor", StringType())

    assert audit(held, {"prices": flat()}).ok


# Real data


@pytest.mark.slow
def test_real_bars_are_published_with_their_jumps_and_gaps_named(
    path: Path, realdata: Path
) -> None:
    lake = Lake.open(path)
    raw = pd.read_parquet(realdata / "prices.parquet").sort_values(["symbol", "date"])
    bars = read_source(
        realdata / "prices.parquet", table="prices", file_format="prices"
    ).frame

    with pytest.warns(AuditWarning, match=r"jumps \(\d+\), prices gaps") as caught:
        lake.publish({"prices": bars}, release="Real", as_of="2026-06-30T00:00:00Z")

    told = caught[0].message.report  # type: ignore[union-attr]
    rows = told.rows("prices", "jumps")
    # By pandas alone, on the file as it is.
    raw["day"] = pd.to_datetime(raw["date"])
    by_symbol = raw.groupby("symbol", sort=False)
    raw["move"] = by_symbol["close"].pct_change()
    number = pd.Series(Sessions.of().numbers(raw["day"].to_numpy().astype("M8[D]")))
    raw["away"] = number.set_axis(raw.index).groupby(raw["symbol"]).diff()
    odd = raw[raw["move"].abs() > 0.5]
    expected = set(zip(odd["symbol"], odd["day"].dt.date, strict=True))
    assert set(zip(rows["symbol"], rows["session"].dt.date, strict=True)) == expected
    top = rows.loc[rows["move"].idxmax()]
    assert (top["symbol"], str(top["session"].date())) == ("NFLX", "2018-01-24")
    assert top["move"] == pytest.approx(6.03, abs=0.005)  # up 600 %, in good data
    assert bars["symbol"].iloc[top["row"]] == "NFLX"
    assert (rows["sessions"] == 1).sum() == 5
    assert len(told.rows("prices", "gaps")) == int((raw["away"] > 1).sum())


@pytest.mark.slow
def test_real_changes_have_no_findings(path: Path, realdata: Path) -> None:
    lake = Lake.open(path)
    events = read_source(
        realdata / "events.csv", table="index_changes", file_format="rebalances"
    ).frame

    report = lake.audit(
        {"index_changes": events}, release="Real", as_of="2026-06-30T00:00:00Z"
    )

    assert report.findings.empty
    assert report.tables["new"].tolist() == [len(events)]


def test_rows_of_an_arrow_table_are_named_too(lake: Lake) -> None:
    table = pa.Table.from_pandas(spoilt(flat(), "volume", 3, -1), preserve_index=False)

    rows = audit(lake, {"prices": table}).rows("prices", "volume")

    assert rows["row"].tolist() == [3]
