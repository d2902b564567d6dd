"""Bad input is one clear line that names the table, the row, the value and the cure.

And nothing is written: every case runs against a lake with one release, which must have
the same files afterwards.
"""

from __future__ import annotations

import datetime as dt
import pickle
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lakebt.errors import (
    InvalidArgumentError,
    InvalidDataError,
    LakebtError,
    UnknownNameError,
)
from lakebt.lake import Lake
from tests.lake.frames import AS_OF, Q1_KNOWN, bars, changes, clock, q1

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.lake


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bad") / "lake"
    Lake.open(path, clock=clock).publish({"prices": bars()}, release="R1", as_of=AS_OF)
    return path


@pytest.fixture
def untouched(root: Path) -> Iterator[Lake]:
    """A lake in which nothing may change."""
    before = sorted(root.rglob("*"))
    lake = Lake.open(root, clock=clock)
    yield lake
    assert list(lake.releases()["name"]) == ["R1"]
    assert sorted(root.rglob("*")) == before


def with_value(
    frame: pd.DataFrame, column: str, row: int, value: object
) -> pd.DataFrame:
    values: list[Any] = frame[column].to_list()
    values[row] = value
    return frame.assign(**{column: values})


def stamp(text: str) -> pd.Timestamp:
    return pd.Timestamp(text)


