"""A lake opened with Spark: publishing, views and diffs, equal to the embedded ones."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from lakebt.errors import (
    AuditError,
    AuditWarning,
    InvalidArgumentError,
    InvalidDataError,
    LakeError,
    ReleaseExistsError,
)
from lakebt.lake import Lake
from lakebt.lake.committing import fold
from lakebt.lake.committing.sql import OneTransaction
from lakebt.lake.committing.stage import FOLDED
from lakebt.lake.publishing.audits.finding import WARNS
from lakebt.lake.publishing.audits.user_audits import Rules
from lakebt.lake.spark import audits as spark_audits
from lakebt.lake.spark import branch_rows as spark_ready
from lakebt.lake.spark.audits import audit
from lakebt.lake.spark.publish import Sparks
from lakebt.lake.tables.schemas import PRICES
from tests.engines.engine import ON_SPARK, iceberg
from tests.engines.frames import published, spark_frame
from tests.lake import publishers
from tests.lake.frames import (
    AS_OF,
    bars,
    changes,
    clock,
    holdings,
    q1,
    q3,
    utc,
)
from tests.lake.other_engines import Clock, files

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

pytestmark = ON_SPARK

LATER = "2022-09-30T00:30:00Z"


@pytest.fixture
def beside(tmp_path: Path) -> Lake:
    """Another lake, without Spark."""
    return Lake.open(tmp_path / "beside", clock=clock)


def rows_of(found: DataFrame, *, by: list[str]) -> pd.DataFrame:
    """Return Spark's rows as a view gives them."""
    from lakebt.lake.tables.frames import frame  # noqa: PLC0415 - what a view ends with

    return frame(found.toArrow().sort_by([(name, "ascending") for name in by]))


def three(lake: Lake | None) -> dict[str, Any]:
    """Rows for all three tables; of Spark's, if a lake is given."""
    rows = {
        "prices": bars(),
        "index_changes": changes(),
        "etf_holdings": q1(),
    }
    if lake is None:
        return rows
    return {name: spark_frame(lake, frame) for name, frame in rows.items()}


def test_what_spark_publishes_is_the_release_that_is_published_from_memory(
    sparked: Lake, beside: Lake, path: Path
) -> None:
    assert published(sparked, three(sparked)) == published(beside, three(None))

    for table in three(None):
        mine, theirs = sparked.at("R1").read(table), beside.at("R1").read(table)
        pd.testing.assert_frame_equal(mine, theirs)
        assert set(iceberg(path, table).metadata.refs) == {"main", "R1"}
    assert sparked.doctor(files=True).ok


def test_a_lake_reads_the_same_in_spark_and_without_it(sparked: Lake) -> None:
    published(sparked, three(None))
    late = bars(days=("2022-09-02",), known_at="2022-09-20T00:30:00Z", close=10.25)
    gone = bars(days=("2022-09-01",), symbols=("AAA",), retracted=True)
    gone["known_at"] = "2022-09-25T00:30:00Z"
    published(sparked, {"prices": pd.concat([late, gone])}, "R2", LATER)

    views = [sparked.at("R1"), sparked.at("R2")]
    views += [
        sparked.at("R2", as_of=f"2022-09-{day}T00:00:00Z") for day in ("03", "21")
    ]
    for view in views:
        for table, by in (
            ("prices", ["session", "symbol"]),
            ("index_changes", ["change_id"]),
            ("etf_holdings", ["fund", "date", "isin"]),
        ):
            if table == "etf_holdings" and view.instant.month == 9:
                continue  # accepted in November
            found = rows_of(sparked.spark_read(view, table), by=by)
            pd.testing.assert_frame_equal(found, view.read(table))
    assert len(sparked.spark_read(views[1], "prices").collect()) == 5


def test_the_status_of_holdings_is_that_of_the_view(sparked: Lake) -> None:
    published(sparked, {"etf_holdings": pd.concat([q1(), q3()])})
    view = sparked.at("R1")

    found = rows_of(
        sparked.spark_read(view, "etf_holdings"), by=["fund", "date", "isin", "status"]
    )

    assert sorted(found["status"]) == ["expired", "new", "unchanged"]
    by = ["isin"]
    pd.testing.assert_frame_equal(
        found.sort_values(by, ignore_index=True),
        view.read("etf_holdings").sort_values(by, ignore_index=True),
    )


