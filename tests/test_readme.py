"""What the README shows runs in one folder, from top to bottom."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lakebt.cli import app

pytestmark = [pytest.mark.slow, pytest.mark.lake]

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BLOCK = re.compile(r"^```(\w+) ?([\w.]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what a checkout has and the README names."""
    for name in ("data", "strategies"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.delenv("LAKEBT_LAKE", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_all_of_it_typed_from_top_to_bottom_works() -> None:
    """Its Python, its files, its commands; and what its Python prints stands there."""
    printed = ""
    commands = []
    for language, name, text in BLOCK.findall(README.read_text(encoding="utf-8")):
        if name:
            Path(name).write_text(text, encoding="utf-8")
        elif language == "python":
            heard = io.StringIO()
            with contextlib.redirect_stdout(heard):
                exec(compile(text, "README.md", "exec"), {})  # noqa: S102 - our own
            printed = heard.getvalue()
        elif language == "text":
            shown = [line.rstrip() for line in printed.splitlines()]
            assert shown == text.splitlines()
        else:
            assert language == "console"
            commands += [shlex.split(line, comments=True) for line in text.splitlines()]

    done = []
    for program, *words in commands:
        if program == "lakebt":
            result = CliRunner().invoke(app, words, catch_exceptions=False)
            assert result.exit_code == 0, (words, result.output)
            done.append(words[0])
    assert done == ["publish", "study", "backtest", "trials"]
    assert Path("report.html").is_file()


def test_what_starts_python_and_jupyter_is_what_make_leaves() -> None:
    text = README.read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    for target in re.findall(r"^make (\w+)", text, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    assert "VENV := .venv\n" in makefile
    assert ". .venv/bin/activate" in text
    (extra,) = re.findall(r"^pip install --editable '\.\[(\w+)\]'", text, re.MULTILINE)
    needed = " ".join(extras["optional-dependencies"][extra])
    assert {"jupyterlab", "ipykernel"} <= set(re.findall(r"\w+", needed))
