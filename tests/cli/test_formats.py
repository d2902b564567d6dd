from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lakebt.cli.format_options import taken
from lakebt.cli.options import open_lake
from lakebt.sources.corporate.yahoo import YahooActions

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run


def test_formats_lists_what_is_read_and_had(run: Run) -> None:
    told = run("formats", "--json")
    by_name = {each["name"]: each for each in json.loads(told.stdout)}

    assert by_name["edgar"]["extra"] == "sec"
    assert by_name["yahoo"]["fetches"]
    assert not by_name["ours"]["fetches"]
    assert [each["option"] for each in by_name["nport"]["options"]] == [
        *("--known-at", "--fund", "--index", "--symbols"),
    ]
    assert "corporate_actions" in run("formats").stdout


def test_formats_tells_the_options_of_one(run: Run) -> None:
    told = run("formats", "yahoo").stdout

    assert "--symbols" in told
    assert "lakebt fetch yahoo FOLDER" in told
    assert "Did you mean 'yahoo'" in run("formats", "yaho").stderr


def test_fetch_asks_with_what_was_typed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def fetch(
        self: YahooActions,  # noqa: ARG001 - in its place
        folder: str,
        *,
        symbols: list[str],
    ) -> None:
        """Keep what is asked.

        Parameters
        ----------
        symbols
            As Yahoo has them.
        """
        asked.extend((folder, symbols))

    monkeypatch.setattr(YahooActions, "fetch", fetch)
    fetch.__annotations__["symbols"] = "Iterable[str]"

    done = run("fetch", "yahoo", tmp_path / "new", "--symbols", "AAPL,KO")

    assert done.exit_code == 0, done.stderr
    assert asked == [str(tmp_path / "new"), ["AAPL", "KO"]]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["fetch", "ours", "x"], "format 'ours' has nothing to fetch"),
        (["fetch", "yahoo", "x"], "lakebt fetch yahoo needs --symbols"),
        (
            ["fetch", "yahoo", "x", "--ref", "master"],
            "unknown option of lakebt fetch yahoo 'ref'",
        ),
        (["fetch", "yaho", "x"], "unknown format 'yaho'. Did you mean 'yahoo'?"),
    ],
)
def test_a_wrong_fetch_is_one_line(words: list[str], told: str, run: Run) -> None:
    done = run(*words)

    assert done.exit_code == 1
    assert told in " ".join(done.stderr.split())


def test_an_option_of_a_format_is_taken_wherever_it_stands() -> None:
    class Flag:
        opts = ("--json",)
        secondary_opts = ()
        is_flag = True

    class Text:
        opts = ("--note",)
        secondary_opts = ()
        is_flag = False

    words = [
        "a=b",
        "--symbols",
        "X=Y",
        "--json",
        "--note",
        "--symbols",
        "--symbols=Z=W",
    ]

    assert taken(words, [Flag(), Text()]) == (
        ["a=b", "--json", "--note", "--symbols"],
        {"symbols": ["X=Y", "Z=W"]},
    )
    assert taken(["--", "--symbols"], []) == (["--", "--symbols"], {})
    assert taken(["--nothing", "--symbols"], []) == (["--nothing", "--symbols"], {})


def test_an_option_for_another_format_is_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a\n1\n")
    words = ("--release", "R", "--as-of", "2022-11-28T20:50:55Z")

    done = run("publish", f"prices={tmp_path}/x.csv", *words, "--symbols", "A=B")

    assert done.exit_code == 1
    assert "means nothing for format 'ours'" in " ".join(done.stderr.split())


def test_a_cure_is_told_as_it_is_typed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "PVH.csv").write_text("Date,Open,High,Low,Close\n2022-09-02,1,2,1,1\n")
    words = (
        *("--format", "csv-folder", "--release", "R"),
        *("--as-of", "2022-11-28T20:50:55Z", "--lake", str(tmp_path / "lake")),
    )

    done = run("publish", f"prices={tmp_path}", *words)
    better = run("publish", f"prices={tmp_path}", *words, "--basis", "raw")

    assert "pass --basis raw, --basis split_adjusted or" in " ".join(
        done.stderr.split()
    )
    assert better.exit_code == 0, better.stderr


def test_an_option_goes_to_the_table_that_it_names(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bars").mkdir()
    bars = "Date,Open,High,Low,Close\n2022-09-16,1,2,1,1\n"
    for symbol in ("BRK-B", "PVH"):
        (tmp_path / "bars" / f"{symbol}.csv").write_text(bars)
    (tmp_path / "SP500.csv").write_text(
        "Date,Added Ticker,Removed Ticker\n2022-09-19,BRK.B,PVH\n"
    )
    words = (
        *("publish", f"prices={tmp_path}/bars", f"index_changes={tmp_path}/SP500.csv"),
        *("--format", "csv-folder", "--format", "wikipedia", "--basis", "raw"),
        *("--release", "R", "--as-of", "2022-11-28T20:50:55Z"),
    )
    lake = ("--lake", str(tmp_path / "lake"))

    done = run(*words, *lake, "--symbols", "index_changes:BRK.B=BRK-B")
    kept = run("rows", "index_changes", "--release", "R", "--json", *lake)

    assert done.exit_code == 0, done.stderr
    assert {row["symbol"] for row in json.loads(kept.stdout)} == {"BRK-B", "PVH"}


@pytest.mark.slow
def test_publish_reads_with_the_lake_s_exchange(run: Run, tmp_path: Path) -> None:
    (tmp_path / "sp500.csv").write_text(
        "ticker,start_date,end_date\nA,2022-01-03,\nB,2022-09-19,\n"
    )
    lake = ("--lake", tmp_path / "lake")
    asked = (f"index_changes={tmp_path / 'sp500.csv'}", "--format", "membership")
    first = ("--release", "R1", "--as-of", "2023-01-01T00:00Z", "--exchange", "XTKS")

    assert run("publish", *asked, *first, *lake).exit_code == 0
    # The second time nobody says it: the lake has it.
    again = (tmp_path / "sp500.csv").read_text().replace("2022-09-19", "2022-09-20")
    (tmp_path / "sp500.csv").write_text(again)
    second = ("--release", "R2", "--as-of", "2023-01-01T00:00Z")
    done = run("publish", *asked, *second, *lake)

    assert done.exit_code == 0, done.output
    frame = open_lake(tmp_path / "lake", None).at("R2").read("index_changes")
    # Where the exchange is, the day before ends at 15:00 UTC.
    assert {str(each) for each in frame["known_at"]} == {
        f"2022-09-{day} 14:59:59.999999+00:00" for day in (18, 19)
    }
