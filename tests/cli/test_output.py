from __future__ import annotations

import datetime as dt
import io
import json

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.main import get_command
from typer.testing import CliRunner

from lakebt.cli import app, output
from lakebt.cli.output import print_frame, terminal
from lakebt.report import progress


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (float("nan"), None),
        (float("inf"), None),
        (np.float64("nan"), None),
        (pd.NaT, None),
        (pd.NA, None),
        (None, None),
        (np.int64(3), 3),
        (np.bool_(True), True),  # noqa: FBT003 - a value, not a switch
        (True, True),
        (0.25, 0.25),
        (pd.Timestamp("2022-09-06"), "2022-09-06"),
        (pd.Timestamp("2022-09-06T13:30Z"), "2022-09-06T13:30:00+00:00"),
        (dt.date(2022, 9, 6), "2022-09-06"),
        (["prices", np.nan], ["prices", None]),
        ({"a": pd.NaT}, {"a": None}),
        ("text", "text"),
    ],
)
def test_values_become_what_json_has(value: object, shown: object) -> None:
    assert output.plain(value) == shown


def test_rows_are_one_json_list(capsys: pytest.CaptureFixture[str]) -> None:
    frame = pd.DataFrame({"sharpe": [0.5, np.nan], "entry": ["AD+1@open", "ED@close"]})

    output.print_json(output.records(frame))

    assert json.loads(capsys.readouterr().out) == [
        {"sharpe": 0.5, "entry": "AD+1@open"},
        {"sharpe": None, "entry": "ED@close"},
    ]


def test_no_rows_are_an_empty_list(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json([])

    assert json.loads(capsys.readouterr().out) == []


def test_what_is_piped_has_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")

    assert output.terminal().width == 80


def on_a_screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Make stderr a terminal; what it shows is in the text returned."""
    monkeypatch.setenv("TERM", "xterm")  # whatever the tests are run in
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=100)
    monkeypatch.setattr(output, "terminal", lambda **_: console)
    return shown


def test_long_work_shows_a_bar_with_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = on_a_screen(monkeypatch)
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", 0.0)

    with output.progress("Backtesting", unit="events") as step:
        for done in range(40):
            step(done + 1, 40)

    assert "Backtesting" in shown.getvalue()
    assert "events/s" in shown.getvalue()


def test_short_work_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = on_a_screen(monkeypatch)

    with output.progress("Backtesting", unit="events") as step:
        step(1, 1)

    assert "Backtesting" not in shown.getvalue()


def test_a_pipe_sees_no_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", 0.0)

    with output.progress("Backtesting", unit="events") as step:
        step(1, 2)

    assert capsys.readouterr().err == ""


def test_a_bar_ends_when_the_work_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_screen(monkeypatch)
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", 0.0)

    with pytest.raises(KeyError), output.progress("Backtesting"):
        raise KeyError


def test_a_long_frame_shows_its_first_rows_and_says_so() -> None:
    shown = io.StringIO()
    frame = pd.DataFrame({"symbol": [f"S{number:02}" for number in range(50)]})

    output.print_frame(Console(file=shown, width=80), frame, title="added", at_most=3)

    assert "S02" in shown.getvalue()
    assert "S03" not in shown.getvalue()
    assert "47 more rows" in shown.getvalue()


@pytest.mark.parametrize(
    "text", ["us[small]", "[/]", "[bold]a[/bold]", ":x: it", "[[a]]"]
)
def test_a_text_is_printed_as_it_is(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    console = terminal()
    table = Table(title=text)
    table.add_column(text)
    table.add_row(text)

    console.print(text)
    console.print(text, style="bold")
    console.print(table)
    print_frame(console, pd.DataFrame({text: [text]}), title=text)

    assert capsys.readouterr().out.count(text) == 8


@pytest.mark.slow
def test_help_is_shown_as_it_is_written() -> None:
    for command in get_command(app).commands.values():  # type: ignore[attr-defined]
        texts = [command.help, *(param.help or "" for param in command.params)]
        written = [word for text in texts for word in text.replace("\\", "").split()]
        told = CliRunner().invoke(app, [command.name, "--help"]).stdout
        for word in written:
            if set("[]:") & set(word):
                assert word in told, command.name
        assert "default: ()" not in told, command.name


WILD = "a\x1b[2J\x1b]0;title\x07b\x9b31m\u202ec\rd[/]e[red]f:x:\n"


def test_a_terminal_shows_what_is_in_a_text_and_obeys_none_of_it() -> None:
    """The cursor, colours, titles and directions are the command's own."""
    console = terminal()
    console.file = io.StringIO()
    table = Table(title=WILD, caption=WILD)
    table.add_column(WILD)
    table.add_row(WILD)
    table.add_row(Text(WILD))
    frame = pd.DataFrame({WILD: [WILD]})

    console.print(WILD)
    console.print(table)
    print_frame(console, frame, title=WILD)

    said = console.file.getvalue()
    assert all(c == "\n" or c.isprintable() for c in said)
    assert r"\x1b[2J" in said
    assert "[/]e[red]f:x:" in said


def test_json_and_lines_on_stderr_are_safe_to_look_at(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output.print_json([{WILD: WILD}])
    output.say("error", WILD, colour="red")
    shown = capsys.readouterr()

    assert json.loads(shown.out) == [{WILD: WILD}]
    assert all(c == "\n" or c.isprintable() for c in shown.out + shown.err)
