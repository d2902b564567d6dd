"""Each command's help ends with examples that the command takes."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest
from typer.main import get_command

from lakebt.cli import app
from lakebt.cli.examples import EXAMPLES

if TYPE_CHECKING:
    from tests.cli.conftest import Run

COMMANDS = getattr(get_command(app), "commands")  # noqa: B009 - typer's


def test_every_command_has_examples_and_no_other() -> None:
    assert EXAMPLES.keys() == COMMANDS.keys()
    assert all(EXAMPLES.values())


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_examples_are_shown_and_are_what_the_command_takes(name: str) -> None:
    command = COMMANDS[name]
    shown = command.epilog.replace("\\[", "[").split("\n\n")

    assert shown[0] in {"Example:", "Examples:"}
    assert tuple(shown[1:]) == EXAMPLES[name]
    for example in EXAMPLES[name]:
        program, called, *words = shlex.split(example)
        assert (program, called) == ("lakebt", name)
        with command.make_context(name, words) as context:  # as typed; nothing is run
            required = [each.name for each in command.params if each.required]
            assert all(context.params[each] for each in required)


@pytest.mark.parametrize("words", [["bakctest"], ["rows", "prices", "--relase", "R1"]])
def test_an_example_that_is_wrong_would_be_found(run: Run, words: list[str]) -> None:
    done = run(*words)

    assert done.exit_code == 2
    assert "No such" in done.output


def test_the_help_shows_them(run: Run) -> None:
    said = " ".join(run("rows", "--help").output.split())

    assert "Examples: lakebt rows prices --release R1 --where symbol=PENN" in said


@pytest.mark.slow
def test_no_help_has_what_is_for_programmers(run: Run) -> None:
    for name in EXAMPLES:
        said = run(name, "--help").output
        assert "-----" not in said, name
        assert "Raises" not in said, name
    assert "formats NAME." in run("fetch", "--help").output  # which has it below
