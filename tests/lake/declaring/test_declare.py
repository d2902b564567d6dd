"""Tables that users declare, from the declaration to the diff."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest
from pyiceberg.types import StringType

from lakebt.errors import (
    ForeignCommitError,
    InvalidArgumentError,
    InvalidDataError,
    LakebtError,
    ReleaseExistsError,
    UnknownNameError,
)
from lakebt.lake import Lake
from lakebt.lake.api import publishing
from lakebt.lake.committing import protocol, sql
from lakebt.lake.committing.stage import stage_columns
from lakebt.lake.committing.stepwise import LedgerOrder
from lakebt.lake.publishing.publish import publish
from lakebt.lake.storage import failures
from lakebt.lake.storage.catalog import open_path
from lakebt.lake.tables.schemas import SPECS
from tests.lake.earnings import (
    COLUMNS,
    KEY,
    calendar,
    declare,
    table_of,
)
from tests.lake.frames import AS_OF, Q1_KNOWN, bars, changes, clock, utc
from tests.lake.other_engines import foreign_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lakebt.lake import Release

pytestmark = pytest.mark.lake


def test_what_was_published_is_read_back(published: Lake) -> None:
    found = published.at("R1").read("earnings")

    assert found.to_dict("records") == [
        {
            "symbol": "AAA",
            "period": "2022Q3",
            "announced": pd.Timestamp("2022-09-01T12:00:00Z"),
            "reports": pd.Timestamp("2022-10-20"),
            "eps_usd": 1.5,
            "confirmed": None,
            "known_at": pd.Timestamp("2022-09-01T12:00:00Z"),
        },
        {
            "symbol": "BBB",
            "period": "2022Q3",
            "announced": pd.Timestamp("2022-09-02T20:30:00Z"),
            "reports": pd.Timestamp("2022-10-21"),
            "eps_usd": pytest.approx(float("nan"), nan_ok=True),
            "confirmed": None,
            "known_at": pd.Timestamp("2022-09-02T20:30:00Z"),
        },
    ]
    schema = published.at("R1").arrow("earnings").schema
    assert dict(zip(schema.names, schema.types, strict=True)) == {
        "symbol": pa.string(),
        "period": pa.string(),
        "announced": pa.timestamp("us", "UTC"),
        "reports": pa.date32(),
        "eps_usd": pa.float64(),
        "confirmed": pa.bool_(),
        "known_at": pa.timestamp("us", "UTC"),
        "retracted": pa.bool_(),
    }


def test_a_view_shows_a_declared_fact_from_its_known_at(published: Lake) -> None:
    view = published.at("R1")

    at = view.as_of("2022-09-02T20:30:00Z").read("earnings")["symbol"]
    before = view.as_of("2022-09-02T20:29:59.999999Z").read("earnings")["symbol"]

    assert list(at) == ["AAA", "BBB"]
    assert list(before) == ["AAA"]


def test_a_correction_and_a_retraction_are_rows(published: Lake) -> None:
    later = calendar(
        announced="2022-09-12T12:00:00Z",
        reports=["2022-10-27", "2022-10-21"],
        retracted=[False, True],
    )
    published.publish({"earnings": later}, release="R2", as_of=AS_OF)
    view = published.at("R2")

    assert view.read("earnings", columns=["symbol", "reports"]).to_numpy().tolist() == [
        ["AAA", pd.Timestamp("2022-10-27")]
    ]
    before = view.as_of("2022-09-12T11:59:59Z").read("earnings")
    pd.testing.assert_frame_equal(before, published.at("R1").read("earnings"))


def test_declaring_again_what_is_there_changes_nothing(published: Lake) -> None:
    before = table_of(published).metadata_location

    declare(published)
    declare(published, columns={k: v for k, v in COLUMNS.items() if v[-1] != "?"})
    declare(published, order=KEY)

    assert table_of(published).metadata_location == before


def test_rows_are_sorted_as_was_declared(lake: Lake, path: Path) -> None:
    declare(lake, order=["period", "symbol"])
    rows = calendar(symbol=["BBB", "AAA"], period=["2022Q3", "2022Q4"])

    lake.publish({"earnings": rows}, release="R1", as_of=AS_OF)

    assert list(lake.at("R1").read("earnings")["symbol"]) == ["BBB", "AAA"]
    again = Lake.open(path, clock=clock).at("R1").arrow("earnings")
    assert again.column("symbol").to_pylist() == ["BBB", "AAA"]


@pytest.mark.parametrize(
    ("kind", "given", "known_at"),
    [
        ("instant", "2022-09-02T21:15:00Z", "2022-09-02T21:15:00+00:00"),
        ("instant", "2022-09-02", "2022-09-03T03:59:59.999999+00:00"),
        ("date", "2022-09-02", "2022-09-03T03:59:59.999999+00:00"),
        ("date", "2022-12-02", "2022-12-03T04:59:59.999999+00:00"),  # in winter
    ],
)
def test_known_at_is_derived_from_the_column_that_was_named(
    lake: Lake, kind: str, given: str, known_at: str
) -> None:
    declare(lake, columns={**COLUMNS, "announced": kind})
    frame = calendar(announced=given)

    lake.publish({"earnings": frame}, release="R1", as_of=AS_OF)

    found = lake.at("R1").read("earnings")["known_at"]
    assert set(found) == {pd.Timestamp(known_at)}


def test_a_known_at_that_is_given_is_kept(lake: Lake) -> None:
    declare(lake)
    given = pd.Series([pd.Timestamp("2022-11-01T00:30:00Z"), pd.NaT])

    lake.publish({"earnings": calendar(known_at=given)}, release="R1", as_of=AS_OF)

    assert list(lake.at("R1").read("earnings")["known_at"]) == [
        pd.Timestamp("2022-11-01T00:30:00Z"),
        pd.Timestamp("2022-09-02T20:30:00Z"),
    ]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (calendar(symbol="AAA", announced="2022-09-01T12:00:00Z"), "AAA"),
        (calendar(reports=["2022-10-20", None]), "'reports' is empty in row 1"),
        (calendar(eps_us=1.0), "unknown column 'eps_us'. Did you mean 'eps_usd'"),
        (calendar(eps_usd="1.5"), "'eps_usd' must be a number, row 0 has '1.5'"),
        (calendar(confirmed="yes"), "'confirmed' must be true or false"),
        (calendar(announced=["2022-09-02", None]), "'announced' is empty in row 1"),
        (calendar(announced="2023-01-02T00:30:00Z"), "known_at"),
        (calendar().drop(columns="period"), "column 'period' is missing"),
        (calendar(announced="2022-09-02T10:00:00"), "no time zone"),
    ],
)
def test_rows_that_break_the_declaration_are_refused(
    lake: Lake, frame: pd.DataFrame, message: str
) -> None:
    declare(lake)

    with pytest.raises(InvalidDataError, match="earnings: ") as failed:
        lake.publish({"earnings": frame}, release="R1", as_of=AS_OF)

    assert message in str(failed.value)
    assert lake.releases().empty


def test_without_a_column_to_derive_it_from_known_at_must_be_given(lake: Lake) -> None:
    declare(lake, known_at=None)

    with pytest.raises(InvalidDataError, match="column 'known_at' is missing"):
        lake.publish({"earnings": calendar()}, release="R1", as_of=AS_OF)


def test_an_empty_source_of_known_at_is_named_in_the_cure(lake: Lake) -> None:
    declare(lake, columns={**COLUMNS, "announced": "instant?"})
    frame = calendar(announced=["2022-09-02", None])

    with pytest.raises(
        InvalidDataError, match="Give known_at, or announced to derive it from"
    ):
        lake.publish({"earnings": frame}, release="R1", as_of=AS_OF)


MORE = {**COLUMNS, "hour": "text?", "surprise": "number?"}


def test_a_column_added_later_is_null_in_releases_before_it(published: Lake) -> None:
    before = published.at("R1").read("earnings")

    declare(published, columns=MORE)

    after = published.at("R1").read("earnings")
    assert list(after.columns) == [*before.columns, "hour", "surprise"]
    assert after[["hour", "surprise"]].isna().to_numpy().all()
    pd.testing.assert_frame_equal(after[list(before.columns)], before)


def test_a_filter_on_a_column_added_later_works_on_every_release(
    published: Lake,
) -> None:
    declare(published, columns=MORE)
    more = calendar(announced="2022-09-20T12:00:00Z", hour=["bmo", None], surprise=0.1)
    published.publish({"earnings": more}, release="R2", as_of=AS_OF)
    old, new = published.at("R1"), published.at("R2")

    def symbols(view: Any, **where: object) -> list[str]:
        return list(view.read("earnings", where=where)["symbol"])

    assert symbols(old, hour="bmo") == []
    assert symbols(old, hour=None) == ["AAA", "BBB"]
    assert symbols(old, hour=None, symbol="BBB") == ["BBB"]
    assert symbols(new, hour="bmo") == ["AAA"]
    assert symbols(new, hour=None, surprise=0.1) == ["BBB"]
    assert symbols(new.as_of("2022-09-10T00:00:00Z"), surprise=None) == ["AAA", "BBB"]


def test_a_view_that_is_open_keeps_its_columns(published: Lake) -> None:
    view = published.at("R1")
    before = view.read("earnings")

    declare(published, columns=MORE)
    published.tables()

    pd.testing.assert_frame_equal(view.read("earnings"), before)


def test_the_same_rows_are_the_same_release_after_a_column_was_added(
    published: Lake,
) -> None:
    made = published.publish({"earnings": calendar()}, release="R1", as_of=AS_OF)

    declare(published, columns=MORE)

    again = published.publish({"earnings": calendar()}, release="R1", as_of=AS_OF)
    assert again == made
    with pytest.raises(ReleaseExistsError, match="comes with other rows"):
        published.publish(
            {"earnings": calendar(surprise=0.1)}, release="R1", as_of=AS_OF
        )


def test_rows_already_there_are_not_written_again_after_a_column_was_added(
    published: Lake,
) -> None:
    declare(published, columns=MORE)

    made = published.publish({"earnings": calendar()}, release="R2", as_of=AS_OF)

    assert made.pin("earnings").rows == 2  # type: ignore[union-attr]
    with pytest.raises(InvalidDataError, match="A correction needs a later known_at"):
        published.publish(
            {"earnings": calendar(surprise=0.1)}, release="R3", as_of=AS_OF
        )


def test_a_column_may_be_added_while_somebody_publishes(
    published: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = Lake.open(path, clock=clock)
    rows = calendar(announced="2022-09-20T12:00:00Z")

    def publish_later(*arguments: Any, **options: Any) -> Release:
        declare(others, columns=MORE)
        return publish(*arguments, **options)

    monkeypatch.setattr(publishing, "publish", publish_later)
    made = published.publish({"earnings": rows}, release="R2", as_of=AS_OF)

    assert made == published.publish({"earnings": rows}, release="R2", as_of=AS_OF)
    found = published.at("R2").read("earnings")
    assert list(found["announced"]) == [pd.Timestamp("2022-09-20T12:00:00Z")] * 2
    assert found[["hour", "surprise"]].isna().to_numpy().all()


def append_twice(path: Path) -> None:
    with foreign_table(path, "earnings") as table:
        table.append(table.scan().to_arrow())


def add_another(path: Path) -> None:
    with foreign_table(path, "earnings") as table, table.update_schema() as change:
        change.add_column("theirs", StringType())


def publish_more(path: Path) -> None:
    rows = calendar(announced="2022-09-20T12:00:00Z")
    other = Lake.open(path, clock=clock)
    other.publish({"earnings": rows}, release="R2", as_of=AS_OF)


def declare_more(path: Path) -> None:
    declare(Lake.open(path, clock=clock), columns={**COLUMNS, "surprise": "number?"})


@pytest.mark.parametrize(
    "meanwhile", [append_twice, add_another, publish_more, declare_more]
)
def test_whoever_comes_before_a_column_is_added_loses_nothing_by_it(
    published: Lake,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    meanwhile: Callable[[Path], None],
) -> None:
    """They come after it was decided what is lacking, and before it is committed."""
    really, others = stage_columns, [meanwhile]

    def late(*arguments: Any) -> Any:
        staged = really(*arguments)
        while others:
            others.pop()(path)
        return staged

    monkeypatch.setattr("lakebt.lake.declaring.declare.stage_columns", late)
    # In a turn nobody else can: as where there is no transaction.
    monkeypatch.setattr(protocol, "of", LedgerOrder)

    declare(published, columns=MORE)

    columns: Any = published.tables().set_index("name").loc["earnings", "columns"]
    assert set(MORE) <= set(columns)
    table = table_of(published)
    ids = [field.field_id for field in table.schema().fields]
    assert len(set(ids)) == len(ids)
    n_rows = 4 if meanwhile in {append_twice, publish_more} else 2
    assert len(table.scan().to_arrow()) == n_rows
    assert len(published.at("R1").read("earnings")) == 2
    if meanwhile is append_twice:
        with pytest.raises(ForeignCommitError):
            published.publish({"earnings": calendar(eps_usd=1.0)}, release="R3",
                              as_of=AS_OF)  # fmt: skip


def test_a_column_is_added_in_the_turn_of_those_who_publish(
    published: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And if it cannot be committed, nothing of it stays."""
    monkeypatch.setattr(failures, "LOCK_SECONDS", 0.0)
    files = sorted(path.rglob("*"))
    catalog: Any = open_path(path, create=False).catalog
    with sql.turn(catalog), pytest.raises(LakebtError, match="is locked"):
        declare(published, columns=MORE)

    assert sorted(path.rglob("*")) == files
    declare(published, columns=MORE)
    assert published.doctor().ok


