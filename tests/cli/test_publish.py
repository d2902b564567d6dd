from __future__ import annotations

import datetime as dt
import json
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from lakebt.cli.publish import publish
from lakebt.lake.lake import Lake
from lakebt.lake.publishing import publication
from lakebt.lake.publishing.audits import bars
from lakebt.sources.formats import FORMATS

if TYPE_CHECKING:
    from lakebt.lake.committing.ledger import Release
    from tests.cli.conftest import Run, RunProcess

CHANGES = """index,symbol,side,announced,effective
SP500,PENN,deletion,2022-09-02,2022-09-19
SP500,INVH,addition,2022-09-02,2022-09-19
"""
BARS = """date,symbol,open,high,low,close,source
2022-09-06,PENN,31.66,32.00,31.00,31.50,somewhere
2022-09-07,PENN,31.60,33.00,31.00,32.50,somewhere
"""
REBALANCES = """index_name,announcement_date,effective_date,added,removed,reason
S&P 500,2022-09-02,2022-09-19,INVH,PENN,
S&P 500,,2010-03-01,HP,RX,taken private
"""
NPORT = """<?xml version="1.0"?>
<edgarSubmission xmlns="http://www.sec.gov/edgar/nport">
 <headerData><submissionType>NPORT-P</submissionType></headerData>
 <formData>
  <genInfo><seriesName>Index Fund</seriesName><seriesId>S000000001</seriesId>
   <repPdDate>2022-09-30</repPdDate></genInfo>
  <invstOrSecs>
   <invstOrSec><name>Camden</name>
    <identifiers><isin value="US1331311027"/><ticker value="CPT"/></identifiers>
    <balance>10</balance><units>NS</units><valUSD>1000</valUSD><pctVal>0.5</pctVal>
   </invstOrSec>
   <invstOrSec><name>Cash</name><identifiers/>
    <balance>1</balance><units>NS</units><valUSD>1</valUSD><pctVal>0.1</pctVal>
   </invstOrSec>
  </invstOrSecs>
 </formData>
</edgarSubmission>
"""
AS_OF = ("--release", "R1", "--as-of", "2022-12-31T00:00:00Z")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name, text in {
        "changes.csv": CHANGES,
        "bars.csv": BARS,
        "rebalances.csv": REBALANCES,
        "primary_doc.xml": NPORT,
    }.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_files_become_one_release(files: Path, run: Run) -> None:
    pd.read_csv(files / "bars.csv").drop(columns="source").to_parquet(
        files / "bars.parquet"
    )

    done = run(
        *("publish", f"index_changes={files / 'changes.csv'}"),
        *(f"prices={files / 'bars.parquet'}", *AS_OF, "--lake", files / "lake"),
        *("--map", "prices:date=session", "--set", "prices:basis=raw"),
        *("--note", "by hand", "--label", "regime=calm"),
    )

    assert done.exit_code == 0, done.stderr
    assert "index_changes: 2 rows from 2 read" in done.stdout
    assert "Published release R1: 4 rows in" in done.stdout
    releases = Lake.open(files / "lake", create=False).releases()
    assert releases["note"].item() == "by hand"
    assert releases["labels"].item() == {"regime": "calm"}
    assert sorted(releases["tables"].item()) == ["index_changes", "prices"]


def test_what_is_dropped_is_counted_with_its_reason(files: Path, run: Run) -> None:
    done = run(
        *("publish", f"index_changes={files / 'rebalances.csv'}", *AS_OF),
        *("--format", "rebalances", "--lake", files / "lake"),
    )

    told = " ".join(done.stdout.split())
    assert "2 rows from 2 read" in told
    assert "1 row without an announcement date" in told
    assert "columns left out: reason" in told


