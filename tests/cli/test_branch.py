"""`lakebt branch`, as it is typed, and the commands that find a branch by a release."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lakebt.lake.lake import Lake
from tests.lake.frames import AS_OF, bars

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

pytestmark = pytest.mark.lake


@pytest.mark.slow
def test_a_branch_lives_on_the_command_line(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "lake"
    lake = Lake.open(path)
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    file = tmp_path / "prices.csv"
    bars(symbols=("MINE",)).to_csv(file, index=False)

    def branch(*words: str) -> str:
        done = run("branch", "--lake", path, *words)
        assert done.exit_code == 0, done.output
        return done.stdout

    assert "There are no branches" in branch()
    assert "cleaned.R1" in branch("cleaned", "--at", "R1")
    published = run(
        *("publish", "--lake", path, f"prices={file}"),
        *("--release", "cleaned.A", "--as-of", AS_OF),
    )
    assert published.exit_code == 0, published.output
    read = run("rows", "prices", "--lake", path, "--release", "cleaned.A", "--json")
    assert {row["symbol"] for row in json.loads(read.stdout)} == {"AAA", "BBB", "MINE"}
    changes = run("diff", "prices", "R1", "cleaned.A", "--lake", path, "--json")
    assert {row["symbol"] for row in json.loads(changes.stdout)} == {"MINE"}

    lake.publish({"prices": bars(symbols=("MAIN",))}, release="R2", as_of=AS_OF)
    (row,) = json.loads(branch("--json"))
    assert (row["name"], row["base"], row["behind"]) == ("cleaned", "R1", 1)
    assert "cleaned.A" in branch("cleaned")
    assert "Nothing clashes" in branch("cleaned", "--clashes")
    assert json.loads(branch("cleaned", "--clashes", "--json")) == []
    assert "cleaned.R2" in branch("cleaned", "--rebase", "R2")
    (adopted,) = json.loads(branch("cleaned", "--adopt", "R3", "--json"))
    assert adopted["release"] == "R3"
    assert "would end" in branch("cleaned", "--drop", "--dry-run")
    assert "are gone" in branch("cleaned", "--drop", "--because", "done")
    assert len(lake.at("R3").read("prices")) == 12
    assert lake.doctor().ok

    for words, said in {
        ("cleaned", "--drop", "--at", "R1"): "give one at a time",
        ("--drop",): "needs the NAME of a branch",
        ("cleaned", "--because", "x"): "--because goes with --drop",
        ("cleaned", "--accept"): "--accept goes with --rebase",
        ("cleaned", "--at", "R1"): "was dropped",
        ("none",): "unknown branch 'none'",
    }.items():
        failed = run("branch", "--lake", path, *words)
        assert failed.exit_code == 1
        assert said in failed.stderr
        assert failed.stderr.count("\n") == 1
