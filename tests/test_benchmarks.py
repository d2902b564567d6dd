"""What is measured runs, is what its page says, and agrees with what it is beside."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lakebt.study import chunks, scope
from lakebt.sweep import passes

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]

SCRIPTS = sorted(
    path.stem
    for path in (ROOT / "benchmarks").glob("*.py")
    if "\nif __name__ ==" in path.read_text(encoding="utf-8") and path.stem != "arctic"
)
"""All but what runs in an environment of its own."""

SMALL = {
    "acted": ["--events 2"],
    "actions": ["--actions 20 --events 3"],
    "calibration": [
        "-n 2 --only O1 --processes 1 --state {folder}/done",
        "--markets 1",
    ],
    "clustered": ["--symbols 5 --sessions 4"],
    "engine": [
        "--events 2 --rounds 1",
        "--events 1 --rounds 1 --legs 6 --levels 2 --growth",
        "--rounds 1 --compile",
    ],
    "growth": ["2 --ticks"],
    "keeping": ["3"],
    "many": ["3"],
    "many_events": [
        "3 --whole --together --entries 2",
        "3 --study --whole --together --entries 2",
        "3 --study --questions --entries 2",
    ],
    "moving": ["{folder} 2 2"],
    "significance": ["--dates 20 --events 30 --rules 9 --draws 9"],
    "spark": ["events 2 --masters local,local", "model"],
    "trials": ["1 --trials 2", "2 --trials 2"],
}
"""The least that has all of a script run, where that is a second or less."""

TOO_LONG = {
    *("crash", "erasing", "publishers", "resume", "rot", "serve", "serve_crash"),
    *("spark_fold", "spark_publish"),
    "soak",  # `test_soak.py` runs it
}
"""They kill, serve, start Java, or go through many subjects."""


@pytest.mark.slow
def test_every_benchmark_runs_and_compares_values() -> None:
    """Each once, and small. What `test_process.py` times is run by `tests/cli`."""
    once = ("--benchmark-disable", "--ignore=benchmarks/test_process.py")
    mine = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "benchmarks", "-q", *once],
        cwd=ROOT,
        env={**mine, "LAKEBT_SMALL_BENCHMARKS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


def script(name: str) -> Any:
    return importlib.import_module(f"benchmarks.{name}")


def test_each_script_is_run_small_or_is_too_long() -> None:
    assert sorted([*SMALL, *TOO_LONG]) == SCRIPTS


def run_here(words: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
    """Run in this process what a script would in one of its own."""
    python, how, what, *arguments = map(str, words)
    assert python == sys.executable
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        patch.setattr("sys.argv", [what, *arguments])
        if how == "-c":
            exec(what, {})  # noqa: S102 - it is ours
        else:
            importlib.import_module(what).main()
    return subprocess.CompletedProcess(words, 0, stdout=out.getvalue(), stderr="")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without other processes, and without what a script changes in this one."""
    monkeypatch.setenv("LAKEBT_CACHE", "off")
    monkeypatch.setattr("subprocess.run", run_here)
    monkeypatch.setattr("benchmarks.acted.ROUNDS", 1)
    monkeypatch.setattr("benchmarks.actions.ROUNDS", 1)
    monkeypatch.setattr("benchmarks.actions.SIZES_USD", (1e5, 1e6))
    monkeypatch.setattr("benchmarks.calibration.CHUNK", 1)
    monkeypatch.setattr(
        "benchmarks.calibration.ProcessPoolExecutor", ThreadPoolExecutor
    )
    monkeypatch.setattr("benchmarks.growth.READS", 1)
    monkeypatch.setattr("benchmarks.many.MEASURED", 2)
    for name in ("TABLE", "PAGE"):
        place = getattr(script("calibration"), name)
        copy = tmp_path / place.name
        copy.write_bytes(place.read_bytes())
        monkeypatch.setattr(f"benchmarks.calibration.{name}", copy)
    # So small that there are parts, until all is asked for at once.
    monkeypatch.setattr(chunks, "MANY", 4)
    monkeypatch.setattr(passes, "BLOCK", 30)
    monkeypatch.setattr(scope, "MOST_CELLS", 30)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "words"), [(name, words) for name in SMALL for words in SMALL[name]]
)
@pytest.mark.usefixtures("here")
def test_a_script_runs(
    name: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = script(name).main(shlex.split(words.format(folder=tmp_path)))

    assert not done, capsys.readouterr().out
    assert capsys.readouterr().out


@pytest.mark.usefixtures("here")
def test_designs_that_are_left_out_stay_in_the_table(tmp_path: Path) -> None:
    calibration = script("calibration")
    before = calibration.TABLE.read_text(encoding="utf-8").splitlines()

    calibration.main(["-n", "1", "--only", "O1", "--state", str(tmp_path / "done")])

    after = calibration.TABLE.read_text(encoding="utf-8").splitlines()
    changed = [(x, y) for x, y in zip(before, after, strict=True) if x != y]
    assert changed
    assert all(x.startswith("O1,") and y.startswith("O1,") for x, y in changed)


def test_of_sweeps_that_differ_no_times_are_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit, match="differ"):
        script("spark").compared([{"digest": "1", "lake": ""}, {"digest": "2"}])

    assert capsys.readouterr().out == ""


def commands(text: str) -> list[tuple[str, str]]:
    """Return what a page says of how a script is run: its name and its arguments."""
    lines = re.sub(r"`[^`]+`", lambda code: " ".join(code[0].split()), text)
    found = re.findall(
        r"python (?:-m benchmarks\.(\w+)|benchmarks/(\w+)\.py)([^`\n]*)", lines
    )
    return [(one or other, words) for one, other, words in found]


def told() -> Iterator[tuple[str, str]]:
    pages = [*(ROOT / "docs").rglob("*.md"), ROOT / "benchmarks" / "README.md"]
    for page in pages:
        yield from commands(page.read_text(encoding="utf-8"))
    for name in SCRIPTS:
        yield from commands(inspect.getdoc(script(name)) or "")


def test_every_command_that_is_told_is_understood() -> None:
    every = list(told())

    for name, words in every:
        script(name).parser().parse_args(shlex.split(words, comments=True))

    assert {name for name, _ in every} == set(SCRIPTS)