ROWS: dict[str, tuple[str, Callable[[], Any], str]] = {
    "missing column": (
        "prices",
        lambda: bars().drop(columns="close"),
        r"prices: column 'close' is missing\. Add it\. Nothing was published\.",
    ),
    "column is the index": (
        "prices",
        lambda: bars().set_index("session"),
        r"column 'session' is missing\. Call reset_index\(\)\.",
    ),
    "extra column": (
        "prices",
        lambda: bars(volum=1.0),
        r"unknown column 'volum'\. Did you mean 'volume'\? The table has symbol, ",
    ),
    "extra column that a frame shows as an attribute": (
        "prices",
        lambda: bars(ready=1.0),
        r"unknown column 'ready'\. The table has symbol, ",
    ),
    "column twice": (
        "prices",
        lambda: pd.concat([bars(), bars()[["close"]]], axis=1),
        r"column 'close' is there twice",
    ),
    "no known_at for holdings": (
        "etf_holdings",
        lambda: q1().drop(columns="known_at"),
        r"etf_holdings: column 'known_at' is missing",
    ),
    "not a table": ("prices", lambda: [1, 2], r"a list is not a table\. Pass a pandas"),
    "empty frame": ("prices", lambda: bars().iloc[:0], r"the frame is empty"),
    "frame without anything": ("prices", pd.DataFrame, r"the frame is empty"),
    "empty Arrow table": (
        "etf_holdings",
        lambda: pa.Table.from_pandas(q1()).slice(0, 0),
        r"the frame is empty",
    ),
    "text in a number": (
        "prices",
        lambda: with_value(bars(), "close", 3, "n/a"),
        r"column 'close' must be a number, row 3 has 'n/a' \(str\)\. Convert",
    ),
    "numbers as text": (
        "prices",
        lambda: bars(close="10.0"),
        r"column 'close' must be a number, row 0 has '10\.0' \(str\)",
    ),
    "flag for a number": (
        "prices",
        lambda: bars(volume=True),
        r"column 'volume' must be a number, row 0 has True",
    ),
    "number for text": (
        "prices",
        lambda: bars(symbol=5),
        r"column 'symbol' must be text, row 0 has 5 \(int\)",
    ),
    "one number among text": (
        "etf_holdings",
        lambda: with_value(q1(), "isin", 1, 7),
        r"column 'isin' must be text, row 1 has 7",
    ),
    "empty symbol": (
        "prices",
        lambda: with_value(bars(), "symbol", 2, ""),
        r"column 'symbol' is empty in row 2\. Give a value",
    ),
    "blank fund": ("etf_holdings", lambda: q1(fund="  "), r"'fund' is empty in 2 rows"),
    "NaN price": (
        "prices",
        lambda: with_value(bars(), "open", 4, np.nan),
        r"column 'open' is NaN or empty in row 4",
    ),
    "several NaN prices": (
        "prices",
        lambda: bars(high=[1.0, np.nan, 1.0, np.nan, np.nan, 1.0]),
        r"column 'high' is NaN or empty in 3 rows, the first is row 1",
    ),
    "naive known_at": (
        "etf_holdings",
        lambda: q1(known_at=stamp("2022-05-27 17:54:03")),
        r"row 0: column 'known_at' 2022-05-27 17:54:03 has no time zone: write it",
    ),
    "naive known_at as text": (
        "etf_holdings",
        lambda: q1(known_at=["2022-05-27T17:54:03Z", "2022-05-27T17:54:03"]),
        r"row 1: column 'known_at' 2022-05-27 17:54:03 has no time zone",
    ),
    "date for an instant": (
        "etf_holdings",
        lambda: q1(known_at=dt.date(2022, 5, 27)),
        r"row 0: column 'known_at' datetime\.date\(2022, 5, 27\) is not an instant",
    ),
    "naive announcement with a time": (
        "index_changes",
        lambda: changes(announced=stamp("2022-09-02 17:15")),
        r"column 'announced' 2022-09-02 17:15:00 has no time zone",
    ),
    "text that is no date": (
        "prices",
        lambda: bars(session="09/02/2022"),
        r"row 0: column 'session' '09/02/2022' is not a date: write it as 2022-09-19",
    ),
    "instant for a date": (
        "prices",
        lambda: bars(session=stamp("2022-09-02T20:00Z")),
        r"column 'session' .* is not a date",
    ),
    "finer than a microsecond": (
        "etf_holdings",
        lambda: q1(known_at=stamp("2022-05-27T17:54:03.000000001Z")),
        r"column 'known_at' is finer than a microsecond",
    ),
    "unknown side": (
        "index_changes",
        lambda: changes(side=["addition", "removal"]),
        r"'side' must be one of addition, deletion, row 1 has 'removal'",
    ),
    "unknown cause": (
        "index_changes",
        lambda: changes(cause="takeover"),
        r"'cause' must be one of discretionary, merger, .*, row 0 has 'takeover'",
    ),
    "unknown quality": (
        "index_changes",
        lambda: changes(announced_quality="rumour"),
        r"must be one of exact, derived, news, row 0 has 'rumour'",
    ),
    "unknown basis": (
        "prices",
        lambda: bars(basis="adj"),
        r"'basis' must be one of raw, split_adjusted, total_return, row 0 has 'adj'",
    ),
    "retracted as text": (
        "etf_holdings",
        lambda: q1(retracted="yes"),
        r"column 'retracted' must be true or false, row 0 has 'yes'",
    ),
    "neither announced nor known_at": (
        "index_changes",
        lambda: changes().drop(columns="announced"),
        r"column 'known_at' is empty in 2 rows.* Give known_at, or announced",
    ),
    "known after the cutoff": (
        "etf_holdings",
        lambda: q1(known_at=stamp("2023-01-01T00:30Z")),
        r"2 rows have known_at after the release's as_of 2022-12-31T00:00:00\+00:00",
    ),
    "duplicate keys": (
        "prices",
        lambda: pd.concat([bars(), bars().iloc[[2, 3]]]),
        r"2 rows have a duplicate key, the symbol, session and known_at .*\(row 6: .*A",
    ),
    "zero price": (
        "prices",
        lambda: bars(low=0.0),
        r"6 rows have a price that is not positive and .*\(row 0: .*; and 3 more\)",
    ),
    "negative price": (
        "prices",
        lambda: with_value(bars(), "close", 1, -3.0),
        r"1 row has a price that is not positive and finite \(row 1: .*close -3\.0",
    ),
    "infinite price": ("prices", lambda: bars(high=np.inf), r"not positive and finite"),
    "high below low": (
        "prices",
        lambda: with_value(bars(), "high", 5, 1.0),
        r"1 row has high below low \(row 5: symbol BBB, session 2022-09-06, high 1\.0",
    ),
    "close above high": (
        "prices",
        lambda: with_value(bars(), "close", 0, 11.5),
        r"close outside low to high \(row 0: .*close 11\.5, low 9\.0, high 11\.0\)",
    ),
    "open below low": (
        "prices",
        lambda: with_value(bars(), "open", 0, 8.0),
        r"open outs",
    ),
    "infinite volume": (
        "prices",
        lambda: bars(volume=float("inf")),
        r"6 rows have an infinite quantity.*volume inf",
    ),
    "infinite balance": (
        "etf_holdings",
        lambda: q1().assign(balance=-float("inf")),
        r"an infinite quantity.*balance -inf",
    ),
    "negative volume": ("prices", lambda: bars(volume=-1), r"negative volume"),
    "holiday": (
        "prices",
        lambda: bars(("2022-09-05",)),
        r"2 rows have a bar on a day without a session of XNYS .*session 2022-09-05",
    ),
    "outside the calendar": (
        "prices",
        lambda: bars(("1950-01-03",)),
        r"without a session of XNYS \(whose calendar runs from 1980-01-02 to 2049-12",
    ),
    "known before the close": (
        "prices",
        lambda: bars(("2022-09-02",), known_at=stamp("2022-09-02T19:59:59Z")),
        r"known_at before the close of their session .*Leave known_at out",
    ),
    "effective before announced": (
        "index_changes",
        lambda: changes(effective=dt.date(2022, 9, 1)),
        r"2 rows have effective before announced",
    ),
    "report about the future": (
        "etf_holdings",
        lambda: q1(date=dt.date(2022, 5, 28)),
        r"2 rows have date after the day of known_at",
    ),
}


