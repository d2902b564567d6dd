"""`lakebt erase`: what it says, lists and refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lakebt.lake import Lake
from tests.lake.frames import AS_OF, bars

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

pytestmark = pytest.mark.lake


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    path = tmp_path / "lake"
    rows = {"prices": bars(symbols=("AAA", "GONECO"))}
    Lake.open(path).publish(rows, release="R1", as_of=AS_OF)
    return path


def test_it_is_seen_first_then_done_and_listed(lake: Path, run: Run) -> None:
    where = ("erase", "prices", "--lake", lake, "--where", "symbol=GONECO")
    seen = run(*where, "--dry-run")
    (done,) = json.loads(
        run(*where, "--reason", "a wish", "--by", "Ann", "--json").stdout
    )
    (listed,) = json.loads(run("erase", "--list", "--lake", lake, "--json").stdout)
    shown = run("erase", "--list", "--lake", lake)

    assert (
        "3 rows of prices would be erased, from 1 release, 1 data file." in seen.stdout
    )
    assert (done["rows"], done["releases"], done["dry_run"]) == (3, {"R1": 3}, False)
    assert done["proof"]["ok"]
    assert done["proof"]["traces"] == []
    assert done["names"] == []
    assert (listed["id"], listed["by"]) == (done["certificate"], "Ann")
    assert listed["is_proved"]
    assert "a wish" in shown.stdout
    again = run(*where, "--reason", "a wish")
    assert again.exit_code == 1
    assert f"certificate {done['certificate']}" in again.stderr


def test_nothing_erased_is_said(lake: Path, run: Run) -> None:
    assert run("erase", "--list", "--lake", lake).stdout == "Nothing was erased.\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("prices",), "say what is erased and why: lakebt erase TABLE --where"),
        (("prices", "--where", "symbol=A"), "say what is erased and why"),
        (("prices", "--list"), "--list lists what was erased, and takes nothing else"),
        (
            ("prices", "--where", "symbol", "--reason", "x"),
            "'symbol' is not NAME=VALUE",
        ),
        (("price", "--where", "symbol=A", "--reason", "x"), "price"),
    ],
)
def test_what_is_missing_is_told(
    lake: Path, run: Run, words: tuple[str, ...], told: str
) -> None:
    done = run("erase", *words, "--lake", lake)

    assert done.exit_code == 1
    assert told in done.stderr