def test_corrections_of_spark_follow_rows_of_the_embedded_lake_and_back(
    sparked: Lake, beside: Lake
) -> None:
    corrected = bars(days=("2022-09-02",), close=10.25).assign(
        known_at="2022-09-20T00:30:00Z"
    )
    again = pd.concat([bars(), corrected])  # the first six are there already

    for lake, rows in ((sparked, spark_frame(sparked, again)), (beside, again)):
        published(lake, {"prices": bars()})
        pins = published(lake, {"prices": rows}, "R2", LATER)
        assert pins["prices"][:2] == (8, 8)
        published(lake, {"prices": bars(days=("2022-09-07",))}, "R3")
    for name in ("R1", "R2", "R3"):
        mine, theirs = sparked.at(name), beside.at(name)
        assert mine.provenance()["digests"] == theirs.provenance()["digests"]
        pd.testing.assert_frame_equal(mine.panel("close"), theirs.panel("close"))
    assert sparked.doctor(files=True).ok


def test_the_same_content_is_the_same_release_and_other_content_is_not(
    sparked: Lake, path: Path
) -> None:
    first = sparked.publish(three(sparked), release="R1", as_of=AS_OF)
    assert sparked.publish(three(None), release="R1", as_of=AS_OF) == first
    assert sparked.publish(three(sparked), release="R1", as_of=AS_OF) == first
    other = {"prices": spark_frame(sparked, bars(close=10.5))}

    with pytest.raises(ReleaseExistsError, match="R1"):
        sparked.publish(other, release="R1", as_of=AS_OF)

    assert_nothing_is_left(sparked, path)


def assert_nothing_is_left(lake: Lake, path: Path) -> None:
    """Check that no branch and no file of a publication is there that was not made."""
    assert set(iceberg(path, "prices").metadata.refs) <= {"main", "R1"}
    assert lake.doctor(files=True).ok


def test_rows_that_break_a_rule_are_refused_as_they_are_in_memory(
    sparked: Lake, beside: Lake, path: Path
) -> None:
    spoilt = pd.concat(
        [
            bars(),
            bars(symbols=("AAA",)).head(1),
            bars(symbols=("CCC",), low=-1.0),
            bars(days=("2022-09-03",), symbols=("DDD",)),
            bars(symbols=("EEE",), known_at="2023-01-02T00:30:00Z"),
            bars(symbols=("FFF",), high=1.0),
        ]
    )
    found = []
    for lake, rows in ((sparked, spark_frame(sparked, spoilt)), (beside, spoilt)):
        with pytest.raises(AuditError) as raised:
            published(lake, {"prices": rows})
        found.append(raised.value.report.findings.sort_values("audit"))

    mine, theirs = found
    assert list(mine["audit"]) == list(theirs["audit"])
    assert {"duplicates", "positive", "no_session", "high_low"} <= set(mine["audit"])
    assert list(mine["rows"]) == list(theirs["rows"])
    assert sparked.releases().empty
    assert_nothing_is_left(sparked, path)


@pytest.mark.parametrize("is_there", [False, True])
def test_one_fact_under_two_keys_is_refused_as_it_is_in_memory(
    sparked: Lake, beside: Lake, *, is_there: bool
) -> None:
    one, two = (changes(change_id=[f"{n}a", f"{n}b"]) for n in ("one", "two"))
    rows = two if is_there else pd.concat([one, two])
    told = []
    for lake, given in ((sparked, spark_frame(sparked, rows)), (beside, rows)):
        if is_there:
            published(lake, {"index_changes": one})
        with pytest.raises(AuditError) as raised:
            published(lake, {"index_changes": given}, "R2")
        told.append(raised.value.report.findings)

    assert list(told[1]["audit"]) == ["twice"]
    pd.testing.assert_frame_equal(told[0], told[1])


def test_a_row_that_contradicts_the_lake_is_refused(sparked: Lake, path: Path) -> None:
    published(sparked, {"prices": bars()})
    other = bars(days=("2022-09-02",), symbols=("AAA",), close=11.0)

    with pytest.raises(AuditError, match=r"with other content.*AAA.*2022-09-02"):
        published(sparked, {"prices": spark_frame(sparked, other)}, "R2")

    assert list(sparked.releases()["name"]) == ["R1"]
    assert_nothing_is_left(sparked, path)


