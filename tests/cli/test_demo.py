from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from rich.console import Console
from typer.testing import CliRunner

import lakebt
from lakebt.cli import app
from lakebt.cli.demo import acts
from lakebt.cli.demo.acts import ENTRIES, EXITS
from lakebt.cli.demo.folder import MARKER, Folder
from lakebt.cli.demo.play import perform, python_lines
from lakebt.cli.output import plain
from lakebt.errors import LakeError
from lakebt.sources.simulated import simulated_market


class Played(NamedTuple):
    """What one performance left, showed and told."""

    out: Path
    text: str
    rows: list[dict[str, Any]]


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """One performance, watched on a screen of 80 columns."""
    out = tmp_path_factory.mktemp("demo") / "lakebt-demo"
    screen = io.StringIO()
    console = Console(file=screen, width=80, highlight=False)
    rows = perform(out, console=console, spinner=Console(quiet=True))
    return Played(out=out, text=screen.getvalue(), rows=rows)


def facts(played: Played, act: int) -> list[dict[str, Any]]:
    return [row for row in played.rows if row.get("act") == act]


def test_it_leaves_a_lake_and_a_report(played: Played) -> None:
    lake = lakebt.Lake.open(played.out / "lake", create=False)

    assert list(lake.releases()["name"]) == [*acts.RELEASES]
    page = (played.out / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")


def test_act_1_shows_two_releases(played: Played) -> None:
    assert [(row["release"], row["rows"]) for row in facts(played, 1)] == [
        ("Q1_2022", 10),
        ("Q3_2022", 13),
    ]
    assert "2022-11-28 15:50:55 New York" in played.text


def test_act_2_tells_a_new_identifier_from_a_trade(played: Played) -> None:
    assert [(row["change"], row["count"]) for row in facts(played, 2)] == [
        ("added", 8),
        ("removed", 9),
        ("re-identified", 1),
    ]
    assert "By ISIN alone 9 holdings came and 10 went" in played.text
    assert "J: US4698141078 is now US46982L1089; not a trade" in played.text


def test_act_3_refuses_the_trade_on_holdings(played: Played) -> None:
    refused = facts(played, 3)[0]

    assert refused["decision"] == "refused"
    assert refused["wanted_at"].isoformat() == "2022-10-03T13:20:00+00:00"
    assert refused["known_at"].isoformat() == "2022-11-28T20:50:55+00:00"
    assert refused["late_days"] == 56
    assert "2022-10-03 09:20:00 New York" in played.text
    assert "56 days" in played.text


def test_act_3_plans_the_trade_on_the_announcement(played: Played) -> None:
    orders = facts(played, 3)[1:]

    assert {row["symbol"]: row["weight"] for row in orders} == {
        **dict.fromkeys(("CSGP", "INVH"), 0.25),
        **dict.fromkeys(("PENN", "PVH"), -0.25),
    }
    for row in orders:
        assert row["decision"] == "allowed"
        assert row["enter"].isoformat() == "2022-09-06T13:30:00+00:00"
        assert row["enter_by"].isoformat() == "2022-09-06T13:20:00+00:00"
        assert row["leave"].isoformat() == "2022-09-16T20:00:00+00:00"
        assert row["leave_by"].isoformat() == "2022-09-16T19:50:00+00:00"


def test_no_real_symbol_gets_a_price(played: Played) -> None:
    view = lakebt.Lake.open(played.out / "lake", create=False).at(acts.SIMULATED)

    assert set(acts.SYMBOLS).isdisjoint(view.panel("close").columns)


def test_act_4_masks_what_looks_ahead(played: Played) -> None:
    cells = {(row["entry"], row["exit"]): row for row in facts(played, 4)}

    assert set(cells) == {(entry, exit_) for entry in ENTRIES for exit_ in EXITS}
    for exit_ in EXITS:
        assert cells["AD@close", exit_]["reason"] == "look_ahead"
    assert "6 cells: needs a fact that was not yet known" in played.text
    assert "3 cells: the exit does not follow the entry" in played.text
    (best,) = (row for row in cells.values() if row["is_best"])
    assert best["entry"] == "AD+1@open"
    assert f"over {acts.EVENTS} events" in " ".join(played.text.split())


def test_act_5_tells_what_the_jump_pretended_to_earn(played: Played) -> None:
    (told,) = facts(played, 5)
    planted = simulated_market(seed=acts.SEED, n_events=1).planted.jump_bps

    # Two standard errors of a mean over the events, each of four half-weighted legs.
    assert told["gross_bps"] == pytest.approx(planted, abs=40)
    assert told["n_events"] == acts.EVENTS
    assert not told["is_point_in_time"]
    assert f"+{told['gross_bps']:.0f} bp per event" in played.text


def test_the_acts_come_in_order(played: Played) -> None:
    lines = [line for line in played.text.splitlines() if line[:2].strip().isdigit()]

    assert [line[0] for line in lines] == ["1", "2", "3", "4", "5"]


def test_nothing_is_wider_than_80_columns(played: Played) -> None:
    copied = (str(played.out), sys.executable, "lakebt.Lake.open")
    for line in played.text.splitlines():
        if not any(text in line for text in copied):  # paths, which are to be copied
            assert len(line) <= 80


def test_the_lines_of_python_run(played: Played) -> None:
    *before, last = python_lines(played.out / "lake")
    scope: dict[str, Any] = {}

    exec("\n".join(before), scope)  # noqa: S102 - it is what the demo prints
    surface = eval(last, scope)  # noqa: S307

    for line in (*before, last):
        assert line in played.text
    assert surface.loc["AD+1@open", "1w"] > 0


def test_a_demo_that_was_stopped_half_way_can_be_played_again(tmp_path: Path) -> None:
    folder = Folder(out=tmp_path)
    folder.clear(releases=acts.RELEASES)
    (folder.lake / "catalog.db").touch()

    folder.clear(releases=acts.RELEASES)

    assert [path.name for path in folder.lake.iterdir()] == [MARKER]


def test_a_lake_that_no_demo_made_is_left_alone(tmp_path: Path) -> None:
    lakebt.Lake.open(tmp_path / "lake")

    with pytest.raises(LakeError, match=r"lake was not made by a demo.*--out"):
        Folder(out=tmp_path).clear(releases=acts.RELEASES)
    assert (tmp_path / "lake" / "catalog.db").exists()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / MARKER).touch()
    (tmp_path / "lake").symlink_to(elsewhere)

    with pytest.raises(LakeError, match="was not made by a demo"):
        Folder(out=tmp_path).clear(releases=acts.RELEASES)
    assert (elsewhere / MARKER).exists()


