"""`lakebt retain` and `lakebt doctor`, as they are typed."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from lakebt.lake.lake import Lake
from tests.lake.frames import AS_OF, bars
from tests.lake.other_engines import files, foreign_table

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

pytestmark = pytest.mark.lake


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A lake of two releases, A and B."""
    path = tmp_path / "lake"
    lake = Lake.open(path)
    lake.publish({"prices": bars()}, release="A", as_of=AS_OF)
    more = bars(symbols=("CCC",))
    lake.publish({"prices": more}, release="B", as_of=AS_OF, retain_days=9000)
    return path


def test_retain_says_what_went(path: Path, run: Run) -> None:
    nothing = run("retain", "--lake", path)
    assert nothing.stdout == (
        "No release ended; 0 snapshots and 0 files with 0 bytes are gone.\n"
    )

    dropped = run("retain", "--lake", path, "--drop", "A", "--because", "a test")

    assert dropped.stdout.startswith("A: a test\nA ended; 1 snapshot and 1 file with")
    assert list(Lake.open(path).releases()["name"]) == ["B"]


def test_publish_says_for_how_many_days(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "bars.csv"
    bars().to_csv(file, index=False)
    lake = tmp_path / "new"
    words = ("publish", f"prices={file}", "--lake", lake, "--as-of", AS_OF)

    for more in (("--audit-only",), ()):
        run(*words, "--release", "A", "--retain-days", 7, *more)

    with foreign_table(lake, "releases") as ledger:
        assert ledger.scan().to_arrow()["retain_days"].to_pylist() == [7]


def test_a_dry_run_is_told_as_one(path: Path, run: Run) -> None:
    words = ("retain", "--lake", path, "--drop", "A", "--because", "a test")

    dry = json.loads(run(*words, "--dry-run", "--json").stdout)
    assert list(Lake.open(path).releases()["name"]) == ["A", "B"]
    wet = json.loads(run(*words, "--json").stdout)

    assert dry == [{**wet[0], "dry_run": True}]
    assert wet[0]["ended"] == ["A"]
    assert (wet[0]["snapshots"], wet[0]["files"]) == (1, 1)


def test_a_drop_needs_its_reason(path: Path, run: Run) -> None:
    for words in (("--drop", "A"), ("--because", "a test")):
        failed = run("retain", "--lake", path, *words)
        assert failed.exit_code == 1
        assert "--drop NAME and --because TEXT go together" in failed.stderr


def test_tombstones_are_listed_with_ended(path: Path, run: Run) -> None:
    run("retain", "--lake", path, "--drop", "A", "--because", "the vendor asked")

    assert "vendor" not in run("releases", "--lake", path).stdout
    shown = " ".join(run("releases", "--lake", path, "--ended").stdout.split())
    assert "the vendor asked" in shown
    rows = json.loads(run("releases", "--lake", path, "--ended", "--json").stdout)
    assert [(row["name"], row["ended_because"]) for row in rows] == [
        ("A", "the vendor asked"),
        ("B", ""),
    ]
    assert rows[0]["ended_at"] is not None
    assert rows[1]["ended_at"] is None


def test_a_healthy_lake_is_said_to_be_so(path: Path, run: Run) -> None:
    for words, said in (
        ((), "Lake lake is healthy.\n"),
        (("--fast",), "Lake lake is healthy; its files were not looked at.\n"),
        (("--json",), "[]\n"),
    ):
        healthy = run("doctor", "--lake", path, *words)
        assert (healthy.exit_code, healthy.stdout) == (0, said)


def test_a_lake_is_called_by_its_name_as_written(tmp_path: Path, run: Run) -> None:
    lake = tmp_path / "MyLake"
    Lake.open(lake)

    assert run("doctor", "--lake", lake).stdout == "Lake MyLake is healthy.\n"


def test_findings_are_told_with_their_cures(path: Path, run: Run) -> None:
    with foreign_table(path, "prices") as table:
        table.manage_snapshots().remove_tag("A").commit()

    ill = run("doctor", "--lake", path)
    as_json = run("doctor", "--lake", path, "--json")

    assert (ill.exit_code, as_json.exit_code) == (1, 1)
    assert ill.stdout == (
        "tag_gone  prices, A\n  its tag is gone\n"
        f"  cure: lakebt doctor --lake {path} --restore\n"
    )
    assert json.loads(as_json.stdout) == [
        {
            "code": "tag_gone",
            "table": "prices",
            "release": "A",
            "problem": "its tag is gone",
            "cure": f"lakebt doctor --lake {path} --restore",
        }
    ]
    cured = run("doctor", "--lake", path, "--restore")
    assert cured.stdout == "table prices: tag A is as the ledger says\n"
    assert run("doctor", "--lake", path).exit_code == 0


def test_a_foreign_commit_is_adopted_or_rolled_back(path: Path, run: Run) -> None:
    with foreign_table(path, "prices") as table:
        table.append(table.scan().to_arrow())
    adopt = ("doctor", "--lake", path, "--adopt", "prices")
    named = ("--release", "C", "--as-of", AS_OF)

    assert "foreign_commit  prices" in run("doctor", "--lake", path).stdout
    half = run(*adopt)
    assert half.exit_code == 1
    assert (
        "--adopt TABLE, --release NAME and --as-of INSTANT go together" in half.stderr
    )
    refused = run(*adopt, *named)
    assert refused.exit_code == 1
    assert "9 of the rows that were appended are in the lake" in refused.stderr
    both = run("doctor", "--lake", path, "--roll-back", "prices", "--restore")
    assert "give one at a time" in both.stderr
    rolled = run("doctor", "--lake", path, "--roll-back", "prices", "--json")
    assert json.loads(rolled.stdout)[0]["done"].startswith("table prices: rolled back")

    with foreign_table(path, "prices") as table:
        rows = table.scan().to_arrow().slice(0, 3)
        place = rows.schema.get_field_index("symbol")
        symbols = pa.array(["S1", "S2", "S3"])
        table.append(rows.set_column(place, rows.schema.field(place), symbols))
    adopted = run(*adopt, *named)
    assert adopted.stdout == "table prices: 3 new rows are release C\n"
    assert run("doctor", "--lake", path).exit_code == 0


def test_orphans_are_removed(path: Path, run: Run) -> None:
    orphan = path / "warehouse/quant/prices/data/x.parquet"
    orphan.write_bytes(b"12345")
    os.utime(orphan, (0, 0))
    kept = files(path) - {orphan}

    removed = run("doctor", "--lake", path, "--remove-orphans")

    assert removed.stdout == "table prices: 1 file, 5 bytes, are gone\n"
    assert files(path) == kept
    again = run("doctor", "--lake", path, "--remove-orphans")
    assert again.stdout == "There was nothing to do.\n"


def test_a_lake_that_cannot_be_opened_is_diagnosed(path: Path, run: Run) -> None:
    with foreign_table(path, "releases") as table:
        name = table.metadata_location.rsplit("/", maxsplit=1)[-1]
    (path / "warehouse/quant/releases/metadata" / name).unlink()

    ill = run("doctor", "--lake", path)

    assert ill.exit_code == 1
    assert ill.stdout.startswith("table_unreadable  releases\n")
    assert name in "".join(ill.stdout.split())
    assert "cure: Restore the lake from a backup" in ill.stdout


def test_commands_that_keep_make_no_lake(tmp_path: Path, run: Run) -> None:
    for command in ("doctor", "retain"):
        failed = run(command, "--lake", tmp_path / "none")
        assert failed.exit_code == 1
        assert "does not exist" in failed.stderr
    assert not (tmp_path / "none").exists()
