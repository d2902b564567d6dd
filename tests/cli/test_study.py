from __future__ import annotations

import inspect
import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from lakebt.backtest.costs import CostModel
from lakebt.cli.output import plain, records
from lakebt.cli.rule_options import ENTRIES as ENTRIES_SHOWN
from lakebt.cli.rule_options import EXITS as EXITS_SHOWN
from lakebt.cli.study import study
from lakebt.lake.lake import Lake
from lakebt.study.arguments import ENTRIES, EXITS
from lakebt.study.report import contents
from lakebt.study.study import Study

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from tests.cli.conftest import Run

STUDY = ("study", "--release", "SIM", "--index", "SIM")
UPCOMING = ("upcoming", *STUDY[1:], "--entries", "ED@close,MD+1@open", "--exits", "1w")
SMALL = (*STUDY, "--entries", "AD@close,AD+1@open", "--exits", "+1,1w")


def rows_of(text: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(text)
    return rows


def test_json_is_the_result_s_own_table(lake: Path, run: Run) -> None:
    shown = run(*SMALL, "--lake", lake, "--json")

    result = Study(
        Lake.open(lake, create=False).at("SIM"),
        index="SIM",
        entries=["AD@close", "AD+1@open"],
        exits=["+1", "1w"],
    ).run()
    rows = rows_of(shown.stdout)
    portfolios = [row.pop("stats") for row in rows]
    assert rows == [plain(row) for row in records(result.table())]
    for row, portfolio in zip(rows, portfolios, strict=True):
        own = result.stats(entry=row["entry"], exit=row["exit"])["value"]
        assert portfolio == plain(own.to_dict())
    assert shown.stderr == ""


def test_the_surface_is_shown_with_its_reasons_and_its_best_cell(
    lake: Path, run: Run
) -> None:
    shown = run(*SMALL, "--lake", lake)

    told = " ".join(shown.stdout.split())
    assert "SIM: 6 events" in told
    assert "2 cells: needs a fact that was not yet known" in told
    assert "6 of 6 events run" in told
    assert told.startswith("Simulated: no market made these numbers. Release SIM says")
    assert "Too few dates to call a rule the best (6 of at least 10)." in told
    assert "The highest Sharpe ratio is to enter at AD+1@open" in told
    assert "over 6 events on 6 dates" in told
    assert max(map(len, shown.stdout.splitlines()[:-1])) <= 80, "but for a command"


def test_significance_is_a_sentence_and_a_table(lake: Path, run: Run) -> None:
    shown = run(*SMALL, "--lake", lake, "--significance")
    rows = rows_of(run(*SMALL, "--lake", lake, "--significance", "--json").stdout)
    plain_rows = rows_of(run(*SMALL, "--lake", lake, "--json").stdout)

    result = Study(
        Lake.open(lake, create=False).at("SIM"),
        index="SIM",
        entries=["AD@close", "AD+1@open"],
        exits=["+1", "1w"],
    ).run(record=False)
    judged = result.significance()
    text = " ".join(shown.stdout.split())
    assert judged.sentence in text
    assert text.index(judged.sentence) < text.index("p of all")
    assert "p_family" not in plain_rows[0]
    assert [row["p_family"] for row in rows] == [
        row["p_family"] for row in records(plain_frame(judged.table()))
    ]
    for row, own in zip(rows, plain_rows, strict=True):
        assert {name: row[name] for name in own} == own


@pytest.mark.slow
def test_hindsight_comes_last_and_says_what_it_is(lake: Path, run: Run) -> None:
    shown = run(*SMALL, "--lake", lake, "--hindsight")
    rows = rows_of(run(*SMALL, "--lake", lake, "--hindsight", "--json").stdout)

    text = " ".join(shown.stdout.split())
    told = "Looks ahead: AD@close to "
    assert text.index("6 of 6 events run") < text.index(told)
    assert "which nobody could earn" in text
    assert len(rows) == 2 * 2 * 3 * 2
    assert sum(not row["looks_ahead"] for row in rows) == 4
    assert all(row["mean_bps"] is None or row["n_events"] for row in rows)


def plain_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with None where a number is missing, as JSON has it."""
    return frame.astype(object).where(frame.notna(), None)


def test_a_calendar_portfolio_says_how_much_overlaps(lake: Path, run: Run) -> None:
    shown = run(*SMALL, "--lake", lake, "--aggregate", "calendar")

    told = " ".join(shown.stdout.split())
    assert "6 of 6 events run; at most " in told
    assert "open at once, " in told


def test_a_look_ahead_that_is_allowed_is_told_first(lake: Path, run: Run) -> None:
    shown = run(*SMALL, "--lake", lake, "--on-look-ahead", "allow")

    assert shown.stdout.startswith("Not point in time: 12 of 24 cells used a fact")


@pytest.mark.slow
def test_a_report_is_written_beside_the_table(
    lake: Path, run: Run, tmp_path: Path
) -> None:
    report = tmp_path / "report.html"

    shown = run(*SMALL, "--lake", lake, "--report", report)

    assert f"Report: {report}" in shown.stdout
    assert report.stat().st_size > 1_000


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {
            "entries": ["AD+1@open", "2010-04-05@open"],
            "exits": ["+1", "+0@close", "ED-1@close", "2w@open"],
            "where": {"side": ["addition"], "index": "SIM"},
            "side": "additions",
            "hedge": "MKT",
            "gross": 1.5,
            "max_gross": 3.0,
            "capital_usd": 250_000.0,
            "missing": "drop_leg",
            "aggregate": "calendar",
            "costs": CostModel(
                commission_bps=1.0, half_spread_bps=2.5, borrow_bps_per_year=50.0
            ),
            "period": ("2010-01-04", "2012-12-31"),
            "size": (1, 9),
            "weighting": "leg",
            "max_weight": 0.5,
            "on_look_ahead": "allow",
            "min_lead": "90s",
        },
    ],
    ids=["defaults", "everything set"],
)
@pytest.mark.parametrize("as_of", [None, "2010-06-01T20:00:00Z"])
def test_the_command_in_a_report_gives_the_same_table(
    arguments: dict[str, Any], as_of: str | None, lake: Path, run: Run
) -> None:
    view = Lake.open(lake, create=False).at("SIM", as_of=as_of)
    result = Study(view, index="SIM", **arguments).run()
    program, *words = shlex.split(contents(result.traded).command)

    shown = run(*words, "--lake", lake, "--json")

    assert program == "lakebt"
    assert shown.exit_code == 0, shown.stderr
    rows = rows_of(shown.stdout)
    portfolios = [row.pop("stats") for row in rows]
    assert rows == [plain(row) for row in records(result.table())]
    for row, portfolio in zip(rows, portfolios, strict=True):
        own = result.stats(entry=row["entry"], exit=row["exit"])["value"]
        assert portfolio == plain(own.to_dict())


def test_every_argument_of_a_study_has_an_option() -> None:
    elsewhere = {"self", "view", "changes", "costs"}
    wanted = set(inspect.signature(Study.__init__).parameters) - elsewhere
    wanted |= {"release", "as_of", "engine", *CostModel.RATES}

    assert wanted <= set(inspect.signature(study).parameters)


def test_defaults_are_those_of_a_study() -> None:
    ours = inspect.signature(study).parameters
    theirs = inspect.signature(Study.__init__).parameters

    assert tuple(ENTRIES_SHOWN.split(", ")) == ENTRIES
    assert tuple(EXITS_SHOWN.split(", ")) == EXITS
    for name in ours.keys() & theirs.keys() - {"entries", "exits", "index"}:
        assert ours[name].default == theirs[name].default, name


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--entries", "AD+1"], "entry 'AD+1' does not say when"),
        (["--entries", ","], "entries is empty"),
        (["--exits", "soon"], "exit 'soon' is not a rule"),
        (["--exits", "+1,+1"], "'+1' is given twice"),
        (
            ["--where", "causes=merger"],
            "unknown column 'causes'. Did you mean 'cause'?",
        ),
        (["--where", "cause"], "--where 'cause' is not NAME=VALUE"),
        (["--where", "cause=merger"], "matches --where cause=merger"),
        (["--side", "long"], "unknown side 'long'"),
        (["--engine", "zipline"], "unknown engine 'zipline'"),
        (["--missing", "skip"], "unknown missing 'skip'"),
        (["--aggregate", "mean"], "unknown aggregate 'mean'"),
        (["--on-look-ahead", "hide"], "unknown --on-look-ahead 'hide'"),
        (["--gross", "3"], "--gross 3 is above --max-gross 2"),
        (["--commission-bps", "-1"], "--commission-bps must be a finite number"),
        (["--borrow-bps-per-year", "nan"], "was nan"),
        (["--capital-usd", "0"], "--capital-usd must be a finite number > 0"),
        (["--min-lead", "soon"], "--min-lead 'soon' is not a duration"),
        (["--min-lead", "10"], "--min-lead '10' has no unit: write"),
        (["--hedge", "NOPE"], "hedge 'NOPE' has no prices"),
        (["--as-of", "2010-06-01"], "2010-06-01"),
        (["--as-of", "2009-01-01T00:00:00Z"], "the earliest known_at is 2010"),
        (["--index", "SP50O"], "unknown index 'SP50O'"),
        (["--release", "SIMS"], "unknown release 'SIMS'. Did you mean 'SIM'?"),
        (["--entries", "AD@close", "--on-look-ahead", "raise"], "known at 2010-"),
        (["--entries", "ED@close", "--exits", "ED-1@close"], "comes after its entry"),
    ],
)
def test_bad_input_is_one_line(
    words: list[str], told: str, lake: Path, run: Run
) -> None:
    wrong = run(*STUDY, "--lake", lake, *words)

    assert wrong.exit_code == 1
    assert wrong.stdout == ""
    assert told in wrong.stderr
    assert wrong.stderr.startswith("error: ")
    assert wrong.stderr.count("\n") == 1


@pytest.mark.slow
def test_on_real_data_the_announcement_s_own_close_is_never_traded(
    realdata: Path, tmp_path: Path, run: Run
) -> None:
    lake = ("--lake", tmp_path / "lake")
    run(
        *("publish", f"index_changes={realdata / 'events.csv'}"),
        *(f"prices={realdata / 'prices.parquet'}", "--release", "R1"),
        *("--format", "rebalances", "--format", "prices"),
        *("--as-of", "2026-06-30T00:00:00Z", *lake),
    )

    shown = run(
        *("study", "--release", "R1", "--index", "SP500", "--json", *lake),
        *("--entries", "AD@close", "--exits", "+1"),
    )

    (row,) = rows_of(shown.stdout)
    assert row["sharpe"] is None
    assert row["n_events"] == 0
    assert row["n_refused"] > 200


def test_orders_to_come_are_printed_with_their_deadlines(lake: Path, run: Run) -> None:
    view = Lake.open(lake, create=False).at("SIM")
    changes = view.read("index_changes")
    at = changes["announced"].iloc[-1].isoformat()
    asked = (*UPCOMING, "--lake", lake, "--as-of", at)
    orders = Study(
        Lake.open(lake, create=False).at("SIM", as_of=at),
        index="SIM",
        entries=["ED@close", "MD+1@open"],
        exits=["1w"],
    ).upcoming()
    due = orders[orders["status"] == "due"]

    assert rows_of(run(*asked, "--json").stdout) == [
        {name: plain(value) for name, value in row.items()} for row in records(orders)
    ]
    said = run(*asked).stdout
    assert f"{len(due)} orders are due, as known at" in said
    assert due["deadline"].iloc[0].strftime("%Y-%m-%d %H:%M") in said
    assert "waiting" in said
    over = run(*UPCOMING[:-4], "--entries", "ED@close", "--exits", "+1", "--lake", lake)
    assert over.stdout.startswith("Nothing is to come, as known at")
