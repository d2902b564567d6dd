from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from lakebt.lake.lake import Lake
from tests.lake.frames import AS_OF, bars
from tests.lake.redacted import ERASED, redact

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

HOLDINGS = ("diff", "etf_holdings", "Q1_2022", "Q3_2022")


def test_releases_are_listed_in_order(lake: Path, run: Run) -> None:
    shown = run("releases", "--lake", lake)

    names = [line.split()[0] for line in shown.stdout.splitlines() if line.split()]
    assert names.index("Q1_2022") < names.index("Q3_2022") < names.index("SIM")
    assert "2022-05-27 17:54:03" in shown.stdout
    assert "made from seed 3" in " ".join(shown.stdout.split())


def test_what_is_listed_fits_80_columns(lake: Path, run: Run) -> None:
    for words in (("releases",), HOLDINGS, ("diff", "prices", "Q1_2022", "SIM")):
        shown = run(*words, "--lake", lake)

        assert max(map(len, shown.stdout.splitlines())) <= 80


def test_releases_are_rows_of_json(lake: Path, run: Run) -> None:
    rows = json.loads(run("releases", "--lake", lake, "--json").stdout)

    assert [row["rows"] for row in rows[:2]] == [10, 13]
    assert rows[1]["tables"] == ["etf_holdings", "index_changes"]
    assert rows[0]["as_of"] == "2022-05-27T17:54:03+00:00"
    assert rows[2]["labels"] == {"regime": "simulated"}


def test_labels_filter_the_releases(lake: Path, run: Run) -> None:
    chosen = run(
        "releases", "--lake", lake, "--json", "--label", "regime=simulated"
    ).stdout

    assert [row["name"] for row in json.loads(chosen)] == ["SIM"]
    nothing = run("releases", "--lake", lake, "--label", "regime=calm")
    assert nothing.stdout == "There are no releases with these labels.\n"


def test_what_was_erased_is_told(tmp_path: Path, run: Run) -> None:
    lake = Lake.open(tmp_path / "lake")
    lake.publish({"prices": bars()}, release="A", as_of=AS_OF)
    redact(lake, "A")

    shown = run("releases", "--lake", tmp_path / "lake").stdout
    (row,) = json.loads(run("releases", "--lake", tmp_path / "lake", "--json").stdout)

    said = "redacted 2023-05-02: a wish of the subject, certificate E1"
    assert said in " ".join(shown.split())
    assert row["redactions"] == [ERASED.told()]


def test_an_empty_lake_says_so(tmp_path: Path, run: Run) -> None:
    Lake.open(tmp_path / "lake")

    assert run("releases", "--lake", tmp_path / "lake").stdout == (
        "There are no releases yet.\n"
    )
    assert (
        json.loads(run("releases", "--lake", tmp_path / "lake", "--json").stdout) == []
    )


def test_diff_tells_a_new_identifier_from_a_trade(lake: Path, run: Run) -> None:
    shown = run(*HOLDINGS, "--lake", lake)

    told = " ".join(shown.stdout.split())
    assert "8 added, 9 removed, 1 re-identified, 0 changed" in told
    assert "not a trade" in told
    assert "US4698141078" in told
    assert "US46982L1089" in told


def test_diff_marks_each_row_of_json(lake: Path, run: Run) -> None:
    rows = json.loads(run(*HOLDINGS, "--lake", lake, "--json").stdout)

    assert Counter(row["change"] for row in rows) == {
        "added": 8,
        "removed": 9,
        "reidentified": 1,
    }
    assert rows[0]["date"] == "2022-09-30"
    assert rows[0]["balance"] is None


def test_diff_shows_what_a_correction_changed(tmp_path: Path, run: Run) -> None:
    made = Lake.open(tmp_path / "lake")
    row = {
        "index": ["SP500"],
        "symbol": ["PENN"],
        "side": ["deletion"],
        "announced": ["2022-09-02"],
    }
    import pandas as pd  # noqa: PLC0415 - only here

    for name, effective, known_at in (
        ("A", "2022-09-19", "2022-09-03T04:30:00Z"),
        ("B", "2022-09-20", "2022-09-08T00:30:00Z"),
    ):
        frame = pd.DataFrame(
            {**row, "effective": [effective], "known_at": [pd.Timestamp(known_at)]}
        )
        made.publish(
            {"index_changes": frame}, release=name, as_of="2022-09-10T00:00:00Z"
        )

    shown = run("diff", "index_changes", "A", "B", "--lake", tmp_path / "lake")

    assert "0 added, 0 removed, 0 re-identified, 1 changed" in " ".join(
        shown.stdout.split()
    )
    assert "2022-09-19" in shown.stdout
    assert "2022-09-20" in shown.stdout
    assert "symbol_before" not in shown.stdout


def test_diff_of_an_unknown_table_or_release_is_one_line(lake: Path, run: Run) -> None:
    table = run("diff", "holdings", "Q1_2022", "Q3_2022", "--lake", lake)
    release = run("diff", "etf_holdings", "Q1_2022", "Q4_2022", "--lake", lake)

    assert table.stderr.startswith("error: unknown table 'holdings'")
    assert release.stderr.startswith("error: unknown release 'Q4_2022'. Did you mean")
