"""Whatever changes a lake may be interrupted at any instant: before or after, then on.

An interrupt comes between two lines of Python. That reaches every instant, which
signals from another process do not. Ctrl-C is raised in this process, as it is where
somebody goes on in a notebook; SIGTERM ends a process of its own.
"""

from __future__ import annotations

import hashlib
import inspect
import random
import shutil
import signal
import subprocess
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer.main

from lakebt.cli import app
from lakebt.cli.doctor import CURES
from lakebt.errors import LakebtError
from lakebt.lake import Lake
from lakebt.lake.storage.kept_files import Contents
from tests.forked import python
from tests.lake.faults import state
from tests.lake.interrupted import COMMANDS, NOTE, Interrupter, make, now
from tests.lake.original import Original
from tests.lake.other_engines import foreign_table
from tests.nightly import times

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.lake, pytest.mark.slow]

INSTANTS = times(1, 40)
"""At which each command is interrupted, in each way."""

ROOT = Path(__file__).resolve().parents[3]

RECORDING = {"study", "backtest", "sweep", "audit", "reproduce", "explain", "demo"}
"""What may record trials, and changes nothing else of a lake that is there."""

READING = {
    *("releases", "diff", "tables", "vintages", "rows", "trials", "doctor"),
    *("upcoming", "formats", "lineage", "duckdb"),
}

OUTSIDE = {"new", "fetch", "token"}
"""Write files of their own, and know no lake."""

SERVING = {"serve"}
"""Its clients change the lake: see `tests/lake/serving`."""

PLACES = {"move", "export", "import_", "backup"}
"""Change another place than the lake's: see `test_move.py` and `test_copies.py`."""

READING_METHODS = {
    *("as_of", "at", "audit", "count_trials", "diff", "doctor", "lineage"),
    *("branches", "duckdb_views", "clashes", "erasures", "releases", "tables"),
    *("spark_conf", "spark_read", "spark_session", "trial", "trial_ids", "trials"),
}


def opened(path: Path) -> Lake:
    return Lake.open(path, create=False, clock=now())


def answers(lake: Lake) -> dict[str, str]:
    """A digest of every table of every release that lives, and of all trials."""
    said = {"trials": lake.trials().sort_values("trial_id").to_csv()}
    tables = list(lake.tables()["name"])
    for name in lake.releases()["name"]:
        view = lake.at(name)
        for table in tables:
            said[f"{name} {table}"] = str(view.arrow(table).to_pydict())
    return {k: hashlib.sha256(text.encode()).hexdigest() for k, text in said.items()}


def by_ctrl_c(path: Path, command: str, at: int) -> None:
    lake = opened(path)
    Interrupter(at).run(partial(COMMANDS[command].run, lake))


def by_sigterm(path: Path, command: str, at: int) -> None:
    order = [*python(), "-m", "tests.lake.interrupted", str(path), command, str(at)]
    ended = subprocess.run(order, check=False, cwd=ROOT, capture_output=True)
    assert ended.returncode in {0, -signal.SIGTERM}, ended.stderr.decode()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    """A lake that commands change."""
    return Original(tmp_path_factory.mktemp("interrupted"), make)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_is_interrupted_did_nothing_or_all_and_goes_on(
    original: Original, command: str, tmp_path: Path
) -> None:
    path = original.restored()
    COMMANDS[command].prepare(path)
    run = COMMANDS[command].run
    backup = tmp_path / "backup"
    shutil.copytree(path, backup)
    before = state(path)

    counter = Interrupter()
    lake = opened(path)
    assert counter.run(partial(run, lake))
    after, read = state(path), answers(opened(path))
    check_noted(before, after)
    for stop in (by_ctrl_c, by_sigterm):
        chosen = random.Random(f"{command} {stop.__name__}")  # noqa: S311 - instants
        for at in sorted(chosen.sample(range(1, counter.count), INSTANTS)):
            shutil.rmtree(path)
            shutil.copytree(backup, path)
            stop(path, command, at)

            where = (command, stop.__name__, at)
            assert state(path) in (before, after), where
            again(run, opened(path))
            assert state(path) == after, where
            done = opened(path)
            assert done.doctor().ok, where
            assert answers(done) == read, where


