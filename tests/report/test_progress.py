"""A bar is shown where a person looks, and only when the work takes long."""

from __future__ import annotations

import io
import sys
import time

import nbformat
import pytest
from nbclient import NotebookClient
from rich.console import Console

from lakebt.report import progress
from lakebt.report.progress import bar, progress_html, terminal_bar

CELL = """
import time
from lakebt.report import progress
progress.PATIENCE_SECONDS = {patience}
with progress.bar("Sweeping", unit="cells") as step:
    for done in range(1, 6):
        time.sleep(0.1)
        step(done, 5)
"""


@pytest.mark.slow
@pytest.mark.parametrize("patience", [0.0, 60.0])
def test_a_notebook_shows_one_bar_and_none_for_short_work(patience: float) -> None:
    cell = nbformat.v4.new_code_cell(CELL.format(patience=patience))  # type: ignore[no-untyped-call]
    notebook = nbformat.v4.new_notebook(cells=[cell])  # type: ignore[no-untyped-call]

    NotebookClient(notebook, timeout=60).execute()

    shown = [
        output["data"]["text/html"]
        for output in notebook.cells[0].outputs
        if output["output_type"] == "display_data"
    ]
    if patience:
        assert shown == []
        return
    (html,) = shown  # redrawn in place
    assert '<progress value="5" max="5">' in html
    assert "5 of 5 cells" in html


def test_a_terminal_shows_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setenv("TERM", "xterm")  # whatever the tests are run in
    told = io.StringIO()
    console = Console(file=told, force_terminal=True, width=100)

    with terminal_bar("Sweeping", unit="cells", console=console) as step:
        for done in range(1, 40):
            step(done, 80)
            if done % 10 == 0:
                time.sleep(0.1)

    assert "Sweeping" in told.getvalue()
    assert "cells/s" in told.getvalue()


def test_a_pipe_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with bar("Sweeping", unit="cells") as step:
        step(1, 2)

    assert capsys.readouterr().err == ""
    assert not sys.stderr.isatty()


def test_whoever_asks_to_be_told_is_told_and_nothing_is_shown() -> None:
    told: list[tuple[int, int]] = []

    with bar("Sweeping", unit="cells", notify=lambda *now: told.append(now)) as step:
        step(1, 2)
        step(2, 2)

    assert told == [(1, 2), (2, 2)]


def test_a_bar_without_work_is_drawn_too() -> None:
    assert progress_html("Sweeping", 0, 0, unit="cells", seconds=0.0) == (
        'Sweeping <progress value="0" max="1"></progress> 0 of 0 cells.'
    )
