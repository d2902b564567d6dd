from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lakebt.lake.lake import Lake
from lakebt.lake.tables.schemas import SPECS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

pytestmark = pytest.mark.lake

COLUMNS = (
    *("--column", "symbol=text", "--column", "period=text"),
    *("--column", "announced=instant", "--column", "value=text?"),
    *("--column", "eps_usd=number?", "--column", "confirmed=flag?"),
)
DECLARE = ("declare", "earnings", "--key", "symbol,period", *COLUMNS)
CALENDAR = """symbol,period,announced,value,eps_usd,confirmed
AAA,2022Q3,2022-09-01T12:00:00Z,7,1.5,true
BBB,2022Q3,2022-09-02,,,
"""
LATER = """symbol,period,announced,value,eps_usd,retracted
AAA,2022Q3,2022-09-12T12:00:00Z,7,1.75,
BBB,2022Q3,2022-09-12T12:00:00Z,,,true
"""


@pytest.fixture
def at(tmp_path: Path) -> tuple[str, str]:
    return ("--lake", str(tmp_path / "lake"))


@pytest.fixture
def published(run: Run, at: tuple[str, str], tmp_path: Path) -> tuple[str, str]:
    """A declared table with two releases of files in it."""
    assert run(*DECLARE, "--known-at", "announced", *at).exit_code == 0
    for release, text in (("R1", CALENDAR), ("R2", LATER)):
        file = tmp_path / f"{release}.csv"
        file.write_text(text, encoding="utf-8")
        done = run(
            *("publish", f"earnings={file}", "--release", release),
            *("--as-of", "2022-09-30T00:00:00Z", *at),
        )
        assert done.exit_code == 0, done.output
    return at


