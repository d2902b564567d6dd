"""A branch is a lake of its own in the same tables, and takes nothing from main."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import duckdb
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from lakebt.errors import (
    ForeignCommitError,
    InvalidArgumentError,
    LakebtError,
    ReleaseEndedError,
    UnknownNameError,
)
from lakebt.lake import Lake
from lakebt.lake.storage.branch_refs import swapped
from lakebt.reproduce.reproduction import reproduce
from lakebt.sources.simulated import simulated_market
from lakebt.study.study import Study
from tests.lake import branched
from tests.lake.branched import publish, symbols
from tests.lake.frames import AS_OF, bars, clock, q1
from tests.lake.other_engines import foreign_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


pytestmark = pytest.mark.lake


def make_cleaned(path: Path) -> None:
    branched.make(path, own="R2")


ORIGINALS = {"cleaned": make_cleaned}


@pytest.fixture
def cleaned(lake: Lake) -> Lake:
    """A branch at R1 of a lake that has R2 since, with a release R2 of its own."""
    return lake.branch("cleaned")


def test_each_side_sees_its_own_and_what_both_stand_on(
    lake: Lake, cleaned: Lake
) -> None:
    seen = {
        name: symbols(lake.at(name))
        for name in ("R1", "R2", "cleaned.R1", "cleaned.R2")
    }
    assert seen == {
        "R1": ["BASE"],
        "R2": ["BASE", "MAIN"],
        "cleaned.R1": ["BASE"],
        "cleaned.R2": ["BASE", "MINE"],
    }
    assert symbols(cleaned.at("R2")) == symbols(cleaned.at("cleaned.R2"))
    assert symbols(cleaned.as_of(AS_OF)) == ["BASE", "MINE"]
    assert symbols(lake.as_of(AS_OF)) == ["BASE", "MAIN"]
    assert lake.releases()["name"].tolist() == ["R1", "R2"]
    assert cleaned.releases()["name"].tolist() == ["cleaned.R1", "cleaned.R2"]
    change = lake.diff("prices", "R2", "cleaned.R2")
    assert set(change.added["symbol"]) == {"MINE"}
    assert set(change.removed["symbol"]) == {"MAIN"}
    assert lake.doctor(deep=True).ok


def test_a_table_that_main_never_had_rows_of_gets_its_first_on_a_branch(
    lake: Lake,
) -> None:
    publish(lake, "R1", "BASE")
    branch = lake.branch("cleaned", at="R1")

    branch.publish({"etf_holdings": q1()}, release="R2", as_of=AS_OF)

    assert len(branch.at("R2").read("etf_holdings")) == len(q1())
    assert len(lake.at("R1").read("etf_holdings")) == 0
    lake.publish({"etf_holdings": q1(fund="OTHER")}, release="R2", as_of=AS_OF)
    assert set(lake.at("R2").read("etf_holdings")["fund"]) == {"OTHER"}
    assert lake.doctor(deep=True).ok


def test_a_result_says_of_which_branch_it_is(lake: Lake, cleaned: Lake) -> None:
    view = cleaned.at("R2")

    assert view.release == view.provenance()["release"] == "cleaned.R2"
    assert pickle.loads(pickle.dumps(view)).release == "cleaned.R2"  # noqa: S301
    assert symbols(pickle.loads(pickle.dumps(cleaned)).at("R2")) == [  # noqa: S301
        *("BASE", "MINE")
    ]
    assert repr(cleaned).startswith("Lake('lake', branch 'cleaned': 2 releases")
    (row,) = lake.branches().to_dict("records")
    row.pop("made_at"), row.pop("as_of")
    assert row == {
        "name": "cleaned",
        "base": "R1",
        "newest": "cleaned.R2",
        "releases": 1,
        "rows": 3,
        "behind": 1,
    }


def test_a_branch_is_published_into_by_the_name_of_the_release(
    lake: Lake, cleaned: Lake, path: Path
) -> None:
    publish(lake, "cleaned.R3", "LATER")
    assert symbols(cleaned.at("R3")) == ["BASE", "LATER", "MINE"]

    again = Lake.open(path, branch="cleaned", clock=clock)
    publish(again, "R3", "LATER")  # the same rows are the same release
    publish(again, "R4", "LAST")
    assert again.releases()["name"].tolist()[-2:] == ["cleaned.R3", "cleaned.R4"]
    tables = {"prices": bars(symbols=("NEXT",))}
    report = lake.audit(tables, release="cleaned.R5", as_of=AS_OF)
    assert report.ok
    assert not lake.audit(tables, release="cleaned.R4", as_of=AS_OF).ok


def test_a_table_that_is_empty_at_the_base_is_filled_on_either_side(
    lake: Lake, cleaned: Lake
) -> None:
    lake.publish({"etf_holdings": q1(fund="MAIN")}, release="R3", as_of=AS_OF)
    cleaned.publish({"etf_holdings": q1(fund="MINE")}, release="R3", as_of=AS_OF)

    for name, fund in (("R3", "MAIN"), ("cleaned.R3", "MINE")):
        assert set(lake.at(name).read("etf_holdings")["fund"]) == {fund}
    assert lake.doctor().ok


def test_other_engines_read_a_branch_under_its_name(
    path: Path, lake: Lake, cleaned: Lake
) -> None:
    del lake, cleaned
    catalog = SqlCatalog("lake", uri=f"sqlite:///{path}/catalog.db")
    table = catalog.load_table("quant.prices")
    head = table.snapshot_by_name("cleaned")
    assert head is not None
    assert head == table.snapshot_by_name("cleaned.R2")
    rows = table.scan().use_ref("cleaned").to_arrow()
    assert set(rows.column("symbol").to_pylist()) == {"BASE", "MINE"}
    catalog.engine.dispose()
    files = [
        task.file.file_path for task in table.scan().use_ref("cleaned").plan_files()
    ]
    read = duckdb.sql(f"select distinct symbol from read_parquet({files})").fetchall()  # noqa: S608
    assert {symbol for (symbol,) in read} == {"BASE", "MINE"}


def test_a_base_stays_and_a_branch_stands_without_it(
    path: Path, lake: Lake, cleaned: Lake
) -> None:
    with pytest.raises(InvalidArgumentError, match="branch cleaned stands on it"):
        lake.drop("R1", because="a test")
    lake.drop("R2", because="a test")
    assert symbols(lake.at("cleaned.R2")) == ["BASE", "MINE"]
    with foreign_table(path, "prices") as table:  # as a lakebt without branches does
        table.manage_snapshots().remove_tag("R1").commit()
    assert symbols(cleaned.at("R1")) == ["BASE"]
    assert symbols(cleaned.at("R2")) == ["BASE", "MINE"]


def test_retention_leaves_the_base_until_the_branch_is_gone(lake: Lake) -> None:
    lake.publish({"prices": bars()}, release="Day", as_of=AS_OF, retain_days=1)
    lake.branch("mine", at="Day")
    later = Lake.open(lake._storage.address["path"])  # noqa: SLF001 - years later

    assert later.retain().ended == ()
    later.drop_branch("mine")
    assert [release.name for release in later.retain().ended] == ["Day"]
    assert later.doctor().ok


def test_a_branch_goes_with_its_files_and_leaves_main(
    path: Path, lake: Lake, cleaned: Lake
) -> None:
    def files() -> int:
        return len(list((path / "warehouse").rglob("prices/data/**/*.parquet")))

    assert files() == 3
    told = lake.drop_branch("cleaned", dry_run=True)
    assert files() == 3
    gone = lake.drop_branch("cleaned", because="no good")
    assert files() == 2
    assert (
        (gone.n_snapshots, gone.n_files) == (told.n_snapshots, told.n_files) != (0, 0)
    )
    assert [release.name for release in gone.ended] == ["cleaned.R1", "cleaned.R2"]
    assert symbols(lake.at("R2")) == ["BASE", "MAIN"]
    with pytest.raises(ReleaseEndedError, match="no good"):
        lake.at("cleaned.R2")
    for again in (
        lambda: lake.branch("cleaned"),
        lambda: lake.branch("cleaned", at="R1"),
        lambda: publish(cleaned, "R9", "X"),
    ):
        with pytest.raises(InvalidArgumentError, match=r"was dropped at .*: no good"):
            again()
    assert lake.branches().empty
    assert lake.doctor().ok
    lake.drop("R1", because="a test")


REFUSED: dict[str, tuple[Callable[[Lake, Lake], object], str]] = {
    "another base": (
        lambda lake, _: lake.branch("cleaned", at="R2"),
        "exists already, and stands on release 'R1'",
    ),
    "a release's name": (lambda lake, _: lake.branch("r2", at="R1"), "is taken by"),
    "a table's name": (
        lambda lake, _: lake.branch("Prices", at="R1"),
        "taken by table",
    ),
    "another case": (lambda lake, _: lake.branch("Cleaned", at="R1"), "is taken by"),
    "main": (lambda lake, _: lake.branch("MAIN", at="R1"), "is reserved"),
    "ours": (lambda lake, _: lake.branch("lakebt-x", at="R1"), "is reserved"),
    "a dot": (lambda lake, _: lake.branch("a.b", at="R1"), "cannot be used"),
    "SQL": (lambda lake, _: lake.branch("a'; drop", at="R1"), "cannot be used"),
    "a path": (lambda lake, _: lake.branch("../x", at="R1"), "cannot be used"),
    "no text": (lambda lake, _: lake.branch(7, at="R1"), "cannot be used"),  # type: ignore[arg-type]
    "no branch": (lambda lake, _: lake.branch("other"), "Known: cleaned"),
    "no base": (lambda lake, _: lake.branch("other", at="R7"), "unknown release"),
    "a branch's release": (
        lambda lake, _: lake.branch("other", at="cleaned.R2"),
        "a branch stands on a release of main",
    ),
    "a branch's branch": (lambda _, mine: mine.branch("b", at="R2"), "no branch has"),
    "its name for a release": (
        lambda lake, _: publish(lake, "cleaned", "X"),
        "reserved",
    ),
    "a release of none": (lambda lake, _: publish(lake, "b.R3", "X"), "unknown branch"),
    "a release of another": (
        lambda _, mine: publish(mine, "b.R3", "X"),
        "unknown branch 'b'",
    ),
    "two dots": (lambda lake, _: publish(lake, "cleaned.a.b", "X"), "cannot be used"),
    "its end": (lambda _, mine: mine.drop("R2", because="x"), "for all branches"),
    "expiry": (lambda _, mine: mine.retain(), "for all branches"),
    "orphans": (lambda _, mine: mine.remove_orphans(), "for all branches"),
    "a declaration": (
        lambda _, mine: mine.declare("t", key=["a"], columns={"a": "text"}),
        "for all branches",
    ),
    "our label": (
        lambda lake, _: lake.publish(
            {"prices": bars()}, release="R9", as_of=AS_OF, labels={"lakebt.base": "R1"}
        ),
        "is lakebt's own",
    ),
    "no such adoption": (
        lambda lake, _: lake.adopt("cleaned2", release="R9"),
        "unknown table or branch 'cleaned2'. Did you mean 'cleaned'?",
    ),
    "no name to adopt": (
        lambda lake, _: lake.adopt(["cleaned"], release="R9"),  # type: ignore[arg-type]
        "table must be text",
    ),
    "no such drop": (lambda lake, _: lake.drop_branch("b"), "unknown branch 'b'"),
    "no reason": (lambda lake, _: lake.drop_branch("cleaned", because=" "), "say why"),
}


def test_what_a_branch_is_not_is_refused_in_one_line(lake: Lake, cleaned: Lake) -> None:
    for what, (do, words) in REFUSED.items():
        with pytest.raises(LakebtError) as caught:
            do(lake, cleaned)
        assert words in str(caught.value), what
        assert "\n" not in str(caught.value), what
    assert symbols(lake.at("cleaned.R2")) == ["BASE", "MINE"]


def test_a_branch_that_another_engine_made_is_none_of_ours(
    path: Path, lake: Lake, cleaned: Lake
) -> None:
    del cleaned
    with foreign_table(path, "releases") as table:
        head = table.current_snapshot()
        assert head is not None
        table.manage_snapshots().create_branch(head.snapshot_id, "theirs").commit()
    with pytest.raises(UnknownNameError, match="Known: cleaned"):
        lake.branch("theirs")
    with pytest.raises(InvalidArgumentError, match="is taken by 'theirs'"):
        lake.branch("theirs", at="R1")


def test_the_doctor_finds_what_others_did_to_a_branch_and_its_cure_works(
    path: Path, lake: Lake, cleaned: Lake
) -> None:
    with foreign_table(path, "prices") as table:
        rows = table.scan().to_arrow().slice(0, 1)
        table.append(rows, branch="cleaned")
        table.manage_snapshots().remove_tag("cleaned.R2").commit()
    codes = {finding.code: finding for finding in lake.doctor()}
    assert codes.keys() == {"foreign_commit", "tag_gone"}
    assert "branch cleaned" in codes["foreign_commit"].problem
    assert codes["tag_gone"].release == "cleaned.R2"

    with pytest.raises(ForeignCommitError):
        publish(cleaned, "R3", "X")
    cleaned.roll_back("prices")
    lake.restore()
    assert lake.doctor().ok
    assert symbols(cleaned.at("R2")) == ["BASE", "MINE"]


@pytest.mark.parametrize("ref", ["main", "b", "R1", "b.R1", "lakebt-staged-1-2"])
def test_a_swap_of_names_is_undone_by_itself(ref: str) -> None:
    assert swapped(swapped(ref, "b"), "b") == ref
    assert (swapped(ref, "b") == ref) == (ref in {"R1", "b.R1"})


@pytest.mark.slow
def test_a_study_of_a_branch_says_so_in_its_trials_its_page_and_comes_out_again(
    tmp_path: Path, path: Path
) -> None:
    market = simulated_market(seed=1, n_events=3)
    lake = Lake.open(path)
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    view = lake.branch("cleaned", at="R1").at("R1")
    result = Study(view, index="SIM", entries=["AD+1@open"], exits=["+1"]).run()

    tried = lake.trials()
    assert set(tried["release"]) == {"cleaned.R1"}
    assert reproduce(lake, tried["trial_id"].iloc[0]).is_same
    page = tmp_path / "page.html"
    result.report(page)
    assert "cleaned.R1" in page.read_text(encoding="utf-8")