def test_a_release_before_the_declaration_has_no_rows_of_it(published: Lake) -> None:
    provenance = published.at("R0").provenance()

    found = published.at("R0").read("earnings")

    assert found.empty
    assert list(found.columns) == [*COLUMNS, "known_at"]
    assert provenance == published.at("R0").provenance()
    assert set(provenance["snapshots"]) == {"etf_holdings", "index_changes", "prices"}


def test_a_release_carries_declared_tables_along(published: Lake) -> None:
    published.publish({"index_changes": changes()}, release="R2", as_of=AS_OF)

    pinned = {
        name: published.at(name).provenance()["snapshots"]["earnings"]
        for name in ("R1", "R2")
    }
    assert pinned["R1"] == pinned["R2"] is not None
    assert len(published.at("R2").read("earnings")) == 2


def test_several_tables_are_published_together(lake: Lake) -> None:
    declare(lake)

    made = lake.publish(
        {"prices": bars(), "earnings": calendar()}, release="R1", as_of=AS_OF
    )

    assert made.published == ("prices", "earnings")
    assert lake.at("R1").provenance()["digests"]["earnings"]


def test_the_diff_of_a_declared_table_is_by_its_key(published: Lake) -> None:
    declare(published, columns=MORE)
    later = calendar(
        symbol=["AAA", "CCC"],
        announced="2022-09-12T12:00:00Z",
        reports=["2022-10-27", "2022-10-28"],
        hour="amc",
    )
    gone = calendar(announced="2022-09-12T12:00:00Z", retracted=True).iloc[1:]
    rows = pd.concat([later, gone], ignore_index=True)
    rows["retracted"] = rows["retracted"].fillna(value=False).astype(bool)
    published.publish({"earnings": rows}, release="R2", as_of=AS_OF)

    found = published.diff("earnings", "R1", "R2")

    assert list(found.added["symbol"]) == ["CCC"]
    assert list(found.removed["symbol"]) == ["BBB"]
    assert list(found.changed["symbol"]) == ["AAA"]
    assert found.changed["reports_before"].item() == pd.Timestamp("2022-10-20")
    assert found.changed["reports_after"].item() == pd.Timestamp("2022-10-27")
    assert found.changed["hour_before"].isna().item()
    assert found.reidentified.empty
    assert found.changes() == ()


