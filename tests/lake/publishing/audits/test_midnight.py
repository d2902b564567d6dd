"""Dates that pose as instants are refused, in every column; true instants are not."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest

from lakebt.errors import AuditError, AuditWarning, InvalidArgumentError
from lakebt.facts import IndexChange
from lakebt.instants import parse_instant
from lakebt.lake import Lake
from lakebt.study import Study
from tests.lake.earnings import COLUMNS, declare
from tests.lake.frames import AS_OF, bars, changes, clock, holdings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.lake


def in_zone(zone: str) -> Callable[[list[str]], Any]:
    return lambda days: pd.to_datetime(pd.Series(days)).dt.tz_localize(zone)


POSES: dict[str, Callable[[list[str]], Any]] = {
    "pandas, UTC": lambda days: pd.to_datetime(pd.Series(days), utc=True),
    "pandas, New York": in_zone("America/New_York"),
    "pandas, Hong Kong": in_zone("Asia/Hong_Kong"),
    "pandas, Kathmandu": in_zone("Asia/Kathmandu"),
    "New York, told in UTC": lambda days: in_zone("America/New_York")(
        days
    ).dt.tz_convert("UTC"),
    "text": lambda days: [f"{day}T00:00:00Z" for day in days],
    "text as pandas writes it": lambda days: [f"{day} 00:00:00+00:00" for day in days],
    "text, an offset": lambda days: [f"{day}T00:00:00+08:00" for day in days],
    "datetimes": lambda days: [pd.Timestamp(day, tz="UTC") for day in days],
}


@pytest.mark.parametrize("pose", POSES)
def test_announcements_all_at_midnight_are_refused(lake: Lake, pose: str) -> None:
    days = ["2022-09-02", "2022-03-11"]
    frame = (
        changes()
        .iloc[:2]
        .assign(announced=POSES[pose](days), effective=["2022-09-19", "2022-03-21"])
    )

    with pytest.raises(AuditError, match=r"announced at midnight of .*Give dates, as"):
        lake.publish({"index_changes": frame}, release="R1", as_of=AS_OF)


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        ("index_changes", changes().drop(columns="announced")),
        ("etf_holdings", holdings({"US1": "A"}, "2022-06-30", "2022-09-01T20:00:00Z")),
        ("prices", bars(("2022-09-02",))),
    ],
)
def test_known_at_at_midnight_is_refused_wherever_it_is_given(
    lake: Lake, table: str, rows: pd.DataFrame
) -> None:
    midnight = pd.Timestamp("2022-09-04", tz="UTC")

    found = lake.audit(
        {table: rows.assign(known_at=midnight)}, release="R1", as_of=AS_OF
    )

    assert "midnight" in set(found.findings["audit"])
    assert not found.ok
    assert "23:59:59.999999 in America/New_York" in str(found)
    assert "00:00:00Z" not in str(found)


def test_an_instant_of_a_declared_table_is_looked_at_too(lake: Lake) -> None:
    declare(lake, known_at=None)
    name = next(n for n, kind in COLUMNS.items() if kind.startswith("instant"))
    row = {n: _value(kind) for n, kind in COLUMNS.items()}
    row |= {name: pd.Timestamp("2022-09-02", tz="UTC")}
    row |= {"known_at": pd.Timestamp("2022-09-02T20:15:00Z")}

    found = lake.audit({"earnings": pd.DataFrame([row])}, release="R1", as_of=AS_OF)

    assert list(found.findings["audit"]) == ["midnight"]


def _value(kind: str) -> object:
    values = {"text": "A", "number": 1.0, "date": "2022-10-26", "flag": True}
    return values.get(kind.removesuffix("?"), "2022-09-02T20:15:00Z")


@pytest.mark.parametrize(
    "announced",
    [
        ["2022-09-02", "2022-03-11"],
        ["2022-09-02T21:15:00Z", "2022-03-11T00:00:00Z"],  # one may be at midnight
        [f"{day}T00:00:00.000001Z" for day in ("2022-09-02", "2022-03-11")],
        pd.to_datetime(
            pd.Series(["2022-09-02 17:15", "2022-03-11 17:15"])
        ).dt.tz_localize("America/New_York"),
    ],
)
def test_dates_and_times_of_day_are_taken(lake: Lake, announced: Any) -> None:
    frame = (
        changes()
        .iloc[:2]
        .assign(announced=announced, effective=["2022-09-19", "2022-03-21"])
    )

    assert lake.audit({"index_changes": frame}, release="R1", as_of=AS_OF).ok


def test_midnights_that_are_meant_are_published_with_a_warning(lake: Lake) -> None:
    frame = changes().assign(announced=pd.Timestamp("2022-09-02", tz="UTC"))

    with pytest.warns(AuditWarning, match=r"index_changes midnight \(\d\)"):
        lake.publish(
            {"index_changes": frame}, release="R1", as_of=AS_OF, warn_on=["midnight"]
        )


def test_a_column_without_a_value_poses_as_nothing(lake: Lake) -> None:
    frame = pa.Table.from_pandas(changes()).append_column(
        "known_at", pa.nulls(len(changes()), pa.timestamp("us", "UTC"))
    )

    assert lake.audit({"index_changes": frame}, release="R1", as_of=AS_OF).ok


def test_a_market_that_never_closes_closes_at_midnight(tmp_path: Path) -> None:
    lake = Lake.open(tmp_path / "always", exchange="24/7", clock=clock)
    rows = bars(("2022-09-02",)).assign(known_at=pd.Timestamp("2022-09-03T00:00:00Z"))

    with warnings.catch_warnings():
        warnings.simplefilter("error", AuditWarning)
        lake.publish({"prices": rows}, release="R1", as_of=AS_OF)


@pytest.mark.parametrize("value", ["2022-09-02", pd.Timestamp("2022-09-02")])
def test_no_error_offers_midnight_for_a_date(value: object) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        parse_instant(value, what="known_at")

    assert "T00:00:00Z" not in str(caught.value)
    assert "2022-09-03T03:59:59.999999Z" in str(caught.value)


def test_changes_handed_to_a_study_are_looked_at_too(lake: Lake) -> None:
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    posing = IndexChange(
        index="IX",
        symbol="AAA",
        side="addition",
        announced=pd.Timestamp("2022-09-02", tz="UTC"),
        effective="2022-09-19",
    )

    with pytest.raises(InvalidArgumentError, match=r"is at midnight.*give dates"):
        Study(lake.at("R1"), changes=[posing], entries=["AD+1@open"], exits=["+1"])


# Nothing is known before what it is about.


def early(**values: object) -> pd.DataFrame:
    one = {
        "index": "IX",
        "symbol": "AAA",
        "side": "addition",
        "effective": "2022-09-19",
    }
    return pd.DataFrame([one | values])


@pytest.mark.parametrize(
    ("announced", "known_at"),
    [
        ("2022-09-02T21:15:00Z", "2022-09-02T21:14:59.999999Z"),
        ("2022-09-02", "2022-09-02T19:00:00Z"),  # before the day was over
        ("2022-09-02", "2022-09-01T19:00:00Z"),
    ],
)
def test_known_before_it_was_announced_fails(
    lake: Lake, announced: str, known_at: str
) -> None:
    rows = early(announced=announced, known_at=known_at)

    with pytest.raises(AuditError, match=r"1 row has known_at before announced \(row"):
        lake.publish({"index_changes": rows}, release="R1", as_of=AS_OF)


def test_known_when_it_was_announced_or_later_does_not(lake: Lake) -> None:
    rows = pd.concat(
        [
            early(announced="2022-09-02T21:15:00Z", known_at="2022-09-02T21:15:00Z"),
            early(
                announced="2022-09-02T21:15:00Z",
                known_at="2022-09-05T21:15:00Z",
                side="deletion",
            ),
            early(known_at="2022-09-02T21:15:00Z", symbol="BBB"),
        ]
    )

    assert lake.audit({"index_changes": rows}, release="R1", as_of=AS_OF).ok


def test_a_study_refuses_a_change_known_before_it_was_announced(lake: Lake) -> None:
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    change = IndexChange(
        index="IX",
        symbol="AAA",
        side="addition",
        announced="2022-09-02T21:15:00Z",
        known_at="2022-09-02T19:00:00Z",
    )

    with pytest.raises(InvalidArgumentError, match=r"known_at .* precedes announced"):
        Study(lake.at("R1"), changes=[change], entries=["AD@close"], exits=["+1"])


@pytest.mark.parametrize("zone", ["Nowhere/There", "utc", "Z"])
def test_a_zone_that_nobody_knows_has_no_midnight(lake: Lake, zone: str) -> None:
    noon = pa.array([1_662_120_000_000_000] * 2, pa.timestamp("us", zone))
    rows = pa.Table.from_pandas(changes(), preserve_index=False)
    place = rows.column_names.index("announced")

    report = lake.audit(
        {"index_changes": rows.set_column(place, "announced", noon)},
        release="R1",
        as_of=AS_OF,
    )

    assert report.ok
