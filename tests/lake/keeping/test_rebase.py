"""What a branch got goes onto another base, or onto main, and nothing in silence."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from lakebt.errors import AuditError, ConflictError, InvalidArgumentError
from lakebt.lake import Lake
from lakebt.lake.committing import fold, protocol
from lakebt.lake.committing.stepwise import LedgerOrder
from tests.lake import branched
from tests.lake.branched import publish, symbols
from tests.lake.frames import AS_OF, bars, clock, q1

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


pytestmark = pytest.mark.lake

LATER = "2022-09-09T12:00:00Z"


def make_cleaned(path: Path) -> None:
    branched.make(path, own="A")


ORIGINALS = {"cleaned": make_cleaned}


@pytest.fixture
def cleaned(lake: Lake) -> Lake:
    """A branch at R1 with a release A of its own; main has R2 since."""
    return lake.branch("cleaned")


def test_a_rebase_is_one_more_release_and_changes_none(
    lake: Lake, cleaned: Lake
) -> None:
    made = lake.rebase("cleaned", at="R2")

    assert made.name == "cleaned.R2"
    seen = {name: symbols(cleaned.at(name)) for name in ("R1", "A", "R2")}
    assert seen == {
        "R1": ["BASE"],
        "A": ["BASE", "MINE"],
        "R2": ["BASE", "MAIN", "MINE"],
    }
    assert lake.branches().loc[0, "base"] == "R2"
    assert lake.branches().loc[0, "behind"] == 0
    assert lake.rebase("cleaned", at="R2") == made
    lake.drop("R1", because="nothing stands on it any more")
    publish(cleaned, "B", "NEXT")
    assert symbols(cleaned.at("B")) == ["BASE", "MAIN", "MINE", "NEXT"]
    assert lake.doctor(deep=True).ok


@pytest.mark.slow
def test_what_is_adopted_is_a_release_like_any(lake: Lake, cleaned: Lake) -> None:
    publish(cleaned, "B", "SECOND")
    made = lake.adopt("cleaned", release="R3")

    assert symbols(lake.at("R3")) == ["BASE", "MAIN", "MINE", "SECOND"]
    assert (made.rows, made.labels) == (6, {"lakebt.adopted": "cleaned.B"})
    assert not lake.adopt("cleaned", release="R3").is_new
    lake.drop_branch("cleaned")
    assert symbols(lake.at("R3")) == ["BASE", "MAIN", "MINE", "SECOND"]
    assert lake.doctor(deep=True).ok


@pytest.mark.slow
def test_adopted_rows_are_those_of_the_branch_whatever_was_folded(
    lake: Lake, cleaned: Lake
) -> None:
    with mock.patch.object(fold, "LIMIT", 1):
        publish(cleaned, "B", "FOLDED")
        publish(lake, "R3", "ALSO")
        assert lake.clashes("cleaned").empty
        made = lake.adopt("cleaned", release="R4")
    assert made.rows == 6  # and no row of the base, which the fold copied
    assert symbols(lake.at("R4")) == ["ALSO", "BASE", "FOLDED", "MAIN", "MINE"]
    assert lake.doctor(deep=True).ok


@pytest.mark.slow
def test_facts_that_clash_are_listed_and_not_merged_in_silence(
    lake: Lake, cleaned: Lake
) -> None:
    def correct(where: Lake, name: str, volume: float) -> None:
        rows = bars(("2022-09-06",), ("BASE",), volume=volume, known_at=LATER)
        where.publish({"prices": rows}, release=name, as_of=AS_OF)

    correct(lake, "R3", 5.0)
    rows = bars(("2022-09-06",), ("BASE",), volume=7.0, known_at="2022-09-10T12:00:00Z")
    cleaned.publish({"prices": rows}, release="B", as_of=AS_OF)
    (clash,) = lake.clashes("cleaned").to_dict("records")
    assert clash["key"] == "symbol BASE, session 2022-09-06"
    assert clash["differs"] == "volume"
    assert f"{clash['main_known_at']:%d} {clash['branch_known_at']:%d}" == "09 10"

    before = lake.releases()["name"].tolist(), cleaned.releases()["name"].tolist()
    with pytest.raises(ConflictError, match="session 2022-09-06, of main known"):
        lake.adopt("cleaned", release="R4")
    with pytest.raises(ConflictError, match="session 2022-09-06, of main known"):
        lake.rebase("cleaned", at="R3")
    after = lake.releases()["name"].tolist(), cleaned.releases()["name"].tolist()
    assert before == after

    lake.rebase("cleaned", at="R3", accept=True)
    lake.adopt("cleaned", release="R4")
    volume = lake.at("R4").panel("volume")["BASE"]
    assert volume.loc["2022-09-06"] == 7.0  # the one that was known later is in force
    assert lake.at("R4", as_of=LATER).panel("volume")["BASE"].loc["2022-09-06"] == 5.0


def test_the_same_fact_on_both_sides_is_no_clash(lake: Lake, cleaned: Lake) -> None:
    publish(cleaned, "B", "MAIN")
    assert lake.clashes("cleaned").empty
    lake.adopt("cleaned", release="R3")
    assert len(lake.at("R3").read("prices")) == 9


def test_another_fact_known_at_the_same_instant_is_never_merged(
    lake: Lake, cleaned: Lake
) -> None:
    publish(cleaned, "B", "MAIN", volume=9.0)
    assert len(lake.clashes("cleaned")) == 3
    with pytest.raises(AuditError, match="other content"):
        lake.rebase("cleaned", at="R2", accept=True)


def test_two_reports_of_a_fund_about_a_day_clash_whatever_they_hold(
    lake: Lake, cleaned: Lake
) -> None:
    report = q1(fund="F")
    lake.publish({"etf_holdings": report.head(1)}, release="R3", as_of=AS_OF)
    cleaned.publish({"etf_holdings": report.tail(1)}, release="B", as_of=AS_OF)
    assert len(lake.clashes("cleaned")) == 1


def test_a_branch_that_got_nothing_can_be_rebased_and_not_adopted(lake: Lake) -> None:
    publish(lake, "R1", "BASE")
    branch = lake.branch("empty", at="R1")
    publish(lake, "R2", "MAIN")

    with pytest.raises(InvalidArgumentError, match="there is nothing to adopt"):
        lake.adopt("empty", release="R3")
    lake.rebase("empty", at="R2", release="Moved")
    assert symbols(branch.at("Moved")) == ["BASE", "MAIN"]
    assert lake.doctor(deep=True).ok


REFUSED: dict[str, tuple[Callable[[Lake, Lake], object], str]] = {
    "a branch's": (lambda lake, _: lake.rebase("cleaned", at="cleaned.A"), "itself"),
    "a bad name": (
        lambda lake, _: lake.rebase("cleaned", at="R2", release="../x"),
        "cannot be used",
    ),
    "from the branch": (lambda _, mine: mine.rebase("cleaned", at="R2"), "this is"),
    "adopted there": (lambda _, mine: mine.adopt("prices", release="X"), "this is"),
    "our label": (
        lambda lake, _: lake.adopt(
            "cleaned", release="X", labels={"lakebt.adopted": "me"}
        ),
        "lakebt's own",
    ),
    "an older base": (
        lambda lake, _: [
            lake.rebase("cleaned", at="R2"),
            lake.rebase("cleaned", at="R1"),
        ],
        "stands on 'R2', which came after 'R1'",
    ),
}


def test_what_makes_no_sense_is_refused(lake: Lake, cleaned: Lake) -> None:
    for what, (do, words) in REFUSED.items():
        with pytest.raises(InvalidArgumentError) as caught:
            do(lake, cleaned)
        assert words in str(caught.value), what


@pytest.mark.slow
@pytest.mark.parametrize("stop", [1, 2, 3])
def test_where_tables_change_one_by_one_the_next_finishes_what_was_killed(
    path: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    monkeypatch.setattr(protocol, "of", LedgerOrder)
    real = SqlCatalog.commit_table

    def killed(do: Callable[[Lake], object]) -> Lake:
        """Do it, but end before a commit; then open the lake anew, and do it again."""
        commits: list[object] = []

        def count(self: Any, *arguments: Any) -> Any:
            commits.append(arguments)
            if len(commits) >= stop:
                raise KeyboardInterrupt
            return real(self, *arguments)

        ending = mock.patch.object(SqlCatalog, "commit_table", count)
        with ending, contextlib.suppress(KeyboardInterrupt):
            do(Lake.open(path, clock=clock))
        anew = Lake.open(path, clock=clock)
        do(anew)
        return anew

    publish(Lake.open(path, clock=clock), "R1", "BASE")
    lake = killed(lambda lake: lake.branch("b", at="R1"))
    publish(lake, "R2", "MAIN")
    killed(lambda lake: publish(lake, "b.A", "MINE"))
    lake = killed(lambda lake: lake.rebase("b", at="R2"))
    assert symbols(lake.at("b.R2")) == ["BASE", "MAIN", "MINE"]
    lake = killed(lambda lake: lake.adopt("b", release="R3"))
    assert symbols(lake.at("R3")) == ["BASE", "MAIN", "MINE"]
    assert lake.doctor().ok
    lake = killed(lambda lake: lake.drop_branch("b"))
    assert symbols(lake.at("R3")) == ["BASE", "MAIN", "MINE"]
    assert lake.branches().empty