def test_who_is_ended_at_a_line_holds_no_lock() -> None:
    for line in range(1, 9):
        kept = Contents()
        kept.keep("a", b"content")
        Interrupter(line).run(lambda: kept.get("a"))  # noqa: B023 - called at once
        assert not kept._lock.locked(), line  # noqa: SLF001


def check_noted(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Check that what another program said of tables is there, as it was."""
    noted = [name for name in before if NOTE.items() <= before[name][2].items()]
    assert {"prices", "releases", "trials"} <= set(noted)
    for name in noted:
        assert NOTE.items() <= after[name][2].items(), name


def again(run: Callable[[Lake], Any], lake: Lake) -> None:
    try:
        run(lake)
    except LakebtError as error:
        done = ("ended at", "nothing to adopt", "nothing to roll back", ": erased at")
        assert any(words in str(error) for words in done)  # noqa: PT017 - it was done


@pytest.mark.parametrize("stop", ["Ctrl-C", "SIGTERM"])
def test_a_lake_whose_making_is_interrupted_is_made_by_the_next(
    path: Path, stop: str
) -> None:
    program = (
        "import os, sys\n"
        "from lakebt.lake import Lake\n"
        "from tests.lake.interrupted import Interrupter\n"
        "place, at, how = sys.argv[1:]\n"
        "end = (lambda: os.kill(os.getpid(), 15)) if how == 'SIGTERM' else None\n"
        "Interrupter(int(at), end).run(lambda: Lake.open(place))\n"
    )
    counter = Interrupter()
    counter.run(lambda: Lake.open(path))
    chosen = random.Random(stop)  # noqa: S311 - which instants
    for at in sorted(chosen.sample(range(1, counter.count), INSTANTS)):
        shutil.rmtree(path, ignore_errors=True)
        order = [*python(), "-c", program, str(path), str(at), stop]
        subprocess.run(order, check=False, cwd=ROOT)

        lake = Lake.open(path, clock=now())

        assert lake.doctor().ok, at
        COMMANDS["publish"].run(lake)
        assert opened(path).doctor().ok, at


def cures() -> set[str]:
    """The options of `lakebt doctor` that change a lake."""
    doctor: Any = typer.main.get_command(app)
    options = doctor.commands["doctor"].params
    words = {
        option.opts[0]
        for option in options
        if getattr(option, "rich_help_panel", None) == CURES
    }
    return words - {"--release", "--as-of"}  # of --adopt


def test_every_command_line_that_changes_a_lake_is_interrupted() -> None:
    there = {
        each.callback.__name__ for each in app.registered_commands if each.callback
    }
    covered = {each.cli for each in COMMANDS.values() if each.cli}

    changing = there - READING - RECORDING - SERVING - OUTSIDE - PLACES
    assert {each.partition(" ")[0] for each in covered} - {"doctor"} == changing
    assert {c.partition(" ")[2] for c in covered if c.startswith("doctor")} == cures()


@pytest.mark.parametrize("command", ["publish and fold", "fold trials"])
def test_what_is_to_fold_does(path: Path, command: str) -> None:
    make(path)
    COMMANDS[command].prepare(path)
    COMMANDS[command].run(opened(path))

    table = "prices" if command.startswith("publish") else "trials"
    with foreign_table(path, table) as found:
        snapshot = found.current_snapshot()
    assert snapshot is not None
    assert snapshot.summary is not None
    assert snapshot.summary.operation.value == "overwrite"


def test_every_method_of_a_lake_that_changes_it_is_interrupted() -> None:
    there = {
        name
        for name, value in inspect.getmembers(Lake, callable)
        if not name.startswith("_")
    }
    covered = {each.method for each in COMMANDS.values() if each.method}

    assert there - READING_METHODS - PLACES - {"open", "settle"} == covered