def test_a_symbol_nobody_ever_heard_of_is_an_error_other_text_is_not(
    published: Lake,
) -> None:
    view = published.at("R1")

    with pytest.raises(UnknownNameError, match="unknown symbol 'AAB'"):
        view.read("earnings", where={"symbol": "AAB"})

    assert view.read("earnings", where={"period": "2031Q3"}).empty
    assert len(view.read("earnings", where={"symbol": ["AAA", "BBB"]})) == 2
    with pytest.raises(UnknownNameError, match="unknown column 'retracted'"):
        view.read("earnings", columns=["retracted"])


def test_a_column_of_another_kind_may_be_called_index(lake: Lake) -> None:
    lake.declare(
        "levels",
        key=["day"],
        columns={"day": "date", "index": "number", "symbol": "flag?"},
    )
    frame = pd.DataFrame(
        {"day": ["2022-09-01"], "index": 3_966.85, "known_at": pd.Timestamp(Q1_KNOWN)}
    )
    lake.publish(
        {"levels": frame, "index_changes": changes()}, release="R1", as_of=AS_OF
    )
    view = lake.at("R1")

    assert len(view.changes(index="SP500")) == 2
    assert len(view.read("levels", where={"index": 3_966.85})) == 1


def test_tables_are_listed_with_what_they_hold(published: Lake) -> None:
    declare(published, columns=MORE)
    later = calendar(announced="2022-09-12T12:00:00Z")
    published.publish({"earnings": later}, release="R2", as_of=AS_OF)

    found = published.tables().set_index("name")

    assert list(found.index) == [*SPECS, "earnings"]
    assert list(found["declared"]) == [*([False] * len(SPECS)), True]
    assert found.loc["earnings", "key"] == KEY
    assert found.loc["earnings", "columns"] == {
        **COLUMNS,
        "known_at": "instant",
        "retracted": "flag",
        "hour": "text?",
        "surprise": "number?",
    }
    assert dict(found["rows"]) == dict.fromkeys(SPECS, 0) | {
        "prices": 6,
        "earnings": 4,
    }