def test_json_has_a_row_for_each_file(files: Path, run: Run) -> None:
    done = run(
        *("publish", f"index_changes={files / 'rebalances.csv'}"),
        *(f"prices={files / 'bars.csv'}", *AS_OF, "--lake", files / "lake", "--json"),
        *("--format", "rebalances", "--set", "prices:basis=raw"),
        *("--map", "prices:date=session", "--leave-out", "prices:source"),
    )

    changes, prices = json.loads(done.stdout)
    assert changes["table"] == "index_changes"
    assert (changes["read"], changes["rows"]) == (2, 2)
    assert list(changes["dropped"].values()) == [1]
    assert prices["left_out"] == ["source"]
    assert prices["is_new"]
    assert prices["as_of"] == "2022-12-31T00:00:00+00:00"


def test_a_folder_of_corporate_actions_is_read_as_a_whole(
    tmp_path: Path, run: Run
) -> None:
    (tmp_path / "lean" / "factor_files").mkdir(parents=True)
    (tmp_path / "lean" / "map_files").mkdir()
    factors = "20150102,0.99,0.3333,90\n20150601,0.99,0.3333,100\n20501231,1,1,0\n"
    (tmp_path / "lean" / "factor_files" / "new.csv").write_text(factors)
    (tmp_path / "lean" / "map_files" / "new.csv").write_text(
        "20150102,old\n20501231,old"
    )
    lean = ("publish", f"corporate_actions={tmp_path / 'lean'}", "--format", "lean")

    done = run(*lean, *AS_OF, "--lake", tmp_path / "lake")

    assert done.exit_code == 0, done.stderr
    told = " ".join(done.stdout.split())
    assert "corporate_actions: 2 rows from 5 read; note: ratios that became" in told
    assert "OLD 2015-06-02 3.0003 is 3" in told
    (row,) = json.loads(
        run(*lean, *AS_OF, "--lake", tmp_path / "lake", "--json").stdout
    )
    assert row["file"].endswith("lean")
    assert len(row["noted"]) == 1
    actions = Lake.open(tmp_path / "lake").at("R1").read("corporate_actions")
    assert actions["kind"].tolist() == ["cash_dividend", "split"]


def test_an_option_that_means_nothing_for_a_format_is_refused(
    tmp_path: Path, run: Run
) -> None:
    done = run(
        *("publish", f"corporate_actions={tmp_path}", "--format", "yahoo", *AS_OF),
        *("--lake", tmp_path / "lake", "--map", "a=b"),
    )

    assert done.exit_code != 0
    assert "means nothing for format 'yahoo': omit it" in " ".join(done.stderr.split())


def test_a_filing_needs_its_acceptance_time(files: Path, run: Run) -> None:
    filing = ("publish", f"etf_holdings={files / 'primary_doc.xml'}", *AS_OF)

    wrong = run(*filing, "--lake", files / "lake")
    done = run(
        *(*filing, "--known-at", "2022-11-28T15:50:55-05:00", "--fund", "SPY"),
        *("--index", "SP500", "--lake", files / "lake"),
    )

    assert wrong.stderr.startswith("error: primary_doc.xml: pass known_at")
    assert done.exit_code == 0, done.stderr
    assert "1 row from 2 read; dropped: 1 holding without an ISIN" in " ".join(
        done.stdout.split()
    )
    held = Lake.open(files / "lake", create=False).at("R1").read("etf_holdings")
    assert held["fund"].item() == "SPY"
    assert held["index"].item() == "SP500"
    assert held["known_at"].item() == pd.Timestamp("2022-11-28T20:50:55Z")


def test_what_a_filing_needs_is_not_asked_of_other_files(files: Path, run: Run) -> None:
    done = run(
        *("publish", f"etf_holdings={files / 'primary_doc.xml'}"),
        *(f"index_changes={files / 'changes.csv'}", *AS_OF, "--lake", files / "lake"),
        *("--known-at", "2022-11-28T15:50:55-05:00"),
    )

    assert done.exit_code == 0, done.stderr


def test_several_files_may_go_into_one_table(files: Path, run: Run) -> None:
    (files / "more.csv").write_text(CHANGES.replace("P", "Q"), encoding="utf-8")

    done = run(
        *("publish", f"index_changes={files / 'changes.csv'}"),
        *(f"index_changes={files / 'more.csv'}", *AS_OF, "--lake", files / "lake"),
    )

    assert done.exit_code == 0, done.stderr
    assert "Published release R1: 4 rows" in done.stdout


