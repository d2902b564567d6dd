from __future__ import annotations

import functools
import json
import os
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

import lakebt
from lakebt.cli import app
from lakebt.lake.lake import Lake
from tests.forked import python

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run, RunProcess

COMMANDS = (
    *("demo", "publish", "releases", "diff", "study", "backtest", "trials"),
    "serve",
)

HEAVY = (
    *("vectorbt", "pandas", "pyiceberg", "numpy", "pyarrow", "plotly", "sqlalchemy"),
    *("fastapi", "uvicorn"),
)

ASKED = (("--help",), *((command, "--help") for command in COMMANDS), ("--version",))

# Each is forked from a process that has imported what every command begins with.
ASK = f"""
import os, sys
import typer.rich_utils
from lakebt.cli import main
for words in {ASKED!r}:
    sys.stdout.flush()
    if os.fork() == 0:
        break
    _, status = os.wait()
    print("\\f", *words, status, sep="\\t")
else:
    sys.exit()
sys.argv = ["lakebt", *words]
try:
    main()
finally:
    loaded = set({HEAVY!r}) & set(sys.modules)
    assert not loaded, (words, loaded)
"""


def test_help_lists_every_command(run: Run) -> None:
    shown = run("--help")

    assert shown.exit_code == 0
    for command in COMMANDS:
        assert f" {command} " in shown.stdout


@pytest.fixture(scope="module")
def answers() -> subprocess.CompletedProcess[str]:
    """What commands answer, each followed by a line of its words and its status."""
    return subprocess.run(
        [sys.executable, "-c", ASK], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("words", ASKED)
def test_help_is_answered_without_the_heavy_imports(
    answers: subprocess.CompletedProcess[str], words: tuple[str, ...]
) -> None:
    ends = {
        tuple(end.split("\t")[1:]): said
        for said, end in re.findall(r"(?s)(.*?)(\f\t[^\n]*)\n", answers.stdout)
    }

    assert (*words, "0") in ends, answers.stderr
    assert words == ("--version",) or "Usage" in ends[*words, "0"]


def test_version_is_printed(run: Run) -> None:
    assert run("--version").stdout == f"lakebt {lakebt.__version__}\n"


def test_no_arguments_show_the_help(run: Run) -> None:
    assert "demo" in run().output


def test_an_error_is_one_line_on_stderr_and_exit_code_1(
    lake: Path, run_process: RunProcess
) -> None:
    wrong = run_process("study", "--release", "NOPE", "--index", "SIM", "--lake", lake)

    assert wrong.returncode == 1
    assert wrong.stdout == ""
    assert wrong.stderr.startswith("error: unknown release 'NOPE'")
    assert wrong.stderr.count("\n") == 1


def test_a_bug_shows_where_it_comes_from(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Lake, "releases", broken)

    shown = CliRunner().invoke(app, ["releases", "--lake", str(lake)])

    assert isinstance(shown.exception, ZeroDivisionError)


@pytest.mark.slow
@pytest.mark.parametrize("words", [["--json"], []])
def test_a_closed_pipe_ends_in_silence(lake: Path, words: list[str]) -> None:
    command = [*python(), "-m", "lakebt", "diff", "prices", "Q1_2022", "SIM"]
    with subprocess.Popen(
        [*command, "--lake", str(lake), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        told = process.stderr.read()

    assert told == b""
    assert process.returncode == 1


def test_an_interrupt_ends_without_a_traceback(tmp_path: Path) -> None:
    waiting = tmp_path / "waiting.py"
    waiting.write_text(
        "import pathlib, time\n"
        f"pathlib.Path({str(tmp_path / 'started')!r}).touch()\n"
        "time.sleep(60)\n",
        encoding="utf-8",
    )
    dates = ("--release", "R", "--start", "2022-01-03", "--end", "2022-02-01")
    with subprocess.Popen(
        [sys.executable, "-m", "lakebt", "backtest", f"{waiting}:X", *dates],
        stderr=subprocess.PIPE,
        # whoever runs the tests in the background may have had interrupts ignored
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as process:
        while not (tmp_path / "started").exists():
            assert process.poll() is None
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGINT)
        assert process.stderr is not None
        told = process.stderr.read()

    assert process.returncode == 130
    assert b"Traceback" not in told


def test_a_terminal_that_cannot_show_a_letter_gets_a_question_mark(
    lake: Path, run_process: RunProcess
) -> None:
    plain = {**os.environ, "PYTHONIOENCODING": "ascii"}

    shown = run_process("releases", "--lake", lake, env=plain)

    assert shown.returncode == 0, shown.stderr
    assert "Q1_2022" in shown.stdout


def test_json_is_the_only_thing_on_stdout(lake: Path, run_process: RunProcess) -> None:
    shown = run_process("releases", "--lake", lake, "--json")

    assert [row["name"] for row in json.loads(shown.stdout)] == [
        *("Q1_2022", "Q3_2022", "SIM")
    ]
    assert shown.stderr == ""


def test_the_program_and_the_module_are_one(run_process: RunProcess) -> None:
    assert run_process("--version").stdout == f"lakebt {lakebt.__version__}\n"