def test_a_demo_s_lake_with_somebody_s_release_is_left_alone(tmp_path: Path) -> None:
    folder = Folder(out=tmp_path)
    folder.clear(releases=acts.RELEASES)
    lake = lakebt.Lake.open(folder.lake)
    acts.publish_sample(lake)

    with pytest.raises(LakeError, match=r"holds the release 'Q3_2022', which no demo"):
        folder.clear(releases=["Q1_2022"])
    assert len(lake.releases()) == 2


def test_a_report_that_no_demo_made_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("mine", encoding="utf-8")

    with pytest.raises(LakeError, match=r"report.html was not made by a demo"):
        Folder(out=tmp_path).clear(releases=acts.RELEASES)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(LakeError, match=r"cannot write .*\(not a directory\)"):
        Folder(out=tmp_path / "file").clear(releases=acts.RELEASES)


def test_the_command_plays_it_again_and_prints_facts_alone_as_json(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(played.out.parent)
    before = (played.out / "report.html").stat().st_mtime_ns

    done = CliRunner().invoke(app, ["demo", "--json"], catch_exceptions=False)

    rows = json.loads(done.stdout)
    assert rows[:-1] == json.loads(json.dumps(plain(played.rows[:-1])))
    assert [row["act"] for row in rows[:-1]] == sorted(row["act"] for row in rows[:-1])
    assert rows[-1] == {"lake": "lakebt-demo/lake", "report": "lakebt-demo/report.html"}
    assert (played.out / "report.html").stat().st_mtime_ns > before


def test_the_command_shows_no_warning_and_nothing_on_stderr(tmp_path: Path) -> None:
    known = "ignore:Series.values returning:DeprecationWarning"  # see pyproject.toml
    strict = ("-W", "error", "-W", known)

    done = subprocess.run(
        [sys.executable, *strict, "-m", "lakebt", "demo", "--out", "out"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(lakebt.__file__).parents[1]), "COLUMNS": "200"},
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    copied = (sys.executable, "lakebt.Lake.open")  # whole, wherever they are
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert max(len(one) for one in lines if not any(c in one for c in copied)) <= 80
    assert "out/report.html" in done.stdout
    assert sys.executable in lines


def test_its_lines_of_python_work_in_another_folder(
    played: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(played.out)
    before = "\n".join(python_lines(Path("lake"))[:2])
    monkeypatch.chdir(tmp_path)
    scope: dict[str, Any] = {}

    exec(before, scope)  # noqa: S102 - it is what the demo prints

    assert scope["view"].release == acts.SIMULATED
