"""`lakebt lineage`: a tree for people, events for programs, rows for a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from lakebt.lake import Lake

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

pytestmark = pytest.mark.lake


def test_people_get_a_tree_from_the_release_back_to_its_publications(
    run: Run, lake: Path
) -> None:
    told = run("lineage", "Q3_2022", "--lake", lake)

    assert told.exit_code == 0
    lines = [line.strip("│├└─ ") for line in told.output.splitlines()]
    assert lines[0].startswith("release Q3_2022, ")
    for start in (
        "snapshot etf_holdings, 19 rows",
        "publication Q1_2022, etf_holdings, 10 rows",
        "publication Q3_2022, index_changes, 4 rows",
    ):
        assert any(line.startswith(start) for line in lines), start
    assert "Used by 0 trials." in lines


def test_programs_get_events_and_a_file_gets_rows(
    run: Run, lake: Path, tmp_path: Path
) -> None:
    file, picture = tmp_path / "steps.parquet", tmp_path / "lineage.svg"
    events = json.loads(run("lineage", "Q3_2022", "--lake", lake, "--json").stdout)
    words = ("lineage", "Q3_2022", "--lake", lake, "--out", file, "--svg", picture)

    assert run(*words).exit_code == 0

    expected = Lake.open(lake).lineage("Q3_2022")
    assert events == json.loads(json.dumps(expected.openlineage()))
    assert list(pd.read_parquet(file)["id"]) == list(expected.frame()["id"])
    assert picture.read_text(encoding="utf-8") == expected.svg()


def test_a_picture_that_is_there_is_not_replaced(
    run: Run, lake: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "lineage.svg"
    picture.write_text("mine", encoding="utf-8")

    for file, why in (
        (picture, "is there already"),
        (tmp_path / "none" / "a.svg", "no folder"),
    ):
        told = run("lineage", "Q3_2022", "--lake", lake, "--svg", file)
        assert told.exit_code == 1
        assert why in told.output.replace("\n", " ")

    assert picture.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("of", ["Q9", "abcdef01"])
def test_what_is_not_there_is_named(run: Run, lake: Path, of: str) -> None:
    told = run("lineage", of, "--lake", lake)

    assert told.exit_code != 0
    assert of in told.output
    assert "Traceback" not in told.output