UNREADABLE = {
    "an unknown column": (bars().assign(colour="red"), "unknown column 'colour'"),
    "a missing column": (bars().drop(columns="basis"), "column 'basis' is missing"),
    "an empty cell": (bars(open=None), "open"),
    "text for a price": (bars(open="ten"), "'ten'"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_is_told_by_column_and_value(
    case: str, sparked: Lake, path: Path
) -> None:
    rows, said = UNREADABLE[case]

    with pytest.raises(InvalidDataError, match=said):
        published(sparked, {"prices": spark_frame(sparked, rows)})

    assert sparked.releases().empty
    assert_nothing_is_left(sparked, path)


def test_an_empty_frame_of_spark_is_no_release(sparked: Lake, path: Path) -> None:
    nothing = spark_frame(sparked, bars()).where("false")

    with pytest.raises(InvalidDataError, match="the frame is empty"):
        published(sparked, {"prices": nothing})

    assert_nothing_is_left(sparked, path)


def test_jumps_gaps_and_absentees_warn_as_they_do_in_memory(
    sparked: Lake, beside: Lake
) -> None:
    odd = pd.concat(
        [
            bars(
                days=("2022-09-08",), symbols=("AAA",), open=90, high=99, low=80
            ).assign(close=95.0),
            bars(days=("2022-09-07", "2022-09-08"), symbols=("CCC",)),
            bars().tail(1),  # of BBB, and there already
        ]
    )
    told = []
    for lake, rows in ((sparked, spark_frame(sparked, odd)), (beside, odd)):
        published(lake, {"prices": bars()})
        with pytest.raises(AuditError, match="BBB"):
            lake.publish(
                {"prices": rows}, release="R2", as_of=AS_OF, fail_on=["coverage"]
            )
        found = lake.audit({"prices": rows}, release="R2", as_of=AS_OF)
        told.append(found.findings[["audit", "severity", "rows"]])
        with pytest.warns(AuditWarning, match="prices jumps"):
            published(lake, {"prices": rows}, "R2")

    assert list(told[0]["audit"]) == ["jumps", "gaps", "coverage"]
    pd.testing.assert_frame_equal(told[0], told[1])


def before_odd_rows() -> dict[str, pd.DataFrame]:
    """What the lake has before rows that every audit warns of."""
    return {
        "prices": bars(symbols=("AAA", "BBB")),
        "index_changes": changes(),
        "etf_holdings": pd.concat([q1(), q1(fund="VOO")]),
    }


def odd_rows() -> dict[str, pd.DataFrame]:
    """Rows that every audit warns of."""
    calm = bars(days=("2022-09-08",), symbols=("AAA", " BBB\ufeff"))
    idle = bars(days=("2022-09-06", "2022-09-07"), symbols=("CCC",))
    wild = bars(days=("2022-09-08",), symbols=("CCC",), basis="total_return")
    many = {f"US{n:010d}": f"S{n}" for n in range(1, 5)} | {"US0000000009": "N/A"}
    report = holdings(many, "2022-09-30", "2022-11-28T20:50:55Z")
    return {
        "prices": pd.concat(
            [
                calm.head(1).assign(open=90.0, high=99.0, low=80.0, close=95.0),
                idle.assign(volume=0.0),
                wild,
            ]
        ),
        "index_changes": changes(
            announced=dt.date(2022, 9, 1), symbol=["NEW\u200b", "\u00a0OLD"]
        ),
        "etf_holdings": report,
        "corporate_actions": odd_actions(),
    }


def odd_actions() -> pd.DataFrame:
    """A split that no close shows, half a share as a dividend, bars after an ending."""
    told = [
        ("AAA", "split", "2022-09-06", None, 3.000003),
        ("BBB", "cash_dividend", "2022-09-02", 5.0, None),
        ("BBB", "delisting", "2022-09-06", None, None),
        ("ZZZ", "split", "2022-09-06", None, 2.0),
    ]
    names = ["symbol", "kind", "ex_date", "cash", "ratio"]
    actions = pd.DataFrame(told, columns=names)
    return actions.assign(ex_date=pd.to_datetime(actions["ex_date"]).dt.date)


def test_actions_are_published_by_spark_as_from_memory(
    sparked: Lake, beside: Lake
) -> None:
    told, read = [], []
    for lake in (sparked, beside):
        rows: Any = odd_actions()
        if lake is sparked:
            rows = spark_frame(lake, rows)
        with pytest.warns(AuditWarning, match="corporate_actions"):
            lake.publish({"corporate_actions": rows}, release="Actions", as_of=AS_OF)
        view = lake.at("Actions")
        told.append(view.provenance()["digests"]["corporate_actions"])
        read.append(view.read("corporate_actions"))

    assert told[0] == told[1]
    pd.testing.assert_frame_equal(read[0], read[1])


@pytest.mark.parametrize("ratio", [4.0, None])
def test_a_split_explains_a_jump_that_spark_publishes(
    sparked: Lake, ratio: float | None
) -> None:
    rows = bars(days=("2022-09-02", "2022-09-06"), symbols=("HALVED",))
    for name in ("open", "high", "low", "close"):
        rows[name] = [100.0, 25.0]
    tables: dict[str, Any] = {"prices": spark_frame(sparked, rows)}
    if ratio is not None:
        split = {"symbol": "HALVED", "kind": "split", "ratio": ratio}
        split["ex_date"] = "2022-09-06"
        tables["corporate_actions"] = pd.DataFrame([split])

    report = sparked.audit(tables, release="Halved", as_of=AS_OF)

    told = [f for f in report.found if f.audit == "jumps"]
    assert len(told) == (ratio is None)


def test_two_endings_are_refused_of_spark_too(sparked: Lake) -> None:
    twice = odd_actions().assign(kind="delisting", cash=1.0, ratio=None, symbol="ZZZ")
    rows = spark_frame(sparked, twice.astype({"ratio": float}).iloc[[0, 1]])

    with pytest.raises(AuditError, match="another ending after its first"):
        sparked.publish({"corporate_actions": rows}, release="Twice", as_of=AS_OF)


def test_a_name_is_one_key_however_its_accents_are_written(
    sparked: Lake, beside: Lake
) -> None:
    names = ("SOCIE\u0301TE\u0301", "NEW\u00c9")
    read = []
    for lake in (sparked, beside):
        rows: Any = bars(symbols=names)
        if lake is sparked:
            rows = spark_frame(lake, rows)
        with pytest.warns(AuditWarning, match="margins"):
            lake.publish({"prices": rows}, release="Accents", as_of=AS_OF)
        read.append(lake.at("Accents").read("prices"))

    assert set(read[0]["symbol"]) >= {"SOCI\u00c9T\u00c9", "NEW\u00c9"}
    pd.testing.assert_frame_equal(read[0], read[1])


def test_spark_warns_of_all_that_memory_warns_of(sparked: Lake, beside: Lake) -> None:
    told = []
    for lake in (sparked, beside):
        published(lake, before_odd_rows())
        rows: dict[str, Any] = odd_rows()
        if lake is sparked:
            rows = {name: spark_frame(lake, frame) for name, frame in rows.items()}
        found = lake.audit(rows, release="R2", as_of=AS_OF)
        told.append(found.findings.sort_values(["table", "audit"], ignore_index=True))

    columns = ["table", "audit", "severity", "rows"]
    pd.testing.assert_frame_equal(told[0][columns], told[1][columns])
    assert set(told[1]["audit"]) == set(WARNS)
    said = told[0].set_index("audit")["message"]
    assert "2 values" in said["margins"]
    assert "1 value stands for no name" in said["placeholders"]
    assert "symbol 'N/A'" in said["placeholders"]


@pytest.mark.parametrize(
    ("announced", "poses"),
    [
        (["2022-09-02T00:00Z", "2022-03-11T00:00Z"], True),
        (["2022-09-02T04:00Z", "2022-03-11T05:00Z"], True),  # of New York
        (["2022-09-02T00:00Z", "2022-03-11T21:15Z"], False),
    ],
)
def test_dates_that_pose_as_instants_are_told_as_they_are_in_memory(
    sparked: Lake, beside: Lake, announced: list[str], *, poses: bool
) -> None:
    effective = ["2022-09-19", "2022-03-21"]
    rows = (
        changes()
        .iloc[:2]
        .assign(
            announced=[pd.Timestamp(each) for each in announced], effective=effective
        )
    )
    told = []
    for lake, given in ((sparked, spark_frame(sparked, rows)), (beside, rows)):
        found = lake.audit({"index_changes": given}, release="R1", as_of=AS_OF)
        told.append(found.findings[["table", "audit", "severity", "rows"]])
        meant = {"index_changes": given}
        lake.publish(meant, release="R1", as_of=AS_OF, warn_on=["midnight"])

    assert (list(told[0]["audit"]) == ["midnight"]) is poses
    pd.testing.assert_frame_equal(told[0], told[1])


def test_a_diff_by_spark_is_the_diff(sparked: Lake, beside: Lake) -> None:
    second = pd.concat(
        [
            bars(days=("2022-09-02",), close=10.25),
            bars(days=("2022-09-07",), symbols=("CCC",)),
            bars(days=("2022-09-01",), symbols=("BBB",), retracted=True),
        ]
    ).assign(known_at="2022-09-20T00:30:00Z")
    for lake in (sparked, beside):
        published(lake, {"prices": bars(), **changes_of("NEW")})
        published(lake, {"prices": second}, "R2", LATER)

    mine = sparked.diff("prices", "R1", "R2")
    theirs = beside.diff("prices", "R1", "R2")

    assert repr(mine) == repr(theirs)
    assert (len(theirs.added), len(theirs.removed), len(theirs.changed)) == (1, 1, 2)
    for part in ("added", "removed", "changed", "reidentified"):
        pd.testing.assert_frame_equal(getattr(mine, part), getattr(theirs, part))


def changes_of(_: str) -> dict[str, pd.DataFrame]:
    return {"index_changes": changes()}


def test_a_declared_table_is_published_by_spark(sparked: Lake, beside: Lake) -> None:
    rows = pd.DataFrame(
        {
            "company": ["A", "B"],
            "day": [dt.date(2022, 9, 1)] * 2,
            "surprise": [0.5, None],
            "known_at": "2022-09-02T12:00:00Z",
        }
    )
    columns = {"company": "text", "day": "date", "surprise": "number?"}
    wider = columns | {"note": "text?"}  # what came before has none
    more = rows.assign(day=dt.date(2022, 9, 2), note="why")
    for release, asked, given in (("R1", columns, rows), ("R2", wider, more)):
        pins = []
        for lake in (sparked, beside):
            lake.declare("surprises", key=["company", "day"], columns=asked)
            mine = spark_frame(sparked, given) if lake is sparked else given
            pins.append(published(lake, {"surprises": mine}, release))
        assert pins[0] == pins[1]

    for release in ("R1", "R2"):
        view = sparked.at(release)
        found = rows_of(sparked.spark_read(view, "surprises"), by=["company", "day"])
        pd.testing.assert_frame_equal(found, view.read("surprises"))
        assert list(found["note"].dropna()) == (["why"] * 2 if release == "R2" else [])


def test_an_audit_says_what_would_be_and_writes_nothing(
    sparked: Lake, path: Path
) -> None:
    java: Any = sparked.spark_session().sparkContext._jsc  # noqa: SLF001 - it counts jobs
    first = java.sc().dagScheduler().nextJobId()
    good = sparked.audit(
        {"prices": spark_frame(sparked, bars())}, release="R1", as_of=AS_OF
    )
    n_jobs = java.sc().dagScheduler().nextJobId() - first
    bad = sparked.audit(
        {"prices": spark_frame(sparked, bars(low=-1.0))}, release="R1", as_of=AS_OF
    )

    assert good.ok
    assert not bad.ok
    assert n_jobs == 5  # three that write the rows in order, two that look at them once
    assert sparked.releases().empty
    assert_nothing_is_left(sparked, path)


def test_a_frame_of_spark_needs_a_lake_with_spark(sparked: Lake, beside: Lake) -> None:
    rows = spark_frame(sparked, bars())

    with pytest.raises(InvalidArgumentError, match=r"opened without Spark.*engine='sp"):
        beside.publish({"prices": rows}, release="R1", as_of=AS_OF)
    published(beside, {"prices": bars()})
    with pytest.raises(InvalidArgumentError, match="opened without Spark"):
        beside.spark_read(beside.at("R1"), "prices")


def test_a_function_of_the_user_cannot_audit_what_spark_holds(sparked: Lake) -> None:
    with pytest.raises(InvalidArgumentError, match=r"audits= cannot look at prices"):
        sparked.publish(
            {"prices": spark_frame(sparked, bars())},
            release="R1",
            as_of=AS_OF,
            audits={"prices": lambda rows: rows["close"] > 1e9},
        )


def test_something_else_than_a_session_is_refused(path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match=r"must be a pyspark\.sql"):
        Lake.open(path, spark="yes")


def test_a_session_without_iceberg_is_refused(path: Path) -> None:
    class Session:
        """What a session made by somebody who did not read the docs answers."""

        conf: dict[str, str] = {}  # noqa: RUF012

        def newSession(self) -> Session:  # noqa: N802
            return self

    with pytest.raises(LakeError, match=r"no Iceberg.*spark_conf"):
        Lake.open(path, spark=Session())


def test_spark_and_three_other_processes_publish_at_once_and_nothing_is_lost(
    sparked: Lake, path: Path
) -> None:
    def spark_publishes() -> None:
        for number in range(2):
            name = publishers.name(3, number)
            rows = {"prices": bars(symbols=(name,)), "etf_holdings": q1(fund=name)}
            held = {table: spark_frame(sparked, frame) for table, frame in rows.items()}
            sparked.publish(held, release=name, as_of=AS_OF)

    # Those of the others that come while Spark writes are compared with in its turn.
    publishers.run(str(path), publishers=3, releases=2, beside=spark_publishes)

    publishers.check(str(path), publishers=4, releases=2, read=range(1, 9))
    assert sparked.doctor(files=True).ok


def test_rows_that_others_publish_just_before_the_commit_are_there_once(
    sparked: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really: Any = OneTransaction.turn
    others = [{"prices": bars().iloc[2:4]}]

    def turn(protocol: OneTransaction) -> Any:
        if others:
            tables = others.pop()
            Lake.open(path, clock=clock).publish(tables, release="Q", as_of=AS_OF)
        return really(protocol)

    monkeypatch.setattr(OneTransaction, "turn", turn)
    made = published(sparked, {"prices": spark_frame(sparked, bars())})

    assert made["prices"][:2] == (6, 6)
    assert list(sparked.releases()["name"]) == ["Q", "R1"]
    assert len(sparked.at("R1").read("prices")) == 6
    assert (
        sum(f.file.record_count for f in iceberg(path, "prices").scan().plan_files())
        == 6
    )
    assert sparked.doctor(files=True).ok


@pytest.mark.parametrize(
    ("fail_on", "before"),
    [
        pytest.param((), ["Q1"], id="warnings"),
        pytest.param(("jumps",), ["Q1", "Q2"], id="failures"),
    ],
)
def test_who_publishes_other_rows_before_each_turn_does_not_hold_spark_up(
    sparked: Lake,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fail_on: tuple[str, ...],
    before: list[str],
) -> None:
    really: Any = OneTransaction.turn
    others = [("Q2", "2022-08-09"), ("Q1", "2022-08-08")]
    looked: list[bool] = []

    def turn(protocol: OneTransaction) -> Any:
        if others and protocol._storage is sparked._storage:  # noqa: SLF001
            name, day = others.pop()
            Lake.open(path, clock=clock).publish(
                {"prices": bars(days=(day,))}, release=name, as_of=AS_OF
            )
        return really(protocol)

    def look(*arguments: Any, **named: Any) -> Any:
        looked.append(sparked._storage.is_held)  # noqa: SLF001
        return audit(*arguments, **named)

    monkeypatch.setattr(OneTransaction, "turn", turn)
    monkeypatch.setattr(spark_ready, "audit", look)
    rows = {"prices": spark_frame(sparked, bars())}
    sparked.publish(rows, release="R1", as_of=AS_OF, fail_on=fail_on)

    # Each look anew is for a release that came between; none is within the turn.
    assert looked == [False] * (1 + len(before) if fail_on else 1)
    assert list(sparked.releases()["name"]) == [*before, "R1"]
    assert sparked.doctor(files=True).ok


def test_the_lakes_rows_count_for_how_many_an_executor_looks_at_at_once(
    sparked: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(sparked, {"prices": bars()})
    late = bars().assign(known_at="2022-09-20T00:30:00Z")
    rows = spark_frame(sparked, late)
    monkeypatch.setattr(spark_audits, "TOGETHER_ROWS", 5)
    really: Any = type(rows).repartition
    parts: list[Any] = []

    def repartition(frame: DataFrame, number: Any, *columns: Any) -> DataFrame:
        parts.append(number)
        cut: DataFrame = really(frame, number, *columns)
        return cut

    monkeypatch.setattr(type(rows), "repartition", repartition)
    published(sparked, {"prices": rows}, "R2", LATER)

    assert parts == [3]  # six new rows, and six of the lake


def test_what_a_killed_publisher_left_is_found_and_cleared_away(
    path: Path, shared_spark: SparkSession
) -> None:
    watch = Clock()
    lake = Lake.open(path, clock=watch, spark=shared_spark)
    published(lake, {"prices": bars()})
    rows = spark_frame(lake, bars(days=("2022-09-07",)))
    held = Sparks(rows, storage=lake._storage, exchange="XNYS")  # noqa: SLF001
    held.ready(PRICES, as_of=utc(AS_OF), chosen=Rules(own={}))  # and nothing more
    (branch,) = set(iceberg(path, "prices").metadata.refs) - {"main", "R1"}
    before = files(path, "prices")

    assert lake.doctor().ok  # its publisher may be alive
    watch.now = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
    assert branch in str(lake.doctor())
    published(lake, {"prices": bars(days=("2022-09-08",))}, "R2")
    lake.remove_orphans()

    assert set(iceberg(path, "prices").metadata.refs) == {"main", "R1", "R2"}
    assert lake.doctor(files=True).ok
    gone = {file.suffix for file in before - files(path, "prices")}
    assert gone == {".parquet", ".avro"}
    assert len(lake.at("R2").panel("close")) == 5


def test_a_branch_of_files_that_a_release_has_is_removed_without_them(
    path: Path, shared_spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Clock()
    lake = Lake.open(path, clock=watch, spark=shared_spark)
    monkeypatch.setattr(Sparks, "tidy", lambda _: None)  # killed after the commit
    published(lake, {"prices": spark_frame(lake, bars())})
    assert len(iceberg(path, "prices").metadata.refs) == 3
    watch.now = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)

    lake.remove_orphans()

    assert set(iceberg(path, "prices").metadata.refs) == {"main", "R1"}
    assert lake.doctor(files=True).ok
    assert len(Lake.open(path).at("R1").read("prices")) == 6


def test_files_that_spark_wrote_are_folded_as_others_are(
    sparked: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fold, "LIMIT", 3)
    days = ("2022-09-01", "2022-09-02", "2022-09-06", "2022-09-07", "2022-09-08")
    for number, day in enumerate(days):
        rows = bars(days=(day,))
        given = spark_frame(sparked, rows) if number % 2 else rows
        published(sparked, {"prices": given}, f"R{number}")

    table = iceberg(path, "prices")
    assert len(list(table.scan().plan_files())) <= 3
    summaries = [each.summary for each in table.metadata.snapshots if each.summary]
    assert any(FOLDED in each.additional_properties for each in summaries)
    for number in range(len(days)):
        assert len(sparked.at(f"R{number}").panel("close")) == number + 1
    assert sparked.doctor(files=True).ok


def test_spark_publishes_onto_a_branch_and_reads_it_by_its_name(sparked: Lake) -> None:
    session = sparked.spark_session()
    sparked.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    branch = sparked.branch("cleaned", at="R1")
    rows = spark_frame(sparked, bars(symbols=("CCC",)))
    branch.publish({"prices": rows}, release="R2", as_of=AS_OF)
    sparked.publish({"prices": bars(symbols=("DDD",))}, release="R2", as_of=AS_OF)

    def symbols(version: str) -> set[str]:
        found = session.sql(f"SELECT symbol FROM lake.quant.prices {version}")
        return {row.symbol for row in found.collect()}

    mine = {"AAA", "BBB", "CCC"}
    assert symbols("VERSION AS OF 'cleaned'") == mine
    assert symbols("VERSION AS OF 'cleaned.R2'") == mine
    assert symbols("") == {"AAA", "BBB", "DDD"}
    assert set(branch.at("R2").read("prices")["symbol"]) == mine
    assert sparked.doctor().ok