@pytest.mark.parametrize("case", ROWS)
def test_rows_that_break_a_rule_are_refused(untouched: Lake, case: str) -> None:
    table, make, message = ROWS[case]

    with pytest.raises(InvalidDataError, match=message) as caught:
        untouched.publish({table: make()}, release="R2", as_of=AS_OF)

    assert str(caught.value).startswith(f"{table}: ")
    assert str(caught.value).endswith(". Nothing was published.")
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, (LakebtError, ValueError))
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301


def test_one_bad_table_stops_the_others_too(untouched: Lake) -> None:
    tables = {"etf_holdings": q1(), "prices": bars(close=-1.0)}

    with pytest.raises(InvalidDataError, match=r"prices: .*not positive"):
        untouched.publish(tables, release="R2", as_of=AS_OF)


def test_the_frame_handed_over_is_not_changed(untouched: Lake) -> None:
    frame = bars(close=-1.0)
    before = frame.copy(deep=True)

    with pytest.raises(InvalidDataError, match="not positive"):
        untouched.publish({"prices": frame}, release="R2", as_of=AS_OF)

    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", "Q3 2022", "20220930", "Q3.2022", "rel/Q3", "Q3'", 'Q3"', "-Q3"),
        *("x; DROP TABLE releases", "Ünï", "_a", "a" * 65, "Q1\n", None, 7),
    ],
)
def test_illegal_release_names_are_refused(untouched: Lake, name: Any) -> None:
    message = (
        f"release name {re.escape(repr(name))} cannot be used: start with a letter"
    )

    with pytest.raises(InvalidArgumentError, match=message):
        untouched.publish({"prices": bars()}, release=name, as_of=AS_OF)


@pytest.mark.parametrize("name", ["main", "Main", "MAIN", "lakebt-tmp", "Lakebt-x"])
def test_reserved_release_names_are_refused(untouched: Lake, name: str) -> None:
    with pytest.raises(
        InvalidArgumentError, match=f"release name '{name}' is reserved"
    ):
        untouched.publish({"prices": bars()}, release=name, as_of=AS_OF)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"as_of": "2023-06-01T12:00:01Z"},
            r"lies ahead of the clock, which says 2023-0",
        ),
        ({"as_of": "2022-12-31"}, r"as_of 2022-12-31 00:00:00 has no time zone"),
        ({"as_of": "soon"}, r"as_of 'soon' is not an instant"),
        ({"as_of": None}, r"as_of None is not an instant"),
        ({"note": 5}, r"note must be text, was 5"),
        ({"labels": {"a": 1}}, r"labels must map text to text, was 'a': 1"),
        ({"labels": "a"}, r"labels must map text to text, was 'a'"),
        ({"retain_days": 0}, r"retain_days must be .* 100,000, .* was 0"),
        ({"retain_days": 1.5}, r"retain_days must be .* 100,000, .* was 1\.5"),
        ({"tables": {}}, r"tables must map table names to frames, was \{\}"),
        ({"tables": bars()}, r"tables must map table names to frames, was DataFrame"),
    ],
)
def test_bad_arguments_are_refused(
    untouched: Lake, arguments: dict[str, Any], message: str
) -> None:
    given = {"tables": {"prices": bars()}, "release": "R2", "as_of": AS_OF, **arguments}

    with pytest.raises(InvalidArgumentError, match=message):
        untouched.publish(given.pop("tables"), **given)