def test_a_table_is_declared_and_listed(run: Run, at: tuple[str, str]) -> None:
    done = run(*DECLARE, "--known-at", "announced", *at)
    again = run(*DECLARE, "--known-at", "announced", "--order", "symbol,period", *at)
    listed = run("tables", *at)
    rows = json.loads(run("tables", "--json", *at).output)

    assert (
        done.output
        == again.output
        == "Table earnings: 8 columns, key symbol, period.\n"
    )
    assert [row["name"] for row in rows] == [*SPECS, "earnings"]
    assert rows[-1] == {
        "name": "earnings",
        "key": ["symbol", "period"],
        "columns": {
            "symbol": "text",
            "period": "text",
            "announced": "instant",
            "value": "text?",
            "eps_usd": "number?",
            "confirmed": "flag?",
            "known_at": "instant",
            "retracted": "flag",
        },
        "rows": 0,
        "declared": True,
    }
    assert "eps_usd number?" in " ".join(listed.output.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("declare", "x", "--key", "b", "--column", "a=text"), "for the key 'b'"),
        (("declare", "x", "--key", "a", "--column", "a=words"), "cannot hold 'words'"),
        (("declare", "prices", "--key", "a", "--column", "a=text"), "is reserved"),
        (("declare", "x", "--key", "a", "--column", "a"), "is not NAME=VALUE"),
        (
            ("declare", "x", "--key", "a", "--column", "a=text", "--column", "a=date"),
            "--column a is given twice, as text and as date",
        ),
    ],
)
def test_a_declaration_that_cannot_be_used_makes_no_lake(
    run: Run, at: tuple[str, str], tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    done = run(*words, *at)

    assert done.exit_code == 1
    assert message in done.stderr
    assert not (tmp_path / "lake").exists()


def test_a_file_of_a_declared_table_is_read_by_its_kinds(
    published: tuple[str, str],
) -> None:
    found = Lake.open(published[1]).at("R1").read("earnings")

    # `value` is a number in no table of ours, and a text in this one.
    assert found["value"].tolist()[0] == "7"
    assert found["eps_usd"].tolist()[0] == 1.5
    assert found["confirmed"].tolist() == [True, None]
    assert str(found["known_at"][1]) == "2022-09-03 03:59:59.999999+00:00"


def test_constants_of_a_declared_table_are_read_by_its_kinds(
    run: Run, at: tuple[str, str], tmp_path: Path
) -> None:
    run(*DECLARE, "--known-at", "announced", *at)
    file = tmp_path / "short.csv"
    file.write_text("symbol,announced\nAAA,2022-09-01\n", encoding="utf-8")

    done = run(
        *("publish", f"earnings={file}", "--release", "R1"),
        *("--as-of", "2022-09-30T00:00:00Z", *at),
        *("--set", "period=2022Q3", "--set", "eps_usd=2", "--set", "value=2"),
    )

    assert done.exit_code == 0, done.output
    found = Lake.open(at[1]).at("R1").read("earnings")
    assert found[["eps_usd", "value"]].to_numpy().tolist() == [[2.0, "2"]]


def test_a_table_nobody_declared_is_an_error(
    run: Run, at: tuple[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "calendar.csv"
    file.write_text(CALENDAR, encoding="utf-8")

    done = run(
        *("publish", f"earnings={file}", "--release", "R1"),
        *("--as-of", "2022-09-30T00:00:00Z", *at),
    )

    assert done.exit_code == 1
    assert "unknown table 'earnings'" in done.stderr
    assert not (tmp_path / "lake").exists()


def test_vintages_are_shown_and_told_as_json(
    run: Run, published: tuple[str, str]
) -> None:
    words = ("vintages", "earnings", "AAA", "2022Q3", "--release", "R2", *published)

    shown = run(*words).output
    rows = json.loads(run(*words, "--json").output)

    assert "earnings AAA, 2022Q3, 2 vintages" in shown
    assert "eps_usd" in shown
    assert "period" not in shown  # it is the same in both
    assert [(row["eps_usd"], row["in_force"]) for row in rows] == [
        (1.5, False),
        (1.75, True),
    ]
    assert rows[1]["changed"] == ["announced", "eps_usd", "confirmed"]


def test_a_fact_that_was_not_yet_known_has_no_vintage_to_show(
    run: Run, published: tuple[str, str]
) -> None:
    early = ("--as-of", "2022-09-01T20:00:00Z")

    done = run(
        "vintages", "earnings", "BBB", "2022Q3", "--release", "R2", *early, *published
    )
    unknown = run(
        "vintages", "earnings", "BBC", "2022Q3", "--release", "R2", *published
    )

    assert done.exit_code == 1
    assert "unknown key of earnings '(BBB, 2022Q3)'" in done.stderr
    assert unknown.exit_code == 1
    assert "Did you mean '(BBB, 2022Q3)'?" in unknown.stderr


@pytest.mark.slow
def test_a_lake_that_is_declared_into_keeps_the_exchange_it_is_made_with(
    run: Run, at: tuple[str, str], tmp_path: Path
) -> None:
    declare = (*DECLARE, "--known-at", "announced", *at)
    file = tmp_path / "calendar.csv"
    file.write_text(CALENDAR, encoding="utf-8")

    made = run(*declare, "--exchange", "XTKS")
    again, other = run(*declare), run(*declare, "--exchange", "XNYS")
    sent = ("--release", "R1", "--as-of", "2022-09-30T00:00:00Z", *at)
    told = run("publish", f"earnings={file}", *sent)

    assert (made.exit_code, again.exit_code, told.exit_code) == (0, 0, 0)
    assert other.exit_code != 0
    assert "XTKS" in other.output
    rows = Lake.open(tmp_path / "lake").at("R1").read("earnings")
    # The day of BBB ends in Tokyo, nine hours ahead of UTC all year.
    assert rows["known_at"].astype(str).tolist() == [
        "2022-09-01 12:00:00.000000+00:00",
        "2022-09-02 14:59:59.999999+00:00",
    ]


def test_a_lake_is_not_made_for_an_exchange_that_is_none(
    run: Run, at: tuple[str, str], tmp_path: Path
) -> None:
    done = run(*DECLARE, "--known-at", "announced", *at, "--exchange", "XTOKYO")

    assert done.exit_code != 0
    assert "XTOKYO" in done.output
    assert not (tmp_path / "lake").exists()


def test_days_without_trading_are_kept_by_a_declaration_too(
    run: Run, at: tuple[str, str], tmp_path: Path
) -> None:
    done = run(*DECLARE, *at, "--exchange", "XHKG", "--closed", "2022-09-06")
    bars = "symbol,session,open,high,low,close,basis\nAAA,2022-09-0{},1,1,1,1,raw\n"

    assert done.exit_code == 0
    for day, is_session in ((6, False), (7, True)):
        file = tmp_path / f"{day}.csv"
        file.write_text(bars.format(day), encoding="utf-8")
        sent = ("--release", f"R{day}", "--as-of", "2022-09-30T00:00:00Z", *at)
        told = run("publish", f"prices={file}", *sent)
        assert (told.exit_code == 0) == is_session, told.output


def test_prices_are_clustered_by_a_command(run: Run, at: tuple[str, str]) -> None:
    lake = Lake.open(at[1])
    tried = run("cluster", "symbol", "--dry-run", *at)
    assert "would lie by symbol" in tried.output
    for before in ("session", "symbol"):
        done = run("cluster", "symbol", "--json", *at)
        told = {"before": before, "after": "symbol", "dry_run": False}
        assert json.loads(done.output) == [told]
    assert "nothing to do" in run("cluster", "symbol", *at).output
    assert str(lake.cluster_prices(by="session")).startswith("New files of prices lie")
    wrong = run("cluster", "close", *at)
    assert wrong.exit_code == 1
    assert "'close'" in wrong.stderr
