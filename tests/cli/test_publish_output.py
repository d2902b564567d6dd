"""What publishing says of files: in a dry run, and afterwards in the release."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

import lakebt
from lakebt.cli.publish_output import as_kept
from lakebt.errors import InvalidArgumentError
from lakebt.lake.lake import Lake
from lakebt.sources.file_facts import digest_of
from tests.lake.frames import AS_OF, bars

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

pytestmark = pytest.mark.lake

BARS = """date,ticker,open,high,low,close,volume,note
2022-09-01,AAA,10,11,9,10,1000,x
2022-09-01,BBB,20,21,19,20,1000,
2022-09-02,BBB,20,22,19,21.5,1000,
"""


@pytest.fixture
def asked(tmp_path: Path) -> tuple[str, ...]:
    path = tmp_path / "bars.csv"
    path.write_text(BARS, encoding="utf-8")
    return (
        *("publish", f"prices={path}", "--format", "prices", "--map", "ticker=symbol"),
        *("--set", "basis=raw", "--leave-out", "note", "--release", "R1"),
        *("--as-of", "2022-09-03T00:00:00Z", "--lake", str(tmp_path / "lake")),
    )


def test_a_dry_run_shows_rows_as_understood_and_writes_nothing(
    run: Run, asked: tuple[str, ...], tmp_path: Path
) -> None:
    shown = run(*asked, "--dry-run")
    (row,) = json.loads(run(*asked, "--dry-run", "--json").output)

    assert shown.exit_code == 0, shown.output
    assert "columns left out: note" in " ".join(shown.output.split())
    assert "prices, the first 3 rows as understood" in shown.output
    assert "2022-09-01 20:00:00 UTC" in shown.output  # the close, which nobody gave
    assert "basis raw" in shown.output
    assert "Derived: known_at." in shown.output
    assert "Release 'R1' would be published. Nothing was written." in shown.output
    assert not (tmp_path / "lake").exists()
    assert row["derived"] == ["known_at"]
    assert (row["read"], row["dropped"], row["rows"]) == (3, {}, 3)
    assert row["left_out"] == ["note"]
    assert [r["close"] for r in row["first_rows"]] == [10.0, 20.0, 21.5]
    assert row["ok"]


def test_a_dry_run_of_rows_that_fail_says_so_and_exits_with_1(
    run: Run, asked: tuple[str, ...], tmp_path: Path
) -> None:
    path = tmp_path / "bars.csv"
    path.write_text(BARS.replace("20,22,19,21.5", "20,22,19,99"), encoding="utf-8")

    shown = run(*asked, "--dry-run")

    assert shown.exit_code == 1
    assert "the first 3 rows as understood" in shown.output
    assert "Findings" in shown.output
    assert not (tmp_path / "lake").exists()


def test_a_release_keeps_the_digest_of_the_file_it_was_read_from(
    run: Run, asked: tuple[str, ...], tmp_path: Path
) -> None:
    assert run(*asked, "--label", "regime=calm").exit_code == 0
    (row,) = json.loads(run("releases", "--lake", tmp_path / "lake", "--json").output)
    listed = run("releases", "--lake", tmp_path / "lake")

    assert row["files"] == [
        {
            "table": "prices",
            "name": "bars.csv",
            "sha256": hashlib.sha256(BARS.encode()).hexdigest(),
            "bytes": len(BARS.encode()),
            "n_files": 1,
            "format": "prices",
            "read": 3,
            "kept": 3,
        }
    ]
    assert row["labels"] == {"regime": "calm"}
    assert "from bars.csv" in " ".join(listed.output.split())
    lake = Lake.open(tmp_path / "lake")
    assert list(lake.releases(labels={"regime": "calm"})["name"]) == ["R1"]
    # The same file again, under the same name, is the same release.
    assert "nothing was written" in " ".join(run(*asked).output.split())


def test_of_a_folder_the_list_of_digests_is_digested(tmp_path: Path) -> None:
    folder = tmp_path / "more"
    folder.mkdir()
    for name in ("b.txt", "a.txt"):
        (folder / name).write_text(name, encoding="utf-8")
    lines = "".join(
        f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n"
        for name in ("a.txt", "b.txt")
    )

    expected = (hashlib.sha256(lines.encode()).hexdigest(), 10, 2)
    assert digest_of(folder) == digest_of(folder / "*.txt") == expected


def test_files_are_plain_values_and_their_labels_are_ours(tmp_path: Path) -> None:
    lake = lakebt.Lake.open(tmp_path / "lake")
    publish: dict[str, Any] = {"tables": {"prices": bars()}, "as_of": AS_OF}

    made = lake.publish(**publish, release="R1", files=[{"name": "frame", "n": 1}])

    assert lake.releases()["files"].iloc[0] == [{"name": "frame", "n": 1}]
    assert made.files == ({"name": "frame", "n": 1},)
    assert made.labels == {}
    with pytest.raises(InvalidArgumentError, match="files must be a list of mappings"):
        lake.publish(**publish, release="R2", files=[{"x": object()}])
    with pytest.raises(
        InvalidArgumentError, match=r"'lakebt\.file\.0' is lakebt's own"
    ):
        lake.publish(**publish, release="R2", labels={"lakebt.file.0": "{}"})


def test_of_many_files_one_entry_is_kept(run: Run, tmp_path: Path) -> None:
    """A release of 40 files, or of 500, has a row of the ledger as of one."""
    head = "date,symbol,open,high,low,close,volume,basis"
    folder = tmp_path / "daily"
    folder.mkdir()
    for n in range(40):
        text = f"{head}\n2022-09-02,A{n},20,22,19,21.5,7,raw"
        (folder / f"{n}.csv").write_text(text + "\n", encoding="utf-8")
    lines = "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(folder.iterdir(), key=lambda path: path.name)
    )
    lake = ("--lake", tmp_path / "lake")
    asked = ("publish", f"prices={folder}", "--format", "prices", "--release", "R1")

    done = run(*asked, "--as-of", "2022-09-03T00:00Z", *lake)

    assert done.exit_code == 0, done.output
    (row,) = json.loads(run("releases", *lake, "--json").output)
    assert row["files"] == [
        {
            "table": "prices",
            "name": "daily",
            "sha256": hashlib.sha256(lines.encode()).hexdigest(),
            "bytes": sum(path.stat().st_size for path in folder.iterdir()),
            "n_files": 40,
            "format": "prices",
            "read": 40,
            "kept": 40,
        }
    ]
    assert digest_of(folder)[0] == row["files"][0]["sha256"]
    # Two tables are two entries; what is below the limit is kept one by one.
    few = [(path, {"table": "x", "format": "y"}) for path in (folder / "1.csv",) * 20]
    assert len(as_kept(few)) == 20