@pytest.mark.parametrize("table", ["price", "releases", "", "quant.prices"])
def test_unknown_tables_are_refused(untouched: Lake, table: str) -> None:
    message = f"unknown table '{table}'.* Known: etf_holdings, index_changes, prices"

    with pytest.raises(UnknownNameError, match=message):
        untouched.publish({table: bars()}, release="R2", as_of=AS_OF)


READS: dict[str, tuple[Callable[[Lake], object], str]] = {
    "unknown release": (lambda lake: lake.at("R2"), r"unknown release 'R2'.*Known: R1"),
    "release in another case": (lambda lake: lake.at("r1"), r"unknown release 'r1'"),
    "no release name": (lambda lake: lake.at(None), r"unknown release 'None'"),  # type: ignore[arg-type]
    "unknown table": (
        lambda lake: lake.at("R1").read("price"),
        r"unknown table 'price'\. Did you mean 'prices'\?",
    ),
    "unknown table in a diff": (
        lambda lake: lake.diff("x", "R1", "R1"),
        r"unknown table 'x'",
    ),
    "unknown release in a diff": (
        lambda lake: lake.diff("prices", "R1", "R9"),
        r"unknown release 'R9'",
    ),
    "unknown column": (
        lambda lake: lake.at("R1").read("prices", columns=["closed"]),
        r"unknown column 'closed'\. Did you mean 'close'\?",
    ),
    "unknown column of a panel": (
        lambda lake: lake.at("R1").panel("adj_close"),
        r"unknown column 'adj_close'.*Known: open, high, low, close, volume",
    ),
    "unknown column in where": (
        lambda lake: lake.at("R1").read("prices", where={"tikker": "AAA"}),
        r"unknown column 'tikker'",
    ),
    "unknown symbol": (
        lambda lake: lake.at("R1").panel("close", symbols=["AAA", "ZZZ"]),
        r"unknown symbol 'ZZZ'.* Known: AAA, BBB",
    ),
    "unknown symbol in where": (
        lambda lake: lake.at("R1").read("prices", where={"symbol": ["AAA", "ZZ"]}),
        r"unknown symbol 'ZZ'",
    ),
    "unknown index": (
        lambda lake: lake.at("R1").read("index_changes", where={"index": "SP500"}),
        r"unknown index 'SP500'\. Known: none",
    ),
    "unknown fund": (
        lambda lake: lake.at("R1").read("etf_holdings", where={"fund": "IVV"}),
        r"unknown fund 'IVV'\. Known: none",
    ),
    "nothing known yet": (
        lambda lake: lake.as_of("2022-09-01T19:59:59Z"),
        r"was known at 2022-09-01T19:59:59\+00:00: the earliest known_at is 2022-09-01",
    ),
    "nothing known yet in a release": (
        lambda lake: lake.at("R1", as_of="2000-01-01T00:00:00Z"),
        r"the earliest known_at is 2022-09-01T20:00:00",
    ),
    "ahead of the clock": (
        lambda lake: lake.as_of("2024-01-01T00:00:00Z"),
        r"as_of 2024-01-01T00:00:00\+00:00 lies ahead of the clock",
    ),
    "later than the release": (
        lambda lake: lake.at("R1", as_of="2023-01-01T00:30:00Z"),
        r"later than the cutoff of release 'R1', 2022-12-31T00:00:00",
    ),
    "later than the view": (
        lambda lake: lake.at("R1").as_of("2023-01-01T00:30:00Z"),
        r"later than what this view knows, 2022-12-31",
    ),
    "naive as_of": (
        lambda lake: lake.as_of("2022-09-02"),
        r"as_of 2022-09-02 00:00:00 has no time zone",
    ),
    "no price in the window": (
        lambda lake: lake.at("R1").panel("close", symbols=["AAA"], start="2022-09-07"),
        r"AAA has no prices from 2022-09-07: its .* run from 2022-09-01 to 2022-09-06",
    ),
    "day outside the calendar": (
        lambda lake: lake.at("R1").panel("close", start="1066-10-14"),
        r"1066-10-14 is outside the calendar of XNYS, which runs from 1980",
    ),
    "end before start": (
        lambda lake: lake.at("R1").panel("close", start="2022-09-06", end="2022-09-02"),
        r"start 2022-09-06 is after end 2022-09-02",
    ),
    "day that is none": (
        lambda lake: lake.at("R1").panel("close", start="Labor Day"),
        r"start 'Labor Day' is not a date",
    ),
    "one symbol as text": (
        lambda lake: lake.at("R1").panel("close", symbols="AAA"),
        r"symbols must be a list, was the text 'AAA': write \['AAA'\]",
    ),
    "symbol twice": (
        lambda lake: lake.at("R1").panel("close", symbols=["AAA", "AAA"]),
        r"symbol 'AAA' is asked for twice",
    ),
    "text compared with a number": (
        lambda lake: lake.at("R1").read("prices", where={"close": "ten"}),
        r"where close: 'ten' cannot be compared with a number",
    ),
    "number compared with text": (
        lambda lake: lake.at("R1").read("prices", where={"basis": 1}),
        r"where basis: 1 cannot be compared with text",
    ),
    "text compared with a date": (
        lambda lake: lake.at("R1").read("prices", where={"session": "Friday"}),
        r"where session: 'Friday' is not a date",
    ),
}