def test_an_empty_lake_lists_its_tables(lake: Lake) -> None:
    declare(lake)

    assert dict(lake.tables().set_index("name")["rows"])["earnings"] == 0
    with pytest.raises(UnknownNameError, match=r"unknown table 'earning'. Did you"):
        lake.publish({"earning": calendar()}, release="R1", as_of=AS_OF)


def test_the_declaration_is_in_the_table_for_any_engine_to_read(lake: Lake) -> None:
    declare(lake, order=["period", "symbol"])

    table = table_of(lake)

    properties = {n: v for n, v in table.properties.items() if n.startswith("lakebt.")}
    assert properties == {
        "lakebt.key": "symbol,period",
        "lakebt.order": "period,symbol",
        "lakebt.known-at": "announced",
    }
    assert table.metadata.format_version == 2
    assert table.properties["write.metadata.previous-versions-max"] == "10"
    assert [(f.name, str(f.field_type), f.required) for f in table.schema().fields] == [
        ("symbol", "string", True),
        ("period", "string", True),
        ("announced", "timestamptz", True),
        ("reports", "date", True),
        ("eps_usd", "double", False),
        ("confirmed", "boolean", False),
        ("known_at", "timestamptz", True),
        ("retracted", "boolean", True),
    ]


def test_instants_and_dates_may_be_keys(lake: Lake) -> None:
    lake.declare(
        "halts",
        key=["symbol", "began", "day"],
        columns={"symbol": "text", "began": "instant", "day": "date", "why": "text?"},
        known_at="began",
    )
    frame = pd.DataFrame(
        {
            "symbol": "AAA",
            "began": ["2022-09-01T14:00:00Z", "2022-09-01T14:00:00.000001Z"],
            "day": dt.date(2022, 9, 1),
            "why": ["news", "luck"],
        }
    )
    lake.publish({"halts": frame}, release="R1", as_of=AS_OF)

    view = lake.at("R1")
    assert list(view.read("halts")["why"]) == ["news", "luck"]
    key = ("AAA", utc("2022-09-01T14:00:00.000001+00:00"), "2022-09-01")
    assert view.vintages("halts", key)["why"].tolist() == ["luck"]


def test_rows_are_chosen_by_a_flag(lake: Lake) -> None:
    columns = {"symbol": "text", "is_short": "flag?"}
    lake.declare("borrows", key=["symbol"], columns=columns)
    rows = {"symbol": ["A", "B", "C"], "is_short": [True, False, None]}
    frame = pd.DataFrame({**rows, "known_at": pd.Timestamp(Q1_KNOWN)})
    lake.publish({"borrows": frame}, release="R1", as_of=AS_OF)
    view = lake.at("R1")

    for value, expected in ((True, ["A"]), (False, ["B"]), ([None, True], ["A", "C"])):
        found = view.read("borrows", where={"is_short": value})
        assert list(found["symbol"]) == expected
    with pytest.raises(InvalidArgumentError, match="'yes' cannot be compared"):
        view.read("borrows", where={"is_short": "yes"})