def test_the_same_again_changes_nothing(files: Path, run: Run) -> None:
    command = ("publish", f"index_changes={files / 'changes.csv'}", *AS_OF)
    run(*command, "--lake", files / "lake")

    again = run(*command, "--lake", files / "lake")
    told = run(*command, "--lake", files / "lake", "--json")

    assert again.exit_code == 0
    assert "nothing was written" in " ".join(again.stdout.split())
    assert [row["is_new"] for row in json.loads(told.stdout)] == [False]


def test_the_help_names_the_command_that_lists_every_format(run: Run) -> None:
    option = publish.__annotations__["file_format"]
    listed = json.loads(run("formats", "--json").stdout)

    assert "lakebt formats" in option
    assert [each["name"] for each in listed] == list(FORMATS)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["prices"], "TABLE=FILE: 'prices' is not NAME=VALUE"),
        (["index_changes=nowhere.csv"], "nowhere.csv does not exist"),
        (["index_changes=changes.txt"], "neither .csv nor .parquet"),
        (["nonsense=changes.csv"], "unknown table 'nonsense'"),
        (["index_changes=changes.csv", "--format", "price"], "unknown format 'price'"),
        (
            ["index_changes=changes.csv", "--format", "prices"],
            "--format prices is for table 'prices', which no file is given for",
        ),
        (
            ["index_changes=changes.csv", "--format", "index_changes=prices"],
            "format 'prices' fills table 'prices', not 'index_changes'",
        ),
        (
            ["index_changes=changes.csv", "--map", "day=session"],
            "unknown column of changes.csv 'day'",
        ),
        (["index_changes=changes.csv", "--map", "day"], "--map 'day' is not NAME=VA"),
        (["index_changes=changes.csv", "--set", "side=x"], "would overwrite a column"),
        (
            ["index_changes=changes.csv", "--fund", "SPY"],
            "--fund SPY means nothing for format 'ours'",
        ),
        (["index_changes=changes.csv", "--label", "calm"], "--label 'calm' is not"),
        (["index_changes=bars.csv"], "index_changes: "),
        (["index_changes=changes.csv", "--release", "a b"], "release name 'a b'"),
        (["index_changes=changes.csv", "--as-of", "2022-12-31"], "2022-12-31"),
        (
            ["index_changes=changes.csv", "--as-of", "2022-08-01T00:00:00Z"],
            "known_at after the release's --as-of",
        ),
        (
            ["index_changes=changes.csv", "--as-of", "2199-01-01T00:00:00Z"],
            "lies ahead of the clock",
        ),
        (
            ["prices=bars.csv", "--map", "date=session", "--leave-out", "source"],
            "basis",
        ),
        (
            [
                *("prices=bars.csv", "--map", "date=session", "--leave-out", "source"),
                *("--set", "basis=raw", "--set", "volume=many"),
            ],
            "many",
        ),
        (
            ["etf_holdings=primary_doc.xml", "--known-at", "yesterday"],
            "known_at 'yesterday' is not an instant",
        ),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(
    words: list[str],
    told: str,
    files: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(files)
    Path("changes.txt").touch()

    wrong = run("publish", *AS_OF, *words, "--lake", "new")

    assert wrong.exit_code == 1
    assert wrong.stdout == ""
    assert told in wrong.stderr
    assert wrong.stderr.count("\n") == 1
    assert not Path("new").exists()


def test_a_release_with_other_content_is_refused(files: Path, run: Run) -> None:
    lake = ("--lake", files / "lake")
    run("publish", f"index_changes={files / 'changes.csv'}", *AS_OF, *lake)
    (files / "changes.csv").write_text(CHANGES.replace("PENN", "PVH"), encoding="utf-8")

    wrong = run("publish", f"index_changes={files / 'changes.csv'}", *AS_OF, *lake)

    assert wrong.exit_code == 1
    assert "release 'R1' already exists" in wrong.stderr


@pytest.mark.slow
def test_real_data_is_published_in_under_a_minute(
    realdata: Path, tmp_path: Path, run_process: RunProcess
) -> None:
    started = time.monotonic()

    done = run_process(
        *("publish", f"index_changes={realdata / 'events.csv'}"),
        *(f"prices={realdata / 'prices.parquet'}", "--release", "R1"),
        *("--format", "rebalances", "--format", "prices"),
        *("--as-of", "2026-06-30T00:00:00Z", "--lake", tmp_path / "lake"),
    )

    assert done.returncode == 0, done.stderr
    assert "dropped: 69 rows without an announcement" in done.stdout
    assert time.monotonic() - started < 60


GAPPY = """symbol,session,open,high,low,close,basis
PENN,2022-09-06,31,32,30,31,raw
PENN,2022-09-07,91,92,90,91,raw
PENN,2022-09-12,91,92,90,91,raw
"""
WRONG = GAPPY.replace("91,92,90,91", "91,90,92,91")
MINE = """
LIMIT = 90

def dear(bars):
    return bars[bars["close"] > LIMIT]

def silent(bars):
    return None

def slip(bars):
    return bars["clos"]
"""


@pytest.fixture
def gappy(tmp_path: Path) -> Path:
    (tmp_path / "gappy.csv").write_text(GAPPY, encoding="utf-8")
    (tmp_path / "wrong.csv").write_text(WRONG, encoding="utf-8")
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    return tmp_path


def publishing(folder: Path, file: str) -> tuple[str | Path, ...]:
    """Return the command that publishes prices from `file` into `folder`'s lake."""
    lake = folder / "lake"
    return ("publish", f"prices={folder / file}", *AS_OF, "--lake", lake)


def test_findings_are_one_line_on_stderr(gappy: Path, run: Run) -> None:
    command = ("publish", f"prices={gappy / 'gappy.csv'}", *AS_OF)

    done = run(*command, "--lake", gappy / "lake", "--json", "--rows", gappy / "r.csv")

    assert done.exit_code == 0, done.stderr
    assert done.stderr == (
        "warning: release 'R1' has findings: prices jumps (1), prices gaps (1). The "
        f"rows are in {gappy / 'r.csv'}.\n"
    )
    assert json.loads(done.stdout)[0]["rows"] == 3
    rows = pd.read_csv(gappy / "r.csv")
    assert rows["audit"].tolist() == ["jumps", "gaps"]
    assert rows["row"].tolist() == [1, 2]
    assert rows["missing"].tolist()[1] == 2


@pytest.mark.parametrize("is_there", [False, True])
def test_audit_only_writes_nothing(gappy: Path, run: Run, *, is_there: bool) -> None:
    where = gappy / "lake"
    if is_there:
        run("publish", f"index_changes={changes(gappy)}", *AS_OF, "--lake", where)
    before = sorted(gappy.rglob("*"))
    command = (
        "publish",
        f"prices={gappy / 'gappy.csv'}",
        "--release",
        "R2",
        *AS_OF[2:],
    )

    done = run(*command, "--lake", where, "--audit-only")
    told = run(*command, "--lake", where, "--audit-only", "--json")

    assert done.exit_code == told.exit_code == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert said.startswith("prices: 3 rows, 3 new, 0 in the lake already")
    assert "warn prices jumps 1" in said
    assert "(row 1: symbol PENN, session 2022-09-07, +194 % in 1 session)" in said
    assert said.endswith(
        "Release 'R2' would be published, with 2 findings. Nothing was written."
    )
    (record,) = json.loads(told.stdout)
    assert record["ok"]
    assert [found["audit"] for found in record["findings"]] == ["jumps", "gaps"]
    assert record["findings"][1]["first"][0]["session"] == "2022-09-12"
    assert sorted(gappy.rglob("*")) == before


def changes(folder: Path) -> Path:
    (folder / "changes.csv").write_text(CHANGES, encoding="utf-8")
    return folder / "changes.csv"


def test_audit_only_fails_as_publishing_would(gappy: Path, run: Run) -> None:
    command = publishing(gappy, "wrong.csv")

    done = run(*command, "--audit-only")
    published = run(*command)

    assert done.exit_code == published.exit_code == 1
    assert "would not be published: 3 audits fail" in " ".join(done.stdout.split())
    assert published.stderr.startswith("error: prices: 2 rows have high below low")
    assert published.stderr.endswith(
        "2 more audits fail: prices open_range, prices close_range. --audit-only tells "
        "each, --rows FILE writes their rows. Nothing was published.\n"
    )
    assert published.stderr.count("\n") == 1
    assert not (gappy / "lake").exists()


def test_what_warns_fails_when_told(gappy: Path, run: Run) -> None:
    command = publishing(gappy, "gappy.csv")

    done = run(*command, "--fail-on", "gaps,jumps")

    assert done.exit_code == 1
    assert done.stderr.startswith("error: prices: 1 row has a close more than 50 %")
    assert not (gappy / "lake").exists()


def test_an_audit_of_ones_own_comes_from_a_file(gappy: Path, run: Run) -> None:
    command = publishing(gappy, "gappy.csv")
    own = ("--audit", f"prices={gappy / 'mine.py'}:dear")

    wrong = run(*command, *own, "--audit", f"prices={gappy / 'mine.py'}:silent")
    done = run(*command, *own, "--warn-on", "dear")

    assert wrong.stderr.startswith(
        "error: prices: your audit 'dear' found 2 rows (row 1:"
    )
    assert done.exit_code == 0
    assert "prices dear (2), prices jumps (1)" in done.stderr


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (("--audit", "prices=mine.py"), "function 'mine.py' is not FILE.py:name"),
        (("--audit", "mine.py:dear"), "--audit 'mine.py:dear' is not NAME=VALUE"),
        (("--audit", "prices=no.py:dear"), "function file no.py does not exist"),
        (
            ("--audit", "prices=mine.py:cheap"),
            "no function 'cheap': the functions in it are dear, silent, slip",
        ),
        (("--audit", "prices=mine.py:LIMIT"), "mine.py has no function 'LIMIT'"),
        (("--audit", "prices=mine.py:slip"), "'slip' raised KeyError: 'clos'. Correct"),
        (("--fail-on", "gap"), "--fail-on has 'gap', which is none of the audits"),
        (("--rows", "no/r.csv"), "--rows no/r.csv: the folder no does not exist"),
        (("--rows", "."), "--rows . is a folder"),
    ],
)
def test_what_cannot_be_audited_is_one_line(
    gappy: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    option: tuple[str, str],
    message: str,
) -> None:
    monkeypatch.chdir(gappy)

    done = run("publish", "prices=gappy.csv", *AS_OF, *option)

    assert done.exit_code == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (gappy / "lake").exists()