@pytest.mark.parametrize("case", READS)
def test_reading_what_is_not_there_is_one_clear_line(
    untouched: Lake, case: str
) -> None:
    read, message = READS[case]

    with pytest.raises(LakebtError, match=message) as caught:
        read(untouched)

    assert isinstance(caught.value, ValueError)
    assert "\n" not in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301


def test_an_empty_lake_says_that_it_is_empty(tmp_path: Path) -> None:
    lake = Lake.open(tmp_path / "empty", clock=clock)

    assert lake.releases().empty
    with pytest.raises(LakebtError, match="the lake is empty"):
        lake.as_of(Q1_KNOWN)
    with pytest.raises(UnknownNameError, match=r"unknown release 'R1'\. Known: none"):
        lake.at("R1")


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (dt.datetime(2023, 6, 1), "has no time zone"),  # noqa: DTZ001 - that is the test
        ("2023-06-01", "has no time zone"),
        (5.0, "is not an instant"),
    ],
)
def test_a_clock_without_a_zone_is_one_line(root: Path, told: object, why: str) -> None:
    lake = Lake.open(root, clock=lambda: told)  # type: ignore[arg-type, return-value]

    with pytest.raises(InvalidArgumentError, match=f"lake's clock.* {why}"):
        lake.publish({"prices": bars()}, release="R2", as_of=AS_OF)


def test_a_clock_that_is_none_is_refused(root: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="clock must be a function"):
        Lake.open(root, clock=dt.datetime(2023, 6, 1, tzinfo=dt.UTC))  # type: ignore[arg-type]


@pytest.mark.parametrize("day", [dt.date.min, dt.date(1, 6, 1), dt.date.max])
@pytest.mark.parametrize(
    ("table", "rows", "column"),
    [
        ("prices", bars(), "session"),
        ("index_changes", changes(), "effective"),
        ("etf_holdings", q1(), "date"),
    ],
)
def test_the_first_and_the_last_day_that_there_are_can_be_audited(
    untouched: Lake, table: str, rows: pd.DataFrame, column: str, day: dt.date
) -> None:
    report = untouched.audit(
        {table: rows.assign(**{column: day})}, release="X", as_of=AS_OF
    )

    assert report.ok or str(report).startswith("release 'X' would not be published")
