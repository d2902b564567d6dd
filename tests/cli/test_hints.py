"""A command line is told of its options, not of the arguments of Python."""

from __future__ import annotations

import ast
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from lakebt.cli import app
from lakebt.cli.commands import Command, Commands
from lakebt.cli.hints import for_command_line, options_of
from lakebt.errors import LedgerWarning
from lakebt.sources.formats import FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import Run

pytestmark = pytest.mark.lake

PACKAGE = Path(__file__).parents[2] / "lakebt"

OPTIONS = {
    "--hedge": False,
    "--on-look-ahead": False,
    "--index": False,
    "--where": True,
    "--warn-on": True,
    "--max-weight": False,
    "--exits": False,
    "--gross": False,
    "--max-gross": False,
    "--known-at": False,
    "--release": False,
}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('pass hedge="SPY", or trade', "pass --hedge SPY, or trade"),
        ("pass on_look_ahead='mask'.", "pass --on-look-ahead mask."),
        ("pass index= (changes)", "pass --index (changes)"),
        ("`hedge=`", "`--hedge`"),
        (
            'where={"cause": ["a b", None]}; side="both"',
            "--where 'cause=a b' --where cause=; side=\"both\"",
        ),
        ('pass warn_on=["midnight"]', "pass --warn-on midnight"),
        ('warn_on=["a", "b"].', "--warn-on a --warn-on b."),
        ('exits=["+1", "1w"]', "--exits +1,1w"),
        ("max_weight=0.5.", "--max-weight 0.5."),
        ("max_weight must be", "--max-weight must be"),
        ("gross 40 is above max_gross 2", "--gross 40 is above --max-gross 2"),
        ("gross pay is no max_gross.csv", "gross pay is no max_gross.csv"),
        ("column 'max_gross'", "column 'max_gross'"),
        ("known_at precedes it", "known_at precedes it"),
        ("release X is later", "release X is later"),
        ("cause=discretionary", "cause=discretionary"),
        ("a cure, or pass record=False", "a cure"),
        ("a cure (audited=False)", "a cure"),
    ],
)
def test_an_argument_is_told_as_the_option_that_it_is(said: str, told: str) -> None:
    assert for_command_line(said, options=OPTIONS) == told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--max-weight", "0.5"), "pass --aggregate calendar too"),
        (("--max-gross", "-1"), "--max-gross must be a finite number > 0"),
        (("--gross", "40"), "--gross 40 is above --max-gross 2"),
        (("--capital-usd", "0"), "--capital-usd must be"),
        (("--min-lead", "10"), "--min-lead"),
        (("--half-spread-bps", "-1"), "--half-spread-bps must be"),
        (("--where", "symbol=NOBODY"), "widen --where, --period, --size or --side"),
        (("--on-look-ahead", "shrug"), "unknown --on-look-ahead 'shrug'"),
        (("--on-look-ahead", "raise"), "pass --on-look-ahead mask"),
    ],
)
def test_what_a_study_refuses_is_told_by_its_options(
    words: tuple[str, ...], told: str, lake: Path, run: Run
) -> None:
    grid = ("--entries", "AD@close", "--exits", "+1")
    where = ("--lake", lake, "--release", "SIM", "--index", "SIM")

    refused = run("study", *where, *grid, *words)

    assert refused.exit_code == 1
    assert told in refused.stderr
    assert not re.search(
        r"\b[a-z]+_[a-z_]+\b|\w=[\"\[{]", refused.stderr.split(": ", 1)[1]
    )


def test_what_was_not_recorded_is_one_line_of_its_options() -> None:
    commands = typer.Typer(cls=Commands)

    @commands.command(cls=Command)
    def first(*, hedge: str = "") -> None:  # noqa: ARG001 - an option
        warnings.warn('not\nrecorded: pass hedge="SPY"', LedgerWarning, stacklevel=1)

    @commands.command(cls=Command)
    def second() -> None:
        warnings.warn("of somebody else", UserWarning, stacklevel=1)

    assert first.__name__ != second.__name__
    told = CliRunner().invoke(commands, ["first"], catch_exceptions=False)
    assert told.stderr == "warning: not recorded: pass --hedge SPY\n"
    with pytest.raises(UserWarning, match="of somebody else"):
        CliRunner().invoke(commands, ["second"], catch_exceptions=False)


# --- every text of the package --------------------------------------------------------

IN_PYTHON = re.compile(
    r"(?<![\w-])[a-z_]+=(?:\"|'|\[|\{(?!\W)|(?=[\s,.;)]))|\blake\.\w+\("
)
"""How an error speaks to somebody who writes Python."""

NOT_FOR_COMMANDS = {
    "lake/lake.py": "the arguments of `Lake.open`, which commands check before",
    "lake/spark": "what Spark needs is set up in Python",
    "report": "pages, and what a notebook shows",
    "cli": "texts of commands, of their own",
    "sweep": "a file has the same names, with the same values",
    "lake/reading/panel_adjustment.py": "no command shows a panel",
    "lake/reading/known_release.py": "a command opens the view",
    "study/panel_data.py": "what a page says, where its panel would be",
    "analysis/library_formulas.py": "settings of other libraries",
    "analysis/sharpe_of_series.py": "no command takes returns",
    "analysis/sharpe_ways.py": "no command takes returns",
    "study/event_study.py": "no command makes an event study",
    "study/arguments.py": "a command names an index, and hands no changes over",
    "sources/simulated.py": "no command makes a market",
    "values/command_lines.py": "how a reader of code sees it",
}


def texts() -> Iterator[tuple[str, str]]:
    """Every text for commands that is no docstring, and where it stands."""
    for file in sorted(PACKAGE.rglob("*.py")):
        where = file.relative_to(PACKAGE).as_posix()
        if where.startswith(tuple(NOT_FOR_COMMANDS)):
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        nodes = list(ast.walk(tree))
        passed = {id(n.value) for n in nodes if isinstance(n, ast.Expr)}
        passed |= {
            id(part)
            for n in nodes
            if isinstance(n, ast.JoinedStr)
            for part in ast.walk(n)
            if part is not n
        }
        for node in nodes:
            if id(node) in passed:
                continue
            if isinstance(node, ast.JoinedStr):
                parts = [
                    str(part.value) if isinstance(part, ast.Constant) else "X"
                    for part in node.values
                ]
                yield f"{where}:{node.lineno}", "".join(parts)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield f"{where}:{node.lineno}", node.value


@pytest.mark.slow
def test_no_text_that_reaches_a_command_speaks_python() -> None:
    commands = getattr(get_command(app), "commands").values()  # noqa: B009 - typer's
    options = {k: v for one in commands for k, v in options_of(one).items()}
    options |= {
        each.flag: False
        for source in FORMATS.values()
        for of_fetch in (False, True)
        for each in source.options(of_fetch=of_fetch).values()
    }
    speaking = {}
    for where, text in texts():
        if " " not in text or "<" in text:
            continue
        told = for_command_line(text, options=options)
        if IN_PYTHON.search(told):
            speaking[where] = told

    assert speaking == {}
    assert IN_PYTHON.search('pass hedge="SPY"')
    assert IN_PYTHON.search("see lake.nothing()")