@pytest.mark.parametrize("is_there", [False, True], ids=["new lake", "empty lake"])
def test_the_first_release_is_read_and_audited_once(
    files: Path, run: Run, monkeypatch: pytest.MonkeyPatch, *, is_there: bool
) -> None:
    counts: Counter[str] = Counter()

    def counted(module: Any, name: str) -> None:
        really = getattr(module, name)

        def counting(*arguments: Any, **named: Any) -> Any:
            counts[name] += 1
            return really(*arguments, **named)

        monkeypatch.setattr(module, name, counting)

    for name in ("normalise", "audit_schema", "audit_alone", "audit_own"):
        counted(publication, name)
    counted(bars, "audit_bars")
    if is_there:
        Lake.open(files / "lake")

    done = run(
        *("publish", f"prices={files / 'bars.csv'}", *AS_OF, "--lake", files / "lake"),
        *("--map", "prices:date=session", "--set", "prices:basis=raw"),
        *("--leave-out", "prices:source", "--json"),
    )

    assert done.exit_code == 0, done.stderr
    assert [row["is_new"] for row in json.loads(done.stdout)] == [True]
    assert set(counts) == {
        *("normalise", "audit_schema", "audit_alone", "audit_own", "audit_bars")
    }
    assert set(counts.values()) == {1}


