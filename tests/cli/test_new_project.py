"""A new project is complete, and all that it prints works."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest

import lakebt
from lakebt.cli import project_files

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

LINE = re.compile(r"^\s*lakebt (.*)$", re.MULTILINE)


@pytest.mark.slow
@pytest.mark.lake
def test_what_a_new_project_says_to_type_works(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its folder, from the first line to the last, and then the notebook."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LAKEBT_LAKE", raising=False)
    made = run("new", "mine", "--seed", "3")
    assert made.exit_code == 0, made.output
    monkeypatch.chdir(tmp_path / "mine")
    monkeypatch.syspath_prepend(tmp_path / "mine")
    printed = LINE.findall(made.output)
    readme = (tmp_path / "mine" / "README.md").read_text(encoding="utf-8")

    assert printed == LINE.findall(readme)
    for line in printed:
        done = run(*shlex.split(line))
        assert done.exit_code == 0, f"{line}: {done.output}"
    assert (tmp_path / "mine" / "report.html").exists()
    releases = lakebt.Lake.open("lake").releases()
    assert releases["files"].iloc[0][0]["n_files"] > 20
    names: dict[str, Any] = {}
    text = (tmp_path / "mine" / "study.ipynb").read_text(encoding="utf-8")
    cells = json.loads(text)["cells"]
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)  # noqa: S102 - our own
    assert names["run"].name == "Momentum"
    assert names["result"].is_recorded


def test_a_folder_that_is_not_empty_is_left_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "note.txt").write_text("mine", encoding="utf-8")

    done = run("new", tmp_path / "here")

    assert done.exit_code == 1
    assert "is not empty: name another one" in " ".join(done.output.split())
    assert [each.name for each in (tmp_path / "here").iterdir()] == ["note.txt"]
    assert run("new", tmp_path / "here" / "note.txt").exit_code == 1


def test_an_empty_folder_is_filled_and_the_same_seed_gives_the_same_files(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    assert run("new", tmp_path / "one").exit_code == 0
    monkeypatch.chdir(tmp_path / "two")
    assert run("new", ".").exit_code == 0

    one, two = (
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in (tmp_path / name).rglob("*")
            if path.is_file() and path.name != "README.md"
        }
        for name in ("one", "two")
    )
    assert one == two
    assert {str(path) for path in one} >= {"strategy.py", "SWEEP.toml", "study.ipynb"}
    assert sorted(each.name for each in tmp_path.iterdir()) == ["one", "two"]


def test_the_notebook_is_one_as_jupyter_has_it() -> None:
    nbformat = pytest.importorskip("nbformat")

    text = project_files.notebook(start="2010-04-15", end="2011-03-31")

    nbformat.validate(nbformat.reads(text, as_version=4))
