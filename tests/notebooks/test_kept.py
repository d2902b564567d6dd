"""A reader of the repository sees what the notebooks show, and a page of them too."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import nbformat
import pytest

pytestmark = pytest.mark.lake

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(path.name for path in FOLDER.glob("*.ipynb"))

SHOWN = {"text/html", "text/plain", "image/svg+xml", "image/png", "text/markdown"}
"""What nbconvert's HTML, and sites that show repositories, make of an output."""

PLOTS = {"paths", "surface"}
"""The cells of the second notebook that draw."""

CHANGES = re.compile(
    rf"{tempfile.gettempdir()}/|{Path.home()}/|{FOLDER.parent}|\b0x[0-9a-f]{{6,}}"
    r"|\b20(?:2[4-9]|[3-9]\d)-\d\d"
)
"""Paths, addresses, and days on which somebody may have run it."""


def cells(name: str) -> list[Any]:
    notebook = nbformat.read(FOLDER / name, as_version=4)  # type: ignore[no-untyped-call]
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_cell_that_shows_something_keeps_it(name: str) -> None:
    for cell in cells(name):
        assert cell["outputs"], (
            f"run python notebooks/keep_outputs.py: {cell['source']}"
        )
        for output in cell["outputs"]:
            assert output.get("name", "stdout") == "stdout"
            assert set(output.get("data", {"text/plain": ""})) <= SHOWN
    assert "simulated market" in str(cells(name)[0]["outputs"])


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_nothing_is_kept_that_changes_from_run_to_run(name: str) -> None:
    for cell in cells(name):
        assert cell.get("execution_count") is None
        assert set(cell["metadata"]) == {"tags"}
        assert cell["id"].isdecimal()
        for output in cell["outputs"]:
            assert not output.get("metadata")
            assert "execution_count" not in output
            assert not CHANGES.search(str(output.get("data", output.get("text"))))


def test_plots_are_pictures_that_ask_for_nothing() -> None:
    drawn = {
        cell["metadata"]["tags"][0]: cell["outputs"] for cell in cells(NOTEBOOKS[1])
    }

    for tag in PLOTS:
        (output,) = drawn[tag]
        picture = output["data"]["image/svg+xml"]
        assert picture.startswith("<svg")
        assert "<script" not in picture
        assert re.findall(r"https?://[^\"]+", picture) == ["http://www.w3.org/2000/svg"]


def test_plots_survive_conversion_to_html() -> None:
    nbconvert = pytest.importorskip("nbconvert")

    page, _ = nbconvert.HTMLExporter().from_filename(str(FOLDER / NOTEBOOKS[1]))

    assert len(re.findall(r'<img[^>]*src="data:image/svg', page)) == len(PLOTS)