def test_a_release_says_whether_it_is_new(tmp_path: Path) -> None:
    lake = Lake.open(tmp_path / "lake")
    bar = {"symbol": ["AAA"], "session": [dt.date(2022, 9, 6)], "basis": "raw"}
    prices = pd.DataFrame(bar | dict.fromkeys(("open", "high", "low", "close"), 10.0))

    def publish() -> Release:
        return lake.publish({"prices": prices}, release="R1", as_of=AS_OF[-1])

    first, again = publish(), publish()

    assert (first.is_new, again.is_new) == (True, False)
    assert first == again
    assert repr(first) == repr(again)
    assert "is_new" not in repr(first)
    assert "is_new" not in lake.releases()


# --- another exchange -----------------------------------------------------------------

TOKYO = """index,symbol,side,announced,effective
IX,A,addition,2022-09-02,2022-09-20
"""


@pytest.mark.slow
def test_a_lake_is_made_with_an_exchange_and_keeps_it(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "changes.csv"
    file.write_text(TOKYO)
    as_of = ("--as-of", "2022-12-01T00:00:00Z")
    words = ("publish", f"index_changes={file}", *as_of, "--lake", tmp_path / "lake")

    made = run(*words, "--release", "R1", "--exchange", "XTKS")
    same = run(*words, "--release", "R2")
    other = run(*words, "--release", "R3", "--exchange", "XLON")

    assert (made.exit_code, same.exit_code, other.exit_code) == (0, 0, 1)
    assert "open it without --exchange, or make another lake" in other.stderr
    (change,) = Lake.open(tmp_path / "lake").at("R1").changes(index="IX")
    assert change.known_at.isoformat() == "2022-09-02T14:59:59.999999+00:00"


def test_a_day_is_closed_from_then_on(tmp_path: Path, run: Run) -> None:
    bar = "symbol,session,open,high,low,close,basis\n"
    rows = [f"A,2023-08-{day},10,10,10,10,raw\n" for day in (30, 31)]
    file, late = tmp_path / "bars.csv", tmp_path / "late.csv"
    file.write_text(bar + "".join(rows))
    late.write_text(f"{bar}A,2023-09-01,10,10,10,10,raw\n")
    lake = ("--as-of", "2023-12-01T00:00:00Z", "--lake", tmp_path / "lake")
    closed = ("--closed", "2023-09-01", "--closed", "2023-09-08")
    hong_kong = ("--exchange", "XHKG", *closed)
    first = ("publish", f"prices={file}", *lake, "--release", "R1")
    second = ("publish", f"prices={late}", *lake, "--release", "R2")

    foreseen = run(*first, *hong_kong, "--audit-only")
    made = run(*first, *hong_kong)
    refused = run(*second)
    again = run(*first, *closed)
    only = run(*first, *closed, "--audit-only")
    early = run(*first, "--closed", "2023-08-31")
    unread = run(*first, "--closed", "tomorrow")

    assert (foreseen.exit_code, made.exit_code, again.exit_code) == (0, 0, 0)
    assert refused.exit_code == 1
    assert "without a session of XHKG" in refused.stderr
    assert "or open the lake with --exchange of where they are from" in refused.stderr
    assert "--closed 2023-09-01 would be kept by the lake" in only.stderr
    assert "--closed 2023-08-31: " in early.stderr
    assert "has prices of that day: leave it out" in early.stderr
    assert "--closed 'tomorrow' is not a date" in unread.stderr


def test_an_exchange_that_nobody_knows_is_one_line(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "changes.csv"
    file.write_text(TOKYO)
    as_of = ("--as-of", "2022-12-01T00:00:00Z", "--release", "R1")

    lost = run("publish", f"index_changes={file}", *as_of, "--exchange", "XXXX")

    assert (lost.exit_code, len(lost.stderr.splitlines())) == (1, 1)
    assert "XXXX" in lost.stderr
    assert not Path("lake").exists()
