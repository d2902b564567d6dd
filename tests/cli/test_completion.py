"""A shell completes commands, options and the names in a lake."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from lakebt.cli import app, completion
from lakebt.lake.lake import Lake
from lakebt.lake.storage.directory import DATABASE
from lakebt.lake.tables.schemas import FROM_THE_START, LATER, LEDGER

if TYPE_CHECKING:
    from pathlib import Path

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
COMP_WORDS=(lakebt rows prices --release S) COMP_CWORD=4
_lakebt_completion lakebt
echo "${COMPREPLY[@]}"
"""


@pytest.mark.slow
@pytest.mark.skipif(SHELL is None, reason="there is no bash")
def test_bash_completes_once_it_is_installed(lake: Path, tmp_path: Path) -> None:
    script = tmp_path / "lakebt"
    script.write_text(
        f"#!{sys.executable}\nfrom lakebt.cli import main\nmain()\n", encoding="utf-8"
    )
    script.chmod(0o755)
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "LAKEBT_LAKE": str(lake),
    }

    done = subprocess.run(
        [str(SHELL), "--norc", "-c", BASH],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "bash completion installed" in (tmp_path / "installed.txt").read_text()
    assert done.stdout.splitlines() == [
        "complete -o default -F _lakebt_completion lakebt",
        "SIM",
    ], done.stderr


def test_help_offers_it(run: Run) -> None:
    assert "--install-completion" in run("--help").output
