"""`lakebt trials`, as it is typed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lakebt.lake.lake import Lake
from tests.lake.trial_rows import batch, trial

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

pytestmark = pytest.mark.lake


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with thirty cells and two backtests of [mom], the newest last."""
    path = tmp_path_factory.mktemp("tried") / "lake"
    lake = Lake.open(path)
    lake.record(batch(range(30)))
    lake.record(
        batch(
            [100, 102],
            kind="backtest",
            study="[mom]",
            strategy="[mom]",
            entry=None,
            exit=None,
            sharpe_se=0.25,
            borrow_bps_per_year=50,
            is_point_in_time=False,
        )
    )
    return path


def ids(*numbers: int) -> list[str]:
    return [trial(number)["trial_id"][:10] for number in numbers]


def test_the_newest_trials_are_a_table_of_80_columns(tried: Path, run: Run) -> None:
    shown = run("trials", "--lake", tried).stdout

    lines = shown.splitlines()
    assert max(map(len, lines)) <= 80
    words = [line.split()[0] for line in lines if line.split()]
    listed = [word for word in words if len(word) == 10 and word.isalnum()]
    assert listed == ids(*range(12, 30), 100, 102)
    told = " ".join(shown.split())
    assert "32 trials of 17 rules. These are the last 20: --last N shows more." in told
    for part in ("2023-06-01", "12:00:29", "[mom]", "to +29", "1 + 2.5"):
        assert part in shown
    assert "14.57" in shown  # 102 / 7
    assert "± 0.25" in shown
    assert "50 p.a." in shown
    assert "Q3_2022" in shown


def test_what_is_charged_for_size_tells_trials_apart(tmp_path: Path, run: Run) -> None:
    costs = {"commission_bps": 1.0, "impact_at_open": 0.9, "max_participation": 0.1}
    rows = batch([1]).assign(costs=json.dumps(costs))
    Lake.open(tmp_path / "lake").record(rows)

    shown = " ".join(run("trials", "--lake", tmp_path / "lake").stdout.split())

    assert "impact at open" in shown
    assert "0.9" in shown
    assert "max participation" in shown


def test_trials_are_chosen(tried: Path, run: Run) -> None:
    def found(*words: object) -> list[str]:
        rows = json.loads(run("trials", "--lake", tried, "--json", *words).stdout)
        return [row["trial_id"][:10] for row in rows]

    assert found() == ids(*range(30), 100, 102)
    assert found("--study", "[mom]") == ids(100, 102)
    assert found("--last", 3) == ids(29, 100, 102)
    assert found("--where", "exit=+3", "--where", "exit=+4") == ids(3, 4)
    assert found("--where", "exit=+3", "--where", "n_returns=4") == []
    assert found("--where", "n_returns=4") == ids(4)
    assert found("--where", "is_point_in_time=false") == ids(100, 102)
    assert found("--where", "exit=", "--last", 1) == ids(102)
    assert found("--where", "run_at=2023-06-01T12:00:07Z") == ids(7)


def test_one_trial_is_shown_in_full(tried: Path, run: Run) -> None:
    (asked,) = ids(102)
    shown = run("trials", "--lake", tried, asked).stdout
    (row,) = json.loads(run("trials", "--lake", tried, asked, "--json").stdout)

    told = dict(line.split(maxsplit=1) for line in shown.splitlines())
    assert list(told) == list(row) == list(trial(0))
    assert told["trial_id"].strip() == row["trial_id"] == trial(102)["trial_id"]
    assert told["strategy"].strip() == row["strategy"] == "[mom]"
    assert told["rule"].strip() == '{"exit": "+102"}'
    assert told["entry"].strip() == "-"
    assert row["entry"] is None
    assert row["run_at"] == "2023-06-01T12:01:42+00:00"


def test_what_cannot_be_shown_is_one_line(tried: Path, run: Run) -> None:
    def error(*words: object) -> str:
        done = run("trials", "--lake", tried, *words)
        assert done.exit_code == 1
        assert done.stdout == ""
        assert done.stderr.count("\n") == 1
        return done.stderr

    assert "trial '12' is not an id" in error("12")
    assert "there is no trial '0123456' in lake" in error("0123456")
    assert "leave --study, --where and --last out" in error("0123456", "--last", 3)
    assert "unknown column 'sharp'. Did you mean 'sharpe'?" in error(
        "--where", "sharp=1"
    )
    for what in ("n_events=many", "is_point_in_time=perhaps"):
        assert f"--where {what}: the column holds" in error("--where", what)


def test_a_lake_on_which_nothing_was_tried_says_so(tmp_path: Path, run: Run) -> None:
    Lake.open(tmp_path / "lake")
    words = ("trials", "--lake", tmp_path / "lake")

    assert run(*words).stdout == "Nothing was tried yet.\n"
    assert run(*words, "--study", "SP500").stdout == "No trial matches.\n"
    assert run(*words, "--json").stdout == "[]\n"
