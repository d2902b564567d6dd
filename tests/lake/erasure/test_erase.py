"""What is erased is in no release, branch, tag and byte; all else is as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd
import pytest
from pyiceberg.table.statistics import StatisticsFile

from lakebt.errors import (
    InvalidArgumentError,
    LakeError,
    ReleaseExistsError,
    UnknownNameError,
)
from lakebt.lake import Lake
from lakebt.lake.committing import fold
from lakebt.lake.erasure import transaction
from lakebt.lake.erasure.certificate import salted
from lakebt.lake.storage.erasure_files import ErasureFiles
from tests.lake.erasure.looking import found
from tests.lake.frames import AS_OF, Q1_KNOWN, bars, changes, clock, holdings, q1
from tests.lake.original import Original
from tests.lake.other_engines import foreign_catalog, foreign_table
from tests.lake.trial_rows import batch

pytestmark = pytest.mark.lake

GONE = "GONECO"
LONGER = "GONECOX"


def opened(path: Path) -> Lake:
    return Lake.open(path, create=False, clock=clock)


def frames(lake: Lake) -> dict[tuple[str, str], pd.DataFrame]:
    """Every row of every table of every release."""
    return {
        (release, table): lake.at(release).read(table)
        for release in lake.releases()["name"]
        for table in lake.tables()["name"]
    }


def without(frame: pd.DataFrame, symbol: str = GONE) -> pd.DataFrame:
    return frame[frame["symbol"] != symbol].reset_index(drop=True)


def check(
    path: Path, before: dict[tuple[str, str], pd.DataFrame], tables: set[str]
) -> None:
    """Rows of some tables are gone from all releases, and no other."""
    after = frames(opened(path))
    assert after.keys() == before.keys()
    for (release, table), frame in before.items():
        expected = without(frame) if table in tables else frame
        pd.testing.assert_frame_equal(
            after[release, table].reset_index(drop=True),
            expected.reset_index(drop=True),
            obj=f"{release} {table}",
        )


def make(path: Path) -> Lake:
    """Three releases, of which two share files; notes, labels and files; trials."""
    lake = Lake.open(path, clock=clock)
    lake.publish(
        {
            "prices": bars(symbols=("AAA", GONE, LONGER)),
            "index_changes": changes(symbol=[GONE, "OLD"], source=[f"of {GONE}", "x"]),
            "etf_holdings": q1(),
        },
        release="R1",
        as_of=AS_OF,
        note=f"first with {GONE} and {LONGER}",
        labels={"desk": GONE},
        files=[{"name": f"{GONE}.csv", "sha256": "0" * 64}],
    )
    lake.publish(
        {"prices": bars(days=("2022-09-07",), symbols=("AAA", GONE))},
        release="R2",
        as_of=AS_OF,
    )
    lake.publish({"etf_holdings": q1(fund="B")}, release="R3", as_of=AS_OF)
    rule = json.dumps({"where": {"symbol": [GONE, "AAA", LONGER]}})
    lake.record(batch([1, 2]).assign(study=f"on {GONE}", rule=rule))
    lake.record(batch([3]))
    return lake


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    return Original(tmp_path_factory.mktemp("erased"), make)


@pytest.fixture
def made(original: Original) -> Path:
    """A lake as `make` makes it."""
    return original.restored()


def erase(lake: Lake, *tables: str, **options: Any) -> list[Any]:
    where = {"symbol": GONE}
    return [
        lake.erase(table, where=where, reason="its licence ended", **options)
        for table in tables
    ]


@pytest.mark.slow
def test_what_is_erased_is_in_no_release_and_no_byte(
    made: Path, tmp_path: Path
) -> None:
    lake = opened(made)
    before = frames(lake)
    assert found(made, [GONE], tmp_path / "before")
    trials = set(lake.trials()["trial_id"])

    prices, announced = erase(lake, "prices", "index_changes", by="Ann")

    assert (prices.n_rows, dict(prices.rows)) == (4, {"R1": 3, "R2": 4, "R3": 4})
    assert dict(announced.rows) == {"R1": 1, "R2": 1, "R3": 1}
    assert [other.table for other in prices.elsewhere] == ["index_changes"]
    assert announced.elsewhere == ()
    check(made, before, {"prices", "index_changes"})
    assert found(made, [LONGER], tmp_path / "longer")
    assert found(made, [GONE], tmp_path / "after", but=[LONGER]) == []
    assert announced.proof.ok, announced.proof
    assert lake.erasures()["is_proved"].all()
    assert set(opened(made).trials()["trial_id"]) == trials
    assert opened(made).doctor(deep=True).ok


def test_texts_say_that_something_was_erased(made: Path) -> None:
    lake = opened(made)
    erase(lake, "prices", "index_changes")

    first = opened(made).releases().iloc[0]
    assert first["note"] == f"first with [erased] and {LONGER}"
    assert first["labels"] == {"desk": "[erased]"}
    assert first["files"][0]["name"] == "[erased].csv"
    trials = opened(made).trials().sort_values("trial_id")
    assert trials["study"].tolist().count("on [erased]") == 2
    rules = [
        json.loads(rule) if isinstance(rule, str) else rule for rule in trials["rule"]
    ]
    assert {"where": {"symbol": ["[erased]", "AAA", LONGER]}} in rules


def test_releases_say_what_they_lost(made: Path) -> None:
    lake = opened(made)
    digests = [r.digest for r in lake._ledger().releases]  # noqa: SLF001

    (done,) = erase(lake, "prices")

    releases = opened(made)._ledger().releases  # noqa: SLF001
    assert [r.digest for r in releases] == digests
    pins = [release.pin("prices") for release in releases]
    assert [pin.rows for pin in pins if pin] == [6, 7, 7]
    assert [pin.published for pin in pins if pin] == [6, 1, None]
    marks = [release.redactions for release in releases]
    assert [mark[0].rows for mark in marks] == [
        {"prices": 3},
        {"prices": 4},
        {"prices": 4},
    ]
    assert {mark[0].certificate for mark in marks} == {done.id}


def test_a_release_does_not_come_back_in_silence(made: Path) -> None:
    lake = opened(made)
    (done,) = erase(lake, "prices")
    rows = {"prices": bars(days=("2022-09-07",), symbols=("AAA", GONE))}

    with pytest.raises(ReleaseExistsError, match=f"bring back .* {done.id}"):
        opened(made).publish(rows, release="R2", as_of=AS_OF)
    with pytest.raises(ReleaseExistsError, match=f"other rows, as .* {done.id}"):
        opened(made).publish({"prices": bars()}, release="R2", as_of=AS_OF)
    rows = {"prices": bars(days=("2022-09-08",), symbols=("AAA",))}
    opened(made).publish(rows, release="R4", as_of=AS_OF)
    assert opened(made).doctor(deep=True).ok


def test_a_dry_run_changes_nothing(made: Path) -> None:
    lake = opened(made)
    before = {file: file.read_bytes() for file in made.rglob("*") if file.is_file()}

    (done,) = erase(lake, "prices", dry_run=True)

    assert done.is_dry_run
    assert (done.n_rows, done.n_data_files) == (4, 2)
    assert "4 rows of prices would be erased, from 3 releases" in str(done)
    after = {file: file.read_bytes() for file in made.rglob("*") if file.is_file()}
    assert after == before
    assert lake.erasures().empty


def test_a_certificate_says_what_and_why_and_not_the_values(made: Path) -> None:
    lake = opened(made)
    (done,) = erase(lake, "prices", by="Ann")

    (row,) = lake.erasures().to_dict("records")
    text = (made / "erasures" / f"{done.id}.json").read_text()
    said = json.loads(text)

    assert GONE not in text
    assert (row["id"], row["by"], row["reason"]) == (
        done.id,
        "Ann",
        "its licence ended",
    )
    assert row["releases"] == ["R1", "R2", "R3"]
    assert said["at"] == clock().isoformat()
    assert [file["rows"] for file in said["files"]["before"]] == [9, 2]
    assert [file["rows"] for file in said["files"]["after"]] == [6, 1]
    assert any("backups" in line for line in said["out_of_reach"])
    with pytest.raises(
        InvalidArgumentError, match=r"nothing of prices matches .*GONECO"
    ):
        erase(lake, "prices")


def test_who_has_a_list_of_tickers_learns_nothing_from_an_older_certificate(
    made: Path,
) -> None:
    lake = opened(made)
    erase(lake, "index_changes", "prices")
    files = ErasureFiles.in_folder(made)
    _, older = files.certificates()
    assert older["values"] == [{"characters": len(GONE)}]
    older["values"] = [{"digest": salted(older["id"], GONE), "characters": len(GONE)}]
    files.certify(older)
    assert lake.erasures()["is_proved"].all()
    with pytest.raises(InvalidArgumentError, match=f"erased at .*{older['id']}"):
        erase(lake, "prices")

    lake.erase("prices", where={"symbol": LONGER}, reason="a wish")

    assert files.certificates()[1]["values"] == [{"characters": len(GONE)}]


def test_names_that_hold_it_are_told_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / f"of-{GONE}"
    lake = make(path)
    lake.publish(
        {"prices": bars(days=("2022-09-08",))}, release=f"With_{GONE}", as_of=AS_OF
    )
    lake.branch(f"b-{GONE}", at="R1")
    lake.drop("R2", because="no longer needed")
    with foreign_table(path, "prices") as table:
        (first, *_) = table.metadata.snapshots
        table.manage_snapshots().create_tag(first.snapshot_id, f"t-{GONE}").commit()
        table.manage_snapshots().create_tag(first.snapshot_id, f"t-{LONGER}").commit()
    erase(lake, "index_changes")

    (seen,) = erase(lake, "prices", dry_run=True)
    (done,) = erase(lake, "prices")

    base = f"b-{GONE}.R1"
    assert seen.names == done.names
    assert [(each.kind, each.name) for each in done.names] == [
        ("release", f"With_{GONE}"),
        ("release", base),
        ("branch", f"b-{GONE}"),
        ("tag", f"t-{GONE}"),
        ("folder", str(path)),
    ]
    copy = f"lakebt export TO --lake {path} --release R1 --release R3"
    assert f"in the name of release With_{GONE}: make a lake of the other" in str(done)
    assert copy in done.names[0].cure
    assert "drop that tag of prices with the engine" in done.names[3].cure
    assert f"(lakebt export TO --lake {path}), and delete" in done.names[4].cure
    assert done.proof is not None
    assert not done.proof.ok
    assert GONE not in (path / "erasures" / f"{done.id}.json").read_text()
    assert "With_[erased]" in lake.erasures()["releases"].iloc[-1]

    # What is told to be done is enough.
    lake.export(tmp_path / "copy", releases=["R1", "R3"])
    assert found(tmp_path / "copy", [GONE], tmp_path / "after", but=[LONGER]) == []


@pytest.mark.parametrize(
    ("table", "options", "words"),
    [
        ("prices", {"where": {}}, r"where must say which rows of prices go"),
        (
            "prices",
            {"where": {"symbol": "NOBODY"}},
            r"matches {'symbol': 'NOBODY'}, in no",
        ),
        ("prices", {"reason": " "}, r"reason must say why rows of prices are erased"),
        ("prices", {"reason": f"{GONE} asked"}, r"reason holds what is to be erased"),
        ("prices", {"by": GONE}, r"by holds what is to be erased"),
        ("prices", {"by": ""}, r"by must say who erases, was ''"),
        ("price", {}, r"price"),
        ("prices", {"where": {"ticker": "A"}}, r"ticker"),
    ],
)
def test_what_cannot_be_erased_is_an_error(
    made: Path, table: str, options: dict[str, Any], words: str
) -> None:
    lake = opened(made)
    asked: dict[str, Any] = {"where": {"symbol": GONE}, "reason": "a wish"}

    with pytest.raises((InvalidArgumentError, UnknownNameError), match=words):
        lake.erase(table, **{**asked, **options})

    assert lake.erasures().empty


def test_a_release_of_nothing_else_is_empty_and_can_be_read(path: Path) -> None:
    lake = Lake.open(path, clock=clock)
    lake.publish({"prices": bars(symbols=(GONE,))}, release="R1", as_of=AS_OF)

    erase(lake, "prices")

    assert opened(path).at("R1").read("prices").empty
    assert opened(path).doctor(deep=True).ok
    more = {"prices": bars(symbols=("AAA",))}
    opened(path).publish(more, release="R2", as_of=AS_OF)
    assert len(opened(path).at("R2").read("prices")) == 3


@pytest.mark.slow
def test_tags_and_branches_of_others_and_what_nothing_names_lose_it_too(
    made: Path, tmp_path: Path
) -> None:
    lake = opened(made)
    erase(lake, "index_changes")
    with foreign_table(made, "prices") as table:
        first = table.metadata.snapshots[0].snapshot_id
        table.manage_snapshots().create_tag(first, "theirs").commit()
        table.manage_snapshots().create_branch(first, "work").commit()
        rows = table.scan().to_arrow().slice(0, 4)
        table.append(rows, branch="work")
        (orphan,) = table.scan(snapshot_id=first).plan_files()
        copied = orphan.file.file_path.removeprefix("file://")
        other = copied.replace(
            copied.rsplit("/", 1)[-1], "0123456789abcdef-left.parquet"
        )
        with open(copied, "rb") as source, open(other, "wb") as target:  # noqa: PTH123
            target.write(source.read())

    erase(opened(made), "prices")

    assert found(made, [GONE], tmp_path / "after", but=[LONGER]) == []
    with foreign_table(made, "prices") as table:
        assert len(table.scan().use_ref("theirs").to_arrow()) == 6
        work = table.scan().use_ref("work").to_arrow()
        assert GONE not in work["symbol"].to_pylist()
        assert len(work) == 6 + len(
            [s for s in rows["symbol"].to_pylist() if s != GONE]
        )
        for snapshot in table.metadata.snapshots:
            held = len(table.scan(snapshot_id=snapshot.snapshot_id).to_arrow())
            assert snapshot.summary is not None
            assert snapshot.summary["total-records"] == str(held)


@pytest.mark.slow
def test_folded_releases_and_branches_lose_it_too(path: Path, tmp_path: Path) -> None:
    lake = Lake.open(path, clock=clock)
    with mock.patch.object(fold, "LIMIT", 3):
        for day in range(1, 8):
            rows = bars(days=(f"2022-11-{day:02}",), symbols=("AAA", GONE, "BBB"))
            if day not in {5, 6}:
                lake.publish({"prices": rows}, release=f"D{day}", as_of=AS_OF)
        branch = lake.branch("mine", at="D4")
        rows = bars(days=("2022-11-08",), symbols=("CCC", GONE))
        branch.publish({"prices": rows}, release="B1", as_of=AS_OF, note=GONE)
        before = frames(lake)
        mine = frames(lake.branch("mine"))

        (done,) = erase(lake, "prices")

        assert set(done.rows) >= {"D1", "D7", "mine.D4", "mine.B1"}
        check(path, before, {"prices"})
        now = frames(opened(path).branch("mine"))
        for key, frame in mine.items():
            expected = without(frame) if key[1] == "prices" else frame
            pd.testing.assert_frame_equal(now[key].reset_index(drop=True), expected)
        assert found(path, [GONE], tmp_path / "after") == []
        assert opened(path).doctor(deep=True).ok
        more = bars(days=("2022-11-09",), symbols=("AAA",))
        opened(path).publish({"prices": more}, release="D9", as_of=AS_OF)
        opened(path).adopt("mine", release="D10")
        assert opened(path).doctor(deep=True).ok


def test_an_older_view_says_so_and_a_new_one_reads(made: Path) -> None:
    lake, other = opened(made), opened(made)
    assert len(other.at("R2").read("prices")) == 11

    erase(lake, "prices")

    assert len(other.at("R2").read("prices")) == 7
    assert GONE not in other.at("R2").panel("close").columns


def test_a_damaged_file_stops_it(made: Path) -> None:
    lake = opened(made)
    file = next((made / "warehouse/quant/prices/data").rglob("*.parquet"))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 255
    file.write_bytes(content)

    with pytest.raises(LakeError, match=f"{file.name} was changed"):
        erase(lake, "prices")

    assert lake.erasures().empty


def test_only_rows_that_match_go_of_a_longer_filter(made: Path) -> None:
    lake = opened(made)
    when = {"symbol": GONE, "session": [("<", "2022-09-02")]}

    done = lake.erase("prices", where=when, reason="a wish")

    assert (done.n_rows, done.n_values) == (1, 0)
    assert len(lake.at("R2").read("prices")) == 10


@pytest.mark.slow
def test_a_prefix_of_others_and_signs_of_any_script(path: Path, tmp_path: Path) -> None:
    values = ["Ünï.DE", "日本", "AC", 'A"B', "Ñandú"]
    lake = Lake.open(path, clock=clock)
    names = [*values, "ACME", "日本株"]
    isins = {f"US{n + 1:010}": name for n, name in enumerate(names)}
    report = holdings(isins, "2022-03-31", Q1_KNOWN).assign(name=names)
    lake.publish({"etf_holdings": report}, release="R1", as_of=AS_OF)

    for value in values:
        done = lake.erase("etf_holdings", where={"symbol": value}, reason="a wish")
        assert (done.n_rows, done.elsewhere) == (1, ())

    assert lake.at("R1").read("etf_holdings")["symbol"].tolist() == ["ACME", "日本株"]
    longer = ["ACME", "日本株"]
    assert found(path, set(values) - {"AC"}, tmp_path / "after", but=longer) == []
    assert lake.erasures()["is_proved"].all()


def test_what_other_programs_say_of_tables_stays_if_it_does_not_hold_it(
    made: Path,
) -> None:
    theirs = {
        "owner": "desk",
        "about": f"{GONE} and {LONGER}",
        f"of-{GONE}": "x",
        "write.parquet.row-group-limit": "4096",
        "acme.retention": f"not {GONE}",
    }
    for name in ("prices", "etf_holdings", "releases"):
        with foreign_table(made, name) as table, table.transaction() as change:
            change.set_properties(theirs)
    with foreign_table(made, "etf_holdings") as table:
        about = StatisticsFile.model_validate(
            {
                "snapshot-id": table.metadata.current_snapshot_id,
                "statistics-path": f"{table.location()}/metadata/sketch.stats",
                "file-size-in-bytes": 13,
                "file-footer-size-in-bytes": 0,
                "blob-metadata": [],
            }
        )
        place = Path(about.statistics_path.removeprefix("file://"))
        place.write_bytes(b"of other rows")
        with table.update_statistics() as change:
            change.set_statistics(about)

    erase(opened(made), "index_changes", "prices")

    for name in ("prices", "etf_holdings", "releases"):
        with foreign_table(made, name) as table:
            said = table.metadata.properties
        assert {key: said[key] for key in said if key in theirs or "[" in key} == {
            "owner": "desk",
            "about": f"[erased] and {LONGER}",
            "write.parquet.row-group-limit": "4096",
            "acme.retention": "not [erased]",
        }
    with foreign_table(made, "etf_holdings") as table:
        assert table.metadata.statistics == [about]
    assert place.exists()


def test_other_tables_in_the_database_stay(made: Path) -> None:
    lake = opened(made)
    with foreign_catalog(made) as catalog:
        catalog.create_namespace("other")
        rows = bars()[["symbol"]]
        import pyarrow as pa  # noqa: PLC0415

        held = pa.Table.from_pandas(rows)
        catalog.create_table("other.mine", held.schema).append(held)

    erase(lake, "prices")

    with foreign_catalog(made) as catalog:
        assert len(catalog.load_table("other.mine").scan().to_arrow()) == len(rows)


def test_words_that_lakebt_uses_can_be_erased_and_break_nothing(path: Path) -> None:
    lake = Lake.open(path, clock=clock)
    lake.publish({"prices": bars(symbols=("AAA", "ZZZ"))}, release="R1", as_of=AS_OF)
    earlier = lake.erase("prices", where={"symbol": "ZZZ"}, reason="a row", by="Ann")
    with foreign_table(path, "prices") as table:
        (snapshot,) = table.snapshots()
        assert snapshot.summary is not None
        size = str(snapshot.summary["total-files-size"])  # as a ticker of digits
    words = ["row", "202", "id", "data", "true", "values", "sha256", "base", size]
    file = {"name": "row.csv", "sha256": "0202" * 16, "data": "of a row", "read": 1}
    lake.publish(
        {"prices": bars(symbols=tuple(words))},
        release="R2-base",
        as_of=AS_OF,
        labels={"row": "of data"},
        files=[file],
    )
    lake.branch("mine", at="R2-base").publish(
        {"prices": bars(symbols=("BBB",))}, release="B1", as_of=AS_OF
    )

    done = lake.erase("prices", where={"symbol": words}, reason="another", by="Ann")

    lake = opened(path)
    assert lake.erasures()["id"].tolist() == [earlier.id, done.id]
    assert lake.erasures()["reason"].tolist() == ["a [erased]", "another"]
    assert lake.erasures()["releases"].tolist()[0] == ["R1"]
    last = lake.releases().iloc[-1]
    assert last["labels"] == {"[erased]": "of [erased]"}
    told = {"name": "[erased].csv", "[erased]": "of a [erased]"}
    del file["data"]
    assert last["files"][0] == file | told
    assert lake.doctor(deep=True).ok
    with foreign_table(path, "prices") as table:
        assert table.properties["gc.enabled"] == "false"
        summaries = [each.summary for each in table.snapshots()]
    assert all(each and str(each["total-files-size"]).isdigit() for each in summaries)
    mine = Lake.open(path, create=False, clock=clock, branch="mine")
    assert set(mine.at("B1").read("prices")["symbol"]) == {"AAA", "BBB"}


def test_accents_that_are_signs_of_their_own_are_told(path: Path) -> None:
    lake = Lake.open(path, clock=clock)
    rows = bars(symbols=("AAA", "\u00e9ab"))
    lake.publish({"prices": rows}, release="R1", as_of=AS_OF)
    with pytest.raises(InvalidArgumentError, match=r"separate characters .* form NFC"):
        lake.erase("prices", where={"symbol": "e\u0301ab"}, reason="a test")
    assert lake.erase("prices", where={"symbol": "\u00e9ab"}, reason="a test").n_rows


def test_rows_that_share_all_their_texts_leave_nothing_to_look_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake.open(path, clock=clock)
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    done = lake.erase("prices", where={"close": 10.0}, reason="a test")
    assert done.n_values == 0
    assert "there is none to look for" in str(done)

    def end(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(transaction, "prove", end)
    with pytest.raises(KeyboardInterrupt):
        lake.erase("prices", where={"close": 11.0}, reason="a test")
    assert opened(path).erasures()["is_proved"].tolist() == [True, True]
