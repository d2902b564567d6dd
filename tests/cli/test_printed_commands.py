"""What lakebt tells people to type works as it stands, in any folder."""

from __future__ import annotations

import ast
import functools
import html
import re
import shlex
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.main import get_command

import lakebt
from lakebt.cli import app
from lakebt.sources.formats import FORMATS
from lakebt.sources.simulated import simulated_market
from lakebt.values.command_lines import install_extra, located
from tests.lake.other_engines import foreign_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import Run

pytestmark = pytest.mark.lake

ROOT = Path(__file__).parents[2]
PLACE = "my data/lake"  # with a blank, as people have them
STRATEGY = """
import pandas as pd

class Steady:
    def __init__(self, weight=0.5):
        self.weight = weight
    def target_weights(self, view):
        return pd.Series({"MKT": self.weight})
"""


def typed(text: str) -> list[list[str]]:
    """Return the commands in a text, each without its first word."""
    found = re.findall(r"lakebt (?:reproduce|doctor|retain|releases|study) .*", text)
    parts = [re.split(r", or (?=lakebt )", line) for line in found]
    return [shlex.split(one)[1:] for line in parts for one in line]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lake in one folder, and somebody in another."""
    market = simulated_market(seed=3, n_events=4)
    place = tmp_path / PLACE
    place.parent.mkdir()
    lake = lakebt.Lake.open(place)
    lake.publish(market.tables, release="SIM", as_of=market.as_of)
    (tmp_path / "mine.py").write_text(STRATEGY)
    monkeypatch.delenv("LAKEBT_LAKE", raising=False)
    monkeypatch.chdir(tmp_path)
    return place


def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    monkeypatch.chdir(other)


def command_of(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    found = re.search(r'<code id="command">(.*?)</code>', text, re.DOTALL)
    assert found is not None
    return shlex.split(html.unescape(found[1]))[1:]


@pytest.mark.slow
@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("kind", ["study", "backtest"])
def test_the_commands_of_a_result_and_its_page_run_elsewhere(
    kind: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = ("--index", "SIM", "--entries", "AD+1@open", "--exits", "+1")
    window = ("mine.py:Steady", "--start", "2010-03-01", "--end", "2010-04-30")
    words = {"study": grid, "backtest": window}[kind]
    page = tmp_path / "page.html"
    lake = ("--lake", PLACE, "--release", "SIM")
    shown = run(kind, *words, *lake, "--report", page)
    assert shown.exit_code == 0, shown.output
    elsewhere(tmp_path, monkeypatch)

    (again,) = [line for line in typed(shown.stdout) if line[0] == "reproduce"]
    same = run(*again)
    of_page = run(*command_of(page))

    assert same.exit_code == 0, same.output
    assert of_page.exit_code == 0, of_page.output
    assert f"Result {again[3]}: " in of_page.stdout, "the same result and id"


def test_the_cures_of_the_doctor_run_elsewhere(
    place: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with foreign_table(place, "prices") as table:
        table.manage_snapshots().remove_tag("SIM").commit()
        table.append(table.scan(limit=1).to_arrow())
    ill = run("doctor", "--fast", "--lake", PLACE)
    elsewhere(tmp_path, monkeypatch)

    cures = typed(ill.stdout)
    assert [words[-2] for words in cures if "--restore" not in words]
    for words in cures:
        if "--adopt" not in words:
            assert run(*words).exit_code == 0, words
    assert run("doctor", "--fast", "--lake", place).exit_code == 0


def test_an_error_speaks_to_a_command_line(place: Path, run: Run) -> None:
    lakebt.Lake.open(place).drop("SIM", because="a test")
    grid = ("--index", "SIM", "--lake", PLACE)

    ended = run("study", "--release", "SIM", *grid)

    assert f"`lakebt releases --lake '{place}'` lists" in ended.stderr
    capped = ("--max-weight", "0.5")
    refused = run("study", "--release", "SIM", "--index", "SIM", *capped)
    assert "lake.releases()" not in ended.stderr
    assert refused.exit_code == 1


def test_a_command_that_names_its_lake_stays_as_it_is() -> None:
    text = "lakebt doctor --lake /a, or lakebt retain, in lakebt doctors"

    assert located(text, {"catalog": "prod"}) == (
        "lakebt doctor --lake /a, or lakebt retain --catalog prod, in lakebt doctors"
    )


def test_extras_are_installed_from_where_lakebt_is() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = install_extra("serve")

    assert "serve" in extras["optional-dependencies"]
    place, _, extra = shlex.split(text)[-1].partition("[")
    assert extra == "serve]" or text.startswith("pip install '.[serve]' in the folder")
    assert place == "source" or (Path(place) / "pyproject.toml").is_file()


@functools.cache
def texts() -> tuple[tuple[Path, str], ...]:
    """Every text of the package, and the file in which it stands."""
    return tuple(
        (file, node.value)
        for file in (ROOT / "lakebt").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


@pytest.mark.slow
def test_no_text_names_a_package_that_no_index_has() -> None:
    assert len(texts()) > 1_000
    for file, text in texts():
        assert "pip install 'lakebt" not in text, file


# --- what is written down -------------------------------------------------------------

DOCS = ROOT / "docs"
TEXTS = sorted({*DOCS.glob("*.md"), *DOCS.glob("reference/*.md"), ROOT / "README.md"})
COMMANDS = getattr(get_command(app), "commands")  # noqa: B009 - typer's
FENCED = re.compile(r"^```\w*.*?^```$", re.DOTALL | re.MULTILINE)
ON_A_LINE = re.compile(r"^(?:\$ )?lakebt ((?:.*\\\n)*.*)$", re.MULTILINE)
BETWEEN_TICKS = re.compile(r"`lakebt ([a-z][^`\n]*)`")


def written() -> Iterator[tuple[str, str]]:
    """Every command in a page or in a text of the package, and where it stands."""
    for page in TEXTS:
        text = page.read_text(encoding="utf-8")
        for block in FENCED.findall(text):
            for command in ON_A_LINE.findall(block):
                # Floors of the package are drawn alike, and so are rows of tables.
                if not re.match(r"\w*\s{2,}", command):
                    yield page.name, command
        for command in BETWEEN_TICKS.findall(FENCED.sub("", text)):
            yield page.name, command
    for file, text in texts():
        for command in BETWEEN_TICKS.findall(text):
            yield file.name, command


def wrong(command: str) -> str:
    """Say what no command takes, in a line that may hold words to fill in."""
    name, *words = shlex.split(command.replace("\\\n", " "), comments=True)
    if name not in COMMANDS:
        return f"no command {name}"
    taken = {option for one in COMMANDS[name].params for option in one.opts}
    taken |= {option for one in COMMANDS[name].params for option in one.secondary_opts}
    if name in {"publish", "fetch"}:  # they take the options of formats too
        taken |= {
            option.flag
            for source in FORMATS.values()
            for option in source.options(of_fetch=name == "fetch").values()
        }
    asked = {word.partition("=")[0] for word in words if word.startswith("--")}
    return ", ".join(sorted(asked - taken - {"--help"}))


@pytest.mark.slow
def test_what_is_written_of_commands_is_there() -> None:
    found = list(written())

    assert {(where, one, wrong(one)) for where, one in found if wrong(one)} == set()
    assert len({one.split()[0] for _, one in found}) == len(COMMANDS)
    assert wrong("study --hedge SPY --nothing") == "--nothing"
    assert wrong("nothing") == "no command nothing"
