"""A shell completes commands, options and the names in a lake."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from lakebt.cli import app, completion, shells
from lakebt.lake.lake import Lake
from lakebt.lake.storage.directory import DATABASE
from lakebt.lake.tables.schemas import FROM_THE_START, LATER, LEDGER
from tests.programs import program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import Run

pytestmark = pytest.mark.lake


def completed(line: str, of: str = "bash") -> list[str]:
    """What typer answers a shell that asks for the last word of a line."""
    words = line.split(" ")
    asked = {
        "_LAKEBT_COMPLETE": f"complete_{of}",
        "COMP_WORDS": "\n".join(words),
        "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line,
    }
    done = CliRunner().invoke(app, [], env=asked, prog_name="lakebt")
    return done.output.split("\n") if of == "zsh" else done.output.split()


def test_the_names_that_are_written_down_twice_are_those_of_the_lake() -> None:
    assert completion.CATALOG == DATABASE
    assert completion.LEDGER == LEDGER
    every = completion.FROM_THE_START + completion.LATER
    assert sorted(every) == sorted({**FROM_THE_START, **LATER})


def test_values_of_options_are_completed(lake: Path) -> None:
    at = f"--lake {lake}"

    assert "releases" in completed("lakebt rel")
    assert "--dry-run" in completed("lakebt publish --dr")
    assert completed(f"lakebt rows prices {at} --release ") == [
        *("Q1_2022", "Q3_2022", "SIM")
    ]
    assert completed(f"lakebt rows prices {at} --release Q3") == ["Q3_2022"]
    assert completed(f"lakebt rows {at} etf") == ["etf_holdings"]
    assert completed(f"lakebt diff {at} prices Q1") == ["Q1_2022"]
    assert completed(f"lakebt duckdb {at} Q1") == ["Q1_2022"]
    assert completed("lakebt publish pri") == ["prices="]
    assert "yahoo" in completed("lakebt publish x=y --format yah")
    assert completed("lakebt formats our") == ["ours"]
    assert completed(f"lakebt study {at} --release SIM --index ") == ["SIM"]
    zsh = "\n".join(completed(f"lakebt rows prices {at} --release Q", of="zsh"))
    assert "Q1_2022" in zsh
    assert "_arguments" in zsh


def test_what_goes_wrong_completes_nothing(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").write_text("no database", encoding="utf-8")

    assert completed(f"lakebt rows prices --lake {tmp_path} --release ") == []
    assert completed(f"lakebt rows prices --lake {tmp_path / 'none'} --release ") == []
    assert completed(f"lakebt study --lake {tmp_path} --release X --index ") == []
    assert "prices" in completed(f"lakebt rows --lake {tmp_path} pr")


def test_completion_makes_no_lake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert completed("lakebt study --release R1 --index ") == []
    assert completed(f"lakebt study --lake {tmp_path / 'a'} --release R --index ") == []

    assert list(tmp_path.iterdir()) == []


def test_no_server_is_asked_and_no_other_lake_is_taken_for_its_own(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        pytest.fail("a catalog was opened")

    monkeypatch.setenv("LAKEBT_LAKE", str(lake))
    monkeypatch.setattr("lakebt.lake.storage.catalog.open_catalog", never)
    monkeypatch.setattr(Lake, "open", never)

    for line in (
        "lakebt rows prices --catalog prod --release ",
        "lakebt diff --catalog prod prices ",
        "lakebt study --catalog prod --release SIM --index ",
    ):
        assert completed(line) == []
    assert completed("lakebt rows --catalog prod etf") == ["etf_holdings"]
    assert "SIM" in completed("lakebt rows prices --release ")


def test_a_lake_that_somebody_locks_is_not_waited_for(
    lake: Path, tmp_path: Path
) -> None:
    shutil.copytree(lake, tmp_path / "held")
    begin = time.monotonic()
    with contextlib.closing(sqlite3.connect(tmp_path / "held" / DATABASE)) as held:
        held.execute("begin exclusive")
        at = f"--lake {tmp_path / 'held'}"

        assert completed(f"lakebt rows prices {at} --release ") == []
        assert completed(f"lakebt study {at} --release SIM --index ") == []
    assert time.monotonic() - begin < 5


def test_a_lake_that_moved_is_completed_where_it_is(lake: Path, tmp_path: Path) -> None:
    shutil.copytree(lake, tmp_path / "moved")
    names = list(Lake.open(lake).releases()["name"])

    found = completed(f"lakebt rows prices --lake {tmp_path / 'moved'} --release ")

    assert found == names


SHELL = shutil.which("bash")
BASH = """
lakebt --install-completion >installed.txt 2>&1
source ~/.bashrc
complete -p lakebt
tried() {
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    _lakebt_completion lakebt 2>/dev/null
    echo "${COMPREPLY[@]}"
}
tried lakebt rows prices --release S
tried lakebt publish x = y --format index_changes = wiki
"""


@pytest.fixture
def typed(lake: Path, tmp_path: Path) -> dict[str, str]:
    """The environment of a shell that finds lakebt, at home in a folder of its own."""
    home = tmp_path / "a home"
    home.mkdir()
    script = tmp_path / "lakebt"
    script.write_text(
        f"#!{sys.executable}\nfrom lakebt.cli import main\nmain()\n", encoding="utf-8"
    )
    script.chmod(0o755)
    return {
        **{n: v for n, v in os.environ.items() if n != "ZDOTDIR"},
        "HOME": str(home),
        "TERM": "dumb",
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "LAKEBT_LAKE": str(lake),
    }


@pytest.mark.slow
@pytest.mark.skipif(SHELL is None, reason="there is no bash")
def test_bash_completes_once_it_is_installed(typed: dict[str, str]) -> None:
    home = Path(typed["HOME"])

    done = subprocess.run(
        [str(SHELL), "--norc", "-c", BASH],
        env=typed,
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "bash completion installed" in (home / "installed.txt").read_text()
    assert done.stdout.splitlines() == [
        "complete -o default -F _lakebt_completion lakebt",
        "SIM",
        "wikipedia",
    ], done.stderr


class Terminal:
    """An interactive shell, typed into and read from."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        pid, self.end = pty.fork()
        if not pid:
            os.chdir(environment["HOME"])
            os.execvpe(command[0], command, environment)  # noqa: S606 - a shell it is
        self.pid = pid

    def type(self, text: str, *, until: str) -> None:
        """Type, and wait until what is shown ends with a text; fail after 30 s."""
        os.write(self.end, text.encode())
        shown, last = "", time.monotonic() + 30
        while until not in re.sub(r"\x1b\[[?\w;]*[a-zA-Z]|\r", "", shown):
            left = last - time.monotonic()
            if left < 0 or not select.select([self.end], [], [], left)[0]:
                pytest.fail(f"{until!r} was not shown, but {shown!r}")
            shown += os.read(self.end, 4096).decode(errors="replace")


