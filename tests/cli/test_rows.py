"""Rows as known on the command line, and as files of their own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow.parquet
import pytest
from typer.main import get_command

from lakebt.cli import app
from lakebt.errors import InvalidArgumentError
from lakebt.lake.lake import Lake
from lakebt.lake.tables import row_files

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

pytestmark = pytest.mark.lake

COMMANDS = getattr(get_command(app), "commands")  # noqa: B009 - typer's
PRINTING = {
    name
    for name, command in COMMANDS.items()
    if any("--json" in each.opts for each in command.params) and name != "demo"
}
QUICK = {
    "releases": (),
    "tables": (),
    "formats": (),
    "trials": (),
    "diff": ("etf_holdings", "Q1_2022", "Q3_2022"),
    "vintages": (
        *("index_changes", "SP500:PENN:deletion:2022-09-02"),
        *("--release", "Q3_2022"),
    ),
    "rows": ("prices", "--release", "SIM", "--where", "session<=2020-03-01"),
    "doctor": ("--fast",),
}


def read(path: Path) -> list[dict[str, Any]]:
    return pyarrow.parquet.read_table(path).to_pylist()


def test_every_command_that_prints_rows_can_write_them() -> None:
    assert QUICK.keys() <= PRINTING
    for name in PRINTING:
        (option,) = [each for each in COMMANDS[name].params if each.name == "out"]
        assert "new file" in option.help


@pytest.mark.parametrize("name", sorted(QUICK))
def test_a_file_has_the_rows_that_json_has(
    run: Run, lake: Path, tmp_path: Path, name: str
) -> None:
    at = () if name == "formats" else ("--lake", lake)
    path = tmp_path / "rows.parquet"
    printed = json.loads(run(name, *QUICK[name], *at, "--json").output)

    done = run(name, *QUICK[name], *at, "--out", path)

    assert done.exit_code == 0, done.output
    assert done.output.startswith(f"Wrote {len(printed):,} row")
    found = read(path)
    assert len(found) == len(printed)
    for row, expected in zip(found, printed, strict=True):
        assert row.keys() >= expected.keys()
        for column, value in expected.items():
            if isinstance(value, list | dict):
                assert json.loads(row[column]) == value
            elif isinstance(value, str) and not isinstance(row[column], str):
                assert pd.Timestamp(row[column]) == pd.Timestamp(value)
            else:
                assert row[column] == value
    again = run(name, *QUICK[name], *at, "--out", path)
    assert again.exit_code == 1
    assert "is there already: name another file, or remove it" in again.output
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("rows.xlsx", "rows.xlsx must end in .parquet or .csv: it is the format"),
        ("none/rows.csv", "none does not exist"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_first(
    run: Run, lake: Path, tmp_path: Path, name: str, said: str
) -> None:
    done = run("releases", "--lake", lake, "--out", tmp_path / name)

    assert done.exit_code == 1
    assert said in " ".join(done.output.split())
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_of_a_file_that_fails_half_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pyarrow.parquet, "write_table", fail)

    with pytest.raises(InvalidArgumentError, match="No space left"):
        row_files.write_records([{"a": 1}], tmp_path / "rows.parquet")
    assert list(tmp_path.iterdir()) == []


def test_json_and_a_file_are_both_to_be_had(
    run: Run, lake: Path, tmp_path: Path
) -> None:
    done = run("releases", "--lake", lake, "--json", "--out", tmp_path / "r.csv")

    assert [row["name"] for row in json.loads(done.output)] == [
        *("Q1_2022", "Q3_2022", "SIM")
    ]
    assert len(pd.read_csv(tmp_path / "r.csv")) == 3


def test_rows_are_read_as_known_and_in_ranges(run: Run, lake: Path) -> None:
    asked = ("rows", "index_changes", "--lake", lake, "--release", "Q3_2022")
    view = Lake.open(lake).at("Q3_2022")
    late = ("--where", "effective>=2022-09-01", "--where", "effective<2022-10-01")

    found = json.loads(run(*asked, *late, "--json").output)
    known = run(*asked, *late, "--json", "--as-of", "2022-09-02T20:00:00Z")
    some = run(*asked, *late, "--columns", "symbol,side", "--where", "symbol=PENN")
    none = run(*asked, "--where", "effective>2030-01-01")
    bare = run(*asked, "--where", "effective")

    rows = view.read("index_changes")
    in_september = rows[rows["effective"].dt.strftime("%Y-%m") == "2022-09"]
    assert [row["change_id"] for row in found] == list(in_september["change_id"])
    assert json.loads(known.output) == []
    assert "index_changes, 1 row" in some.output
    assert "deletion" in some.output
    assert none.output == "No row of index_changes is so.\n"
    assert "write it as symbol=PENN, with one of =, !=" in bare.output


def test_numbers_compare_as_numbers(run: Run, lake: Path) -> None:
    asked = ("rows", "prices", "--lake", lake, "--release", "SIM", "--json")
    bars = Lake.open(lake).at("SIM").read("prices")
    middle = float(bars["close"].median())

    found = json.loads(run(*asked, "--where", f"close>{middle}").output)
    wrong = run(*asked, "--where", "close>dear")

    assert len(found) == int((bars["close"] > middle).sum())
    assert "--where close>dear: the column holds number" in wrong.output


def test_rows_that_are_written_can_be_published(
    run: Run, lake: Path, tmp_path: Path
) -> None:
    """What leaves a lake as CSV and comes back is the same to the bit."""
    path, other = tmp_path / "bars.csv", tmp_path / "lake"
    run("rows", "prices", "--lake", lake, "--release", "SIM", "--out", path)

    done = run(
        *("publish", f"prices={path}", "--release", "R1", "--lake", other),
        *("--as-of", Lake.open(lake).at("SIM").cutoff.isoformat()),
    )

    assert done.exit_code == 0, done.output
    pd.testing.assert_frame_equal(
        Lake.open(other).at("R1").read("prices"),
        Lake.open(lake).at("SIM").read("prices"),
    )