@pytest.fixture
def zsh(typed: dict[str, str]) -> Iterator[Terminal]:
    """Zsh, whose home has completion installed, in a terminal."""
    place = shells.place_of("zsh", home=Path(typed["HOME"]))
    assert place is not None
    shells.write("zsh", place)
    terminal = Terminal([program("zsh"), "-i"], {**typed, "PS1": "ready> "})
    yield terminal
    os.close(terminal.end)  # hangs up
    os.waitpid(terminal.pid, 0)


@pytest.mark.slow
def test_zsh_completes_at_the_first_key(zsh: Terminal) -> None:
    zsh.type("", until="ready> ")
    zsh.type("lakebt rows prices --release S\t", until="--release SIM ")
    # No blank after it, and then files.
    zsh.type("\x15lakebt publish etf\t", until="publish etf_holdings=")
    zsh.type("~/.zsh\t", until="~/.zshrc ")


def test_what_is_installed_is_installed_once_and_taken_out(
    typed: dict[str, str], monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    home = Path(typed["HOME"])
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("ZDOTDIR", raising=False)
    for shell, rc, line in (
        ("bash", ".bashrc", f"source '{home}/.bash_completions/lakebt.sh'"),
        ("zsh", ".zshrc", "autoload -Uz compinit; compinit  # lakebt"),
    ):
        monkeypatch.setattr(shells, "_shell", lambda shell=shell: shell)
        before = b"# mine, without an end \xff"
        (home / rc).write_bytes(before)

        said = run("--install-completion").output
        once = (home / rc).read_bytes()
        run("--install-completion")

        assert f"{shell} completion installed in {home}" in said
        assert (home / rc).read_bytes() == once
        assert once.startswith(before + b"\n")
        assert once.endswith(f"{line}\n".encode())
        assert run("--show-completion").output in shells.SCRIPTS[shell]
        assert "removed from" in run("--remove-completion").output
        assert (home / rc).read_bytes() == before + b"\n"
        assert "was not installed" in run("--remove-completion").output
        assert not [*home.glob(".*/*lakebt*")]
    # Another program's line is enough, and stays.
    line = "fpath+=~/.zfunc; autoload -Uz compinit; compinit\n"
    (home / ".zshrc").write_text(line, encoding="utf-8")
    run("--install-completion")
    run("--remove-completion")
    assert (home / ".zshrc").read_text(encoding="utf-8") == line
    monkeypatch.setattr(shells, "_shell", lambda: "pwsh")
    assert "by hand" in run("--remove-completion").output
    (home / ".zfunc").rmdir()
    (home / ".zfunc").write_text("a file", encoding="utf-8")
    monkeypatch.setattr(shells, "_shell", lambda: "zsh")
    failed = run("--install-completion")
    assert (failed.exit_code, "cannot be written: File" in failed.output) == (1, True)


def test_help_offers_it(run: Run) -> None:
    assert "--install-completion" in run("--help").output
